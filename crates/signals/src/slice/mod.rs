//! Checks and heartbeats: what fails, and what did not arrive.
//!
//! A **check** fails when as many probes in a row as it is configured for did, and recovers when as many passed. The
//! probes are samples; the runtime counts how many in a row ended alike and submits the count with each.
//!
//! A **heartbeat** is missed when its interval and grace passed since it last arrived, since it was configured, or
//! since its job last reported a failure, whichever is the latest: a job that says that it failed is not silent. It
//! returns when it arrives in time again. A job that reported a failure returns with its next success. One arrival
//! ends both.
//!
//! Only changes are facts. What leaves the configuration while it is in trouble is retired at once, by a wake.

mod apply;
mod decide;
pub mod limits;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

pub use crate::command::{Command, WakeReason};
pub use apply::apply;
pub use decide::decide;
pub use refusal::Refusal;
pub use state::{FailedReport, Failing, Missed, State, expected_by, next_wake, wakes};
