//! Arithmetic and comparison of two numbers.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Calculate(Arithmetic),
    /// With `bool` the result is 0 or 1; without it the left value stays where the comparison holds.
    Compare {
        comparison: Comparison,
        as_bool: bool,
    },
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
}

impl Operator {
    /// Whether the result keeps the labels of a side as they are, the metric name among them.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, Operator::Compare { as_bool: false, .. })
    }

    /// `None` where a comparison filters the value out. `kept` is the value that a comparison leaves.
    #[inline]
    pub(crate) fn of(self, left: f64, right: f64, kept: f64) -> Option<f64> {
        match self {
            Operator::Calculate(arithmetic) => Some(arithmetic.of(left, right)),
            Operator::Compare { comparison, as_bool: true } => {
                Some(f64::from(u8::from(comparison.holds(left, right))))
            }
            Operator::Compare { comparison, as_bool: false } => comparison.holds(left, right).then_some(kept),
        }
    }
}
