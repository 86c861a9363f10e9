//! Reading: the store as a [`SeriesSource`].
//!
//! Series come in the order of the hash of their labels, so that equal data gives equal sums whichever series was
//! seen first. Under a shard's lock a reader takes along only what it needs (closed chunks are shared, not copied);
//! it decodes, and calls back, without any lock.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use kernel::Labels;
use promql::{Matcher, Selected, Selection, SeriesSource, SourceFault, TimeRange};

use crate::head::{Columns, Sighting};
use crate::index::Index;
use crate::limits::SELECT_SERIES_PER_LOCK;
use crate::{LOCK, MetricsStore, SeriesRef};

impl MetricsStore {
    /// The range without what is gone.
    fn kept(&self, range: TimeRange) -> (i64, i64) {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        (range.start.as_millis().max(floor_ms), range.end.as_millis())
    }

    fn has_sample(&self, series: SeriesRef, range: TimeRange) -> bool {
        let (start_ms, end_ms) = self.kept(range);
        self.head.look(series, |samples| samples.has_sample_between(start_ms, end_ms)).unwrap_or(false)
    }

    /// Matching series with a sample in the range.
    fn present(&self, index: &Index, matchers: &[Matcher], range: TimeRange) -> Vec<SeriesRef> {
        let mut found = index.select(matchers);
        found.retain(|series| self.has_sample(*series, range));
        found
    }
}

impl SeriesSource for MetricsStore {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        let found = {
            let index = self.index.read().expect(LOCK);
            let mut found = index.select(selection.matchers);
            found.sort_by_cached_key(|series| index.hash(*series));
            found
        };
        let (start_ms, end_ms) = self.kept(selection.range);
        let (mut sighting, mut columns) = (Sighting::default(), Columns::default());
        for part in found.chunks(SELECT_SERIES_PER_LOCK) {
            let labels: Vec<Option<Labels>> = {
                let index = self.index.read().expect(LOCK);
                part.iter().map(|series| index.labels(*series)).collect()
            };
            for (series, labels) in part.iter().zip(labels) {
                let looked =
                    self.head.look(*series, |samples| samples.sight(start_ms, end_ms, &mut sighting));
                // One of them is missing when the series left meanwhile.
                let (Some(labels), Some(())) = (labels, looked) else { continue };
                sighting.decode(start_ms, end_ms, &mut columns);
                if columns.timestamps.is_empty() {
                    continue;
                }
                if each(Selected::new(&labels, &columns.timestamps, &columns.values)).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceFault> {
        let index = self.index.read().expect(LOCK);
        let present = self.present(&index, matchers, range);
        let names: BTreeSet<_> =
            present.into_iter().flat_map(|series| index.symbols_of(series)).map(|(name, _)| *name).collect();
        Ok(sorted(&index, names))
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault> {
        let index = self.index.read().expect(LOCK);
        let Some(name) = index.symbols().find(name) else { return Ok(Vec::new()) };
        let mut values = BTreeSet::new();
        for series in index.select(matchers) {
            let labels = index.symbols_of(series);
            if let Some((_, value)) = labels.iter().find(|(label, _)| *label == name)
                && !values.contains(value)
                && self.has_sample(series, range)
            {
                values.insert(*value);
            }
        }
        Ok(sorted(&index, values))
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        let index = self.index.read().expect(LOCK);
        let present = self.present(&index, matchers, range);
        let mut all: Vec<Labels> = present.into_iter().filter_map(|series| index.labels(series)).collect();
        all.sort_unstable();
        Ok(all)
    }
}

fn sorted(index: &Index, symbols: BTreeSet<u32>) -> Vec<String> {
    let mut texts: Vec<String> =
        symbols.into_iter().map(|symbol| index.symbols().text(symbol).to_owned()).collect();
    texts.sort_unstable();
    texts
}
