//! The samples of one series in memory.
//!
//! Samples that come in order go to the tail, which is packed into a run when it is full or its slot of time ends.
//! Samples that come late wait beside them, and hide those of the same timestamp. What is on its way into a block
//! stays readable here until the block is.

use promql::Histogram;

use super::histograms::{HistogramColumns, Histograms};
use super::late::Late;
use super::{HistogramRun, Slots};
use crate::chunk::{Columns, Packer, Run, Tail};
use crate::limits::RUN_SAMPLES_MAX;

/// Runs of one series that are touched before they are read.
const RUNS_TOUCHED_MAX: usize = 4;

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is stored; a sample of the same timestamp is replaced.
    Stored,
    /// It is older than the window allows.
    TooOld {
        /// The newest timestamp of the series.
        newest_ms: i64,
    },
}

/// The samples of one series.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// `None` before the first sample, and after the last one went on its way into a block.
    tail: Option<Tail>,
    /// Boxed, because most series of a busy store are young or idle.
    packed: Option<Box<Packed>>,
    /// Boxed, because most series never have one.
    extra: Option<Box<Extra>>,
}

/// Runs of samples that came in order; sorted and disjoint.
#[derive(Debug)]
struct Packed {
    runs: Vec<Run>,
    /// The first so many runs are on their way into a block.
    leaving: u32,
    /// The newest timestamp there ever was, of what is or was here.
    newest_ms: i64,
}

#[derive(Debug, Default)]
struct Extra {
    late: Late,
    histograms: Histograms,
}

/// What one series holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holdings {
    pub(crate) samples: u64,
    pub(crate) chunks: u64,
    pub(crate) chunk_bytes: u64,
}

/// The newest timestamps of a series, of what is and what was in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Newest {
    pub(crate) float_ms: Option<i64>,
    pub(crate) histogram_ms: Option<i64>,
}

/// A part of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    /// Floats that came in order.
    InOrder(&'a Run),
    /// Floats that came late; a later part hides an earlier one.
    Late(&'a Run),
    /// Histograms; a later part hides an earlier one.
    Histograms(&'a HistogramRun),
}

/// All parts of a series, and its newest timestamps.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) newest: Newest,
    pub(crate) in_order: Vec<Run>,
    pub(crate) late: Vec<Run>,
    pub(crate) histograms: Vec<HistogramRun>,
}

/// What a reader wants of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The first instant.
    pub(crate) start_ms: i64,
    /// The last instant.
    pub(crate) end_ms: i64,
    /// Whether what is on its way into a block is wanted too; not where the reader has that block.
    pub(crate) with_leaving: bool,
}

/// Memory for what is read of a series, used again and again.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Floats.
    pub(crate) floats: Columns,
    /// Histograms.
    pub(crate) histograms: HistogramColumns,
    pub(crate) scratch: Vec<i64>,
}

impl Found {
    /// Starts over, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
    }

    /// Whether nothing was found.
    pub(crate) const fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.timestamps.is_empty()
    }

    /// Takes out floats where there is a histogram: a series has one of them at an instant.
    pub(crate) fn settle(&mut self) {
        if self.histograms.timestamps.is_empty() || self.floats.is_empty() {
            return;
        }
        let hidden = &self.histograms.timestamps;
        let kept: Vec<(i64, f64)> =
            self.floats.iter().filter(|(at_ms, _)| hidden.binary_search(at_ms).is_err()).collect();
        self.floats.clear();
        kept.into_iter().for_each(|(at_ms, value)| self.floats.push(at_ms, value));
    }
}

impl Series {
    /// The newest timestamp of floats; `None` before the first one.
    #[inline]
    fn newest_float_ms(&self) -> Option<i64> {
        match &self.tail {
            Some(tail) => Some(tail.newest_ms()),
            None => self.packed.as_ref().map(|packed| packed.newest_ms),
        }
    }

