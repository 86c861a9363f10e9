//! Samples on disk that do not change any more.
//!
//! The characters: a block is one file with the series of one window of time, sorted by their labels, with their
//! samples and an inverted index; a [`BlockWriter`] writes one; a [`Block`] reads it, a page at a time; *tombstones*
//! beside it say what was deleted of it since; a [`Layout`] is all blocks that readers see.
//!
//! The file, in this order:
//! - the magic; then, for each page of series, their chunks and the page itself: for every series its labels as
//!   numbers of names and values, the hash of its labels, and where its chunks are;
//! - for each label the list of its series;
//! - the values of each name, sorted, in pages;
//! - the footer: what the block is, and where everything is; its length, its checksum, and the magic again.
//!
//! Guarantees:
//! - Every chunk, page and list has a checksum, and nothing is believed before it was compared; what is damaged is a
//!   fault that names the file.
//! - A block is written beside the others, made durable, and takes its name last: one with its name is whole.
//! - Of two blocks that have a sample at the same instant, the one with the higher number was written later and wins.
//!   A compaction takes all blocks of its window, and takes its number before anything later does.

mod deleted;
mod fault;
mod footer;
mod merge;
mod page;
mod read;
mod select;
mod values;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use deleted::Deleted;
pub use fault::BlockFault;
pub(crate) use footer::Footer;
pub(crate) use merge::{Merging, merge};
pub(crate) use page::SeriesPage;
pub(crate) use read::{Block, ChunkReader};
pub(crate) use values::Values;
pub(crate) use write::{BlockWriter, Dictionary};

/// The last byte is the version of the format.
const MAGIC: [u8; 8] = *b"SWANBLK\x01";
/// Series of one page.
pub(crate) const PAGE_SERIES: usize = 64;
/// Values of one page.
const PAGE_VALUES: usize = 128;
/// Samples of one chunk.
const CHUNK_SAMPLES: usize = 480;
/// Histograms of one chunk.
const CHUNK_HISTOGRAMS: usize = 120;

/// What readers see. A reader takes it once and keeps it until it is done.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// By number.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Whether the blocks have what is on its way out of memory.
    pub(crate) covers_leaving: bool,
}

/// The path of a block.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.block"))
}

/// The path of what was deleted of it.
pub(crate) fn deleted_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.deleted"))
}

/// Its path once it was found to be damaged.
pub(crate) fn broken_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".broken");
    name.into()
}

/// The number of the block of this file name; `None` for another file.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".block").and_then(|digits| digits.parse().ok())
}

/// The number of the block of which this file says what was deleted; `None` for another file.
pub(crate) fn deleted_number(name: &str) -> Option<u64> {
    name.strip_suffix(".deleted").and_then(|digits| digits.parse().ok())
}

/// Checksum of a part of a block.
fn seal(part: &mut Vec<u8>, from: usize) {
    let checksum = crc32fast::hash(&part[from..]);
    part.extend_from_slice(&checksum.to_le_bytes());
}

/// The part without its checksum, if that is right.
fn unseal(part: &[u8]) -> Option<&[u8]> {
    let (body, checksum) = part.split_last_chunk::<4>()?;
    crate::wire::fits(crc32fast::hash(body), u32::from_le_bytes(*checksum)).then_some(body)
}
