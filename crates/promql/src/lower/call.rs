//! The functions by name, as <https://prometheus.io/docs/prometheus/latest/querying/functions/> lists them.

use kernel::{Labels, Pattern};

use super::{Lowered, Lowering, absent_labels, label_name, over_range, wrong_type};
use crate::plan::{
    Elementwise, Info, InfoMoment, Order, Quantiles, QueryConstant, Root, Scalar, Vector, WindowOf,
};
use crate::range_function::RangeFunction;
use crate::refusal::quoted;
use crate::syntax::Fault;
use crate::syntax::function::Function;
use crate::syntax::function::Type;
use crate::syntax::tree::{Expr, Extension, Node};
use crate::{METRIC_NAME, Matcher, calendar, mathematics};

/// The arguments of a call.
#[derive(Clone, Copy)]
struct Args<'n> {
    lowering: Lowering,
    name: &'static str,
    args: &'n [Node],
    at: usize,
    is_constant: bool,
}

impl Lowering {
    pub(super) fn call(
        self,
        function: &'static Function,
        args: &[Node],
        at: usize,
        is_constant: bool,
    ) -> Lowered<Root> {
        check(function, args, at)?;
        let lowering = match function.name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => Self { wants_counts: true, ..self },
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => self.with_buckets(),
            _ => self,
        };
        let args = Args { lowering, name: function.name, args, at, is_constant };
        match function.name {
            "time" => Ok(Root::Scalar(Scalar::Time)),
            "pi" => Ok(Root::Scalar(Scalar::Number(std::f64::consts::PI))),
            "start" => Ok(Root::Scalar(Scalar::Query(QueryConstant::Start))),
            "end" => Ok(Root::Scalar(Scalar::Query(QueryConstant::End))),
            "range" => Ok(Root::Scalar(Scalar::Query(QueryConstant::Range))),
            "step" => Ok(Root::Scalar(Scalar::Query(QueryConstant::Step))),
            "scalar" => Ok(Root::Scalar(Scalar::Only(args.boxed(0)?))),
            "max_of" => args.combined(mathematics::max),
            "min_of" => args.combined(mathematics::min),
            "absent_over_time" => args.absent_over_time(),
            name => match RangeFunction::named(name) {
                Some(function) => args.over_range(function),
                None => args.of_vector().map(Root::Vector),
            },
        }
    }
}

/// That there are as many arguments as there have to be, of the types that they have to be of.
fn check(function: &Function, args: &[Node], at: usize) -> Lowered<()> {
    if let Some(problem) = function.count_problem(args.len()) {
        return Err(Fault::new(at, problem));
    }
    for (index, arg) in args.iter().enumerate() {
        let Some(expected) = function.arg(index) else { continue };
        if arg.value_type() != expected {
            return Err(wrong_type(arg, expected, function.name));
        }
    }
    Ok(())
}

