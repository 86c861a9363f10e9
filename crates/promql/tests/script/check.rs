//! Whether the engine gives what a statement expects.

use kernel::{Labels, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{
    Buckets, Engine, Histogram, Plan, Points, QueryResult, Settings, TimeRange, Value, When, never_cancelled,
};

use super::{Eval, Expectation, Expected, ExpectedSeries, Text, Times, Written};

/// The settings under which Prometheus runs its scripts.
const SETTINGS: Settings = Settings { type_and_unit_labels: false, ..Settings::ALL };

pub(crate) fn check(eval: &Eval, source: &InMemory) -> Result<(), String> {
    let plan = match Plan::parse_with(&eval.expression, SETTINGS) {
        Ok(plan) => plan,
        Err(refusal) => return refused(&eval.expected, &refusal.to_string()),
    };
    is_printed_alike(&plan)?;
    let when = match eval.times {
        Times::Instant(at) => When::Instant(at),
        Times::Range { range, step } => When::Range { range, step },
    };
    let answer = match Engine::default().answer(&plan, source, when, &never_cancelled) {
        Ok(answer) => answer,
        Err(error) => return refused(&eval.expected, &error.to_string()),
    };
    if let Expected::Failure(_) = &eval.expected {
        return Err(format!("expected a failure, got {:?}", answer.result));
    }
    let (warnings, infos) =
        (answer.annotations.warnings(&eval.expression), answer.annotations.infos(&eval.expression));
    annotations(&eval.annotations, &warnings, &infos)?;
    compare(&answer.result, &eval.expected)?;
    match (eval.times, &eval.expected) {
        (Times::Instant(at), Expected::Series(expected)) if is_vector(&answer.result) => {
            in_a_range(&plan, source, at, expected)
        }
        _ => Ok(()),
    }
}

/// A refusal of a query that has no meaning is worded by us; one of the data is worded by Prometheus.
pub(crate) fn refused(expected: &Expected, message: &str) -> Result<(), String> {
    match expected {
        Expected::Failure(None) => Ok(()),
        Expected::Failure(Some(text)) => {
            let is_contained = matches!(text, Text::Exact(exact) if message.contains(exact.as_str()));
            if is_contained || text.matches(message) {
                Ok(())
            } else {
                Err(format!("refused with `{message}`"))
            }
        }
        _ => Err(format!("refused: {message}")),
    }
}

fn is_printed_alike(plan: &Plan) -> Result<(), String> {
    for printed in [plan.normal_form(), plan.format()] {
        let again = Plan::parse_with(&printed, SETTINGS)
            .map_err(|error| format!("printed as `{printed}`: {error}"))?;
        if again.normal_form() != plan.normal_form() {
            return Err(format!("printed as `{printed}`, which is `{}`", again.normal_form()));
        }
    }
    Ok(())
}

fn is_vector(result: &QueryResult) -> bool {
    matches!(result, QueryResult::Vector(_))
}

/// Whether there are the annotations that are expected, and no others where any are.
pub(crate) fn annotations(
    expected: &[Expectation],
    warnings: &[String],
    infos: &[String],
) -> Result<(), String> {
    let mut texts: [Vec<&Text>; 2] = [Vec::new(), Vec::new()];
    for expectation in expected {
        let (found, text, kind) = match expectation {
            Expectation::NoWarning if !warnings.is_empty() => return Err(format!("warned: {warnings:?}")),
            Expectation::NoInfo if !infos.is_empty() => return Err(format!("informed: {infos:?}")),
            Expectation::NoWarning | Expectation::NoInfo => continue,
            Expectation::Warning(text) => (warnings, text, 0),
            Expectation::Info(text) => (infos, text, 1),
        };
        let is_found =
            text.as_ref().map_or(!found.is_empty(), |text| found.iter().any(|one| text.matches(one)));
        if !is_found {
            return Err(format!("an annotation is missing among {found:?}"));
        }
        match text {
            Some(text) => texts[kind].push(text),
            None => return Ok(()),
        }
    }
    for (texts, found) in texts.iter().zip([warnings, infos]) {
        if let Some(other) =
            found.iter().find(|one| !texts.is_empty() && !texts.iter().any(|t| t.matches(one)))
        {
            return Err(format!("not expected: {other}"));
        }
    }
    Ok(())
}

/// Whether an expression speaks of the range itself.
pub(crate) fn depends_on_the_range(expression: &str) -> bool {
    ["start()", "end()", "range()", "step()"].iter().any(|word| expression.contains(word))
}

/// An instant query gives what it gives as the middle step of a range, too.
fn in_a_range(
    plan: &Plan,
    source: &InMemory,
    at: Timestamp,
    expected: &ExpectedSeries,
) -> Result<(), String> {
    if depends_on_the_range(plan.text()) {
        return Ok(());
    }
    let minute = Span::from_mins(1);
    let range = TimeRange::new(at - minute, at + minute);
    let matrix = Engine::default().range(plan, source, range, minute, &never_cancelled);
    let QueryResult::Matrix(mut all) = matrix.map_err(|error| format!("as a range: {error}"))? else {
        return Err("a range query gave no matrix".to_owned());
    };
    for points in &mut all {
        points.floats.retain(|(point, _)| *point == at);
        points.histograms.retain(|(point, _)| *point == at);
    }
    all.retain(|points| !points.floats.is_empty() || !points.histograms.is_empty());
    compare_series(&all, &expected.series, false).map_err(|why| format!("as a range: {why}"))
}

fn compare(result: &QueryResult, expected: &Expected) -> Result<(), String> {
    match (result, expected) {
        (QueryResult::Scalar(_, value), Expected::Scalar(expected)) => same(*value, *expected),
        (QueryResult::String(_, text), Expected::Text(expected)) if text == expected => Ok(()),
        (QueryResult::Vector(samples), Expected::Series(expected)) => {
            let found = samples.iter().map(|(labels, at, value)| {
                let mut points = Points { labels: labels.clone(), ..Points::default() };
                match value {
                    Value::Float(value) => points.floats.push((*at, *value)),
                    Value::Histogram(histogram) => points.histograms.push((*at, histogram.clone())),
                }
                points
            });
            compare_series(&found.collect::<Vec<_>>(), &expected.series, expected.is_ordered)
        }
        (QueryResult::Matrix(found), Expected::Series(expected)) => {
            compare_series(found, &expected.series, false)
        }
        _ => Err(format!("the result is of another type: {result:?}")),
    }
}

type ExpectedPoints = (Labels, Vec<(Timestamp, Written)>);

fn compare_series(found: &[Points], expected: &[ExpectedPoints], is_ordered: bool) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("expected {} series, got {found:?}", expected.len()));
    }
    for (index, (labels, points)) in expected.iter().enumerate() {
        let is_same = |points: &&Points| points.labels == *labels;
        let candidate =
            if is_ordered { found.get(index).filter(is_same) } else { found.iter().find(is_same) };
        let found = candidate.ok_or_else(|| format!("no {labels} at its place in {found:?}"))?;
        compare_points(found, points).map_err(|why| format!("{labels}: {why}; got {found:?}"))?;
    }
    Ok(())
}

