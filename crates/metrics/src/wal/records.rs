//! The payloads of the log's records.
//!
//! - series: for each its ref (u32), the number of its labels, and name and value of each with their lengths;
//! - samples: entries of a ref (signed varint, its distance to the ref before), a count (u8), and so many samples:
//!   the timestamp (signed varint, its distance to the sample before), and the value's bits;
//! - floor: a timestamp in milliseconds (i64);
//! - dropped: refs (u32).

use crate::SeriesRef;
use crate::index::BorrowedLabels;
use crate::limits::{ENTRY_SAMPLES_MAX, RECORD_BYTES};

const _: () = assert!(ENTRY_SAMPLES_MAX <= u8::MAX as usize, "an entry's count is a byte");
use crate::wire::{self, Cursor, kind, put_bytes, put_signed, put_varint};

/// Builds records one after the other into one buffer; a large one is closed and another begun.
#[derive(Debug, Default)]
pub(crate) struct RecordWriter {
    buffer: Vec<u8>,
    record: Option<Begun>,
    /// Where the entry begins, where its count is, and the ref before it.
    entry: (usize, usize, u32),
    entry_count: u8,
}

#[derive(Debug)]
struct Begun {
    start: usize,
    kind: u8,
    series: u32,
    at_ms: i64,
}

impl RecordWriter {
    fn record(&mut self, kind: u8) -> &mut Begun {
        let full = |record: &Begun| record.kind != kind || self.buffer.len() - record.start >= RECORD_BYTES;
        if self.record.as_ref().is_some_and(full) {
            self.seal();
        }
        let buffer = &mut self.buffer;
        self.record.get_or_insert_with(|| Begun {
            start: wire::begin(buffer, kind),
            kind,
            series: 0,
            at_ms: 0,
        })
    }

    fn seal(&mut self) {
        if let Some(record) = self.record.take() {
            wire::seal(&mut self.buffer, record.start);
        }
    }

    /// Adds a series.
    pub(crate) fn series(&mut self, series: SeriesRef, labels: &BorrowedLabels<'_>) {
        self.record(kind::SERIES);
        self.buffer.extend_from_slice(&series.0.to_le_bytes());
        put_varint(&mut self.buffer, labels.len() as u64);
        for (name, value) in labels {
            put_bytes(&mut self.buffer, name.as_bytes());
            put_bytes(&mut self.buffer, value.as_bytes());
        }
    }

    /// Begins the samples of a series; at most [`ENTRY_SAMPLES_MAX`] may follow.
    #[inline]
    pub(crate) fn begin_entry(&mut self, series: SeriesRef) {
        let record = self.record(kind::SAMPLES);
        let before = std::mem::replace(&mut record.series, series.0);
        let start = self.buffer.len();
        put_signed(&mut self.buffer, i64::from(series.0) - i64::from(before));
        self.entry = (start, self.buffer.len(), before);
        self.entry_count = 0;
        self.buffer.push(0);
    }

    /// Adds a sample of the series that was begun last.
    #[inline]
    pub(crate) fn sample(&mut self, at_ms: i64, value: f64) {
        let record = self.record.as_mut().expect("an entry was begun");
        put_signed(&mut self.buffer, at_ms.wrapping_sub(record.at_ms));
        record.at_ms = at_ms;
        self.buffer.extend_from_slice(&value.to_bits().to_le_bytes());
        self.entry_count += 1;
    }

    /// Ends the samples of a series; one without samples leaves no trace.
    #[inline]
    pub(crate) fn end_entry(&mut self) {
        let (start, count, before) = self.entry;
        if self.entry_count > 0 {
            self.buffer[count] = self.entry_count;
            return;
        }
        self.buffer.truncate(start);
        if let Some(record) = &mut self.record {
            record.series = before;
        }
    }

    /// With room for a scrape.
    pub(crate) fn with_room() -> Self {
        Self { buffer: Vec::with_capacity(8 << 10), ..Self::default() }
    }

