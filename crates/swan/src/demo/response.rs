//! What people do in the story. They see what anybody sees (their mail, Swan's pages) and act by what anybody can
//! use: the link in the mail, the sign-in page, the API with the session that it opens.
//!
//! Ana sleeps. Bo opens his mail, looks, acknowledges and declares, and leads until a review is drafted. Somebody who
//! watches may do any of it first, with Ana's link or Bo's or signed in; then they are left the time to go on, and once
//! they leave something undone, the story goes on here, in the name of whoever has the page.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use egress::Method;
use kernel::{Span, WhyId};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::inbox::{Inbox, Mail};
use super::limits::{LOOK_EVERY, PATIENCE_WITH_WATCHER, TRIES_MAX};
use super::peer::{Peer, PeerFault, Sent};
use super::people::Player;
use super::sight::{CHECKOUT, Sight};
use crate::clock::{Clock, WallClock};

/// Something that somebody does, in the order in which it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    OpenMail,
    Acknowledge,
    Declare,
    JoinRecovery,
    TellCustomers,
    RollBack,
    WriteNote,
    TellRecovery,
    Resolve,
    Attribute,
    AskWhy,
    AddAction,
}

impl Act {
    /// How long it takes somebody in the story to do it.
    fn takes(self) -> Duration {
        Duration::from_secs(match self {
            Self::OpenMail => 2,
            Self::Acknowledge | Self::TellCustomers | Self::RollBack => 3,
            Self::Declare | Self::Resolve => 3,
            Self::JoinRecovery | Self::WriteNote | Self::Attribute => 2,
            Self::TellRecovery | Self::AskWhy | Self::AddAction => 2,
        })
    }
}

/// What is needed next, by what can be seen; `None` while there is nothing but to wait. Acts in `past` are not
/// needed again.
fn needed(sight: &Sight, bo_has_mail: bool, past: &BTreeSet<Act>) -> Option<Act> {
    let Some(page) = &sight.page else { return None };
    let first = |acts: &[(Act, bool)]| {
        acts.iter().find(|(act, is_needed)| *is_needed && !past.contains(act)).map(|(act, _)| *act)
    };
    if page.acknowledged_by.is_none() {
        let open = bo_has_mail && !page.is_over();
        return first(&[(Act::OpenMail, open), (Act::Acknowledge, open)]);
    }
    let Some(incident) = &sight.incident else { return first(&[(Act::Declare, true)]) };
    if !incident.is_resolved() {
        let works = !sight.is_bad && !sight.checkout_is_down();
        return first(&[
            (Act::JoinRecovery, incident.recovery.is_empty()),
            (Act::TellCustomers, sight.public.is_none()),
            (Act::RollBack, sight.is_bad),
            (Act::WriteNote, !sight.is_bad),
            (Act::TellRecovery, works && incident.phase != "monitoring"),
            (Act::Resolve, works && page.is_over()),
        ]);
    }
    let review = sight.post_mortem.as_ref();
    first(&[
        (Act::Attribute, sight.unattributed().is_some()),
        (Act::AskWhy, review.is_some_and(|review| review.whys.is_empty())),
        (Act::AddAction, review.is_some_and(|review| review.actions.is_empty())),
    ])
}

/// The people of the story.
pub(super) struct Response {
    swan: Peer,
    shop: Peer,
    sight: watch::Receiver<Sight>,
    inbox: Inbox,
    sessions: BTreeMap<&'static str, String>,
    past: BTreeSet<Act>,
    tries: u32,
    /// Whether the story's people go on without waiting for whoever watches.
    is_in_hand: bool,
}

impl Response {
    pub(super) fn new(swan: Peer, shop: Peer, sight: watch::Receiver<Sight>, inbox: Inbox) -> Self {
        let (sessions, past) = (BTreeMap::new(), BTreeSet::new());
        Self { swan, shop, sight, inbox, sessions, past, tries: 0, is_in_hand: false }
    }

    /// Acts until the task is dropped.
    pub(super) async fn play(mut self) {
        let mut rhythm = interval(LOOK_EVERY);
        rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting: Option<(Act, Instant)> = None;
        loop {
            rhythm.tick().await;
            let sight = self.sight.borrow().clone();
            let Some(act) = needed(&sight, self.mail_to_bo().is_some(), &self.past) else {
                waiting = None;
                continue;
            };
            let since = match waiting {
                Some((same, since)) if same == act => since,
                _ => Instant::now(),
            };
            waiting = Some((act, since));
            if since.elapsed() >= self.patience(&sight, act) {
                Box::pin(self.attempt(&sight, act)).await;
                waiting = None;
            }
        }
    }

    fn patience(&self, sight: &Sight, act: Act) -> Duration {
        let taken = sight.page.as_ref().is_some_and(|page| page.acknowledged_by.is_some());
        if taken && !self.is_in_hand { PATIENCE_WITH_WATCHER } else { act.takes() }
    }

