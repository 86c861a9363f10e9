//! Random binary operators, and what stands on their sides.

use super::{Grammar, Level, bracketed};
use crate::differential::feature::Matching;
use crate::differential::tree::{Expression, Type};

impl Grammar {
    pub(super) fn operator(
        &mut self,
        name: &str,
        matching: Matching,
        level: Level,
        depth: u32,
    ) -> Expression {
        let labels = level.labels();
        let binary = |pattern: String, left, right| {
            Expression::of(Type::Vector, &pattern, vec![bracketed(left), bracketed(right)])
        };
        let (left, right) = (self.operand(name, level, depth), self.operand(name, level, depth));
        match matching {
            Matching::ScalarLeft => binary(format!("$ {name} $"), self.scalar_operand(name), right),
            Matching::ScalarRight => binary(format!("$ {name} $"), left, self.scalar_operand(name)),
            Matching::Plain => binary(format!("$ {name} $"), left, right),
            Matching::Bool => binary(format!("$ {name} bool $"), left, right),
            Matching::On => binary(format!("$ {name} on ({labels}) $"), left, right),
            Matching::Ignoring => binary(format!("$ {name} ignoring (nothing, version) $"), left, right),
            Matching::GroupLeft | Matching::GroupRight | Matching::GroupLeftLabels => {
                let many_level = if self.chance.percent(50) { Level::Code } else { Level::Instance };
                let many = self.operand(name, many_level, depth);
                if matching == Matching::GroupLeftLabels {
                    let many = Expression::of(Type::Vector, "$", vec![many]);
                    let one = Expression::leaf(Type::Vector, "target_info");
                    return binary(format!("$ {name} on (job, instance) group_left (version) $"), many, one);
                }
                let one = self.operand(name, Level::Job, depth);
                let on = if many_level == Level::Instance && self.chance.percent(50) {
                    "ignoring (instance)"
                } else {
                    "on (job)"
                };
                if matching == Matching::GroupLeft {
                    binary(format!("$ {name} {on} group_left () $"), many, one)
                } else {
                    binary(format!("$ {name} {on} group_right () $"), one, many)
                }
            }
        }
    }

    /// A side of an operator. What is compared for equality is of few values, so that some are equal and some are not;
    /// what leaves a remainder is exact, because the last place would decide about all of it.
    fn operand(&mut self, name: &str, level: Level, depth: u32) -> Expression {
        if name == "%" {
            return self.exact(level);
        }
        if name != "==" {
            return self.vector(level, depth);
        }
        let pattern = self.chance.pick(&["sgn($ % 3 - 1)", "floor($) % 2", "clamp($, 0, 1)"]);
        Expression::of(Type::Vector, pattern, vec![self.vector(level, depth.saturating_sub(1))])
    }

    fn scalar_operand(&mut self, name: &str) -> Expression {
        if name != "==" {
            return self.scalar();
        }
        Expression::leaf(Type::Scalar, self.chance.pick(&["1", "0", "1", "scalar(vector(1))"]))
    }
}
