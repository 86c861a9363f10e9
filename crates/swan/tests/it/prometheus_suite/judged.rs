//! Whether the server answers what a script expects.

use kernel::{Labels, Span, Timestamp};
use promql::Histogram;
use serde_json::Value;

use super::script::check::{annotations, depends_on_the_range, refused, same};
use super::script::{Eval, Expected, Times, Written};
use crate::http::in_a_query;
use crate::swan::Swan;

/// Labels, and a value at each of some times.
type Series = (Labels, Vec<(i64, Value)>);
type ExpectedSeries = (Labels, Vec<(Timestamp, Written)>);

pub(super) fn check(swan: &Swan, eval: &Eval) -> Result<(), String> {
    let answer = match eval.times {
        Times::Instant(at) => instant(swan, &eval.expression, at),
        Times::Range { range, step } => over(swan, &eval.expression, range.start, range.end, step),
    };
    if answer["status"] != "success" {
        return refused(&eval.expected, answer["error"].as_str().unwrap_or_default());
    }
    let data = &answer["data"];
    if let Expected::Failure(_) = &eval.expected {
        return Err(format!("expected a failure, got {data}"));
    }
    let texts = |kind: &str| -> Vec<String> {
        let all = answer[kind].as_array().into_iter().flatten();
        all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    annotations(&eval.annotations, &texts("warnings"), &texts("infos"))?;
    compare(data, &eval.expected)?;
    match (eval.times, &eval.expected) {
        (Times::Instant(at), Expected::Series(expected))
            if data["resultType"] == "vector" && !depends_on_the_range(&eval.expression) =>
        {
            in_a_range(swan, eval, at, &expected.series).map_err(|why| format!("as a range: {why}"))
        }
        _ => Ok(()),
    }
}

fn instant(swan: &Swan, expression: &str, at: Timestamp) -> Value {
    swan.get(&format!("/api/v1/query?query={}&time={}", in_a_query(expression), secs(at))).json()
}

fn over(swan: &Swan, expression: &str, start: Timestamp, end: Timestamp, step: Span) -> Value {
    let (query, step) = (in_a_query(expression), step.as_millis() as f64 / 1000.0);
    let range = format!("start={}&end={}&step={step}", secs(start), secs(end));
    swan.get(&format!("/api/v1/query_range?query={query}&{range}")).json()
}

fn secs(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

/// An instant query gives what it gives as the middle step of a range, too.
fn in_a_range(swan: &Swan, eval: &Eval, at: Timestamp, expected: &[ExpectedSeries]) -> Result<(), String> {
    let minute = Span::from_mins(1);
    let answer = over(swan, &eval.expression, at - minute, at + minute, minute);
    if answer["status"] != "success" {
        return Err(answer["error"].to_string());
    }
    let mut found = series(&answer["data"]["result"]);
    found.iter_mut().for_each(|(_, points)| points.retain(|(point, _)| *point == at.as_millis()));
    found.retain(|(_, points)| !points.is_empty());
    compare_series(&found, expected, false)
}

fn compare(data: &Value, expected: &Expected) -> Result<(), String> {
    let result = &data["result"];
    match (data["resultType"].as_str(), expected) {
        (Some("scalar"), Expected::Scalar(expected)) => same(number(&result[1])?, *expected),
        (Some("string"), Expected::Text(expected)) if result[1] == **expected => Ok(()),
        (Some(kind @ ("vector" | "matrix")), Expected::Series(expected)) => {
            let is_ordered = expected.is_ordered && kind == "vector";
            compare_series(&series(result), &expected.series, is_ordered)
        }
        _ => Err(format!("the result is of another type: {data}")),
    }
}

/// Floats and histograms of each series.
fn series(result: &Value) -> Vec<Series> {
    let all = result.as_array().into_iter().flatten();
    all.map(|one| {
        let pairs = one["metric"].as_object().into_iter().flatten();
        let pairs = pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        let labels = Labels::new(pairs).unwrap();
        let single = ["value", "histogram"].iter().filter_map(|key| one.get(key));
        let many = ["values", "histograms"].iter().filter_map(|key| one[key].as_array()).flatten();
        let at = |pair: &Value| (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
        (labels, single.chain(many).map(|pair| (at(pair), pair[1].clone())).collect())
    })
    .collect()
}

fn compare_series(found: &[Series], expected: &[ExpectedSeries], is_ordered: bool) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("expected {} series, got {found:?}", expected.len()));
    }
    for (index, (labels, points)) in expected.iter().enumerate() {
        let is_same = |one: &&Series| one.0 == *labels;
        let candidate =
            if is_ordered { found.get(index).filter(is_same) } else { found.iter().find(is_same) };
        let (_, found) = candidate.ok_or_else(|| format!("no {labels} at its place in {found:?}"))?;
        compare_points(found, points).map_err(|why| format!("{labels}: {why}; got {found:?}"))?;
    }
    Ok(())
}

fn compare_points(found: &[(i64, Value)], expected: &[(Timestamp, Written)]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("expected {} points", expected.len()));
    }
    for (at, value) in expected {
        let point = found.iter().find(|(point, _)| *point == at.as_millis());
        let (_, point) = point.ok_or_else(|| format!("nothing at {at}"))?;
        match value {
            Written::Omitted => {}
            Written::Float(expected) => same(number(point)?, *expected)?,
            Written::Histogram(expected, _) => same_histogram(point, expected)?,
        }
    }
    Ok(())
}

/// Count, sum, and every bucket that holds something, by how its bounds belong to it.
fn same_histogram(found: &Value, expected: &Histogram) -> Result<(), String> {
    same(number(&found["count"])?, expected.count)?;
    same(number(&found["sum"])?, expected.sum)?;
    let buckets: Vec<&Value> = found["buckets"].as_array().into_iter().flatten().collect();
    let expected: Vec<_> = expected.buckets().filter(|bucket| bucket.count != 0.0).collect();
    if buckets.len() != expected.len() {
        return Err(format!("expected the buckets {expected:?}"));
    }
    for (found, expected) in buckets.iter().zip(&expected) {
        let bounds = match (expected.has_lower, expected.has_upper) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        };
        if found[0] != bounds {
            return Err(format!("other bounds belong to {found}, expected {expected}"));
        }
        let numbers = [expected.lower, expected.upper, expected.count];
        for (place, expected) in numbers.into_iter().enumerate() {
            same(number(&found[place + 1])?, expected)?;
        }
    }
    Ok(())
}

fn number(value: &Value) -> Result<f64, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is no number in quotes"))?;
    match text {
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        other => other.parse().map_err(|_| format!("`{other}` is no number")),
    }
}