    async fn attempt(&mut self, sight: &Sight, act: Act) {
        match self.act(sight, act).await {
            Ok(()) => {
                self.tries = 0;
                self.is_in_hand |= act != Act::OpenMail;
                // There may be more outages than one, and each has its cause.
                if act != Act::Attribute {
                    self.past.insert(act);
                }
            }
            Err(fault) => {
                self.tries += 1;
                tracing::warn!(fault = crate::failure::in_full(&fault), ?act, "an act of the story failed");
                if self.tries >= TRIES_MAX {
                    self.tries = 0;
                    self.past.insert(act);
                }
            }
        }
    }

    async fn act(&mut self, sight: &Sight, act: Act) -> Result<(), PeerFault> {
        match act {
            Act::OpenMail => self.open_mail().await,
            Act::Acknowledge => self.acknowledge().await,
            Act::Declare => self.declare(sight).await,
            Act::JoinRecovery => {
                let body = json!({ "person": self.actor(sight).id() });
                self.on_incident(sight, "teams/recovery", body).await
            }
            Act::TellCustomers => {
                let text = "Some payments fail. Your cart is kept; we are on it.";
                let body = json!({ "text": text, "phase": "identified", "audience": "public" });
                self.on_incident(sight, "updates", body).await
            }
            Act::RollBack => self.shop.submit("/shop/rollback", &[]).await.map(drop),
            Act::WriteNote => {
                let text = "Version 42 went out just before the first failures. Rolled it back to 41.";
                self.on_incident(sight, "notes", json!({ "text": text })).await
            }
            Act::TellRecovery => {
                let text = "Payments work again. We keep watching.";
                let body = json!({ "text": text, "phase": "monitoring", "audience": "public" });
                self.on_incident(sight, "updates", body).await
            }
            Act::Resolve => {
                let text = "A faulty version of the checkout was rolled back; payments work as usual.";
                self.on_incident(sight, "resolve", json!({ "text": text })).await
            }
            Act::Attribute => self.attribute(sight).await,
            Act::AskWhy => self.ask_why(sight).await,
            Act::AddAction => self.add_action(sight).await,
        }
    }

    /// Bo opens the link: whoever fetches it changes nothing.
    async fn open_mail(&self) -> Result<(), PeerFault> {
        match self.mail_to_bo().as_ref().and_then(Mail::acknowledge_link).and_then(path_of) {
            Some(path) => self.swan.visit(path).await,
            None => Ok(()),
        }
    }

    /// Bo presses the button that acknowledges and declares.
    async fn acknowledge(&mut self) -> Result<(), PeerFault> {
        if let Some(path) = self.mail_to_bo().as_ref().and_then(Mail::acknowledge_link).and_then(path_of) {
            self.swan.submit(path, &[("declare", "1")]).await?;
        }
        Ok(())
    }

    async fn declare(&mut self, sight: &Sight) -> Result<(), PeerFault> {
        let Some(page) = &sight.page else { return Ok(()) };
        let actor = self.actor(sight);
        let body = json!({
            "service": CHECKOUT,
            "title": page.title,
            "severity": "critical",
            "leader": actor.id(),
            "began_at": page.opened_at,
            "page": page.id,
        });
        self.post_as(actor, "/v1/incidents", body).await
    }

    async fn attribute(&mut self, sight: &Sight) -> Result<(), PeerFault> {
        let Some(outage) = sight.unattributed() else { return Ok(()) };
        let incident = sight.incident.as_ref().map(|incident| incident.id);
        let note = "version 42 timed out on payments";
        let body = json!({ "cause": "deploy", "note": note, "incident": incident });
        self.post_as(self.actor(sight), &format!("/v1/outages/{}/attribution", outage.id), body).await
    }

    async fn ask_why(&mut self, sight: &Sight) -> Result<(), PeerFault> {
        let text = "Version 42 waits 100 ms for the payment provider, which takes 300 ms";
        self.on_review(sight, "whys", json!({ "text": text })).await
    }

    async fn add_action(&mut self, sight: &Sight) -> Result<(), PeerFault> {
        let leaf: Option<WhyId> =
            sight.post_mortem.as_ref().and_then(|review| review.whys.keys().next_back().copied());
        let body = json!({
            "why": leaf,
            "title": "Test the checkout against a payment provider as slow as ours",
            "priority": "high",
            "owner": self.actor(sight).id(),
            "due": WallClock.now() + Span::from_days(7),
        });
        self.on_review(sight, "actions", body).await
    }

    async fn on_incident(
        &mut self,
        sight: &Sight,
        what: &str,
        body: serde_json::Value,
    ) -> Result<(), PeerFault> {
        let Some(incident) = &sight.incident else { return Ok(()) };
        self.post_as(self.actor(sight), &format!("/v1/incidents/{}/{what}", incident.id), body).await
    }

    async fn on_review(
        &mut self,
        sight: &Sight,
        what: &str,
        body: serde_json::Value,
    ) -> Result<(), PeerFault> {
        let Some(review) = &sight.post_mortem else { return Ok(()) };
        self.post_as(self.actor(sight), &format!("/v1/post-mortems/{}/{what}", review.id), body).await
    }

