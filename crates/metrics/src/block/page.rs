//! A page of series: their labels, the hashes of those, and where their chunks are.
//!
//! The format: the number of series, and the offset of the first chunk; then, for each series: the number of labels,
//! and for each how far its name's number is from that of the label before (varint) and its value's number from that
//! of the same label of the series before (signed); the hash (u64); the number of chunks, and for each twice its
//! samples, plus one for histograms, the distance of its first timestamp to the timestamp before (signed), its length
//! in time, and in bytes. Chunks follow each other, each with its checksum.

use super::{CHUNK_HISTOGRAMS, CHUNK_SAMPLES};
use crate::wire::{Cursor, put_signed, put_varint};

/// Where a chunk is, and what it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkEntry {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) count: u32,
    pub(crate) is_histograms: bool,
    pub(crate) offset: u64,
    /// Without the checksum.
    pub(crate) bytes: u32,
}

/// A label, as the number of its name and the number of its value among those of the name.
pub(crate) type LabelNumbers = (u32, u32);

/// The series of one page.
#[derive(Debug, Default)]
pub(crate) struct SeriesPage {
    labels: Vec<LabelNumbers>,
    label_ends: Vec<u32>,
    pub(crate) hashes: Vec<u64>,
    chunks: Vec<ChunkEntry>,
    chunk_ends: Vec<u32>,
}

fn part<'a, T>(all: &'a [T], ends: &[u32], at: usize) -> &'a [T] {
    let start = if at == 0 { 0 } else { ends[at - 1] as usize };
    &all[start..ends[at] as usize]
}

impl SeriesPage {
    /// How many series there are.
    pub(crate) const fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The labels of a series.
    #[inline]
    pub(crate) fn labels(&self, at: usize) -> &[LabelNumbers] {
        part(&self.labels, &self.label_ends, at)
    }

    /// The chunks of a series; those of floats, then those of histograms, each by time.
    #[inline]
    pub(crate) fn chunks(&self, at: usize) -> &[ChunkEntry] {
        part(&self.chunks, &self.chunk_ends, at)
    }

    pub(super) fn clear(&mut self) {
        self.labels.clear();
        self.label_ends.clear();
        self.hashes.clear();
        self.chunks.clear();
        self.chunk_ends.clear();
    }

    pub(super) fn push_chunk(&mut self, chunk: ChunkEntry) {
        self.chunks.push(chunk);
    }

    /// Ends a series whose chunks were pushed.
    pub(super) fn push_series(&mut self, labels: &[LabelNumbers], hash: u64) {
        self.labels.extend_from_slice(labels);
        self.label_ends.push(self.labels.len() as u32);
        self.hashes.push(hash);
        self.chunk_ends.push(self.chunks.len() as u32);
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        put_varint(out, self.chunks.first().map_or(0, |chunk| chunk.offset));
        let mut before: &[LabelNumbers] = &[];
        let mut at_ms = 0;
        for series in 0..self.len() {
            let labels = self.labels(series);
            put_varint(out, labels.len() as u64);
            let mut name_before = 0;
            for (at, (name, value)) in labels.iter().enumerate() {
                put_varint(out, u64::from(name - name_before));
                name_before = *name;
                let value_before = before.get(at).filter(|label| label.0 == *name).map_or(0, |label| label.1);
                put_signed(out, i64::from(*value) - i64::from(value_before));
            }
            before = labels;
            out.extend_from_slice(&self.hashes[series].to_le_bytes());
            put_varint(out, self.chunks(series).len() as u64);
            for chunk in self.chunks(series) {
                put_varint(out, u64::from(chunk.count) << 1 | u64::from(chunk.is_histograms));
                put_signed(out, chunk.first_ms.wrapping_sub(at_ms));
                put_varint(out, chunk.last_ms.wrapping_sub(chunk.first_ms).cast_unsigned());
                put_varint(out, u64::from(chunk.bytes));
                at_ms = chunk.first_ms;
            }
        }
    }

    /// Takes a page apart; `None` where it is not what [`put`](Self::put) writes.
    pub(super) fn parse(&mut self, page: &[u8]) -> Option<()> {
        self.clear();
        let mut cursor = Cursor::new(page);
        let count = cursor.count()?;
        let mut offset = cursor.varint()?;
        let (mut at_ms, mut before) = (0_i64, 0..0);
        for _ in 0..count {
            let start = self.labels.len();
            let mut name = 0_u32;
            for at in 0..cursor.count()? {
                let further =
                    u32::try_from(cursor.varint()?).ok().filter(|further| at == 0 || *further > 0)?;
                name = name.checked_add(further)?;
                let same = self.labels[before.clone()].get(at).filter(|label| label.0 == name);
                let value = i64::from(same.map_or(0, |label| label.1)).checked_add(cursor.signed()?)?;
                self.labels.push((name, u32::try_from(value).ok()?));
            }
            before = start..self.labels.len();
            self.label_ends.push(self.labels.len() as u32);
            self.hashes.push(cursor.u64()?);
            for _ in 0..cursor.count()? {
                let head = cursor.varint()?;
                let first_ms = at_ms.wrapping_add(cursor.signed()?);
                let last_ms = first_ms.wrapping_add(cursor.varint()?.cast_signed());
                let bytes = u32::try_from(cursor.varint()?).ok()?;
                let is_histograms = head & 1 == 1;
                let count_max = if is_histograms { CHUNK_HISTOGRAMS } else { CHUNK_SAMPLES };
                let count = u32::try_from(head >> 1).ok().filter(|count| *count as usize <= count_max)?;
                self.chunks.push(ChunkEntry { first_ms, last_ms, count, is_histograms, offset, bytes });
                offset = offset.checked_add(u64::from(bytes) + 4)?;
                at_ms = first_ms;
            }
            self.chunk_ends.push(self.chunks.len() as u32);
        }
        cursor.is_empty().then_some(())
    }
}
