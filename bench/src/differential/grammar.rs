//! Random expressions over the random series, typed so that most of them give something.
//!
//! A vector is drawn with a *level*: which labels tell its series apart. So both sides of an operator match one to one
//! where its matching needs that.

use std::collections::BTreeMap;

use super::feature::{Feature, Grouping, Matching};
use super::pair::When;
use super::tree::{Expression, Type};
use crate::chance::Chance;

/// Which labels tell the series of a vector apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
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
    pub(super) chance: Chance,
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

    pub(super) fn note(&mut self, feature: String) {
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
    pub(super) fn vector(&mut self, level: Level, depth: u32) -> Expression {
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

    fn metric(&mut self, level: Level) -> &'static str {
        match level {
            Level::Code => self.chance.pick(&["requests_total", "errors_total"]),
            Level::Instance => {
                self.chance.pick(&["temperature", "load", "temperature", "load", "ratio", "odd"])
            }
            Level::Job => "limit",
        }
    }

    pub(super) fn selector(&mut self, level: Level) -> Expression {
        let text = self.selector_text(level);
        Expression::leaf(Type::Vector, text)
    }

    fn selector_text(&mut self, level: Level) -> String {
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

    pub(super) fn window(&mut self) -> &'static str {
        self.chance.pick(&["30s", "1m", "2m", "5m", "5m", "10m", "17m30s", "45s", "1m1s"])
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

    fn shift(&mut self) -> &'static str {
        if self.chance.percent(85) {
            ""
        } else {
            self.chance.pick(&[" offset 3m", " offset 10s", " offset -2m"])
        }
    }

    fn elementwise(&mut self, name: &str, level: Level, depth: u32) -> Expression {
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

    fn calendar(&mut self, name: &str) -> Expression {
        match self.chance.below(4) {
            0 => Expression::leaf(Type::Vector, format!("{name}()")),
            1 => Expression::leaf(Type::Vector, format!("{name}(vector(time()))")),
            _ => Expression::leaf(Type::Vector, format!("{name}(born_seconds)")),
        }
    }

    fn over_time(&mut self, name: &str, level: Level, depth: u32) -> Expression {
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

    fn counter(&mut self, name: &str, level: Level, depth: u32) -> Expression {
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

    fn modifier(&mut self, name: &str, level: Level, depth: u32) -> Expression {
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

    fn aggregate(&mut self, name: &str, grouping: Grouping, depth: u32) -> Expression {
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

    /// What is the same to the last place whoever calculates it.
    fn exact(&mut self, level: Level) -> Expression {
        let metric = match level {
            Level::Instance => self.chance.pick(&["temperature", "load"]),
            _ => self.metric(level),
        };
        let pattern = self.chance.pick(&["$", "max_over_time($[5m])", "sum_over_time($[2m:15s])"]);
        Expression::of(Type::Vector, pattern, vec![Expression::leaf(Type::Vector, metric)])
    }

    fn scalar_operand(&mut self, name: &str) -> Expression {
        if name != "==" {
            return self.scalar();
        }
        Expression::leaf(Type::Scalar, self.chance.pick(&["1", "0", "1", "scalar(vector(1))"]))
    }

    fn operator(&mut self, name: &str, matching: Matching, level: Level, depth: u32) -> Expression {
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