    /// Whoever has the page, else Bo.
    fn actor(&self, sight: &Sight) -> Player {
        let by = sight.page.as_ref().and_then(|page| page.acknowledged_by.as_deref());
        by.and_then(Player::by_id).unwrap_or(Player::Bo)
    }

    async fn post_as(
        &mut self,
        player: Player,
        path: &str,
        body: serde_json::Value,
    ) -> Result<(), PeerFault> {
        if !self.sessions.contains_key(player.id()) {
            let session = self.sign_in(player).await?;
            self.sessions.insert(player.id(), session);
        }
        let session = self.sessions.get(player.id()).map(String::as_str);
        self.swan.post(path, session, &body).await
    }

    /// The cookie of a session, opened by the sign-in page.
    async fn sign_in(&self, player: Player) -> Result<String, PeerFault> {
        let fields = [("person", player.id()), ("password", player.password())];
        let answered = self.swan.submit("/signin", &fields).await?;
        let cookie = answered.headers.get(egress::header::SET_COOKIE).and_then(|value| value.to_str().ok());
        let pair = cookie.and_then(|cookie| cookie.split(';').next());
        pair.map(str::to_owned).ok_or_else(|| PeerFault::Refused {
            url: self.swan.url("/signin"),
            status: answered.status,
            sentence: "the sign-in opened no session".to_owned(),
        })
    }

    fn mail_to_bo(&self) -> Option<Mail> {
        let mails = self.inbox.newest_first().into_iter();
        mails.filter(|mail| mail.is_to(Player::Bo.id())).find(|mail| mail.acknowledge_link().is_some())
    }
}

/// The path of a link into Swan.
fn path_of(link: &str) -> Option<&str> {
    let rest = link.split_once("://")?.1;
    rest.find('/').map(|slash| &rest[slash..])
}

/// The deploy that starts it: somebody at the shop ships version 42.
pub(super) async fn deploy(shop: &Peer) -> Result<(), PeerFault> {
    let answered = shop.exchange(Method::POST, "/shop/deploy", Sent::default()).await?;
    tracing::debug!(status = answered.status, "version 42 is deployed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(page: &str, incident: Option<&str>) -> Sight {
        let page = serde_json::from_str(page).unwrap();
        let incident = incident.map(|text| serde_json::from_str(text).unwrap());
        Sight { page: Some(page), incident, is_bad: true, ..Sight::default() }
    }

    fn page(state: &str, by: &str) -> String {
        let by = if by.is_empty() { "null".to_owned() } else { format!("\"{by}\"") };
        format!(
            r#"{{"id":"page_1","title":"CheckoutFails","service":"checkout","opened_at":"2026-11-20T09:30:00Z",
                "state":"{state}","acknowledged_by":{by},"next":null,"responders":["ana"]}}"#
        )
    }

    fn incident(phase: &str, recovery: &str) -> String {
        format!(
            r#"{{"id":"inc_1","service":"checkout","phase":"{phase}","declared_at":"2026-11-20T09:31:00Z",
                "leader":"bo","recovery":[{recovery}]}}"#
        )
    }

    #[test]
    fn bo_does_nothing_before_his_mail_and_nothing_that_somebody_did() {
        let none = BTreeSet::new();
        assert_eq!(needed(&Sight::default(), true, &none), None);
        assert_eq!(needed(&sight(&page("walking", ""), None), false, &none), None);
        assert_eq!(needed(&sight(&page("walking", ""), None), true, &none), Some(Act::OpenMail));
        let opened = BTreeSet::from([Act::OpenMail]);
        assert_eq!(needed(&sight(&page("walking", ""), None), true, &opened), Some(Act::Acknowledge));
        assert_eq!(needed(&sight(&page("over", ""), None), true, &none), None);
        assert_eq!(needed(&sight(&page("acknowledged", "ana"), None), true, &none), Some(Act::Declare));
        let declared = sight(&page("acknowledged", "ana"), Some(&incident("investigating", "")));
        assert_eq!(needed(&declared, true, &none), Some(Act::JoinRecovery));
        let joined = sight(&page("acknowledged", "ana"), Some(&incident("investigating", "\"ana\"")));
        assert_eq!(needed(&joined, true, &none), Some(Act::TellCustomers));
    }

    #[test]
    fn an_incident_is_resolved_only_once_its_page_is_over_and_the_service_works() {
        let past = BTreeSet::from([Act::TellCustomers, Act::WriteNote]);
        let mut sight = sight(&page("acknowledged", "bo"), Some(&incident("monitoring", "\"bo\"")));
        assert_eq!(needed(&sight, true, &past), Some(Act::RollBack));
        sight.is_bad = false;
        assert_eq!(needed(&sight, true, &past), None, "its alerts still fire");
        sight.page = Some(serde_json::from_str(&page("over", "bo")).unwrap());
        assert_eq!(needed(&sight, true, &past), Some(Act::Resolve));
    }

    #[test]
    fn a_link_leads_to_its_path() {
        assert_eq!(path_of("http://127.0.0.1:7926/ack/abc"), Some("/ack/abc"));
        assert_eq!(path_of("nonsense"), None);
    }
}
