//! Reading a checkpoint.

use std::io::{self, Read};
use std::path::Path;

use promql::Histogram;

use super::{Opening, VERSION};
use crate::SeriesRef;
use crate::chunk::{Columns, Run, decode, histograms};
use crate::exemplars::Exemplar;
use crate::fault::OpenFault;
use crate::head::{HistogramRun, Newest, Parts};
use crate::index::BorrowedLabels;
use crate::wal::tell_exemplar;
use crate::wire::{self, Cursor, kind};

/// Whom a checkpoint is told. An error says what is wrong with the record.
pub(crate) trait Audience {
    /// What it begins with.
    fn opening(&mut self, opening: Opening);
    /// A series with all its samples.
    fn series(
        &mut self,
        series: SeriesRef,
        labels: &BorrowedLabels<'_>,
        source: &str,
        parts: Parts,
    ) -> Result<(), &'static str>;
    /// An exemplar.
    fn exemplar(&mut self, series: SeriesRef, exemplar: &Exemplar<'_>);
}

const SHORT: &str = "the record ends within an entry";
const UNSOUND: &str = "the record ends within an entry, or a run of samples is not one";

/// Tells the audience what a checkpoint says. It was durable before it had its name, so it is whole or damaged.
pub(crate) fn load(
    file: impl Read,
    path: &Path,
    first_segment: u64,
    audience: &mut dyn Audience,
) -> Result<u64, OpenFault> {
    let mut records =
        Records { file: io::BufReader::with_capacity(1 << 20, file), body: Vec::new(), offset: 0 };
    let mut series_count = 0;
    let mut opened = false;
    loop {
        let offset = records.offset;
        let corrupt = |what| OpenFault::Corrupt { path: path.to_owned(), offset, what };
        let record = records.next().map_err(|source| OpenFault::Read { path: path.to_owned(), source })?;
        let (kind, payload) = record.ok_or_else(|| corrupt("the record is not what its checksum says"))?;
        let mut cursor = Cursor::new(payload);
        match kind {
            kind::OPENING if !opened => {
                let opening = read_opening(&mut cursor).map_err(corrupt)?;
                if opening.first_segment != first_segment {
                    return Err(corrupt("the checkpoint is that of another segment"));
                }
                audience.opening(opening);
                opened = true;
            }
            kind::PAGE if opened => series_count += tell_page(&mut cursor, audience).map_err(corrupt)?,
            kind::EXEMPLARS if opened => {
                while !cursor.is_empty() {
                    let each = &mut |series, exemplar: &Exemplar<'_>| audience.exemplar(series, exemplar);
                    tell_exemplar(&mut cursor, each).ok_or_else(|| corrupt(SHORT))?;
                }
            }
            kind::END if opened => {
                if cursor.u64() != Some(series_count) {
                    return Err(corrupt("series are missing"));
                }
                return Ok(records.offset);
            }
            _ => return Err(corrupt("a record of an unexpected kind")),
        }
    }
}

struct Records<R> {
    file: R,
    body: Vec<u8>,
    offset: u64,
}

impl<R: Read> Records<R> {
    /// The next record; `None` where it is not whole or not sound.
    fn next(&mut self) -> io::Result<Option<(u8, &[u8])>> {
        let mut head = [0; 8];
        match self.file.read_exact(&mut head) {
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let Some((length, expected)) = wire::parse_head(head) else { return Ok(None) };
        self.body.clear();
        (&mut self.file).take(length as u64).read_to_end(&mut self.body)?;
        if self.body.len() < length || !wire::is_sound(&self.body, expected) {
            return Ok(None);
        }
        self.offset += 8 + length as u64;
        Ok(self.body.split_first().map(|(kind, payload)| (*kind, payload)))
    }
}

fn read_opening(cursor: &mut Cursor<'_>) -> Result<Opening, &'static str> {
    if cursor.u32().ok_or(SHORT)? != VERSION {
        return Err("the checkpoint has a version that this program does not know");
    }
    let parts = (cursor.u64(), cursor.u32(), cursor.i64());
    let (Some(first_segment), Some(next_ref), Some(floor_ms)) = parts else { return Err(SHORT) };
    Ok(Opening { first_segment, next_ref, floor_ms })
}

fn tell_page(cursor: &mut Cursor<'_>, audience: &mut dyn Audience) -> Result<u64, &'static str> {
    let count = cursor.count().ok_or(SHORT)?;
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        texts.push(cursor.text().ok_or(SHORT)?);
    }
    let mut labels = Vec::new();
    let mut proof = Proof::default();
    let mut series_count = 0;
    while !cursor.is_empty() {
        let series = SeriesRef(cursor.u32().ok_or(SHORT)?);
        let source = cursor.varint().and_then(|number| texts.get(usize::try_from(number).ok()?).copied());
        let source = source.ok_or(SHORT)?;
        labels.clear();
        for _ in 0..cursor.count().ok_or(SHORT)? {
            let mut text = || texts.get(cursor.varint()? as usize).copied();
            labels.push((text().ok_or(SHORT)?, text().ok_or(SHORT)?));
        }
        audience.series(series, &labels, source, read_parts(cursor, &mut proof).ok_or(UNSOUND)?)?;
        series_count += 1;
    }
    Ok(series_count)
}

/// Memory for looking into runs before they are believed: whoever reads them in the head has no way to say that they
/// are damaged.
#[derive(Default)]
struct Proof {
    floats: Columns,
    timestamps: Vec<i64>,
    histograms: Vec<Histogram>,
    scratch: Vec<i64>,
}

impl Proof {
    fn is_run(&mut self, run: &Run) -> bool {
        self.floats.clear();
        let count = usize::from(run.count);
        decode(&run.stream, run.first_ms, count, &mut self.floats, &mut self.scratch).is_some()
            && is_in_order(&self.floats.timestamps, run.last_ms)
    }

    fn is_histogram_run(&mut self, run: &HistogramRun) -> bool {
        self.timestamps.clear();
        self.histograms.clear();
        let count = usize::from(run.count);
        histograms::decode(&run.stream, run.first_ms, count, &mut self.timestamps, &mut self.histograms)
            .is_some()
            && is_in_order(&self.timestamps, run.last_ms)
    }
}

fn is_in_order(timestamps: &[i64], last_ms: i64) -> bool {
    timestamps.is_sorted_by(|a, b| a < b) && timestamps.last() == Some(&last_ms)
}

fn read_parts(cursor: &mut Cursor<'_>, proof: &mut Proof) -> Option<Parts> {
    let mut newest_ms = || {
        let (is_some, newest_ms) = (cursor.varint()? != 0, cursor.signed()?);
        Some(is_some.then_some(newest_ms))
    };
    let newest = Newest { float_ms: newest_ms()?, histogram_ms: newest_ms()? };
    let mut parts = Parts { newest, ..Parts::default() };
    loop {
        let what = cursor.u8()?;
        if what == 0 {
            return Some(parts);
        }
        let first_ms = cursor.i64()?;
        let last_ms = first_ms.wrapping_add(cursor.varint()?.cast_signed());
        let (count, stream) = (cursor.u16()?, cursor.bytes()?.into());
        if what == 3 {
            let run = HistogramRun { first_ms, last_ms, count, stream };
            parts.histograms.push(proof.is_histogram_run(&run).then_some(run)?);
            continue;
        }
        let run = Run { first_ms, last_ms, count, stream };
        let follows = |before: &Run| before.last_ms < run.first_ms;
        let (runs, is_placed) = match what {
            1 => {
                let is_placed = parts.in_order.last().is_none_or(follows);
                (&mut parts.in_order, is_placed)
            }
            2 => (&mut parts.late, true),
            _ => return None,
        };
        runs.push((is_placed && proof.is_run(&run)).then_some(run)?);
    }
}
