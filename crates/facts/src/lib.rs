//! Everything that can have happened.
//!
//! A fact is past tense, complete in itself and never changed. Each slice has its module here, and every other
//! crate shares this vocabulary instead of depending on that slice. A fact carries ids, never a person's address
//! or a secret: those live in the directory, which can forget.
//!
//! On disk a fact is one JSON object, `{"oncall":{"page_acknowledged":{…}}}`. Fields are only ever added, with a
//! default; a fact whose meaning changes gets a new name (`page_acknowledged_v2`) beside the old one, and both stay
//! readable for ever.

pub mod alerting;
pub mod capacity;
pub mod configuration;
pub mod engine;
pub mod incidents;
pub mod learning;
pub mod objectives;
pub mod oncall;
pub mod signals;
pub mod status;
mod streams;

use kernel::{Actor, Timestamp};
use serde::{Deserialize, Serialize};

pub use alerting::AlertingFact;
pub use capacity::CapacityFact;
pub use configuration::{Configuration, ConfigurationApplied};
pub use engine::EngineFact;
pub use incidents::IncidentsFact;
pub use learning::LearningFact;
pub use objectives::ObjectivesFact;
pub use oncall::OncallFact;
pub use signals::SignalsFact;
pub use status::StatusFact;
pub use streams::Stream;

/// One thing that happened, by the slice that decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A team's configuration took effect.
    ConfigurationApplied(Box<ConfigurationApplied>),
    /// About what arrives: checks and heartbeats.
    Signals(SignalsFact),
    /// About judged time: slices, outages, the ledger.
    Objectives(ObjectivesFact),
    /// About alerts, groups and silences.
    Alerting(AlertingFact),
    /// About pages, notifications and who is on call.
    Oncall(OncallFact),
    /// About incidents and tickets.
    Incidents(IncidentsFact),
    /// About what customers are told.
    Status(StatusFact),
    /// About post-mortems and actions.
    Learning(LearningFact),
    /// About ceilings.
    Capacity(CapacityFact),
    /// About the engine itself.
    Engine(EngineFact),
}

/// A fact's place in the journal: the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A fact with when, by whom, and where in the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place; entries are numbered without a gap.
    pub seq: Seq,
    /// The engine's time when it was decided; never earlier than the entry before.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// What happened.
    pub fact: Fact,
}

macro_rules! into_fact {
    ($($variant:ident($inner:ty)),* $(,)?) => {$(
        impl From<$inner> for Fact {
            fn from(fact: $inner) -> Self {
                Fact::$variant(fact)
            }
        }
    )*};
}
into_fact!(
    Signals(SignalsFact),
    Objectives(ObjectivesFact),
    Alerting(AlertingFact),
    Oncall(OncallFact),
    Incidents(IncidentsFact),
    Status(StatusFact),
    Learning(LearningFact),
    Capacity(CapacityFact),
    Engine(EngineFact),
);
