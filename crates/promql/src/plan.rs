//! A query as the engine evaluates it: typed, checked, with every regular expression compiled.
//!
//! Scalars and vectors are different types here, so that no evaluation asks what it got. A plan depends on no
//! time and no source; it is made once and evaluated as often as wanted. Where an annotation may be about a part of
//! the query, the part's node knows where it stands, as `at`: bytes of the text.

use std::fmt;
use std::sync::Arc;

use kernel::{Labels, Span};

use crate::grouping::Grouping;
use crate::operator::Operator;
use crate::range_function::RangeFunction;
use crate::room::{is_tall, with_room, with_room_or_here};
use crate::syntax::tree::{AggregateOp, At, Expr, Extension, Length, Node};
use crate::syntax::{json, print};
use crate::{Matcher, Settings};

/// A checked query.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) text: String,
    /// How many operators it has, which is also how deeply they may nest.
    pub(crate) operators: usize,
    pub(crate) settings: Settings,
    pub(crate) tree: Arc<Node>,
    pub(crate) root: Arc<Root>,
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
    /// How much earlier than the evaluated instant; negative for later. Offsets of subqueries around it are added.
    pub offset: Span,
    /// The ranges of all subqueries around it together: how much earlier than the evaluated instant it is read, too.
    pub within: Span,
    /// Whether it, or a subquery around it, is read at a time of its own, with `@`.
    pub is_pinned: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Root {
    Scalar(Scalar),
    Text(String),
    Vector(Vector),
    Matrix(Window),
}

/// When something is looked at: the evaluated instant, or a fixed one, and how much earlier.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) at: Option<At>,
    pub(crate) offset: Length,
}

#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) moment: Moment,
    /// Of native histograms, only count and sum are wanted.
    pub(crate) without_buckets: bool,
}

/// A range of samples before each instant.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) of: WindowOf,
    pub(crate) range: Length,
    pub(crate) moment: Moment,
    pub(crate) extension: Option<Extension>,
}

#[derive(Debug, Clone)]
pub(crate) enum WindowOf {
    Series {
        matchers: Vec<Matcher>,
        /// Of native histograms, only count and sum are wanted.
        without_buckets: bool,
    },
    /// A subquery: the vector at every step.
    Vector { vector: Box<Vector>, step: Option<Length> },
}

#[derive(Debug, Clone)]
pub(crate) enum Scalar {
    Number(f64),
    Time,
    Query(QueryConstant),
    /// `scalar(v)`: the value of the only series.
    Only(Box<Vector>),
    Mapped(fn(f64) -> f64, Box<Scalar>),
    Combined(fn(f64, f64) -> f64, Box<Scalar>, Box<Scalar>),
    Calculated {
        operator: Operator,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
}

/// What is the same at every step of a query. In seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryConstant {
    Start,
    End,
    Range,
    Step,
}

#[derive(Debug, Clone)]
pub(crate) enum Vector {
    Select(Selector),
    /// On a line between the samples around each instant.
    Smoothed {
        selector: Selector,
        at: usize,
    },
    /// `timestamp(selector)`: when the samples are from, rather than what they are.
    SelectTimestamps(Selector),
    /// `start_timestamp(selector)`: when the samples' counters began.
    SelectStarts(Selector),
    OverRange(Box<OverRange>),
    AbsentOverTime {
        window: Window,
        labels: Labels,
    },
    Mapped {
        by: Elementwise,
        of: Box<Vector>,
        at: usize,
    },
    Joined(Box<Join>),
    Set {
        operator: SetOperator,
        matching: Grouping,
        left: Box<Vector>,
        right: Box<Vector>,
    },
    Aggregated(Box<Aggregation>),
    Absent {
        of: Box<Vector>,
        labels: Labels,
    },
    Quantiles(Box<Quantiles>),
    Fraction {
        lower: Scalar,
        upper: Scalar,
        of: Box<Vector>,
        at: usize,
    },
    /// `vector(s)`
    OfScalar(Scalar),
    LabelReplaced {
        to: String,
        replacement: String,
        from: String,
        pattern: kernel::Pattern,
        of: Box<Vector>,
    },
    LabelsJoined {
        to: String,
        separator: String,
        from: Vec<String>,
        of: Box<Vector>,
    },
    Sorted {
        order: Order,
        of: Box<Vector>,
        at: usize,
    },
    Info(Box<Info>),
    /// The same at every step: evaluated once.
    Constant(Box<Vector>),
}

#[derive(Debug, Clone)]
pub(crate) struct OverRange {
    pub(crate) function: RangeFunction,
    pub(crate) parameters: Vec<Scalar>,
    pub(crate) window: Window,
    /// Where the first argument stands.
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) operator: Operator,
    pub(crate) matching: Matching,
    pub(crate) left: Vector,
    pub(crate) right: Vector,
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregation {
    pub(crate) by: Aggregator,
    pub(crate) grouping: Grouping,
    pub(crate) of: Vector,
    /// Where the aggregation stands, its parameter, and what it aggregates.
    pub(crate) at: usize,
    pub(crate) parameter_at: usize,
    pub(crate) of_at: usize,
}

