//! Random expressions about native histograms.

use super::Grammar;
use crate::differential::tree::{Expression, Type};

const QUANTILES: [&str; 9] = ["0.5", "0.9", "0.99", "0", "1", "0.25", "-1", "2", "NaN"];
const FRACTIONS: [&str; 5] = ["0, 1", "-1, 2.5", "-Inf, 0.5", "0.1, +Inf", "3, 1"];
const AGGREGATIONS: [&str; 6] = ["sum", "avg", "count", "group", "max", "sum without (instance)"];
const ARITHMETIC: [&str; 9] = [
    "$ * 2",
    "$ / 4",
    "$ + latency",
    "$ - latency",
    "$ == latency",
    "$ != latency",
    "$ * 0",
    "$ > 1",
    "$ or load",
];
const OVER_TIME: [&str; 8] = [
    "sum_over_time",
    "avg_over_time",
    "last_over_time",
    "count_over_time",
    "changes",
    "resets",
    "max_over_time",
    "present_over_time",
];

impl Grammar {
    /// A vector of native histograms, and a function of it.
    pub(super) fn native(&mut self, name: &str) -> Expression {
        let vector = |pattern: String, child| Expression::of(Type::Vector, &pattern, vec![child]);
        match name {
            "histogram_quantile" => {
                let quantile = self.chance.pick(&QUANTILES);
                vector(format!("histogram_quantile({quantile}, $)"), self.histograms())
            }
            "histogram_fraction" => {
                let between = self.chance.pick(&FRACTIONS);
                vector(format!("histogram_fraction({between}, $)"), self.histograms())
            }
            "histogram_rate" => self.rates(),
            "histogram_sum_aggregate" => {
                let aggregation = self.chance.pick(&AGGREGATIONS);
                vector(format!("{aggregation}($)"), self.histograms())
            }
            "histogram_arithmetic" => {
                let (pattern, metric) = (self.chance.pick(&ARITHMETIC), self.histogram_metric());
                // Sides that cannot be compared give nothing.
                let metric = if pattern.contains("=") || pattern.contains(">") { "latency" } else { metric };
                vector(pattern.to_owned(), Expression::leaf(Type::Vector, metric))
            }
            "histogram_over_time" => {
                let function = self.chance.pick(&OVER_TIME);
                // Of floats alone there is a largest one.
                let metric = if function == "max_over_time" { "mixed" } else { self.histogram_metric() };
                let leaf = Expression::leaf(Type::Matrix, format!("{metric}[{}]", self.window()));
                vector(format!("{function}($)"), leaf)
            }
            other => vector(format!("{other}($)"), self.histograms()),
        }
    }

    fn histogram_metric(&mut self) -> &'static str {
        self.chance.pick(&["latency", "latency", "latency_now", "sizes", "mixed"])
    }

    fn histograms(&mut self) -> Expression {
        let source = match self.chance.below(5) {
            0..=2 => Expression::leaf(Type::Vector, self.histogram_metric()),
            _ => self.rates(),
        };
        if self.chance.percent(40) {
            return Expression::of(Type::Vector, "sum by (job) ($)", vec![source]);
        }
        source
    }

    /// Changes of counters, and of gauges; now and then of the others, too.
    fn rates(&mut self) -> Expression {
        let metric = self.histogram_metric();
        let is_gauge = (metric == "latency_now") != self.chance.percent(10);
        let function = self.chance.pick(if is_gauge {
            &["delta", "idelta"]
        } else {
            &["rate", "increase", "rate", "irate"]
        });
        let leaf = Expression::leaf(Type::Matrix, format!("{metric}[{}]", self.window()));
        Expression::of(Type::Vector, &format!("{function}($)"), vec![leaf])
    }
}
