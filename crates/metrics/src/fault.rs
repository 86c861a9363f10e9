//! What can go wrong below the store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::block::BlockFault;

/// The log could not be written. Every later append is refused with the same fault, until the store is opened again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogFault {
    /// Records could not be written.
    #[error("`{path}` could not be written")]
    Write {
        /// The segment.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Records could not be made durable.
    #[error("`{path}` could not be made durable")]
    Sync {
        /// The segment.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The next segment could not be begun.
    #[error("the segment `{path}` could not be begun")]
    Begin {
        /// The segment.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
}

/// An append failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendFault {
    /// The log failed during this append: its outcome is unknown. Some, all or none of its samples are there after
    /// the store was opened again; sending them again does no harm.
    #[error("whether the samples are stored is unknown, because the log failed meanwhile")]
    OutcomeUnknown(#[source] LogFault),
    /// The log failed before: nothing of this append is stored.
    #[error("no samples are taken, because the log failed before; open the store again")]
    Stopped(#[source] LogFault),
}

/// What was appended before could not be made durable, or the retention could not be written down.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MaintenanceFault {
    /// The log failed; nothing is taken any more.
    #[error("the log failed")]
    Log(#[source] LogFault),
    /// The checkpoint could not be written. The log is whole, and appends go on.
    #[error("the checkpoint `{path}` could not be written")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Memory could not be cut into blocks, or blocks could not be replaced. What was there is there, and appends go on.
    #[error("the blocks could not be changed")]
    Block(#[source] BlockFault),
    /// What was removed could not be made durable. It is tried again.
    #[error("the names in `{path}` could not be made durable")]
    SyncDirectory {
        /// The directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// A snapshot could not be made.
    #[error("the snapshot `{path}` could not be made")]
    Snapshot {
        /// The file or directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// A file that the checkpoint replaces could not be removed. The checkpoint is good, and appends go on.
    #[error("`{path}` could not be removed after the checkpoint")]
    Remove {
        /// The file or directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
}

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The directory could not be made.
    #[error("the directory `{path}` could not be made")]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The directory could not be listed.
    #[error("the directory `{path}` could not be listed")]
    List {
        /// The directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// A file could not be read.
    #[error("`{path}` could not be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// A file that something newer replaced could not be removed.
    #[error("`{path}`, which is not needed any more, could not be removed")]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The torn end of the log could not be cut off.
    #[error("the torn end of `{path}` could not be cut off at offset {offset}")]
    Cut {
        /// The segment.
        path: PathBuf,
        /// Where its sound part ends.
        offset: u64,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// Bytes that were durable once are not what was written. Restore the file from a backup; cutting it by hand
    /// loses all samples after the offset.
    #[error("`{path}` is damaged at offset {offset}: {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The first byte of the damaged record.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A segment of the log is not there.
    #[error("the segment `{path}` is missing")]
    SegmentMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The log could not be continued.
    #[error("the log could not be continued")]
    Log(#[source] LogFault),
}
