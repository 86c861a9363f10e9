//! What random expressions read: selectors, windows and subqueries, and other times to read at.

use super::{Grammar, Level, bracketed};
use crate::differential::tree::{Expression, Type};

impl Grammar {
    pub(super) fn selector(&mut self, level: Level) -> Expression {
        let text = self.selector_text(level);
        Expression::leaf(Type::Vector, text)
    }

    pub(super) fn selector_text(&mut self, level: Level) -> String {
        let metric = self.metric(level);
        let matchers: &[&str] =
            &["job=\"api\"", "job!=\"db\"", "job=~\"api|web\"", "job!~\"w.*\"", "absent=\"\""];
        let matcher = if self.chance.percent(25) {
            format!("{{{}}}", self.chance.pick(matchers))
        } else {
            String::new()
        };
        format!("{metric}{matcher}")
    }

    pub(super) fn metric(&mut self, level: Level) -> &'static str {
        match level {
            Level::Code => self.chance.pick(&["requests_total", "errors_total"]),
            Level::Instance => {
                self.chance.pick(&["temperature", "load", "temperature", "load", "ratio", "odd"])
            }
            Level::Job => "limit",
        }
    }

    /// A matrix of a level.
    pub(super) fn matrix(&mut self, level: Level, depth: u32) -> Expression {
        let window = self.window();
        if depth > 0 && self.chance.percent(25) {
            let (inner, step) = (self.vector(level, depth - 1), self.chance.pick(&["", "15s", "1m", "37s"]));
            let pattern = format!("$[10m:{step}]{}", self.shift());
            return Expression::of(Type::Matrix, &pattern, vec![bracketed(inner)]);
        }
        let text = format!("{}[{window}]{}", self.selector_text(level), self.shift());
        Expression::leaf(Type::Matrix, text)
    }

    pub(super) fn window(&mut self) -> &'static str {
        self.chance.pick(&["30s", "1m", "2m", "5m", "5m", "10m", "17m30s", "45s", "1m1s"])
    }

    fn shift(&mut self) -> &'static str {
        if self.chance.percent(85) {
            ""
        } else {
            self.chance.pick(&[" offset 3m", " offset 10s", " offset -2m"])
        }
    }

    pub(super) fn modifier(&mut self, name: &str, level: Level, depth: u32) -> Expression {
        let selector = self.selector_text(level);
        let middle = self.middle_s;
        let text = match name {
            "offset" => format!("{selector} offset {}", self.chance.pick(&["1m", "7s", "12m", "1m30s"])),
            "negative_offset" => format!("{selector} offset -{}", self.chance.pick(&["1m", "7s", "5m"])),
            "at" => format!("{selector} @ {middle}{}", self.chance.pick(&["", ".5", " offset 1m"])),
            "at_start" => format!("rate({selector}[5m] @ start())"),
            "at_end" => format!("{selector} @ end()"),
            "unary" => {
                let inner = self.vector(level, depth);
                return Expression::of(Type::Vector, "-$", vec![bracketed(inner)]);
            }
            _ => {
                let (function, inner) = (
                    self.chance.pick(&["avg_over_time", "rate", "last_over_time", "quantile_over_time"]),
                    self.vector(level, depth),
                );
                let lead = if function == "quantile_over_time" { "0.5, " } else { "" };
                let range = self.chance.pick(&[
                    "10m:1m",
                    "5m:15s",
                    "7m:",
                    "10m:31s",
                    "6m:1m] offset 2m",
                    "5m:1m] @ end()",
                ]);
                let range = if range.contains(']') { range.to_owned() } else { format!("{range}]") };
                return Expression::of(
                    Type::Vector,
                    &format!("{function}({lead}$[{range})"),
                    vec![bracketed(inner)],
                );
            }
        };
        Expression::leaf(Type::Vector, text)
    }

    /// What is the same to the last place whoever calculates it.
    pub(super) fn exact(&mut self, level: Level) -> Expression {
        let metric = match level {
            Level::Instance => self.chance.pick(&["temperature", "load"]),
            _ => self.metric(level),
        };
        let pattern = self.chance.pick(&["$", "max_over_time($[5m])", "sum_over_time($[2m:15s])"]);
        Expression::of(Type::Vector, pattern, vec![Expression::leaf(Type::Vector, metric)])
    }
}
