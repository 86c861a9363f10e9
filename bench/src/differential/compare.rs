//! What two servers say to one query, and whether it is the same.

use std::collections::BTreeMap;

use serde_json::Value;

/// How far two floats may be apart, in units of the last place of the larger one: sums are exact in the data, but
/// deviations, slopes and quantiles are computed in an order of one's own.
const ULPS_MAX: f64 = 64.0;

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Refused(String),
    Result { kind: String, series: Vec<(String, Vec<Point>)>, is_empty: bool },
}

#[derive(Debug, Clone)]
pub(super) struct Point {
    at: String,
    value: Held,
}

#[derive(Debug, Clone)]
enum Held {
    Float(f64),
    Text(String),
    /// Numbers of a histogram in order: count, sum, and four of each bucket.
    Histogram(Vec<f64>),
}

/// What stands before the reason of a difference that is one of rounding only.
pub(super) const ROUNDING: &str = "rounding: ";
/// How far two floats may be apart for that, relative to the larger one.
const ROUNDING_MAX: f64 = 1e-11;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    Same,
    Different(String),
}

impl Said {
    pub(super) fn of(answer: &Value) -> Self {
        if answer["status"] != "success" {
            return Self::Refused(answer["error"].as_str().unwrap_or("").to_owned());
        }
        let kind = answer["data"]["resultType"].as_str().unwrap_or("").to_owned();
        let result = &answer["data"]["result"];
        let series: Vec<_> = match kind.as_str() {
            "scalar" | "string" => vec![("".to_owned(), vec![point(result)])],
            _ => result.as_array().into_iter().flatten().map(one_series).collect(),
        };
        Self::Result { is_empty: series.is_empty(), kind, series }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Result { is_empty: true, .. })
    }
}

fn one_series(series: &Value) -> (String, Vec<Point>) {
    let mut points: Vec<Point> = Vec::new();
    for key in ["value", "histogram"] {
        points.extend(series.get(key).map(point));
    }
    for key in ["values", "histograms"] {
        points.extend(series[key].as_array().into_iter().flatten().map(point));
    }
    (series["metric"].to_string(), points)
}

fn point(pair: &Value) -> Point {
    Point { at: pair[0].to_string(), value: held(&pair[1]) }
}

fn held(value: &Value) -> Held {
    if let Some(text) = value.as_str() {
        return number(text).map_or_else(|| Held::Text(text.to_owned()), Held::Float);
    }
    let mut numbers: Vec<f64> = ["count", "sum"].iter().map(|name| loose(&value[*name])).collect();
    let buckets = value["buckets"].as_array().into_iter().flatten();
    numbers.extend(buckets.flat_map(|bucket| bucket.as_array().into_iter().flatten()).map(loose));
    Held::Histogram(numbers)
}

fn loose(value: &Value) -> f64 {
    value.as_f64().or_else(|| number(value.as_str()?)).unwrap_or(f64::NAN)
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        other => other.parse().ok(),
    }
}

/// Compares; where the order of an instant vector is part of its meaning, that too.
pub(super) fn compare(theirs: &Said, ours: &Said, ordered: bool) -> Verdict {
    match (theirs, ours) {
        (Said::Refused(_), Said::Refused(_)) => Verdict::Same,
        (Said::Refused(why), _) => Verdict::Different(format!("the peer refuses: {why}")),
        (_, Said::Refused(why)) => Verdict::Different(format!("Swan refuses: {why}")),
        (Said::Result { kind: a, series: theirs, .. }, Said::Result { kind: b, series: ours, .. }) => {
            if a != b {
                return Verdict::Different(format!("the peer gives a {a}, Swan a {b}"));
            }
            if ordered {
                return compare_in_order(theirs, ours);
            }
            compare_sets(theirs, ours)
        }
    }
}

/// Equal values may stand in any order; the values themselves may not.
fn compare_in_order(theirs: &[(String, Vec<Point>)], ours: &[(String, Vec<Point>)]) -> Verdict {
    for (index, (a, b)) in theirs.iter().zip(ours).enumerate() {
        if let (Some(a), Some(b)) = (a.1.first(), b.1.first())
            && !alike(&a.value, &b.value)
        {
            return Verdict::Different(format!(
                "place {index}: the peer has {:?}, Swan {:?}",
                a.value, b.value
            ));
        }
    }
    compare_sets(theirs, ours)
}

fn compare_sets(theirs: &[(String, Vec<Point>)], ours: &[(String, Vec<Point>)]) -> Verdict {
    let by_labels =
        |all: &[(String, Vec<Point>)]| -> BTreeMap<String, Vec<Point>> { all.iter().cloned().collect() };
    let (theirs, ours) = (by_labels(theirs), by_labels(ours));
    for labels in theirs.keys() {
        if !ours.contains_key(labels) {
            return Verdict::Different(format!(
                "Swan lacks {labels} (it has {}, the peer {})",
                ours.len(),
                theirs.len()
            ));
        }
    }
    for (labels, ours) in &ours {
        let Some(theirs) = theirs.get(labels) else {
            return Verdict::Different(format!("Swan alone has {labels}"));
        };
        if let Some(difference) = different_points(theirs, ours) {
            return Verdict::Different(format!("{labels} {difference}"));
        }
    }
    Verdict::Same
}

fn different_points(theirs: &[Point], ours: &[Point]) -> Option<String> {
    if theirs.len() != ours.len() {
        return Some(format!("has {} points of the peer, {} of Swan", theirs.len(), ours.len()));
    }
    theirs.iter().zip(ours).find_map(|(a, b)| {
        let same = a.at.trim_end_matches(".0") == b.at.trim_end_matches(".0") && alike(&a.value, &b.value);
        let kind = if is_rounding(&a.value, &b.value) { ROUNDING } else { "" };
        (!same)
            .then(|| format!("at {}: {kind}the peer has {:?}, Swan at {} {:?}", a.at, a.value, b.at, b.value))
    })
}

fn alike(a: &Held, b: &Held) -> bool {
    match (a, b) {
        (Held::Float(a), Held::Float(b)) => near(*a, *b),
        (Held::Text(a), Held::Text(b)) => a == b,
        (Held::Histogram(a), Held::Histogram(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(*a, *b))
        }
        _ => false,
    }
}

fn is_rounding(a: &Held, b: &Held) -> bool {
    matches!((a, b), (Held::Float(a), Held::Float(b)) if (a - b).abs() <= ROUNDING_MAX * a.abs().max(b.abs()))
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= ULPS_MAX * f64::EPSILON * a.abs().max(b.abs())
}
