//! The functions by name, as <https://prometheus.io/docs/prometheus/latest/querying/functions/> lists them.

use kernel::Labels;
use promql_parser::parser::{Call, Expr};
use regex::RegexBuilder;

use crate::QueryRefusal;
use crate::limits::REGEX_COMPILED_BYTES_MAX;
use crate::lower::Lowering;
use crate::plan::{Elementwise, Root, Scalar, Vector};
use crate::window::RangeFunction;

impl Lowering<'_> {
    pub(crate) fn call(self, call: &Call) -> Result<Root, QueryRefusal> {
        let name = call.func.name;
        let args: Vec<&Expr> = call.args.args.iter().map(Box::as_ref).collect();
        match name {
            "time" => Ok(Root::Scalar(Scalar::Time)),
            "pi" => Ok(Root::Scalar(Scalar::Number(std::f64::consts::PI))),
            "scalar" => Ok(Root::Scalar(Scalar::Only(self.boxed(&args, 0)?))),
            _ => match range_function(name) {
                Some(function) => self.over_range(function, &args),
                None => self.of_vector(name, &args).map(Root::Vector),
            },
        }
    }

    /// The functions that give an instant vector. Each kind is lowered on its own, so that nested calls need
    /// little stack.
    fn of_vector(self, name: &str, args: &[&Expr]) -> Result<Vector, QueryRefusal> {
        match name {
            "vector" => Ok(Vector::OfScalar(self.scalar(self.argument(args, 0)?)?)),
            "timestamp" => self.timestamp(args),
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.bounded(name, args),
            "absent" => self.absent(args),
            "histogram_quantile" => self.histogram(args),
            "label_replace" => self.label_replace(args),
            "label_join" => self.label_join(args),
            "sort" => Ok(Vector::Sorted { descending: false, of: self.boxed(args, 0)? }),
            "sort_desc" => Ok(Vector::Sorted { descending: true, of: self.boxed(args, 0)? }),
            _ => match mathematical(name) {
                Some(function) => {
                    let of = self.boxed(args, 0)?;
                    Ok(Vector::Mapped { by: Elementwise::Function(function), of })
                }
                None => Err(self.not_supported(format!("the function `{name}`"), name, None)),
            },
        }
    }

    fn timestamp(self, args: &[&Expr]) -> Result<Vector, QueryRefusal> {
        Ok(match *self.boxed(args, 0)? {
            Vector::Select(selector) => Vector::SelectTimestamps(selector),
            other => Vector::Mapped { by: Elementwise::Timestamp, of: Box::new(other) },
        })
    }

    fn bounded(self, name: &str, args: &[&Expr]) -> Result<Vector, QueryRefusal> {
        let of = self.boxed(args, 0)?;
        let scalar = |at| self.scalar(self.argument(args, at)?);
        let by = match name {
            "clamp" => Elementwise::Clamp(scalar(1)?, scalar(2)?),
            "clamp_min" => Elementwise::ClampMin(scalar(1)?),
            "clamp_max" => Elementwise::ClampMax(scalar(1)?),
            _ if args.len() < 2 => Elementwise::Round(Scalar::Number(1.0)),
            _ => Elementwise::Round(scalar(1)?),
        };
        Ok(Vector::Mapped { by, of })
    }

    fn absent(self, args: &[&Expr]) -> Result<Vector, QueryRefusal> {
        let of = self.boxed(args, 0)?;
        let labels = match &*of {
            Vector::Select(selector) => self.absent_labels(selector)?,
            _ => Labels::default(),
        };
        Ok(Vector::Absent { of, labels })
    }

    fn histogram(self, args: &[&Expr]) -> Result<Vector, QueryRefusal> {
        let quantile = self.scalar(self.argument(args, 0)?)?;
        Ok(Vector::HistogramQuantile { quantile, of: self.boxed(args, 1)? })
    }

    fn argument<'a>(self, args: &[&'a Expr], at: usize) -> Result<&'a Expr, QueryRefusal> {
        args.get(at).copied().ok_or_else(|| self.invalid("a function has too few arguments"))
    }

    fn boxed(self, args: &[&Expr], at: usize) -> Result<Box<Vector>, QueryRefusal> {
        Ok(Box::new(self.vector(self.argument(args, at)?)?))
    }

    fn over_range(self, function: RangeFunction, args: &[&Expr]) -> Result<Root, QueryRefusal> {
        let (parameter, window) = match function {
            RangeFunction::Quantile => (Some(self.scalar(self.argument(args, 0)?)?), 1),
            RangeFunction::PredictLinear => (Some(self.scalar(self.argument(args, 1)?)?), 0),
            _ => (None, 0),
        };
        let window = self.window(self.argument(args, window)?)?;
        let labels = if function == RangeFunction::Absent {
            Some(self.absent_labels(&window.selector)?)
        } else {
            None
        };
        let over_range = Vector::OverRange { function, parameter, window };
        Ok(Root::Vector(match labels {
            Some(labels) => Vector::Absent { of: Box::new(over_range), labels },
            None => over_range,
        }))
    }

    fn label_replace(self, args: &[&Expr]) -> Result<Vector, QueryRefusal> {
        let of = self.boxed(args, 0)?;
        self.label_replaced(args, of)
    }

    #[inline(never)]
    fn label_replaced(self, args: &[&Expr], of: Box<Vector>) -> Result<Vector, QueryRefusal> {
        let text = |at| self.string(self.argument(args, at)?);
        let (to, replacement, from, pattern) = (text(1)?, text(2)?, text(3)?, text(4)?);
        if to.is_empty() {
            return Err(self.invalid("`label_replace` needs the name of the label that it sets"));
        }
        let compile = |pattern: &str| {
            RegexBuilder::new(pattern)
                .dot_matches_new_line(true)
                .size_limit(REGEX_COMPILED_BYTES_MAX)
                .dfa_size_limit(REGEX_COMPILED_BYTES_MAX)
                .build()
        };
        let regex =
            compile(&pattern).and_then(|_| compile(&format!("^(?:{pattern})$"))).map_err(|fault| {
                let reason = fault.to_string().replace('\n', " ");
                self.invalid(format!("`{pattern}` is not a regular expression: {reason}"))
            })?;
        Ok(Vector::LabelReplaced { to, replacement, from, regex, of })
    }

    fn label_join(self, args: &[&Expr]) -> Result<Vector, QueryRefusal> {
        let (to, separator) = (self.string(self.argument(args, 1)?)?, self.string(self.argument(args, 2)?)?);
        if to.is_empty() {
            return Err(self.invalid("`label_join` needs the name of the label that it sets"));
        }
        let from = args.iter().skip(3).map(|name| self.string(name)).collect::<Result<_, _>>()?;
        Ok(Vector::LabelsJoined { to, separator, from, of: self.boxed(args, 0)? })
    }
}

fn range_function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "rate" => RangeFunction::Rate,
        "increase" => RangeFunction::Increase,
        "delta" => RangeFunction::Delta,
        "irate" => RangeFunction::Irate,
        "idelta" => RangeFunction::Idelta,
        "avg_over_time" => RangeFunction::Avg,
        "min_over_time" => RangeFunction::Min,
        "max_over_time" => RangeFunction::Max,
        "sum_over_time" => RangeFunction::Sum,
        "count_over_time" => RangeFunction::Count,
        "last_over_time" => RangeFunction::Last,
        "first_over_time" => RangeFunction::First,
        "present_over_time" => RangeFunction::Present,
        "absent_over_time" => RangeFunction::Absent,
        "quantile_over_time" => RangeFunction::Quantile,
        "stddev_over_time" => RangeFunction::Stddev,
        "stdvar_over_time" => RangeFunction::Stdvar,
        "changes" => RangeFunction::Changes,
        "resets" => RangeFunction::Resets,
        "deriv" => RangeFunction::Deriv,
        "predict_linear" => RangeFunction::PredictLinear,
        _ => return None,
    })
}

fn mathematical(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "sgn" => sign,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => f64::to_radians,
        "deg" => f64::to_degrees,
        _ => return None,
    })
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}
