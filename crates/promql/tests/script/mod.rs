//! The text language of Prometheus's own engine tests, read and run against this engine.
//!
//! A script loads series and evaluates expressions; each `eval` is one statement with what it expects. Native
//! histograms are not supported, so a statement that would select one is counted as such, never as passed.
//! Annotations (`expect warn`, `expect info`) are not given by this engine and not judged; values are.

mod read;

use kernel::{Labels, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{Engine, Plan, QueryRefusal, QueryResult, TimeRange, never_cancelled};

pub(crate) use read::read;

/// One line of a script with what belongs to it.
pub(crate) enum Statement {
    Clear,
    Load(Vec<Loaded>),
    Eval(Eval),
}

/// A series as it is loaded: its samples, or that it is a native histogram.
pub(crate) struct Loaded {
    pub(crate) labels: Labels,
    pub(crate) samples: Vec<(Timestamp, f64)>,
    pub(crate) is_native: bool,
}

pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) expression: String,
    pub(crate) times: Times,
    pub(crate) expected: Expected,
    pub(crate) mentions_native: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Times {
    Instant(Timestamp),
    Range { range: TimeRange, step: Span },
}

pub(crate) enum Expected {
    /// With a part of the message, where one is given.
    Failure(Option<String>),
    Scalar(f64),
    Text(String),
    Series {
        series: Vec<(Labels, Vec<(Timestamp, f64)>)>,
        ordered: bool,
    },
}

/// What became of a script's statements.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) not_supported: Vec<String>,
    pub(crate) failed: Vec<String>,
}

enum Outcome {
    Passed,
    NotSupported(String),
    Failed(String),
}

/// Runs the statements in order.
pub(crate) fn run(statements: Vec<Statement>) -> Tally {
    let (mut source, mut natives, mut tally) = (InMemory::new(), Vec::new(), Tally::default());
    for statement in statements {
        match statement {
            Statement::Clear => {
                source = InMemory::new();
                natives.clear();
            }
            Statement::Load(all) => {
                for loaded in all {
                    if loaded.is_native {
                        natives.push(loaded.labels);
                        continue;
                    }
                    for (at, value) in loaded.samples {
                        source.push(&loaded.labels, at, value);
                    }
                }
            }
            Statement::Eval(eval) => {
                let shown = |why: String| format!("line {}: {}\n    {why}", eval.line, eval.expression);
                match evaluate(&eval, &source, &natives) {
                    Outcome::Passed => tally.passed += 1,
                    Outcome::NotSupported(why) => tally.not_supported.push(shown(why)),
                    Outcome::Failed(why) => tally.failed.push(shown(why)),
                }
            }
        }
    }
    tally
}

fn evaluate(eval: &Eval, source: &InMemory, natives: &[Labels]) -> Outcome {
    let refused = |sentence: String| match &eval.expected {
        Expected::Failure(Some(part)) if !sentence.contains(part) => {
            Outcome::Failed(format!("refused with `{sentence}` instead of `{part}`"))
        }
        Expected::Failure(_) => Outcome::Passed,
        _ => Outcome::Failed(format!("refused: {sentence}")),
    };
    let plan = match Plan::parse(&eval.expression) {
        Ok(plan) => plan,
        Err(refusal @ QueryRefusal::NotSupported { .. }) => {
            return Outcome::NotSupported(refusal.to_string());
        }
        Err(refusal) => return refused(refusal.to_string()),
    };
    let selects_native = plan.selectors().iter().any(|selector| {
        natives.iter().any(|labels| selector.matchers.iter().all(|matcher| matcher.matches_labels(labels)))
    });
    if eval.mentions_native || selects_native {
        return Outcome::NotSupported("native histograms".to_owned());
    }
    let engine = Engine::default();
    let result = match eval.times {
        Times::Instant(at) => engine.instant(&plan, source, at, &never_cancelled),
        Times::Range { range, step } => engine.range(&plan, source, range, step, &never_cancelled),
    };
    match (result, &eval.expected) {
        (Err(error), _) => refused(error.to_string()),
        (Ok(result), Expected::Failure(_)) => Outcome::Failed(format!("should fail, and gave {result:?}")),
        (Ok(result), expected) => {
            let as_range = |()| also_as_range(&engine, &plan, source, &result, expected);
            match compare(&result, expected).and_then(as_range) {
                Ok(()) => Outcome::Passed,
                Err(why) => Outcome::Failed(format!("{why}\n    gave {result:?}")),
            }
        }
    }
}

