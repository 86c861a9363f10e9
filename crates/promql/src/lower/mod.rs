//! From an expression's tree to its plan: types are checked, calls get their meaning, and what is the same at every
//! step is marked.

mod call;
mod operators;

use kernel::Labels;

use crate::grouping::Grouping;
use crate::plan::{
    Aggregation, Aggregator, Elementwise, Moment, OverRange, Plan, Root, Scalar, Selector, Vector, Window,
    WindowOf,
};
use crate::room::with_room;
use crate::syntax::function::Type;
use crate::syntax::tree::{
    Aggregate, AggregateOp, Expr, Extension, Length, Node, TimeModifiers, VectorSelector,
};
use crate::syntax::{Fault, bounded};
use crate::{METRIC_NAME, MatchOp, Matcher, QueryRefusal, Settings};

impl Plan {
    /// Parses and checks an expression, with all settings off. The text is bounded before it is parsed; see `limits`.
    pub fn parse(text: &str) -> Result<Self, QueryRefusal> {
        Self::parse_with(text, Settings::default())
    }

    /// Parses and checks an expression.
    pub fn parse_with(text: &str, settings: Settings) -> Result<Self, QueryRefusal> {
        let bounded = bounded(text)?;
        let operators = bounded.operators;
        with_room(operators, || {
            let tree = bounded.parse(settings)?;
            let root = Lowering::default().root(&tree, false).map_err(|fault| fault.refused(text))?;
            Ok(Plan { text: text.to_owned(), operators, settings, tree: tree.into(), root: root.into() })
        })?
    }
}

impl Matcher {
    /// The matchers of a selector such as `up{job="api"}`, as series are asked for by selector.
    pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, QueryRefusal> {
        let fault = |at| Fault::new(at, "a selector like `up{job=\"api\"}` is expected").refused(text);
        let bounded = bounded(text)?;
        with_room(bounded.operators, || {
            let tree = bounded.parse(Settings::default())?;
            let Expr::Vector(selector) = &tree.expr else { return Err(fault(tree.at)) };
            if selector.time != TimeModifiers::default() || selector.extension.is_some() {
                return Err(fault(tree.at));
            }
            matchers(selector, tree.at).map_err(|fault| fault.refused(text))
        })?
    }
}

/// An expression on its way to its plan.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lowering {
    /// Something around it takes only counts and sums of native histograms.
    wants_counts: bool,
    /// Something around it takes their buckets.
    wants_buckets: bool,
}

type Lowered<T> = Result<T, Fault>;

impl Lowering {
    fn with_buckets(self) -> Self {
        Self { wants_buckets: true, ..self }
    }

    fn without_buckets(self) -> bool {
        self.wants_counts && !self.wants_buckets
    }

    /// `is_constant`: something around it is evaluated once already.
    pub(crate) fn root(self, node: &Node, is_constant: bool) -> Lowered<Root> {
        let node = node.inner();
        // What is evaluated once is as much as possible, so its parts need not be marked again.
        let marks = !is_constant && node.value_type() == Type::Vector && is_constant_vector(node);
        let root = self.unmarked(node, is_constant || marks)?;
        Ok(match root {
            Root::Vector(vector) if marks => Root::Vector(Vector::Constant(Box::new(vector))),
            root => root,
        })
    }