fn compare_points(found: &Points, expected: &[(Timestamp, Written)]) -> Result<(), String> {
    if found.floats.len() + found.histograms.len() != expected.len() {
        return Err(format!("expected {} points", expected.len()));
    }
    for (at, value) in expected {
        match value {
            Written::Omitted => {}
            Written::Float(expected) => {
                let point = found.floats.iter().find(|(point, _)| point == at);
                same(point.ok_or_else(|| format!("no number at {at}"))?.1, *expected)?;
            }
            Written::Histogram(expected, has_hint) => {
                let point = found.histograms.iter().find(|(point, _)| point == at);
                let found = &point.ok_or_else(|| format!("no histogram at {at}"))?.1;
                same_histogram(found, expected, *has_hint)?;
            }
        }
    }
    Ok(())
}

/// Equal, or nearly so: the scripts print rounded numbers.
pub(crate) fn same(value: f64, expected: f64) -> Result<(), String> {
    let close = (value - expected).abs() <= 1e-6 * (value.abs() + expected.abs());
    if value == expected || (value.is_nan() && expected.is_nan()) || close {
        Ok(())
    } else {
        Err(format!("{value} instead of {expected}"))
    }
}

fn same_histogram(found: &Histogram, expected: &Histogram, has_hint: bool) -> Result<(), String> {
    let differs = |what: &str| Err(format!("another {what}: expected {expected:?}"));
    if found.schema != expected.schema || found.custom_bounds != expected.custom_bounds {
        return differs("layout");
    }
    if found.zero_threshold != expected.zero_threshold {
        return differs("zero threshold");
    }
    if has_hint && found.counter_reset_hint != expected.counter_reset_hint {
        return differs("hint");
    }
    for (a, b) in
        [(found.count, expected.count), (found.sum, expected.sum), (found.zero_count, expected.zero_count)]
    {
        same(a, b)?;
    }
    for (a, b) in [(&found.positive, &expected.positive), (&found.negative, &expected.negative)] {
        let (a, b) = (populated(a), populated(b));
        if a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| a.0 != b.0) {
            return differs("bucket");
        }
        a.iter().zip(&b).try_for_each(|(a, b)| same(a.1, b.1))?;
    }
    Ok(())
}

fn populated(buckets: &Buckets) -> Vec<(i32, f64)> {
    let mut index = 0;
    let mut all = Vec::new();
    let mut counts = buckets.counts.iter();
    for span in &buckets.spans {
        index += span.offset;
        for _ in 0..span.length {
            all.extend(counts.next().filter(|count| **count != 0.0).map(|count| (index, *count)));
            index += 1;
        }
    }
    all
}
