use std::collections::BTreeSet;

use facts::oncall::{OncallFact, PageEnd};
use facts::{Entry, Fact};
use kernel::{NotificationId, OverrideId, PageId, Timestamp};

use crate::calendar::Override;
use crate::limits::{EXHAUSTED_PAGE_PAUSE, OVERRIDE_KEPT_AFTER_END};
use crate::{Acknowledgement, Header, Notification, Page, Position, State, Status, Step};

/// Folds one entry into the state. Total: a fact about what is not in memory changes nothing.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => state.take_configuration(&applied.configuration),
        Fact::Oncall(fact) => oncall_fact(state, entry, fact),
        _ => {}
    }
}

fn oncall_fact(state: &mut State, entry: &Entry, fact: &OncallFact) {
    use OncallFact as F;
    match fact {
        F::PageOpened { .. } => page_opened(state, entry.at, fact),
        F::StepStarted { .. } => step_started(state, entry.at, fact),
        F::StepSkipped { page, round, step, .. } => state.change_page(*page, |open| {
            open.position = Some(Position { round: *round, step: *step });
            open.exhausted_at = None;
        }),
        F::PageExhausted { page } => state.change_page(*page, |open| {
            open.exhausted_at = Some(entry.at);
            open.reached_somebody = false;
            open.deadline = open.acknowledged.is_none().then_some(entry.at + EXHAUSTED_PAGE_PAUSE);
        }),
        F::PageAcknowledged { page, via } => state.change_page(*page, |open| {
            open.acknowledged = Some(Acknowledgement { by: entry.actor.clone(), at: entry.at, via: *via });
            open.deadline = None;
        }),
        F::PageEscalated { page, .. } => state.change_page(*page, |open| {
            open.acknowledged = None;
            open.deadline = Some(entry.at);
        }),
        F::PageResolved { page, reason } => page_resolved(state, entry.at, *page, reason),
        F::NotificationIntended { .. } => notification_intended(state, entry, fact),
        F::OverrideAdded { .. } => override_added(state, entry.at, fact),
        F::OverrideRemoved { id } => override_removed(state, *id),
        F::NotificationHandedOver { notification, .. }
        | F::NotificationRefused { notification, .. }
        | F::NotificationOutcomeUnknown { notification, .. }
        | F::NotificationRetried { notification, .. }
        | F::NotificationAbandoned { notification, .. }
        | F::AttemptLeaseExpired { notification, .. } => notification_fact(state, entry, *notification, fact),
    }
}

fn page_opened(state: &mut State, at: Timestamp, fact: &OncallFact) {
    let OncallFact::PageOpened { page, group, service, priority, title, body, policy_id, policy } = fact
    else {
        return;
    };
    state.last_page = state.last_page.max(page.0);
    state.insert_page(Page {
        id: *page,
        group: *group,
        service: service.clone(),
        priority: *priority,
        title: title.clone(),
        body: body.clone(),
        policy_id: policy_id.clone(),
        policy: policy.clone(),
        opened_at: at,
        step: None,
        exhausted_at: None,
        acknowledged: None,
        // Until its first step stands in the journal the page is due at once.
        deadline: Some(at),
        notifications: BTreeSet::new(),
        position: None,
        reached_somebody: false,
    });
}

fn step_started(state: &mut State, at: Timestamp, fact: &OncallFact) {
    let OncallFact::StepStarted { page, round, step, responders, reason, until } = fact else { return };
    state.change_page(*page, |open| {
        let position = Position { round: *round, step: *step };
        open.position = Some(position);
        open.exhausted_at = None;
        open.step = Some(Step {
            round: *round,
            step: *step,
            responders: responders.clone(),
            reason: reason.clone(),
            since: at,
        });
        let deadline = until.unwrap_or(at + open.wait_at(position));
        open.deadline = open.acknowledged.is_none().then_some(deadline);
    });
}

fn page_resolved(state: &mut State, at: Timestamp, page: PageId, reason: &PageEnd) {
    if let Some(page) = state.remove_page(page) {
        state.close(Header {
            id: page.id,
            group: page.group,
            service: page.service,
            title: page.title,
            opened_at: page.opened_at,
            acknowledged: page.acknowledged,
            resolved_at: at,
            reason: reason.clone(),
        });
    }
}

fn notification_intended(state: &mut State, entry: &Entry, fact: &OncallFact) {
    let OncallFact::NotificationIntended {
        notification,
        purpose,
        person,
        contact,
        channel,
        idempotency_key,
        subject,
        body,
    } = fact
    else {
        return;
    };
    state.last_notification = state.last_notification.max(notification.0);
    state.insert_notification(Notification {
        id: *notification,
        purpose: purpose.clone(),
        person: person.clone(),
        contact: contact.clone(),
        channel: *channel,
        idempotency_key: idempotency_key.clone(),
        subject: subject.clone(),
        body: body.clone(),
        attempt: 1,
        status: Status::InFlight { since: entry.at, seq: entry.seq },
        trouble: None,
    });
}

fn notification_fact(state: &mut State, entry: &Entry, id: NotificationId, fact: &OncallFact) {
    use OncallFact as F;
    let handed_over_of = match (fact, state.notifications.get(&id)) {
        (F::NotificationHandedOver { .. }, Some(found)) if found.person.is_some() => found.page(),
        _ => None,
    };
    state.change_notification(id, |found| {
        let in_flight = matches!(found.status, Status::InFlight { .. });
        match fact {
            F::NotificationHandedOver { receipt, .. } => {
                found.status = Status::HandedOver { at: entry.at, receipt: receipt.clone() };
            }
            _ if !found.is_pending() => {}
            F::NotificationAbandoned { reason, .. } => {
                found.status = Status::Abandoned { at: entry.at, reason: *reason, in_flight };
            }
            F::NotificationRefused { detail, retry_at, .. }
            | F::NotificationOutcomeUnknown { detail, retry_at, .. } => {
                found.trouble = Some(detail.clone());
                found.status = Status::Waiting { retry_at: retry_at.unwrap_or(entry.at) };
            }
            F::AttemptLeaseExpired { waited, .. } => {
                found.trouble = Some(format!("no outcome after {waited}"));
                found.status = Status::Waiting { retry_at: entry.at };
            }
            F::NotificationRetried { attempt, .. } => {
                found.attempt = *attempt;
                found.status = Status::InFlight { since: entry.at, seq: entry.seq };
            }
            _ => {}
        }
    });
    if let Some(page) = handed_over_of {
        state.change_page(page, |open| open.reached_somebody = true);
    }
}

fn override_added(state: &mut State, at: Timestamp, fact: &OncallFact) {
    let OncallFact::OverrideAdded { id, rotation, person, from, until } = fact else { return };
    state.last_override = state.last_override.max(id.0);
    state.overrides.retain(|_, known| known.until + OVERRIDE_KEPT_AFTER_END > at);
    let added =
        Override { id: *id, rotation: rotation.clone(), person: person.clone(), from: *from, until: *until };
    state.overrides.insert(*id, added);
}

fn override_removed(state: &mut State, id: OverrideId) {
    state.overrides.remove(&id);
}
