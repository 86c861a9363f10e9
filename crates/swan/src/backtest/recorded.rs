//! Series that a test makes up: the input of a unit test, or what recording rules give, over the stored ones or alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use kernel::{Labels, Timestamp};
use promql::{
    Histogram, METRIC_NAME, Matcher, STALE_NAN, Selected, Selection, SeriesSource, SourceFault, TimeRange,
    Value,
};

/// Series in memory, by metric name.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    by_name: BTreeMap<String, HashMap<Labels, Samples>>,
    samples: usize,
}

#[derive(Debug, Default)]
struct Samples {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    histogram_timestamps: Vec<i64>,
    histograms: Vec<Histogram>,
}

/// The places, in a list of timestamps, of those in the range.
fn between(timestamps: &[i64], range: TimeRange) -> std::ops::Range<usize> {
    let start = timestamps.partition_point(|at| *at < range.start.as_millis());
    let end = timestamps.partition_point(|at| *at <= range.end.as_millis());
    start..end.max(start)
}

/// Whether two samples are the same, bit by bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Histogram(a), Value::Histogram(b)) => a == b,
        _ => false,
    }
}

impl Samples {
    fn at(&self, at: i64) -> Option<Value> {
        if let Ok(place) = self.timestamps.binary_search(&at) {
            return Some(Value::Float(self.values[place]));
        }
        let place = self.histogram_timestamps.binary_search(&at).ok()?;
        Some(Value::Histogram(self.histograms[place].clone().into()))
    }

    fn is_empty_between(&self, range: TimeRange) -> bool {
        between(&self.timestamps, range).is_empty() && between(&self.histogram_timestamps, range).is_empty()
    }
}

impl Recorded {
    /// How many samples there are.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// Adds a sample; where its series has one at that instant already, that one stays. False where it is another one.
    pub(crate) fn push(&mut self, labels: &Labels, at: Timestamp, value: &Value) -> bool {
        let name = labels.get(METRIC_NAME).unwrap_or("");
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), HashMap::new());
        }
        let Some(series) = self.by_name.get_mut(name) else { return false };
        let series = match series.get_mut(labels) {
            Some(series) => series,
            None => series.entry(labels.clone()).or_default(),
        };
        let at = at.as_millis();
        if let Some(known) = series.at(at) {
            return same(&known, value);
        }
        self.samples += 1;
        match value {
            Value::Float(value) => {
                let place = series.timestamps.partition_point(|known| *known < at);
                series.timestamps.insert(place, at);
                series.values.insert(place, *value);
            }
            Value::Histogram(histogram) => {
                let place = series.histogram_timestamps.partition_point(|known| *known < at);
                series.histogram_timestamps.insert(place, at);
                series.histograms.insert(place, histogram.as_ref().clone());
            }
        }
        true
    }

    /// Ends a series, which has a sample before.
    pub(crate) fn end(&mut self, labels: &Labels, at: Timestamp) {
        self.push(labels, at, &Value::Float(STALE_NAN));
    }

    /// Forgets everything from an instant on.
    pub(crate) fn forget_from(&mut self, at: Timestamp) {
        let at = at.as_millis();
        for series in self.by_name.values_mut().flat_map(HashMap::values_mut) {
            let floats = series.timestamps.partition_point(|t| *t < at);
            let histograms = series.histogram_timestamps.partition_point(|t| *t < at);
            self.samples -= series.timestamps.len() - floats + series.histograms.len() - histograms;
            series.timestamps.truncate(floats);
            series.values.truncate(floats);
            series.histogram_timestamps.truncate(histograms);
            series.histograms.truncate(histograms);
        }
    }

    fn matching(&self, matchers: &[Matcher], range: TimeRange) -> Vec<(&Labels, &Samples)> {
        let named: Vec<&Matcher> = matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME).collect();
        let names = self.by_name.iter().filter(|(name, _)| named.iter().all(|matcher| matcher.matches(name)));
        let mut found: Vec<(&Labels, &Samples)> = names
            .flat_map(|(_, series)| series)
            .filter(|(labels, samples)| {
                matchers.iter().all(|matcher| matcher.matches_labels(labels))
                    && !samples.is_empty_between(range)
            })
            .collect();
        found.sort_unstable_by_key(|(labels, _)| *labels);
        found
    }
}

