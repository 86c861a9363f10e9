//! From labels to series: those that are known are found, the others are checked and made.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{RwLockReadGuard, RwLockWriteGuard};

use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

use super::{REPORTS, Refusals};
use crate::companions::are_reserved;
use crate::config::SourceLimits;
use crate::index::{BorrowedLabels, Gathered, Index, SourceId, hash_labels};
use crate::limits::LABEL_NAME_BYTES_MAX;
use crate::refusal::{Bound, RefusalReason};
use crate::wal::RecordWriter;
use crate::{LOCK, LogFault, MetricsStore, SeriesRef};

/// Samples or histograms of one series, as a writer lends them.
pub(super) trait Lent<'a> {
    fn labels(&self) -> &'a BorrowedLabels<'a>;
    fn len(&self) -> usize;
    fn timestamps(&self) -> impl Iterator<Item = i64>;
}

/// A series of the batch on its way through the steps.
pub(super) struct Item {
    pub(super) series: Option<SeriesRef>,
    /// Its place in the batch.
    pub(super) number: u32,
    pub(super) is_refused: bool,
}

/// The batch with its items. Items are small, so that a scrape's fit into the nearest cache.
pub(super) struct Batch<'a, L> {
    pub(super) lent: &'a [L],
    pub(super) items: Vec<Item>,
    /// Whether these are starts, which alone have the reserved label, before those that the writer gave.
    pub(super) are_starts: bool,
    /// Labels of the few items that came with empty values, without those.
    stripped: BTreeMap<u32, Vec<(&'a str, &'a str)>>,
}

/// Whose series are made, within which limits, and what the log is told of them.
struct Making<'m> {
    source: &'m str,
    id: SourceId,
    limits: SourceLimits,
    series_max: usize,
    records: RecordWriter,
    scratch: Gathered,
}

impl<'a, L: Lent<'a>> Batch<'a, L> {
    pub(super) fn new(lent: &'a [L]) -> Self {
        let items = (0..).zip(lent).map(|(number, _)| Item { series: None, number, is_refused: false });
        Self { lent, items: items.collect(), are_starts: false, stripped: BTreeMap::new() }
    }

    pub(super) fn of_starts(lent: &'a [L]) -> Self {
        Self { are_starts: true, ..Self::new(lent) }
    }

    #[inline]
    pub(super) fn labels(&self, number: u32) -> &BorrowedLabels<'a> {
        if !self.stripped.is_empty()
            && let Some(labels) = self.stripped.get(&number)
        {
            return labels;
        }
        self.lent[number as usize].labels()
    }

    /// The labels that the writer gave.
    fn given_labels(&self, number: u32) -> &'a BorrowedLabels<'a> {
        &self.lent[number as usize].labels()[usize::from(self.are_starts)..]
    }

    /// Whether no series is looked up or made for it, because the writer gave the label that is not its own to give.
    fn is_forbidden(&self, number: u32) -> bool {
        are_reserved(self.given_labels(number))
    }

    /// Sets the labels without empty values aside, where there are any. Labels that cannot be taken stay as they are.
    fn strip(&mut self, number: u32) {
        let (labels, given) = (self.lent[number as usize].labels(), self.given_labels(number));
        if given.iter().any(|(_, value)| value.is_empty()) && check(given, &SourceLimits::default()).is_ok() {
            let stripped = labels.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
            self.stripped.insert(number, stripped);
        }
    }
}

