//! Expressions as they are written, each with its place.

use crate::Matcher;
use crate::operator::Comparison;
use crate::syntax::function::{Function, Type};

/// An expression and where it begins, in bytes of the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) expr: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number { value: f64, is_duration: bool },
    Text(Vec<u8>),
    Vector(VectorSelector),
    Matrix { selector: VectorSelector, range: Length },
    Subquery { of: Box<Node>, range: Length, step: Option<Length>, time: TimeModifiers },
    Call { function: &'static Function, args: Vec<Node> },
    Aggregate(Aggregate),
    Binary(Binary),
    Paren(Box<Node>),
    Unary { is_negative: bool, of: Box<Node> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VectorSelector {
    /// The name before the braces; empty where there is none.
    pub(crate) name: String,
    /// What stands between the braces; the name before them is not among it.
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) time: TimeModifiers,
    pub(crate) extension: Option<Extension>,
}

/// `@` and `offset`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TimeModifiers {
    pub(crate) at: Option<At>,
    pub(crate) offset: Option<Length>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Millis(i64),
    Start,
    End,
}

/// What the edges of a range are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extension {
    /// The sample before the range.
    Anchored,
    /// A line between the samples around each edge.
    Smoothed,
}

/// A range, step or offset: a number of milliseconds, or what has to be calculated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Length {
    Millis(i64),
    Calculated(Duration),
}

/// A duration expression with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Duration {
    pub(crate) at: usize,
    pub(crate) term: DurationTerm,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DurationTerm {
    /// In seconds.
    Number {
        secs: f64,
        is_duration: bool,
    },
    /// `step()`
    Step,
    /// `range()`
    Range,
    Negated(Box<Duration>),
    Paren(Box<Duration>),
    Calculated {
        operator: DurationOperator,
        left: Box<Duration>,
        right: Box<Duration>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DurationOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    /// `max_of(a, b)`
    MaxOf,
    /// `min_of(a, b)`
    MinOf,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) parameter: Option<Box<Node>>,
    pub(crate) of: Box<Node>,
    pub(crate) grouping: Vec<String>,
    pub(crate) is_without: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
    LimitK,
    LimitRatio,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) returns_bool: bool,
    pub(crate) matching: VectorMatching,
    pub(crate) left: Box<Node>,
    pub(crate) right: Box<Node>,
    /// Whether both sides are scalars, and whether both are the same at every step: known here, so that nobody asks
    /// the whole of a long chain again at each of its operators.
    pub(crate) is_scalar: bool,
    pub(crate) is_constant: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Atan2,
    /// `</`: what a histogram holds above a value is cut off.
    TrimUpper,
    /// `>/`: what a histogram holds below a value is cut off.
    TrimLower,
    Compare(Comparison),
    And,
    Or,
    Unless,
}

/// Which series of two vectors belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct VectorMatching {
    pub(crate) labels: Vec<String>,
    pub(crate) is_on: bool,
    pub(crate) group: Option<Group>,
    pub(crate) include: Vec<String>,
    pub(crate) fill_left: Option<f64>,
    pub(crate) fill_right: Option<f64>,
}

/// Which side may have several series in a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Left,
    Right,
}

/// Functions that depend on the evaluated instant, or on the times of samples.
const OF_TIME: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
];

impl Node {
    pub(crate) fn value_type(&self) -> Type {
        match &self.expr {
            Expr::Number { .. } => Type::Scalar,
            Expr::Text(_) => Type::Text,
            Expr::Vector(_) | Expr::Aggregate(_) => Type::Vector,
            Expr::Matrix { .. } | Expr::Subquery { .. } => Type::Matrix,
            Expr::Call { function, .. } => function.returns,
            Expr::Paren(of) | Expr::Unary { of, .. } => of.value_type(),
            Expr::Binary(binary) => {
                if binary.is_scalar {
                    Type::Scalar
                } else {
                    Type::Vector
                }
            }
        }
    }