/// `histogram_quantile` and `histogram_quantiles`.
#[derive(Debug, Clone)]
pub(crate) struct Quantiles {
    /// Each with its place.
    pub(crate) quantiles: Vec<(Scalar, usize)>,
    /// The label that says which quantile it is.
    pub(crate) label: Option<String>,
    pub(crate) of: Vector,
    pub(crate) of_at: usize,
}

/// `info`: labels of metrics that describe what other metrics are of.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    pub(crate) of: Vector,
    /// Which metrics describe.
    pub(crate) names: Vec<Matcher>,
    /// Which labels are wanted, and of which values; all where there is none.
    pub(crate) labels: Vec<Matcher>,
    /// When the first selector of `of` looks.
    pub(crate) moment: InfoMoment,
}

/// A fixed instant where there is one, and offsets that add up.
#[derive(Debug, Clone, Default)]
pub(crate) struct InfoMoment {
    pub(crate) at: Option<At>,
    pub(crate) offsets: Vec<Length>,
}

/// What changes each value by itself.
#[derive(Debug, Clone)]
pub(crate) enum Elementwise {
    /// Of numbers; histograms are left out.
    Function(fn(f64) -> f64),
    /// Of histograms; numbers are left out.
    OfHistogram(fn(&crate::Histogram) -> f64),
    Negated,
    /// The evaluated instant in place of the value.
    Timestamp,
    Round(Scalar),
    Clamp(Scalar, Scalar),
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
    LimitK(Scalar),
    LimitRatio(Scalar),
    CountValues(String),
}

/// What decides the order of the result's series.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    Values { is_descending: bool },
    Labels { labels: Vec<String>, is_descending: bool },
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
    /// What stands in for a missing side.
    pub(crate) fill_left: Option<f64>,
    pub(crate) fill_right: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cardinality {
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

impl Plan {
    /// The expression that it was made of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The type of its result at one instant.
    pub fn value_type(&self) -> ValueType {
        match &*self.root {
            Root::Scalar(_) => ValueType::Scalar,
            Root::Text(_) => ValueType::String,
            Root::Vector(_) => ValueType::Vector,
            Root::Matrix(_) => ValueType::Matrix,
        }
    }

    /// The expression broken into lines of about 100 characters, as Prometheus's `format_query` does it.
    pub fn format(&self) -> String {
        with_room_or_here(self.operators, || print::pretty(&self.tree))
    }

    /// The expression in one line, in the form that Prometheus gives it. The same text is the same query.
    pub fn normal_form(&self) -> String {
        with_room_or_here(self.operators, || self.tree.to_string())
    }

    /// Appends the expression's tree as Prometheus's `parse_query` writes it: `{"type":"vectorSelector",…}`.
    pub fn write_tree_json(&self, out: &mut Vec<u8>) {
        out.append(&mut with_room_or_here(self.operators, || {
            let mut written = Vec::new();
            json::write_node(&mut written, &self.tree);
            written
        }));
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        if !is_tall(self.operators) {
            return;
        }
        let leaf = Node { at: 0, expr: Expr::Number { value: 0.0, is_duration: false } };
        let tree = std::mem::replace(&mut self.tree, leaf.into());
        let root = std::mem::replace(&mut self.root, Root::Scalar(Scalar::Number(0.0)).into());
        // Where there is no thread to be had, they are dropped with the closure.
        _ = with_room(self.operators, move || drop((tree, root)));
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Moment {
    /// At the evaluated instant itself.
    pub(crate) const NOW: Self = Self { at: None, offset: Length::Millis(0) };
}

impl Aggregator {
    pub(crate) fn parameter(&self) -> Option<&Scalar> {
        match self {
            Aggregator::Quantile(scalar)
            | Aggregator::TopK(scalar)
            | Aggregator::BottomK(scalar)
            | Aggregator::LimitK(scalar)
            | Aggregator::LimitRatio(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The name of the aggregation.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Aggregator::Sum => AggregateOp::Sum,
            Aggregator::Avg => AggregateOp::Avg,
            Aggregator::Min => AggregateOp::Min,
            Aggregator::Max => AggregateOp::Max,
            Aggregator::Count => AggregateOp::Count,
            Aggregator::Group => AggregateOp::Group,
            Aggregator::Stddev => AggregateOp::Stddev,
            Aggregator::Stdvar => AggregateOp::Stdvar,
            Aggregator::Quantile(_) => AggregateOp::Quantile,
            Aggregator::TopK(_) => AggregateOp::TopK,
            Aggregator::BottomK(_) => AggregateOp::BottomK,
            Aggregator::LimitK(_) => AggregateOp::LimitK,
            Aggregator::LimitRatio(_) => AggregateOp::LimitRatio,
            Aggregator::CountValues(_) => AggregateOp::CountValues,
        }
        .as_str()
    }
}
