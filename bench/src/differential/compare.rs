//! What two servers say to one query, and whether it is the same.

use std::collections::BTreeMap;

use serde_json::Value;

/// How far two floats may be apart, in units of the last place of the larger one: sums are exact in the data, but
/// deviations, slopes and quantiles are computed in an order of one's own.
const ULPS_MAX: f64 = 64.0;

/// Labels, and what there is under them.
pub(super) type Series = (String, Vec<Point>);

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Refused(String),
    Result { kind: String, series: Vec<Series>, is_empty: bool },
}

#[derive(Debug, Clone)]
pub(super) struct Point {
    at: String,
    value: Held,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Held {
    Float(f64),
    Text(String),
    /// Numbers of a histogram in order: count, sum, and four of each bucket.
    Histogram(Vec<f64>),
}

/// How far two floats may be apart that were rounded differently, relative to the larger one.
const ROUNDING_MAX: f64 = 1e-11;
/// By how much less a rate may be that is not carried on to below zero: of two samples that are as far apart as the
/// first is from the start of the range, and the last from its end.
const SCALED_MIN: f64 = 0.3;

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

    /// What instants say, as a range says it.
    pub(super) fn joined(instants: Vec<Self>) -> Self {
        let mut joined: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        for instant in instants {
            match instant {
                Self::Refused(why) => return Self::Refused(why),
                Self::Result { series, .. } => {
                    series.into_iter().for_each(|(labels, points)| {
                        joined.entry(labels).or_default().extend(points);
                    });
                }
            }
        }
        let kind = "matrix".to_owned();
        Self::Result { is_empty: joined.is_empty(), kind, series: joined.into_iter().collect() }
    }

    pub(super) const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Result { is_empty: true, .. })
    }
}

fn one_series(series: &Value) -> Series {
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
    compare_but(theirs, ours, ordered, |_, _| false)
}

/// Whether a value of the peer and one of Swan may differ as they do.
pub(super) type Allowed = fn(&Held, &Held) -> bool;

/// As [`compare`], but for values that may differ.
pub(super) fn compare_but(theirs: &Said, ours: &Said, ordered: bool, allowed: Allowed) -> Verdict {
    match (theirs, ours) {
        (Said::Refused(_), Said::Refused(_)) => Verdict::Same,
        (Said::Refused(why), _) => Verdict::Different(format!("the peer refuses: {why}")),
        (_, Said::Refused(why)) => Verdict::Different(format!("Swan refuses: {why}")),
        (Said::Result { kind: a, series: theirs, .. }, Said::Result { kind: b, series: ours, .. }) => {
            if a != b {
                return Verdict::Different(format!("the peer gives a {a}, Swan a {b}"));
            }
            if ordered {
                return compare_in_order(theirs, ours, allowed);
            }
            compare_sets(theirs, ours, allowed)
        }
    }
}

/// Equal values may stand in any order; the values themselves may not.
fn compare_in_order(theirs: &[Series], ours: &[Series], allowed: Allowed) -> Verdict {
    for (index, (a, b)) in theirs.iter().zip(ours).enumerate() {
        if let (Some(a), Some(b)) = (a.1.first(), b.1.first())
            && !alike(&a.value, &b.value)
            && !allowed(&a.value, &b.value)
        {
            return Verdict::Different(format!(
                "place {index}: the peer has {:?}, Swan {:?}",
                a.value, b.value
            ));
        }
    }
    compare_sets(theirs, ours, allowed)
}

fn compare_sets(theirs: &[Series], ours: &[Series], allowed: Allowed) -> Verdict {
    let by_labels = |all: &[Series]| -> BTreeMap<String, Vec<Point>> { all.iter().cloned().collect() };
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
        if let Some(difference) = different_points(theirs, ours, allowed) {
            return Verdict::Different(format!("{labels} {difference}"));
        }
    }
    Verdict::Same
}

