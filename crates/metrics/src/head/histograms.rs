//! The native histograms of one series.
//!
//! The newest wait unpacked, sorted; when they are many they are merged into sorted runs, whose end they mostly
//! extend. One that waits hides one of the same timestamp in a run.

use std::collections::BTreeMap;

use promql::Histogram;

use super::Slots;
use crate::chunk::histograms::{decode, encode};
use crate::limits::{HISTOGRAMS_WAITING_MAX, RUN_SAMPLES_MAX};

/// A closed run of histograms.
#[derive(Debug, Clone)]
pub(crate) struct HistogramRun {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) count: u16,
    pub(crate) stream: Box<[u8]>,
}

/// Histograms of one series.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    fresh: BTreeMap<i64, Histogram>,
    runs: Vec<HistogramRun>,
    leaving: Vec<HistogramRun>,
    newest_ms: Option<i64>,
}

/// Histograms by timestamp, as two columns.
#[derive(Debug, Default, Clone)]
pub(crate) struct HistogramColumns {
    pub(crate) timestamps: Vec<i64>,
    pub(crate) histograms: Vec<Histogram>,
    /// The last one that was seen before them, with its timestamp: the first of them follows it.
    before: Option<(i64, Histogram)>,
}

impl HistogramColumns {
    /// Without any before them.
    pub(super) const fn new(timestamps: Vec<i64>, histograms: Vec<Histogram>) -> Self {
        Self { timestamps, histograms, before: None }
    }

    pub(crate) fn clear(&mut self) {
        self.timestamps.clear();
        self.histograms.clear();
        self.before = None;
    }

    /// The histograms, and the last one that was seen before them.
    pub(crate) fn with_before(&mut self) -> (Option<&Histogram>, &mut [Histogram]) {
        (self.before.as_ref().map(|(_, before)| before), &mut self.histograms)
    }

    fn see_before(&mut self, before: Option<(i64, Histogram)>) {
        if let Some(before) = before
            && self.before.as_ref().is_none_or(|(at_ms, _)| *at_ms <= before.0)
        {
            self.before = Some(before);
        }
    }

    /// Puts newer ones in, each in place of one of the same timestamp.
    pub(crate) fn merge(&mut self, mut newer: Self) {
        self.see_before(newer.before.take());
        if newer.timestamps.is_empty() {
            return;
        }
        let in_order = self.timestamps.last().is_none_or(|last| *last < newer.timestamps[0]);
        if in_order {
            self.timestamps.extend(newer.timestamps);
            self.histograms.extend(newer.histograms);
            return;
        }
        let old = std::mem::take(&mut self.timestamps).into_iter().zip(std::mem::take(&mut self.histograms));
        let mut all: BTreeMap<i64, Histogram> = old.collect();
        all.extend(newer.timestamps.into_iter().zip(newer.histograms));
        (self.timestamps, self.histograms) = all.into_iter().unzip();
    }

    /// Keeps what lies between, both included.
    pub(crate) fn clip(&mut self, start_ms: i64, end_ms: i64) {
        let end = self.timestamps.partition_point(|at_ms| *at_ms <= end_ms);
        self.timestamps.truncate(end);
        self.histograms.truncate(end);
        let gone = self.timestamps.partition_point(|at_ms| *at_ms < start_ms);
        if let Some(last) = gone.checked_sub(1) {
            self.see_before(Some((self.timestamps[last], self.histograms[last].clone())));
        }
        self.timestamps.drain(..gone);
        self.histograms.drain(..gone);
    }

    pub(super) fn push_run(&mut self, run: &HistogramRun) {
        let count = usize::from(run.count);
        let read = decode(&run.stream, run.first_ms, count, &mut self.timestamps, &mut self.histograms);
        debug_assert!(read.is_some(), "a run in memory is what was packed");
    }
}

impl Histograms {
    /// The newest timestamp.
    pub(super) const fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    pub(super) fn push(&mut self, at_ms: i64, histogram: &Histogram, slots: &Slots) {
        self.newest_ms = self.newest_ms.max(Some(at_ms));
        self.fresh.insert(at_ms, histogram.clone());
        if self.fresh.len() > HISTOGRAMS_WAITING_MAX {
            self.settle(slots);
        }
    }

    /// With what [`parts`](Self::parts) gave.
    pub(super) fn restore(parts: Vec<HistogramRun>, newest_ms: Option<i64>, slots: &mut Slots) -> Self {
        let mut restored = Self { newest_ms, ..Self::default() };
        let in_order = parts.windows(2).all(|pair| pair[0].last_ms < pair[1].first_ms);
        if in_order && parts.iter().all(|part| slots.is_one(part.first_ms, part.last_ms)) {
            restored.runs = parts;
            return restored;
        }
        for part in parts {
            let mut columns = HistogramColumns::default();
            columns.push_run(&part);
            merge_into(&mut restored.runs, columns, slots);
        }
        restored
    }

