use kernel::Wake;

use crate::{State, WakeReason};

/// The next deadline: a step's, a retry's or a lease's.
pub fn next_wake(state: &State) -> Option<Wake<WakeReason>> {
    state.wakes.first().map(|(at, why)| Wake { at: *at, why: why.clone() })
}
