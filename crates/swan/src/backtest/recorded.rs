//! Series that a test makes up: the input of a unit test, or what recording rules give, over the stored ones or alone.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use kernel::{Labels, Timestamp};
use promql::in_memory::InMemory;
use promql::{
    METRIC_NAME, Matcher, STALE_NAN, Selected, Selection, SeriesSource, SourceFault, TimeRange, Value,
};

/// Samples in memory, of which the first at an instant stays.
#[derive(Debug)]
pub(crate) struct Recorded {
    series: InMemory,
    samples: usize,
}

/// Whether two samples are the same, bit by bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Histogram(a), Value::Histogram(b)) => a.is_same(b),
        _ => false,
    }
}

impl Default for Recorded {
    fn default() -> Self {
        Self { series: InMemory::telling_resets(), samples: 0 }
    }
}

impl Recorded {
    /// How many samples there are.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// Adds a sample; where its series has one at that instant already, that one stays. False where it is another one.
    pub(crate) fn push(&mut self, labels: &Labels, at: Timestamp, value: &Value) -> bool {
        match self.series.try_push(labels, at, value) {
            Ok(()) => {
                self.samples += 1;
                true
            }
            Err(known) => same(&known, value),
        }
    }

    /// Ends a series, which has a sample before.
    pub(crate) fn end(&mut self, labels: &Labels, at: Timestamp) {
        self.push(labels, at, &Value::Float(STALE_NAN));
    }

    /// Forgets everything from an instant on.
    pub(crate) fn forget_from(&mut self, at: Timestamp) {
        self.samples -= self.series.forget_from(at);
    }

    /// What there is, to be queried.
    pub(crate) fn source(&self) -> &InMemory {
        &self.series
    }
}

/// What recording rules give, over the stored series. Series under a name that is recorded come from the store before
/// the evaluation began, and from the rules since: what an older rule recorded then is not mixed in.
pub(crate) struct Overlay<'s> {
    pub(crate) stored: &'s dyn SeriesSource,
    pub(crate) recorded: &'s InMemory,
    /// The names that are recorded.
    pub(crate) names: &'s BTreeSet<String>,
    /// When evaluation began.
    pub(crate) since: Timestamp,
}

/// A series without what is not before an instant.
fn before<'a>(series: &Selected<'a>, until: Timestamp) -> Selected<'a> {
    let floats = series.timestamps.partition_point(|at| *at < until.as_millis());
    let histograms = series.histogram_timestamps.partition_point(|at| *at < until.as_millis());
    Selected::new(series.labels, &series.timestamps[..floats], &series.values[..floats])
        .with_histograms(&series.histogram_timestamps[..histograms], &series.histograms[..histograms])
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
        let mut joined = InMemory::new();
        let mut broken = false;
        self.stored.select(selection, &mut |series| {
            if series.labels.get(METRIC_NAME).is_some_and(|name| self.names.contains(name)) {
                joined.extend(&before(&series, self.since));
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
            joined.extend(&series);
            ControlFlow::Continue(())
        })?;
        joined.select(selection, each)
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
