//! Ranges of samples: of a selector, or what a subquery gives at its own steps.

use std::sync::Arc;

use kernel::{Labels, Timestamp};

use crate::column::{ABSENT, Column, ColumnRef, Name, Row, Scalars, Steps, is_present, metric};
use crate::evaluation::{Evaluated, Evaluation, Sink, conflict};
use crate::grid::Grid;
use crate::native::{CounterResetHint, Histogram};
use crate::plan::{OverRange, Window, WindowOf};
use crate::range_function::RangeFunction;
use crate::samples::{Reach, Samples};
use crate::select::send;
use crate::syntax::tree::Extension;
use crate::window::{self, Windows};
use crate::{LabelView, Points, QueryError, QueryRefusal, general, is_stale};

/// Steps that are evaluated between two questions whether anybody still waits.
const STEPS_PER_POLL: usize = 4096;

/// Buffers for samples whose staleness markers have to be taken out; reused from series to series.
#[derive(Default)]
struct Unmarked {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
}

impl Unmarked {
    /// The samples as they are where none is a marker; otherwise a copy without them.
    fn take<'s>(
        &'s mut self,
        timestamps: &'s [i64],
        values: &'s [f64],
        starts: &'s [i64],
    ) -> (&'s [i64], &'s [f64], &'s [i64]) {
        // Most series have none, and are seen to have none without leaving the loop early.
        if !values.iter().fold(false, |found, value| found | is_stale(*value)) {
            return (timestamps, values, starts);
        }
        self.timestamps.clear();
        self.values.clear();
        self.starts.clear();
        for (index, value) in values.iter().enumerate().filter(|(_, value)| !is_stale(**value)) {
            self.timestamps.push(timestamps[index]);
            self.values.push(*value);
            self.starts.extend(starts.get(index));
        }
        (&self.timestamps, &self.values, &self.starts)
    }
}

/// Takes the samples of a series.
type SamplesSink<'s> = dyn FnMut(&dyn LabelView, Name, Samples<'_>) -> Evaluated + Send + 's;

