//! A [`SeriesSource`] that holds its samples in memory: for tests of this crate and of others, for the unit tests of
//! rules, and for what a rehearsal of rules records. It knows series by metric name and nothing else, so it is not for
//! serving.

mod hints;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

use kernel::{Labels, Timestamp};

use crate::{
    Histogram, METRIC_NAME, Matcher, Selected, Selection, SeriesSource, SourceFault, TimeRange, Value,
};

/// Series with their samples, by metric name and sorted by labels.
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    by_name: BTreeMap<String, BTreeMap<Labels, Column>>,
    /// Whether histograms say what is known of resets, as those that a store gives back do.
    tells_resets: bool,
}

/// The samples of one series. No instant is in both lines.
#[derive(Debug, Clone, Default)]
struct Column {
    floats: Line<f64>,
    histograms: Line<Histogram>,
}

/// Samples of one kind, sorted by time: the three lists are of the same length.
#[derive(Debug, Clone)]
struct Line<T> {
    timestamps: Vec<i64>,
    values: Vec<T>,
    /// 0 where it is not known.
    starts: Vec<i64>,
}

impl InMemory {
    /// Without any series.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without any series; its histograms will say what is known of resets, whatever was said when they were added, as
    /// Prometheus's store says it.
    pub fn telling_resets() -> Self {
        Self { tells_resets: true, ..Self::default() }
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
        let column = self.column(labels);
        column.push_histogram(at.as_millis(), histogram, start.map_or(0, Timestamp::as_millis));
        if self.tells_resets {
            self.column(labels).tell_resets(at.as_millis());
        }
    }

    /// Adds a sample where its series has none at that instant; otherwise the one that is there stays, and is given.
    pub fn try_push(&mut self, labels: &Labels, at: Timestamp, value: &Value) -> Result<(), Value> {
        let (column, at) = (self.column(labels), at.as_millis());
        if let Some(known) = column.at(at) {
            return Err(known);
        }
        match value {
            Value::Float(value) => column.push(at, *value, 0),
            Value::Histogram(histogram) => column.push_histogram(at, histogram.as_ref().clone(), 0),
        }
        if self.tells_resets {
            self.column(labels).tell_resets(at);
        }
        Ok(())
    }

    /// Adds all samples that another source lends of a series.
    pub fn extend(&mut self, series: &Selected<'_>) {
        let column = self.column(series.labels);
        for (place, (ms, value)) in series.timestamps.iter().zip(series.values).enumerate() {
            column.push(*ms, *value, series.starts.get(place).copied().unwrap_or(0));
        }
        for (place, (ms, histogram)) in series.histogram_timestamps.iter().zip(series.histograms).enumerate()
        {
            let start = series.histogram_starts.get(place).copied().unwrap_or(0);
            column.push_histogram(*ms, histogram.clone(), start);
        }
    }

    /// Forgets all samples from an instant on; how many those were.
    pub fn forget_from(&mut self, at: Timestamp) -> usize {
        let columns = self.by_name.values_mut().flat_map(BTreeMap::values_mut);
        let forgotten = columns.map(|column| {
            column.floats.forget_from(at.as_millis()) + column.histograms.forget_from(at.as_millis())
        });
        forgotten.sum()
    }

    fn column(&mut self, labels: &Labels) -> &mut Column {
        let name = labels.get(METRIC_NAME).unwrap_or("");
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), BTreeMap::new());
        }
        let series = self.by_name.get_mut(name).expect("it was inserted where it was missing");
        if !series.contains_key(labels) {
            series.insert(labels.clone(), Column::default());
        }
        series.get_mut(labels).expect("it was inserted where it was missing")
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.by_name.values().map(BTreeMap::len).sum()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Sorted by labels.
    fn matching(&self, matchers: &[Matcher], range: TimeRange) -> Vec<(&Labels, &Column)> {
        let (named, others): (Vec<&Matcher>, Vec<&Matcher>) =
            matchers.iter().partition(|matcher| matcher.name() == METRIC_NAME);
        let names = self.by_name.iter().filter(|(name, _)| named.iter().all(|matcher| matcher.matches(name)));
        let is_wanted = |(labels, column): &(&Labels, &Column)| {
            others.iter().all(|matcher| matcher.matches_labels(labels)) && column.is_within(range)
        };
        let mut found: Vec<_> = names.flat_map(|(_, series)| series).filter(is_wanted).collect();
        found.sort_unstable_by_key(|(labels, _)| *labels);
        found
    }
}

