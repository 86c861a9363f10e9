//! What is read from the source: the last sample before each step, and when samples are from.

use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::{Span, Timestamp};

use crate::column::{ABSENT, Column, ColumnRef, Name, Row, Steps};
use crate::evaluation::{Evaluated, Evaluation, SelectedSink, Sink};
use crate::native::{Buckets, CounterResetHint, Histogram};
use crate::plan::{Moment, Selector};
use crate::syntax::tree::At;
use crate::{LabelView, Lent, Matcher, QueryError, Selection, TimeRange, is_stale};

/// The instants that a selector looks at, one for each step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instants {
    steps: Steps,
    fixed: Option<i64>,
    offset_ms: i64,
}

impl Instants {
    #[inline]
    pub(crate) fn at(self, step: usize) -> i64 {
        self.fixed.unwrap_or_else(|| self.steps.at(step)).saturating_sub(self.offset_ms)
    }

    pub(crate) fn first(self) -> i64 {
        self.at(0)
    }

    pub(crate) fn last(self) -> i64 {
        self.at(self.steps.count.saturating_sub(1))
    }

    pub(crate) fn count(self) -> usize {
        self.steps.count
    }

    /// The distance of the instants; 0 where there is one only.
    pub(crate) fn step_ms(self) -> i64 {
        if self.steps.count > 1 && self.fixed.is_none() { self.steps.step } else { 0 }
    }
}

/// Samples that are read before they are counted, and series.
const UNCOUNTED_MAX: usize = 4096;
const UNCOUNTED_SERIES_MAX: usize = 64;