impl Evaluation<'_> {
    fn reach(self, window: &Window) -> Result<Reach, QueryError> {
        let lookback_ms = self.shared.lookback_ms;
        let (before_ms, behind_ms) = match window.extension {
            None => (0, 0),
            Some(Extension::Anchored) => (lookback_ms, 0),
            Some(Extension::Smoothed) => (lookback_ms, lookback_ms),
        };
        let range_ms = self.millis(&window.range, false)?;
        Ok(Reach { instants: self.instants(&window.moment)?, range_ms, before_ms, behind_ms })
    }

    /// The samples of each series that any of the ranges reaches.
    fn each_range(self, window: &Window, reach: Reach, each: &mut SamplesSink<'_>) -> Evaluated {
        match &window.of {
            WindowOf::Series { matchers, without_buckets } => {
                let back_ms = reach.range_ms.saturating_add(reach.before_ms);
                let from = reach.instants.first().saturating_sub(back_ms);
                let to = reach.instants.last().saturating_add(reach.behind_ms);
                self.each_selected(matchers, *without_buckets, from, to, each)
            }
            WindowOf::Vector { vector, step } => {
                let step_ms = match step {
                    Some(step) => self.millis(step, false)?,
                    None => self.shared.subquery_step_ms,
                };
                match self.subquery_steps(reach, step_ms.max(1))? {
                    Some(steps) => self.at(steps).each_evaluated(vector, each),
                    None => Ok(()),
                }
            }
        }
    }

    /// The multiples of the step within all of the ranges.
    fn subquery_steps(self, reach: Reach, step_ms: i64) -> Result<Option<Steps>, QueryError> {
        let after = reach.instants.first().saturating_sub(reach.range_ms);
        let first = after.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
        let last = reach.instants.last();
        if last < first {
            return Ok(None);
        }
        let count = last.abs_diff(first) / step_ms.unsigned_abs() + 1;
        let limit = self.budget().points_max;
        match usize::try_from(count) {
            Ok(count) if count <= limit => Ok(Some(Steps { first, step: step_ms, count })),
            _ => Err(QueryRefusal::TooManyPoints { limit }.into()),
        }
    }

    fn each_selected(
        self,
        matchers: &[crate::Matcher],
        without_buckets: bool,
        from: i64,
        to: i64,
        each: &mut SamplesSink<'_>,
    ) -> Evaluated {
        let with_starts = self.shared.settings.start_timestamps;
        let mut unmarked = Unmarked::default();
        self.select(matchers, without_buckets, from, to, &mut |series| {
            let starts = if with_starts { series.starts } else { &[] };
            let (timestamps, values, starts) = unmarked.take(series.timestamps, series.values, starts);
            let mut samples = Samples {
                timestamps,
                values,
                starts,
                histogram_timestamps: &[],
                histograms: &[],
                histogram_starts: &[],
            };
            if series.histograms.is_empty() {
                return each(series.labels, Name::Kept, samples);
            }
            let (mut at, mut histograms, mut histogram_starts) = (Vec::new(), Vec::new(), Vec::new());
            for (index, histogram) in series.histograms.iter().enumerate() {
                if !is_stale(histogram.sum) {
                    at.push(series.histogram_timestamps[index]);
                    histograms.push(histogram);
                    histogram_starts.extend(series.histogram_starts.get(index).filter(|_| with_starts));
                }
            }
            samples.histogram_timestamps = &at;
            samples.histograms = &histograms;
            samples.histogram_starts = &histogram_starts;
            each(series.labels, Name::Kept, samples)
        })
    }

    /// What the vector gives at these steps, as samples.
    fn each_evaluated(self, vector: &crate::plan::Vector, each: &mut SamplesSink<'_>) -> Evaluated {
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        self.stream(vector, &mut |lent| {
            self.budget().use_points(self.steps.count)?;
            timestamps.clear();
            values.clear();
            for (step, value) in
                lent.column.floats.iter().enumerate().filter(|(_, value)| is_present(**value))
            {
                timestamps.push(self.steps.at(step));
                values.push(*value);
            }
            let (mut at, mut owned): (Vec<i64>, Vec<Arc<Histogram>>) = (Vec::new(), Vec::new());
            for (step, cell) in lent.column.histograms.iter().enumerate() {
                if let Some(histogram) = cell {
                    at.push(self.steps.at(step));
                    owned.push(without_hint(histogram));
                }
            }
            let histograms: Vec<&Histogram> = owned.iter().map(|one| &**one).collect();
            let samples = Samples {
                timestamps: &timestamps,
                values: &values,
                histogram_timestamps: &at,
                histograms: &histograms,
                starts: &[],
                histogram_starts: &[],
            };
            each(lent.labels, lent.name, samples)
        })
    }

    /// A function of the ranges, series by series.
    #[inline(never)]
    pub(crate) fn over_range(self, over: &OverRange, sink: &mut Sink<'_>) -> Evaluated {
        let OverRange { function, parameters, window, at } = over;
        let (function, at) = (*function, *at);
        let parameters = parameters.iter().map(|one| self.scalars(one)).collect::<Result<Vec<_>, _>>()?;
        let reach = self.reach(window)?;
        let mut grid = Grid::new(reach.instants, reach.range_ms);
        let checks_name = matches!(function, RangeFunction::Rate | RangeFunction::Increase);
        let mut counters = CounterNames { is_one: window.has_one_name(), ..CounterNames::default() };
        let mut column = Column::default();
        let (mut are_checked, mut unasked) = (false, 0);
        self.each_range(window, reach, &mut |labels, name, samples| {
            if !std::mem::replace(&mut are_checked, true) {
                self.check_parameters(function, &parameters, at)?;
            }
            let is_plain = samples.histograms.is_empty() && window.extension.is_none();
            column.clear();
            if is_plain && (samples.starts.is_empty() || !function.takes_starts()) {
                let is_cancelled = self.budget().is_cancelled;
                let windows = Windows { grid: &mut grid, evaluated: self.steps, is_cancelled };
                window::over_range(function, &parameters, samples, windows, &mut column.floats);
            } else {
                let metric = metric(labels, name);
                let general = general::General {
                    evaluation: self,
                    function,
                    parameters: &parameters,
                    reach,
                    extension: window.extension,
                    samples,
                    metric,
                    at,
                };
                general.column(&mut column);
            }
            unasked += self.steps.count;
            if unasked >= STEPS_PER_POLL {
                unasked = 0;
                self.budget().check_cancelled()?;
            }
            if column.as_ref().is_empty() {
                return Ok(());
            }
            if checks_name && column.floats.iter().any(|value| is_present(*value)) {
                counters.check(self, labels, name, at);
            }
            let name = if function.keeps_name() { name } else { self.drop_name() };
            sink(Row { labels, name, column: column.as_ref() })
        })
    }

    fn check_parameters(self, function: RangeFunction, parameters: &[Scalars], at: usize) -> Evaluated {
        match function {
            RangeFunction::DoubleExponentialSmoothing => {
                for (parameter, name) in parameters.iter().zip(["smoothing", "trend"]) {
                    let outside = |value: &&f64| **value <= 0.0 || **value >= 1.0;
                    if let Some(value) = parameter.values().iter().find(outside) {
                        let short = if name == "smoothing" { "sf" } else { "tf" };
                        let problem =
                            format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {value:.6}");
                        return Err(conflict(problem));
                    }
                }
            }
            RangeFunction::Quantile => {
                parameters.iter().flat_map(Scalars::values).for_each(|q| self.shared.note_quantile(*q, at));
            }
            _ => {}
        }
        Ok(())
    }

    #[inline(never)]
    pub(crate) fn absent_over_time(self, window: &Window, labels: &Labels, sink: &mut Sink<'_>) -> Evaluated {
        let reach = self.reach(window)?;
        let mut column = vec![1.0; self.steps.count];
        self.each_range(window, reach, &mut |_, _, samples| {
            for timestamps in [samples.timestamps, samples.histogram_timestamps] {
                mark_present(timestamps, reach, &mut column);
            }
            Ok(())
        })?;
        send(labels, Name::Kept, ColumnRef::of_floats(&column), sink)
    }

    /// The samples of a range at one instant.
    pub(crate) fn samples(self, window: &Window) -> Result<Vec<(Points, Name)>, QueryError> {
        let reach = self.reach(window)?;
        let mut all = Vec::new();
        let mut held = self.budget().hold();
        self.each_range(window, reach, &mut |labels, name, samples| {
            let mut points = Points { labels: labels.to_labels(), ..Points::default() };
            match window.extension {
                None => {
                    let at = |ms: &i64| Timestamp::from_millis(*ms);
                    points.floats =
                        samples.timestamps.iter().map(at).zip(samples.values.iter().copied()).collect();
                    let histograms = samples.histograms.iter().map(|one| Arc::new((*one).clone()));
                    points.histograms = samples.histogram_timestamps.iter().map(at).zip(histograms).collect();
                }
                Some(extension) => {
                    points.floats = general::extended_samples(samples, reach, extension)?;
                }
            }
            if !points.floats.is_empty() || !points.histograms.is_empty() {
                held.add(16 * points.floats.len() + 64 * points.histograms.len())?;
                all.push((points, name));
            }
            Ok(())
        })?;
        Ok(all)
    }
}

