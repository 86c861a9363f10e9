//! Aggregations that take each series once, as it comes: a group holds a few columns, whatever its size.

use crate::column::{ABSENT, is_present};
use crate::evaluate::{Evaluated, Evaluation, Sink};
use crate::grouping::{Grouping, Groups};
use crate::plan::{Aggregator, Vector};
use crate::sum::{Mean, Sum, Variance};

/// What a group remembers of one step.
trait Fold: Copy + Default {
    fn add(&mut self, value: f64);
    fn result(self) -> f64;
}

/// Nothing of a step, or something.
#[derive(Clone, Copy)]
struct Cell<F> {
    fold: F,
    is_present: bool,
}

impl<F: Default> Default for Cell<F> {
    fn default() -> Self {
        Self { fold: F::default(), is_present: false }
    }
}

impl Fold for Sum {
    #[inline]
    fn add(&mut self, value: f64) {
        Sum::add(self, value);
    }
    fn result(self) -> f64 {
        self.total()
    }
}

impl Fold for Mean {
    #[inline]
    fn add(&mut self, value: f64) {
        Mean::add(self, value);
    }
    fn result(self) -> f64 {
        self.mean()
    }
}

#[derive(Clone, Copy, Default)]
struct Stdvar(Variance);
#[derive(Clone, Copy, Default)]
struct Stddev(Variance);
#[derive(Clone, Copy, Default)]
struct Count(f64);
#[derive(Clone, Copy, Default)]
struct Presence;
#[derive(Clone, Copy)]
struct Min(f64);
#[derive(Clone, Copy)]
struct Max(f64);

impl Default for Min {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Default for Max {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Fold for Stdvar {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn result(self) -> f64 {
        self.0.variance()
    }
}

impl Fold for Stddev {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn result(self) -> f64 {
        self.0.variance().sqrt()
    }
}

impl Fold for Count {
    #[inline]
    fn add(&mut self, _: f64) {
        self.0 += 1.0;
    }
    fn result(self) -> f64 {
        self.0
    }
}

impl Fold for Presence {
    fn add(&mut self, _: f64) {}
    fn result(self) -> f64 {
        1.0
    }
}

// NaN only where all values are.
impl Fold for Min {
    #[inline]
    fn add(&mut self, value: f64) {
        if value < self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn result(self) -> f64 {
        self.0
    }
}

impl Fold for Max {
    #[inline]
    fn add(&mut self, value: f64) {
        if value > self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn result(self) -> f64 {
        self.0
    }
}

impl Evaluation<'_> {
    pub(crate) fn aggregate(
        &self,
        by: &Aggregator,
        grouping: &Grouping,
        of: &Vector,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        match by {
            Aggregator::Sum => self.fold::<Sum>(grouping, of, sink),
            Aggregator::Avg => self.fold::<Mean>(grouping, of, sink),
            Aggregator::Min => self.fold::<Min>(grouping, of, sink),
            Aggregator::Max => self.fold::<Max>(grouping, of, sink),
            Aggregator::Count => self.fold::<Count>(grouping, of, sink),
            Aggregator::Group => self.fold::<Presence>(grouping, of, sink),
            Aggregator::Stddev => self.fold::<Stddev>(grouping, of, sink),
            Aggregator::Stdvar => self.fold::<Stdvar>(grouping, of, sink),
            Aggregator::Quantile(q) => self.quantile(q, grouping, of, sink),
            Aggregator::TopK(k) => self.top(k, true, grouping, of, sink),
            Aggregator::BottomK(k) => self.top(k, false, grouping, of, sink),
            Aggregator::CountValues(label) => self.count_values(label, grouping, of, sink),
        }
    }

    fn fold<F: Fold>(&self, grouping: &Grouping, of: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        let mut groups = Groups::new(grouping);
        let mut folds: Vec<Vec<Cell<F>>> = Vec::new();
        self.stream(of, &mut |labels, column| {
            let group = groups.place(labels);
            if group == folds.len() {
                self.budget.use_points(self.steps.count)?;
                folds.push(vec![Cell::default(); self.steps.count]);
            }
            for (cell, value) in folds[group].iter_mut().zip(column) {
                if is_present(*value) {
                    cell.fold.add(*value);
                    cell.is_present = true;
                }
            }
            Ok(())
        })?;
        let mut column = Vec::with_capacity(self.steps.count);
        for (group, cells) in folds.iter().enumerate() {
            column.clear();
            column.extend(cells.iter().map(|cell| if cell.is_present { cell.fold.result() } else { ABSENT }));
            sink(groups.labels(group), &column)?;
        }
        Ok(())
    }
}