fn different_points(theirs: &[Point], ours: &[Point], allowed: Allowed) -> Option<String> {
    if theirs.len() != ours.len() {
        return Some(format!("has {} points of the peer, {} of Swan", theirs.len(), ours.len()));
    }
    theirs.iter().zip(ours).find_map(|(a, b)| {
        let is_at = a.at.trim_end_matches(".0") == b.at.trim_end_matches(".0");
        let same = is_at && (alike(&a.value, &b.value) || allowed(&a.value, &b.value));
        (!same).then(|| format!("at {}: the peer has {:?}, Swan at {} {:?}", a.at, a.value, b.at, b.value))
    })
}

fn alike(a: &Held, b: &Held) -> bool {
    match (a, b) {
        (Held::Float(a), Held::Float(b)) => near(*a, *b),
        (Held::Text(a), Held::Text(b)) => a == b,
        (Held::Histogram(a), Held::Histogram(b)) => {
            let fits = |(place, (a, b)): (usize, (&f64, &f64))| a == b || (is_count(place) && near(*a, *b));
            a.len() == b.len() && a.iter().zip(b).enumerate().all(fits)
        }
        _ => false,
    }
}

/// Whether a number of a histogram is one that is calculated: count and sum are, then of each bucket its count, but
/// neither how its ends belong to it nor its bounds.
const fn is_count(place: usize) -> bool {
    place < 2 || (place - 2) % 4 == 3
}

/// The last places differ; in a histogram, those of its largest number. A bucket that holds so little is none.
pub(super) fn is_rounding(theirs: &Held, ours: &Held) -> bool {
    let near = |a: f64, b: f64, largest: f64| a == b || (a - b).abs() <= ROUNDING_MAX * largest;
    match (theirs, ours) {
        (Held::Float(a), Held::Float(b)) => near(*a, *b, a.abs().max(b.abs())),
        (Held::Histogram(a), Held::Histogram(b)) => {
            let largest = a.iter().chain(b).fold(0.0_f64, |largest, one| largest.max(one.abs()));
            let (a, b) = (populated(a, largest), populated(b, largest));
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| near(*a, *b, largest))
        }
        _ => false,
    }
}

/// Without the buckets that hold next to nothing beside the largest number.
fn populated(numbers: &[f64], largest: f64) -> Vec<f64> {
    let (head, buckets) = numbers.split_at(2);
    let kept = buckets.chunks(4).filter(|bucket| bucket[3].abs() > ROUNDING_MAX * largest);
    head.iter().chain(kept.flatten()).copied().collect()
}

/// The peer alone has NaN.
pub(super) fn is_nan_of_peer(theirs: &Held, ours: &Held) -> bool {
    matches!((theirs, ours), (Held::Float(a), Held::Float(b)) if a.is_nan() && !b.is_nan())
}

/// Swan alone has NaN.
pub(super) fn is_nan_of_swan(theirs: &Held, ours: &Held) -> bool {
    is_nan_of_peer(ours, theirs)
}

/// Both have a histogram of which nothing is left but NaN, in more or fewer of the buckets that were empty.
pub(super) fn is_all_nan(theirs: &Held, ours: &Held) -> bool {
    let of_nan = |held: &Held| matches!(held, Held::Histogram(all) if all[0].is_nan() && all[1].is_nan());
    of_nan(theirs) && of_nan(ours)
}

/// Swan has a part of what the peer has, of a rate's count or sum.
pub(super) fn is_part(theirs: &Held, ours: &Held) -> bool {
    matches!((theirs, ours), (Held::Float(a), Held::Float(b)) if (SCALED_MIN..=1.0).contains(&(b / a)))
}

/// The counts and the sum of Swan's histogram are all the same part of the peer's, and its buckets the same.
pub(super) fn is_scaled_down(theirs: &Held, ours: &Held) -> bool {
    match (theirs, ours) {
        (Held::Histogram(a), Held::Histogram(b)) if a.len() == b.len() => {
            let part = b[0] / a[0];
            let fits = |(place, (a, b)): (usize, (&f64, &f64))| {
                near(if is_count(place) { a * part } else { *a }, *b)
            };
            (SCALED_MIN..=1.0).contains(&part) && a.iter().zip(b).enumerate().all(fits)
        }
        _ => false,
    }
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= ULPS_MAX * f64::EPSILON * a.abs().max(b.abs())
}
