//! Post-mortems: what the disruption cost, why it happened, and what is done about it.
//!
//! A review is drafted when its incident is resolved; impact and timeline are views of the ledger and the journal, so
//! nobody types them. The five whys are a tree: each leaf ends in an action or in an accepted risk, and a review with
//! an open leaf cannot be completed. Actions outlive their review and remind nobody less for it.

mod apply;
mod command;
mod decide;
pub mod markdown;
mod refusal;
mod state;

pub use apply::apply;
pub use command::{Command, WakeReason};
pub use decide::decide;
pub use refusal::Refusal;
pub use state::{Action, Judgement, LeafEnd, PostMortem, State, Why, next_wake, wakes};

/// Limits of this slice.
pub mod limits {
    /// Whys in one tree.
    pub const WHYS_MAX: usize = 200;
    /// Actions and judgements of one review.
    pub const ITEMS_MAX: usize = 200;
    /// Completed reviews kept whole in memory; the oldest leave, their streams stay.
    pub const COMPLETED_KEPT_MAX: usize = 500;
}
