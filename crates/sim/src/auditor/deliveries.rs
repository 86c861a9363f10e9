//! What left the house, as providers and phones saw it: G-2 and G-4.

use std::collections::{BTreeMap, BTreeSet};

use facts::oncall::Purpose;
use kernel::{ContactId, NotificationId, PageId, Span, Timestamp};
use oncall::Attempt;

use super::{Auditor, Look};
use crate::promise::{Promise, Seen};

/// How long an attempt may be without an outcome.
pub(super) const LEASE: Span = Span::from_secs(60);

/// A worker is about to speak to a provider.
pub(crate) struct Speaks<'a> {
    pub(crate) attempt: &'a Attempt,
    /// When the attempt was handed to delivery.
    pub(crate) handed_at: Timestamp,
}

/// How a delivery ended, as the journal has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It has not.
    Open,
    /// The provider refused it.
    Refused,
    /// Nobody knows.
    Unknown,
    /// The provider took it, and that is known.
    Recorded,
}

struct Delivery {
    handed_at: Timestamp,
    end: End,
}

#[derive(Default)]
pub(super) struct Deliveries {
    all: Vec<Delivery>,
    by_key: BTreeMap<String, Vec<usize>>,
    /// Which key was seen for a page, round, step and contact.
    keys: BTreeMap<(PageId, u32, u32, ContactId), String>,
    /// How often a provider took each message.
    taken: BTreeMap<NotificationId, u64>,
    refused_for_good: BTreeSet<NotificationId>,
    last_begun: BTreeMap<NotificationId, (u32, Timestamp)>,
}

impl Deliveries {
    pub(super) fn was_taken(&self, id: NotificationId) -> bool {
        self.taken.contains_key(&id)
    }

    pub(super) fn was_refused_for_good(&self, id: NotificationId) -> bool {
        self.refused_for_good.contains(&id)
    }

    /// The journal says how the last attempt at a message ended.
    pub(super) fn ended(&mut self, key: &str, end: End) {
        let last = self.by_key.get(key).and_then(|sent| sent.last());
        if let Some(found) = last.and_then(|last| self.all.get_mut(*last)) {
            found.end = end;
        }
    }

    /// The last attempt that left the house, and when.
    pub(super) fn last_begun(&self, id: NotificationId) -> Option<(u32, Timestamp)> {
        self.last_begun.get(&id).copied()
    }
}

impl Auditor {
    /// A worker begins to speak to a provider.
    pub(crate) fn speaks(&mut self, speaks: &Speaks<'_>, look: Look) -> Result<(), Seen> {
        let attempt = speaks.attempt;
        let (id, key) = (attempt.notification, &attempt.idempotency_key);
        let Some(message) = self.messages.get(&id) else {
            return Err((Promise::G6, format!("{id} leaves the house, and the journal does not have it")));
        };
        if message.contact != attempt.contact {
            return Err((Promise::G6, format!("{id} goes to {}, not {}", attempt.contact, message.contact)));
        }
        if let Purpose::Page { page, round, step } = attempt.purpose {
            let at = (page, round, step, attempt.contact.clone());
            let known = self.deliveries.keys.entry(at).or_insert_with(|| key.clone());
            if known != key {
                return Err((Promise::G2, format!("{page} at {round}/{step}: key {known} became {key}")));
            }
            let page_of = self.pages.get(&page).ok_or_else(|| (Promise::G6, format!("no {page}")))?;
            if page_of.acknowledged {
                return Err((Promise::G4, format!("{id} leaves the house after {page} was acknowledged")));
            }
            if page_of.over.is_some() {
                return Err((Promise::G11, format!("{id} leaves the house after {page} was over")));
            }
        }
        if message.key != *key {
            return Err((Promise::G2, format!("{id} leaves under {key}, not under {}", message.key)));
        }
        self.is_no_needless_repeat(attempt, look)?;
        self.deliveries.last_begun.insert(id, (attempt.attempt, look.now));
        self.deliveries.by_key.entry(key.clone()).or_default().push(self.deliveries.all.len());
        self.deliveries.all.push(Delivery { handed_at: speaks.handed_at, end: End::Open });
        Ok(())
    }

    fn is_no_needless_repeat(&self, attempt: &Attempt, look: Look) -> Result<(), Seen> {
        let key = &attempt.idempotency_key;
        if self.messages[&attempt.notification].is_handed_over() {
            return Err((Promise::G2, format!("{key} is sent again, and is known to be handed over")));
        }
        let at_most_once = attempt.person.is_none() && !matches!(attempt.purpose, Purpose::Page { .. });
        let earlier = self.deliveries.by_key.get(key).into_iter().flatten();
        for earlier in earlier.filter_map(|delivery| self.deliveries.all.get(*delivery)) {
            let is_under_way = earlier.end == End::Open
                && earlier.handed_at >= look.up_since
                && look.now - earlier.handed_at < LEASE;
            if is_under_way {
                return Err((Promise::G2, format!("{key} is sent while it is on its way")));
            }
            if earlier.end == End::Recorded {
                return Err((Promise::G2, format!("{key} is sent again, and was handed over")));
            }
            if at_most_once && earlier.end != End::Refused {
                return Err((Promise::G2, format!("{key} goes to a list and may be there already")));
            }
        }
        Ok(())
    }

    /// A provider took the message.
    pub(crate) fn taken(&mut self, attempt: &Attempt) {
        let taken = self.deliveries.taken.entry(attempt.notification).or_default();
        *taken += 1;
        self.tally.notifications += 1;
        self.tally.duplicates += u64::from(*taken > 1);
        if let Purpose::Page { page, .. } = attempt.purpose
            && let Some(page) = self.pages.get_mut(&page)
        {
            page.handed_over = true;
        }
    }

    /// A provider said that it will never take the message.
    pub(crate) fn refused_for_good(&mut self, id: NotificationId) {
        self.deliveries.refused_for_good.insert(id);
    }
}
