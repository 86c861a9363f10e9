use std::collections::BTreeSet;

use facts::{Configuration, ConfigurationApplied, Entry, Fact, Seq};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::WakeReason;
use crate::quarantine::Quarantine;

/// All slices' state: a fold of the journal, and nothing else. Its JSON is the snapshot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct World {
    head: Seq,
    last_entry_at: Timestamp,
    applied: Option<Box<ConfigurationApplied>>,
    /// Verdicts of checks and heartbeats.
    pub signals: signals::slice::State,
    /// Judged time, outages and causes.
    pub objectives: objectives::State,
    /// Alerts, groups and silences.
    pub alerting: alerting::State,
    /// Pages, notifications and rotations.
    pub oncall: oncall::State,
    /// Incidents and tickets.
    pub incidents: incidents::State,
    /// What customers are shown.
    pub status: status::State,
    /// Post-mortems and actions.
    pub learning: learning::State,
    /// Ceilings that are near.
    pub capacity: capacity::State,
    #[serde(default)]
    quarantine: Quarantine,
}

impl World {
    /// The last entry's place; 0 where there is none.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// The last entry's time.
    pub fn last_entry_at(&self) -> Timestamp {
        self.last_entry_at
    }

    /// The configuration in force, with its hash and source.
    pub fn applied(&self) -> Option<&ConfigurationApplied> {
        self.applied.as_deref()
    }

    /// The configuration in force.
    pub fn configuration(&self) -> Option<&Configuration> {
        self.applied().map(|applied| &applied.configuration)
    }

    /// The deadlines that are left alone, because the process ended again and again at them.
    pub fn quarantined(&self) -> &BTreeSet<WakeReason> {
        self.quarantine.deadlines()
    }

    pub(crate) fn apply(&mut self, entry: &Entry) {
        self.head = entry.seq;
        self.last_entry_at = entry.at;
        if let Fact::ConfigurationApplied(applied) = &entry.fact {
            self.applied = Some(applied.clone());
        }
        if let Fact::Engine(fact) = &entry.fact {
            self.quarantine.apply(fact);
        }
        signals::slice::apply(&mut self.signals, entry);
        objectives::apply(&mut self.objectives, entry);
        alerting::apply(&mut self.alerting, entry);
        oncall::apply(&mut self.oncall, entry);
        incidents::apply(&mut self.incidents, entry);
        status::apply(&mut self.status, entry);
        learning::apply(&mut self.learning, entry);
        capacity::apply(&mut self.capacity, entry);
    }
}
