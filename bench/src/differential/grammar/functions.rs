//! Random calls of the functions that are alike: of one vector, of one window.

use super::{DEPTH, Grammar, Level};
use crate::differential::tree::{Expression, Type};

impl Grammar {
    pub(super) fn elementwise(&mut self, name: &str, level: Level, depth: u32) -> Expression {
        let inner = match name {
            "acos" | "asin" | "atanh" => Expression::leaf(Type::Vector, "ratio"),
            // Of many turns, the last place of an inexact one decides about all of it.
            "sin" | "cos" | "tan" => self.exact(level),
            _ => self.vector(level, depth),
        };
        if name == "round" && self.chance.percent(50) {
            let to = self.chance.pick(&["0.5", "5", "0.25", "10"]);
            return Expression::of(Type::Vector, &format!("round($, {to})"), vec![inner]);
        }
        Expression::of(Type::Vector, &format!("{name}($)"), vec![inner])
    }

    pub(super) fn calendar(&mut self, name: &str) -> Expression {
        match self.chance.below(4) {
            0 => Expression::leaf(Type::Vector, format!("{name}()")),
            1 => Expression::leaf(Type::Vector, format!("{name}(vector(time()))")),
            _ => Expression::leaf(Type::Vector, format!("{name}(born_seconds)")),
        }
    }

    pub(super) fn over_time(&mut self, name: &str, level: Level, depth: u32) -> Expression {
        if name == "absent_over_time" && self.chance.percent(70) {
            return Expression::leaf(
                Type::Vector,
                "absent_over_time(nothing{job=\"api\", instance=~\"a.*\"}[5m])",
            );
        }
        if !self.floats_only && self.chance.percent(10) && !matches!(name, "deriv" | "idelta") {
            let (metric, window) =
                (self.chance.pick(&["mixed", "latency", "latency_now", "sizes"]), self.window());
            return Expression::leaf(Type::Vector, format!("{name}({metric}[{window}])"));
        }
        let inner = self.matrix(level, depth);
        Expression::of(Type::Vector, &format!("{name}($)"), vec![inner])
    }

    pub(super) fn counter(&mut self, name: &str, level: Level, depth: u32) -> Expression {
        let inner = match self.chance.below(10) {
            0 if level == Level::Instance => {
                Expression::leaf(Type::Matrix, format!("wait_seconds_count[{}]", self.window()))
            }
            // Not deep within others, which make nothing of histograms.
            1 if !self.floats_only && depth == DEPTH => {
                Expression::leaf(Type::Matrix, format!("latency[{}]", self.window()))
            }
            _ => self.matrix(level, depth),
        };
        Expression::of(Type::Vector, &format!("{name}($)"), vec![inner])
    }
}
