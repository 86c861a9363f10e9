//! Random expressions over the random series, typed so that most of them give something.
//!
//! A vector is drawn with a *level*: which labels tell its series apart. So both sides of an operator match one to one
//! where its matching needs that.

mod aggregations;
mod calls;
mod functions;
mod native;
mod operators;
mod selectors;

use std::collections::BTreeMap;

use super::feature::{Feature, Matching};
use super::pair::When;
use super::tree::{Expression, Type};
use crate::chance::Chance;

/// Which labels tell the series of a vector apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// `job`, `instance`, `code`.
    Code,
    /// `job`, `instance`.
    Instance,
    /// `job`.
    Job,
}

impl Level {
    const ALL: [Self; 3] = [Self::Code, Self::Instance, Self::Job];

    const fn labels(self) -> &'static str {
        match self {
            Self::Code => "job, instance, code",
            Self::Instance => "job, instance",
            Self::Job => "job",
        }
    }
}

/// How deep expressions nest below the feature that they are about.
const DEPTH: u32 = 2;

/// Draws expressions and counts what they have.
pub(super) struct Grammar {
    chance: Chance,
    features: Vec<Feature>,
    /// How often each feature was drawn.
    tally: BTreeMap<String, u64>,
    /// The features of the expression that was drawn last.
    drawn: Vec<String>,
    /// The middle of the data, in seconds, for `@`.
    middle_s: i64,
    floats_only: bool,
}

impl Grammar {
    pub(super) fn new(chance: Chance, features: Vec<Feature>, middle_s: i64, floats_only: bool) -> Self {
        let tally = features.iter().map(|feature| (feature.name(), 0)).collect();
        Self { chance, features, tally, drawn: Vec::new(), middle_s, floats_only }
    }

    /// The next expression: each feature has its turn, within something else or beside another most of the time.
    pub(super) fn expression(&mut self) -> Expression {
        let feature = self.rarest(|_| true);
        let level = self.chance.pick(&Level::ALL);
        let inner = self.with(feature, level, DEPTH);
        if inner.gives != Type::Vector || is_ordering(feature) {
            return inner;
        }
        match self.chance.below(10) {
            0 => Expression::of(Type::Vector, "abs($)", vec![inner]),
            1 => Expression::of(Type::Vector, "sum($)", vec![inner]),
            2 => Expression::of(Type::Vector, "count($) by (job)", vec![inner]),
            3 => Expression::of(Type::Vector, "max_over_time($[4m:45s])", vec![bracketed(inner)]),
            4..=7 => self.beside_the_rarest(inner, level),
            _ => inner,
        }
    }

    fn note(&mut self, feature: String) {
        *self.tally.entry(feature.clone()).or_default() += 1;
        self.drawn.push(feature);
    }

    /// The features of the expression that was drawn last, each once.
    pub(super) fn take_drawn(&mut self) -> Vec<String> {
        let mut drawn = std::mem::take(&mut self.drawn);
        drawn.sort();
        drawn.dedup();
        drawn
    }

    /// What was drawn least so far.
    fn rarest(&self, is_wanted: impl Fn(Feature) -> bool) -> Feature {
        let wanted = self.features.iter().copied().filter(|feature| is_wanted(*feature));
        wanted.min_by_key(|feature| self.tally.get(&feature.name()).copied()).expect("there are features")
    }

    fn beside_the_rarest(&mut self, inner: Expression, level: Level) -> Expression {
        let rarest = self.rarest(|feature| !is_ordering(feature) && feature != Feature::Call("scalar"));
        let other = self.with(rarest, level, 1);
        Expression::of(Type::Vector, "$ or $", vec![bracketed(inner), bracketed(other)])
    }

    fn with(&mut self, feature: Feature, level: Level, depth: u32) -> Expression {
        self.note(feature.name());
        match feature {
            Feature::Elementwise(name) => self.elementwise(name, level, depth),
            Feature::Calendar(name) => self.calendar(name),
            Feature::OverTime(name) => self.over_time(name, level, depth),
            Feature::Counter(name) => self.counter(name, level, depth),
            Feature::Native(name) => self.native(name),
            Feature::Labels(name) => self.labels(name, level, depth),
            Feature::Call(name) => self.call(name, level, depth),
            Feature::Modifier(name) => self.modifier(name, level, depth),
            Feature::Aggregate(name, grouping) => self.aggregate(name, grouping, depth),
            Feature::Operator(name, matching) => self.operator(name, matching, level, depth),
        }
    }

    /// A vector of a level, whatever its features.
    fn vector(&mut self, level: Level, depth: u32) -> Expression {
        if depth == 0 || self.chance.percent(35) {
            return self.selector(level);
        }
        // What keeps the level: values are changed, labels are not.
        match self.chance.below(6) {
            0 => self.elementwise_of_any(level, depth - 1),
            1 => {
                let name =
                    self.chance.pick(&["avg_over_time", "max_over_time", "last_over_time", "sum_over_time"]);
                self.with(Feature::OverTime(name), level, depth - 1)
            }
            2 => {
                let name = self.chance.pick(&["rate", "increase"]);
                self.with(Feature::Counter(name), level, depth - 1)
            }
            3 => {
                let (name, inner) =
                    (self.chance.pick(&["sum", "max", "min", "count"]), self.vector(level, depth - 1));
                let pattern = format!("{name} by ({}) ($)", level.labels());
                Expression::of(Type::Vector, &pattern, vec![inner])
            }
            4 => {
                let name = self.chance.pick(&["+", "*"]);
                bracketed(self.with(Feature::Operator(name, Matching::ScalarRight), level, depth - 1))
            }
            _ => {
                let name = self.chance.pick(&["-", "+", "/"]);
                bracketed(self.with(Feature::Operator(name, Matching::On), level, depth - 1))
            }
        }
    }

    fn elementwise_of_any(&mut self, level: Level, depth: u32) -> Expression {
        let name = self.chance.pick(&["abs", "ceil", "floor", "sqrt", "sgn", "round"]);
        self.with(Feature::Elementwise(name), level, depth)
    }
}

/// When the subquery that [`Grammar::expression`] puts around expressions evaluates what is within.
pub(super) fn within_subquery(expression: &str, when: When) -> Option<When> {
    expression.strip_prefix("max_over_time(")?.strip_suffix("[4m:45s])")?;
    let (first_ms, to_ms) = match when {
        When::Instant { at_ms } => (at_ms, at_ms),
        When::Range { from_ms, to_ms, .. } => (from_ms, to_ms),
    };
    let step_ms = 45_000;
    let from_ms = ((first_ms - 240_000).div_euclid(step_ms) + 1) * step_ms;
    Some(When::Range { from_ms, to_ms, step_ms })
}

/// Whether a feature's order is its meaning; it stands outermost then.
fn is_ordering(feature: Feature) -> bool {
    matches!(feature, Feature::Labels(name) if name.starts_with("sort"))
}

fn bracketed(inner: Expression) -> Expression {
    let gives = inner.gives;
    Expression::of(gives, "($)", vec![inner])
}
