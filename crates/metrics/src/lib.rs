//! Swan's embedded time-series store: samples of series by their labels, in one directory, with no engine below.
//!
//! The characters: writers hand a batch of [`SeriesSamples`] to a [`MetricsStore`]; the *index* knows which series
//! there are; the *head* keeps their samples in compressed chunks; the *log* has everything that was acknowledged;
//! a *checkpoint* takes the place of the log before it; readers come through [`promql::SeriesSource`]. All files are
//! reached through a [`Disk`], so that the same code runs on a model of a disk that fails.
//!
//! Guarantees:
//! - an acknowledged sample survives the death of the process, and with [`Fsync::EachAppend`], or after
//!   [`MetricsStore::sync`], the death of the machine;
//! - a value comes back bit for bit, markers of staleness and other NaNs too;
//! - a sample at a timestamp that its series has replaces it: the last write wins, also over a restart;
//! - what is refused is counted by reason and never silently dropped;
//! - after the disk failed the log once, nothing more is acknowledged.
//!
//! Nothing here reads a clock: the runtime says when to [`sync`](MetricsStore::sync), [`retain`](MetricsStore::retain)
//! and [`checkpoint`](MetricsStore::checkpoint).

mod append;
mod checkpoint;
mod chunk;
mod config;
mod disk;
mod fault;
mod head;
mod index;
pub mod limits;
mod maintain;
mod open;
mod paged;
mod refusal;
mod source;
mod store;
mod wal;
mod wire;

pub use append::SeriesSamples;
pub use config::Config;
pub use disk::{Disk, DiskFile, StdDisk};
pub use fault::{AppendFault, LogFault, MaintenanceFault, OpenFault};
pub use maintain::{Checkpointed, Retained};
pub use open::{OpenReport, TornEnd};
pub use refusal::{Appended, RefusalReason, Refused, RefusedCounts};
pub use store::{MetricsStore, Stats};
pub use wal::Fsync;

/// A series in the store. Never given to another series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesRef(pub(crate) u32);

/// Why a lock is sound: a panic is a bug, and a bug ends the process.
pub(crate) const LOCK: &str = "no thread panicked while it held this lock";
