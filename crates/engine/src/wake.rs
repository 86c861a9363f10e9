use kernel::Wake;

use crate::{Command, World};

/// Why the engine wakes: one slice's deadline. At the same instant the earlier variant comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// The earliest deadline of all slices.
pub(crate) fn next(world: &World) -> Option<Wake<WakeReason>> {
    let wakes = [
        alerting::next_wake(&world.alerting).map(|wake| because(wake, WakeReason::Alerting)),
        oncall::next_wake(&world.oncall).map(|wake| because(wake, WakeReason::Oncall)),
        incidents::next_wake(&world.incidents).map(|wake| because(wake, WakeReason::Incidents)),
        learning::next_wake(&world.learning).map(|wake| because(wake, WakeReason::Learning)),
        signals::slice::next_wake(&world.signals).map(|wake| because(wake, WakeReason::Signals)),
        capacity::next_wake(&world.capacity).map(|wake| because(wake, WakeReason::Capacity)),
    ];
    wakes.into_iter().flatten().min()
}

fn because<Why>(wake: Wake<Why>, reason: impl FnOnce(Why) -> WakeReason) -> Wake<WakeReason> {
    Wake { at: wake.at, why: reason(wake.why) }
}
