//! What changes each value of a vector by itself: mathematical functions, and operators with a scalar.

use std::sync::Arc;

use crate::QueryError;
use crate::column::{ABSENT, Column, ColumnRef, Scalars, is_present};
use crate::evaluation::{Evaluated, Evaluation, Sink};
use crate::mathematics::{max, min};
use crate::operator::{Mismatch, Operator, Outcome, Side};
use crate::plan::{Elementwise, Vector};

/// What is done to each column.
type Change<'e> = Box<dyn Fn(&mut Column) + Send + Sync + 'e>;

impl<'q> Evaluation<'q> {
    #[inline(never)]
    pub(crate) fn map(self, by: &Elementwise, of: &Vector, at: usize, sink: &mut Sink<'_>) -> Evaluated {
        let drops_name = !by.keeps_name();
        let apply = self.elementwise(by, at)?;
        let mut mapped = Column::default();
        self.stream(of, &mut |lent| {
            mapped.copy(lent.column);
            apply(&mut mapped);
            let mut lent = lent.with(mapped.as_ref());
            if lent.column.is_empty() {
                return Ok(());
            }
            if drops_name {
                lent.name = self.drop_name();
            }
            sink(lent)
        })
    }

    /// What is done to each column. The function is chosen here, outside the loop over a column's values.
    fn elementwise<'e>(self, by: &'e Elementwise, at: usize) -> Result<Change<'e>, QueryError>
    where
        'q: 'e,
    {
        Ok(match by {
            Elementwise::Function(function) => floats(move |_, value| function(value)),
            Elementwise::OfHistogram(function) => Box::new(move |column: &mut Column| {
                column.floats.fill(ABSENT);
                for (step, histogram) in std::mem::take(&mut column.histograms).into_iter().enumerate() {
                    if let Some(histogram) = histogram {
                        column.floats[step] = function(&histogram);
                    }
                }
            }),
            Elementwise::Negated => Box::new(|column: &mut Column| {
                column
                    .floats
                    .iter_mut()
                    .filter(|value| is_present(**value))
                    .for_each(|value| *value = -*value);
                let negated = |histogram: &Arc<_>| Arc::new(crate::Histogram::multiplied(histogram, -1.0));
                column.histograms.iter_mut().flatten().for_each(|cell| *cell = negated(cell));
            }),
            Elementwise::Timestamp => {
                let steps = self.steps;
                Box::new(move |column: &mut Column| {
                    for step in 0..steps.count {
                        if column.as_ref().has(step) {
                            column.floats[step] = steps.at(step) as f64 / 1000.0;
                        }
                    }
                    column.histograms.clear();
                })
            }
            Elementwise::Round(nearest) => {
                let nearest = self.scalars(nearest)?;
                // Multiplying by the inverse keeps `round(0.3, 0.1)` at 0.3, as Prometheus does.
                floats(move |step, value| {
                    let inverse = 1.0 / nearest.at(step);
                    (value * inverse + 0.5).floor() / inverse
                })
            }
            Elementwise::Clamp(least, most) => {
                let (least, most) = (self.scalars(least)?, self.scalars(most)?);
                floats(move |step, value| {
                    let (least, most) = (least.at(step), most.at(step));
                    if most < least { ABSENT } else { max(least, min(most, value)) }
                })
            }
            Elementwise::Operator { operator, scalar, scalar_is_left } => {
                let with = WithScalar {
                    evaluation: self,
                    operator: *operator,
                    scalars: self.scalars(scalar)?,
                    scalar_is_left: *scalar_is_left,
                    at,
                };
                Box::new(move |column: &mut Column| with.apply(column))
            }
        })
    }
}

/// A function of numbers; histograms are left out.
fn floats<'e>(of: impl Fn(usize, f64) -> f64 + Send + Sync + 'e) -> Change<'e> {
    Box::new(move |column: &mut Column| {
        column.histograms.clear();
        for (step, value) in column.floats.iter_mut().enumerate() {
            if is_present(*value) {
                *value = of(step, *value);
            }
        }
    })
}

/// An operator between a vector and a scalar.
struct WithScalar<'q> {
    evaluation: Evaluation<'q>,
    operator: Operator,
    scalars: Scalars,
    scalar_is_left: bool,
    at: usize,
}

impl WithScalar<'_> {
    fn apply(&self, column: &mut Column) {
        let (operator, scalars) = (self.operator, &self.scalars);
        // A comparison leaves the series' value, on whichever side it stands.
        let of = |step, value| {
            let (left, right) =
                if self.scalar_is_left { (scalars.at(step), value) } else { (value, scalars.at(step)) };
            operator.of(left, right, value).unwrap_or(ABSENT)
        };
        let histograms = std::mem::take(&mut column.histograms);
        if matches!(operator, Operator::Trim(_)) && ColumnRef::of_floats(&column.floats).is_empty() {
            column.floats.fill(ABSENT);
        } else if matches!(operator, Operator::Trim(_)) {
            self.evaluation.shared.note_types("float", operator.as_str(), "float", self.at);
            column.floats.fill(ABSENT);
        } else {
            for (step, value) in column.floats.iter_mut().enumerate() {
                if is_present(*value) {
                    *value = of(step, *value);
                }
            }
        }
        for (step, histogram) in histograms.into_iter().enumerate() {
            let Some(histogram) = histogram else { continue };
            let scalar = Side::Float(scalars.at(step));
            let own = Side::Histogram(&histogram);
            let (left, right) = if self.scalar_is_left { (scalar, own) } else { (own, scalar) };
            match operator.apply(left, right) {
                Ok((Outcome::Histogram(result), _)) => column.set_histogram(step, Arc::new(result)),
                Ok((Outcome::Float(result), _)) => column.floats[step] = result,
                Ok((Outcome::Filtered, _)) => {}
                Err(Mismatch::Types | Mismatch::Layouts) => {
                    let (left, right) = (left.as_str(), right.as_str());
                    self.evaluation.shared.note_types(left, operator.as_str(), right, self.at);
                }
            }
        }
    }
}
