//! Ceilings that are near.
//!
//! A scalable is **near** its ceiling when what is in use has reached the configured part of its maximum. Nobody is
//! told of one that is **pinned** (its minimum equals its maximum, so it cannot grow by design) or that has no
//! ceiling (a maximum of infinity, or of zero or less). One that cannot be read, or reads as NaN, stays as it was:
//! not knowing clears nothing. Only changes are facts, each with the reading on which it rests.
//!
//! What leaves the configuration while it is near or unreadable is cleared at once, by a wake.

mod apply;
mod command;
mod decide;
pub mod limits;
mod refusal;
mod state;

pub use apply::apply;
pub use command::{Command, WakeReason};
pub use decide::decide;
pub use refusal::Refusal;
pub use state::{Near, State, Unreadable, next_wake, wakes};
