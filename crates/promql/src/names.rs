//! Which series of a vector may come out with the same labels once metric names are dropped.
//!
//! Where all series have the same name, dropping it cannot make two of them one, so that they need not be compared.

use crate::plan::{Aggregator, Elementwise, Join, Order, SetOperator, Vector, Window, WindowOf};
use crate::{METRIC_NAME, MatchOp, Matcher};

/// What is known of the metric names of a vector's series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    None,
    Same,
    Mixed,
}

fn selected(matchers: &[Matcher]) -> Names {
    let pinned = |matcher: &Matcher| {
        matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal && !matcher.value().is_empty()
    };
    if matchers.iter().any(pinned) { Names::Same } else { Names::Mixed }
}

impl Window {
    /// Whether all of its series have the same metric name.
    pub(crate) fn has_one_name(&self) -> bool {
        self.names() == Names::Same
    }

    fn names(&self) -> Names {
        match &self.of {
            WindowOf::Series { matchers, .. } => selected(matchers),
            WindowOf::Vector { vector, .. } => vector.names(),
        }
    }
}

impl Elementwise {
    /// A comparison that filters leaves the series what they are.
    pub(crate) fn keeps_name(&self) -> bool {
        matches!(self, Elementwise::Operator { operator, .. } if operator.keeps_name())
    }
}

impl Vector {
    /// Whether two of its series may come out with the same labels, so that they have to be merged.
    /// `is_delayed`: names are dropped at the end of the query.
    pub(crate) fn may_collide(&self, is_delayed: bool) -> bool {
        match self {
            Vector::OverRange(over) => {
                !is_delayed && !over.function.keeps_name() && over.window.names() == Names::Mixed
            }
            Vector::SelectTimestamps(selector) | Vector::SelectStarts(selector) => {
                !is_delayed && selected(&selector.matchers) == Names::Mixed
            }
            Vector::Mapped { by, of, .. } => !is_delayed && !by.keeps_name() && of.names() == Names::Mixed,
            Vector::Set { operator, .. } => *operator == SetOperator::Or,
            Vector::Joined(_)
            | Vector::Quantiles(_)
            | Vector::Fraction { .. }
            | Vector::LabelReplaced { .. }
            | Vector::Info(_)
            | Vector::LabelsJoined { .. } => true,
            Vector::Select(_)
            | Vector::Smoothed { .. }
            | Vector::Aggregated(_)
            | Vector::Absent { .. }
            | Vector::AbsentOverTime { .. }
            | Vector::OfScalar(_)
            | Vector::Constant(_)
            | Vector::Sorted { .. } => false,
        }
    }

    fn names(&self) -> Names {
        match self {
            Vector::Select(selector) | Vector::Smoothed { selector, .. } => selected(&selector.matchers),
            Vector::OverRange(over) if over.function.keeps_name() => over.window.names(),
            Vector::Mapped { by, of, .. } if by.keeps_name() => of.names(),
            Vector::Set { operator: SetOperator::Or, left, right, .. } => {
                if (left.names(), right.names()) == (Names::None, Names::None) {
                    Names::None
                } else {
                    Names::Mixed
                }
            }
            Vector::Set { left, .. } => left.names(),
            Vector::Sorted { of, .. } | Vector::Constant(of) => of.names(),
            Vector::Info(info) => info.of.names(),
            Vector::LabelReplaced { to, of, .. } | Vector::LabelsJoined { to, of, .. } => {
                if to == METRIC_NAME { Names::Mixed } else { of.names() }
            }
            Vector::Joined(join) => join.names(),
            Vector::Aggregated(aggregation) => match &aggregation.by {
                Aggregator::TopK(_)
                | Aggregator::BottomK(_)
                | Aggregator::LimitK(_)
                | Aggregator::LimitRatio(_) => aggregation.of.names(),
                Aggregator::CountValues(label) if label == METRIC_NAME => Names::Mixed,
                _ if aggregation.grouping.keeps(METRIC_NAME) => aggregation.of.names(),
                _ => Names::None,
            },
            Vector::SelectTimestamps(_)
            | Vector::SelectStarts(_)
            | Vector::OverRange(_)
            | Vector::Mapped { .. }
            | Vector::Absent { .. }
            | Vector::AbsentOverTime { .. }
            | Vector::Quantiles(_)
            | Vector::Fraction { .. }
            | Vector::OfScalar(_) => Names::None,
        }
    }

    /// Whether the order of the series at one instant is part of the result.
    pub(crate) fn is_ordered(&self) -> bool {
        match self {
            Vector::Sorted { order: Order::Values { .. } | Order::Labels { .. }, .. } => true,
            Vector::Aggregated(aggregation) => {
                matches!(aggregation.by, Aggregator::TopK(_) | Aggregator::BottomK(_))
            }
            Vector::Constant(of) => of.is_ordered(),
            _ => false,
        }
    }
}

impl Join {
    fn names(&self) -> Names {
        if self.operator.keeps_name() || self.matching.include.iter().any(|name| name == METRIC_NAME) {
            Names::Mixed
        } else {
            Names::None
        }
    }
}
