//! Reading a checkpoint.

use std::io::{self, Read};
use std::path::Path;

use super::{Opening, VERSION};
use crate::SeriesRef;
use crate::chunk::Run;
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
        audience.series(series, &labels, source, read_parts(cursor).ok_or(SHORT)?)?;
        series_count += 1;
    }
    Ok(series_count)
}

fn read_parts(cursor: &mut Cursor<'_>) -> Option<Parts> {
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
        match what {
            1 => parts.in_order.push(Run { first_ms, last_ms, count, stream }),
            2 => parts.late.push(Run { first_ms, last_ms, count, stream }),
            3 => parts.histograms.push(HistogramRun { first_ms, last_ms, count, stream }),
            _ => return None,
        }
    }
}
