//! Random calls that have a shape of their own, of labels and of classic histograms.

use super::{Grammar, Level};
use crate::differential::tree::{Expression, Type};

impl Grammar {
    pub(super) fn labels(&mut self, name: &str, level: Level, depth: u32) -> Expression {
        let inner = self.vector(level, depth);
        let pattern = match name {
            "label_join" => self
                .chance
                .pick(&[
                    "label_join($, \"both\", \"-\", \"job\", \"instance\")",
                    "label_join($, \"job\", \"/\", \"job\", \"code\")",
                    "label_join($, \"none\", \",\")",
                ])
                .to_owned(),
            "label_replace" => self
                .chance
                .pick(&[
                    "label_replace($, \"short\", \"$1\", \"instance\", \"(.*):.*\")",
                    "label_replace($, \"job\", \"x-${1}\", \"job\", \"(a|d)(.*)\")",
                    "label_replace($, \"code\", \"\", \"code\", \"404\")",
                    "label_replace($, \"team\", \"all\", \"\", \"\")",
                ])
                .to_owned(),
            "sort" | "sort_desc" => format!("{name}($)"),
            other => format!("{other}($, \"instance\", \"job\")"),
        };
        // A `$` of a replacement is not the child's.
        let pieces = pattern.split_once('$').expect("each pattern has its child");
        let rest = pieces.1.to_owned();
        let call = Expression::of(Type::Vector, &format!("{}$", pieces.0), vec![inner]);
        call.ending_in(&rest)
    }

    pub(super) fn call(&mut self, name: &str, level: Level, depth: u32) -> Expression {
        let vector = |pattern: &str, children| Expression::of(Type::Vector, pattern, children);
        match name {
            "absent" if self.chance.percent(70) => {
                Expression::leaf(Type::Vector, "absent(nothing{job=\"api\", instance=\"a:1\", code!=\"1\"})")
            }
            "absent" => vector("absent($)", vec![self.vector(level, depth)]),
            "clamp" => vector("clamp($, 10, 400)", vec![self.vector(level, depth)]),
            "clamp_max" => vector("clamp_max($, $)", vec![self.vector(level, depth), self.scalar()]),
            "clamp_min" => vector("clamp_min($, $)", vec![self.vector(level, depth), self.scalar()]),
            "double_exponential_smoothing" => {
                vector("double_exponential_smoothing($, 0.5, 0.25)", vec![self.matrix(level, depth)])
            }
            "predict_linear" => {
                vector("predict_linear($, $)", vec![self.matrix(level, depth), self.scalar()])
            }
            "quantile_over_time" => {
                let quantile = self.chance.pick(&["0.5", "0.9", "0", "1", "-0.1", "1.5"]);
                vector(&format!("quantile_over_time({quantile}, $)"), vec![self.matrix(level, depth)])
            }
            "info" => {
                let inner = self.selector(if level == Level::Job { Level::Instance } else { level });
                let about = self.chance.pick(&["", ", {version=~\".+\"}", ", {version=\"2.0\"}"]);
                vector(&format!("info(${about})"), vec![inner])
            }
            "pi" => vector("$ * pi()", vec![self.selector(level)]),
            "scalar" => self.scalar_of_vector(),
            "time" => vector("$ - time()", vec![self.selector(level)]),
            "vector" => vector("vector($)", vec![self.scalar()]),
            "classic_quantile" => {
                self.classic("histogram_quantile", &["0.5", "0.9", "0.99", "0", "1", "-1", "2"])
            }
            _ => self.classic("histogram_fraction", &["0, 1", "-Inf, 0.5", "0.3, +Inf", "0.1, 2"]),
        }
    }

    fn classic(&mut self, name: &str, arguments: &[&str]) -> Expression {
        let (argument, window) = (self.chance.pick(arguments).to_owned(), self.window());
        let source = match self.chance.below(3) {
            0 => "wait_seconds_bucket".to_owned(),
            1 => format!("rate(wait_seconds_bucket[{window}])"),
            _ => format!("sum by (job, le) (rate(wait_seconds_bucket[{window}]))"),
        };
        Expression::leaf(Type::Vector, format!("{name}({argument}, {source})"))
    }

    pub(super) fn scalar(&mut self) -> Expression {
        match self.chance.below(6) {
            0 => self.scalar_of_vector(),
            1 => Expression::leaf(Type::Scalar, "time() % 600"),
            2 => Expression::leaf(Type::Scalar, "-0.5"),
            _ => Expression::leaf(
                Type::Scalar,
                self.chance.pick(&["1", "2", "0.25", "100", "1e3", "60", "0x1f"]),
            ),
        }
    }

    fn scalar_of_vector(&mut self) -> Expression {
        self.note("scalar".to_owned());
        let text = self.chance.pick(&[
            "scalar(limit{job=\"api\"})",
            "scalar(sum(load))",
            "scalar(load)",
            "scalar(vector(3))",
        ]);
        Expression::leaf(Type::Scalar, text)
    }
}
