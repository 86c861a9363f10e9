//! One query against one source.
//!
//! Vectors flow series by series: a node hands each of its series to a sink and keeps nothing of it, so that
//! `sum(rate(x[5m]))` holds one column per group however many series there are. A node that has to see all
//! series at once collects them, and what is collected is counted against the query's limit of points.

use std::cell::Cell;
use std::ops::ControlFlow;

use kernel::{Labels, Span, Timestamp};

use crate::column::{ABSENT, Merged, Scalars, Series, Steps, is_present};
use crate::plan::{Scalar, Selector, Vector, Window};
use crate::window::{self, RangeFunction, Unmarked, Windows};
use crate::{Points, QueryError, QueryRefusal, Selection, SeriesSource, TimeRange, rank};

/// What a query may use up, and whether anybody still waits for it.
pub(crate) struct Budget<'q> {
    pub(crate) samples_max: usize,
    pub(crate) points_max: usize,
    pub(crate) samples: Cell<usize>,
    pub(crate) points: Cell<usize>,
    pub(crate) is_cancelled: &'q dyn Fn() -> bool,
}

pub(crate) struct Evaluation<'q> {
    pub(crate) source: &'q dyn SeriesSource,
    pub(crate) steps: Steps,
    pub(crate) lookback_ms: i64,
    pub(crate) budget: Budget<'q>,
}

pub(crate) type Evaluated = Result<(), QueryError>;
/// Takes each series of a vector; the column is lent.
pub(crate) type Sink<'s> = dyn FnMut(&Labels, &[f64]) -> Evaluated + 's;

/// Takes the samples of each selected series, staleness markers among them.
type SampleSink<'s> = dyn FnMut(&Labels, &[i64], &[f64]) -> Evaluated + 's;

const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

impl Budget<'_> {
    pub(crate) fn check_cancelled(&self) -> Result<(), QueryRefusal> {
        if (self.is_cancelled)() { Err(QueryRefusal::Cancelled) } else { Ok(()) }
    }

    fn use_samples(&self, count: usize) -> Result<(), QueryRefusal> {
        let used = self.samples.get().saturating_add(count);
        self.samples.set(used);
        if used > self.samples_max {
            return Err(QueryRefusal::TooManySamples { limit: self.samples_max });
        }
        self.check_cancelled()
    }

    pub(crate) fn use_points(&self, count: usize) -> Result<(), QueryRefusal> {
        let used = self.points.get().saturating_add(count);
        self.points.set(used);
        if used > self.points_max {
            return Err(QueryRefusal::TooManyPoints { limit: self.points_max });
        }
        self.check_cancelled()
    }
}

