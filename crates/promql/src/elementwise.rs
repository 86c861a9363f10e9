//! What changes each value of a vector by itself: mathematical functions, and operators with a scalar.

use crate::QueryError;
use crate::column::{ABSENT, is_present};
use crate::evaluate::{Evaluated, Evaluation, Sink, without_name};
use crate::operator::Operator;
use crate::plan::{Elementwise, Vector};

/// What is done to each column.
type Change<'e> = Box<dyn Fn(&mut [f64]) + 'e>;

impl Evaluation<'_> {
    pub(crate) fn map(&self, by: &Elementwise, of: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        let drops_name = !by.keeps_name();
        let apply = self.elementwise(by)?;
        let mut mapped = Vec::with_capacity(self.steps.count);
        self.stream(of, &mut |labels, column| {
            mapped.clear();
            mapped.extend_from_slice(column);
            apply(&mut mapped);
            if !mapped.iter().any(|value| is_present(*value)) {
                return Ok(());
            }
            if drops_name { sink(&without_name(labels), &mapped) } else { sink(labels, &mapped) }
        })
    }

    /// What is done to each column. The function is chosen here, outside the loop over a column's values.
    fn elementwise<'e>(&'e self, by: &'e Elementwise) -> Result<Change<'e>, QueryError> {
        fn each<'e>(of: impl Fn(usize, f64) -> f64 + 'e) -> Change<'e> {
            Box::new(move |column| {
                for (step, value) in column.iter_mut().enumerate() {
                    if is_present(*value) {
                        *value = of(step, *value);
                    }
                }
            })
        }
        Ok(match by {
            Elementwise::Function(function) => each(move |_, value| function(value)),
            Elementwise::Timestamp => each(|step, _| self.steps.at(step) as f64 / 1000.0),
            Elementwise::Round(nearest) => {
                let nearest = self.scalars(nearest)?;
                // Multiplying by the inverse keeps `round(0.3, 0.1)` at 0.3, as Prometheus does.
                each(move |step, value| {
                    let inverse = 1.0 / nearest.at(step);
                    (value * inverse + 0.5).floor() / inverse
                })
            }
            Elementwise::ClampMin(min) => {
                let min = self.scalars(min)?;
                each(move |step, value| larger(min.at(step), value))
            }
            Elementwise::ClampMax(max) => {
                let max = self.scalars(max)?;
                each(move |step, value| smaller(max.at(step), value))
            }
            Elementwise::Clamp(min, max) => {
                let (min, max) = (self.scalars(min)?, self.scalars(max)?);
                each(move |step, value| {
                    let (min, max) = (min.at(step), max.at(step));
                    if max < min { ABSENT } else { larger(min, smaller(max, value)) }
                })
            }
            Elementwise::Operator { operator, scalar, scalar_is_left } => {
                let scalars = self.scalars(scalar)?;
                let operator: Operator = *operator;
                // A comparison leaves the series' value, on whichever side it stands.
                if *scalar_is_left {
                    each(move |step, value| operator.of(scalars.at(step), value, value).unwrap_or(ABSENT))
                } else {
                    each(move |step, value| operator.of(value, scalars.at(step), value).unwrap_or(ABSENT))
                }
            }
        })
    }
}

/// NaN where either is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// NaN where either is.
fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}
