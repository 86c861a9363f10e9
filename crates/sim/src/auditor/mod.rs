//! The auditor, who holds Swan to its promises.
//!
//! It sees what the world told Swan, what the durable journal says, and what left the house for whose phone: nothing
//! of Swan's memory. What is late is found by *probes*, looks at a set time; a promise about time is measured from
//! Swan's last start where Swan was down.

mod alerts;
mod deliveries;
mod messages;
mod pages;

use std::collections::{BTreeMap, BTreeSet};

use facts::configuration::Configuration;
use facts::{Entry, Fact, OncallFact, Seq};
use journal::{Head, Stored};
use kernel::{
    ContactId, Fingerprint, GroupId, NotificationId, OverrideId, PageId, SilenceId, Span, Timestamp,
};

use crate::promise::{Promise, Seen};
use crate::reference::calendar::{Calendar, Exception};
use crate::reference::told::Told;

pub(crate) use deliveries::Speaks;

/// How late anything may be under a single fault.
pub(crate) const LATE_MAX: Span = Span::from_secs(5);

/// A look at a set time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// The page has gone on from where it stood after so many moves.
    PageGoesOn(PageId, u32),
    /// The message has changed since so many moves.
    MessageChanges(NotificationId, u32),
    /// The message's attempt has left the house.
    AttemptLeaves(NotificationId, u32),
    /// Somebody is paged for the alert.
    AlertIsPaged(Fingerprint),
    /// The silence is over.
    SilenceEnds(SilenceId),
}

/// Where Swan stands when a probe looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) now: Timestamp,
    /// When Swan last started.
    pub(crate) up_since: Timestamp,
    /// Whether attempts wait because too many are under way.
    pub(crate) is_busy: bool,
}

/// What a probe found.
pub(crate) enum Found {
    /// As promised, or it does not matter any more.
    Fine,
    /// Not yet, and it is not late; look again then.
    NotYet(Timestamp),
    /// Too late.
    Late(Seen),
}

/// How much there was of everything, as phones and disk saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) alerts: u64,
    pub(crate) pages: u64,
    pub(crate) acknowledgements: u64,
    pub(crate) steps: u64,
    pub(crate) empty_steps: u64,
    pub(crate) notifications: u64,
    pub(crate) duplicates: u64,
}

#[derive(Default)]
pub(crate) struct Auditor {
    pub(crate) told: Told,
    pub(crate) tally: Tally,
    /// Whether to tell the story on standard output.
    tells: bool,
    pub(crate) configuration: Option<Configuration>,
    calendar: Calendar,
    exceptions: BTreeMap<OverrideId, Exception>,
    alerts: BTreeMap<Fingerprint, alerts::Alert>,
    groups: BTreeMap<GroupId, alerts::Group>,
    silences: BTreeMap<SilenceId, alerts::Silence>,
    /// When a silence that matched the alert was last over.
    heard_since: BTreeMap<Fingerprint, Timestamp>,
    pages: BTreeMap<PageId, pages::Page>,
    messages: BTreeMap<NotificationId, messages::Message>,
    /// Page, round, step and contact of every intent, with its key.
    places: BTreeMap<(PageId, u32, u32, ContactId), String>,
    keys: BTreeSet<String>,
    deliveries: deliveries::Deliveries,
    batch: Batch,
    probes: Vec<(Timestamp, Probe)>,
    /// What was read of the journal.
    head: Head,
    answered: Head,
}

/// What the batch that is being read has yet to say.
#[derive(Default)]
struct Batch {
    pages: BTreeSet<PageId>,
    groups: BTreeSet<GroupId>,
    messages: BTreeSet<NotificationId>,
    /// Whom each step that was reached notifies.
    contacts: BTreeMap<(PageId, u32, u32), BTreeSet<ContactId>>,
}

impl Auditor {
    pub(crate) fn new(tells: bool) -> Self {
        Self { tells, ..Self::default() }
    }

    /// Reads what the disk holds durably beyond what was read before; all of it is one batch.
    pub(crate) fn read(&mut self, durable: &[Stored]) -> Result<(), Seen> {
        let from = self.head.seq.0 as usize;
        let before =
            from.checked_sub(1).map_or(Some(Head::START), |last| durable.get(last).map(Stored::head));
        if before != Some(self.head) {
            return Err((Promise::G6, format!("entry {} was durable and is not any more", self.head.seq)));
        }
        for stored in &durable[from..] {
            let read = stored.as_read().entry();
            let entry = read.map_err(|error| (Promise::G6, format!("entry {}: {error}", stored.seq)))?;
            self.head = stored.head();
            if self.tells {
                println!("{}", String::from_utf8_lossy(&stored.bytes));
            }
            self.entry(&entry)?;
        }
        self.batch_ends()
    }

