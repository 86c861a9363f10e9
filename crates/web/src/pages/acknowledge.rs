//! The page that a notification links to. Whoever holds the link is the person it was sent to, for this one page.
//!
//! Mail scanners and previews fetch links, so fetching changes nothing: the button does, by a POST to the same
//! address. What it led to is seen by fetching the address again, as often as one likes.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use engine::World;
use facts::configuration::Target;
use facts::incidents::{DeclareReason, Severity};
use facts::oncall::{PageEnd, Via};
use kernel::{Actor, IncidentId, PageId, PersonId, ServiceId, Timestamp};
use oncall::{NextMove, Notification, Page, Status};
use serde::Deserialize;

use super::form::Filled;
use super::limits::LINES_MAX;
use super::shell::{Answer, Broken, Notice, html, see_other};
use super::words::{Clock, Precise};
use crate::answer::{Error, Result};
use crate::doors::Doorway;

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/ack/{token}", get(look).post(press))
}

async fn look(State(doorway): State<Doorway>, Path(token): Path<String>) -> Answer {
    let (page, person) = holder(&doorway, &token)?;
    show(&doorway, page, person, None).await
}

/// Which of the two buttons was pressed.
#[derive(Debug, Deserialize)]
struct Pressed {
    #[serde(default)]
    declare: Option<String>,
}

async fn press(
    State(doorway): State<Doorway>,
    Path(token): Path<String>,
    uri: Uri,
    Filled(pressed): Filled<Pressed>,
) -> Answer {
    let (page, person) = holder(&doorway, &token)?;
    let acknowledge = oncall::Command::AcknowledgePage { page, via: Via::Link };
    let acknowledged = doorway.submit(Actor::Person(person.clone()), acknowledge).await;
    let done = match acknowledged {
        Ok(_) if pressed.declare.is_some() => declare(&doorway, page, &person).await,
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Ok(see_other(uri.path())),
        Err(error) => show(&doorway, page, person, Some(Notice::new(error, None))).await,
    }
}

fn holder(doorway: &Doorway, token: &str) -> std::result::Result<(PageId, PersonId), Broken> {
    let found = doorway.ports.directory.acknowledge_link(token).map_err(Error::from)?;
    let missing = || {
        let sentence = "no page belongs to this link: it is cut off, or too old";
        let hint = "open the link of the newest message about the page, or sign in and acknowledge it there";
        Broken::from(Error::new(StatusCode::NOT_FOUND, "no_such_link", sentence).with_hint(hint))
    };
    found.ok_or_else(missing)
}

async fn declare(doorway: &Doorway, page: PageId, person: &PersonId) -> Result<()> {
    let leader = person.clone();
    let command = doorway.view(move |world| declaration(world, page, leader)).await?;
    let Some(command) = command else {
        let sentence = "the page concerns no service, so there is nothing to declare an incident of";
        return Err(Error::new(StatusCode::CONFLICT, "no_service", sentence));
    };
    doorway.submit(Actor::Person(person.clone()), command).await.map(|_| ())
}

/// The incident that a page is about, led by whoever declares it.
fn declaration(world: &World, page: PageId, leader: PersonId) -> Option<incidents::Command> {
    let found = world.oncall.page(page)?;
    Some(incidents::Command::DeclareIncident {
        service: found.service.clone()?,
        severity: Severity::Critical,
        title: found.title.clone(),
        began_at: found.group.and_then(|group| world.alerting.group_began_at(group)),
        reason: DeclareReason::FromPage(page),
        groups: found.group.into_iter().collect(),
        leader: Some(leader),
    })
}

async fn show(doorway: &Doorway, page: PageId, person: PersonId, notice: Option<Notice>) -> Answer {
    let found = doorway.view(move |world| AckView::of(world, page, &person)).await?;
    let missing = || {
        let sentence = format!("`{page}` is over for long, and only the journal remembers it");
        Error::new(StatusCode::NOT_FOUND, "no_such_page", sentence)
    };
    let view = found.ok_or_else(missing)?;
    let status = notice.as_ref().map_or(StatusCode::OK, |notice| notice.status);
    Ok(html(status, &AckPage { notice, view }))
}

