//! A query as the engine evaluates it: typed, checked, with every regular expression compiled.
//!
//! Scalars and vectors are different types here, so that no evaluation asks what it got. A plan depends on no
//! time and no source; it is made once and evaluated as often as wanted.

use std::fmt;

use kernel::{Labels, Span};

use crate::grouping::Grouping;
use crate::operator::Operator;
use crate::window::RangeFunction;
use crate::{METRIC_NAME, MatchOp, Matcher};

/// A checked query.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) text: String,
    pub(crate) root: Root,
}

/// The type of a query's result at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// A text.
    String,
    /// One value per series.
    Vector,
    /// Samples of series over a range; only an instant query can have it as its result.
    Matrix,
}

/// What a query reads: one selector with the times that it reaches back.
#[derive(Debug, Clone, Copy)]
pub struct SelectorView<'p> {
    /// All of them must hold.
    pub matchers: &'p [Matcher],
    /// The range of a range selector; `None` where the last sample within the lookback counts.
    pub range: Option<Span>,
    /// How much earlier than the evaluated instant; negative for later.
    pub offset: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum Root {
    Scalar(Scalar),
    Text(String),
    Vector(Vector),
    Matrix(Window),
}

#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) offset_ms: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) selector: Selector,
    pub(crate) range_ms: i64,
}

