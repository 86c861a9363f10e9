//! Judged time: the ledger of what was up, down and unknown, the outages that it shows, and what they cost.
//!
//! A **slice** of a service's time (a minute, unless configured) is judged by its requests, once it is over, and for
//! good when late events no longer count. Slices that were not measured are unknown: they end an outage as an up
//! slice does, and no view ever counts them as up or as down. Time that was never judged is unknown in every view.
//!
//! An **outage** is a maximal run of down slices of one objective that touch. Its id is stable: a slice that becomes
//! down later joins the outage beside it, and where it joins two, the later one is merged into the earlier. A slice
//! that turns out not to be down shrinks its outage; in the middle it splits it, and what follows gets an id of its
//! own with the same cause. An outage without slices is withdrawn. A person's correction outlives late events.
//!
//! The **ledger** of a service is that of its first objective. When another objective becomes the first, it keeps
//! the ledger from then on; the past stays as it was judged.
//!
//! Nothing here waits: the runtime submits slices as they end, so the slice has no deadlines of its own.

mod apply;
mod availability;
mod budget;
mod command;
mod decide;
mod era;
mod judge;
mod ledger;
pub mod limits;
mod refusal;
mod rejudge;
mod state;
mod track;

pub use apply::apply;
pub use availability::{Availability, Day, SliceCounts, availability, days, impact};
pub use budget::{Bounds, Budget, budget};
pub use command::Command;
pub use decide::decide;
pub use judge::{MeasuredOutage, Summary, judge, summarise};
pub use ledger::{CauseShare, OutageRow, Row, Unattributed, causes, ledger, outage, outages, unattributed};
pub use refusal::Refusal;
pub use state::{Attribution, Outage, State};
pub use track::{DownSlice, Rejudgement};
