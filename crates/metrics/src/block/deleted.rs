//! What was deleted of a block since it was written.
//!
//! The file is one record (see `wire`): for each series its number, and the ranges that are gone, both ends included.

use std::collections::BTreeMap;

use crate::head::Found;
use crate::wire::{self, Cursor, kind, put_signed, put_varint};

/// Ranges that are gone, by the number of the series in the block.
#[derive(Debug, Default, Clone)]
pub(crate) struct Deleted(BTreeMap<u32, Vec<(i64, i64)>>);

impl Deleted {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a range.
    pub(crate) fn add(&mut self, series: u32, start_ms: i64, end_ms: i64) {
        let ranges = self.0.entry(series).or_default();
        let is_known = ranges.iter().any(|(start, end)| *start <= start_ms && end_ms <= *end);
        if !is_known {
            ranges.retain(|(start, end)| *start < start_ms || end_ms < *end);
            ranges.push((start_ms, end_ms));
        }
    }

    /// Whether nothing is left of a series between.
    pub(crate) fn has_all(&self, series: u32, start_ms: i64, end_ms: i64) -> bool {
        let ranges = self.0.get(&series);
        ranges.is_some_and(|ranges| ranges.iter().any(|(start, end)| *start <= start_ms && end_ms <= *end))
    }

    /// Takes out of what was found what is gone.
    pub(crate) fn apply(&self, series: u32, found: &mut Found) {
        let Some(ranges) = self.0.get(&series) else { return };
        let is_gone = |at_ms: i64| ranges.iter().any(|(start, end)| *start <= at_ms && at_ms <= *end);
        let kept: Vec<(i64, f64)> = found.floats.iter().filter(|(at_ms, _)| !is_gone(*at_ms)).collect();
        found.floats.clear();
        kept.into_iter().for_each(|(at_ms, value)| found.floats.push(at_ms, value));
        let columns = std::mem::take(&mut found.histograms);
        for (at_ms, histogram) in columns.timestamps.into_iter().zip(columns.histograms) {
            if !is_gone(at_ms) {
                found.histograms.timestamps.push(at_ms);
                found.histograms.histograms.push(histogram);
            }
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let start = wire::begin(&mut out, kind::DELETED);
        for (series, ranges) in &self.0 {
            put_varint(&mut out, u64::from(*series));
            put_varint(&mut out, ranges.len() as u64);
            for (start_ms, end_ms) in ranges {
                put_signed(&mut out, *start_ms);
                put_signed(&mut out, *end_ms);
            }
        }
        wire::seal(&mut out, start);
        out
    }

    /// Takes the file apart; `None` where it is not what [`to_bytes`](Self::to_bytes) writes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind::DELETED, payload) = wire::read(bytes)? else { return None };
        let (mut cursor, mut deleted) = (Cursor::new(payload), Self::default());
        while !cursor.is_empty() {
            let series = u32::try_from(cursor.varint()?).ok()?;
            for _ in 0..cursor.count()? {
                deleted.add(series, cursor.signed()?, cursor.signed()?);
            }
        }
        Some(deleted)
    }
}
