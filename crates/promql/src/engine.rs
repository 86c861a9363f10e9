//! Answers a plan, at one instant or at the steps of a range.

use std::sync::{Mutex, PoisonError};

use kernel::limits::{QUERY_POINTS_MAX, QUERY_SAMPLES_MAX};
use kernel::{Labels, Span, Timestamp};

use crate::budget::Budget;
use crate::column::{Column, Name, Scalars, Series, Steps, is_present, without_metadata};
use crate::evaluation::{Evaluation, Shared};
use crate::limits::{PARTS_MAX, QUERY_MEMORY_BYTES_MAX, QUERY_POINTS_COMPUTED_MAX, QUERY_SERIES_MAX};
use crate::merge::{Merged, SAME_LABELS};
use crate::plan::{Root, Vector};
use crate::room::with_room;
use crate::syntax::duration::QueryTimes;
use crate::{
    Annotations, Answer, Plan, Points, QueryError, QueryRefusal, QueryResult, SeriesSource, TimeRange, Value,
};

/// How plans are answered: what a selector looks back, and how much one query may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// How old a sample may be and still count at an instant; 5 minutes, as in Prometheus.
    pub lookback: Span,
    /// The step of subqueries that give none; 1 minute, as Prometheus's evaluation interval.
    pub subquery_step: Span,
    /// Samples that one query may look at.
    pub samples_max: usize,
    /// Points per series that a range query may ask for.
    pub steps_max: usize,
    /// Points that one query may compute, intermediate results included.
    pub points_max: usize,
    /// Series that one query may hold at once.
    pub series_max: usize,
    /// Memory that one query may hold at once, estimated, in bytes.
    pub bytes_max: usize,
    /// Parts of one selection that a source may read at the same time, at most [`PARTS_MAX`]. Sums of more series
    /// than a part is worth may differ in their last digits with the number of parts.
    pub parts: usize,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            lookback: Span::from_mins(5),
            subquery_step: Span::from_mins(1),
            samples_max: QUERY_SAMPLES_MAX,
            steps_max: QUERY_POINTS_MAX,
            points_max: QUERY_POINTS_COMPUTED_MAX,
            series_max: QUERY_SERIES_MAX,
            bytes_max: QUERY_MEMORY_BYTES_MAX,
            parts: 2,
        }
    }
}

/// At which instants a plan is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At one.
    Instant(Timestamp),
    /// At the start of the range, and every step from there up to its end.
    Range {
        /// From when to when.
        range: TimeRange,
        /// The distance of the instants.
        step: Span,
    },
}

/// For whoever never cancels a query.
pub fn never_cancelled() -> bool {
    false
}

impl Engine {
    /// The plan's result with its annotations: of the plan's type at one instant, always a matrix of a range.
    /// `is_cancelled` is asked every few thousand samples, at least; it is also how a deadline is kept.
    pub fn answer(
        &self,
        plan: &Plan,
        source: &dyn SeriesSource,
        when: When,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Answer, QueryError> {
        let (steps, times) = match when {
            When::Instant(at) => {
                let ms = at.as_millis();
                (Steps::once(ms), QueryTimes { start_ms: ms, end_ms: ms, step_ms: 0 })
            }
            When::Range { range, step } => {
                let steps = self.steps(range, step)?;
                let (start_ms, end_ms) = (range.start.as_millis(), range.end.as_millis());
                (steps, QueryTimes { start_ms, end_ms, step_ms: step.as_millis() })
            }
        };
        let shared = Shared {
            text: &plan.text,
            source,
            settings: plan.settings,
            lookback_ms: self.lookback.as_millis(),
            subquery_step_ms: self.subquery_step.as_millis(),
            times,
            budget: Budget::new(
                self.samples_max,
                self.points_max,
                self.series_max,
                self.bytes_max,
                is_cancelled,
            ),
            annotations: Mutex::new(Annotations::default()),
            parts: self.parts.clamp(1, PARTS_MAX),
        };
        let evaluation = Evaluation { shared: &shared, steps, selecting: None };
        let result = with_room(plan.operators, || match when {
            When::Instant(at) => evaluation.at_instant(plan, at),
            When::Range { .. } => evaluation.over_steps(plan),
        })??;
        let annotations = shared.annotations.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Answer { result, annotations })
    }