    /// A reply was released: all that it rests on is on the disk.
    pub(crate) fn answered(&mut self, head: Seq, entries: &[Entry], durable: &[Stored]) -> Result<(), Seen> {
        let covered = head
            .0
            .checked_sub(1)
            .map_or(Some(Head::START), |last| durable.get(last as usize).map(Stored::head));
        let Some(covered) = covered else {
            return Err((Promise::G6, format!("an answer rests on entry {head}, which is not durable")));
        };
        self.answered = self.answered.max(covered);
        // The chain covers whatever came before the last one.
        if let Some(last) = entries.last() {
            let bytes = serde_json::to_vec(last).map_err(|error| (Promise::G6, error.to_string()))?;
            let stored = durable.get(last.seq.0 as usize - 1);
            if stored.is_none_or(|stored| stored.bytes != bytes) {
                return Err((Promise::G6, format!("entry {} was answered and is not durable", last.seq)));
            }
        }
        Ok(())
    }

    /// After a crash: whatever was answered before it is still there, unchanged.
    pub(crate) fn after_crash(&mut self, durable: &[Stored]) -> Result<(), Seen> {
        let Some(last) = self.answered.seq.0.checked_sub(1) else { return Ok(()) };
        match durable.get(last as usize) {
            Some(stored) if stored.hash == self.answered.hash => Ok(()),
            _ => Err((Promise::G6, format!("entry {} was answered and is lost", self.answered.seq))),
        }
    }

    /// The end of what was read, for comparison with another run of the same seed.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    pub(crate) fn take_probes(&mut self) -> Vec<(Timestamp, Probe)> {
        std::mem::take(&mut self.probes)
    }

    pub(crate) fn look(&self, probe: Probe, look: Look) -> Found {
        match probe {
            Probe::PageGoesOn(page, moves) => self.page_goes_on(page, moves, look),
            Probe::MessageChanges(message, moves) => self.message_changes(message, moves, look),
            Probe::AttemptLeaves(message, attempt) => self.attempt_leaves(message, attempt, look),
            Probe::AlertIsPaged(alert) => self.alert_is_paged(alert, look),
            Probe::SilenceEnds(silence) => self.silence_ends(silence, look),
        }
    }

    /// After the calm: nothing is owed any more.
    pub(crate) fn nothing_is_owed(&self, now: Timestamp) -> Result<(), Seen> {
        self.every_alert_is_paged(now)?;
        self.every_page_was_handed_over(now)
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Seen> {
        match &entry.fact {
            Fact::ConfigurationApplied(applied) => {
                let configuration = applied.configuration.clone();
                self.told.rule_is_gone(|rule| !has_rule(&configuration, rule));
                self.configuration = Some(configuration);
                Ok(())
            }
            Fact::Alerting(fact) => self.alerting(entry, fact),
            Fact::Oncall(OncallFact::OverrideAdded { id, rotation, person, from, until }) => {
                let (rotation, person) = (rotation.clone(), person.clone());
                let exception = Exception { rotation, person, from: *from, until: *until };
                self.exceptions.insert(*id, exception);
                Ok(())
            }
            Fact::Oncall(OncallFact::OverrideRemoved { id }) => {
                self.exceptions.remove(id);
                Ok(())
            }
            Fact::Oncall(fact) => {
                self.page_fact(entry, fact)?;
                self.message_fact(entry, fact)
            }
            _ => Ok(()),
        }
    }

    fn batch_ends(&mut self) -> Result<(), Seen> {
        let batch = std::mem::take(&mut self.batch);
        self.groups_are_told(&batch.groups)?;
        self.pages_stand_somewhere(&batch.pages)?;
        self.lost_messages_are_decided(&batch.messages)?;
        self.everybody_of_a_step_is_notified(&batch.contacts)
    }

    fn probe(&mut self, at: Timestamp, probe: Probe) {
        self.probes.push((at, probe));
    }
}

fn has_rule(configuration: &Configuration, (group, rule): &(String, String)) -> bool {
    let groups = configuration.rule_groups.iter().filter(|found| found.name == *group);
    groups.flat_map(|group| &group.rules).any(|found| found.alert.as_ref() == Some(rule))
}

impl Look {
    /// What was due then and has not happened: whether that is late, counted from Swan's last start.
    fn judge(&self, due: Timestamp, late: impl FnOnce() -> Seen) -> Found {
        let latest = due.max(self.up_since) + LATE_MAX;
        if self.now > latest { Found::Late(late()) } else { Found::NotYet(latest + Span::from_millis(1)) }
    }
}
