//! One rule over many instants: as few range queries as will do, and where one of them is refused, the instants that
//! are to blame.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{Labels, Span, Timestamp};
use promql::{
    Engine, Histogram, Plan, QueryError, QueryRefusal, QueryResult, SeriesSource, TimeRange, never_cancelled,
};

use super::Stopped;
use super::limits::{FAILED_QUERIES_MAX, STEPS_PER_QUERY_MAX};

/// Instants at an equal distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) first: Timestamp,
    pub(crate) step: Span,
    pub(crate) count: usize,
}

impl Grid {
    /// The multiples of `step` from `from` up to, not including, `end`.
    pub(crate) fn between(from: Timestamp, end: Timestamp, step: Span) -> Self {
        let below = from.floor(step);
        let first = if below < from { below + step } else { below };
        let ms = (end - first).as_millis();
        let count = if ms <= 0 { 0 } else { (ms - 1) / step.as_millis() + 1 };
        Self { first, step, count: usize::try_from(count).unwrap_or(usize::MAX) }
    }

    pub(crate) fn at(&self, index: usize) -> Timestamp {
        self.first + self.step.times(i64::try_from(index).unwrap_or(i64::MAX))
    }
}

/// One element of a rule's results over the instants at which it is there.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) labels: Labels,
    pub(crate) floats: Vec<(Timestamp, f64)>,
    pub(crate) histograms: Vec<(Timestamp, Arc<Histogram>)>,
}

/// The results of a rule over a grid.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) all: Vec<Column>,
    /// The instants at which it could not be evaluated, in order.
    pub(crate) failed: Vec<Timestamp>,
    /// Why, for the first of them.
    pub(crate) first_failure: Option<String>,
    pub(crate) points: usize,
}

/// Evaluates a rule at the instants of a grid.
pub(crate) struct Evaluation<'e> {
    pub(crate) plan: &'e Plan,
    pub(crate) source: &'e dyn SeriesSource,
    pub(crate) grid: Grid,
    /// How far before its instant it looks.
    pub(crate) offset: Span,
    /// Points that may be held.
    pub(crate) points_max: usize,
    pub(crate) is_cancelled: &'e (dyn Fn() -> bool + Sync),
}

impl Evaluation<'_> {
    /// The results, with the instants that failed. What cannot be read, and what is too much, stops it.
    pub(crate) fn run(&self, failed_queries: &mut usize) -> Result<Columns, Stopped> {
        let mut found = Found { columns: Columns::default(), places: HashMap::new(), failed_queries };
        if self.grid.count > 0 {
            self.part(0, self.grid.count, &mut found)?;
        }
        let mut columns = found.columns;
        columns.all.sort_by(|a, b| a.labels.cmp(&b.labels));
        if self.offset != Span::ZERO {
            for column in &mut columns.all {
                column.floats.iter_mut().for_each(|(at, _)| *at += self.offset);
                column.histograms.iter_mut().for_each(|(at, _)| *at += self.offset);
            }
        }
        Ok(columns)
    }

    fn part(&self, from: usize, count: usize, found: &mut Found<'_>) -> Result<(), Stopped> {
        let engine = Engine { steps_max: STEPS_PER_QUERY_MAX, ..Engine::default() };
        let (first, last) = (self.grid.at(from), self.grid.at(from + count - 1));
        let range = TimeRange::new(first - self.offset, last - self.offset);
        match engine.range(self.plan, self.source, range, self.grid.step, self.is_cancelled) {
            Ok(QueryResult::Matrix(all)) => {
                for series in all {
                    found.columns.points += series.floats.len() + series.histograms.len();
                    found.take(Column {
                        labels: series.labels,
                        floats: series.floats,
                        histograms: series.histograms,
                    });
                }
                if found.columns.points > self.points_max { Err(Stopped::TooMuch) } else { Ok(()) }
            }
            Ok(_) => unreachable!("a range query gives a matrix"),
            Err(QueryError::Source(fault)) => Err(Stopped::Fault(fault)),
            Err(QueryError::Refused(QueryRefusal::Cancelled)) => Err(Stopped::Cancelled),
            Err(QueryError::Refused(refusal)) => {
                *found.failed_queries += 1;
                if count > 1 && (is_limit(&refusal) || *found.failed_queries < FAILED_QUERIES_MAX) {
                    self.part(from, count / 2, found)?;
                    return self.part(from + count / 2, count - count / 2, found);
                }
                found.columns.failed.extend((from..from + count).map(|index| self.grid.at(index)));
                found.columns.first_failure.get_or_insert_with(|| refusal.to_string());
                Ok(())
            }
        }
    }
}

impl Columns {
    /// Instants at which there are more elements than a group's limit count as failed; 0 is no limit.
    pub(crate) fn refuse_past(&mut self, limit: u64, grid: Grid) {
        if limit == 0 || (self.all.len() as u64) <= limit {
            return;
        }
        let mut elements = vec![0_u64; grid.count];
        let index = |at: Timestamp| ((at - grid.first).as_millis() / grid.step.as_millis()) as usize;
        for column in &self.all {
            let histograms = column.histograms.iter().map(|(at, _)| *at);
            for at in column.floats.iter().map(|(at, _)| *at).chain(histograms) {
                elements[index(at)] += 1;
            }
        }
        let is_over = |at: Timestamp| elements[index(at)] > limit;
        for column in &mut self.all {
            column.floats.retain(|(at, _)| !is_over(*at));
            column.histograms.retain(|(at, _)| !is_over(*at));
        }
        let over = (0..grid.count).map(|index| grid.at(index)).filter(|at| is_over(*at));
        let over: Vec<Timestamp> = over.collect();
        if !over.is_empty() {
            let failure = format!("more elements than the group's limit of {limit}");
            self.first_failure.get_or_insert(failure);
        }
        self.failed.extend(over);
        self.failed.sort_unstable();
    }
}

/// Whether a query of fewer instants may succeed.
fn is_limit(refusal: &QueryRefusal) -> bool {
    matches!(
        refusal,
        QueryRefusal::TooManySteps { .. }
            | QueryRefusal::TooManySamples { .. }
            | QueryRefusal::TooManyPoints { .. }
            | QueryRefusal::TooManySeries { .. }
            | QueryRefusal::TooMuchMemory { .. }
    )
}

struct Found<'f> {
    columns: Columns,
    /// Where the column of each label set is.
    places: HashMap<Labels, usize>,
    failed_queries: &'f mut usize,
}

impl Found<'_> {
    fn take(&mut self, column: Column) {
        if let Some(place) = self.places.get(&column.labels) {
            let known = &mut self.columns.all[*place];
            known.floats.extend(column.floats);
            known.histograms.extend(column.histograms);
            return;
        }
        self.places.insert(column.labels.clone(), self.columns.all.len());
        self.columns.all.push(column);
    }
}

/// The result at one instant, as a timer would evaluate it; else why there is none.
pub(crate) fn instant(
    plan: &Plan,
    source: &dyn SeriesSource,
    at: Timestamp,
    engine: Engine,
) -> Result<Vec<(Labels, promql::Value)>, String> {
    let result = engine.instant(plan, source, at, &never_cancelled).map_err(|error| error.to_string())?;
    match result {
        QueryResult::Vector(samples) => {
            Ok(samples.into_iter().map(|(labels, _, value)| (labels, value)).collect())
        }
        QueryResult::Scalar(_, value) => Ok(vec![(Labels::default(), promql::Value::Float(value))]),
        QueryResult::String(..) | QueryResult::Matrix(_) => {
            Err(format!("`{}` gives no instant vector and no scalar", plan.text()))
        }
    }
}
