//! Reading: the store as a [`SeriesSource`].
//!
//! A selection that only memory answers comes in the order in which series were made. Where blocks have a part in it,
//! series come in the order of the labels of the first block, then those that the next block has beside them, and so
//! on; what several have of a series is merged on the way, the later write last. The same store gives the same order
//! for the same data.
//!
//! A reader holds the index and one shard for a moment at a time, and decodes straight into buffers that it uses
//! again for the next series. No labels are copied for views.

mod hints;
mod joined;
mod memory;
mod starts;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::Labels;
use promql::{LabelView, Lent, Matcher, Selected, Selection, SeriesSource, SourceFault, TimeRange};

use crate::block::{Block, BlockFault, Layout, PAGE_SERIES, SeriesPage, Values};
use crate::companions::Kind;
use crate::head::{Found, Reading};
use crate::limits::{SELECT_SERIES_PER_PART, STEPS_AS_A_SERIES};
use crate::{LOCK, MetricsStore, SeriesRef};
use joined::Joined;
use starts::{Aligned, Starts};

/// Who is handed series.
type Each<'e> = dyn FnMut(Lent<'_>) -> ControlFlow<()> + 'e;

/// A selection, ready to be read.
struct Planned {
    reading: Reading,
    /// What memory has, where no block has a part in it.
    in_memory: Vec<SeriesRef>,
    blocks: Vec<Arc<Block>>,
    joined: Option<Joined>,
    /// Since when what is selected counts, where somebody asks and something says so.
    starts: Option<Starts>,
    /// What leaves memory meanwhile is still there for whoever reads by this layout.
    _layout: Arc<Layout>,
}

impl MetricsStore {
    /// The range without what is gone.
    fn kept(&self, range: TimeRange) -> (i64, i64) {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        (range.start.as_millis().max(floor_ms), range.end.as_millis())
    }

    /// What a reader by this layout looks for in memory.
    fn reading(&self, layout: &Layout, range: TimeRange) -> Reading {
        let (start_ms, end_ms) = self.kept(range);
        Reading { start_ms, end_ms, with_leaving: !layout.covers_leaving }
    }

    fn plan_reading(&self, selection: &Selection<'_>) -> Result<Planned, SourceFault> {
        let starts = if selection.wants_starts { self.starts_of(selection)? } else { None };
        Ok(Planned { starts, ..self.plan_kind(selection, Kind::Samples)? })
    }

    fn plan_kind(&self, selection: &Selection<'_>, kind: Kind) -> Result<Planned, SourceFault> {
        // Before memory is looked at.
        let layout = self.layout();
        let reading = self.reading(&layout, selection.range);
        let mut planned = Planned {
            reading,
            in_memory: Vec::new(),
            blocks: Vec::new(),
            joined: None,
            starts: None,
            _layout: layout,
        };
        if reading.start_ms > reading.end_ms {
            return Ok(planned);
        }
        let overlapping =
            planned._layout.blocks.iter().filter(|block| block.overlaps(reading.start_ms, reading.end_ms));
        planned.blocks = overlapping.cloned().collect();
        planned.in_memory = self.index.read().expect(LOCK).select(selection.matchers, kind);
        if !planned.blocks.is_empty() {
            let joined = self.join(&planned.blocks, &planned.in_memory, (selection.matchers, kind), reading);
            planned.joined =
                Some(joined.map_err(|fault| SourceFault::Select(Box::new(self.noticed(fault))))?);
        }
        Ok(planned)
    }

    fn read_planned(
        &self,
        planned: &Planned,
        places: std::ops::Range<usize>,
        each: &mut Each<'_>,
    ) -> Result<(), SourceFault> {
        let Some(starts) = &planned.starts else { return self.read_samples(planned, places, each) };
        let mut aligned = Aligned::default();
        self.read_samples(planned, places, &mut |lent| each(starts.lend(lent, &mut aligned)))
    }

    fn read_samples(
        &self,
        planned: &Planned,
        places: std::ops::Range<usize>,
        each: &mut Each<'_>,
    ) -> Result<(), SourceFault> {
        match &planned.joined {
            None => {
                self.read_memory(&planned.in_memory[places], planned.reading, each);
                Ok(())
            }
            Some(joined) => self
                .read_joined((&planned.blocks, joined), planned.reading, places, each)
                .map_err(|fault| SourceFault::Select(Box::new(self.noticed(fault)))),
        }
    }

    /// Calls `each` with the labels of every matching series that has a sample in the range, in memory and in blocks;
    /// one that several have comes more than once.
    fn each_present(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        each: &mut dyn FnMut(&dyn LabelView),
    ) -> Result<(), BlockFault> {
        let layout = self.layout();
        let reading = self.reading(&layout, range);
        if reading.start_ms > reading.end_ms {
            return Ok(());
        }
        let mut found = Found::default();
        {
            let index = self.index.read().expect(LOCK);
            for series in index.select(matchers, Kind::Samples) {
                let is_present = self.head.look(series, |samples| samples.has_sample(reading, &mut found));
                if is_present == Some(true) {
                    each(&memory::InMemory { index: &index, pairs: index.pairs_of(series) });
                }
            }
        }
        let overlapping = layout.blocks.iter().filter(|b| b.overlaps(reading.start_ms, reading.end_ms));
        for block in overlapping {
            each_present_in(block, matchers, reading, each).map_err(|fault| self.noticed(fault))?;
        }
        Ok(())
    }
}

