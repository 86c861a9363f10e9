//! From a place in a policy to the next step that has somebody.

use std::collections::BTreeSet;

use facts::OncallFact;
use facts::configuration::{ContactRef, Target};
use facts::oncall::{Because, Purpose, Responder, StepReason};
use kernel::{NotificationId, PersonId, Timestamp};

use crate::limits::{DETAIL_BYTES_MAX, NOTIFICATIONS_PER_STEP_MAX};
use crate::words::{self, shortened};
use crate::{Page, Position, State, calendar};

/// Where an open page goes when its present step is over; `None` at the end of its policy and while it rests.
pub(super) fn next_step(page: &Page) -> Option<Position> {
    match page.position {
        Some(position) if page.exhausted_at.is_none() => page.after(position),
        Some(_) => None,
        None => Some(page.start_again()),
    }
}

/// A page on its way to the next step that has somebody, and the facts that this leads to.
pub(super) struct Walk<'a> {
    state: &'a State,
    now: Timestamp,
    page: &'a Page,
    facts: Vec<OncallFact>,
    last_notification: u64,
}

/// Whom a step reaches at this moment.
#[derive(Default)]
struct Reached {
    responders: Vec<Responder>,
    /// With the place in `responders`; `None` for a webhook.
    contacts: Vec<(Option<usize>, ContactRef)>,
    missing: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(state: &'a State, now: Timestamp, page: &'a Page) -> Self {
        Self { state, now, page, facts: Vec::new(), last_notification: state.last_notification }
    }

    /// Goes to the first step from `from` on that has somebody; `None` stands for the end of the policy. Where no
    /// step at all has anybody, or nobody was handed anything in the whole policy, everybody is notified.
    pub(super) fn go(mut self, from: Option<Position>, mut reason: StepReason) -> Vec<OncallFact> {
        let (mut to, mut round, mut looked_at) = (from, None, 0);
        while let Some(position) = to.filter(|_| looked_at < self.page.steps().len()) {
            let reached = self.reach(position);
            if !reached.responders.is_empty() {
                self.start_step(position, reached, reason);
                return self.facts;
            }
            self.skip_step(position, reached);
            reason = StepReason::NobodyOnCall;
            round = Some(position.round);
            looked_at += 1;
            to = self.page.after(position);
        }
        if let Some(reason) = self.last_resort(from) {
            let round = round.or(from.or(self.page.position).map(|place| place.round)).unwrap_or(0);
            let position = self.page.last_resort(round);
            let everybody = self.reach_everybody();
            if !everybody.responders.is_empty() {
                self.start_step(position, everybody, reason);
                return self.facts;
            }
            self.skip_step(position, everybody);
        }
        self.facts.push(OncallFact::PageExhausted { page: self.page.id });
        self.facts
    }

    /// Why everybody is to be notified, if it has come to that.
    fn last_resort(&self, from: Option<Position>) -> Option<StepReason> {
        let was_there = self.page.position.is_some_and(|here| self.page.step_at(here).is_none());
        if from.is_none() && was_there {
            return None;
        }
        let steps = 0..u32::try_from(self.page.steps().len()).unwrap_or(u32::MAX);
        let mut places = steps.map(|step| Position { round: 0, step });
        if places.all(|place| self.reach(place).responders.is_empty()) {
            return Some(StepReason::NobodyOnCall);
        }
        (!self.page.reached_somebody).then_some(StepReason::NobodyReachable)
    }

    fn start_step(&mut self, position: Position, reached: Reached, reason: StepReason) {
        let last_of_all = self.page.after(position).is_none();
        self.facts.push(OncallFact::StepStarted {
            page: self.page.id,
            round: position.round,
            step: position.step,
            responders: reached.responders.clone(),
            reason: reason.clone(),
            until: (!last_of_all).then(|| self.now + self.page.wait_at(position)),
        });
        self.notify(position, &reached, &reason);
    }

