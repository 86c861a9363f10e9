use kernel::Wake;
use serde::{Deserialize, Serialize};

use crate::{Command, World};

/// Why the engine wakes: one slice's deadline. At the same instant the earlier variant comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// An alert, a group or a silence.
    Alerting(alerting::WakeReason),
    /// A page or a notification.
    Oncall(oncall::WakeReason),
    /// An incident or a ticket.
    Incidents(incidents::WakeReason),
    /// An action.
    Learning(learning::WakeReason),
    /// A check or heartbeat.
    Signals(signals::slice::WakeReason),
    /// A ceiling.
    Capacity(capacity::WakeReason),
}

impl WakeReason {
    pub(crate) fn into_command(self) -> Command {
        match self {
            WakeReason::Alerting(why) => alerting::Command::Wake(why).into(),
            WakeReason::Oncall(why) => oncall::Command::Wake(why).into(),
            WakeReason::Incidents(why) => incidents::Command::Wake(why).into(),
            WakeReason::Learning(why) => learning::Command::Wake(why).into(),
            WakeReason::Signals(why) => signals::slice::Command::Wake(why).into(),
            WakeReason::Capacity(why) => capacity::Command::Wake(why).into(),
        }
    }
}

/// The earliest deadline of all slices that is not in quarantine.
pub(crate) fn next(world: &World) -> Option<Wake<WakeReason>> {
    let quarantined = world.quarantined();
    if quarantined.is_empty() {
        return first_of_each(world).into_iter().flatten().min();
    }
    // Looking at all of them costs more, in a state that is no normal one.
    all(world).filter(|wake| !quarantined.contains(&wake.why)).min()
}

/// The earliest deadline of each slice.
fn first_of_each(world: &World) -> [Option<Wake<WakeReason>>; 6] {
    [
        alerting::next_wake(&world.alerting).map(because(WakeReason::Alerting)),
        oncall::next_wake(&world.oncall).map(because(WakeReason::Oncall)),
        incidents::next_wake(&world.incidents).map(because(WakeReason::Incidents)),
        learning::next_wake(&world.learning).map(because(WakeReason::Learning)),
        signals::slice::next_wake(&world.signals).map(because(WakeReason::Signals)),
        capacity::next_wake(&world.capacity).map(because(WakeReason::Capacity)),
    ]
}

fn all(world: &World) -> impl Iterator<Item = Wake<WakeReason>> {
    let alerting = alerting::wakes(&world.alerting).map(because(WakeReason::Alerting));
    let oncall = oncall::wakes(&world.oncall).map(because(WakeReason::Oncall));
    let incidents = incidents::wakes(&world.incidents).map(because(WakeReason::Incidents));
    let learning = learning::wakes(&world.learning).map(because(WakeReason::Learning));
    let signals = signals::slice::wakes(&world.signals).map(because(WakeReason::Signals));
    let capacity = capacity::wakes(&world.capacity).map(because(WakeReason::Capacity));
    alerting.chain(oncall).chain(incidents).chain(learning).chain(signals).chain(capacity)
}

fn because<Why>(reason: impl Fn(Why) -> WakeReason) -> impl Fn(Wake<Why>) -> Wake<WakeReason> {
    move |wake| Wake { at: wake.at, why: reason(wake.why) }
}
