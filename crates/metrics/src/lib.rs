//! Swan's embedded time-series store: samples of series by their labels, in one directory, with no engine below.
//!
//! The characters: writers hand a batch of [`SeriesSamples`] or [`SeriesHistograms`] to a [`MetricsStore`]; the *index*
//! knows which series there are in memory; the *head* keeps their newest samples in packed runs; the *log* has
//! everything that was acknowledged and that no block has; a *checkpoint* takes the place of the log before it;
//! *blocks* have what was cut out of memory, each a window of time in one file that does not change, and are merged
//! into larger ones; readers come through [`promql::SeriesSource`] and see all of it as one. All files are reached
//! through a [`Disk`], so that the same code runs on a model of a disk that fails.
//!
//! Guarantees:
//! - an acknowledged sample survives the death of the process, and with [`Fsync::EachAppend`], or after
//!   [`MetricsStore::sync`], the death of the machine; so with the runtime's sync every second the death of the
//!   machine takes what was acknowledged in the last second at most, and nothing before that;
//! - a sample is in a durable block before the log or memory lets it go, and in its merged block before that of its
//!   parts; a crash between leaves it twice on disk and once for readers;
//! - a value comes back bit for bit, markers of staleness and other NaNs too; so does a histogram, but that the empty
//!   parts of a marker of staleness are not kept;
//! - a sample at a timestamp that its series has replaces it: the last write wins, also over a restart, also where the
//!   first one is in a block. At an instant that has a float and a histogram, the histogram stays;
//! - samples may come in any order, as late as [`Config::out_of_order`] allows, before 1970 too;
//! - what is refused is counted by reason and explained, and never silently dropped;
//! - after the disk failed the log once, nothing more is acknowledged; a block that could not be written is written
//!   again later, and memory has it until then;
//! - what is damaged is found by its checksum. In the log, before its torn end, it is a fault; a damaged block is set
//!   aside under another name and reported, and the others are read without it; a query that meets damage fails and
//!   names the file;
//! - since when a sample counts is kept with it, where a writer says so, and read by whoever asks for it;
//! - what was deleted with [`MetricsStore::delete`] is not read again, and leaves the disk at the next merge.
//!
//! Nothing here reads a clock: the runtime says when to [`sync`](MetricsStore::sync), [`retain`](MetricsStore::retain),
//! [`cut`](MetricsStore::cut), [`compact`](MetricsStore::compact) and [`checkpoint`](MetricsStore::checkpoint).

mod append;
mod block;
mod checkpoint;
mod chunk;
mod compact;
mod companions;
mod config;
mod cut;
mod delete;
mod disk;
mod exemplars;
mod fault;
mod head;
mod index;
pub mod limits;
mod maintain;
mod open;
mod paged;
mod refusal;
mod snapshot;
mod source;
mod starts;
mod store;
mod wal;
mod wire;

pub use append::{REPORTS, SeriesHistograms, SeriesSamples};
pub use block::BlockFault;
pub use compact::{Compacted, Effort};
pub use companions::RESERVED_LABEL;
pub use config::{Config, OutOfOrder, Policy, SourceLimits};
pub use cut::Cut;
pub use delete::DeletedCounts;
pub use disk::{BlockFile, Disk, DiskFile, StdDisk};
pub use exemplars::{Exemplar, SeriesExemplars};
pub use fault::{AppendFault, LogFault, MaintenanceFault, OpenFault};
pub use index::Cardinality;
pub use maintain::{Checkpointed, Retained};
pub use open::{OpenReport, TornEnd};
pub use refusal::{Appended, RefusalReason, Refused, RefusedCounts, series_text};
pub use snapshot::Snapshot;
pub use starts::SeriesStarts;
pub use store::{MetricsStore, Stats};
pub use wal::Fsync;

/// A series in the store. Never given to another series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesRef(pub(crate) u32);

/// Why a lock is sound: a panic is a bug, and a bug ends the process.
pub(crate) const LOCK: &str = "no thread panicked while it held this lock";