#[derive(Template)]
#[template(path = "acknowledge.html", whitespace = "minimize")]
struct AckPage {
    notice: Option<Notice>,
    view: AckView,
}

/// A page as the person who holds its link sees it.
#[derive(Debug)]
struct AckView {
    id: PageId,
    person: PersonId,
    title: String,
    service: Option<ServiceId>,
    since: Clock,
    body: String,
    standing: Standing,
    told: Vec<Told>,
    /// Notifications that are left out.
    more_told: usize,
    incident: Option<OpenIncident>,
}

/// Where the page stands, for this person.
#[derive(Debug)]
enum Standing {
    /// Nobody has it; what happens next.
    Open(Option<NextStep>),
    Yours(Precise),
    Others {
        by: String,
        at: Precise,
    },
    Over {
        why: &'static str,
        at: Precise,
        acknowledged: Option<(String, Precise)>,
    },
}

/// What happens unless somebody acknowledges.
#[derive(Debug)]
struct NextStep {
    at: Precise,
    what: String,
}

/// Somebody who was notified.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) contact: String,
    pub(super) state: String,
    pub(super) at: Option<Precise>,
    /// What the provider answered.
    pub(super) detail: Option<String>,
}

/// The open incident of the page's service.
#[derive(Debug)]
struct OpenIncident {
    id: IncidentId,
    title: String,
    leader: Option<PersonId>,
    is_yours: bool,
}

impl AckView {
    fn of(world: &World, page: PageId, person: &PersonId) -> Option<Self> {
        match world.oncall.page(page) {
            Some(open) => Some(Self::open(world, open, person)),
            None => Self::over(world, page, person),
        }
    }

    fn open(world: &World, page: &Page, person: &PersonId) -> Self {
        let standing = match &page.acknowledged {
            None => Standing::Open(next_step(page)),
            Some(taken) if taken.by.person() == Some(person) => Standing::Yours(Precise(taken.at)),
            Some(taken) => Standing::Others { by: taken.by.to_string(), at: Precise(taken.at) },
        };
        let all: Vec<&Notification> = world.oncall.notifications_of(page).collect();
        let began_at = page.group.and_then(|group| world.alerting.group_began_at(group));
        Self {
            id: page.id,
            person: person.clone(),
            title: page.title.clone(),
            service: page.service.clone(),
            since: Clock(began_at.unwrap_or(page.opened_at)),
            body: page.body.trim_end().to_owned(),
            standing,
            told: all.iter().rev().take(LINES_MAX).map(|notification| told(notification)).collect(),
            more_told: all.len().saturating_sub(LINES_MAX),
            incident: page.service.as_ref().and_then(|service| open_incident(world, service, person)),
        }
    }

    fn over(world: &World, page: PageId, person: &PersonId) -> Option<Self> {
        let header = world.oncall.closed_page(page)?;
        let acknowledged =
            header.acknowledged.as_ref().map(|taken| (taken.by.to_string(), Precise(taken.at)));
        Some(Self {
            id: header.id,
            person: person.clone(),
            title: header.title.clone(),
            service: header.service.clone(),
            since: Clock(header.opened_at),
            body: String::new(),
            standing: Standing::Over {
                why: end(&header.reason),
                at: Precise(header.resolved_at),
                acknowledged,
            },
            told: Vec::new(),
            more_told: 0,
            incident: header.service.as_ref().and_then(|service| open_incident(world, service, person)),
        })
    }

    /// Whether the reader may declare an incident: the page has a service, which has none, and nobody else has it.
    fn may_declare(&self) -> bool {
        let at_hand = matches!(self.standing, Standing::Open(_) | Standing::Yours(_));
        at_hand && self.service.is_some() && self.incident.is_none()
    }
}

