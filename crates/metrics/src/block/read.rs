//! Reading a block, a part at a time.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::footer::{Extent, Footer, TRAILER_BYTES};
use super::page::{ChunkEntry, SeriesPage};
use super::{BlockFault, Deleted, PAGE_SERIES, unseal};
use crate::chunk::{decode, histograms};
use crate::disk::BlockFile;
use crate::head::Found;

/// A block that can be read.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) path: PathBuf,
    file: Arc<dyn BlockFile>,
    pub(crate) footer: Arc<Footer>,
    pub(crate) deleted: Arc<Deleted>,
}

impl Block {
    /// Reads the footer.
    pub(crate) fn open(file: Arc<dyn BlockFile>, path: PathBuf, number: u64) -> Result<Self, BlockFault> {
        let fault = |source: io::Error| BlockFault::Read { path: path.clone(), source: Arc::new(source) };
        let damaged = |what| BlockFault::Damaged { path: path.clone(), what };
        let bytes = file.bytes().map_err(fault)?;
        let trailer_at = bytes.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| damaged("it is too short"))?;
        let mut trailer = [0; TRAILER_BYTES];
        file.read_at(trailer_at, &mut trailer).map_err(fault)?;
        let parts = Footer::length(trailer).ok_or_else(|| damaged("its end is not that of a block"))?;
        let footer_at = trailer_at.checked_sub(u64::from(parts.0));
        let footer_at = footer_at.ok_or_else(|| damaged("it is shorter than its footer"))?;
        let mut footer = vec![0; parts.0 as usize];
        file.read_at(footer_at, &mut footer).map_err(fault)?;
        if !crate::wire::fits(crc32fast::hash(&footer), parts.1) {
            return Err(damaged("its footer is not what its checksum says"));
        }
        let mut footer = Footer::parse(&footer).ok_or_else(|| damaged("its footer ends within an entry"))?;
        if footer.number != number {
            return Err(damaged("it is another block than its name says"));
        }
        footer.bytes = bytes;
        Ok(Self { path, file, footer: Arc::new(footer), deleted: Arc::default() })
    }

    /// The same block with other tombstones.
    pub(crate) fn with_deleted(&self, deleted: Deleted) -> Self {
        let (path, file, footer) = (self.path.clone(), Arc::clone(&self.file), Arc::clone(&self.footer));
        Self { path, file, footer, deleted: Arc::new(deleted) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.footer.number
    }

    /// Whether a sample may lie between, both included.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.footer.span.0 <= end_ms && self.footer.span.1 >= start_ms
    }

    /// The fault that this block is damaged.
    pub(crate) fn damaged(&self, what: &'static str) -> BlockFault {
        BlockFault::Damaged { path: self.path.clone(), what }
    }

    fn read_into(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BlockFault> {
        let fault = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it ends before what its footer says"),
            _ => BlockFault::Read { path: self.path.clone(), source: Arc::new(source) },
        };
        self.file.read_at(offset, buffer).map_err(fault)
    }

    /// A part without its checksum.
    pub(super) fn part(&self, extent: Extent, what: &'static str) -> Result<Vec<u8>, BlockFault> {
        if u64::from(extent.bytes) > self.footer.bytes {
            return Err(self.damaged(what));
        }
        let mut part = vec![0; extent.bytes as usize];
        self.read_into(extent.offset, &mut part)?;
        let length = unseal(&part).ok_or_else(|| self.damaged(what))?.len();
        part.truncate(length);
        Ok(part)
    }

    /// Loads a page of series.
    pub(crate) fn page(&self, number: usize, page: &mut SeriesPage) -> Result<(), BlockFault> {
        const WHAT: &str = "a page of series is not what its checksum says";
        let extent =
            *self.footer.pages.get(number).ok_or_else(|| self.damaged("a page of series is missing"))?;
        let bytes = self.part(extent, WHAT)?;
        page.parse(&bytes).ok_or_else(|| self.damaged("a page of series ends within an entry"))?;
        let expected = (self.footer.series as usize - number * PAGE_SERIES).min(PAGE_SERIES);
        if page.len() == expected { Ok(()) } else { Err(self.damaged("series are missing")) }
    }
}

/// Reads chunks, and keeps the bytes around the last one: chunks are mostly asked for in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct ChunkReader {
    bytes: Vec<u8>,
    offset: u64,
}

/// Bytes that are read at once where more chunks of them are wanted.
const AHEAD_BYTES: u64 = 128 << 10;

impl ChunkReader {
    /// Appends the samples of a series between, both included, to what was found, in place of those of the same
    /// timestamp. `is_dense` says that the chunks that follow in the file are wanted too.
    pub(crate) fn read(
        &mut self,
        block: &Block,
        (series, chunks): (u32, &[ChunkEntry]),
        (start_ms, end_ms): (i64, i64),
        is_dense: bool,
        found: &mut Found,
    ) -> Result<(), BlockFault> {
        let mut own = Found::default();
        // Only one source has samples mostly, and needs no second place for them.
        let is_first = found.is_empty();
        let target = if is_first { &mut *found } else { &mut own };
        for chunk in chunks.iter().filter(|chunk| chunk.first_ms <= end_ms && chunk.last_ms >= start_ms) {
            let stream = self.chunk(block, chunk, is_dense)?;
            let count = chunk.count as usize;
            let decoded = if chunk.is_histograms {
                let columns = &mut target.histograms;
                let (timestamps, values) = (&mut columns.timestamps, &mut columns.histograms);
                histograms::decode(stream, chunk.first_ms, count, timestamps, values)
            } else {
                decode(stream, chunk.first_ms, count, &mut target.floats, &mut target.scratch)
            };
            decoded.ok_or_else(|| block.damaged("a chunk ends within a sample"))?;
        }
        target.floats.clip_from(0, start_ms, end_ms);
        target.histograms.clip(start_ms, end_ms);
        block.deleted.apply(series, target);
        if !is_first {
            found.floats.merge_from(0, &own.floats);
            found.histograms.merge(own.histograms);
        }
        Ok(())
    }

    fn chunk(&mut self, block: &Block, chunk: &ChunkEntry, is_dense: bool) -> Result<&[u8], BlockFault> {
        let bytes = u64::from(chunk.bytes) + 4;
        if chunk.offset.saturating_add(bytes) > block.footer.bytes {
            return Err(block.damaged("a chunk lies past its end"));
        }
        let is_here =
            self.offset <= chunk.offset && chunk.offset + bytes <= self.offset + self.bytes.len() as u64;
        if !is_here {
            let ahead = if is_dense { bytes.max(AHEAD_BYTES) } else { bytes };
            self.bytes.resize(ahead.min(block.footer.bytes - chunk.offset) as usize, 0);
            self.offset = chunk.offset;
            let read = block.read_into(chunk.offset, &mut self.bytes);
            if read.is_err() {
                self.bytes.clear();
            }
            read?;
        }
        let from = (chunk.offset - self.offset) as usize;
        let sealed = &self.bytes[from..from + bytes as usize];
        unseal(sealed).ok_or_else(|| block.damaged("a chunk is not what its checksum says"))
    }
}
