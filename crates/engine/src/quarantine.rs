//! Deadlines that stop the process again and again are left alone, so that a poisoned page cannot silence all others.
//!
//! The runtime counts, because a process that ends cannot; here it is decided, recorded, and told to somebody.

use std::collections::BTreeSet;

use facts::{EngineFact, Fact, Seq};
use serde::{Deserialize, Serialize};

use crate::{Command, Refusal, WakeReason, World};

/// After so many ends of the process at one deadline, it is quarantined.
pub const CRASHES_MAX: u32 = 3;

/// What the engine can be asked about itself.
#[derive(Debug, Clone, PartialEq)]
pub enum QuarantineCommand {
    /// Leave a deadline alone. Repeating it is harmless.
    Quarantine {
        /// The deadline.
        deadline: WakeReason,
        /// How often the process ended at it.
        crashes: u32,
    },
    /// Have it decided again.
    Release {
        /// As [`WakeReason::as_text`] gives it.
        deadline: String,
    },
}

/// There is no such deadline in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotQuarantined {
    /// What was asked for.
    pub deadline: String,
}

/// The deadlines that are left alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Quarantine(BTreeSet<WakeReason>);

impl Quarantine {
    pub(crate) fn deadlines(&self) -> &BTreeSet<WakeReason> {
        &self.0
    }

    /// A text that this version cannot read is a deadline that it does not have.
    pub(crate) fn apply(&mut self, fact: &EngineFact) {
        match fact {
            EngineFact::DeadlineQuarantined { deadline, .. } => {
                self.0.extend(WakeReason::from_text(deadline));
            }
            EngineFact::DeadlineReleased { deadline } => {
                if let Some(deadline) = WakeReason::from_text(deadline) {
                    self.0.remove(&deadline);
                }
            }
        }
    }
}

impl WakeReason {
    /// Its JSON form, as facts name it.
    pub fn as_text(&self) -> String {
        serde_json::to_string(self).expect("a deadline's reason has a JSON form")
    }

    /// From its JSON form.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

pub(crate) fn decide(world: &World, command: QuarantineCommand) -> Result<Vec<Fact>, Refusal> {
    let fact = match command {
        QuarantineCommand::Quarantine { deadline, .. } if world.quarantined().contains(&deadline) => {
            return Ok(Vec::new());
        }
        QuarantineCommand::Quarantine { deadline, crashes } => {
            EngineFact::DeadlineQuarantined { deadline: deadline.as_text(), crashes }
        }
        QuarantineCommand::Release { deadline } => {
            let known = WakeReason::from_text(&deadline).filter(|known| world.quarantined().contains(known));
            let Some(known) = known else { return Err(NotQuarantined { deadline }.into()) };
            EngineFact::DeadlineReleased { deadline: known.as_text() }
        }
    };
    Ok(vec![fact.into()])
}

/// Whoever is to hear of it is told over all their contacts.
pub(crate) fn tell(world: &World, entry: Seq, fact: &EngineFact) -> Vec<Command> {
    let EngineFact::DeadlineQuarantined { deadline, crashes } = fact else { return Vec::new() };
    let Some(config) = world.configuration() else { return Vec::new() };
    let fallback = config.fallback.iter().cloned().collect::<Vec<_>>();
    let people = if fallback.is_empty() { config.people.keys().cloned().collect() } else { fallback };
    let told = people.into_iter().map(|person| {
        oncall::Command::Tell {
            audience: oncall::Audience::Person(person),
            purpose: facts::oncall::Purpose::DeadlineQuarantined { entry },
            subject: format!("Swan stopped {crashes} times at one deadline and leaves it alone now"),
            body: format!(
                "The deadline is {deadline}. What it belongs to does not go on by itself: nobody else is notified \
                 for it. Look at it and take it into your own hands. Everything else goes on.\n\nThis is a bug in \
                 Swan; the log of the crashes says where. Once it is mended, POST /v1/quarantine/release lets the \
                 deadline be decided again."
            ),
        }
        .into()
    });
    told.collect()
}