pub(super) fn end(reason: &PageEnd) -> &'static str {
    match reason {
        PageEnd::AlertsResolved => "its alerts resolved",
        PageEnd::Silenced => "its alerts are silenced",
        PageEnd::IncidentResolved => "its incident is resolved",
        PageEnd::ClosedByHand => "somebody closed it",
    }
}

fn open_incident(world: &World, service: &ServiceId, person: &PersonId) -> Option<OpenIncident> {
    let open = world.incidents.open_of(service)?;
    Some(OpenIncident {
        id: open.id,
        title: open.title.clone(),
        leader: open.leader.clone(),
        is_yours: open.leader.as_ref() == Some(person),
    })
}

fn next_step(page: &Page) -> Option<NextStep> {
    let (at, next): (Timestamp, NextMove) = page.next_move()?;
    let what = match next {
        NextMove::Step(position) => {
            let whom =
                page.step_at(position).map_or_else(|| "everybody".to_owned(), |step| targets(&step.notify));
            format!("it goes to step {} and notifies {whom}", position.step + 1)
        }
        NextMove::Exhausted => {
            "its policy ends; after a pause it starts again with the first step".to_owned()
        }
        NextMove::StartsAgain(_) => "it starts again with the first step of its policy".to_owned(),
    };
    Some(NextStep { at: Precise(at), what })
}