/// As [`MetricsStore::each_present`], for one block; by chunks, not by samples.
fn each_present_in(
    block: &Block,
    matchers: &[Matcher],
    reading: Reading,
    each: &mut dyn FnMut(&dyn LabelView),
) -> Result<(), BlockFault> {
    let (mut page, mut values, mut loaded) = (SeriesPage::default(), Values::default(), None);
    for series in block.select(matchers, Kind::Samples)? {
        let (number, place) = (series as usize / PAGE_SERIES, series as usize % PAGE_SERIES);
        if loaded != Some(number) {
            block.page(number, &mut page)?;
            loaded = Some(number);
        }
        let mut chunks = page.chunks(place).iter();
        let touches = chunks.any(|chunk| {
            chunk.first_ms <= reading.end_ms
                && chunk.last_ms >= reading.start_ms
                && !block.deleted.has_all(series, chunk.first_ms, chunk.last_ms)
        });
        if touches {
            values.load(block, page.labels(place))?;
            each(&joined::InBlock { block, values: &values, labels: page.labels(place) });
        }
    }
    Ok(())
}

impl SeriesSource for MetricsStore {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        self.select_views(selection, &mut |lent| {
            let labels = lent.labels.to_labels();
            each(
                Selected::new(&labels, lent.timestamps, lent.values)
                    .with_histograms(lent.histogram_timestamps, lent.histograms)
                    .with_starts(lent.starts, lent.histogram_starts),
            )
        })
    }

    fn select_views(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Lent<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        let planned = self.plan_reading(selection)?;
        self.read_planned(&planned, 0..planned.count(), each)
    }

    fn select_lent(
        &self,
        selection: &Selection<'_>,
        parts: usize,
        each: &(dyn Fn(usize, Lent<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<(), SourceFault> {
        let planned = self.plan_reading(selection)?;
        in_parts(bounds(planned.count(), series_per_part(selection), parts), |part, places| {
            self.read_planned(&planned, places, &mut |lent| each(part, lent))
        })
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceFault> {
        let mut names = BTreeSet::new();
        let each = &mut |labels: &dyn LabelView| {
            for at in 0..labels.len() {
                let name = labels.pair(at).0;
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        };
        self.each_present(matchers, range, each).map_err(|fault| SourceFault::LabelNames(Box::new(fault)))?;
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault> {
        let mut values = BTreeSet::new();
        let each = &mut |labels: &dyn LabelView| {
            if let Some(value) = labels.get(name)
                && !values.contains(value)
            {
                values.insert(value.to_owned());
            }
        };
        let fault = |fault| SourceFault::LabelValues { name: name.to_owned(), source: Box::new(fault) };
        self.each_present(matchers, range, each).map_err(fault)?;
        Ok(values.into_iter().collect())
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        let mut all = Vec::new();
        let each = &mut |labels: &dyn LabelView| all.push(labels.to_labels());
        self.each_present(matchers, range, each).map_err(|fault| SourceFault::Series(Box::new(fault)))?;
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    fn exemplars(
        &self,
        selectors: &[&[Matcher]],
        range: TimeRange,
    ) -> Result<Vec<promql::SeriesExemplars>, SourceFault> {
        Ok(self.found_exemplars(selectors, range))
    }
}

impl Planned {
    /// How many places there are to read.
    fn count(&self) -> usize {
        self.joined.as_ref().map_or(self.in_memory.len(), Joined::count)
    }
}

/// What was found of a series, with its labels.
fn lend<'a>(labels: &'a dyn LabelView, found: &'a mut Found) -> Lent<'a> {
    let (before, histograms) = found.histograms.with_before();
    hints::derive(before, histograms);
    Lent::new(labels, &found.floats.timestamps, &found.floats.values)
        .with_histograms(&found.histograms.timestamps, &found.histograms.histograms)
}

/// How many series are worth a thread: fewer, where a query asks for many steps of each.
fn series_per_part(selection: &Selection<'_>) -> usize {
    let step_ms = selection.step.map_or(i64::MAX, |step| step.as_millis().max(1));
    let steps =
        selection.range.start.as_millis().abs_diff(selection.range.end.as_millis()) / step_ms.unsigned_abs();
    (SELECT_SERIES_PER_PART as u64 / (1 + steps / STEPS_AS_A_SERIES)).max(1) as usize
}

/// The bounds of each part of so many things, of which so many are worth a part.
fn bounds(count: usize, per_part: usize, parts: usize) -> Vec<std::ops::Range<usize>> {
    let parts = parts.clamp(1, (count / per_part).max(1));
    let length = count.div_ceil(parts).max(1);
    (0..parts).map(|part| (part * length).min(count)..((part + 1) * length).min(count)).collect()
}

/// Runs the parts, the first one on this thread.
fn in_parts<F: Send>(
    bounds: Vec<std::ops::Range<usize>>,
    run: impl Fn(usize, std::ops::Range<usize>) -> Result<(), F> + Sync,
) -> Result<(), F> {
    let mut bounds = bounds.into_iter().enumerate();
    let Some((_, first)) = bounds.next() else { return Ok(()) };
    std::thread::scope(|scope| {
        let run = &run;
        let others: Vec<_> = bounds.map(|(part, bounds)| scope.spawn(move || run(part, bounds))).collect();
        let mut result = run(0, first);
        for other in others {
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and(other);
        }
        result
    })
}