impl SeriesSource for Recorded {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        for (labels, samples) in self.matching(selection.matchers, selection.range) {
            let floats = between(&samples.timestamps, selection.range);
            let histograms = between(&samples.histogram_timestamps, selection.range);
            let selected =
                Selected::new(labels, &samples.timestamps[floats.clone()], &samples.values[floats])
                    .with_histograms(
                        &samples.histogram_timestamps[histograms.clone()],
                        &samples.histograms[histograms],
                    );
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

/// What recording rules give, over the stored series. Series under a name that is recorded come from the store before
/// the evaluation began, and from the rules since: what an older rule recorded then is not mixed in.
pub(crate) struct Overlay<'s> {
    pub(crate) stored: &'s dyn SeriesSource,
    pub(crate) recorded: &'s Recorded,
    /// The names that are recorded.
    pub(crate) names: &'s BTreeSet<String>,
    /// When evaluation began.
    pub(crate) since: Timestamp,
}

/// A series of which parts come from both sides.
#[derive(Default)]
struct Joined {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    histogram_timestamps: Vec<i64>,
    histograms: Vec<Histogram>,
}

impl Joined {
    fn add(&mut self, selected: &Selected<'_>, until: i64) {
        let floats = selected.timestamps.partition_point(|at| *at < until);
        let histograms = selected.histogram_timestamps.partition_point(|at| *at < until);
        self.timestamps.extend_from_slice(&selected.timestamps[..floats]);
        self.values.extend_from_slice(&selected.values[..floats]);
        self.histogram_timestamps.extend_from_slice(&selected.histogram_timestamps[..histograms]);
        self.histograms.extend_from_slice(&selected.histograms[..histograms]);
    }
}

impl Overlay<'_> {
    fn touches(&self, matchers: &[Matcher]) -> bool {
        self.names.iter().any(|name| {
            matchers
                .iter()
                .filter(|matcher| matcher.name() == METRIC_NAME)
                .all(|matcher| matcher.matches(name))
        })
    }
}

impl SeriesSource for Overlay<'_> {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        if !self.touches(selection.matchers) {
            return self.stored.select(selection, each);
        }
        let mut joined: BTreeMap<Labels, Joined> = BTreeMap::new();
        let mut broken = false;
        self.stored.select(selection, &mut |series| {
            if series.labels.get(METRIC_NAME).is_some_and(|name| self.names.contains(name)) {
                joined.entry(series.labels.clone()).or_default().add(&series, self.since.as_millis());
                return ControlFlow::Continue(());
            }
            let flow = each(series);
            broken = flow.is_break();
            flow
        })?;
        if broken {
            return Ok(());
        }
        self.recorded.select(selection, &mut |series| {
            joined.entry(series.labels.clone()).or_default().add(&series, i64::MAX);
            ControlFlow::Continue(())
        })?;
        for (labels, samples) in &joined {
            if samples.timestamps.is_empty() && samples.histograms.is_empty() {
                continue;
            }
            let selected = Selected::new(labels, &samples.timestamps, &samples.values)
                .with_histograms(&samples.histogram_timestamps, &samples.histograms);
            if each(selected).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceFault> {
        let mut names: BTreeSet<String> = self.stored.label_names(matchers, range)?.into_iter().collect();
        names.extend(self.recorded.label_names(matchers, range)?);
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault> {
        let stored = self.stored.label_values(name, matchers, range)?;
        let mut values: BTreeSet<String> = stored.into_iter().collect();
        values.extend(self.recorded.label_values(name, matchers, range)?);
        Ok(values.into_iter().collect())
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        let mut all: BTreeSet<Labels> = self.stored.series(matchers, range)?.into_iter().collect();
        all.extend(self.recorded.series(matchers, range)?);
        Ok(all.into_iter().collect())
    }
}
