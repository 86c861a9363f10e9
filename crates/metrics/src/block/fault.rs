//! What can go wrong with a block.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A block, or what was deleted of it, could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlockFault {
    /// It could not be read.
    #[error("the block `{path}` could not be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// It could not be written.
    #[error("the block `{path}` could not be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Its bytes are not what was written. Restore the file from a backup; without it the samples of its window that
    /// no other block has are lost.
    #[error("the block `{path}` is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}
