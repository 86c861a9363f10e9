//! Exemplars: single events behind a series, such as the trace of one slow request.
//!
//! They are kept in a ring: the oldest goes for the newest, and one goes with its series. They are in the log as
//! samples are, and in every checkpoint.

use std::collections::{BTreeMap, VecDeque};

use kernel::{Labels, Timestamp};
use promql::{Matcher, TimeRange};

use crate::companions::{Kind, are_reserved};
use crate::limits::EXEMPLAR_BYTES_MAX;
use crate::refusal::{Appended, Bound, RefusalReason, Refused, series_text};
use crate::wal::RecordWriter;
use crate::{AppendFault, LOCK, MetricsStore, SeriesRef};

/// An exemplar, as a writer lends it.
#[derive(Debug, Clone, Copy)]
pub struct Exemplar<'a> {
    /// Its own labels, such as `trace_id`.
    pub labels: &'a [(&'a str, &'a str)],
    /// What was observed.
    pub value: f64,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
}

/// Exemplars of one series, as a writer lends them.
#[derive(Debug, Clone, Copy)]
pub struct SeriesExemplars<'a> {
    /// The labels of the series, as in [`SeriesSamples`](crate::SeriesSamples).
    pub labels: &'a [(&'a str, &'a str)],
    /// Its exemplars.
    pub exemplars: &'a [Exemplar<'a>],
}

/// The newest exemplars of all series.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring {
    kept: VecDeque<(SeriesRef, promql::Exemplar)>,
}

impl Ring {
    /// Adds an exemplar, unless the series has it; the oldest goes past `max`.
    pub(crate) fn push(&mut self, series: SeriesRef, exemplar: &Exemplar<'_>, max: usize) {
        let Ok(labels) = Labels::new(exemplar.labels.iter().copied()) else { return };
        let found =
            promql::Exemplar { labels, value: exemplar.value, at: Timestamp::from_millis(exemplar.at_ms) };
        // A sender repeats the last exemplar of a series until it has another.
        let before = self.kept.iter().rev().take(REPEATS_LOOKED_AT).find(|(of, _)| *of == series);
        if max == 0 || before.is_some_and(|(_, before)| *before == found) {
            return;
        }
        while self.kept.len() >= max {
            self.kept.pop_front();
        }
        self.kept.push_back((series, found));
    }

    /// Forgets those of series; sorted.
    pub(crate) fn forget(&mut self, gone: &[SeriesRef]) {
        self.kept.retain(|(series, _)| gone.binary_search(series).is_err());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(SeriesRef, promql::Exemplar)> {
        self.kept.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }
}

/// How far back a repeated exemplar is looked for.
const REPEATS_LOOKED_AT: usize = 64;

impl MetricsStore {
    /// Keeps exemplars of known series. Those that cannot be kept are counted; durable as samples are.
    pub fn append_exemplars(&self, batch: &[SeriesExemplars<'_>]) -> Result<Appended, AppendFault> {
        if let Some(fault) = self.log.stopped() {
            return Err(AppendFault::Stopped(fault));
        }
        let (mut appended, mut records) = (Appended::default(), RecordWriter::with_room());
        let unknown = AppendFault::OutcomeUnknown;
        let ticket = {
            let index = self.index.read().expect(LOCK);
            let mut ring = self.exemplars.lock().expect(LOCK);
            for lent in batch {
                let labels = Some(lent.labels).filter(|labels| !are_reserved(labels));
                let series = labels.and_then(|labels| index.find_labels(labels));
                for exemplar in lent.exemplars {
                    let bytes: usize =
                        exemplar.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
                    let Some(series) = series.filter(|_| bytes <= EXEMPLAR_BYTES_MAX) else {
                        refuse(&mut appended, lent, exemplar);
                        continue;
                    };
                    ring.push(series, exemplar, self.policy().exemplars_max);
                    records.exemplar(series, exemplar);
                    appended.stored += 1;
                }
            }
            if records.is_empty() {
                None
            } else {
                Some(self.log.enqueue(records.records()).map_err(unknown)?)
            }
        };
        if let Some(ticket) = ticket {
            self.log.wait(ticket).map_err(unknown)?;
        }
        self.refused.add(&appended.refused);
        Ok(appended)
    }

    /// The exemplars in the range of all series that match any of the selectors; by labels, each series once, its
    /// exemplars oldest first.
    pub(crate) fn found_exemplars(
        &self,
        selectors: &[&[Matcher]],
        range: TimeRange,
    ) -> Vec<promql::SeriesExemplars> {
        let index = self.index.read().expect(LOCK);
        let mut wanted: Vec<SeriesRef> =
            selectors.iter().flat_map(|matchers| index.select(matchers, Kind::Samples)).collect();
        wanted.sort_unstable();
        let mut by_series: BTreeMap<SeriesRef, Vec<promql::Exemplar>> = BTreeMap::new();
        for (series, exemplar) in self.exemplars.lock().expect(LOCK).iter() {
            if range.contains_millis(exemplar.at.as_millis()) && wanted.binary_search(series).is_ok() {
                by_series.entry(*series).or_default().push(exemplar.clone());
            }
        }
        let mut all: Vec<promql::SeriesExemplars> = by_series
            .into_iter()
            .filter_map(|(series, mut exemplars)| {
                exemplars.sort_by_key(|exemplar| exemplar.at);
                Some(promql::SeriesExemplars { labels: index.labels(series)?, exemplars })
            })
            .collect();
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        all
    }
}

fn refuse(appended: &mut Appended, lent: &SeriesExemplars<'_>, exemplar: &Exemplar<'_>) {
    appended.refused.add(RefusalReason::Exemplar, 1);
    appended.first_refused.get_or_insert_with(|| Refused {
        reason: RefusalReason::Exemplar,
        series: series_text(lent.labels),
        at: Some(Timestamp::from_millis(exemplar.at_ms)),
        bound: Bound::None,
    });
}
