//! What a plan reads: its selectors with their ranges and offsets.

use kernel::Span;

use crate::plan::{Elementwise, Moment, Root, Scalar, SelectorView, Vector, Window, WindowOf};
use crate::room::with_room_or_here;
use crate::syntax::duration::QueryTimes;
use crate::syntax::tree::Length;
use crate::{Matcher, Plan};

/// Selectors on their way to their views.
struct Views<'f, 'p> {
    found: &'f mut Vec<SelectorView<'p>>,
    offset_ms: i64,
    within_ms: i64,
    is_pinned: bool,
}

fn millis(length: &Length) -> i64 {
    length.millis(QueryTimes::default(), true).unwrap_or_default()
}

impl Plan {
    /// Everything that it reads, in the order in which it is written. Durations that depend on the query's times are
    /// those of a query at one instant.
    pub fn selectors(&self) -> Vec<SelectorView<'_>> {
        with_room_or_here(self.operators, || {
            let mut found = Vec::new();
            let mut views = Views { found: &mut found, offset_ms: 0, within_ms: 0, is_pinned: false };
            match &*self.root {
                Root::Scalar(scalar) => views.scalar(scalar),
                Root::Text(_) => {}
                Root::Vector(vector) => views.vector(vector),
                Root::Matrix(window) => views.window(window),
            }
            found
        })
    }
}

impl<'p> Views<'_, 'p> {
    fn push(&mut self, matchers: &'p [Matcher], range: Option<&Length>, moment: &Moment) {
        let offset_ms = self.offset_ms.saturating_add(millis(&moment.offset));
        self.found.push(SelectorView {
            matchers,
            range: range.map(|range| Span::from_millis(millis(range))),
            offset: Span::from_millis(offset_ms),
            within: Span::from_millis(self.within_ms),
            is_pinned: self.is_pinned || moment.at.is_some(),
        });
    }

    fn window(&mut self, window: &'p Window) {
        match &window.of {
            WindowOf::Series { matchers, .. } => self.push(matchers, Some(&window.range), &window.moment),
            WindowOf::Vector { vector, .. } => {
                let mut inner = Views {
                    found: &mut *self.found,
                    offset_ms: self.offset_ms.saturating_add(millis(&window.moment.offset)),
                    within_ms: self.within_ms.saturating_add(millis(&window.range)),
                    is_pinned: self.is_pinned || window.moment.at.is_some(),
                };
                inner.vector(vector);
            }
        }
    }

    fn scalar(&mut self, scalar: &'p Scalar) {
        match scalar {
            Scalar::Number(_) | Scalar::Time | Scalar::Query(_) => {}
            Scalar::Only(vector) => self.vector(vector),
            Scalar::Mapped(_, of) => self.scalar(of),
            Scalar::Combined(_, left, right) | Scalar::Calculated { left, right, .. } => {
                self.scalar(left);
                self.scalar(right);
            }
        }
    }

    fn vector(&mut self, vector: &'p Vector) {
        match vector {
            Vector::Select(selector)
            | Vector::Smoothed { selector, .. }
            | Vector::SelectTimestamps(selector)
            | Vector::SelectStarts(selector) => self.push(&selector.matchers, None, &selector.moment),
            Vector::OverRange(over) => {
                over.parameters.iter().for_each(|parameter| self.scalar(parameter));
                self.window(&over.window);
            }
            Vector::AbsentOverTime { window, .. } => self.window(window),
            Vector::Joined(join) => {
                self.vector(&join.left);
                self.vector(&join.right);
            }
            Vector::Set { left, right, .. } => {
                self.vector(left);
                self.vector(right);
            }
            Vector::Mapped { by, of, .. } => {
                self.vector(of);
                by.scalars().into_iter().for_each(|scalar| self.scalar(scalar));
            }
            Vector::Aggregated(aggregation) => {
                aggregation.by.parameter().into_iter().for_each(|parameter| self.scalar(parameter));
                self.vector(&aggregation.of);
            }
            Vector::Quantiles(quantiles) => {
                quantiles.quantiles.iter().for_each(|(quantile, _)| self.scalar(quantile));
                self.vector(&quantiles.of);
            }
            Vector::Fraction { lower, upper, of, .. } => {
                self.scalar(lower);
                self.scalar(upper);
                self.vector(of);
            }
            Vector::OfScalar(scalar) => self.scalar(scalar),
            Vector::Info(info) => {
                self.vector(&info.of);
                self.push(&info.names, None, &Moment::NOW);
            }
            Vector::Absent { of, .. }
            | Vector::LabelReplaced { of, .. }
            | Vector::LabelsJoined { of, .. }
            | Vector::Constant(of)
            | Vector::Sorted { of, .. } => self.vector(of),
        }
    }
}

impl Elementwise {
    fn scalars(&self) -> Vec<&Scalar> {
        match self {
            Elementwise::Function(_)
            | Elementwise::OfHistogram(_)
            | Elementwise::Negated
            | Elementwise::Timestamp => Vec::new(),
            Elementwise::Round(one) | Elementwise::Operator { scalar: one, .. } => vec![one],
            Elementwise::Clamp(min, max) => vec![min, max],
        }
    }
}
