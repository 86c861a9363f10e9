//! A range query gives at each of its steps what an instant query gives there, for any expression and any data.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

mod random;

use kernel::{Rng, Span, Timestamp};
use promql::{Engine, Plan, Points, QueryResult, TimeRange, Value, never_cancelled};
use random::{data, vector};

const STEPS: i64 = 12;
const SEEDS: u64 = 3000;

fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => is_near(*a, *b),
        (Value::Histogram(a), Value::Histogram(b)) => {
            let buckets = a.buckets().zip(b.buckets());
            let alike = buckets.into_iter().all(|(a, b)| a.lower == b.lower && is_near(a.count, b.count));
            alike && a.schema == b.schema && is_near(a.count, b.count) && is_near(a.sum, b.sum)
        }
        _ => false,
    }
}

fn is_near(a: f64, b: f64) -> bool {
    // Sums may differ in the last digits, because series that are merged come in another order.
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (a.abs() + b.abs())
}

fn check(seed: u64) -> bool {
    let mut rng = Rng::new(seed);
    let source = data(&mut rng);
    let text = vector(&mut rng, 3);
    let plan = Plan::parse(&text).unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}"));
    let engine = Engine { lookback: Span::from_mins(2), ..Engine::default() };
    let start = Timestamp::from_millis(rng.below(600_000) as i64);
    let step = Span::from_millis(1 + rng.below(120_000) as i64);
    let range = TimeRange::new(start, start + step.times(STEPS - 1));
    let matrix = engine.range(&plan, &source, range, step, &never_cancelled);
    let instants: Vec<_> =
        (0..STEPS).map(|i| engine.instant(&plan, &source, start + step.times(i), &never_cancelled)).collect();
    let matrix = match matrix {
        Ok(QueryResult::Matrix(matrix)) => matrix,
        Ok(other) => panic!("seed {seed}: {text} gave {other:?}"),
        // A function of ranges refuses the same labels twice, even where no step has both.
        Err(error) if error.to_string().ends_with("the same labelset") => return false,
        Err(error) => {
            assert!(
                instants.iter().any(Result::is_err),
                "seed {seed}: {text} fails as a range only: {error}"
            );
            return false;
        }
    };
    let mut points = 0;
    for instant in instants {
        let samples = match instant {
            Ok(QueryResult::Vector(samples)) => samples,
            other => panic!("seed {seed}: {text} succeeds as a range, but at an instant gives {other:?}"),
        };
        points += samples.len();
        for (labels, at, value) in samples {
            let series = matrix.iter().find(|points| points.labels == labels);
            let found = series.and_then(|points| value_at(points, at));
            let Some(found) = found else { panic!("seed {seed}: {text} has no {labels} at {at} as a range") };
            assert!(
                is_same(&found, &value),
                "seed {seed}: {text}: {labels} at {at}: {found:?} and {value:?}"
            );
        }
    }
    let ranged: usize = matrix.iter().map(|points| points.floats.len() + points.histograms.len()).sum();
    assert_eq!(ranged, points, "seed {seed}: {text} has other points as a range");
    points > 0
}

fn value_at(points: &Points, at: Timestamp) -> Option<Value> {
    let float = points.floats.iter().find(|(point, _)| *point == at);
    let histogram = points.histograms.iter().find(|(point, _)| *point == at);
    float
        .map(|(_, value)| Value::Float(*value))
        .or(histogram.map(|(_, histogram)| Value::Histogram(histogram.clone())))
}

#[test]
fn a_range_query_gives_at_each_step_what_an_instant_query_gives() {
    let with_points = (0..SEEDS).filter(|seed| check(*seed)).count();
    assert!(with_points as u64 > SEEDS / 3, "only {with_points} expressions of {SEEDS} gave anything");
}