    fn unmarked(self, node: &Node, is_constant: bool) -> Lowered<Root> {
        match &node.expr {
            Expr::Paren(of) => self.root(of, is_constant),
            Expr::Unary { is_negative, of } => self.signed(*is_negative, of, node.at, is_constant),
            Expr::Binary(binary) => self.binary(binary, node.at, is_constant),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, node.at, is_constant),
            Expr::Call { function, args } => self.call(function, args, node.at, is_constant),
            _ => self.leaf(node),
        }
    }

    #[inline(never)]
    fn leaf(self, node: &Node) -> Lowered<Root> {
        match &node.expr {
            Expr::Number { value, .. } => Ok(Root::Scalar(Scalar::Number(*value))),
            Expr::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Root::Text(text.to_owned())),
                Err(_) => Err(Fault::new(node.at, "the string is not UTF-8")),
            },
            Expr::Vector(vector) => {
                let selector = Selector {
                    matchers: matchers(vector, node.at)?,
                    moment: moment(&vector.time),
                    without_buckets: self.without_buckets(),
                };
                Ok(Root::Vector(match vector.extension {
                    Some(Extension::Smoothed) => Vector::Smoothed { selector, at: node.at },
                    _ => Vector::Select(selector),
                }))
            }
            _ => Ok(Root::Matrix(self.window(node)?)),
        }
    }

    /// A range selector or a subquery.
    pub(crate) fn window(self, node: &Node) -> Lowered<Window> {
        let node = node.inner();
        match &node.expr {
            Expr::Matrix { selector, range } => Ok(Window {
                of: WindowOf::Series {
                    matchers: matchers(selector, node.at)?,
                    without_buckets: self.without_buckets(),
                },
                range: range.clone(),
                moment: moment(&selector.time),
                extension: selector.extension,
            }),
            Expr::Subquery { of, range, step, time } => {
                // Its steps are its own, so whatever is around it, it marks what is the same at all of them.
                let vector = match self.with_buckets().root(of, false)? {
                    Root::Vector(vector) => vector,
                    _ => {
                        let problem = format!(
                            "a subquery is of an instant vector, and this is {}",
                            of.value_type().as_str()
                        );
                        return Err(Fault::new(node.at, problem));
                    }
                };
                Ok(Window {
                    of: WindowOf::Vector { vector: Box::new(vector), step: step.clone() },
                    range: range.clone(),
                    moment: moment(time),
                    extension: None,
                })
            }
            _ => Err(wrong_type(node, Type::Matrix, "")),
        }
    }

    pub(crate) fn vector(self, node: &Node, is_constant: bool, context: &str) -> Lowered<Vector> {
        if node.value_type() != Type::Vector {
            return Err(wrong_type(node, Type::Vector, context));
        }
        match self.root(node, is_constant)? {
            Root::Vector(vector) => Ok(vector),
            _ => Err(wrong_type(node, Type::Vector, context)),
        }
    }

    pub(crate) fn scalar(self, node: &Node, is_constant: bool, context: &str) -> Lowered<Scalar> {
        if node.value_type() != Type::Scalar {
            return Err(wrong_type(node, Type::Scalar, context));
        }
        match self.root(node, is_constant)? {
            Root::Scalar(scalar) => Ok(scalar),
            _ => Err(wrong_type(node, Type::Scalar, context)),
        }
    }

    fn signed(self, is_negative: bool, of: &Node, at: usize, is_constant: bool) -> Lowered<Root> {
        match self.root(of, is_constant)? {
            Root::Scalar(scalar) if is_negative => Ok(Root::Scalar(Scalar::Mapped(|v| -v, Box::new(scalar)))),
            Root::Vector(of) if is_negative => {
                Ok(Root::Vector(Vector::Mapped { by: Elementwise::Negated, of: Box::new(of), at }))
            }
            root @ (Root::Scalar(_) | Root::Vector(_)) => Ok(root),
            _ => {
                let found = of.value_type().as_str();
                Err(Fault::new(
                    at,
                    format!("a sign goes with scalars and instant vectors, and this is {found}"),
                ))
            }
        }
    }

    fn aggregate(self, aggregate: &Aggregate, at: usize, is_constant: bool) -> Lowered<Root> {
        let of = self.vector(&aggregate.of, is_constant, aggregate.op.as_str())?;
        let by = self.aggregator(aggregate, is_constant)?;
        let names = aggregate.grouping.clone();
        let grouping = if aggregate.is_without { Grouping::Without(names) } else { Grouping::By(names) };
        let parameter_at = aggregate.parameter.as_ref().map_or(at, |parameter| parameter.inner().at);
        let of_at = aggregate.of.inner().at;
        Ok(Root::Vector(Vector::Aggregated(Box::new(Aggregation {
            by,
            grouping,
            of,
            at,
            parameter_at,
            of_at,
        }))))
    }

    fn aggregator(self, aggregate: &Aggregate, is_constant: bool) -> Lowered<Aggregator> {
        let name = aggregate.op.as_str();
        let parameter = || {
            let missing = || Fault::new(aggregate.of.at, format!("`{name}` needs a parameter"));
            aggregate.parameter.as_deref().ok_or_else(missing)
        };
        // The parameter is evaluated at every step, even where the vector is not.
        let scalar = || self.scalar(parameter()?, is_constant, name);
        Ok(match aggregate.op {
            AggregateOp::Sum => Aggregator::Sum,
            AggregateOp::Avg => Aggregator::Avg,
            AggregateOp::Min => Aggregator::Min,
            AggregateOp::Max => Aggregator::Max,
            AggregateOp::Count => Aggregator::Count,
            AggregateOp::Group => Aggregator::Group,
            AggregateOp::Stddev => Aggregator::Stddev,
            AggregateOp::Stdvar => Aggregator::Stdvar,
            AggregateOp::Quantile => Aggregator::Quantile(scalar()?),
            AggregateOp::TopK => Aggregator::TopK(scalar()?),
            AggregateOp::BottomK => Aggregator::BottomK(scalar()?),
            AggregateOp::LimitK => Aggregator::LimitK(scalar()?),
            AggregateOp::LimitRatio => Aggregator::LimitRatio(scalar()?),
            AggregateOp::CountValues => {
                let node = parameter()?.inner();
                let Expr::Text(bytes) = &node.expr else { return Err(wrong_type(node, Type::Text, name)) };
                Aggregator::CountValues(label_name(bytes, node.at, "invalid label name ")?)
            }
        })
    }
}

