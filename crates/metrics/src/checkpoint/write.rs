//! Writing a checkpoint.
//!
//! A page is a dictionary of texts, then series: ref (u32), the source and the labels as numbers in the dictionary,
//! the newest timestamps of floats and of histograms (a flag and a signed varint each), then runs until a zero byte: 1 for
//! floats in order, 2 for late ones, 3 for histograms; the first timestamp (i64), the distance to the last (varint),
//! the count (u16) and the stream.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::{Opening, VERSION};
use crate::SeriesRef;
use crate::chunk::Packer;
use crate::disk::{DiskFile, write_all};
use crate::exemplars::{Exemplar, Ring};
use crate::head::{Part, Series};
use crate::index::Index;
use crate::limits::RECORD_BYTES;
use crate::wal::put_exemplar;
use crate::wire::{self, kind, put_bytes, put_signed, put_varint};

/// A checkpoint on its way to a file.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    packer: Packer,
    dictionary: BTreeMap<Box<str>, u32>,
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
            packer: Packer::default(),
            dictionary: BTreeMap::new(),
            texts: Vec::new(),
            series: Vec::new(),
            series_count: 0,
            bytes: 0,
        }
    }

    /// Adds a series to the page, in memory. Symbols are only good until the index is unlocked, so
    /// [`end_page`](Self::end_page) comes before that.
    pub(crate) fn series(&mut self, series: SeriesRef, index: &Index, samples: &Series, with_leaving: bool) {
        self.series_count += 1;
        self.series.extend_from_slice(&series.0.to_le_bytes());
        let source = self.text(index.source_of(series));
        put_varint(&mut self.series, u64::from(source));
        let labels = index.texts(series).into_iter().flatten();
        put_varint(&mut self.series, index.pairs_of(series).len() as u64);
        for (name, value) in labels {
            for text in [name, value] {
                let number = self.text(text);
                put_varint(&mut self.series, u64::from(number));
            }
        }
        let newest = samples.newest();
        for newest_ms in [newest.float_ms, newest.histogram_ms] {
            put_varint(&mut self.series, u64::from(newest_ms.is_some()));
            put_signed(&mut self.series, newest_ms.unwrap_or(0));
        }
        let out = &mut self.series;
        samples.parts(with_leaving, &mut self.packer, |part| match part {
            Part::InOrder(run) => put_run(out, 1, (run.first_ms, run.last_ms, run.count), &run.stream),
            Part::Late(run) => put_run(out, 2, (run.first_ms, run.last_ms, run.count), &run.stream),
            Part::Histograms(run) => put_run(out, 3, (run.first_ms, run.last_ms, run.count), &run.stream),
        });
        out.push(0);
    }

    fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.dictionary.get(text) {
            return *number;
        }
        let number = self.dictionary.len() as u32;
        put_bytes(&mut self.texts, text.as_bytes());
        self.dictionary.insert(text.into(), number);
        number
    }

    /// Adds exemplars.
    pub(crate) fn exemplars(&mut self, ring: &Ring) {
        self.end_page();
        let start = wire::begin(&mut self.buffer, kind::EXEMPLARS);
        for (series, exemplar) in ring.iter() {
            let labels: Vec<(&str, &str)> = exemplar.labels.iter().collect();
            let lent = Exemplar { labels: &labels, value: exemplar.value, at_ms: exemplar.at.as_millis() };
            put_exemplar(&mut self.buffer, *series, &lent);
        }
        wire::seal(&mut self.buffer, start);
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

/// A run: what it is, its first timestamp, the distance to its last, its count, its stream.
fn put_run(buffer: &mut Vec<u8>, what: u8, (first_ms, last_ms, count): (i64, i64, u16), stream: &[u8]) {
    buffer.push(what);
    buffer.extend_from_slice(&first_ms.to_le_bytes());
    put_varint(buffer, last_ms.wrapping_sub(first_ms).cast_unsigned());
    buffer.extend_from_slice(&count.to_le_bytes());
    put_bytes(buffer, stream);
}