    /// The plan's result at one instant, without its annotations.
    pub fn instant(
        &self,
        plan: &Plan,
        source: &dyn SeriesSource,
        at: Timestamp,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<QueryResult, QueryError> {
        Ok(self.answer(plan, source, When::Instant(at), is_cancelled)?.result)
    }

    /// The plan's results at `range.start`, every `step` from there, up to `range.end`; always a matrix.
    pub fn range(
        &self,
        plan: &Plan,
        source: &dyn SeriesSource,
        range: TimeRange,
        step: Span,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<QueryResult, QueryError> {
        Ok(self.answer(plan, source, When::Range { range, step }, is_cancelled)?.result)
    }

    fn steps(&self, range: TimeRange, step: Span) -> Result<Steps, QueryRefusal> {
        let (first, last, step) = (range.start.as_millis(), range.end.as_millis(), step.as_millis());
        if last < first {
            return Err(QueryRefusal::InvalidRange { problem: "the end of the range is before its start" });
        }
        if step <= 0 {
            return Err(QueryRefusal::InvalidRange { problem: "the step of the range is not positive" });
        }
        let steps = last.abs_diff(first) / step.unsigned_abs() + 1;
        match usize::try_from(steps) {
            Ok(count) if count <= self.steps_max => Ok(Steps { first, step, count }),
            _ => Err(QueryRefusal::TooManySteps { steps, limit: self.steps_max }),
        }
    }
}

impl Evaluation<'_> {
    fn at_instant(self, plan: &Plan, at: Timestamp) -> Result<QueryResult, QueryError> {
        Ok(match &*plan.root {
            Root::Text(text) => QueryResult::String(at, text.clone()),
            Root::Scalar(scalar) => QueryResult::Scalar(at, self.scalars(scalar)?.at(0)),
            Root::Vector(vector) => {
                let mut all = self.results(vector)?;
                if !vector.is_ordered() {
                    all.sort_by(|a, b| a.labels.cmp(&b.labels));
                }
                let sample = |series: Series| {
                    let value = match series.column.as_ref().histogram(0) {
                        Some(histogram) => Value::Histogram(histogram.clone()),
                        None => Value::Float(series.column.floats[0]),
                    };
                    (series.labels, at, value)
                };
                QueryResult::Vector(all.into_iter().map(sample).collect())
            }
            Root::Matrix(window) => {
                let mut all = Vec::new();
                for (mut points, name) in self.samples(window)? {
                    if name != Name::Kept {
                        points.labels = without_metadata(&points.labels);
                    }
                    all.push(points);
                }
                all.sort_by(|a, b| a.labels.cmp(&b.labels));
                if all.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
                    return Err(crate::evaluation::conflict(SAME_LABELS));
                }
                QueryResult::Matrix(all)
            }
        })
    }

    fn over_steps(self, plan: &Plan) -> Result<QueryResult, QueryError> {
        let mut all = match &*plan.root {
            Root::Text(_) | Root::Matrix(_) => {
                return Err(QueryRefusal::Invalid {
                    expression: plan.text.clone(),
                    problem: "a range query needs a scalar or an instant vector".to_owned(),
                    place: None,
                }
                .into());
            }
            Root::Scalar(scalar) => {
                let floats = match self.scalars(scalar)? {
                    Scalars::Constant(value) => vec![value; self.steps.count],
                    Scalars::PerStep(values) => values,
                };
                let column = Column { floats, histograms: Vec::new() };
                vec![Series { labels: Labels::default(), name: Name::Kept, column }]
            }
            Root::Vector(vector) => self.results(vector)?,
        };
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(QueryResult::Matrix(all.into_iter().map(|series| points(series, self.steps)).collect()))
    }

    /// All series of the result, with names dropped where they have to be, each label set once.
    fn results(self, vector: &Vector) -> Result<Vec<Series>, QueryError> {
        let mut all: Vec<Series> = Vec::new();
        let mut held = self.budget().hold();
        self.stream(vector, &mut |lent| {
            self.budget().use_points(lent.column.floats.len())?;
            let mut series = lent.to_series();
            if series.name == Name::ToDrop {
                series.labels = without_metadata(&series.labels);
                series.name = Name::Kept;
            }
            held.add(series.column.bytes())?;
            all.push(series);
            Ok(())
        })?;
        if !self.has_twins(&all) {
            return Ok(all);
        }
        let mut merged = Merged::new(SAME_LABELS, false);
        for series in &all {
            merged.add(series.lend())?;
        }
        Ok(merged.into_series().collect())
    }

    fn has_twins(self, all: &[Series]) -> bool {
        let mut labels: Vec<&Labels> = all.iter().map(|series| &series.labels).collect();
        labels.sort_unstable();
        labels.windows(2).any(|pair| pair[0] == pair[1])
    }
}

fn points(series: Series, steps: Steps) -> Points {
    let at = |step| Timestamp::from_millis(steps.at(step));
    let Column { floats, histograms } = series.column;
    let floats = floats.into_iter().enumerate().filter(|(_, value)| is_present(*value));
    let histograms = histograms.into_iter().enumerate().filter_map(|(step, cell)| Some((step, cell?)));
    Points {
        labels: series.labels,
        floats: floats.map(|(step, value)| (at(step), value)).collect(),
        histograms: histograms.map(|(step, histogram)| (at(step), histogram)).collect(),
    }
}