    fn skip_step(&mut self, position: Position, mut reached: Reached) {
        if reached.missing.is_empty() {
            reached.missing.push("it names nobody who can answer".to_owned());
        }
        self.facts.push(OncallFact::StepSkipped {
            page: self.page.id,
            round: position.round,
            step: position.step,
            detail: shortened(&reached.missing.join("; "), DETAIL_BYTES_MAX),
        });
        self.notify(position, &reached, &StepReason::NobodyOnCall);
    }

    fn notify(&mut self, position: Position, reached: &Reached, reason: &StepReason) {
        let page = self.page;
        for (place, contact) in reached.contacts.iter().take(NOTIFICATIONS_PER_STEP_MAX) {
            let responder = place.and_then(|place| reached.responders.get(place));
            self.last_notification = self.last_notification.saturating_add(1);
            self.facts.push(OncallFact::NotificationIntended {
                notification: NotificationId(self.last_notification),
                purpose: Purpose::Page { page: page.id, round: position.round, step: position.step },
                person: responder.map(|responder| responder.person.clone()),
                contact: contact.id.clone(),
                channel: contact.channel,
                idempotency_key: format!("{}/{}/{}/{}", page.id, position.round, position.step, contact.id),
                subject: words::subject(page),
                body: words::body(page, position, reason, responder.map(|responder| &responder.because)),
            });
        }
    }

    fn reach(&self, position: Position) -> Reached {
        let mut reached = Reached::default();
        for target in self.page.step_at(position).map_or(&[][..], |step| &step.notify) {
            self.reach_target(target, &mut reached);
        }
        reached.each_contact_once();
        reached
    }

    fn reach_target(&self, target: &Target, reached: &mut Reached) {
        let state = self.state;
        match target {
            Target::Rotation(id) => {
                let Some(rotation) = state.rotations.get(id) else {
                    reached.missing.push(format!("rotation `{id}` is not configured"));
                    return;
                };
                match calendar::on_call(id, rotation, &state.overrides_of(id), self.now) {
                    Some(responder) => self.reach_person(responder, reached),
                    None => reached.missing.push(format!("nobody is on call in rotation `{id}`")),
                }
            }
            Target::User(person) => {
                self.reach_person(Responder { person: person.clone(), because: Because::Named }, reached);
            }
            Target::Team(id) => match state.teams.get(id) {
                Some(members) if !members.is_empty() => {
                    for person in members {
                        let because = Because::Team(id.clone());
                        self.reach_person(Responder { person: person.clone(), because }, reached);
                    }
                }
                Some(_) => reached.missing.push(format!("team `{id}` has no members")),
                None => reached.missing.push(format!("team `{id}` is not configured")),
            },
            Target::Webhook(name) => match state.webhooks.get(name) {
                Some(contact) => reached.contacts.push((None, contact.clone())),
                None => reached.missing.push(format!("webhook `{name}` is not configured")),
            },
        }
    }

    fn reach_person(&self, responder: Responder, reached: &mut Reached) {
        let person: &PersonId = &responder.person;
        if reached.responders.iter().any(|known| known.person == *person) {
            return;
        }
        match self.state.people.get(person).map(Vec::as_slice) {
            None => reached.missing.push(format!("person `{person}` is not configured")),
            Some([]) => reached.missing.push(format!("person `{person}` has no contact")),
            Some(contacts) => {
                let place = Some(reached.responders.len());
                reached.contacts.extend(contacts.iter().map(|contact| (place, contact.clone())));
                reached.responders.push(responder);
            }
        }
    }

    fn reach_everybody(&self) -> Reached {
        let mut reached = Reached::default();
        for person in self.state.people.keys() {
            self.reach_person(Responder { person: person.clone(), because: Because::Named }, &mut reached);
        }
        if reached.responders.is_empty() {
            reached.missing = vec!["nobody in the configuration has a contact".to_owned()];
        }
        reached.each_contact_once();
        reached
    }
}

impl Reached {
    fn each_contact_once(&mut self) {
        let mut seen = BTreeSet::new();
        self.contacts.retain(|(_, contact)| seen.insert(contact.id.clone()));
    }
}
