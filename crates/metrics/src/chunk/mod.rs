//! Compressed runs of samples.
//!
//! The characters: a [`Tail`] takes samples in order, a few bytes each, and keeps the newest one outside its stream,
//! so that replacing it costs nothing; a [`Run`] is closed, packed for size and for the speed of reading.
//!
//! The format of a run, for `n` samples whose first timestamp stands outside:
//! - the distances between timestamps, packed (see [`ints`]); equal ones take no bits at all;
//! - the mode: bits 0 and 1 say what the numbers are, bit 2 that they are packed themselves and not their
//!   distances, bit 3 that specials follow, bits 4 to 7 the scale;
//! - decimal: integers that, divided by ten to the scale, give exactly the bits of the values;
//! - near decimal: the same, and how many representable values beside that each value lies, which is what sums of
//!   decimals come to;
//! - bits: the bits of the values in the order of the values, without the zeros that all end with;
//! - specials: positions and bits of values that are none of that (markers of staleness, other NaNs, infinities, minus
//!   zero, strays).
//!
//! Every bit pattern of a value comes back as it went in: what is packed was first unpacked and compared.

mod decimal;
pub(crate) mod histograms;
mod ints;
mod run;
mod steps;
mod tail;

pub(crate) use run::{Packer, Run, decode};
pub(crate) use tail::Tail;

/// Samples as two columns of the same length; timestamps in milliseconds, strictly increasing.
#[derive(Debug, Default, Clone)]
pub(crate) struct Columns {
    pub(crate) timestamps: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

impl Columns {
    pub(crate) fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    pub(crate) const fn len(&self) -> usize {
        self.timestamps.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    #[inline]
    pub(crate) fn push(&mut self, at_ms: i64, value: f64) {
        self.timestamps.push(at_ms);
        self.values.push(value);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, f64)> {
        self.timestamps.iter().copied().zip(self.values.iter().copied())
    }

    /// Appends what `newer` has, each in place of a sample of the same timestamp from `from` on.
    pub(crate) fn merge_from(&mut self, from: usize, newer: &Self) {
        if newer.is_empty() {
            return;
        }
        if self
            .timestamps
            .get(from..)
            .is_none_or(|old| old.last().is_none_or(|last| *last < newer.timestamps[0]))
        {
            self.timestamps.extend_from_slice(&newer.timestamps);
            self.values.extend_from_slice(&newer.values);
            return;
        }
        let old: Vec<(i64, f64)> = self.timestamps.drain(from..).zip(self.values.drain(from..)).collect();
        let mut newer = newer.iter().peekable();
        for (at_ms, value) in old {
            while let Some((newer_ms, newer_value)) = newer.next_if(|(newer_ms, _)| *newer_ms < at_ms) {
                self.push(newer_ms, newer_value);
            }
            let hidden_by = newer.next_if(|(newer_ms, _)| *newer_ms == at_ms);
            self.push(at_ms, hidden_by.map_or(value, |(_, newer_value)| newer_value));
        }
        newer.for_each(|(newer_ms, newer_value)| self.push(newer_ms, newer_value));
    }

    /// Keeps what lies from `start_ms` to `end_ms`, both included, of what stands from `from` on.
    pub(crate) fn clip_from(&mut self, from: usize, start_ms: i64, end_ms: i64) {
        // Mostly all of it does.
        let outside = |at: Option<&i64>| at.is_some_and(|at_ms| *at_ms < start_ms || end_ms < *at_ms);
        if !outside(self.timestamps.get(from)) && !outside(self.timestamps.last()) {
            return;
        }
        // What was read ends where it should, or with a few samples more.
        let beyond = self.timestamps[from..].iter().rev().take_while(|at_ms| **at_ms > end_ms).count();
        self.timestamps.truncate(self.timestamps.len() - beyond);
        self.values.truncate(self.timestamps.len());
        let gone = self.timestamps[from..].partition_point(|at_ms| *at_ms < start_ms);
        if gone > 0 {
            self.timestamps.drain(from..from + gone);
            self.values.drain(from..from + gone);
        }
    }
}

#[cfg(test)]
mod tests;
