//! Writing a checkpoint.
//!
//! A page is a dictionary of texts, then series: ref (u32), labels as pairs of numbers in the dictionary, closed
//! chunks, the open chunk, late samples. A chunk is its first timestamp (i64), the distance to its last (varint),
//! its count (u16) and its stream.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::{Opening, VERSION};
use crate::SeriesRef;
use crate::chunk::Chunk;
use crate::disk::{DiskFile, write_all};
use crate::head::Series;
use crate::index::{Index, Symbol};
use crate::limits::RECORD_BYTES;
use crate::wire::{self, kind, put_bytes, put_varint};

/// A checkpoint on its way to a file.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    dictionary: BTreeMap<Symbol, u32>,
    texts: Vec<u8>,
    series: Vec<u8>,
    series_count: u64,
    bytes: u64,
}

impl CheckpointWriter {
    /// Begins with its first record.
    pub(crate) fn begin(file: Arc<dyn DiskFile>, opening: Opening) -> Self {
        let mut buffer = Vec::new();
        let start = wire::begin(&mut buffer, kind::OPENING);
        buffer.extend_from_slice(&VERSION.to_le_bytes());
        buffer.extend_from_slice(&opening.first_segment.to_le_bytes());
        buffer.extend_from_slice(&opening.next_ref.to_le_bytes());
        buffer.extend_from_slice(&opening.floor_ms.to_le_bytes());
        wire::seal(&mut buffer, start);
        Self {
            file,
            buffer,
            dictionary: BTreeMap::new(),
            texts: Vec::new(),
            series: Vec::new(),
            series_count: 0,
            bytes: 0,
        }
    }

    /// Adds a series to the page, in memory. Symbols are only good until the index is unlocked, so
    /// [`end_page`](Self::end_page) comes before that.
    pub(crate) fn series(&mut self, series: SeriesRef, index: &Index, samples: &Series) {
        self.series_count += 1;
        self.series.extend_from_slice(&series.0.to_le_bytes());
        let labels = index.symbols_of(series);
        put_varint(&mut self.series, labels.len() as u64);
        for symbol in labels.iter().flat_map(|(name, value)| [*name, *value]) {
            let next = self.dictionary.len() as u32;
            let number = *self.dictionary.entry(symbol).or_insert_with(|| {
                put_bytes(&mut self.texts, index.symbols().text(symbol).as_bytes());
                next
            });
            put_varint(&mut self.series, u64::from(number));
        }
        let (closed, open, late) = samples.parts();
        put_varint(&mut self.series, closed.len() as u64);
        closed.iter().for_each(|chunk| put_chunk(&mut self.series, chunk));
        put_varint(&mut self.series, u64::from(open.is_some()));
        open.iter().for_each(|chunk| put_chunk(&mut self.series, chunk));
        put_varint(&mut self.series, late.len() as u64);
        for (at_ms, value) in late {
            self.series.extend_from_slice(&at_ms.to_le_bytes());
            self.series.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }

    /// Whether the page is large enough.
    pub(crate) const fn is_page_full(&self) -> bool {
        self.series.len() >= RECORD_BYTES
    }

    /// Ends the page, in memory.
    pub(crate) fn end_page(&mut self) {
        if self.series.is_empty() {
            return;
        }
        let start = wire::begin(&mut self.buffer, kind::PAGE);
        put_varint(&mut self.buffer, self.dictionary.len() as u64);
        self.buffer.append(&mut self.texts);
        self.buffer.append(&mut self.series);
        wire::seal(&mut self.buffer, start);
        self.dictionary.clear();
    }

    /// Writes the pages that were ended, once they are worth it.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        if self.buffer.len() >= RECORD_BYTES { self.write_all() } else { Ok(()) }
    }

    fn write_all(&mut self) -> io::Result<()> {
        write_all(&*self.file, &self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the last record and makes the file durable; gives its size.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.end_page();
        let start = wire::begin(&mut self.buffer, kind::END);
        self.buffer.extend_from_slice(&self.series_count.to_le_bytes());
        wire::seal(&mut self.buffer, start);
        self.write_all()?;
        self.file.sync()?;
        Ok(self.bytes)
    }
}

fn put_chunk(buffer: &mut Vec<u8>, chunk: &Chunk) {
    buffer.extend_from_slice(&chunk.first_ms.to_le_bytes());
    put_varint(buffer, chunk.last_ms.wrapping_sub(chunk.first_ms).cast_unsigned());
    buffer.extend_from_slice(&chunk.count.to_le_bytes());
    put_bytes(buffer, &chunk.stream);
}
