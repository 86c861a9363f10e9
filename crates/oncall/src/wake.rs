use kernel::Wake;

use crate::{State, WakeReason};

/// The next deadline: a step's, a retry's or a lease's.
pub fn next_wake(state: &State) -> Option<Wake<WakeReason>> {
    wakes(state).next()
}

/// All deadlines, the earliest first.
pub fn wakes(state: &State) -> impl Iterator<Item = Wake<WakeReason>> {
    state.wakes.iter().map(|(at, why)| Wake { at: *at, why: why.clone() })
}
