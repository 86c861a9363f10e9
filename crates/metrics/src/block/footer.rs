//! What a block says of itself.

use super::MAGIC;
use super::{PAGE_SERIES, PAGE_VALUES};
use crate::wire::{Cursor, put_bytes, put_signed, put_varint};

/// Where a part of the file is; with its checksum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
}

/// A name, and where its values are.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameEntry {
    pub(crate) text: Box<str>,
    /// How many values it has.
    pub(crate) values: u32,
    /// Pages of its values, with the first value of each.
    pub(crate) pages: Vec<(Box<str>, Extent)>,
}

/// What a block says of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Footer {
    pub(crate) number: u64,
    /// The window of time that it belongs to, in milliseconds; the end is not in it.
    pub(crate) window: (i64, i64),
    /// The first and the last timestamp.
    pub(crate) span: (i64, i64),
    pub(crate) samples: u64,
    pub(crate) series: u32,
    /// Blocks that it took the place of.
    pub(crate) parents: Vec<u64>,
    /// By name.
    pub(crate) names: Vec<NameEntry>,
    pub(crate) pages: Vec<Extent>,
    /// The size of the file.
    pub(crate) bytes: u64,
}

/// Bytes after the footer: its length, its checksum, the magic.
pub(super) const TRAILER_BYTES: usize = 16;

impl Footer {
    /// The footer and the trailer.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.number);
        for at_ms in [self.window.0, self.window.1, self.span.0, self.span.1] {
            put_signed(&mut out, at_ms);
        }
        put_varint(&mut out, self.samples);
        put_varint(&mut out, u64::from(self.series));
        put_varint(&mut out, self.parents.len() as u64);
        self.parents.iter().for_each(|parent| put_varint(&mut out, *parent));
        put_varint(&mut out, self.names.len() as u64);
        let mut at = 0;
        for name in &self.names {
            put_bytes(&mut out, name.text.as_bytes());
            put_varint(&mut out, u64::from(name.values));
            put_varint(&mut out, name.pages.len() as u64);
            for (first, extent) in &name.pages {
                put_bytes(&mut out, first.as_bytes());
                put_extent(&mut out, *extent, &mut at);
            }
        }
        put_varint(&mut out, self.pages.len() as u64);
        let mut at = 0;
        self.pages.iter().for_each(|extent| put_extent(&mut out, *extent, &mut at));
        let (length, checksum) = (out.len() as u32, crc32fast::hash(&out));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out
    }

    /// The length of the footer, of the trailer's bytes.
    pub(super) fn length(trailer: [u8; TRAILER_BYTES]) -> Option<(u32, u32)> {
        let [l0, l1, l2, l3, c0, c1, c2, c3, magic @ ..] = trailer;
        (magic == MAGIC)
            .then_some((u32::from_le_bytes([l0, l1, l2, l3]), u32::from_le_bytes([c0, c1, c2, c3])))
    }

    /// Takes the footer apart.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let number = cursor.varint()?;
        let window = (cursor.signed()?, cursor.signed()?);
        let span = (cursor.signed()?, cursor.signed()?);
        let (samples, series) = (cursor.varint()?, u32::try_from(cursor.varint()?).ok()?);
        let parents = (0..cursor.count()?).map(|_| cursor.varint()).collect::<Option<Vec<u64>>>()?;
        let count = cursor.count()?;
        let (mut names, mut at) = (Vec::with_capacity(count), 0);
        for _ in 0..count {
            let text: Box<str> = cursor.text()?.into();
            let before: &str = names.last().map_or("", |before: &NameEntry| &before.text);
            if *text <= *before {
                return None;
            }
            let values = u32::try_from(cursor.varint()?).ok()?;
            let pages = (0..cursor.count()?)
                .map(|_| Some((cursor.text()?.into(), take_extent(&mut cursor, &mut at)?)))
                .collect::<Option<Vec<_>>>()?;
            if (values as usize).div_ceil(PAGE_VALUES) != pages.len() {
                return None;
            }
            names.push(NameEntry { text, values, pages });
        }
        let mut at = 0;
        let pages =
            (0..cursor.count()?).map(|_| take_extent(&mut cursor, &mut at)).collect::<Option<Vec<_>>>()?;
        let are_there = (series as usize).div_ceil(PAGE_SERIES) == pages.len();
        (are_there && cursor.is_empty()).then_some(Self {
            number,
            window,
            span,
            samples,
            series,
            parents,
            names,
            pages,
            bytes: 0,
        })
    }
}

fn put_extent(out: &mut Vec<u8>, extent: Extent, at: &mut u64) {
    put_varint(out, extent.offset.wrapping_sub(*at));
    put_varint(out, u64::from(extent.bytes));
    *at = extent.offset + u64::from(extent.bytes);
}

fn take_extent(cursor: &mut Cursor<'_>, at: &mut u64) -> Option<Extent> {
    let offset = at.checked_add(cursor.varint()?)?;
    let bytes = u32::try_from(cursor.varint()?).ok()?;
    *at = offset.checked_add(u64::from(bytes))?;
    Some(Extent { offset, bytes })
}
