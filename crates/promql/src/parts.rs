//! A vector that is read in parts at the same time, each by a thread of the source's own.
//!
//! The parts are evaluated by the same code as a whole: evaluation comes to its selection once for each part, and
//! the selection takes place when the last part has come. So what each part has on its way (columns, buffers) is of
//! its own, and the budget and the annotations are everybody's.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::column::Row;
use crate::evaluation::{Evaluated, Evaluation, SelectedSink, Selecting};
use crate::plan::{Scalar, Vector, WindowOf};
use crate::{Lent, QueryError, Selection, SeriesSource};

/// The parts that have come to their selection.
trait Ready: Sync {
    fn take(&self, part: usize, lent: Lent<'_>) -> Evaluated;
}

struct Part<'p> {
    number: usize,
    each: Mutex<&'p mut SelectedSink<'p>>,
    before: Option<&'p dyn Ready>,
}

/// The parts that have not yet come to their selection.
struct Following<'f, S> {
    evaluation: Evaluation<'f>,
    vector: &'f Vector,
    /// Of all parts.
    count: usize,
    /// The number of the part that comes next.
    number: usize,
    sinks: Mutex<Option<&'f mut [S]>>,
    before: Option<&'f dyn Ready>,
}

/// A lock is only ever held by one part, so that nobody sees what a panic left behind.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ready for Part<'_> {
    fn take(&self, part: usize, lent: Lent<'_>) -> Evaluated {
        match self.before {
            Some(before) if part != self.number => before.take(part, lent),
            _ => (*lock(&self.each))(lent),
        }
    }
}

impl<S: FnMut(Row<'_>) -> Evaluated + Send> Selecting for Following<'_, S> {
    fn select(&self, selection: &Selection<'_>, each: &mut SelectedSink<'_>) -> Evaluated {
        let part = Part { number: self.number, each: Mutex::new(each), before: self.before };
        match lock(&self.sinks).take() {
            Some(sinks) if !sinks.is_empty() => {
                self.evaluation.stream_part(self.vector, sinks, self.count, Some(&part))
            }
            _ => select_all(self.evaluation.shared.source, selection, self.count, &part),
        }
    }
}

impl Evaluation<'_> {
    /// Hands each series to the sink of its part; which that is depends on the source and the number of sinks only.
    pub(crate) fn stream_parts<S>(self, vector: &Vector, sinks: &mut [S]) -> Evaluated
    where
        S: FnMut(Row<'_>) -> Evaluated + Send,
    {
        let count = sinks.len();
        self.stream_part(vector, sinks, count, None)
    }

    fn stream_part<S>(
        self,
        vector: &Vector,
        sinks: &mut [S],
        count: usize,
        before: Option<&dyn Ready>,
    ) -> Evaluated
    where
        S: FnMut(Row<'_>) -> Evaluated + Send,
    {
        let number = count - sinks.len();
        let Some((sink, sinks)) = sinks.split_first_mut() else { return Ok(()) };
        let sinks = Mutex::new(Some(sinks));
        let following = Following { evaluation: self, vector, count, number, sinks, before };
        Evaluation { selecting: Some(&following), ..self }.stream(vector, sink)
    }

    /// Whether evaluation of the vector is one selection, and each of its series is handed on by itself.
    pub(crate) fn has_parts(self, vector: &Vector) -> bool {
        let is_one_selection = match vector {
            Vector::Select(_) => true,
            Vector::OverRange(over) => {
                let is_number = |parameter: &Scalar| matches!(parameter, Scalar::Number(_));
                matches!(over.window.of, WindowOf::Series { .. }) && over.parameters.iter().all(is_number)
            }
            _ => false,
        };
        is_one_selection && !vector.may_collide(self.shared.settings.delayed_name_removal)
    }
}

/// Selects for all parts at once. When one fails, all stop; of several failures, the first part's is told.
fn select_all(
    source: &dyn SeriesSource,
    selection: &Selection<'_>,
    count: usize,
    ready: &dyn Ready,
) -> Evaluated {
    let has_failed = AtomicBool::new(false);
    let failure: Mutex<Option<(usize, QueryError)>> = Mutex::new(None);
    source.select_lent(selection, count, &|part, lent| {
        if has_failed.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        let Err(error) = ready.take(part, lent) else { return ControlFlow::Continue(()) };
        has_failed.store(true, Ordering::Relaxed);
        let mut failure = lock(&failure);
        if failure.as_ref().is_none_or(|(first, _)| part < *first) {
            *failure = Some((part, error));
        }
        ControlFlow::Break(())
    })?;
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}