    /// The records so far, closed; the next one goes to an empty buffer once [`clear`](Self::clear) was called.
    pub(crate) fn records(&mut self) -> &[u8] {
        self.seal();
        &self.buffer
    }

    /// Whether anything was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.len() <= wire::HEAD_BYTES
    }

    /// Starts over, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.record = None;
    }
}

/// The record that samples before `floor_ms` are gone.
pub(crate) fn floor_record(floor_ms: i64) -> Vec<u8> {
    let mut record = Vec::new();
    let start = wire::begin(&mut record, kind::FLOOR);
    record.extend_from_slice(&floor_ms.to_le_bytes());
    wire::seal(&mut record, start);
    record
}

/// The records that series left.
pub(crate) fn dropped_record(series: &[SeriesRef]) -> Vec<u8> {
    let mut records = Vec::new();
    for part in series.chunks(RECORD_BYTES / 4) {
        let start = wire::begin(&mut records, kind::DROPPED);
        part.iter().for_each(|series| records.extend_from_slice(&series.0.to_le_bytes()));
        wire::seal(&mut records, start);
    }
    records
}

/// What a log tells while it is read back. An error says what is wrong with the record.
pub(crate) trait Audience {
    /// A series came.
    fn series(&mut self, series: SeriesRef, labels: &BorrowedLabels<'_>) -> Result<(), &'static str>;
    /// Samples of a series came.
    fn samples(&mut self, series: SeriesRef, samples: &[(i64, f64)]) -> Result<(), &'static str>;
    /// Samples before a timestamp are gone.
    fn floor(&mut self, floor_ms: i64);
    /// A series left.
    fn dropped(&mut self, series: &[SeriesRef]);
}

/// Tells the audience what a record says.
pub(crate) fn tell(kind: u8, payload: &[u8], audience: &mut dyn Audience) -> Result<(), &'static str> {
    const SHORT: &str = "the record ends within an entry";
    let mut cursor = Cursor::new(payload);
    match kind {
        kind::SERIES => {
            while !cursor.is_empty() {
                tell_series(&mut cursor, audience).ok_or(SHORT)??;
            }
        }
        kind::SAMPLES => {
            let (mut before, mut samples) = ((0, 0), Vec::new());
            while !cursor.is_empty() {
                tell_samples(&mut cursor, &mut before, &mut samples, audience).ok_or(SHORT)??;
            }
        }
        kind::FLOOR => audience.floor(cursor.i64().ok_or(SHORT)?),
        kind::DROPPED => {
            let mut series = Vec::new();
            while !cursor.is_empty() {
                series.push(SeriesRef(cursor.u32().ok_or(SHORT)?));
            }
            audience.dropped(&series);
        }
        kind::SYNCED => {}
        _ => return Err("a record of an unknown kind; a later version of Swan may have written it"),
    }
    Ok(())
}

fn tell_series(cursor: &mut Cursor<'_>, audience: &mut dyn Audience) -> Option<Result<(), &'static str>> {
    let series = SeriesRef(cursor.u32()?);
    let count = cursor.count()?;
    let mut labels = Vec::with_capacity(count);
    for _ in 0..count {
        labels.push((cursor.text()?, cursor.text()?));
    }
    Some(audience.series(series, &labels))
}

fn tell_samples(
    cursor: &mut Cursor<'_>,
    (series, at_ms): &mut (i64, i64),
    samples: &mut Vec<(i64, f64)>,
    audience: &mut dyn Audience,
) -> Option<Result<(), &'static str>> {
    *series = series.checked_add(cursor.signed()?)?;
    let count = cursor.u8()?;
    samples.clear();
    for _ in 0..count {
        *at_ms = at_ms.wrapping_add(cursor.signed()?);
        samples.push((*at_ms, cursor.f64()?));
    }
    Some(audience.samples(SeriesRef(u32::try_from(*series).ok()?), samples))
}
