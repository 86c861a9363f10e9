//! The text language of Prometheus's own engine tests (`promqltest`), read and run against this engine.
//!
//! A script loads series and evaluates expressions; each `eval` is one statement with what it expects: values,
//! failures, annotations, order. Instant queries are evaluated as the middle step of a range, too, and every
//! expression is printed and parsed again.

pub(crate) mod check;
mod read;
mod series;
mod storage;

use kernel::{Labels, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{Histogram, TimeRange};

pub(crate) use check::check;
pub(crate) use read::read;

/// One line of a script with what belongs to it.
pub(crate) enum Statement {
    Clear,
    Load(Vec<Loaded>),
    Eval(Eval),
}

/// A series as it is loaded.
pub(crate) struct Loaded {
    pub(crate) labels: Labels,
    pub(crate) samples: Vec<LoadedSample>,
}

pub(crate) struct LoadedSample {
    pub(crate) at: Timestamp,
    pub(crate) start: Option<Timestamp>,
    pub(crate) value: Written,
}

/// A value as a script writes it.
#[derive(Debug, Clone)]
pub(crate) enum Written {
    Omitted,
    Float(f64),
    /// With whether the script says something of resets.
    Histogram(Histogram, bool),
}

pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) expression: String,
    pub(crate) times: Times,
    pub(crate) expected: Expected,
    pub(crate) annotations: Vec<Expectation>,
}

#[derive(Clone, Copy)]
pub(crate) enum Times {
    Instant(Timestamp),
    Range { range: TimeRange, step: Span },
}

pub(crate) enum Expected {
    Failure(Option<Text>),
    Scalar(f64),
    Text(String),
    Series(ExpectedSeries),
}

pub(crate) struct ExpectedSeries {
    pub(crate) series: Vec<(Labels, Vec<(Timestamp, Written)>)>,
    pub(crate) is_ordered: bool,
}

/// A message: all of it, or what it has to match.
pub(crate) enum Text {
    Exact(String),
    Matching(regex::Regex),
}

/// What is expected of annotations.
pub(crate) enum Expectation {
    Warning(Option<Text>),
    Info(Option<Text>),
    NoWarning,
    NoInfo,
}

/// What became of a script's statements.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: Vec<String>,
}

/// Runs the statements in order.
pub(crate) fn run(statements: Vec<Statement>) -> Tally {
    let (mut source, mut tally) = (InMemory::new(), Tally::default());
    for statement in statements {
        match statement {
            Statement::Clear => source = InMemory::new(),
            Statement::Load(all) => all.into_iter().for_each(|loaded| storage::store(&mut source, loaded)),
            Statement::Eval(eval) => match check(&eval, &source) {
                Ok(()) => tally.passed += 1,
                Err(why) => {
                    tally.failed.push(format!("line {}: {}\n    {why}", eval.line, eval.expression));
                }
            },
        }
    }
    tally
}

impl Text {
    fn matches(&self, text: &str) -> bool {
        match self {
            Text::Exact(exact) => exact == text,
            Text::Matching(regex) => regex.is_match(text),
        }
    }
}
