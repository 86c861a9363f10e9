//! The labels at the beginning of a series, as every known sender encodes short ones: name and value in this order,
//! each below 128 bytes.
//!
//! A sender sends the series of a target one after the other, so that most labels are, byte for byte, those of the
//! series before. Such a label is not read again: the slices of the one before are handed out, and whoever compares
//! labels of neighbours sees by their addresses that they are the same.

use std::ops::Range;

use kernel::limits::SERIES_LABELS_MAX;

use super::batch::{Batch, index};
use super::labels::{NOT_UTF8, Unfit};

/// The labels of the series before, and where they stand.
#[derive(Default)]
pub(super) struct Repeated {
    /// In the body, one for each label; empty where the series before is no example.
    before: Vec<Range<u32>>,
    /// Where its labels stand in the batch.
    labels_from: usize,
    own: Vec<Range<u32>>,
}

/// What was taken.
pub(super) struct Taken {
    /// Where the rest of the series begins.
    pub(super) after: usize,
    pub(super) unfit: Option<Unfit>,
    /// The labels have the names of those of the series before, and values.
    pub(super) are_alike: bool,
}

impl Repeated {
    /// Takes labels as long as they are short.
    pub(super) fn take<'a>(&mut self, body: &'a [u8], range: Range<usize>, batch: &mut Batch<'a>) -> Taken {
        let from = batch.labels.len();
        let (mut at, mut unfit, mut are_alike) = (range.start, None, true);
        self.own.clear();
        while self.own.len() < SERIES_LABELS_MAX {
            let (place, rest) = (self.own.len(), &body[at..range.end]);
            let before = self.before.get(place).map(|label| label.start as usize..label.end as usize);
            let length = match before.clone().filter(|label| begins_with(rest, &body[label.clone()])) {
                Some(label) => {
                    batch.labels.push(batch.labels[self.labels_from + place]);
                    label.len()
                }
                None => {
                    let Some(short) = Short::at(rest) else { break };
                    match short.texts(rest) {
                        Some((mut name, value)) => {
                            let example = before.map(|_| batch.labels[self.labels_from + place].0);
                            are_alike &= example == Some(name) && !value.is_empty();
                            name = example.filter(|_| are_alike).unwrap_or(name);
                            batch.labels.push((name, value));
                        }
                        None => unfit = Some(NOT_UTF8),
                    }
                    short.length
                }
            };
            self.own.push(index(at)..index(at + length));
            at += length;
        }
        if unfit.is_some() {
            batch.labels.truncate(from);
        }
        are_alike &= unfit.is_none() && !self.own.is_empty() && self.own.len() == self.before.len();
        Taken { after: at, unfit, are_alike }
    }

    /// The series that was taken last stands in the batch from here on as it came, and has no other labels: it is the
    /// example for the next one.
    pub(super) fn learn(&mut self, labels_from: usize) {
        std::mem::swap(&mut self.before, &mut self.own);
        self.labels_from = labels_from;
    }

    /// The series that was taken last is no example.
    pub(super) fn forget(&mut self) {
        self.before.clear();
    }

    /// How many labels were taken of the last series.
    pub(super) fn count(&self) -> usize {
        self.own.len()
    }
}

/// A short label at the beginning of some bytes.
struct Short {
    name_length: usize,
    /// Of all of it.
    length: usize,
}

impl Short {
    fn at(bytes: &[u8]) -> Option<Self> {
        let [0x0a, length @ 0..0x80, 0x0a, name @ 0..0x80, rest @ ..] = bytes else { return None };
        let (length, name_length) = (usize::from(*length), usize::from(*name));
        let [0x12, value @ 0..0x80] = rest.get(name_length..name_length + 2)? else { return None };
        let is_whole = length == name_length + usize::from(*value) + 4 && rest.len() >= length - 2;
        is_whole.then_some(Self { name_length, length: length + 2 })
    }

    /// Name and value; `None` where they are not UTF-8. They are checked together with the tags and lengths between
    /// them, which are ASCII.
    fn texts<'a>(&self, bytes: &'a [u8]) -> Option<(&'a str, &'a str)> {
        let label = std::str::from_utf8(&bytes[..self.length]).ok()?;
        let name_end = 4 + self.name_length;
        Some((&label[4..name_end], &label[name_end + 2..]))
    }
}

/// Whether bytes begin with a label. Labels are short: a call that compares would cost more than comparing.
#[inline]
fn begins_with(bytes: &[u8], label: &[u8]) -> bool {
    let Some(own) = bytes.get(..label.len()) else { return false };
    let words = own.as_chunks::<8>().0.iter().zip(label.as_chunks::<8>().0);
    for (own, label) in words {
        if u64::from_ne_bytes(*own) != u64::from_ne_bytes(*label) {
            return false;
        }
    }
    match (own.last_chunk::<8>(), label.last_chunk::<8>()) {
        (Some(own), Some(label)) => u64::from_ne_bytes(*own) == u64::from_ne_bytes(*label),
        _ => own == label,
    }
}
