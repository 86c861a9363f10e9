//! Arithmetic and comparison of two values.

use crate::native::{Histogram, Incompatible, Keep, Remarks, Sparse};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Calculate(Arithmetic),
    /// With `bool` the result is 0 or 1; without it the left value stays where the comparison holds.
    Compare {
        comparison: Comparison,
        as_bool: bool,
    },
    /// What a histogram holds on one side of a number.
    Trim(Trim),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Atan2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trim {
    Upper,
    Lower,
}

/// One side of an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side<'h> {
    Float(f64),
    Histogram(&'h Histogram),
}

/// What an operator gives.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Float(f64),
    Histogram(Histogram),
    /// A comparison that does not hold.
    Filtered,
}

/// Why an operator gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// It has no meaning between these types of samples.
    Types,
    /// The layouts of the histograms do not go together.
    Layouts,
}

impl From<Incompatible> for Mismatch {
    fn from(_: Incompatible) -> Self {
        Mismatch::Layouts
    }
}

impl Arithmetic {
    #[inline]
    pub(crate) fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
            Arithmetic::Power => left.powf(right),
            Arithmetic::Atan2 => left.atan2(right),
        }
    }
}

impl Comparison {
    #[inline]
    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

impl Side<'_> {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Side::Float(_) => "float",
            Side::Histogram(_) => "histogram",
        }
    }
}

impl Operator {
    /// Whether the result keeps the labels of a side as they are, the metric name among them.
    pub(crate) fn keeps_name(self) -> bool {
        !self.changes_meaning() && !self.is_bool()
    }

    /// Whether the result is something else than what was measured.
    pub(crate) fn changes_meaning(self) -> bool {
        matches!(self, Operator::Calculate(_))
    }

    pub(crate) fn is_bool(self) -> bool {
        matches!(self, Operator::Compare { as_bool: true, .. })
    }

    pub(crate) fn is_comparison(self) -> bool {
        matches!(self, Operator::Compare { .. })
    }

    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Operator::Calculate(Arithmetic::Add) => "+",
            Operator::Calculate(Arithmetic::Subtract) => "-",
            Operator::Calculate(Arithmetic::Multiply) => "*",
            Operator::Calculate(Arithmetic::Divide) => "/",
            Operator::Calculate(Arithmetic::Remainder) => "%",
            Operator::Calculate(Arithmetic::Power) => "^",
            Operator::Calculate(Arithmetic::Atan2) => "atan2",
            Operator::Compare { comparison, .. } => comparison.as_str(),
            Operator::Trim(Trim::Upper) => "</",
            Operator::Trim(Trim::Lower) => ">/",
        }
    }

    /// Of two numbers; `None` where a comparison filters the value out, or where numbers have no such operator.
    /// `kept` is the value that a comparison leaves.
    #[inline]
    pub(crate) fn of(self, left: f64, right: f64, kept: f64) -> Option<f64> {
        match self {
            Operator::Calculate(arithmetic) => Some(arithmetic.of(left, right)),
            Operator::Compare { comparison, as_bool: true } => {
                Some(f64::from(u8::from(comparison.holds(left, right))))
            }
            Operator::Compare { comparison, as_bool: false } => comparison.holds(left, right).then_some(kept),
            Operator::Trim(_) => None,
        }
    }

    /// Of two values of any type, with what is remarkable about adding histograms.
    pub(crate) fn apply(self, left: Side<'_>, right: Side<'_>) -> Result<(Outcome, Remarks), Mismatch> {
        let plain = |histogram: Histogram| Ok((Outcome::Histogram(histogram), Remarks::default()));
        match (left, right, self) {
            (Side::Float(_), Side::Float(_), Operator::Trim(_)) => Err(Mismatch::Types),
            (Side::Float(a), Side::Float(b), _) => {
                let outcome = self.of(a, b, a).map_or(Outcome::Filtered, Outcome::Float);
                Ok((outcome, Remarks::default()))
            }
            (Side::Float(a), Side::Histogram(b), Operator::Calculate(Arithmetic::Multiply)) => {
                plain(b.multiplied(a))
            }
            (Side::Histogram(a), Side::Float(b), Operator::Calculate(Arithmetic::Multiply)) => {
                plain(a.multiplied(b))
            }
            (Side::Histogram(a), Side::Float(b), Operator::Calculate(Arithmetic::Divide)) => {
                plain(a.divided(b))
            }
            (Side::Histogram(a), Side::Float(b), Operator::Trim(trim)) => {
                let keep = if trim == Trim::Upper { Keep::Below } else { Keep::Above };
                plain(a.trimmed(b, keep))
            }
            (Side::Histogram(a), Side::Histogram(b), _) => self.of_histograms(a, b),
            _ => Err(Mismatch::Types),
        }
    }

    fn of_histograms(self, a: &Histogram, b: &Histogram) -> Result<(Outcome, Remarks), Mismatch> {
        match self {
            Operator::Calculate(Arithmetic::Add) => {
                let mut sum = Sparse::from(a);
                let remarks = sum.add(b)?;
                Ok((Outcome::Histogram(sum.histogram()), remarks))
            }
            Operator::Calculate(Arithmetic::Subtract) => {
                let mut sum = Sparse::from(a);
                let remarks = sum.subtract(b)?;
                sum.hint = crate::CounterResetHint::Gauge;
                Ok((Outcome::Histogram(sum.histogram()), remarks))
            }
            Operator::Compare { comparison, as_bool } => {
                let holds = match comparison {
                    Comparison::Equal => a.is_same(b),
                    Comparison::NotEqual => !a.is_same(b),
                    _ => return Err(Mismatch::Types),
                };
                let outcome = match (as_bool, holds) {
                    (true, _) => Outcome::Float(f64::from(u8::from(holds))),
                    (false, true) => Outcome::Histogram(a.clone()),
                    (false, false) => Outcome::Filtered,
                };
                Ok((outcome, Remarks::default()))
            }
            _ => Err(Mismatch::Types),
        }
    }
}
