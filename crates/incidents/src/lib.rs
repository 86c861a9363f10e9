//! Incidents and tickets.
//!
//! A service has at most one open incident; later alert groups join it. An incident owes an update at a set time, and
//! a late one reminds its leader until it comes. Two teams work side by side and nobody is on both: the recovery team
//! has the first claim on everything. A ticket is an operations issue with a day by which it is dealt with.

mod apply;
mod command;
mod decide;
mod refusal;
mod state;

pub use apply::apply;
pub use command::{Command, WakeReason};
pub use decide::decide;
pub use refusal::Refusal;
pub use state::{Header, Incident, State, Ticket, Update, next_wake, wakes};

/// Limits of this slice.
pub mod limits {
    /// Headers of resolved incidents and closed tickets kept in memory; the oldest leave, their streams stay.
    pub const CLOSED_HEADERS_MAX: usize = 2_000;
    /// Open tickets; more are refused.
    pub const OPEN_TICKETS_MAX: usize = 10_000;
    /// Updates of an open incident that are kept in memory; the oldest leave, the stream stays.
    pub const UPDATES_KEPT_MAX: usize = 200;
    /// Longest title.
    pub const TITLE_BYTES_MAX: usize = 300;
}