    /// The newest timestamp; `None` before the first sample.
    #[inline]
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        let histograms = self.extra.as_ref().and_then(|extra| extra.histograms.newest_ms());
        self.newest_float_ms().max(histograms)
    }

    fn check_window(&self, at_ms: i64, window_ms: Option<i64>) -> Taken {
        match (self.newest_ms(), window_ms) {
            (Some(newest_ms), Some(window_ms)) if at_ms < newest_ms.saturating_sub(window_ms) => {
                Taken::TooOld { newest_ms }
            }
            _ => Taken::Stored,
        }
    }

    /// Takes a sample unless it is older than the newest by more than the window.
    #[inline]
    pub(crate) fn push_within(
        &mut self,
        (at_ms, value): (i64, f64),
        window_ms: Option<i64>,
        packer: &mut Packer,
        slots: &mut Slots,
    ) -> Taken {
        if let Some(tail) = &mut self.tail
            && at_ms > tail.newest_ms()
            && tail.count() < RUN_SAMPLES_MAX
            && slots.is_one(tail.first_ms(), at_ms)
        {
            tail.push(at_ms, value);
            return Taken::Stored;
        }
        let taken = self.check_window(at_ms, window_ms);
        if taken == Taken::Stored {
            self.push(at_ms, value, packer, slots);
        }
        taken
    }

    /// Takes a sample of any age.
    pub(crate) fn push(&mut self, at_ms: i64, value: f64, packer: &mut Packer, slots: &mut Slots) {
        if self.newest_float_ms().is_some_and(|newest_ms| at_ms < newest_ms) {
            return self.extra.get_or_insert_default().late.push(at_ms, value, packer, slots);
        }
        let Some(tail) = &mut self.tail else {
            if self.packed.as_ref().is_some_and(|packed| packed.newest_ms == at_ms) {
                return self.extra.get_or_insert_default().late.push(at_ms, value, packer, slots);
            }
            self.tail = Some(Tail::starting(at_ms, value));
            return;
        };
        if at_ms == tail.newest_ms() {
            // What waits beside is older, so it does not hide this.
            tail.replace_newest(value);
        } else if tail.count() < RUN_SAMPLES_MAX && slots.is_one(tail.first_ms(), at_ms) {
            tail.push(at_ms, value);
        } else {
            let run = tail.cut(at_ms, value, packer);
            self.packed.get_or_insert_with(|| Box::new(Packed::new(run.last_ms))).push(run);
        }
    }

    /// Takes a histogram unless it is older than the newest sample by more than the window.
    pub(crate) fn push_histogram(
        &mut self,
        at_ms: i64,
        histogram: &Histogram,
        window_ms: Option<i64>,
        slots: &Slots,
    ) -> Taken {
        let taken = self.check_window(at_ms, window_ms);
        if taken == Taken::Stored {
            self.extra.get_or_insert_default().histograms.push(at_ms, histogram, slots);
        }
        taken
    }

    /// Drops what ends before `floor_ms`.
    pub(crate) fn drop_before(&mut self, floor_ms: i64) {
        if let Some(packed) = &mut self.packed {
            let gone = packed.runs.partition_point(|run| run.last_ms < floor_ms);
            if gone > 0 {
                packed.runs.drain(..gone);
                packed.runs.shrink_to_fit();
                packed.leaving = packed.leaving.saturating_sub(gone as u32);
            }
        }
        if let Some(extra) = &mut self.extra {
            extra.late.drop_before(floor_ms);
            extra.histograms.drop_before(floor_ms);
        }
        self.drop_empty_extra();
    }

    fn drop_empty_extra(&mut self) {
        let is_empty = |extra: &Extra| {
            // The newest timestamp of histograms bounds how late further ones may come.
            extra.late.is_empty() && extra.histograms.is_empty() && extra.histograms.newest_ms().is_none()
        };
        if self.extra.as_ref().is_some_and(|extra| is_empty(extra)) {
            self.extra = None;
        }
    }

    /// Whether no sample is at or after `floor_ms`.
    pub(crate) fn is_before(&self, floor_ms: i64) -> bool {
        self.newest_ms().is_none_or(|newest_ms| newest_ms < floor_ms)
    }

    /// Whether no sample is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_none()
            && self.packed.as_ref().is_none_or(|packed| packed.runs.is_empty())
            && self.extra.as_ref().is_none_or(|extra| extra.late.is_empty() && extra.histograms.is_empty())
    }

    /// The oldest timestamp that is not on its way into a block.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let packed = self.packed.as_ref().and_then(|packed| packed.runs.get(packed.leaving as usize));
        let floats = packed.map(|run| run.first_ms).or_else(|| self.tail.as_ref().map(Tail::first_ms));
        let extra = self.extra.as_ref();
        let late = extra.and_then(|extra| extra.late.oldest_ms());
        let histograms = extra.and_then(|extra| extra.histograms.oldest_ms());
        floats.into_iter().chain(late).chain(histograms).min()
    }

    /// Whether a sample lies between.
    pub(crate) fn has_sample(&self, reading: Reading, found: &mut Found) -> bool {
        let within = |at_ms: i64| reading.start_ms <= at_ms && at_ms <= reading.end_ms;
        if let Some(tail) = &self.tail
            && (within(tail.first_ms()) || within(tail.newest_ms()))
        {
            return true;
        }
        if let Some(packed) = &self.packed {
            let runs = &packed.runs[if reading.with_leaving { 0 } else { packed.leaving as usize }..];
            if runs.iter().any(|run| within(run.first_ms) || within(run.last_ms)) {
                return true;
            }
        }
        self.read(reading, found);
        !found.is_empty()
    }

    /// Touches what [`read`](Self::read) needs so many pointers away from here; gives a number that means nothing.
    #[inline]
    pub(crate) fn touch(&self, depth: u32, reading: Reading) -> u64 {
        let runs = self.packed.as_ref().map_or(&[][..], |packed| &packed.runs);
        match depth {
            0 => runs.len() as u64,
            1 => {
                let tail = self.tail.as_ref().map_or(0, Tail::touch);
                tail.wrapping_add(runs.last().map_or(0, |run| run.stream.len() as u64))
            }
            _ => {
                let wanted = runs.iter().rev().take_while(|run| run.last_ms >= reading.start_ms);
                let streams = wanted.take(RUNS_TOUCHED_MAX).flat_map(|run| run.stream.iter().step_by(64));
                streams.map(|byte| u64::from(*byte)).sum()
            }
        }
    }

    /// Reads the samples between; what was found before is gone.
    pub(crate) fn read(&self, reading: Reading, found: &mut Found) {
        let Reading { start_ms, end_ms, with_leaving } = reading;
        found.clear();
        if let Some(packed) = &self.packed {
            let from = packed.runs.partition_point(|run| run.last_ms < start_ms);
            let from = if with_leaving { from } else { from.max(packed.leaving as usize) };
            let runs = packed.runs[from..].iter().take_while(|run| run.first_ms <= end_ms);
            let within = (start_ms, end_ms);
            runs.for_each(|run| run.read_within(within, &mut found.floats, &mut found.scratch));
        }
        if let Some(tail) = &self.tail
            && tail.first_ms() <= end_ms
            && tail.newest_ms() >= start_ms
        {
            tail.read_from(start_ms, &mut found.floats);
        }
        if let Some(extra) = &self.extra {
            let late = extra.late.read((start_ms, end_ms), with_leaving, &mut found.scratch);
            found.floats.merge_from(0, &late);
            extra.histograms.read((start_ms, end_ms), with_leaving, &mut found.histograms);
        }
        found.floats.clip_from(0, start_ms, end_ms);
        found.settle();
    }

    /// Puts everything before `end_ms`, which is the end of a slot, on its way into a block.
    pub(crate) fn depart(&mut self, end_ms: i64, packer: &mut Packer, slots: &mut Slots) {
        if let Some(tail) = &self.tail
            && tail.first_ms() < end_ms
        {
            let run = tail.to_run(packer);
            self.packed.get_or_insert_with(|| Box::new(Packed::new(run.last_ms))).push(run);
            self.tail = None;
        }
        if let Some(packed) = &mut self.packed {
            packed.leaving = packed.runs.partition_point(|run| run.first_ms < end_ms) as u32;
        }
        if let Some(extra) = &mut self.extra {
            extra.late.depart(end_ms, packer, slots);
            extra.histograms.depart(end_ms, slots);
        }
    }

    /// Calls `each` with the first timestamp of every run that is on its way into a block.
    pub(crate) fn leaving(&self, mut each: impl FnMut(i64)) {
        if let Some(packed) = &self.packed {
            packed.runs[..packed.leaving as usize].iter().for_each(|run| each(run.first_ms));
        }
        if let Some(extra) = &self.extra {
            extra.late.leaving().iter().for_each(|run| each(run.first_ms));
            extra.histograms.leaving().iter().for_each(|run: &HistogramRun| each(run.first_ms));
        }
    }

    /// Reads what is on its way into a block, between.
    pub(crate) fn read_leaving(&self, start_ms: i64, end_ms: i64, found: &mut Found) {
        found.clear();
        if let Some(packed) = &self.packed {
            let runs = packed.runs[..packed.leaving as usize].iter();
            let within = runs.filter(|run| run.first_ms <= end_ms && run.last_ms >= start_ms);
            within.for_each(|run| run.read(&mut found.floats, &mut found.scratch));
        }
        if let Some(extra) = &self.extra {
            let mut late = Columns::default();
            let within = |run: &&Run| run.first_ms <= end_ms && run.last_ms >= start_ms;
            extra
                .late
                .leaving()
                .iter()
                .filter(within)
                .for_each(|run| run.read(&mut late, &mut found.scratch));
            found.floats.merge_from(0, &late);
            for run in extra.histograms.leaving() {
                found.histograms.push_run(run);
            }
            found.histograms.clip(start_ms, end_ms);
        }
        found.floats.clip_from(0, start_ms, end_ms);
        found.settle();
    }

    /// Forgets what was on its way: a block has it, and every reader has the block.
    pub(crate) fn departed(&mut self) {
        if let Some(packed) = &mut self.packed {
            packed.runs.drain(..packed.leaving as usize);
            packed.runs.shrink_to_fit();
            packed.leaving = 0;
        }
        if let Some(extra) = &mut self.extra {
            extra.late.departed();
            extra.histograms.departed();
        }
        self.drop_empty_extra();
    }

    /// Takes out the samples between.
    pub(crate) fn delete(&mut self, start_ms: i64, end_ms: i64, packer: &mut Packer, slots: &mut Slots) {
        let mut found = Found::default();
        let all = Reading { start_ms: i64::MIN, end_ms: i64::MAX, with_leaving: true };
        self.read(all, &mut found);
        let kept = |at_ms: i64| at_ms < start_ms || end_ms < at_ms;
        let newest_ms = self.newest_float_ms();
        let newest_histogram = self.extra.as_ref().and_then(|extra| extra.histograms.newest_ms());
        *self = Self::default();
        for (at_ms, value) in found.floats.iter().filter(|(at_ms, _)| kept(*at_ms)) {
            self.push(at_ms, value, packer, slots);
        }
        let histograms = found.histograms.timestamps.iter().zip(&found.histograms.histograms);
        for (at_ms, histogram) in histograms.filter(|(at_ms, _)| kept(**at_ms)) {
            self.push_histogram(*at_ms, histogram, None, slots);
        }
        // How late samples may come does not change with what was deleted.
        if let (Some(newest_ms), true) = (newest_ms, self.newest_float_ms() < newest_ms) {
            if let Some(tail) = self.tail.take() {
                let run = tail.to_run(packer);
                self.packed.get_or_insert_with(|| Box::new(Packed::new(run.last_ms))).push(run);
            }
            self.packed.get_or_insert_with(|| Box::new(Packed::new(newest_ms))).newest_ms = newest_ms;
        }
        if let Some(newest_ms) = newest_histogram {
            self.extra.get_or_insert_default().histograms.keep_newest(newest_ms);
        }
    }

    /// Every run that is not gone into a block yet, for a checkpoint.
    pub(crate) fn parts(&self, with_leaving: bool, packer: &mut Packer, mut each: impl FnMut(Part<'_>)) {
        if let Some(packed) = &self.packed {
            let from = if with_leaving { 0 } else { packed.leaving as usize };
            packed.runs[from..].iter().for_each(|run| each(Part::InOrder(run)));
        }
        if let Some(tail) = &self.tail {
            each(Part::InOrder(&tail.to_run(packer)));
        }
        if let Some(extra) = &self.extra {
            extra.late.parts(with_leaving, packer, |run| each(Part::Late(run)));
            extra.histograms.parts(with_leaving, |run| each(Part::Histograms(run)));
        }
    }

    /// Builds a series from what [`parts`](Self::parts) gave.
    pub(crate) fn restore(parts: Parts, packer: &mut Packer, slots: &mut Slots) -> Self {
        let mut series = Self::default();
        let Newest { float_ms, histogram_ms } = parts.newest;
        if let Some(newest_ms) = float_ms {
            let runs = slots.restore(parts.in_order, packer);
            series.packed = Some(Box::new(Packed { runs, leaving: 0, newest_ms }));
        }
        if !parts.late.is_empty() || histogram_ms.is_some() {
            series.extra = Some(Box::new(Extra {
                late: Late::restore(parts.late, packer, slots),
                histograms: Histograms::restore(parts.histograms, histogram_ms, slots),
            }));
        }
        series
    }

    /// The newest timestamps that ever were.
    pub(crate) fn newest(&self) -> Newest {
        Newest {
            float_ms: self.newest_float_ms(),
            histogram_ms: self.extra.as_ref().and_then(|extra| extra.histograms.newest_ms()),
        }
    }

    /// How much there is.
    pub(crate) fn holdings(&self) -> Holdings {
        let mut holdings = Holdings::default();
        let mut add = |(samples, chunks, bytes): (u64, u64, u64)| {
            holdings.samples += samples;
            holdings.chunks += chunks;
            holdings.chunk_bytes += bytes;
        };
        if let Some(tail) = &self.tail {
            add((u64::from(tail.count()), 1, tail.bytes() as u64));
        }
        for run in self.packed.iter().flat_map(|packed| &packed.runs) {
            add((u64::from(run.count), 1, run.stream.len() as u64));
        }
        if let Some(extra) = &self.extra {
            add(extra.late.holdings());
            add(extra.histograms.holdings());
        }
        holdings
    }
}

impl Packed {
    const fn new(newest_ms: i64) -> Self {
        Self { runs: Vec::new(), leaving: 0, newest_ms }
    }

    fn push(&mut self, run: Run) {
        self.newest_ms = self.newest_ms.max(run.last_ms);
        // A doubling vector would waste more than the runs' own headers.
        if self.runs.len() == self.runs.capacity() {
            self.runs.reserve_exact(1 + self.runs.len() / 8);
        }
        self.runs.push(run);
    }
}
