//! Taking native histograms; as floats are taken.

use std::sync::atomic::Ordering;

use promql::Histogram;

use super::lookup::{Batch, Lent};
use super::{Refusals, floor};
use crate::chunk::histograms::is_sound;
use crate::head::Taken;
use crate::index::BorrowedLabels;
use crate::refusal::{Appended, Bound, RefusalReason};
use crate::wal::{RecordWriter, Ticket};
use crate::{AppendFault, LogFault, MetricsStore};

/// Native histograms of one series, as a writer lends them. At an instant at which a series has both, a histogram
/// hides a float.
#[derive(Debug, Clone, Copy)]
pub struct SeriesHistograms<'a> {
    /// As in [`SeriesSamples`](crate::SeriesSamples).
    pub labels: &'a [(&'a str, &'a str)],
    /// Milliseconds since the epoch, and the histogram. One whose sum is [`promql::STALE_NAN`] says that the series
    /// ended.
    pub histograms: &'a [(i64, Histogram)],
}

impl<'a> Lent<'a> for SeriesHistograms<'a> {
    fn labels(&self) -> &'a BorrowedLabels<'a> {
        self.labels
    }

    fn len(&self) -> usize {
        self.histograms.len()
    }

    fn timestamps(&self) -> impl Iterator<Item = i64> {
        self.histograms.iter().map(|(at_ms, _)| *at_ms)
    }
}

impl MetricsStore {
    /// Stores native histograms; as [`append_from`](Self::append_from).
    pub fn append_histograms(
        &self,
        source: &str,
        batch: &[SeriesHistograms<'_>],
    ) -> Result<Appended, AppendFault> {
        self.store(source, Batch::new(batch), Self::take_histograms)
    }

    fn take_histograms<'a>(
        &self,
        batch: &Batch<'a, SeriesHistograms<'a>>,
        refusals: &mut Refusals,
    ) -> Result<Option<Ticket>, LogFault> {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let mut records = RecordWriter::with_room();
        let mut ticket = None;
        for item in &batch.items {
            let lent = &batch.lent[item.number as usize];
            let Some(series) = item.series else {
                self.refuse_before_floor(item, lent, refusals);
                continue;
            };
            records.clear();
            // The log is told under the shard's lock, so that both agree on which write was the last.
            let enqueued = self.head.change(series, |samples, _, slots| {
                for (at_ms, histogram) in lent.histograms {
                    let (number, at) = (item.number, Some(*at_ms));
                    if *at_ms < floor_ms {
                        refusals.add(number, RefusalReason::BeyondRetention, 1, at, floor(floor_ms));
                        continue;
                    }
                    if !is_sound(histogram) {
                        refusals.add(number, RefusalReason::HistogramShape, 1, at, Bound::None);
                        continue;
                    }
                    match samples.push_histogram(*at_ms, histogram, self.window_ms(), slots) {
                        Taken::Stored => {
                            records.histogram(series, *at_ms, histogram);
                            refusals.appended.stored += 1;
                        }
                        Taken::TooOld { newest_ms } => {
                            refusals.add(number, RefusalReason::TooOld, 1, at, self.window(newest_ms));
                        }
                    }
                }
                if records.is_empty() { Ok(None) } else { self.log.enqueue(records.records()).map(Some) }
            })?;
            ticket = enqueued.or(ticket);
        }
        Ok(ticket)
    }
}