fn targets(targets: &[Target]) -> String {
    let one = |target: &Target| match target {
        Target::Rotation(rotation) => format!("whoever is on call in {rotation}"),
        Target::User(person) => person.to_string(),
        Target::Team(team) => format!("team {team}"),
        Target::Webhook(name) => format!("webhook {name}"),
    };
    targets.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A notification as people read it: to whom, how it fares, and what the provider said.
pub(super) fn told(notification: &Notification) -> Told {
    let trouble = notification.trouble.clone();
    let (state, at, detail) = match &notification.status {
        Status::InFlight { since, .. } => {
            (format!("on its way (attempt {})", notification.attempt), Some(*since), trouble)
        }
        Status::Waiting { retry_at } => ("failed; tried again".to_owned(), Some(*retry_at), trouble),
        Status::HandedOver { at, receipt } => ("handed over".to_owned(), Some(*at), Some(receipt.clone())),
        Status::Abandoned { at, .. } => ("not tried again".to_owned(), Some(*at), trouble),
    };
    Told { contact: notification.contact.to_string(), state, at: at.map(Precise), detail }
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, header};
    use facts::oncall::Via;
    use kernel::Span;

    use super::super::stage::{PAGE_BYTES_MAX, Stage};
    use super::*;

    const LINK: &str = "/ack/alice.page_1";

    fn taken(stage: &Stage) -> Option<oncall::Acknowledgement> {
        stage.world().oncall.page(PageId(1)).unwrap().acknowledged.clone()
    }

    #[tokio::test]
    async fn fetching_the_link_acknowledges_nothing_and_pressing_the_button_does() {
        let stage = Stage::new();
        stage.fire("too many errors");
        for method in [Method::GET, Method::HEAD, Method::GET] {
            let seen = stage.send(method, LINK, &[], "").await;
            assert_eq!((seen.status, seen.header(header::CACHE_CONTROL)), (StatusCode::OK, "no-store"));
        }
        assert_eq!(taken(&stage), None);
        let page = stage.get(LINK).await;
        page.shows("Nobody has acknowledged yet").shows("too many errors").shows("alice/email/1");
        page.shows("it goes to step 2 and notifies bob").shows("Acknowledge and declare an incident");
        page.shows("2026-11-20T09:25:00Z");

        let pressed = stage.post(LINK, &[]).await;
        assert_eq!((pressed.status, pressed.header(header::LOCATION)), (StatusCode::SEE_OTHER, LINK));
        let acknowledged = taken(&stage).unwrap();
        assert_eq!((acknowledged.by, acknowledged.via), (Actor::Person("alice".into()), Via::Link));
        assert!(stage.world().incidents.open().next().is_none(), "nobody asked for an incident");
        stage.get(LINK).await.shows("You acknowledged at").hides("Nobody has acknowledged yet");
    }

    #[tokio::test]
    async fn whoever_declares_from_the_page_leads_the_incident_of_its_alerts() {
        let stage = Stage::new();
        stage.fire("too many errors");
        let pressed = stage.post(LINK, &[("declare", "yes")]).await;
        assert_eq!(pressed.status, StatusCode::SEE_OTHER);
        let world = stage.world();
        let incident = world.incidents.open_of(&"shop".into()).unwrap();
        assert_eq!(incident.leader, Some("alice".into()));
        assert_eq!(incident.began_at, stage.now() - Span::from_mins(5), "when the alert began to fire");
        assert_eq!(incident.groups.len(), 1);
        let page = stage.get(LINK).await;
        page.shows("You lead inc_1").shows("href=\"/incidents/inc_1\"").hides("<button");
        stage.get("/ack/bob.page_1").await.shows("inc_1 is open").shows("alice leads.");
    }

    #[tokio::test]
    async fn a_second_incident_of_the_service_is_refused_and_the_page_is_acknowledged_all_the_same() {
        let stage = Stage::new();
        stage.fire("too many errors");
        stage.open_incident("Checkout fails", "We are looking.");
        stage.get("/ack/bob.page_1").await.shows("inc_1 is open").hides("declare an incident");
        let pressed = stage.post(LINK, &[("declare", "yes")]).await;
        assert_eq!(pressed.status, StatusCode::CONFLICT);
        pressed.shows("has an open incident").shows("You acknowledged at");
    }

    #[tokio::test]
    async fn a_page_that_another_took_says_who_and_when() {
        let stage = Stage::new();
        stage.fire("too many errors");
        stage.post(LINK, &[]).await;
        let page = stage.get("/ack/bob.page_1").await;
        page.shows("alice acknowledged at").shows("2026-11-20T09:30:00Z").hides("<button");
        stage.post("/ack/bob.page_1", &[]).await;
        assert_eq!(taken(&stage).unwrap().by, Actor::Person("alice".into()), "the first one keeps it");
    }

    #[tokio::test]
    async fn a_page_that_is_over_says_so() {
        let stage = Stage::new();
        stage.fire("too many errors");
        stage.clear("too many errors");
        stage.get(LINK).await.shows("Over: its alerts resolved").hides("<button");
        let pressed = stage.post(LINK, &[("declare", "yes")]).await;
        assert_eq!(pressed.status, StatusCode::CONFLICT);
        pressed.shows("Over: its alerts resolved");
        assert!(stage.world().incidents.open().next().is_none());
    }

    #[tokio::test]
    async fn a_link_that_nobody_was_sent_says_what_to_do() {
        let stage = Stage::new();
        stage.fire("too many errors");
        for token in ["guessed", "alice.page_99"] {
            let path = format!("/ack/{token}");
            assert_eq!(stage.get(&path).await.status, StatusCode::NOT_FOUND);
            let pressed = stage.post(&path, &[]).await;
            assert_eq!(pressed.status, StatusCode::NOT_FOUND, "{token}");
        }
        stage.get("/ack/guessed").await.shows("the newest message about the page");
        assert_eq!(taken(&stage), None);
    }

    #[tokio::test]
    async fn the_page_is_light_and_what_an_alert_says_is_only_text() {
        let stage = Stage::new();
        stage.fire("<script>alert(1)</script> \"quoted\" & more");
        let page = stage.get(LINK).await;
        page.hides("<script").shows("&#60;script&#62;");
        assert!(page.body.len() < PAGE_BYTES_MAX, "{} bytes", page.body.len());
        assert!(page.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"));
        assert!(!page.header(header::CONTENT_SECURITY_POLICY).contains("script-src"));
    }
}
