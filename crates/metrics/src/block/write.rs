//! Writing a block.

use std::io;
use std::sync::Arc;

use super::footer::{Extent, Footer, NameEntry};
use super::page::{ChunkEntry, LabelNumbers, SeriesPage};
use super::{CHUNK_HISTOGRAMS, CHUNK_SAMPLES, MAGIC, PAGE_SERIES, PAGE_VALUES, seal};
use crate::chunk::{Packer, histograms};
use crate::disk::{DiskFile, write_all};
use crate::head::Found;
use crate::wire::{put_bytes, put_varint};

/// The names of all labels, sorted, with the values of each, sorted.
pub(crate) type Dictionary = Vec<(Box<str>, Vec<Box<str>>)>;

/// A block on its way to a file.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    file: Arc<dyn DiskFile>,
    footer: Footer,
    dictionary: Dictionary,
    /// For each value of each name, its series so far.
    postings: Vec<Vec<Posting>>,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    offset: u64,
    page: SeriesPage,
    packer: Packer,
}

/// A list of series on its way: how many, the last one, and the distances between them.
#[derive(Debug, Default, Clone)]
struct Posting {
    count: u32,
    last: u32,
    distances: Vec<u8>,
}

/// What is written at once.
const WRITE_BYTES: usize = 1 << 20;

impl BlockWriter {
    /// Begins a block for this window whose series have only labels of the dictionary.
    pub(crate) fn begin(
        file: Arc<dyn DiskFile>,
        number: u64,
        window: (i64, i64),
        parents: Vec<u64>,
        dictionary: Dictionary,
    ) -> Self {
        let postings = dictionary.iter().map(|(_, values)| vec![Posting::default(); values.len()]).collect();
        let span = (i64::MAX, i64::MIN);
        Self {
            file,
            footer: Footer { number, window, span, parents, ..Footer::default() },
            dictionary,
            postings,
            buffer: MAGIC.to_vec(),
            offset: 0,
            page: SeriesPage::default(),
            packer: Packer::default(),
        }
    }

    const fn at(&self) -> u64 {
        self.offset + self.buffer.len() as u64
    }

    /// Adds the next series in the order of labels, with all of its samples; one without any is passed over.
    pub(crate) fn series(&mut self, labels: &[LabelNumbers], hash: u64, found: &Found) -> io::Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let floats = &found.floats;
        let chunks = floats.timestamps.chunks(CHUNK_SAMPLES).zip(floats.values.chunks(CHUNK_SAMPLES));
        for (timestamps, values) in chunks {
            let stream = self.packer.stream(timestamps, values);
            let entry = entry(timestamps, self.offset + self.buffer.len() as u64, stream.len(), false);
            let from = self.buffer.len();
            self.buffer.extend_from_slice(stream);
            seal(&mut self.buffer, from);
            self.add_chunk(entry);
        }
        let columns = &found.histograms;
        let chunks =
            columns.timestamps.chunks(CHUNK_HISTOGRAMS).zip(columns.histograms.chunks(CHUNK_HISTOGRAMS));
        for (timestamps, values) in chunks {
            let stream = histograms::encode(timestamps, values);
            let entry = entry(timestamps, self.at(), stream.len(), true);
            let from = self.buffer.len();
            self.buffer.extend_from_slice(&stream);
            seal(&mut self.buffer, from);
            self.add_chunk(entry);
        }
        for (name, value) in labels {
            let posting = &mut self.postings[*name as usize][*value as usize];
            let last = std::mem::replace(&mut posting.last, self.footer.series);
            put_varint(&mut posting.distances, u64::from(self.footer.series - last));
            posting.count += 1;
        }
        self.page.push_series(labels, hash);
        self.footer.series += 1;
        if self.page.len() == PAGE_SERIES { self.end_page() } else { Ok(()) }
    }

    fn add_chunk(&mut self, chunk: ChunkEntry) {
        self.footer.samples += u64::from(chunk.count);
        let span = &mut self.footer.span;
        *span = (span.0.min(chunk.first_ms), span.1.max(chunk.last_ms));
        self.page.push_chunk(chunk);
    }

    fn end_page(&mut self) -> io::Result<()> {
        if self.page.len() == 0 {
            return Ok(());
        }
        let extent = self.part(|writer, out| writer.page.put(out));
        self.footer.pages.push(extent);
        self.page.clear();
        self.write_some()
    }

    /// Adds a part with its checksum.
    fn part(&mut self, put: impl FnOnce(&Self, &mut Vec<u8>)) -> Extent {
        let offset = self.at();
        let mut buffer = std::mem::take(&mut self.buffer);
        let from = buffer.len();
        put(self, &mut buffer);
        seal(&mut buffer, from);
        self.buffer = buffer;
        Extent { offset, bytes: (self.at() - offset) as u32 }
    }

    fn write_some(&mut self) -> io::Result<()> {
        if self.buffer.len() >= WRITE_BYTES { self.write_all() } else { Ok(()) }
    }

    fn write_all(&mut self) -> io::Result<()> {
        write_all(&*self.file, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the index and the footer and makes the file durable.
    pub(crate) fn finish(mut self) -> io::Result<Footer> {
        self.end_page()?;
        let lists_from = self.at();
        let mut lengths: Vec<Vec<u32>> = Vec::with_capacity(self.postings.len());
        for of_name in std::mem::take(&mut self.postings) {
            let mut of_values = Vec::with_capacity(of_name.len());
            for posting in of_name {
                let extent = self.part(|_, out| {
                    put_varint(out, u64::from(posting.count));
                    out.extend_from_slice(&posting.distances);
                });
                of_values.push(extent.bytes);
                self.write_some()?;
            }
            lengths.push(of_values);
        }
        let mut at = lists_from;
        for ((name, values), lengths) in std::mem::take(&mut self.dictionary).into_iter().zip(lengths) {
            let mut entry = NameEntry { text: name, values: values.len() as u32, pages: Vec::new() };
            for (values, lengths) in values.chunks(PAGE_VALUES).zip(lengths.chunks(PAGE_VALUES)) {
                let extent = self.part(|_, out| put_values(out, values, lengths, at));
                at += lengths.iter().map(|bytes| u64::from(*bytes)).sum::<u64>();
                entry.pages.push((values[0].clone(), extent));
                self.write_some()?;
            }
            self.footer.names.push(entry);
        }
        let footer = self.footer.to_bytes();
        self.buffer.extend_from_slice(&footer);
        self.write_all()?;
        self.file.sync()?;
        self.footer.bytes = self.offset;
        Ok(self.footer)
    }
}

fn entry(timestamps: &[i64], offset: u64, bytes: usize, is_histograms: bool) -> ChunkEntry {
    ChunkEntry {
        first_ms: timestamps[0],
        last_ms: timestamps[timestamps.len() - 1],
        count: timestamps.len() as u32,
        is_histograms,
        offset,
        bytes: bytes as u32,
    }
}

/// A page of values: how many, where the list of the first one is, and for each how much it shares with the one
/// before, the rest of it, and the length of its list.
fn put_values(out: &mut Vec<u8>, values: &[Box<str>], lengths: &[u32], lists_from: u64) {
    put_varint(out, values.len() as u64);
    put_varint(out, lists_from);
    let mut before = "";
    for (value, bytes) in values.iter().zip(lengths) {
        let mut shared = before.bytes().zip(value.bytes()).take_while(|(a, b)| a == b).count();
        while !value.is_char_boundary(shared) {
            shared -= 1;
        }
        put_varint(out, shared as u64);
        put_bytes(out, &value.as_bytes()[shared..]);
        put_varint(out, u64::from(*bytes));
        before = value;
    }
}
