//! Alerts: what fires, what it leads to, with what it is grouped, and who asked for silence.
//!
//! The characters: a **rule** holds for some label sets, and each of them is an **alert**, as is each that a sender
//! posts or that Swan's own watch raises. An alert that fires is settled at once: it is counted in the **low lane**,
//! or a **silence** mutes it, or it joins the **group** that is notified as one.
//!
//! Guaranteed: an alert belongs to whoever said it first, and only they end it; an alert from elsewhere never expires
//! before the end that its sender promised; every firing alert of critical or high priority that no silence matches is
//! in exactly one open group; a group whose alerts are over or silenced by the time it is due is not notified,
//! however late Swan wakes; and no decision leads to more facts than [`limits`] say, whatever the storm: the rest
//! follows from deadlines that are due at once.

mod apply;
mod command;
mod decide;
mod decision;
mod judge;
pub mod limits;
mod matching;
mod priority;
mod reading;
mod receive;
mod refusal;
mod silencing;
mod state;
pub mod templates;
mod title;
mod views;
pub mod watermark;

pub use apply::apply;
pub use command::{Command, PostedAlert, WakeReason};
pub use decide::{decide, next_wake, wakes};
pub use priority::{PriorityReason, priority_of};
pub use reading::{Reading, Said, Wording};
pub use receive::validate;
pub use refusal::{BadAlert, BadMatcher, Refusal};
pub use state::{Alert, Group, Pending, Silence, Standing, State};
pub use views::{AlertStatus, RuleCondition, RuleState, SilencePhase, Why};
