//! The payloads of the log's records.
//!
//! - series: for each its ref (u32), the number of its labels, and name and value of each with their lengths; where
//!   they came from a named source, the name stands first;
//! - samples: entries of a ref (signed varint, its distance to the ref before), a count (u8), and so many samples:
//!   the timestamp (signed varint, its distance to the sample before), and the value's bits;
//! - floor: a timestamp in milliseconds (i64); the last one counts;
//! - dropped: refs (u32);
//! - histograms: for each its ref (u32), its timestamp (i64), and the histogram as in a run of one, with its length;
//! - exemplars: for each its ref (u32), its timestamp (i64), the value's bits, and its labels as a series has them;
//! - deleted: the first and the last timestamp (i64), and refs (u32).

use promql::Histogram;

use crate::SeriesRef;
use crate::chunk::histograms;
use crate::exemplars::Exemplar;
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
    #[inline]
    fn record(&mut self, kind: u8) -> &mut Begun {
        let has_room =
            |record: &Begun| record.kind == kind && self.buffer.len() - record.start < RECORD_BYTES;
        if !self.record.as_ref().is_some_and(has_room) {
            self.begin_record(kind);
        }
        self.record.as_mut().expect("a record was begun")
    }

    #[cold]
    fn begin_record(&mut self, kind: u8) {
        self.seal();
        let start = wire::begin(&mut self.buffer, kind);
        self.record = Some(Begun { start, kind, series: 0, at_ms: 0 });
    }

    fn seal(&mut self) {
        if let Some(record) = self.record.take() {
            wire::seal(&mut self.buffer, record.start);
        }
    }

    /// Adds a series. All series of one writer come from one source.
    pub(crate) fn series(&mut self, series: SeriesRef, labels: &BorrowedLabels<'_>, source: &str) {
        if source.is_empty() {
            self.record(kind::SERIES);
        } else {
            self.record(kind::SERIES_OF);
            if self.is_empty_record() {
                put_bytes(&mut self.buffer, source.as_bytes());
            }
        }
        self.buffer.extend_from_slice(&series.0.to_le_bytes());
        put_labels(&mut self.buffer, labels);
    }

    fn is_empty_record(&self) -> bool {
        self.record.as_ref().is_some_and(|record| self.buffer.len() == record.start + wire::HEAD_BYTES)
    }

    /// Adds a histogram.
    pub(crate) fn histogram(&mut self, series: SeriesRef, at_ms: i64, histogram: &Histogram) {
        self.record(kind::HISTOGRAMS);
        self.buffer.extend_from_slice(&series.0.to_le_bytes());
        self.buffer.extend_from_slice(&at_ms.to_le_bytes());
        let mut stream = Vec::new();
        histograms::put(&mut stream, 0, None, histogram);
        put_bytes(&mut self.buffer, &stream);
    }

    /// Adds an exemplar.
    pub(crate) fn exemplar(&mut self, series: SeriesRef, exemplar: &Exemplar<'_>) {
        self.record(kind::EXEMPLARS);
        put_exemplar(&mut self.buffer, series, exemplar);
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

/// Appends labels: their number, and name and value of each.
fn put_labels(buffer: &mut Vec<u8>, labels: &BorrowedLabels<'_>) {
    put_varint(buffer, labels.len() as u64);
    for (name, value) in labels {
        put_bytes(buffer, name.as_bytes());
        put_bytes(buffer, value.as_bytes());
    }
}

/// Appends an exemplar's entry.
pub(crate) fn put_exemplar(buffer: &mut Vec<u8>, series: SeriesRef, exemplar: &Exemplar<'_>) {
    buffer.extend_from_slice(&series.0.to_le_bytes());
    buffer.extend_from_slice(&exemplar.at_ms.to_le_bytes());
    buffer.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    put_labels(buffer, exemplar.labels);
}

/// The record that samples of series in a range are deleted.
pub(crate) fn deleted_record(series: &[SeriesRef], start_ms: i64, end_ms: i64) -> Vec<u8> {
    let mut records = Vec::new();
    for part in series.chunks(RECORD_BYTES / 4) {
        let start = wire::begin(&mut records, kind::DELETED);
        records.extend_from_slice(&start_ms.to_le_bytes());
        records.extend_from_slice(&end_ms.to_le_bytes());
        part.iter().for_each(|series| records.extend_from_slice(&series.0.to_le_bytes()));
        wire::seal(&mut records, start);
    }
    records
}

/// What a log tells while it is read back. An error says what is wrong with the record.
pub(crate) trait Audience {
    /// A series came from a source.
    fn series(
        &mut self,
        series: SeriesRef,
        labels: &BorrowedLabels<'_>,
        source: &str,
    ) -> Result<(), &'static str>;
    /// Samples of a series came.
    fn samples(&mut self, series: SeriesRef, samples: &[(i64, f64)]) -> Result<(), &'static str>;
    /// A histogram of a series came.
    fn histogram(&mut self, series: SeriesRef, at_ms: i64, histogram: &Histogram)
    -> Result<(), &'static str>;
    /// An exemplar of a series came.
    fn exemplar(&mut self, series: SeriesRef, exemplar: &Exemplar<'_>);
    /// Samples between, both included, are deleted.
    fn deleted(&mut self, series: &[SeriesRef], start_ms: i64, end_ms: i64);
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
        kind::SERIES | kind::SERIES_OF => {
            let source = if kind == kind::SERIES { "" } else { cursor.text().ok_or(SHORT)? };
            while !cursor.is_empty() {
                tell_series(&mut cursor, source, audience).ok_or(SHORT)??;
            }
        }
        kind::HISTOGRAMS => {
            while !cursor.is_empty() {
                tell_histogram(&mut cursor, audience).ok_or(SHORT)??;
            }
        }
        kind::EXEMPLARS => {
            while !cursor.is_empty() {
                tell_exemplar(&mut cursor, &mut |series, exemplar| audience.exemplar(series, exemplar))
                    .ok_or(SHORT)?;
            }
        }
        kind::DELETED => {
            let (start_ms, end_ms) = (cursor.i64().ok_or(SHORT)?, cursor.i64().ok_or(SHORT)?);
            audience.deleted(&take_refs(&mut cursor).ok_or(SHORT)?, start_ms, end_ms);
        }
        kind::SAMPLES => {
            let (mut before, mut samples) = ((0, 0), Vec::new());
            while !cursor.is_empty() {
                tell_samples(&mut cursor, &mut before, &mut samples, audience).ok_or(SHORT)??;
            }
        }
        kind::FLOOR => audience.floor(cursor.i64().ok_or(SHORT)?),
        kind::DROPPED => {
            audience.dropped(&take_refs(&mut cursor).ok_or(SHORT)?);
        }
        kind::SYNCED => {}
        _ => return Err("a record of an unknown kind; a later version of Swan may have written it"),
    }
    Ok(())
}

fn take_refs(cursor: &mut Cursor<'_>) -> Option<Vec<SeriesRef>> {
    let mut series = Vec::new();
    while !cursor.is_empty() {
        series.push(SeriesRef(cursor.u32()?));
    }
    Some(series)
}

fn take_labels<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<(&'a str, &'a str)>> {
    let count = cursor.count()?;
    let mut labels = Vec::with_capacity(count);
    for _ in 0..count {
        labels.push((cursor.text()?, cursor.text()?));
    }
    Some(labels)
}

fn tell_series(
    cursor: &mut Cursor<'_>,
    source: &str,
    audience: &mut dyn Audience,
) -> Option<Result<(), &'static str>> {
    let series = SeriesRef(cursor.u32()?);
    Some(audience.series(series, &take_labels(cursor)?, source))
}

fn tell_histogram(cursor: &mut Cursor<'_>, audience: &mut dyn Audience) -> Option<Result<(), &'static str>> {
    let (series, at_ms) = (SeriesRef(cursor.u32()?), cursor.i64()?);
    let mut stream = Cursor::new(cursor.bytes()?);
    let (_, histogram) = histograms::take(&mut stream, None)?;
    stream.is_empty().then(|| audience.histogram(series, at_ms, &histogram))
}

/// Takes an exemplar's entry.
pub(crate) fn tell_exemplar(
    cursor: &mut Cursor<'_>,
    each: &mut dyn FnMut(SeriesRef, &Exemplar<'_>),
) -> Option<()> {
    let (series, at_ms, value) = (SeriesRef(cursor.u32()?), cursor.i64()?, cursor.f64()?);
    each(series, &Exemplar { labels: &take_labels(cursor)?, value, at_ms });
    Some(())
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