impl Evaluation<'_> {
    /// Hands every series of the vector that has a value at any step to the sink, each label set once.
    pub(crate) fn stream(&self, vector: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        if !vector.may_collide() {
            return self.stream_unmerged(vector, sink);
        }
        let mut merged = Merged::new(match vector {
            Vector::Joined { .. } => {
                "multiple matches for labels: grouping labels must ensure unique matches"
            }
            _ => SAME_LABELS,
        });
        self.stream_unmerged(vector, &mut |labels, column| {
            self.budget.use_points(column.len())?;
            Ok(merged.add(labels, column)?)
        })?;
        merged.into_series().try_for_each(|series| sink(&series.labels, &series.column))
    }

    pub(crate) fn collect(&self, vector: &Vector) -> Result<Vec<Series>, QueryError> {
        let mut all = Vec::new();
        self.stream(vector, &mut |labels, column| {
            self.budget.use_points(column.len())?;
            all.push(Series { labels: labels.clone(), column: column.to_vec() });
            Ok(())
        })?;
        Ok(all)
    }

    fn stream_unmerged(&self, vector: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        match vector {
            Vector::Select(selector) => self.look_back(selector, false, sink),
            Vector::SelectTimestamps(selector) => self.look_back(selector, true, sink),
            Vector::OverRange { function, parameter, window } => {
                self.over_range(*function, parameter.as_ref(), window, sink)
            }
            Vector::Mapped { by, of } => self.map(by, of, sink),
            Vector::Joined { operator, matching, left, right } => {
                self.join(*operator, matching, left, right, sink)
            }
            Vector::Set { operator, matching, left, right } => {
                self.set(*operator, matching, left, right, sink)
            }
            Vector::Aggregated { by, grouping, of } => self.aggregate(by, grouping, of, sink),
            Vector::Absent { of, labels } => self.absent(of, labels, sink),
            Vector::HistogramQuantile { quantile, of } => self.histogram_quantile(quantile, of, sink),
            Vector::OfScalar(scalar) => {
                let scalars = self.scalars(scalar)?;
                let column: Vec<f64> = (0..self.steps.count).map(|step| scalars.at(step)).collect();
                sink(&Labels::default(), &column)
            }
            Vector::LabelReplaced { to, replacement, from, regex, of } => {
                self.stream(of, &mut |labels, column| {
                    sink(&crate::relabel::replace(labels, to, replacement, from, regex), column)
                })
            }
            Vector::LabelsJoined { to, separator, from, of } => self.stream(of, &mut |labels, column| {
                sink(&crate::relabel::join(labels, to, separator, from), column)
            }),
            Vector::Sorted { descending, of } => {
                if self.steps.count != 1 {
                    return self.stream(of, sink);
                }
                let mut all = self.collect(of)?;
                all.sort_by(|a, b| {
                    let by_value = rank::compare(*descending, a.column[0], b.column[0]);
                    by_value.then_with(|| a.labels.cmp(&b.labels))
                });
                all.iter().try_for_each(|series| sink(&series.labels, &series.column))
            }
        }
    }

    pub(crate) fn scalars(&self, scalar: &Scalar) -> Result<Scalars, QueryError> {
        Ok(match scalar {
            Scalar::Number(number) => Scalars::Constant(*number),
            Scalar::Time => {
                let seconds = |step| self.steps.at(step) as f64 / 1000.0;
                Scalars::PerStep((0..self.steps.count).map(seconds).collect())
            }
            Scalar::Negated(of) => self.scalars(of)?.map(|value| -value),
            Scalar::Calculated { operator, left, right } => {
                let operator = *operator;
                let of = |a, b| operator.of(a, b, a).unwrap_or(f64::NAN);
                self.scalars(left)?.with(self.scalars(right)?, of)
            }
            Scalar::Only(vector) => {
                let mut only = vec![ABSENT; self.steps.count];
                let mut many = vec![false; self.steps.count];
                self.stream(vector, &mut |_, column| {
                    for (step, value) in column.iter().enumerate().filter(|(_, value)| is_present(**value)) {
                        many[step] |= is_present(only[step]);
                        only[step] = *value;
                    }
                    Ok(())
                })?;
                let one =
                    |(value, many): (f64, bool)| if many || !is_present(value) { f64::NAN } else { value };
                Scalars::PerStep(only.into_iter().zip(many).map(one).collect())
            }
        })
    }

    /// Every series of the selector with its samples from `back_ms` before the first step on.
    fn select(&self, selector: &Selector, back_ms: i64, each: &mut SampleSink<'_>) -> Evaluated {
        let first = self.steps.first.saturating_sub(selector.offset_ms);
        let last = self.steps.last().saturating_sub(selector.offset_ms);
        let range = TimeRange::new(
            Timestamp::from_millis(first.saturating_sub(back_ms).saturating_add(1)),
            Timestamp::from_millis(last),
        );
        let step = (self.steps.count > 1).then(|| Span::from_millis(self.steps.step));
        let selection = Selection::new(&selector.matchers, range).with_step(step);
        self.budget.check_cancelled()?;
        let mut outcome = Ok(());
        self.source.select(&selection, &mut |series| {
            let counted = self.budget.use_samples(series.timestamps.len()).map_err(QueryError::from);
            outcome = counted.and_then(|()| each(series.labels, series.timestamps, series.values));
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome
    }

    fn look_back(&self, selector: &Selector, timestamps_only: bool, sink: &mut Sink<'_>) -> Evaluated {
        let fill = if timestamps_only { window::look_back_timestamps } else { window::look_back };
        let mut column = Vec::with_capacity(self.steps.count);
        self.select(selector, self.lookback_ms, &mut |labels, timestamps, values| {
            fill(timestamps, values, self.steps, selector.offset_ms, self.lookback_ms, &mut column);
            if !column.iter().any(|value| is_present(*value)) {
                return Ok(());
            }
            if timestamps_only { sink(&without_name(labels), &column) } else { sink(labels, &column) }
        })
    }

    fn over_range(
        &self,
        function: RangeFunction,
        parameter: Option<&Scalar>,
        window: &Window,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let parameter = match parameter {
            Some(scalar) => self.scalars(scalar)?,
            None => Scalars::Constant(f64::NAN),
        };
        let Window { selector, range_ms } = window;
        let windows = Windows {
            steps: self.steps,
            offset_ms: selector.offset_ms,
            range_ms: *range_ms,
            is_cancelled: self.budget.is_cancelled,
        };
        let (mut column, mut unmarked) = (Vec::with_capacity(self.steps.count), Unmarked::default());
        self.select(selector, *range_ms, &mut |labels, timestamps, values| {
            let samples = unmarked.take(timestamps, values);
            window::over_range(function, &parameter, samples, windows, &mut column);
            self.budget.check_cancelled()?;
            if !column.iter().any(|value| is_present(*value)) {
                return Ok(());
            }
            if function.keeps_name() { sink(labels, &column) } else { sink(&without_name(labels), &column) }
        })
    }

    /// The raw samples of a range selector at one instant, without staleness markers.
    pub(crate) fn samples(&self, window: &Window) -> Result<Vec<Points>, QueryError> {
        let (mut all, mut unmarked) = (Vec::new(), Unmarked::default());
        self.select(&window.selector, window.range_ms, &mut |labels, timestamps, values| {
            let samples = unmarked.take(timestamps, values);
            if !samples.timestamps.is_empty() {
                let pairs = samples.timestamps.iter().zip(samples.values);
                let points = pairs.map(|(t, v)| (Timestamp::from_millis(*t), *v)).collect();
                all.push((labels.clone(), points));
            }
            Ok(())
        })?;
        Ok(all)
    }

    fn absent(&self, of: &Vector, labels: &Labels, sink: &mut Sink<'_>) -> Evaluated {
        let mut column = vec![1.0; self.steps.count];
        self.stream_unmerged(of, &mut |_, present| {
            for (absent, value) in column.iter_mut().zip(present) {
                if is_present(*value) {
                    *absent = ABSENT;
                }
            }
            Ok(())
        })?;
        if column.iter().any(|value| is_present(*value)) { sink(labels, &column) } else { Ok(()) }
    }
}

pub(crate) fn without_name(labels: &Labels) -> Labels {
    if labels.get(crate::METRIC_NAME).is_none() {
        return labels.clone();
    }
    labels.only(|name| name != crate::METRIC_NAME)
}
