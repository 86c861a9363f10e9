//! Random aggregations.

use super::{Grammar, Level};
use crate::differential::feature::Grouping;
use crate::differential::tree::{Expression, Type};

impl Grammar {
    pub(super) fn aggregate(&mut self, name: &str, grouping: Grouping, depth: u32) -> Expression {
        let level = if self.chance.percent(50) { Level::Code } else { Level::Instance };
        // How many are alike decides what `topk` leaves out, and nobody says which: each value is another's.
        let inner = match name {
            "topk" | "bottomk" => Expression::leaf(Type::Vector, "ratio"),
            "count_values" => self.selector(level),
            _ => self.vector(level, depth),
        };
        let by = match grouping {
            Grouping::None => "",
            Grouping::By => self.chance.pick(&[
                "by (job) ",
                "by (instance) ",
                "by (job, instance) ",
                "by (nothing) ",
                "by () ",
            ]),
            Grouping::Without => self.chance.pick(&[
                "without (job) ",
                "without (instance, code) ",
                "without (nothing) ",
                "without () ",
            ]),
        };
        let argument = match name {
            "topk" | "bottomk" => self.chance.pick(&["1, ", "3, ", "0, ", "2.9, ", "100, "]),
            "limitk" => self.chance.pick(&["1, ", "2, ", "100, "]),
            "limit_ratio" => self.chance.pick(&["0.5, ", "-0.5, ", "1, ", "0.2, "]),
            "quantile" => self.chance.pick(&["0.5, ", "0.9, ", "0, ", "1, ", "-1, "]),
            "count_values" => "\"value\", ",
            _ => "",
        };
        // Which series `limitk` keeps is not said anywhere; how many is.
        let pattern = if name == "limitk" {
            format!("count(limitk {by}({argument}$))")
        } else {
            format!("{name} {by}({argument}$)")
        };
        Expression::of(Type::Vector, &pattern, vec![inner])
    }
}
