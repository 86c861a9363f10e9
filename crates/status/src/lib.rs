//! What customers are told: published incidents with their updates, and how each component does.
//!
//! The 90-day bars come from the ledger, not from here. Nothing is shown that was not first a fact.

mod command;
mod refusal;
mod slice;

pub use command::Command;
pub use refusal::Refusal;
pub use slice::{PublicIncident, PublicUpdate, State, apply, decide};

/// Limits of this slice.
pub mod limits {
    /// Published incidents kept in memory for the history; the oldest resolved ones leave, their streams stay.
    pub const INCIDENTS_KEPT_MAX: usize = 200;
    /// Updates of one incident that are shown; the oldest leave.
    pub const UPDATES_SHOWN_MAX: usize = 100;
}
