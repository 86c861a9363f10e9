//! Answers a plan, at one instant or at the steps of a range.

use std::cell::Cell;

use kernel::limits::{QUERY_POINTS_MAX, QUERY_SAMPLES_MAX};
use kernel::{Labels, Span, Timestamp};

use crate::column::{Scalars, Series, Steps, is_present};
use crate::evaluate::{Budget, Evaluation};
use crate::limits::QUERY_POINTS_COMPUTED_MAX;
use crate::plan::{Aggregator, Root, Vector};
use crate::{Plan, QueryError, QueryRefusal, QueryResult, SeriesSource, TimeRange};

/// How plans are answered: what a selector looks back, and how much one query may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// How old a sample may be and still count at an instant; 5 minutes, as in Prometheus.
    pub lookback: Span,
    /// Samples that one query may look at.
    pub samples_max: usize,
    /// Points per series that a range query may ask for.
    pub steps_max: usize,
    /// Points that one query may compute, intermediate results included.
    pub points_max: usize,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            lookback: Span::from_mins(5),
            samples_max: QUERY_SAMPLES_MAX,
            steps_max: QUERY_POINTS_MAX,
            points_max: QUERY_POINTS_COMPUTED_MAX,
        }
    }
}

/// For whoever never cancels a query.
pub fn never_cancelled() -> bool {
    false
}

impl Engine {
    /// The plan's result at one instant. `is_cancelled` is asked once per series, at least.
    pub fn instant(
        &self,
        plan: &Plan,
        source: &dyn SeriesSource,
        at: Timestamp,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<QueryResult, QueryError> {
        let steps = Steps { first: at.as_millis(), step: 1, count: 1 };
        let evaluation = self.evaluation(source, steps, is_cancelled);
        Ok(match &plan.root {
            Root::Text(text) => QueryResult::String(at, text.clone()),
            Root::Scalar(scalar) => QueryResult::Scalar(at, evaluation.scalars(scalar)?.at(0)),
            Root::Vector(vector) => {
                let mut samples = Vec::new();
                evaluation.stream(vector, &mut |labels, column| {
                    evaluation.budget.use_points(1)?;
                    samples.push((labels.clone(), at, column[0]));
                    Ok(())
                })?;
                if !is_ordered(vector) {
                    samples.sort_by(|a, b| a.0.cmp(&b.0));
                }
                QueryResult::Vector(samples)
            }
            Root::Matrix(window) => {
                let mut all = evaluation.samples(window)?;
                all.sort_by(|a, b| a.0.cmp(&b.0));
                QueryResult::Matrix(all)
            }
        })
    }

    /// The plan's results at `range.start`, every `step` from there, up to `range.end`; always a matrix.
    pub fn range(
        &self,
        plan: &Plan,
        source: &dyn SeriesSource,
        range: TimeRange,
        step: Span,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<QueryResult, QueryError> {
        let steps = self.steps(range, step)?;
        let evaluation = self.evaluation(source, steps, is_cancelled);
        let mut all = match &plan.root {
            Root::Text(_) | Root::Matrix(_) => {
                return Err(QueryRefusal::Invalid {
                    expression: plan.text.clone(),
                    problem: "a range query needs a scalar or an instant vector".to_owned(),
                    column: None,
                }
                .into());
            }
            Root::Scalar(scalar) => {
                let column = match evaluation.scalars(scalar)? {
                    Scalars::Constant(value) => vec![value; steps.count],
                    Scalars::PerStep(values) => values,
                };
                vec![Series { labels: Labels::default(), column }]
            }
            Root::Vector(vector) => evaluation.collect(vector)?,
        };
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(QueryResult::Matrix(all.into_iter().map(|series| points(series, steps)).collect()))
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

    fn evaluation<'q>(
        &self,
        source: &'q dyn SeriesSource,
        steps: Steps,
        is_cancelled: &'q dyn Fn() -> bool,
    ) -> Evaluation<'q> {
        let budget = Budget {
            samples_max: self.samples_max,
            points_max: self.points_max,
            samples: Cell::new(0),
            points: Cell::new(0),
            is_cancelled,
        };
        Evaluation { source, steps, lookback_ms: self.lookback.as_millis(), budget }
    }
}

/// Whether the order of the series at one instant is part of the result.
fn is_ordered(vector: &Vector) -> bool {
    matches!(
        vector,
        Vector::Sorted { .. } | Vector::Aggregated { by: Aggregator::TopK(_) | Aggregator::BottomK(_), .. }
    )
}

fn points(series: Series, steps: Steps) -> (Labels, Vec<(Timestamp, f64)>) {
    let values = series.column.into_iter().enumerate().filter(|(_, value)| is_present(*value));
    let points = values.map(|(step, value)| (Timestamp::from_millis(steps.at(step)), value));
    (series.labels, points.collect())
}
