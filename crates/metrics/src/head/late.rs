//! Samples that came after newer ones of their series.
//!
//! A few wait in a sorted list; when it is full it is merged into sorted runs. The list hides a sample of the same
//! timestamp that a run holds, and both hide one of the samples that came in order, because they were written later.

use super::Slots;
use crate::chunk::{Columns, Packer, Run};
use crate::limits::LATE_SAMPLES_MAX;

/// Late samples of one series.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// Sorted by timestamp.
    fresh: Vec<(i64, f64)>,
    /// Sorted and disjoint.
    runs: Vec<Run>,
    /// On their way into a block; sorted and disjoint, and older writes than all others here.
    leaving: Vec<Run>,
}

impl Late {
    pub(super) fn push(&mut self, at_ms: i64, value: f64, packer: &mut Packer, slots: &mut Slots) {
        match self.fresh.binary_search_by_key(&at_ms, |(fresh_ms, _)| *fresh_ms) {
            Ok(position) => self.fresh[position].1 = value,
            Err(position) => self.fresh.insert(position, (at_ms, value)),
        }
        if self.fresh.len() > LATE_SAMPLES_MAX {
            self.settle(packer, slots);
        }
    }

    /// Merges the list into the runs.
    fn settle(&mut self, packer: &mut Packer, slots: &mut Slots) {
        let fresh = Columns {
            timestamps: self.fresh.iter().map(|(at_ms, _)| *at_ms).collect(),
            values: self.fresh.iter().map(|(_, value)| *value).collect(),
        };
        self.fresh = Vec::new();
        merge_into(&mut self.runs, &fresh, packer, slots);
    }

    /// With what [`parts`](Self::parts) gave.
    pub(super) fn restore(parts: Vec<Run>, packer: &mut Packer, slots: &mut Slots) -> Self {
        Self { runs: slots.restore(parts, packer), ..Self::default() }
    }

    /// Every run, the list as one too; a later one hides an earlier one.
    pub(super) fn parts(&self, with_leaving: bool, packer: &mut Packer, mut each: impl FnMut(&Run)) {
        if with_leaving {
            self.leaving.iter().for_each(&mut each);
        }
        self.runs.iter().for_each(&mut each);
        if !self.fresh.is_empty() {
            let (timestamps, values): (Vec<i64>, Vec<f64>) = self.fresh.iter().copied().unzip();
            each(&packer.run(&timestamps, &values));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.runs.is_empty() && self.leaving.is_empty()
    }

    /// Samples that the list and the runs hold.
    pub(super) fn holdings(&self) -> (u64, u64, u64) {
        let runs = || self.runs.iter().chain(&self.leaving);
        let samples = runs().map(|run| u64::from(run.count)).sum::<u64>() + self.fresh.len() as u64;
        (samples, runs().count() as u64, runs().map(|run| run.stream.len() as u64).sum())
    }

    /// The oldest timestamp that is not leaving.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        let run = self.runs.first().map(|run| run.first_ms);
        self.fresh.first().map(|(at_ms, _)| *at_ms).into_iter().chain(run).min()
    }

    /// Appends the samples between, those that are leaving only where they are wanted.
    pub(super) fn read(
        &self,
        (start_ms, end_ms): (i64, i64),
        with_leaving: bool,
        scratch: &mut Vec<i64>,
    ) -> Columns {
        let mut columns = Columns::default();
        let within = |run: &&Run| run.first_ms <= end_ms && run.last_ms >= start_ms;
        if with_leaving {
            self.leaving.iter().filter(within).for_each(|run| run.read(&mut columns, scratch));
        }
        let mut newer = Columns::default();
        self.runs.iter().filter(within).for_each(|run| run.read(&mut newer, scratch));
        columns.merge_from(0, &newer);
        newer.clear();
        let fresh = self.fresh.iter().filter(|(at_ms, _)| (start_ms..=end_ms).contains(at_ms));
        fresh.for_each(|(at_ms, value)| newer.push(*at_ms, *value));
        columns.merge_from(0, &newer);
        columns
    }

    /// The runs that are leaving.
    pub(super) fn leaving(&self) -> &[Run] {
        &self.leaving
    }

    /// Lets go what lies before `end_ms`, which is the end of a slot.
    pub(super) fn depart(&mut self, end_ms: i64, packer: &mut Packer, slots: &mut Slots) {
        if self.fresh.first().is_some_and(|(at_ms, _)| *at_ms < end_ms) {
            self.settle(packer, slots);
        }
        let count = self.runs.partition_point(|run| run.first_ms < end_ms);
        let going: Vec<Run> = self.runs.drain(..count).collect();
        if self.leaving.is_empty() {
            self.leaving = going;
        } else {
            let (mut columns, mut scratch) = (Columns::default(), Vec::new());
            going.iter().for_each(|run| run.read(&mut columns, &mut scratch));
            merge_into(&mut self.leaving, &columns, packer, slots);
        }
    }

    /// Forgets what was leaving: a block has it.
    pub(super) fn departed(&mut self) {
        self.leaving = Vec::new();
    }

    /// Drops what ends before `floor_ms`.
    pub(super) fn drop_before(&mut self, floor_ms: i64) {
        self.fresh.retain(|(at_ms, _)| *at_ms >= floor_ms);
        self.runs.retain(|run| run.last_ms >= floor_ms);
        self.leaving.retain(|run| run.last_ms >= floor_ms);
    }
}

/// Merges samples into sorted disjoint runs.
pub(super) fn merge_into(runs: &mut Vec<Run>, newer: &Columns, packer: &mut Packer, slots: &mut Slots) {
    let (Some(first_ms), Some(last_ms)) = (newer.timestamps.first(), newer.timestamps.last()) else { return };
    let mut from = runs.partition_point(|run| run.last_ms < *first_ms);
    let until = runs.partition_point(|run| run.first_ms <= *last_ms).max(from);
    // The run before is filled up, so that samples that come one after the other leave no trail of short runs.
    if from > 0 && runs[from - 1].count < crate::limits::RUN_SAMPLES_MAX {
        from -= 1;
    }
    let (mut columns, mut scratch) = (Columns::default(), Vec::new());
    runs[from..until].iter().for_each(|run| run.read(&mut columns, &mut scratch));
    columns.merge_from(0, newer);
    let mut packed = Vec::new();
    slots.pack(&columns, packer, &mut packed);
    runs.splice(from..until, packed);
}
