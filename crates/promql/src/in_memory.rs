//! A [`SeriesSource`] that holds its samples in memory, for tests: of this crate, of rules, and in the
//! simulator. It looks at every series for every selection, so it is not for serving.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use kernel::{Labels, Timestamp};

use crate::{Histogram, Matcher, Selected, Selection, SeriesSource, SourceFault, TimeRange};

/// Series with their samples, sorted by labels.
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    series: BTreeMap<Labels, Column>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    /// As long as `timestamps`, or empty.
    starts: Vec<i64>,
    histogram_timestamps: Vec<i64>,
    histograms: Vec<Histogram>,
    histogram_starts: Vec<i64>,
}

impl InMemory {
    /// Without any series.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sample; one that is at the same instant already is replaced. Samples may come in any order.
    pub fn push(&mut self, labels: &Labels, at: Timestamp, value: f64) {
        self.column(labels).push(at.as_millis(), value, 0);
    }

    /// As [`InMemory::push`], of a counter that began at `start`.
    pub fn push_started(&mut self, labels: &Labels, at: Timestamp, value: f64, start: Timestamp) {
        self.column(labels).push(at.as_millis(), value, start.as_millis());
    }

    /// Adds a native histogram; `start` is when its counter began, if that is known.
    pub fn push_histogram(
        &mut self,
        labels: &Labels,
        at: Timestamp,
        histogram: Histogram,
        start: Option<Timestamp>,
    ) {
        self.column(labels).push_histogram(at.as_millis(), histogram, start.map_or(0, Timestamp::as_millis));
    }

    fn column(&mut self, labels: &Labels) -> &mut Column {
        if !self.series.contains_key(labels) {
            self.series.insert(labels.clone(), Column::default());
        }
        self.series.get_mut(labels).expect("it was inserted where it was missing")
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn matching(&self, matchers: &[Matcher], range: TimeRange) -> impl Iterator<Item = (&Labels, &Column)> {
        self.series.iter().filter(move |(labels, column)| {
            matchers.iter().all(|matcher| matcher.matches_labels(labels)) && column.is_within(range)
        })
    }
}

impl Column {
    fn push(&mut self, ms: i64, value: f64, start: i64) {
        self.forget_histogram(ms);
        let position = self.timestamps.partition_point(|t| *t < ms);
        if self.timestamps.get(position) == Some(&ms) {
            self.values[position] = value;
            self.starts[position] = start;
        } else {
            self.timestamps.insert(position, ms);
            self.values.insert(position, value);
            self.starts.insert(position, start);
        }
    }

    fn push_histogram(&mut self, ms: i64, histogram: Histogram, start: i64) {
        if let Ok(position) = self.timestamps.binary_search(&ms) {
            self.timestamps.remove(position);
            self.values.remove(position);
            self.starts.remove(position);
        }
        self.forget_histogram(ms);
        let position = self.histogram_timestamps.partition_point(|t| *t < ms);
        self.histogram_timestamps.insert(position, ms);
        self.histograms.insert(position, histogram);
        self.histogram_starts.insert(position, start);
    }

    fn forget_histogram(&mut self, ms: i64) {
        if let Ok(position) = self.histogram_timestamps.binary_search(&ms) {
            self.histogram_timestamps.remove(position);
            self.histograms.remove(position);
            self.histogram_starts.remove(position);
        }
    }

    fn is_within(&self, range: TimeRange) -> bool {
        !between(&self.timestamps, range).is_empty() || !between(&self.histogram_timestamps, range).is_empty()
    }

    fn selected<'a>(&'a self, labels: &'a Labels, range: TimeRange) -> Selected<'a> {
        let floats = between(&self.timestamps, range);
        let histograms = between(&self.histogram_timestamps, range);
        Selected::new(labels, &self.timestamps[floats.clone()], &self.values[floats.clone()])
            .with_histograms(
                &self.histogram_timestamps[histograms.clone()],
                &self.histograms[histograms.clone()],
            )
            .with_starts(known(&self.starts[floats]), known(&self.histogram_starts[histograms]))
    }
}

/// Starts, where any is known.
fn known(starts: &[i64]) -> &[i64] {
    if starts.iter().any(|start| *start != 0) { starts } else { &[] }
}

fn between(timestamps: &[i64], range: TimeRange) -> std::ops::Range<usize> {
    let start = timestamps.partition_point(|t| *t < range.start.as_millis());
    let end = timestamps.partition_point(|t| *t <= range.end.as_millis());
    start..end.max(start)
}

impl SeriesSource for InMemory {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        for (labels, column) in self.matching(selection.matchers, selection.range) {
            let selected = column.selected(labels, selection.range);
            if each(selected).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceFault> {
        let names: BTreeSet<&str> = self
            .matching(matchers, range)
            .flat_map(|(labels, _)| labels.iter())
            .map(|(name, _)| name)
            .collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault> {
        let values: BTreeSet<&str> =
            self.matching(matchers, range).filter_map(|(labels, _)| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        Ok(self.matching(matchers, range).map(|(labels, _)| labels.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METRIC_NAME;

    #[test]
    fn only_series_with_a_sample_in_the_range_are_there() {
        let mut source = InMemory::new();
        let up = |job: &str| Labels::new([(METRIC_NAME, "up"), ("job", job)]).unwrap();
        source.push(&up("b"), Timestamp::from_secs(10), 1.0);
        source.push(&up("a"), Timestamp::from_secs(20), 0.0);
        source.push(&up("a"), Timestamp::from_secs(15), 1.0);
        source.push(&up("a"), Timestamp::from_secs(15), 2.0);

        let range = |from, to| TimeRange::new(Timestamp::from_secs(from), Timestamp::from_secs(to));
        let any = [Matcher::equal(METRIC_NAME, "up")];
        assert_eq!(source.label_values("job", &any, range(10, 20)).unwrap(), ["a", "b"]);
        assert_eq!(source.label_values("job", &any, range(11, 20)).unwrap(), ["a"]);
        assert_eq!(source.label_names(&any, range(0, 9)).unwrap(), [""; 0]);
        assert_eq!(source.series(&any, TimeRange::ALL).unwrap(), [up("a"), up("b")]);

        let mut seen = Vec::new();
        source
            .select(&Selection::new(&any, range(11, 19)), &mut |series| {
                seen.push((series.labels.clone(), series.timestamps.to_vec(), series.values.to_vec()));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, [(up("a"), vec![15_000], vec![2.0])]);
    }
}