    /// Every run, what waits as one too; a later one hides an earlier one.
    pub(super) fn parts(&self, with_leaving: bool, mut each: impl FnMut(&HistogramRun)) {
        if with_leaving {
            self.leaving.iter().for_each(&mut each);
        }
        self.runs.iter().for_each(&mut each);
        let (timestamps, histograms): (Vec<i64>, Vec<Histogram>) =
            self.fresh.iter().map(|(at_ms, histogram)| (*at_ms, histogram.clone())).unzip();
        if let (Some(first_ms), Some(last_ms)) = (timestamps.first(), timestamps.last()) {
            each(&HistogramRun {
                first_ms: *first_ms,
                last_ms: *last_ms,
                count: timestamps.len() as u16,
                stream: encode(&timestamps, &histograms).into(),
            });
        }
    }

    /// Remembers that there was a histogram as new as this.
    pub(super) fn keep_newest(&mut self, newest_ms: i64) {
        self.newest_ms = self.newest_ms.max(Some(newest_ms));
    }

    fn settle(&mut self, slots: &Slots) {
        let (timestamps, histograms) = std::mem::take(&mut self.fresh).into_iter().unzip();
        merge_into(&mut self.runs, HistogramColumns::new(timestamps, histograms), slots);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.runs.is_empty() && self.leaving.is_empty()
    }

    pub(super) fn holdings(&self) -> (u64, u64, u64) {
        let runs = || self.runs.iter().chain(&self.leaving);
        let samples = runs().map(|run| u64::from(run.count)).sum::<u64>() + self.fresh.len() as u64;
        (samples, runs().count() as u64, runs().map(|run| run.stream.len() as u64).sum())
    }

    pub(super) fn oldest_ms(&self) -> Option<i64> {
        let run = self.runs.first().map(|run| run.first_ms);
        self.fresh.first_key_value().map(|(at_ms, _)| *at_ms).into_iter().chain(run).min()
    }

    pub(super) fn leaving(&self) -> &[HistogramRun] {
        &self.leaving
    }

    pub(super) fn read(
        &self,
        (start_ms, end_ms): (i64, i64),
        with_leaving: bool,
        columns: &mut HistogramColumns,
    ) {
        columns.clear();
        let within = |run: &&HistogramRun| run.first_ms <= end_ms && run.last_ms >= start_ms;
        if with_leaving {
            self.leaving.iter().filter(within).for_each(|run| columns.push_run(run));
        }
        let mut newer = HistogramColumns::default();
        self.runs.iter().filter(within).for_each(|run| newer.push_run(run));
        columns.merge(newer);
        if start_ms <= end_ms {
            let fresh =
                self.fresh.range(start_ms..=end_ms).map(|(at_ms, histogram)| (*at_ms, histogram.clone()));
            let (timestamps, histograms) = fresh.unzip();
            let mut fresh = HistogramColumns::new(timestamps, histograms);
            let before = self.fresh.range(..start_ms).next_back();
            fresh.before = before.map(|(at_ms, histogram)| (*at_ms, histogram.clone()));
            columns.merge(fresh);
        }
        columns.clip(start_ms, end_ms);
    }

    pub(super) fn depart(&mut self, end_ms: i64, slots: &Slots) {
        if self.fresh.first_key_value().is_some_and(|(at_ms, _)| *at_ms < end_ms) {
            self.settle(slots);
        }
        let count = self.runs.partition_point(|run| run.first_ms < end_ms);
        let going: Vec<HistogramRun> = self.runs.drain(..count).collect();
        let mut columns = HistogramColumns::default();
        going.iter().for_each(|run| columns.push_run(run));
        merge_into(&mut self.leaving, columns, slots);
    }

    pub(super) fn departed(&mut self) {
        self.leaving = Vec::new();
    }

    pub(super) fn drop_before(&mut self, floor_ms: i64) {
        self.fresh.retain(|at_ms, _| *at_ms >= floor_ms);
        self.runs.retain(|run| run.last_ms >= floor_ms);
        self.leaving.retain(|run| run.last_ms >= floor_ms);
    }
}

/// Merges histograms into sorted disjoint runs, each in one slot and none too long.
fn merge_into(runs: &mut Vec<HistogramRun>, newer: HistogramColumns, slots: &Slots) {
    let (Some(first_ms), Some(last_ms)) =
        (newer.timestamps.first().copied(), newer.timestamps.last().copied())
    else {
        return;
    };
    let mut from = runs.partition_point(|run| run.last_ms < first_ms);
    let until = runs.partition_point(|run| run.first_ms <= last_ms).max(from);
    if from > 0 && runs[from - 1].count < RUN_SAMPLES_MAX {
        from -= 1;
    }
    let mut columns = HistogramColumns::default();
    runs[from..until].iter().for_each(|run| columns.push_run(run));
    columns.merge(newer);
    let mut packed = Vec::new();
    let mut start = 0;
    while start < columns.timestamps.len() {
        let slot = slots.start(columns.timestamps[start]);
        let rest = &columns.timestamps[start..];
        let count = rest
            .iter()
            .take(usize::from(RUN_SAMPLES_MAX))
            .take_while(|at_ms| slots.start(**at_ms) == slot)
            .count();
        let end = start + count;
        packed.push(HistogramRun {
            first_ms: columns.timestamps[start],
            last_ms: columns.timestamps[end - 1],
            count: count as u16,
            stream: encode(&columns.timestamps[start..end], &columns.histograms[start..end]).into(),
        });
        start = end;
    }
    runs.splice(from..until, packed);
}
