//! Taking samples.
//!
//! A batch goes through three steps: series are looked up, and made where they are missing, after their labels were
//! checked (those of a known series were, when it was made); shard by shard, samples go to the head and, under the
//! same lock, to the log's queue, so that head and log agree on which write of a timestamp was the last; and the
//! caller waits until the log is written.
//!
//! A reader may see a sample a moment before it is acknowledged. When the log fails just then, it is seen until the
//! store is opened again; the store takes nothing from that moment on.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{RwLockReadGuard, RwLockWriteGuard};

use kernel::Timestamp;
use kernel::limits::{LABEL_VALUE_BYTES_MAX, LABELS_MAX};

use crate::head::{Series, Taken, place};
use crate::index::{BorrowedLabels, Gathered, Index, hash_labels};
use crate::limits::{ENTRY_SAMPLES_MAX, LABEL_NAME_BYTES_MAX, SHARDS};
use crate::refusal::{Appended, Bound, RefusalReason, Refused, series_text};
use crate::wal::{RecordWriter, Ticket};
use crate::{AppendFault, LOCK, LogFault, MetricsStore, SeriesRef};

/// Samples of one series, as a writer lends them.
#[derive(Debug, Clone, Copy)]
pub struct SeriesSamples<'a> {
    /// Name and value, sorted by name (as bytes), each name once. A label with an empty value counts as absent.
    pub labels: &'a [(&'a str, &'a str)],
    /// Milliseconds since the epoch, and the value; in any order. Of two samples at one timestamp the later in the
    /// slice stays.
    pub samples: &'a [(i64, f64)],
}

/// A series of the batch on its way through the steps.
struct Item {
    series: Option<SeriesRef>,
    /// Its place in the batch.
    number: u32,
    is_refused: bool,
}

/// The batch with its items. Items are small, so that a scrape's fit into the nearest cache.
struct Batch<'a> {
    lent: &'a [SeriesSamples<'a>],
    items: Vec<Item>,
    /// Labels of the few items that came with empty values, without those.
    stripped: BTreeMap<u32, Vec<(&'a str, &'a str)>>,
}

impl<'a> Batch<'a> {
    #[inline]
    fn labels(&self, number: u32) -> &BorrowedLabels<'a> {
        if !self.stripped.is_empty()
            && let Some(labels) = self.stripped.get(&number)
        {
            return labels;
        }
        self.lent[number as usize].labels
    }

    /// Sets the labels without empty values aside, where there are any. Labels that cannot be taken stay as they are.
    fn strip(&mut self, number: u32) {
        let labels = self.lent[number as usize].labels;
        if labels.iter().any(|(_, value)| value.is_empty()) && check(labels).is_ok() {
            let stripped = labels.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
            self.stripped.insert(number, stripped);
        }
    }

    #[inline]
    fn samples(&self, number: u32) -> &'a [(i64, f64)] {
        self.lent[number as usize].samples
    }
}

/// What was refused so far, the first of the batch in detail.
#[derive(Default)]
struct Refusals {
    appended: Appended,
    first: Option<(u32, RefusalReason, Option<i64>, Bound)>,
}

impl Refusals {
    #[cold]
    fn add(&mut self, number: u32, reason: RefusalReason, samples: usize, at_ms: Option<i64>, bound: Bound) {
        self.appended.refused.add(reason, samples as u64);
        if self.first.is_none_or(|(first, ..)| number < first) {
            self.first = Some((number, reason, at_ms, bound));
        }
    }

