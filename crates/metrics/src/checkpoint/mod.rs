//! Everything that lives, in one file, so that the log before it can go.
//!
//! A checkpoint `N` and the segments from `N` on give the whole store. It is written beside the old one, made
//! durable, and takes its name last; only then do older segments and checkpoints go. A crash at any point leaves
//! either the old checkpoint with its segments, or the new one.
//!
//! While it is written, appends go on: a page of series is read under its locks at some instant after segment `N`
//! was begun. What the page already holds of segment `N` is replayed over it again, in order, and the last write of
//! a timestamp wins both times, so the result is the same.

mod load;
mod write;

use std::path::{Path, PathBuf};

pub(crate) use load::{Audience, load};
pub(crate) use write::CheckpointWriter;

/// The version of the format.
const VERSION: u32 = 2;

/// What a checkpoint begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// The first segment that is replayed after it.
    pub(crate) first_segment: u64,
    /// The ref after the last one given.
    pub(crate) next_ref: u32,
    /// Samples before it are gone.
    pub(crate) floor_ms: i64,
}

/// The path of a checkpoint.
pub(crate) fn path(dir: &Path, first_segment: u64) -> PathBuf {
    dir.join(format!("{first_segment:08}.checkpoint"))
}

/// The first segment after the checkpoint of this file name; `None` for another file.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".checkpoint").and_then(|digits| digits.parse().ok())
}
