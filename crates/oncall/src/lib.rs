//! Who is on call, and how they are reached.
//!
//! A *page* walks an escalation policy, step by step, until somebody acknowledges it or what it is about is over. A
//! step resolves to *responders*, the people on call at that moment, and each of their contacts gets a
//! *notification*: an intent that stays in memory until a provider took it, refused it for good, or nobody needs it
//! any more. A *rotation* has exactly one person on call at each instant; an *override* puts another in their place.
//!
//! Guaranteed: a step with nobody on call passes on at once and says so; a step is never skipped otherwise; a page
//! that nobody acknowledges starts again after a pause, for ever; after an acknowledgement nothing more is intended
//! or retried for that page; every repeat of a message carries the key of the first.

mod apply;
pub mod calendar;
mod command;
mod decide;
pub mod limits;
mod notification;
mod page;
mod refusal;
mod state;
mod views;
mod wake;
mod words;

pub use apply::apply;
pub use command::{Attempt, Audience, Command, Outcome, WakeReason};
pub use decide::decide;
pub use notification::{Notification, Status, attempt_of, due_attempts};
pub use page::{Acknowledgement, Header, NextMove, Page, Position, Step};
pub use refusal::Refusal;
pub use state::State;
pub use views::Duty;
pub use wake::{next_wake, wakes};
