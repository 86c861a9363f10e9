//! What the journal says of each message: every intent is carried on until somebody took it or it has a true reason
//! to end, and none stays on its way for longer than its lease.

use std::collections::BTreeSet;

use facts::Entry;
use facts::oncall::{AbandonReason, OncallFact, Purpose};
use kernel::{ContactId, NotificationId, PageId, Timestamp};

use super::deliveries::{End, LEASE};
use super::{Auditor, Found, LATE_MAX, Look, Probe};
use crate::promise::{Promise, Seen};

/// Attempts before a message may be given up.
const ATTEMPTS_MAX: u32 = 8;

/// A message in the journal.
pub(super) struct Message {
    /// The page, with its round and step.
    pub(super) place: Option<(PageId, (u32, u32))>,
    pub(super) is_personal: bool,
    pub(super) contact: ContactId,
    pub(super) key: String,
    pub(super) attempt: u32,
    state: State,
    due: Timestamp,
    moves: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Flies {
        since: Timestamp,
    },
    Waits,
    /// Its attempt is lost; what follows is in the same batch.
    IsLost,
    HandedOver,
    GivenUp,
}

impl Message {
    pub(super) fn is_given_up(&self) -> bool {
        self.state == State::GivenUp
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.state == State::HandedOver
    }

    fn flies_since(&self) -> Option<Timestamp> {
        if let State::Flies { since } = self.state { Some(since) } else { None }
    }
}

impl Auditor {
    pub(super) fn message_fact(&mut self, entry: &Entry, fact: &OncallFact) -> Result<(), Seen> {
        use OncallFact as F;
        match fact {
            F::NotificationIntended { notification, .. } => self.intended(entry, *notification, fact),
            F::NotificationRetried { notification, attempt } => {
                let since = entry.at;
                self.change_message(*notification, State::Flies { since }, since + LEASE)?;
                if let Some(message) = self.messages.get_mut(notification) {
                    message.attempt = *attempt;
                }
                self.not_after_acknowledgement(*notification)?;
                self.probe(since + LATE_MAX, Probe::AttemptLeaves(*notification, *attempt));
                Ok(())
            }
            F::NotificationRefused { notification, retry_at, .. } => {
                self.failed(entry, *notification, End::Refused, *retry_at)
            }
            F::NotificationOutcomeUnknown { notification, retry_at, .. } => {
                self.failed(entry, *notification, End::Unknown, *retry_at)
            }
            F::AttemptLeaseExpired { notification, .. } => {
                self.change_message(*notification, State::IsLost, entry.at)
            }
            F::NotificationHandedOver { notification, .. } => self.handed_over(entry, *notification),
            F::NotificationAbandoned { notification, reason } => {
                self.change_message(*notification, State::GivenUp, entry.at)?;
                self.abandoned(*notification, *reason)
            }
            _ => Ok(()),
        }
    }

    fn intended(&mut self, entry: &Entry, id: NotificationId, fact: &OncallFact) -> Result<(), Seen> {
        let OncallFact::NotificationIntended { purpose, person, contact, idempotency_key, .. } = fact else {
            return Ok(());
        };
        let place = match purpose {
            Purpose::Page { page, round, step } => Some((*page, (*round, *step))),
            _ => None,
        };
        if let Some((page, (round, step))) = place {
            let at = (page, round, step, contact.clone());
            if self.places.insert(at, idempotency_key.clone()).is_some() {
                let what = format!("{page} at {round}/{step} notifies {contact} twice");
                return Err((Promise::G2, what));
            }
        }
        if !self.keys.insert(idempotency_key.clone()) {
            return Err((Promise::G2, format!("two messages have the key {idempotency_key}")));
        }
        let message = Message {
            place,
            is_personal: person.is_some(),
            contact: contact.clone(),
            key: idempotency_key.clone(),
            attempt: 1,
            state: State::Flies { since: entry.at },
            due: entry.at + LEASE,
            moves: 0,
        };
        self.messages.insert(id, message);
        self.not_after_acknowledgement(id)?;
        self.probe(entry.at + LEASE + LATE_MAX, Probe::MessageChanges(id, 0));
        self.probe(entry.at + LATE_MAX, Probe::AttemptLeaves(id, 1));
        Ok(())
    }

