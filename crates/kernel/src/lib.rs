//! The words every other crate speaks: ids, time, labels, what labels are matched with, who did something, and how
//! big anything may get.
//!
//! Nothing here knows what Swan does. Nothing here reads a clock, a file or the environment.

mod actor;
pub mod civil;
mod ids;
mod labels;
pub mod limits;
pub mod pattern;
mod percent;
mod refusal;
mod rng;
mod time;
mod utc_text;
mod wake;

pub use actor::Actor;
pub use ids::*;
pub use labels::{Fingerprint, LabelError, Labels};
pub use pattern::Pattern;
pub use percent::Ratio;
pub use refusal::Refuse;
pub use rng::Rng;
pub use time::{Span, SpanError, Timestamp};
pub use wake::Wake;