/// What a subquery gives may skip samples, or repeat them, so that their hints mean nothing any more.
fn without_hint(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    match histogram.counter_reset_hint {
        CounterResetHint::Reset | CounterResetHint::NotReset => {
            let mut one = (**histogram).clone();
            one.counter_reset_hint = CounterResetHint::Unknown;
            Arc::new(one)
        }
        CounterResetHint::Unknown | CounterResetHint::Gauge => Arc::clone(histogram),
    }
}

/// Nothing is absent where a range has any of the samples.
fn mark_present(timestamps: &[i64], reach: Reach, column: &mut [f64]) {
    let mut upto = 0;
    for (step, absent) in column.iter_mut().enumerate() {
        let end = reach.instants.at(step);
        while timestamps.get(upto).is_some_and(|t| *t <= end) {
            upto += 1;
        }
        if upto > 0 && timestamps[upto - 1] > end.saturating_sub(reach.range_ms) {
            *absent = ABSENT;
        }
    }
}

/// Whether metrics whose rate is asked for are counters, as far as their names tell.
#[derive(Default)]
struct CounterNames {
    /// All series have the same name, so one look is enough: the labels of a series are far from its samples.
    is_one: bool,
    /// The name that was looked at last.
    last: String,
}

impl CounterNames {
    fn check(&mut self, evaluation: Evaluation<'_>, labels: &dyn LabelView, name: Name, at: usize) {
        let by_type = evaluation.shared.settings.type_and_unit_labels;
        if self.is_one && !by_type && !self.last.is_empty() {
            return;
        }
        let metric = metric(labels, name);
        if metric.is_empty() {
            return;
        }
        if by_type {
            let kind = labels.get("__type__").unwrap_or("");
            if !matches!(kind, "counter" | "histogram") {
                evaluation.shared.note_non_counter_type(metric, kind, at);
            }
            return;
        }
        if metric == self.last {
            return;
        }
        self.last.clear();
        self.last.push_str(metric);
        if !["_total", "_sum", "_count", "_bucket"].iter().any(|ending| metric.ends_with(ending)) {
            evaluation.shared.note_non_counter(metric, at);
        }
    }
}
