//! A query as it is evaluated: what all its parts have in common, the steps of each, and who takes what they give.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::budget::Budget;
use crate::column::{Name, Row, Steps};
use crate::syntax::Fault;
use crate::syntax::duration::QueryTimes;
use crate::syntax::tree::Length;
use crate::{Annotations, Lent, QueryError, QueryRefusal, Selection, SeriesSource, Settings};

/// What all parts of one query have in common.
pub(crate) struct Shared<'q> {
    pub(crate) text: &'q str,
    pub(crate) source: &'q dyn SeriesSource,
    pub(crate) settings: Settings,
    pub(crate) lookback_ms: i64,
    pub(crate) subquery_step_ms: i64,
    pub(crate) times: QueryTimes,
    pub(crate) budget: Budget<'q>,
    pub(crate) annotations: Mutex<Annotations>,
    /// How many parts may be read at the same time.
    pub(crate) parts: usize,
}

/// A query at certain steps: its own, those of a subquery, or one where everything is the same at all.
#[derive(Clone, Copy)]
pub(crate) struct Evaluation<'q> {
    pub(crate) shared: &'q Shared<'q>,
    pub(crate) steps: Steps,
    /// What selects instead of the source.
    pub(crate) selecting: Option<&'q dyn Selecting>,
}

pub(crate) type Evaluated = Result<(), QueryError>;
/// Takes each series of a vector; the series is lent.
pub(crate) type Sink<'s> = dyn FnMut(Row<'_>) -> Evaluated + Send + 's;

/// Takes what the source has of each selected series, staleness markers among it.
pub(crate) type SelectedSink<'s> = dyn FnMut(Lent<'_>) -> Evaluated + Send + 's;

/// What takes the place of a selection where a vector is read in parts.
pub(crate) trait Selecting: Sync {
    fn select(&self, selection: &Selection<'_>, each: &mut SelectedSink<'_>) -> Evaluated;
}

impl Shared<'_> {
    pub(crate) fn annotations(&self) -> MutexGuard<'_, Annotations> {
        self.annotations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'q> Evaluation<'q> {
    pub(crate) fn budget(self) -> &'q Budget<'q> {
        &self.shared.budget
    }

    pub(crate) fn is_range(self) -> bool {
        self.steps.count > 1
    }

    /// The same query at other steps.
    pub(crate) fn at(self, steps: Steps) -> Self {
        Self { steps, ..self }
    }

    pub(crate) fn fault(self, fault: Fault) -> QueryError {
        fault.refused(self.shared.text).into()
    }

    /// What a length stands for in this query, in milliseconds.
    pub(crate) fn millis(self, length: &Length, may_be_negative: bool) -> Result<i64, QueryError> {
        length.millis(self.shared.times, may_be_negative).map_err(|fault| self.fault(fault))
    }

    /// What becomes of the name of a series once a function has changed what it means.
    pub(crate) fn drop_name(self) -> Name {
        if self.shared.settings.delayed_name_removal { Name::ToDrop } else { Name::Dropped }
    }
}

/// A refusal of the data rather than of the query.
pub(crate) fn conflict(problem: impl Into<String>) -> QueryError {
    QueryRefusal::Conflict { problem: problem.into() }.into()
}
