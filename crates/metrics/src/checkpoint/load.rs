//! Reading a checkpoint.

use std::io::{self, Read};
use std::path::Path;

use super::{Opening, VERSION};
use crate::SeriesRef;
use crate::chunk::Chunk;
use crate::fault::OpenFault;
use crate::head::Series;
use crate::index::BorrowedLabels;
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
        samples: Series,
    ) -> Result<(), &'static str>;
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
        labels.clear();
        for _ in 0..cursor.count().ok_or(SHORT)? {
            let mut text = || texts.get(cursor.varint()? as usize).copied();
            labels.push((text().ok_or(SHORT)?, text().ok_or(SHORT)?));
        }
        let samples = read_samples(cursor).ok_or(SHORT)?;
        audience.series(series, &labels, samples)?;
        series_count += 1;
    }
    Ok(series_count)
}

fn read_samples(cursor: &mut Cursor<'_>) -> Option<Series> {
    let closed_count = cursor.count()?;
    let closed = (0..closed_count).map(|_| read_chunk(cursor)).collect::<Option<Vec<_>>>()?;
    let open = if cursor.varint()? == 0 { None } else { Some(read_chunk(cursor)?) };
    let late_count = cursor.count()?;
    let late = (0..late_count).map(|_| Some((cursor.i64()?, cursor.f64()?))).collect::<Option<Vec<_>>>()?;
    Some(Series::from_parts(closed, open.as_ref(), late))
}

fn read_chunk(cursor: &mut Cursor<'_>) -> Option<Chunk> {
    let first_ms = cursor.i64()?;
    let last_ms = first_ms.wrapping_add(cursor.varint()?.cast_signed());
    Some(Chunk { first_ms, last_ms, count: cursor.u16()?, stream: cursor.bytes()?.into() })
}