impl Evaluation<'_> {
    /// A fixed instant of `@`.
    pub(crate) fn fixed(self, at: Option<At>) -> Option<i64> {
        match at? {
            At::Millis(ms) => Some(ms),
            At::Start => Some(self.shared.times.start_ms),
            At::End => Some(self.shared.times.end_ms),
        }
    }

    pub(crate) fn instants(self, moment: &Moment) -> Result<Instants, QueryError> {
        let offset_ms = self.millis(&moment.offset, true)?;
        Ok(Instants { steps: self.steps, fixed: self.fixed(moment.at), offset_ms })
    }

    /// At a fixed instant, if there is one, and so much earlier.
    pub(crate) fn instants_of(self, fixed: Option<i64>, offset_ms: i64) -> Instants {
        Instants { steps: self.steps, fixed, offset_ms }
    }

    /// Every matching series with its samples after `from`, up to `to`.
    pub(crate) fn select(
        self,
        matchers: &[Matcher],
        without_buckets: bool,
        from: i64,
        to: i64,
        each: &mut SelectedSink<'_>,
    ) -> Evaluated {
        let range =
            TimeRange::new(Timestamp::from_millis(from.saturating_add(1)), Timestamp::from_millis(to));
        let step = self.is_range().then(|| Span::from_millis(self.steps.step));
        let wants_starts = self.shared.settings.start_timestamps;
        let selection = Selection::new(matchers, range).with_step(step).with_starts(wants_starts);
        self.budget().check_cancelled()?;
        // Samples are counted by the hundreds, so that threads do not wait for each other's counting.
        let (mut uncounted, mut uncounted_series) = (0, 0);
        let mut take = |series: Lent<'_>| {
            uncounted += series.timestamps.len() + series.histogram_timestamps.len();
            uncounted_series += 1;
            if uncounted >= UNCOUNTED_MAX || uncounted_series >= UNCOUNTED_SERIES_MAX {
                self.budget().use_samples(uncounted)?;
                (uncounted, uncounted_series) = (0, 0);
            }
            if !without_buckets || series.histograms.is_empty() {
                return each(series);
            }
            let histograms = counts_only(series.histograms);
            each(Lent { histograms: &histograms, ..series })
        };
        match self.selecting {
            Some(selecting) => selecting.select(&selection, &mut take)?,
            None => {
                let mut outcome = Ok(());
                self.shared.source.select_views(&selection, &mut |series| {
                    outcome = take(series);
                    if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })?;
                outcome?;
            }
        }
        Ok(self.budget().use_samples(uncounted)?)
    }

    /// The last sample at each step, if it is younger than the lookback.
    #[inline(never)]
    pub(crate) fn look_back(self, selector: &Selector, sink: &mut Sink<'_>) -> Evaluated {
        let instants = self.instants(&selector.moment)?;
        let mut column = Column::default();
        self.look_back_at(&selector.matchers, selector.without_buckets, instants, &mut |series, last| {
            last.column(series, &mut column);
            send(series.labels, Name::Kept, column.as_ref(), sink)
        })
    }

    /// `timestamp(selector)`: when the last sample at each step is from, in seconds.
    #[inline(never)]
    pub(crate) fn timestamps(self, selector: &Selector, sink: &mut Sink<'_>) -> Evaluated {
        let instants = self.instants(&selector.moment)?;
        let mut column = Vec::with_capacity(self.steps.count);
        self.look_back_at(&selector.matchers, selector.without_buckets, instants, &mut |series, last| {
            column.clear();
            column.extend(last.0.iter().map(|found| match found {
                Found::Nothing => ABSENT,
                Found::Float(at) if is_stale(series.values[*at]) => ABSENT,
                Found::Float(at) => series.timestamps[*at] as f64 / 1000.0,
                Found::Histogram(at) if is_stale(series.histograms[*at].sum) => ABSENT,
                Found::Histogram(at) => series.histogram_timestamps[*at] as f64 / 1000.0,
            }));
            send(series.labels, self.drop_name(), ColumnRef::of_floats(&column), sink)
        })
    }

    /// `start_timestamp(selector)`: when the counter of the last sample at each step began, in seconds.
    #[inline(never)]
    pub(crate) fn starts(self, selector: &Selector, sink: &mut Sink<'_>) -> Evaluated {
        if !self.shared.settings.start_timestamps {
            return Ok(());
        }
        let instants = self.instants(&selector.moment)?;
        let mut column = Vec::with_capacity(self.steps.count);
        let secs = |ms: Option<&i64>| ms.map_or(0.0, |ms| *ms as f64 / 1000.0);
        self.look_back_at(&selector.matchers, selector.without_buckets, instants, &mut |series, last| {
            column.clear();
            column.extend(last.0.iter().map(|found| match found {
                Found::Nothing => ABSENT,
                Found::Float(at) if is_stale(series.values[*at]) => ABSENT,
                Found::Float(at) => secs(series.starts.get(*at)),
                Found::Histogram(at) if is_stale(series.histograms[*at].sum) => ABSENT,
                Found::Histogram(at) => secs(series.histogram_starts.get(*at)),
            }));
            send(series.labels, self.drop_name(), ColumnRef::of_floats(&column), sink)
        })
    }

    /// Which sample of each series is the last at each instant.
    pub(crate) fn look_back_at(
        self,
        matchers: &[Matcher],
        without_buckets: bool,
        instants: Instants,
        each: &mut (dyn FnMut(&Lent<'_>, &Last) -> Evaluated + Send),
    ) -> Evaluated {
        let lookback_ms = self.shared.lookback_ms;
        let mut last = Last(Vec::with_capacity(self.steps.count));
        let from = instants.first().saturating_sub(lookback_ms);
        self.select(matchers, without_buckets, from, instants.last(), &mut |series| {
            last.find(&series, instants, lookback_ms);
            each(&series, &last)
        })
    }
}

/// Histograms without their buckets, which are what tells of resets; so the hints tell of them instead.
fn counts_only(histograms: &[Histogram]) -> Vec<Histogram> {
    let mut before: Option<&Histogram> = None;
    let counts = histograms.iter().map(|histogram| {
        let mut counter_reset_hint = histogram.counter_reset_hint;
        if !is_stale(histogram.sum) {
            let before = before.replace(histogram);
            if counter_reset_hint == CounterResetHint::Unknown
                && let Some(before) = before
            {
                let is_reset = histogram.is_reset_since(before);
                counter_reset_hint =
                    if is_reset { CounterResetHint::Reset } else { CounterResetHint::NotReset };
            }
        }
        Histogram {
            counter_reset_hint,
            schema: histogram.schema,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: histogram.count,
            sum: histogram.sum,
            positive: Buckets::default(),
            negative: Buckets::default(),
            custom_bounds: Arc::default(),
        }
    });
    counts.collect()
}

/// Hands a series on that has a value.
pub(crate) fn send(
    labels: &dyn LabelView,
    name: Name,
    column: ColumnRef<'_>,
    sink: &mut Sink<'_>,
) -> Evaluated {
    if column.is_empty() { Ok(()) } else { sink(Row { labels, name, column }) }
}

/// The position of the last sample at each step.
pub(crate) struct Last(pub(crate) Vec<Found>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Float(usize),
    Histogram(usize),
}

impl Last {
    fn find(&mut self, series: &Lent<'_>, instants: Instants, lookback_ms: i64) {
        let (floats, histograms) = (series.timestamps, series.histogram_timestamps);
        let (mut float, mut histogram) = (0, 0);
        self.0.clear();
        for step in 0..instants.count() {
            let at = instants.at(step);
            while floats.get(float).is_some_and(|t| *t <= at) {
                float += 1;
            }
            while histograms.get(histogram).is_some_and(|t| *t <= at) {
                histogram += 1;
            }
            let oldest = at.saturating_sub(lookback_ms);
            let young = |timestamps: &[i64], upto: usize| {
                upto.checked_sub(1).filter(|last| timestamps[*last] > oldest)
            };
            self.0.push(match (young(floats, float), young(histograms, histogram)) {
                (Some(float), Some(histogram)) if floats[float] < histograms[histogram] => {
                    Found::Histogram(histogram)
                }
                (Some(float), _) => Found::Float(float),
                (None, Some(histogram)) => Found::Histogram(histogram),
                (None, None) => Found::Nothing,
            });
        }
    }

    /// The samples themselves. Steps at which the same histogram is the last share it.
    fn column(&self, series: &Lent<'_>, column: &mut Column) {
        column.clear();
        let mut shared: Option<(usize, Arc<Histogram>)> = None;
        for found in &self.0 {
            match *found {
                Found::Nothing => column.floats.push(ABSENT),
                // A staleness marker is `ABSENT` already.
                Found::Float(at) => column.floats.push(series.values[at]),
                Found::Histogram(at) if is_stale(series.histograms[at].sum) => column.floats.push(ABSENT),
                Found::Histogram(at) => {
                    let known = shared.take().filter(|(known, _)| *known == at);
                    let (_, one) = known.unwrap_or_else(|| (at, Arc::new(series.histograms[at].clone())));
                    shared = Some((at, Arc::clone(&one)));
                    column.push_histogram(one);
                }
            }
        }
        column.even_out();
    }
}