/// An instant's values are also those of a range query that passes through it.
fn also_as_range(
    engine: &Engine,
    plan: &Plan,
    source: &InMemory,
    result: &QueryResult,
    expected: &Expected,
) -> Result<(), String> {
    let (Expected::Series { series, .. }, QueryResult::Vector(samples)) = (expected, result) else {
        return Ok(());
    };
    let Some((_, at, _)) = samples.first() else { return Ok(()) };
    let minute = Span::from_mins(1);
    let range = TimeRange::new(*at - minute, *at + minute);
    let matrix = engine.range(plan, source, range, minute, &never_cancelled).map_err(|e| e.to_string())?;
    let QueryResult::Matrix(mut all) = matrix else { return Err("a range query gave no matrix".to_owned()) };
    for (_, points) in &mut all {
        points.retain(|(point, _)| point == at);
    }
    all.retain(|(_, points)| !points.is_empty());
    compare_series(&all, series, false).map_err(|why| format!("as a range query: {why}"))
}

fn compare(result: &QueryResult, expected: &Expected) -> Result<(), String> {
    match (result, expected) {
        (QueryResult::Scalar(_, value), Expected::Scalar(expected)) => same(*value, *expected),
        (QueryResult::String(_, text), Expected::Text(expected)) if text == expected => Ok(()),
        (QueryResult::Vector(samples), Expected::Series { series, ordered }) => {
            let found = samples.iter().map(|(labels, at, value)| (labels.clone(), vec![(*at, *value)]));
            compare_series(&found.collect::<Vec<_>>(), series, *ordered)
        }
        (QueryResult::Matrix(found), Expected::Series { series, .. }) => compare_series(found, series, false),
        (QueryResult::Matrix(found), Expected::Scalar(expected)) => {
            found.iter().flat_map(|(_, points)| points).try_for_each(|(_, value)| same(*value, *expected))
        }
        _ => Err("the result is of another type".to_owned()),
    }
}

fn compare_series(
    found: &[(Labels, Vec<(Timestamp, f64)>)],
    expected: &[(Labels, Vec<(Timestamp, f64)>)],
    ordered: bool,
) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("expected {} series, got {}", expected.len(), found.len()));
    }
    for (index, (labels, points)) in expected.iter().enumerate() {
        let same_labels = |(other, _): &&(Labels, Vec<(Timestamp, f64)>)| other == labels;
        let candidate =
            if ordered { found.get(index).filter(same_labels) } else { found.iter().find(same_labels) };
        let (_, values) = candidate.ok_or_else(|| format!("no {labels} at its place"))?;
        if values.len() != points.len() {
            return Err(format!("{labels}: expected {points:?}"));
        }
        for ((at, value), (expected_at, expected)) in values.iter().zip(points) {
            if at != expected_at {
                return Err(format!("{labels}: a point at {at} instead of {expected_at}"));
            }
            same(*value, *expected).map_err(|why| format!("{labels}: {why}"))?;
        }
    }
    Ok(())
}

/// Equal, or nearly so: the scripts print rounded numbers.
fn same(value: f64, expected: f64) -> Result<(), String> {
    let close = (value - expected).abs() <= 1e-6 * (value.abs() + expected.abs());
    if value == expected || (value.is_nan() && expected.is_nan()) || close {
        Ok(())
    } else {
        Err(format!("{value} instead of {expected}"))
    }
}