impl Column {
    fn push(&mut self, ms: i64, value: f64, start: i64) {
        self.histograms.forget(ms);
        self.floats.push(ms, value, start);
    }

    fn push_histogram(&mut self, ms: i64, histogram: Histogram, start: i64) {
        self.floats.forget(ms);
        self.histograms.push(ms, histogram, start);
    }

    /// Has the histogram at this instant, or the first one after it, and the one that follows say what is known.
    fn tell_resets(&mut self, ms: i64) {
        let place = self.histograms.timestamps.partition_point(|known| *known < ms);
        for place in place..(place + 2).min(self.histograms.timestamps.len()) {
            let at = self.histograms.timestamps[place];
            let follows = |before: &usize| {
                let floats = self.floats.timestamps.partition_point(|known| *known < at);
                floats == 0 || self.floats.timestamps[floats - 1] < self.histograms.timestamps[*before]
            };
            let before = place.checked_sub(1).filter(follows).map(|before| &self.histograms.values[before]);
            self.histograms.values[place].counter_reset_hint =
                hints::derived(before, &self.histograms.values[place]);
        }
    }

    fn at(&self, ms: i64) -> Option<Value> {
        if let Some(value) = self.floats.at(ms) {
            return Some(Value::Float(*value));
        }
        self.histograms.at(ms).map(|histogram| Value::Histogram(histogram.clone().into()))
    }

    fn is_within(&self, range: TimeRange) -> bool {
        !self.floats.between(range).is_empty() || !self.histograms.between(range).is_empty()
    }

    fn selected<'a>(&'a self, labels: &'a Labels, range: TimeRange) -> Selected<'a> {
        let (timestamps, values, starts) = self.floats.lent(range);
        let (histogram_timestamps, histograms, histogram_starts) = self.histograms.lent(range);
        Selected::new(labels, timestamps, values)
            .with_histograms(histogram_timestamps, histograms)
            .with_starts(starts, histogram_starts)
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { timestamps: Vec::new(), values: Vec::new(), starts: Vec::new() }
    }
}

impl<T> Line<T> {
    /// Where a sample is, or belongs: mostly at the end.
    fn place(&self, ms: i64) -> Result<usize, usize> {
        if self.timestamps.last().is_none_or(|last| *last < ms) {
            return Err(self.timestamps.len());
        }
        self.timestamps.binary_search(&ms)
    }

    fn push(&mut self, ms: i64, value: T, start: i64) {
        match self.place(ms) {
            Ok(place) => (self.values[place], self.starts[place]) = (value, start),
            Err(place) => {
                self.timestamps.insert(place, ms);
                self.values.insert(place, value);
                self.starts.insert(place, start);
            }
        }
    }

    fn forget(&mut self, ms: i64) {
        if let Ok(place) = self.place(ms) {
            self.timestamps.remove(place);
            self.values.remove(place);
            self.starts.remove(place);
        }
    }

    /// How many were forgotten.
    fn forget_from(&mut self, ms: i64) -> usize {
        let kept = self.timestamps.partition_point(|t| *t < ms);
        let forgotten = self.timestamps.len() - kept;
        self.timestamps.truncate(kept);
        self.values.truncate(kept);
        self.starts.truncate(kept);
        forgotten
    }

    fn at(&self, ms: i64) -> Option<&T> {
        self.place(ms).ok().map(|place| &self.values[place])
    }

    fn between(&self, range: TimeRange) -> Range<usize> {
        let start = self.timestamps.partition_point(|t| *t < range.start.as_millis());
        let end = self.timestamps.partition_point(|t| *t <= range.end.as_millis());
        start..end.max(start)
    }

    /// Timestamps, values, and the starts where any is known.
    fn lent(&self, range: TimeRange) -> (&[i64], &[T], &[i64]) {
        let places = self.between(range);
        let starts = &self.starts[places.clone()];
        let is_any_known = starts.iter().any(|start| *start != 0);
        let starts = if is_any_known { starts } else { &[] };
        (&self.timestamps[places.clone()], &self.values[places], starts)
    }
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
        let found = self.matching(matchers, range);
        let names: BTreeSet<&str> =
            found.iter().flat_map(|(labels, _)| labels.iter()).map(|(name, _)| name).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault> {
        let found = self.matching(matchers, range);
        let values: BTreeSet<&str> = found.iter().filter_map(|(labels, _)| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        Ok(self.matching(matchers, range).into_iter().map(|(labels, _)| labels.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
