use facts::oncall::{AbandonReason, Purpose, StepReason};
use facts::{OncallFact, Seq};
use kernel::limits::DELIVERY_ATTEMPTS_MAX;
use kernel::{NotificationId, Timestamp};

use super::Decision;
use super::walk::{Walk, next_step};
use crate::limits::{
    BACKOFF_MAX, BACKOFF_MIN, DETAIL_BYTES_MAX, RESUMED_PER_COMMAND_MAX, UNKNOWN_RETRY_AFTER,
};
use crate::words::shortened;
use crate::{Notification, Outcome, Page, Position, Refusal, State, Status};

pub(super) fn record(
    state: &State,
    now: Timestamp,
    id: NotificationId,
    attempt: u32,
    outcome: Outcome,
) -> Decision {
    let Some(found) = state.notifications.get(&id) else {
        let never_was = id.0 == 0 || id.0 > state.last_notification;
        return if never_was { Err(Refusal::NoSuchNotification(id)) } else { Ok(Vec::new()) };
    };
    let awaited = found.attempt == attempt && matches!(found.status, Status::InFlight { .. });
    Ok(match outcome {
        // Whichever attempt it was: the message is with the provider, and the next one is not needed.
        Outcome::HandedOver { receipt } => {
            let known = matches!(found.status, Status::HandedOver { .. });
            let receipt = shortened(&receipt, DETAIL_BYTES_MAX);
            let handed_over = OncallFact::NotificationHandedOver { notification: id, receipt };
            if known { Vec::new() } else { vec![handed_over] }
        }
        _ if !awaited => Vec::new(),
        Outcome::Refused { detail, for_good, retry_at } => {
            let given_up = if for_good { Some(AbandonReason::RefusedForGood) } else { exhausted(found) };
            let refused = |retry_at| OncallFact::NotificationRefused {
                notification: id,
                detail: shortened(&detail, DETAIL_BYTES_MAX),
                retry_at,
            };
            match given_up {
                Some(reason) => after(refused(None), give_up(state, now, found, reason)),
                None => vec![refused(Some(next_attempt_at(now, attempt, retry_at)))],
            }
        }
        Outcome::Unknown { detail } => {
            let unknown = |retry_at| OncallFact::NotificationOutcomeUnknown {
                notification: id,
                detail: shortened(&detail, DETAIL_BYTES_MAX),
                retry_at,
            };
            match unknown_ends(found) {
                Some(reason) => after(unknown(None), give_up(state, now, found, reason)),
                None => vec![unknown(Some(now + UNKNOWN_RETRY_AFTER))],
            }
        }
    })
}

/// The next attempt's time has come.
pub(super) fn retry(state: &State, now: Timestamp, id: NotificationId) -> Vec<OncallFact> {
    match state.notifications.get(&id) {
        Some(found) => try_again(state, now, found, exhausted(found)),
        None => Vec::new(),
    }
}

/// Nobody reported on an attempt in time: what an unknown outcome leads to, and the wait for it is over.
pub(super) fn lease_expired(state: &State, now: Timestamp, id: NotificationId) -> Vec<OncallFact> {
    state.notifications.get(&id).map_or_else(Vec::new, |found| lose(state, now, found))
}

/// Attempts that an earlier process began, and on which it will not report.
pub(super) fn resume(state: &State, now: Timestamp, head: Seq) -> Vec<OncallFact> {
    let lost = state
        .notifications
        .values()
        .filter(|found| matches!(found.status, Status::InFlight { seq, .. } if seq <= head));
    // Giving one up can take its page to the next step, which is decided from the state as it stands: one at a time.
    let (mut facts, mut walks) = (Vec::new(), false);
    for found in lost.take(RESUMED_PER_COMMAND_MAX) {
        let may_walk = found.page().is_some() && exhausted(found).is_some();
        if may_walk && walks {
            continue;
        }
        walks |= may_walk;
        facts.extend(lose(state, now, found));
    }
    facts
}

fn lose(state: &State, now: Timestamp, found: &Notification) -> Vec<OncallFact> {
    let Status::InFlight { since, .. } = found.status else { return Vec::new() };
    let expired = OncallFact::AttemptLeaseExpired {
        notification: found.id,
        attempt: found.attempt,
        waited: now - since,
    };
    after(expired, try_again(state, now, found, unknown_ends(found)))
}

fn try_again(
    state: &State,
    now: Timestamp,
    found: &Notification,
    ends: Option<AbandonReason>,
) -> Vec<OncallFact> {
    let overtaken =
        found.page().is_some_and(|page| state.open.get(&page).is_none_or(|open| open.acknowledged.is_some()));
    let ends = if overtaken { Some(AbandonReason::NoLongerNeeded) } else { ends };
    match ends {
        Some(reason) => give_up(state, now, found, reason),
        None => {
            let attempt = found.attempt.saturating_add(1);
            vec![OncallFact::NotificationRetried { notification: found.id, attempt }]
        }
    }
}

fn exhausted(found: &Notification) -> Option<AbandonReason> {
    (found.attempt >= DELIVERY_ATTEMPTS_MAX).then_some(AbandonReason::AttemptsExhausted)
}

/// Why an unknown outcome is the last one, if it is.
fn unknown_ends(found: &Notification) -> Option<AbandonReason> {
    if found.is_sent_at_most_once() { Some(AbandonReason::OutcomeUnknown) } else { exhausted(found) }
}

/// Doubles from refusal to refusal; the provider may ask for another time within the same bounds.
fn next_attempt_at(now: Timestamp, attempt: u32, asked_for: Option<Timestamp>) -> Timestamp {
    let doubled = BACKOFF_MIN.times(1_i64 << attempt.saturating_sub(1).min(16));
    let wait = asked_for.map_or(doubled, |at| at - now);
    now + wait.clamp(BACKOFF_MIN, BACKOFF_MAX)
}

/// Abandons a notification. Where it was the last hope of its page's present step, the page goes on at once.
fn give_up(state: &State, now: Timestamp, found: &Notification, reason: AbandonReason) -> Vec<OncallFact> {
    let abandoned = OncallFact::NotificationAbandoned { notification: found.id, reason };
    let page = found.page().and_then(|page| state.open.get(&page));
    match page.filter(|page| is_last_hope(state, page, found)) {
        Some(page) => {
            after(abandoned, Walk::new(state, now, page).go(next_step(page), StepReason::NobodyReachable))
        }
        None => vec![abandoned],
    }
}

/// Whether every other message to the responders of the page's present step was given up before.
fn is_last_hope(state: &State, page: &Page, found: &Notification) -> bool {
    let Some(stands_at) =
        page.position.filter(|_| page.acknowledged.is_none() && page.exhausted_at.is_none())
    else {
        return false;
    };
    let of_this_step = |other: &Notification| {
        let at_step = matches!(other.purpose, Purpose::Page { round, step, .. }
            if Position { round, step } == stands_at);
        at_step && other.person.is_some()
    };
    let given_up = |other: &Notification| matches!(other.status, Status::Abandoned { .. });
    let mut others = page.notifications.iter().filter_map(|id| state.notifications.get(id));
    of_this_step(found) && others.all(|other| other.id == found.id || !of_this_step(other) || given_up(other))
}

fn after(first: OncallFact, then: Vec<OncallFact>) -> Vec<OncallFact> {
    std::iter::once(first).chain(then).collect()
}
