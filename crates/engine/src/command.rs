use facts::{ConfigurationApplied, Fact};
use kernel::{Actor, Timestamp};

use crate::quarantine::{self, QuarantineCommand};
use crate::{Refusal, World};

/// Everything that Swan can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Let a configuration take effect. The one in force again changes nothing.
    ApplyConfiguration(Box<ConfigurationApplied>),
    /// About checks and heartbeats.
    Signals(signals::slice::Command),
    /// About judged time.
    Objectives(objectives::Command),
    /// About alerts and silences.
    Alerting(alerting::Command),
    /// About pages and who is on call.
    Oncall(oncall::Command),
    /// About incidents and tickets.
    Incidents(incidents::Command),
    /// About what customers are told.
    Status(status::Command),
    /// About post-mortems and actions.
    Learning(learning::Command),
    /// About ceilings.
    Capacity(capacity::Command),
    /// About deadlines that stop the process.
    Quarantine(QuarantineCommand),
}

impl Command {
    pub(crate) fn decide(self, world: &World, now: Timestamp, actor: &Actor) -> Result<Vec<Fact>, Refusal> {
        match self {
            Command::ApplyConfiguration(applied) => Ok(apply_configuration(world, applied)),
            Command::Signals(c) => Ok(facts(signals::slice::decide(&world.signals, now, actor, c)?)),
            Command::Objectives(c) => Ok(facts(objectives::decide(&world.objectives, now, actor, c)?)),
            Command::Alerting(c) => Ok(facts(alerting::decide(&world.alerting, now, actor, c)?)),
            Command::Oncall(c) => Ok(facts(oncall::decide(&world.oncall, now, actor, c)?)),
            Command::Incidents(c) => Ok(facts(incidents::decide(&world.incidents, now, actor, c)?)),
            Command::Status(c) => Ok(facts(status::decide(&world.status, now, actor, c)?)),
            Command::Learning(c) => Ok(facts(learning::decide(&world.learning, now, actor, c)?)),
            Command::Capacity(c) => Ok(facts(capacity::decide(&world.capacity, now, actor, c)?)),
            Command::Quarantine(c) => quarantine::decide(world, c),
        }
    }
}

fn apply_configuration(world: &World, applied: Box<ConfigurationApplied>) -> Vec<Fact> {
    let in_force = world.applied().is_some_and(|current| current.hash == applied.hash);
    if in_force { Vec::new() } else { vec![Fact::ConfigurationApplied(applied)] }
}

fn facts<F: Into<Fact>>(facts: Vec<F>) -> Vec<Fact> {
    facts.into_iter().map(Into::into).collect()
}

macro_rules! command_from {
    ($($variant:ident($inner:ty)),* $(,)?) => {$(
        impl From<$inner> for Command {
            fn from(command: $inner) -> Self {
                Command::$variant(command)
            }
        }
    )*};
}
command_from!(
    Signals(signals::slice::Command),
    Objectives(objectives::Command),
    Alerting(alerting::Command),
    Oncall(oncall::Command),
    Incidents(incidents::Command),
    Status(status::Command),
    Learning(learning::Command),
    Capacity(capacity::Command),
    Quarantine(QuarantineCommand),
);