#[derive(Debug, Clone)]
pub(crate) enum Scalar {
    Number(f64),
    Time,
    /// `scalar(v)`: the value of the only series.
    Only(Box<Vector>),
    Negated(Box<Scalar>),
    Calculated {
        operator: Operator,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum Vector {
    Select(Selector),
    /// `timestamp(selector)`: when the samples are from, rather than what they are.
    SelectTimestamps(Selector),
    OverRange {
        function: RangeFunction,
        parameter: Option<Scalar>,
        window: Window,
    },
    Mapped {
        by: Elementwise,
        of: Box<Vector>,
    },
    Joined {
        operator: Operator,
        matching: Matching,
        left: Box<Vector>,
        right: Box<Vector>,
    },
    Set {
        operator: SetOperator,
        matching: Grouping,
        left: Box<Vector>,
        right: Box<Vector>,
    },
    Aggregated {
        by: Aggregator,
        grouping: Grouping,
        of: Box<Vector>,
    },
    Absent {
        of: Box<Vector>,
        labels: Labels,
    },
    HistogramQuantile {
        quantile: Scalar,
        of: Box<Vector>,
    },
    /// `vector(s)`
    OfScalar(Scalar),
    LabelReplaced {
        to: String,
        replacement: String,
        from: String,
        regex: regex::Regex,
        of: Box<Vector>,
    },
    LabelsJoined {
        to: String,
        separator: String,
        from: Vec<String>,
        of: Box<Vector>,
    },
    Sorted {
        descending: bool,
        of: Box<Vector>,
    },
}

/// What changes each value by itself.
#[derive(Debug, Clone)]
pub(crate) enum Elementwise {
    Function(fn(f64) -> f64),
    /// The evaluated instant in place of the value.
    Timestamp,
    Round(Scalar),
    Clamp(Scalar, Scalar),
    ClampMin(Scalar),
    ClampMax(Scalar),
    Operator {
        operator: Operator,
        scalar: Scalar,
        scalar_is_left: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum Aggregator {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Quantile(Scalar),
    TopK(Scalar),
    BottomK(Scalar),
    CountValues(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOperator {
    And,
    Or,
    Unless,
}

/// Which series of two sides belong together.
#[derive(Debug, Clone)]
pub(crate) struct Matching {
    pub(crate) on: Grouping,
    pub(crate) cardinality: Cardinality,
    /// Labels that the result takes from the "one" side.
    pub(crate) include: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cardinality {
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

/// What is known of the metric names of a vector's series. Where they may differ, dropping them may make two
/// series one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    None,
    Same,
    Mixed,
}

impl Plan {
    /// The expression that it was made of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The type of its result at one instant.
    pub fn value_type(&self) -> ValueType {
        match &self.root {
            Root::Scalar(_) => ValueType::Scalar,
            Root::Text(_) => ValueType::String,
            Root::Vector(_) => ValueType::Vector,
            Root::Matrix(_) => ValueType::Matrix,
        }
    }

    /// Everything that it reads, in the order in which it is written.
    pub fn selectors(&self) -> Vec<SelectorView<'_>> {
        let mut found = Vec::new();
        match &self.root {
            Root::Scalar(scalar) => scalar.selectors(&mut found),
            Root::Text(_) => {}
            Root::Vector(vector) => vector.selectors(&mut found),
            Root::Matrix(window) => found.push(window.view()),
        }
        found
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Selector {
    fn view(&self) -> SelectorView<'_> {
        SelectorView { matchers: &self.matchers, range: None, offset: Span::from_millis(self.offset_ms) }
    }

    fn names(&self) -> Names {
        let pinned = |matcher: &Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
        if self.matchers.iter().any(pinned) { Names::Same } else { Names::Mixed }
    }
}

impl Window {
    fn view(&self) -> SelectorView<'_> {
        SelectorView { range: Some(Span::from_millis(self.range_ms)), ..self.selector.view() }
    }
}

impl Scalar {
    fn selectors<'p>(&'p self, found: &mut Vec<SelectorView<'p>>) {
        match self {
            Scalar::Number(_) | Scalar::Time => {}
            Scalar::Only(vector) => vector.selectors(found),
            Scalar::Negated(of) => of.selectors(found),
            Scalar::Calculated { left, right, .. } => {
                left.selectors(found);
                right.selectors(found);
            }
        }
    }
}

impl Vector {
    fn selectors<'p>(&'p self, found: &mut Vec<SelectorView<'p>>) {
        match self {
            Vector::Select(selector) | Vector::SelectTimestamps(selector) => found.push(selector.view()),
            Vector::OverRange { parameter, window, .. } => {
                if let Some(parameter) = parameter {
                    parameter.selectors(found);
                }
                found.push(window.view());
            }
            Vector::Joined { left, right, .. } | Vector::Set { left, right, .. } => {
                left.selectors(found);
                right.selectors(found);
            }
            Vector::Mapped { by, of } => {
                of.selectors(found);
                by.scalars().into_iter().for_each(|scalar| scalar.selectors(found));
            }
            Vector::Aggregated { by, of, .. } => {
                if let Aggregator::Quantile(p) | Aggregator::TopK(p) | Aggregator::BottomK(p) = by {
                    p.selectors(found);
                }
                of.selectors(found);
            }
            Vector::HistogramQuantile { quantile, of } => {
                quantile.selectors(found);
                of.selectors(found);
            }
            Vector::OfScalar(scalar) => scalar.selectors(found),
            Vector::Absent { of, .. }
            | Vector::LabelReplaced { of, .. }
            | Vector::LabelsJoined { of, .. }
            | Vector::Sorted { of, .. } => of.selectors(found),
        }
    }

    /// Whether two of its series may come out with the same labels, so that they have to be merged.
    pub(crate) fn may_collide(&self) -> bool {
        match self {
            Vector::OverRange { function, window, .. } => {
                !function.keeps_name() && window.selector.names() == Names::Mixed
            }
            Vector::SelectTimestamps(selector) => selector.names() == Names::Mixed,
            Vector::Mapped { by, of } => !by.keeps_name() && of.names() == Names::Mixed,
            Vector::Set { operator, .. } => *operator == SetOperator::Or,
            Vector::Joined { .. }
            | Vector::HistogramQuantile { .. }
            | Vector::LabelReplaced { .. }
            | Vector::LabelsJoined { .. } => true,
            Vector::Select(_)
            | Vector::Aggregated { .. }
            | Vector::Absent { .. }
            | Vector::OfScalar(_)
            | Vector::Sorted { .. } => false,
        }
    }

    fn names(&self) -> Names {
        match self {
            Vector::Select(selector) => selector.names(),
            Vector::OverRange { function, window, .. } if function.keeps_name() => window.selector.names(),
            Vector::Mapped { by, of } if by.keeps_name() => of.names(),
            Vector::Set { operator: SetOperator::Or, left, right, .. } => {
                if (left.names(), right.names()) == (Names::None, Names::None) {
                    Names::None
                } else {
                    Names::Mixed
                }
            }
            Vector::Set { left, .. } => left.names(),
            Vector::Sorted { of, .. } => of.names(),
            Vector::LabelReplaced { to, of, .. } | Vector::LabelsJoined { to, of, .. } => {
                if to == METRIC_NAME { Names::Mixed } else { of.names() }
            }
            Vector::Joined { operator, matching, .. } => {
                if operator.keeps_name() || matching.include.iter().any(|name| name == METRIC_NAME) {
                    Names::Mixed
                } else {
                    Names::None
                }
            }
            Vector::Aggregated { by: Aggregator::TopK(_) | Aggregator::BottomK(_), of, .. } => of.names(),
            Vector::Aggregated { by: Aggregator::CountValues(label), .. } if label == METRIC_NAME => {
                Names::Mixed
            }
            Vector::Aggregated { grouping, of, .. } => {
                if grouping.keeps(METRIC_NAME) {
                    of.names()
                } else {
                    Names::None
                }
            }
            Vector::SelectTimestamps(_)
            | Vector::OverRange { .. }
            | Vector::Mapped { .. }
            | Vector::Absent { .. }
            | Vector::HistogramQuantile { .. }
            | Vector::OfScalar(_) => Names::None,
        }
    }
}

impl Elementwise {
    /// A comparison that filters leaves the series what they are.
    pub(crate) fn keeps_name(&self) -> bool {
        matches!(self, Elementwise::Operator { operator, .. } if operator.keeps_name())
    }

    fn scalars(&self) -> Vec<&Scalar> {
        match self {
            Elementwise::Function(_) | Elementwise::Timestamp => Vec::new(),
            Elementwise::Round(one)
            | Elementwise::ClampMin(one)
            | Elementwise::ClampMax(one)
            | Elementwise::Operator { scalar: one, .. } => vec![one],
            Elementwise::Clamp(min, max) => vec![min, max],
        }
    }
}
