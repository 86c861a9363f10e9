//! Decisions. Nothing here changes the state; the facts say what happened and why.

mod delivery;
mod overrides;
mod page;
mod tell;
mod walk;

use facts::OncallFact;
use kernel::{Actor, Timestamp};

use crate::{Command, Notification, Page, Refusal, State, WakeReason};

type Decision = Result<Vec<OncallFact>, Refusal>;

/// Decides a command; changes nothing.
///
/// # Errors
/// The refusal, with what to do instead. Commands that other facts lead to are never refused: a page for a group, the
/// end of a group's page, and what lists and people are told.
pub fn decide(state: &State, now: Timestamp, actor: &Actor, command: Command) -> Decision {
    match command {
        Command::OpenPage { group, service, policy, title, body } => {
            page::open(state, now, page::Opening { group, service, policy, title, body })
        }
        Command::AcknowledgePage { page, via } => page::acknowledge(state, actor, page, via),
        Command::EscalatePage { page, reason } => page::escalate(state, now, page, &reason),
        Command::ResolvePage { page, reason } => page::resolve(state, page, reason),
        Command::ResolvePageOfGroup { group, reason } => match state.by_group.get(&group) {
            Some(page) => page::resolve(state, *page, reason),
            None => Ok(Vec::new()),
        },
        Command::Tell { audience, purpose, subject, body } => {
            Ok(tell::tell(state, now, audience, purpose, &subject, &body))
        }
        Command::RecordOutcome { notification, attempt, outcome } => {
            delivery::record(state, now, notification, attempt, outcome)
        }
        Command::AddOverride { rotation, person, from, until } => {
            overrides::add(state, now, rotation, person, from, until)
        }
        Command::RemoveOverride { id } => overrides::remove(state, id),
        Command::Resume { head } => Ok(delivery::resume(state, now, head)),
        Command::Wake(why) => Ok(wake(state, now, why)),
    }
}

/// A wake that is not due, or was overtaken, leads to nothing.
fn wake(state: &State, now: Timestamp, why: WakeReason) -> Vec<OncallFact> {
    let due = match &why {
        WakeReason::StepTimeout(page) => state.open.get(page).and_then(Page::due),
        WakeReason::Retry(id) | WakeReason::LeaseExpired(id) => {
            state.notifications.get(id).and_then(Notification::due)
        }
    };
    if !due.is_some_and(|(at, reason)| at <= now && reason == why) {
        return Vec::new();
    }
    match why {
        WakeReason::StepTimeout(page) => page::go_on(state, now, page),
        WakeReason::Retry(id) => delivery::retry(state, now, id),
        WakeReason::LeaseExpired(id) => delivery::lease_expired(state, now, id),
    }
}