    fn not_after_acknowledgement(&self, id: NotificationId) -> Result<(), Seen> {
        let message = &self.messages[&id];
        let Some((page, _)) = message.place else { return Ok(()) };
        let found = &self.pages[&page];
        if found.acknowledged {
            return Err((Promise::G4, format!("{id} is sent for {page}, which was acknowledged")));
        }
        if found.over.is_some() {
            return Err((Promise::G11, format!("{id} is sent for {page}, which is over")));
        }
        Ok(())
    }

    fn change_message(&mut self, id: NotificationId, state: State, due: Timestamp) -> Result<(), Seen> {
        let Some(message) = self.messages.get_mut(&id) else {
            return Err((Promise::G1, format!("{id} was never intended")));
        };
        if message.state == State::GivenUp && state != State::HandedOver {
            return Err((Promise::G1, format!("{id} was given up, and goes on")));
        }
        (message.state, message.due) = (state, due);
        message.moves += 1;
        let moves = message.moves;
        match state {
            State::Flies { .. } | State::Waits => {
                self.probe(due + LATE_MAX, Probe::MessageChanges(id, moves))
            }
            State::IsLost => _ = self.batch.messages.insert(id),
            State::HandedOver | State::GivenUp => {}
        }
        Ok(())
    }

    fn failed(
        &mut self,
        entry: &Entry,
        id: NotificationId,
        end: End,
        retry_at: Option<Timestamp>,
    ) -> Result<(), Seen> {
        match retry_at {
            Some(at) => self.change_message(id, State::Waits, at)?,
            None => self.change_message(id, State::IsLost, entry.at)?,
        }
        self.deliveries.ended(&self.messages[&id].key, end);
        Ok(())
    }

    fn handed_over(&mut self, entry: &Entry, id: NotificationId) -> Result<(), Seen> {
        self.change_message(id, State::HandedOver, entry.at)?;
        let message = &self.messages[&id];
        self.deliveries.ended(&message.key, End::Recorded);
        if !self.deliveries.was_taken(id) {
            return Err((Promise::G1, format!("{id} counts as handed over, and no provider took it")));
        }
        if let Some((page, _)) = message.place.filter(|_| message.is_personal)
            && let Some(page) = self.pages.get_mut(&page)
        {
            page.reached = true;
        }
        Ok(())
    }

    fn abandoned(&self, id: NotificationId, reason: AbandonReason) -> Result<(), Seen> {
        let message = &self.messages[&id];
        let is_so = match reason {
            AbandonReason::NoLongerNeeded => message.place.is_some_and(|(page, _)| {
                let page = &self.pages[&page];
                page.acknowledged || page.over.is_some()
            }),
            AbandonReason::RefusedForGood => self.deliveries.was_refused_for_good(id),
            AbandonReason::AttemptsExhausted => message.attempt >= ATTEMPTS_MAX,
            AbandonReason::OutcomeUnknown => message.place.is_none() && !message.is_personal,
        };
        if is_so {
            return Ok(());
        }
        Err((Promise::G1, format!("{id} was given up as {reason:?} after attempt {}", message.attempt)))
    }

    pub(super) fn message_changes(&self, id: NotificationId, moves: u32, look: Look) -> Found {
        match self.messages.get(&id) {
            Some(message) if message.moves == moves => {
                let state = message.state;
                look.judge(message.due, || (Promise::G1, format!("{id} is stuck: {state:?}")))
            }
            _ => Found::Fine,
        }
    }

    pub(super) fn attempt_leaves(&self, id: NotificationId, attempt: u32, look: Look) -> Found {
        let Some(message) = self.messages.get(&id).filter(|message| message.attempt == attempt) else {
            return Found::Fine;
        };
        let Some(since) = message.flies_since() else { return Found::Fine };
        // One that began and died with Swan is decided anew at its start.
        let left = self.deliveries.last_begun(id).filter(|(of, _)| *of == attempt);
        if look.is_busy || left.is_some_and(|(_, at)| at >= look.up_since) {
            return Found::Fine;
        }
        look.judge(since, || (Promise::G5, format!("attempt {attempt} of {id} does not leave the house")))
    }

    pub(super) fn lost_messages_are_decided(&self, messages: &BTreeSet<NotificationId>) -> Result<(), Seen> {
        match messages.iter().find(|id| self.messages[*id].state == State::IsLost) {
            Some(id) => Err((Promise::G1, format!("the attempt of {id} is lost, and nothing follows"))),
            None => Ok(()),
        }
    }
}