impl MetricsStore {
    /// Finds the series of all items, and makes those that are missing; gives the index, locked against leaving.
    pub(super) fn look_up<'a, L: Lent<'a>>(
        &self,
        source: &str,
        batch: &mut Batch<'a, L>,
        refusals: &mut Refusals,
    ) -> Result<RwLockReadGuard<'_, Index>, LogFault> {
        let mut items = std::mem::take(&mut batch.items);
        let mut scratch = Gathered::new();
        let index = self.index.read().expect(LOCK);
        let mut missing = false;
        let has_starts = index.has_starts();
        let mut before: Option<(SeriesRef, u32)> = None;
        for item in &mut items {
            if has_starts && batch.is_forbidden(item.number) {
                missing = true;
                continue;
            }
            let labels = batch.lent[item.number as usize].labels();
            let neighbour = |(series, number)| index.neighbour(series, batch.labels(number), labels);
            item.series = before.and_then(neighbour).or_else(|| {
                batch.strip(item.number);
                let labels = batch.labels(item.number);
                index.find(hash_labels(labels, &mut scratch), labels)
            });
            before = item.series.map(|series| (series, item.number));
            missing |= item.series.is_none();
        }
        if !missing {
            batch.items = items;
            return Ok(index);
        }
        drop(index);
        self.make_missing(source, batch, items, refusals)
    }

    fn make_missing<'a, L: Lent<'a>>(
        &self,
        source: &str,
        batch: &mut Batch<'a, L>,
        mut items: Vec<Item>,
        refusals: &mut Refusals,
    ) -> Result<RwLockReadGuard<'_, Index>, LogFault> {
        let policy = self.policy();
        let is_report = source == REPORTS;
        let is_own = batch.are_starts || is_report;
        let limits = if is_own { SourceLimits::default() } else { policy.limits_of(source) };
        let series_max = if is_report { usize::MAX } else { policy.series_max };
        let mut index = self.index.write().expect(LOCK);
        let id = index.source_id(source);
        let mut making = Making {
            source,
            id,
            limits,
            series_max,
            records: RecordWriter::default(),
            scratch: Gathered::new(),
        };
        let mut before = None;
        for item in &mut items {
            let labels = batch.labels(item.number);
            let hash = hash_labels(labels, &mut making.scratch);
            // Looked up again: another thread may have made it, or it may have left, since the lock was released.
            item.series = if batch.is_forbidden(item.number) { None } else { index.find(hash, labels) };
            if item.series.is_none() {
                self.make(&mut index, hash, batch, (&mut *item, before), &mut making, refusals);
            }
            before = item.series.map(|series| (series, item.number)).or(before);
        }
        batch.items = items;
        if !making.records.is_empty() {
            // Samples of these series are handed over later, and whoever does that waits for the last of them.
            let _ = self.log.enqueue(making.records.records())?;
        }
        Ok(RwLockWriteGuard::downgrade(index))
    }

    /// Makes a series, unless its labels cannot be taken, none of its samples would be kept, or there are too many.
    fn make<'a, L: Lent<'a>>(
        &self,
        index: &mut Index,
        hash: u64,
        batch: &Batch<'a, L>,
        (item, before): (&mut Item, Option<(SeriesRef, u32)>),
        making: &mut Making<'_>,
        refusals: &mut Refusals,
    ) {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let (labels, lent) = (batch.labels(item.number), &batch.lent[item.number as usize]);
        let mut refuse = |reason, bound| {
            refusals.add(item.number, reason, lent.len(), lent.timestamps().next(), bound);
        };
        if let Err((reason, bound)) = check(batch.given_labels(item.number), &making.limits) {
            refuse(reason, bound);
            item.is_refused = true;
            return;
        }
        if lent.timestamps().all(|at_ms| at_ms < floor_ms) {
            return;
        }
        let full = if index.len() >= making.series_max {
            Some((RefusalReason::TooManySeries, making.series_max))
        } else if index.sources().series(making.id) >= making.limits.series_max {
            Some((RefusalReason::SourceSeries, making.limits.series_max))
        } else {
            let like = before.map(|(series, number)| (series, batch.labels(number)));
            item.series = index.create(hash, labels, like, making.id);
            item.series.is_none().then_some((RefusalReason::TooManySeries, u32::MAX as usize))
        };
        match (full, item.series) {
            (None, Some(series)) => making.records.series(series, labels, making.source),
            (full, _) => {
                let (reason, max) = full.unwrap_or((RefusalReason::TooManySeries, u32::MAX as usize));
                refuse(reason, Bound::Count(max));
                item.is_refused = true;
            }
        }
    }
}

/// The reason why labels cannot be taken.
fn check(labels: &BorrowedLabels<'_>, limits: &SourceLimits) -> Result<(), (RefusalReason, Bound)> {
    let name_max = limits.label_name_bytes_max.min(LABEL_NAME_BYTES_MAX);
    let value_max = limits.label_value_bytes_max.min(SERIES_LABEL_VALUE_BYTES_MAX);
    let max = limits.labels_max.min(SERIES_LABELS_MAX);
    if are_reserved(labels) {
        return Err((RefusalReason::ReservedLabel, Bound::None));
    }
    let mut before = "";
    let mut count = 0;
    for (name, value) in labels {
        if name.is_empty() || name.len() > name_max {
            return Err((RefusalReason::LabelNameLength, Bound::Count(name_max)));
        }
        if *name <= before {
            return Err((RefusalReason::LabelsNotSorted, Bound::None));
        }
        if value.len() > value_max {
            return Err((RefusalReason::LabelValueTooLong, Bound::Count(value_max)));
        }
        before = name;
        count += usize::from(!value.is_empty());
    }
    if count > max {
        return Err((RefusalReason::TooManyLabels, Bound::Of { count, max }));
    }
    if count == 0 {
        return Err((RefusalReason::NoLabels, Bound::None));
    }
    Ok(())
}