fn wrong_type(node: &Node, expected: Type, context: &str) -> Fault {
    let context = if context.is_empty() { String::new() } else { format!(" in `{context}`") };
    let (expected, found) = (expected.as_str(), node.value_type().as_str());
    Fault::new(node.at, format!("{found} stands where {expected} is expected{context}"))
}

/// A label's name as a string gives it.
pub(crate) fn label_name(bytes: &[u8], at: usize, problem: &str) -> Lowered<String> {
    match std::str::from_utf8(bytes) {
        Ok(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Fault::of_value(at, format!("{problem}{}", crate::syntax::literal::quote_bytes(bytes)))),
    }
}

fn moment(time: &TimeModifiers) -> Moment {
    Moment { at: time.at, offset: time.offset.clone().unwrap_or(Length::Millis(0)) }
}

/// All matchers of a selector, the one of its name among them. At least one has to leave something out.
fn matchers(selector: &VectorSelector, at: usize) -> Lowered<Vec<Matcher>> {
    let mut matchers = Vec::with_capacity(selector.matchers.len() + 1);
    if !selector.name.is_empty() {
        matchers.push(Matcher::equal(METRIC_NAME, &selector.name));
    }
    matchers.extend(selector.matchers.iter().cloned());
    if matchers.iter().all(Matcher::matches_absent) {
        return Err(Fault::new(
            at,
            "a selector needs at least one matcher that does not match the empty value",
        ));
    }
    Ok(matchers)
}

/// The labels of `absent`'s result: those that an equality pins, unless another matcher is of the same label.
fn absent_labels(matchers: &[Matcher]) -> Labels {
    let of = |name: &str| matchers.iter().filter(move |matcher| matcher.name() == name).count();
    let pinned = matchers.iter().filter(|matcher| {
        matcher.op() == MatchOp::Equal && matcher.name() != METRIC_NAME && of(matcher.name()) == 1
    });
    Labels::new(pinned.map(|matcher| (matcher.name(), matcher.value()))).unwrap_or_default()
}

/// Whether a vector is the same at every step, and is worth evaluating once.
fn is_constant_vector(node: &Node) -> bool {
    let (is_constant, is_worth) = node.constancy();
    is_constant && is_worth
}

/// A function of a range on its way to its plan.
fn over_range(
    function: crate::range_function::RangeFunction,
    parameters: Vec<Scalar>,
    window: Window,
    at: usize,
) -> Root {
    Root::Vector(Vector::OverRange(Box::new(OverRange { function, parameters, window, at })))
}