impl<'n> Args<'n> {
    fn node(self, index: usize) -> Lowered<&'n Node> {
        let missing = || Fault::new(self.at, format!("`{}` has too few arguments", self.name));
        self.args.get(index).map(Node::inner).ok_or_else(missing)
    }

    fn boxed(self, index: usize) -> Lowered<Box<Vector>> {
        Ok(Box::new(self.lowering.vector(self.node(index)?, self.is_constant, self.name)?))
    }

    fn scalar(self, index: usize) -> Lowered<Scalar> {
        self.lowering.scalar(self.node(index)?, self.is_constant, self.name)
    }

    fn bytes(self, index: usize) -> Lowered<&'n [u8]> {
        let node = self.node(index)?;
        match &node.expr {
            Expr::Text(bytes) => Ok(bytes),
            _ => Err(wrong_type(node, Type::Text, self.name)),
        }
    }

    fn text(self, index: usize) -> Lowered<String> {
        let at = self.node(index)?.at;
        let text = String::from_utf8(self.bytes(index)?.to_vec());
        text.map_err(|_| Fault::new(at, "the string is not UTF-8"))
    }

    fn combined(self, by: fn(f64, f64) -> f64) -> Lowered<Root> {
        Ok(Root::Scalar(Scalar::Combined(by, Box::new(self.scalar(0)?), Box::new(self.scalar(1)?))))
    }

    fn over_range(self, function: RangeFunction) -> Lowered<Root> {
        let (parameters, of) = match function {
            RangeFunction::Quantile => (vec![self.scalar(0)?], 1),
            RangeFunction::PredictLinear => (vec![self.scalar(1)?], 0),
            RangeFunction::DoubleExponentialSmoothing => (vec![self.scalar(1)?, self.scalar(2)?], 0),
            _ => (Vec::new(), 0),
        };
        let window = self.lowering.window(self.node(of)?)?;
        self.check_extension(window.extension)?;
        // What a subquery gives has no place in the text.
        let first_is_subquery = of == 0 && matches!(window.of, WindowOf::Vector { .. });
        let at = if first_is_subquery { 0 } else { self.node(0)?.at };
        Ok(over_range(function, parameters, window, at))
    }

    fn check_extension(self, extension: Option<Extension>) -> Lowered<()> {
        let (word, functions): (_, &[&str]) = match extension {
            None => return Ok(()),
            Some(Extension::Anchored) => ("anchored", &["changes", "delta", "increase", "rate", "resets"]),
            Some(Extension::Smoothed) => ("smoothed", &["delta", "increase", "rate"]),
        };
        if functions.contains(&self.name) {
            return Ok(());
        }
        let problem = format!(
            "{word} modifier can only be used with: {} - not with {}",
            functions.join(", "),
            self.name
        );
        Err(Fault::new(self.at, problem))
    }

    fn absent_over_time(self) -> Lowered<Root> {
        let window = self.lowering.window(self.node(0)?)?;
        self.check_extension(window.extension)?;
        let labels = match &window.of {
            WindowOf::Series { matchers, .. } => absent_labels(matchers),
            WindowOf::Vector { .. } => Labels::default(),
        };
        Ok(Root::Vector(Vector::AbsentOverTime { window, labels }))
    }

    /// The functions that give an instant vector. Each kind is lowered on its own, so that nested calls need
    /// little stack.
    fn of_vector(self) -> Lowered<Vector> {
        match self.name {
            "vector" => Ok(Vector::OfScalar(self.scalar(0)?)),
            "timestamp" | "start_timestamp" => self.timestamp(),
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.bounded(),
            "absent" => self.absent(),
            "histogram_quantile" => {
                let quantiles = vec![(self.scalar(0)?, self.node(0)?.at)];
                self.quantiles(quantiles, None, 1)
            }
            "histogram_quantiles" => self.many_quantiles(),
            "histogram_fraction" => self.fraction(),
            "label_replace" => self.label_replace(),
            "label_join" => self.label_join(),
            "sort" => self.sorted(Order::Values { is_descending: false }),
            "sort_desc" => self.sorted(Order::Values { is_descending: true }),
            "sort_by_label" | "sort_by_label_desc" => self.sorted_by_label(),
            "info" => self.info(),
            name => {
                match (mathematics::named(name), mathematics::of_histogram(name), calendar::named(name)) {
                    (Some(function), _, _) => self.mapped(Elementwise::Function(function)),
                    (_, Some(function), _) => self.mapped(Elementwise::OfHistogram(function)),
                    (_, _, Some(function)) if self.args.is_empty() => {
                        Ok(Vector::OfScalar(Scalar::Mapped(function, Box::new(Scalar::Time))))
                    }
                    (_, _, Some(function)) => self.mapped(Elementwise::Function(function)),
                    _ => Err(Fault::new(self.at, format!("there is no function `{name}`"))),
                }
            }
        }
    }

    fn mapped(self, by: Elementwise) -> Lowered<Vector> {
        Ok(Vector::Mapped { by, of: self.boxed(0)?, at: self.at })
    }

    fn timestamp(self) -> Lowered<Vector> {
        let is_start = self.name == "start_timestamp";
        Ok(match *self.boxed(0)? {
            Vector::Select(selector) if is_start => Vector::SelectStarts(selector),
            Vector::Select(selector) => Vector::SelectTimestamps(selector),
            // Nothing is known of when what was calculated began.
            other if is_start => {
                let by = Elementwise::OfHistogram(|_| f64::NAN);
                let of =
                    Box::new(Vector::Mapped { by: Elementwise::Timestamp, of: Box::new(other), at: self.at });
                Vector::Mapped { by, of, at: self.at }
            }
            other => Vector::Mapped { by: Elementwise::Timestamp, of: Box::new(other), at: self.at },
        })
    }

    fn bounded(self) -> Lowered<Vector> {
        let by = match self.name {
            "clamp" => Elementwise::Clamp(self.scalar(1)?, self.scalar(2)?),
            "clamp_min" => Elementwise::Clamp(self.scalar(1)?, Scalar::Number(f64::INFINITY)),
            "clamp_max" => Elementwise::Clamp(Scalar::Number(f64::NEG_INFINITY), self.scalar(1)?),
            _ if self.args.len() < 2 => Elementwise::Round(Scalar::Number(1.0)),
            _ => Elementwise::Round(self.scalar(1)?),
        };
        self.mapped(by)
    }

    fn absent(self) -> Lowered<Vector> {
        let of = self.boxed(0)?;
        let labels = match &*of {
            Vector::Select(selector) => absent_labels(&selector.matchers),
            Vector::Constant(of) => match &**of {
                Vector::Select(selector) => absent_labels(&selector.matchers),
                _ => Labels::default(),
            },
            _ => Labels::default(),
        };
        Ok(Vector::Absent { of, labels })
    }

    fn quantiles(self, quantiles: Vec<(Scalar, usize)>, label: Option<String>, of: usize) -> Lowered<Vector> {
        let of_at = self.node(of)?.at;
        Ok(Vector::Quantiles(Box::new(Quantiles { quantiles, label, of: *self.boxed(of)?, of_at })))
    }

    fn many_quantiles(self) -> Lowered<Vector> {
        let label = label_name(self.bytes(1)?, self.node(1)?.at, "invalid label name ")?;
        let quantiles = (2..self.args.len()).map(|index| Ok((self.scalar(index)?, self.node(index)?.at)));
        self.quantiles(quantiles.collect::<Lowered<_>>()?, Some(label), 0)
    }

    fn fraction(self) -> Lowered<Vector> {
        let (lower, upper) = (self.scalar(0)?, self.scalar(1)?);
        Ok(Vector::Fraction { lower, upper, of: self.boxed(2)?, at: self.node(2)?.at })
    }

    fn sorted(self, order: Order) -> Lowered<Vector> {
        Ok(Vector::Sorted { order, of: self.boxed(0)?, at: self.at })
    }

    fn sorted_by_label(self) -> Lowered<Vector> {
        let labels = (1..self.args.len()).map(|index| self.text(index)).collect::<Lowered<_>>()?;
        self.sorted(Order::Labels { labels, is_descending: self.name == "sort_by_label_desc" })
    }

    fn label_replace(self) -> Lowered<Vector> {
        let of = self.boxed(0)?;
        self.label_replaced(of)
    }

    #[inline(never)]
    fn label_replaced(self, of: Box<Vector>) -> Lowered<Vector> {
        let to = label_name(
            self.bytes(1)?,
            self.node(1)?.at,
            "invalid destination label name in label_replace(): ",
        )?;
        let (replacement, from, expression) = (self.text(2)?, self.text(3)?, self.text(4)?);
        let at = self.node(4)?.at;
        let pattern = Pattern::anchored(&expression).map_err(|fault| {
            let problem = "invalid regular expression in label_replace(): ";
            Fault::of_value(at, format!("{problem}`{}`: {fault}", quoted(&expression)))
        })?;
        Ok(Vector::LabelReplaced { to, replacement, from, pattern, of })
    }

    fn label_join(self) -> Lowered<Vector> {
        let problem = "invalid destination label name in label_join(): ";
        let to = label_name(self.bytes(1)?, self.node(1)?.at, problem)?;
        let separator = self.text(2)?;
        let problem = "invalid source label name in label_join(): ";
        let from = (3..self.args.len())
            .map(|index| label_name(self.bytes(index)?, self.node(index)?.at, problem))
            .collect::<Lowered<_>>()?;
        Ok(Vector::LabelsJoined { to, separator, from, of: self.boxed(0)? })
    }

    fn info(self) -> Lowered<Vector> {
        let (mut names, mut labels) = (Vec::new(), Vec::new());
        if self.args.len() > 1 {
            let node = self.node(1)?;
            let Expr::Vector(selector) = &node.expr else {
                return Err(Fault::new(node.at, "`info` takes label selectors only"));
            };
            if !selector.name.is_empty() {
                return Err(Fault::new(
                    node.at,
                    "`info` takes label selectors only, without a metric's name",
                ));
            }
            (names, labels) =
                selector.matchers.iter().cloned().partition(|matcher| matcher.name() == METRIC_NAME);
        }
        let is_positive = |matcher: &Matcher| !matcher.op().is_negative();
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !names.iter().any(is_positive) {
            let any = Matcher::new(METRIC_NAME, crate::MatchOp::Regex, ".+_info");
            names.insert(0, any.map_err(|error| Fault::new(self.at, error.problem()))?);
        }
        let mut moment = InfoMoment::default();
        first_moment(self.node(0)?, &mut moment);
        Ok(Vector::Info(Box::new(Info { of: *self.boxed(0)?, names, labels, moment })))
    }
}

/// When the first selector within an expression looks; whether there is one.
fn first_moment(node: &Node, moment: &mut InfoMoment) -> bool {
    let shift = |moment: &mut InfoMoment, time: &crate::syntax::tree::TimeModifiers| {
        if moment.at.is_none() {
            moment.offsets.extend(time.offset.clone());
            moment.at = time.at;
        }
        true
    };
    match &node.expr {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => shift(moment, &selector.time),
        Expr::Subquery { of, time, .. } => first_moment(of, moment) && shift(moment, time),
        Expr::Number { .. } | Expr::Text(_) => false,
        Expr::Paren(of) | Expr::Unary { of, .. } => first_moment(of, moment),
        Expr::Call { args, .. } => args.iter().any(|arg| first_moment(arg, moment)),
        Expr::Binary(binary) => first_moment(&binary.left, moment) || first_moment(&binary.right, moment),
        Expr::Aggregate(aggregate) => {
            first_moment(&aggregate.of, moment)
                || aggregate.parameter.as_ref().is_some_and(|parameter| first_moment(parameter, moment))
        }
    }
}
