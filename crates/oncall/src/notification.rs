//! One message to one person, list or webhook over one contact: what is to be sent, and what became of it.

use facts::Seq;
use facts::configuration::Channel;
use facts::oncall::{AbandonReason, OncallFact, Purpose};
use kernel::{ContactId, NotificationId, PageId, PersonId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::ATTEMPT_LEASE;
use crate::{Attempt, State, WakeReason};

/// A message and how it fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// What for.
    pub purpose: Purpose,
    /// To whom; `None` for a list or webhook.
    pub person: Option<PersonId>,
    /// Over which contact.
    pub contact: ContactId,
    /// The contact's channel.
    pub channel: Channel,
    /// What the provider sees on every attempt.
    pub idempotency_key: String,
    /// First line; empty once nothing is to be sent any more.
    pub subject: String,
    /// The rest; empty once nothing is to be sent any more.
    pub body: String,
    /// The last attempt, from 1.
    pub attempt: u32,
    /// How it fares.
    pub status: Status,
    /// What the provider last answered where it did not take the message, or what was seen instead.
    pub trouble: Option<String>,
}

/// How a message fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The attempt is with a delivery worker or a provider, or is about to be.
    InFlight {
        /// Since when.
        since: Timestamp,
        /// The entry that began the attempt.
        seq: Seq,
    },
    /// The last attempt failed; the next one comes.
    Waiting {
        /// When.
        retry_at: Timestamp,
    },
    /// The provider took it.
    HandedOver {
        /// When that was recorded.
        at: Timestamp,
        /// What it answered.
        receipt: String,
    },
    /// It is not tried again.
    Abandoned {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: AbandonReason,
        /// Whether an attempt was on its way, so that a report may still come.
        in_flight: bool,
    },
}

impl Notification {
    /// Whether it still is to be handed over.
    pub fn is_pending(&self) -> bool {
        matches!(self.status, Status::InFlight { .. } | Status::Waiting { .. })
    }

    /// The page whose responders it wakes.
    pub fn page(&self) -> Option<PageId> {
        match self.purpose {
            Purpose::Page { page, .. } => Some(page),
            Purpose::PageOver { .. }
            | Purpose::HighPriority { .. }
            | Purpose::UpdateOverdue { .. }
            | Purpose::DeadlineQuarantined { .. } => None,
        }
    }

    /// Whether it stays unsent rather than go out twice: mail to a list.
    pub(crate) fn is_sent_at_most_once(&self) -> bool {
        self.person.is_none() && self.page().is_none()
    }

    /// Its deadline: the end of the attempt's lease, or the next attempt.
    pub(crate) fn due(&self) -> Option<(Timestamp, WakeReason)> {
        match self.status {
            Status::InFlight { since, .. } => {
                Some((since + ATTEMPT_LEASE, WakeReason::LeaseExpired(self.id)))
            }
            Status::Waiting { retry_at } => Some((retry_at, WakeReason::Retry(self.id))),
            Status::HandedOver { .. } | Status::Abandoned { .. } => None,
        }
    }

    /// The attempt that is on its way, where one is.
    pub fn due_attempt(&self) -> Option<Attempt> {
        matches!(self.status, Status::InFlight { .. }).then(|| Attempt {
            notification: self.id,
            attempt: self.attempt,
            purpose: self.purpose.clone(),
            person: self.person.clone(),
            contact: self.contact.clone(),
            channel: self.channel,
            idempotency_key: self.idempotency_key.clone(),
            subject: self.subject.clone(),
            body: self.body.clone(),
        })
    }
}

/// All attempts that were intended and have no outcome, oldest notification first.
pub fn due_attempts(state: &State) -> impl Iterator<Item = Attempt> + '_ {
    state.notifications.values().filter_map(Notification::due_attempt)
}

/// The attempt that a fact asks for: a first one, or a repeat. `None` for every other fact, and where the attempt has
/// an outcome or nobody needs it any more.
pub fn attempt_of(fact: &OncallFact, state: &State) -> Option<Attempt> {
    let (id, attempt) = match fact {
        OncallFact::NotificationIntended { notification, .. } => (notification, 1),
        OncallFact::NotificationRetried { notification, attempt } => (notification, *attempt),
        _ => return None,
    };
    state.notifications.get(id)?.due_attempt().filter(|due| due.attempt == attempt)
}