    /// Whether an expression is the same at every step, and whether it is worth being evaluated once rather than at each.
    pub(crate) fn constancy(&self) -> (bool, bool) {
        let has_at = |at: Option<At>| at.is_some();
        match &self.expr {
            Expr::Number { .. } | Expr::Text(_) => (true, false),
            Expr::Vector(selector) => (has_at(selector.time.at), has_at(selector.time.at)),
            Expr::Matrix { selector, .. } => (has_at(selector.time.at), false),
            Expr::Subquery { time, .. } => (has_at(time.at), false),
            Expr::Paren(of) | Expr::Unary { of, .. } => of.constancy(),
            // Its parameter may change from step to step.
            Expr::Aggregate(aggregate) => {
                let parameter = aggregate.parameter.as_ref().is_none_or(|parameter| parameter.constancy().0);
                let (is_constant, is_worth) = aggregate.of.constancy();
                (is_constant && parameter, is_worth)
            }
            Expr::Binary(binary) => (binary.is_constant, binary.is_constant),
            Expr::Call { function, args } => {
                let all = args.iter().all(|arg| arg.constancy().0);
                let is_of_selector = |arg: &Node| matches!(arg.inner().expr, Expr::Vector(_));
                let is_timestamp = function.name == "timestamp" && args.iter().all(is_of_selector);
                let is_constant = all && (is_timestamp || !OF_TIME.contains(&function.name));
                // These are numbers once the query's times are known.
                let is_query_constant = matches!(function.name, "start" | "end" | "range" | "step");
                (is_constant || is_query_constant, is_constant)
            }
        }
    }

    /// Without the parentheses around it.
    pub(crate) fn inner(&self) -> &Node {
        let mut node = self;
        while let Expr::Paren(of) = &node.expr {
            node = of;
        }
        node
    }
}

impl AggregateOp {
    pub(crate) const ALL: [Self; 14] = [
        AggregateOp::Sum,
        AggregateOp::Avg,
        AggregateOp::Count,
        AggregateOp::Min,
        AggregateOp::Max,
        AggregateOp::Group,
        AggregateOp::Stddev,
        AggregateOp::Stdvar,
        AggregateOp::TopK,
        AggregateOp::BottomK,
        AggregateOp::CountValues,
        AggregateOp::Quantile,
        AggregateOp::LimitK,
        AggregateOp::LimitRatio,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            AggregateOp::Sum => "sum",
            AggregateOp::Avg => "avg",
            AggregateOp::Count => "count",
            AggregateOp::Min => "min",
            AggregateOp::Max => "max",
            AggregateOp::Group => "group",
            AggregateOp::Stddev => "stddev",
            AggregateOp::Stdvar => "stdvar",
            AggregateOp::TopK => "topk",
            AggregateOp::BottomK => "bottomk",
            AggregateOp::CountValues => "count_values",
            AggregateOp::Quantile => "quantile",
            AggregateOp::LimitK => "limitk",
            AggregateOp::LimitRatio => "limit_ratio",
        }
    }

    /// Whether it takes a parameter before the vector, and of which type.
    pub(crate) const fn parameter(self) -> Option<Type> {
        match self {
            AggregateOp::TopK
            | AggregateOp::BottomK
            | AggregateOp::Quantile
            | AggregateOp::LimitK
            | AggregateOp::LimitRatio => Some(Type::Scalar),
            AggregateOp::CountValues => Some(Type::Text),
            _ => None,
        }
    }
}

impl BinaryOp {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
            BinaryOp::Power => "^",
            BinaryOp::Atan2 => "atan2",
            BinaryOp::TrimUpper => "</",
            BinaryOp::TrimLower => ">/",
            BinaryOp::Compare(comparison) => comparison.as_str(),
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Unless => "unless",
        }
    }

    pub(crate) const fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }

    /// How tightly it binds; all but `^` bind to the left.
    pub(crate) const fn precedence(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And | BinaryOp::Unless => 2,
            BinaryOp::Compare(_) | BinaryOp::TrimUpper | BinaryOp::TrimLower => 3,
            BinaryOp::Add | BinaryOp::Subtract => 4,
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder | BinaryOp::Atan2 => 5,
            BinaryOp::Power => 6,
        }
    }
}
