//! Taking samples.
//!
//! A batch goes through three steps: series are looked up, and made where they are missing, after their labels were
//! checked (those of a known series were, when it was made); shard by shard, samples go to the head and, under the
//! same lock, to the log's queue, so that head and log agree on which write of a timestamp was the last; and the
//! caller waits until the log is written.
//!
//! A reader may see a sample a moment before it is acknowledged. When the log fails just then, it is seen until the
//! store is opened again; the store takes nothing from that moment on.

mod histograms;
mod lookup;

use std::sync::atomic::Ordering;

use kernel::{Span, Timestamp};

pub use histograms::SeriesHistograms;
use lookup::{Batch, Item, Lent};

use crate::companions::STARTS;
use crate::head::{Shard, Taken, place};
use crate::index::BorrowedLabels;
use crate::limits::{ENTRY_SAMPLES_MAX, SHARDS};
use crate::refusal::{Appended, Bound, RefusalReason, Refused, series_text};
use crate::wal::{RecordWriter, Ticket};
use crate::{AppendFault, LogFault, MetricsStore, SeriesRef};

/// The source of what is said about other sources, whether they could be reached and what they brought: it is taken
/// whatever the policy allows, because it tells of sources that are at their limit.
pub const REPORTS: &str = "\0reports";

/// Samples of one series, as a writer lends them.
#[derive(Debug, Clone, Copy)]
pub struct SeriesSamples<'a> {
    /// Name and value, sorted by name (as bytes), each name once. A label with an empty value counts as absent.
    pub labels: &'a [(&'a str, &'a str)],
    /// Milliseconds since the epoch, and the value; in any order. Of two samples at one timestamp the later in the
    /// slice stays.
    pub samples: &'a [(i64, f64)],
}

impl<'a> Lent<'a> for SeriesSamples<'a> {
    fn labels(&self) -> &'a BorrowedLabels<'a> {
        self.labels
    }

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn timestamps(&self) -> impl Iterator<Item = i64> {
        self.samples.iter().map(|(at_ms, _)| *at_ms)
    }
}

/// What was refused so far, the first of the batch in detail.
#[derive(Default)]
struct Refusals {
    appended: Appended,
    /// Samples that are stored although memory was cut after them.
    old: u64,
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

    fn finish<'a, L: Lent<'a>>(mut self, batch: &[L]) -> Appended {
        self.appended.first_refused = self.first.map(|(number, reason, at_ms, bound)| Refused {
            reason,
            series: series_text(batch[number as usize].labels()),
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
        self.append_from("", batch)
    }

    /// As [`append`](Self::append), for a source with limits of its own.
    pub fn append_from(&self, source: &str, batch: &[SeriesSamples<'_>]) -> Result<Appended, AppendFault> {
        self.store(source, Batch::new(batch), Self::take)
    }

    /// Stores starts, under the labels of companions: the reserved one, and those that the writer gave.
    pub(crate) fn append_companions(&self, batch: &[SeriesSamples<'_>]) -> Result<Appended, AppendFault> {
        self.store(STARTS, Batch::of_starts(batch), Self::take)
    }

    /// Takes a batch through its steps.
    fn store<'a, L: Lent<'a>>(
        &self,
        source: &str,
        mut batch: Batch<'a, L>,
        take: impl FnOnce(&Self, &Batch<'a, L>, &mut Refusals) -> Result<Option<Ticket>, LogFault>,
    ) -> Result<Appended, AppendFault> {
        if let Some(fault) = self.log.stopped() {
            return Err(AppendFault::Stopped(fault));
        }
        let mut refusals = Refusals::default();
        let unknown = AppendFault::OutcomeUnknown;
        let index = self.look_up(source, &mut batch, &mut refusals).map_err(unknown)?;
        let ticket = take(self, &batch, &mut refusals).map_err(unknown)?;
        drop(index);
        if let Some(ticket) = ticket {
            self.log.wait(ticket).map_err(unknown)?;
        }
        if refusals.old > 0 {
            self.old.fetch_add(refusals.old, Ordering::Relaxed);
        }
        let appended = refusals.finish(batch.lent);
        if !batch.are_starts {
            self.stored.fetch_add(appended.stored, Ordering::Relaxed);
        }
        self.refused.add(&appended.refused);
        Ok(appended)
    }

    /// Puts the samples into the head and hands them to the log.
    fn take<'a>(
        &self,
        batch: &Batch<'a, SeriesSamples<'a>>,
        refusals: &mut Refusals,
    ) -> Result<Option<Ticket>, LogFault> {
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
                let lent = &batch.lent[item.number as usize];
                match item.series {
                    Some(series) => {
                        let samples = (item.number, series, lent.samples);
                        self.take_item(samples, &mut locked, &mut records, refusals);
                    }
                    None => self.refuse_before_floor(item, lent, refusals),
                }
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
        shard: &mut Shard,
        records: &mut RecordWriter,
        refusals: &mut Refusals,
    ) {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let window_ms = self.window_ms();
        let cut_end_ms = self.cut_end_ms.load(Ordering::Relaxed);
        let Shard { series: places, packer, slots } = shard;
        let samples = places.get_or_insert_with(place(series).1, Default::default);
        for part in lent.chunks(ENTRY_SAMPLES_MAX) {
            records.begin_entry(series);
            for (at_ms, value) in part {
                if *at_ms < floor_ms {
                    refusals.add(number, RefusalReason::BeyondRetention, 1, Some(*at_ms), floor(floor_ms));
                    continue;
                }
                match samples.push_within((*at_ms, *value), window_ms, packer, slots) {
                    Taken::Stored => {
                        records.sample(*at_ms, *value);
                        refusals.old += u64::from(*at_ms < cut_end_ms);
                        refusals.appended.stored += 1;
                    }
                    Taken::TooOld { newest_ms } => {
                        let bound = self.window(newest_ms);
                        refusals.add(number, RefusalReason::TooOld, 1, Some(*at_ms), bound);
                    }
                }
            }
            records.end_entry();
        }
    }

    fn window(&self, newest_ms: i64) -> Bound {
        let window = Span::from_millis(self.window_ms().unwrap_or(i64::MAX));
        Bound::Window { newest: Timestamp::from_millis(newest_ms), window }
    }

    /// No series was made for samples that are all too old to be kept.
    fn refuse_before_floor<'a>(&self, item: &Item, lent: &impl Lent<'a>, refusals: &mut Refusals) {
        if let (false, Some(at_ms)) = (item.is_refused, lent.timestamps().next()) {
            let bound = floor(self.floor_ms.load(Ordering::Relaxed));
            refusals.add(item.number, RefusalReason::BeyondRetention, lent.len(), Some(at_ms), bound);
        }
    }
}

const fn floor(floor_ms: i64) -> Bound {
    Bound::Floor(Timestamp::from_millis(floor_ms))
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