    fn finish(mut self, batch: &[SeriesSamples<'_>]) -> Appended {
        self.appended.first_refused = self.first.map(|(number, reason, at_ms, bound)| Refused {
            reason,
            series: series_text(batch[number as usize].labels),
            at: at_ms.map(Timestamp::from_millis),
            bound,
        });
        self.appended
    }
}

impl MetricsStore {
    /// Stores the samples of the batch. Those that cannot be stored are counted by reason, and the others are kept.
    ///
    /// When this returns `Ok`, what it counts as stored was written to the operating system, and with
    /// [`Fsync::EachAppend`](crate::Fsync::EachAppend) is durable. Batches of several threads are written together.
    pub fn append(&self, batch: &[SeriesSamples<'_>]) -> Result<Appended, AppendFault> {
        if let Some(fault) = self.log.stopped() {
            return Err(AppendFault::Stopped(fault));
        }
        let mut refusals = Refusals::default();
        let items = (0..).zip(batch).map(|(number, _)| Item { series: None, number, is_refused: false });
        let mut on_its_way = Batch { lent: batch, items: items.collect(), stripped: BTreeMap::new() };
        let unknown = AppendFault::OutcomeUnknown;
        let index = self.look_up(&mut on_its_way, &mut refusals).map_err(unknown)?;
        let ticket = self.take(&on_its_way, &mut refusals).map_err(unknown)?;
        drop(index);
        if let Some(ticket) = ticket {
            self.log.wait(ticket).map_err(unknown)?;
        }
        let appended = refusals.finish(batch);
        self.stored.fetch_add(appended.stored, Ordering::Relaxed);
        self.refused.add(&appended.refused);
        Ok(appended)
    }

    /// Finds the series of all items, and makes those that are missing; gives the index, locked against leaving.
    fn look_up(
        &self,
        batch: &mut Batch<'_>,
        refusals: &mut Refusals,
    ) -> Result<RwLockReadGuard<'_, Index>, LogFault> {
        let mut items = std::mem::take(&mut batch.items);
        let mut scratch = Gathered::new();
        let index = self.index.read().expect(LOCK);
        let mut missing = false;
        let mut before: Option<(SeriesRef, u32)> = None;
        for item in &mut items {
            let labels = batch.lent[item.number as usize].labels;
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

        let mut index = self.index.write().expect(LOCK);
        let mut records = RecordWriter::default();
        for item in &mut items {
            let labels = batch.labels(item.number);
            let hash = hash_labels(labels, &mut scratch);
            // Looked up again: another thread may have made it, or it may have left, since the lock was released.
            item.series = index.find(hash, labels);
            if item.series.is_none() {
                self.create(&mut index, hash, batch, item, &mut records, refusals);
            }
        }
        batch.items = items;
        if !records.is_empty() {
            // Samples of these series are handed over later, and `take` waits for the last of them.
            let _ = self.log.enqueue(records.records())?;
        }
        Ok(RwLockWriteGuard::downgrade(index))
    }

    /// Makes a series, unless its labels cannot be taken, none of its samples would be kept, or there are too many.
    fn create(
        &self,
        index: &mut Index,
        hash: u64,
        batch: &Batch<'_>,
        item: &mut Item,
        records: &mut RecordWriter,
        refusals: &mut Refusals,
    ) {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let (labels, samples) = (batch.labels(item.number), batch.samples(item.number));
        let at_ms = samples.first().map(|(at_ms, _)| *at_ms);
        if let Err((reason, bound)) = check(batch.lent[item.number as usize].labels) {
            refusals.add(item.number, reason, samples.len(), at_ms, bound);
            item.is_refused = true;
            return;
        }
        if samples.iter().all(|(at_ms, _)| *at_ms < floor_ms) {
            return;
        }
        let room = index.len() < self.config.series_max;
        item.series = if room { index.create(hash, labels) } else { None };
        match item.series {
            Some(series) => records.series(series, labels),
            None => {
                let bound = Bound::Count(self.config.series_max);
                refusals.add(item.number, RefusalReason::TooManySeries, samples.len(), at_ms, bound);
                item.is_refused = true;
            }
        }
    }

    /// Puts the samples into the head and hands them to the log.
    fn take(&self, batch: &Batch<'_>, refusals: &mut Refusals) -> Result<Option<Ticket>, LogFault> {
        let (order, ends) = by_shard(&batch.items);
        let mut records = RecordWriter::with_room();
        let mut ticket = None;
        let mut start = 0;
        for (shard, end) in ends.into_iter().enumerate() {
            let group = &order[start..end];
            start = end;
            if group.is_empty() {
                continue;
            }
            let mut locked = self.head.write(shard);
            records.clear();
            for item in group {
                let item = &batch.items[*item as usize];
                let lent = batch.samples(item.number);
                let Some(series) = item.series else {
                    self.refuse_before_floor(item, lent, refusals);
                    continue;
                };
                let samples = locked.get_or_insert_with(place(series).1, Default::default);
                self.take_item((item.number, series, lent), samples, &mut records, refusals);
            }
            if !records.is_empty() {
                ticket = Some(self.log.enqueue(records.records())?);
            }
        }
        Ok(ticket)
    }

    #[inline]
    fn take_item(
        &self,
        (number, series, lent): (u32, SeriesRef, &[(i64, f64)]),
        samples: &mut Series,
        records: &mut RecordWriter,
        refusals: &mut Refusals,
    ) {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let window = self.config.late_window;
        for part in lent.chunks(ENTRY_SAMPLES_MAX) {
            records.begin_entry(series);
            for (at_ms, value) in part {
                if *at_ms < floor_ms {
                    let bound = Bound::Floor(Timestamp::from_millis(floor_ms));
                    refusals.add(number, RefusalReason::BeyondRetention, 1, Some(*at_ms), bound);
                    continue;
                }
                match samples.push_within(*at_ms, *value, window.as_millis()) {
                    Taken::Stored => {
                        records.sample(*at_ms, *value);
                        refusals.appended.stored += 1;
                    }
                    Taken::TooOld { newest_ms } => {
                        let bound = Bound::Window { newest: Timestamp::from_millis(newest_ms), window };
                        refusals.add(number, RefusalReason::TooOld, 1, Some(*at_ms), bound);
                    }
                }
            }
            records.end_entry();
        }
    }

    /// No series was made for samples that are all too old to be kept.
    fn refuse_before_floor(&self, item: &Item, lent: &[(i64, f64)], refusals: &mut Refusals) {
        if let (false, Some((at_ms, _))) = (item.is_refused, lent.first()) {
            let bound = Bound::Floor(Timestamp::from_millis(self.floor_ms.load(Ordering::Relaxed)));
            refusals.add(item.number, RefusalReason::BeyondRetention, lent.len(), Some(*at_ms), bound);
        }
    }
}

/// The reason why labels cannot be taken.
fn check(labels: &BorrowedLabels<'_>) -> Result<(), (RefusalReason, Bound)> {
    let mut before = "";
    let mut count = 0;
    for (name, value) in labels {
        if name.is_empty() || name.len() > LABEL_NAME_BYTES_MAX {
            return Err((RefusalReason::LabelNameLength, Bound::None));
        }
        if *name <= before {
            return Err((RefusalReason::LabelsNotSorted, Bound::None));
        }
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return Err((RefusalReason::LabelValueTooLong, Bound::None));
        }
        before = name;
        count += usize::from(!value.is_empty());
    }
    if count > LABELS_MAX {
        return Err((RefusalReason::TooManyLabels, Bound::Count(count)));
    }
    if count == 0 {
        return Err((RefusalReason::NoLabels, Bound::None));
    }
    Ok(())
}

/// The items in the order of their shards, and where each shard's part ends. Items of one shard stay in order.
fn by_shard(items: &[Item]) -> (Vec<u32>, [usize; SHARDS]) {
    let shard = |item: &Item| item.series.map_or(0, |series| place(series).0);
    let mut ends = [0; SHARDS];
    for item in items {
        ends[shard(item)] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let mut order = vec![0; items.len()];
    for (number, item) in items.iter().enumerate() {
        let end = &mut ends[shard(item)];
        order[*end] = number as u32;
        *end += 1;
    }
    (order, ends)
}
