//! A range query gives at each of its steps what an instant query gives there, for any expression and any data.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

use kernel::{Labels, Rng, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{Engine, METRIC_NAME, Plan, QueryResult, STALE_NAN, TimeRange, never_cancelled};

const STEPS: i64 = 12;
const SEEDS: u64 = 3000;

/// Series of three metrics with gaps, staleness markers, counter resets, and values that are no numbers.
fn data(rng: &mut Rng) -> InMemory {
    let mut source = InMemory::new();
    for metric in ["a", "b", "c_bucket"] {
        for job in ["x", "y"] {
            for instance in ["1", "2", "3"] {
                if rng.chance(250) {
                    continue;
                }
                let le = ["0.1", "1", "+Inf"][rng.below(3) as usize];
                let mut pairs = vec![(METRIC_NAME, metric), ("job", job), ("instance", instance)];
                if metric == "c_bucket" {
                    pairs.push(("le", le));
                }
                let labels = Labels::new(pairs).unwrap();
                push_samples(rng, &mut source, &labels);
            }
        }
    }
    source
}

fn push_samples(rng: &mut Rng, source: &mut InMemory, labels: &Labels) {
    let (mut at, mut value) = (rng.below(60_000) as i64, rng.below(10) as f64);
    while at < 15 * 60_000 {
        let sample = match rng.below(40) {
            0 => STALE_NAN,
            1 => f64::NAN,
            2 => f64::INFINITY,
            _ => value,
        };
        source.push(labels, Timestamp::from_millis(at), sample);
        value = if rng.chance(100) { 0.0 } else { value + rng.below(5) as f64 };
        at += if rng.chance(50) { 400_000 } else { 15_000 + rng.below(30_000) as i64 };
    }
}

fn pick<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    rng.pick(of).copied().unwrap()
}

fn selector(rng: &mut Rng) -> String {
    pick(
        rng,
        &[
            "a",
            "b",
            "a{job=\"x\"}",
            "b{instance!=\"1\"}",
            "{__name__=~\"a|b\"}",
            "{job=~\"x|z\",instance=\"2\"}",
            "c_bucket",
            "missing",
        ],
    )
    .to_owned()
}

fn offset(rng: &mut Rng) -> &'static str {
    pick(rng, &["", "", "", " offset 1m", " offset -90s"])
}

fn scalar(rng: &mut Rng, depth: u32) -> String {
    match rng.below(if depth == 0 { 3 } else { 6 }) {
        0 => pick(rng, &["0", "1", "2", "0.5", "-1"]).to_owned(),
        1 => "NaN".to_owned(),
        2 => "time()".to_owned(),
        3 => format!("scalar({})", vector(rng, depth - 1)),
        4 => format!("({} % {})", scalar(rng, depth - 1), scalar(rng, depth - 1)),
        _ => format!("({} >= bool {})", scalar(rng, depth - 1), scalar(rng, depth - 1)),
    }
}

fn over_range(rng: &mut Rng, depth: u32) -> String {
    let range = pick(rng, &["30s", "1m", "5m", "13m"]);
    let window = format!("{}[{range}]{}", selector(rng), offset(rng));
    let function = pick(
        rng,
        &[
            "rate",
            "increase",
            "delta",
            "irate",
            "idelta",
            "avg_over_time",
            "min_over_time",
            "max_over_time",
            "sum_over_time",
            "count_over_time",
            "last_over_time",
            "first_over_time",
            "present_over_time",
            "absent_over_time",
            "stddev_over_time",
            "stdvar_over_time",
            "changes",
            "resets",
            "deriv",
            "quantile_over_time",
            "predict_linear",
        ],
    );
    match function {
        "quantile_over_time" => format!("{function}({}, {window})", scalar(rng, depth.min(1))),
        "predict_linear" => format!("{function}({window}, {})", scalar(rng, depth.min(1))),
        _ => format!("{function}({window})"),
    }
}

fn vector(rng: &mut Rng, depth: u32) -> String {
    if depth == 0 {
        let leaf = format!("{}{}", selector(rng), offset(rng));
        return if rng.chance(500) { leaf } else { over_range(rng, 0) };
    }
    let below = depth - 1;
    match rng.below(10) {
        0 => over_range(rng, depth),
        1 => format!("-{}", vector(rng, below)),
        2 => {
            let function = pick(rng, &["abs", "ceil", "sgn", "absent", "timestamp", "sort", "sqrt", "round"]);
            format!("{function}({})", vector(rng, below))
        }
        3 => format!("clamp({}, {}, {})", vector(rng, below), scalar(rng, below), scalar(rng, below)),
        4 | 5 => aggregate(rng, depth),
        6 => {
            let operator = pick(rng, &["+", "-", "*", "/", "%", "^", "==", "!=", ">", "< bool"]);
            if rng.chance(500) {
                format!("({} {operator} {})", vector(rng, below), scalar(rng, below))
            } else {
                format!("({} {operator} {})", scalar(rng, below), vector(rng, below))
            }
        }
        7 => {
            let operator = pick(rng, &["+", "/", "> bool", "<=", "=="]);
            let matching = pick(
                rng,
                &[
                    "",
                    "on(job, instance)",
                    "ignoring(instance)",
                    "on(job) group_left()",
                    "on(instance) group_right(job)",
                    "ignoring(job) group_left(job)",
                ],
            );
            format!("({} {operator} {matching} {})", vector(rng, below), vector(rng, below))
        }
        8 => {
            let operator = pick(rng, &["and", "or", "unless"]);
            let matching = pick(rng, &["", "on(job)", "on()", "ignoring(instance)"]);
            format!("({} {operator} {matching} {})", vector(rng, below), vector(rng, below))
        }
        _ => match rng.below(3) {
            0 => format!("histogram_quantile({}, {})", scalar(rng, below), vector(rng, below)),
            1 => format!("label_replace({}, \"job\", \"$1\", \"instance\", \"([12])\")", vector(rng, below)),
            _ => format!("vector({})", scalar(rng, below)),
        },
    }
}

fn aggregate(rng: &mut Rng, depth: u32) -> String {
    let grouping =
        pick(rng, &["", " by (job)", " without (instance)", " by (job, instance, le)", " by (__name__)"]);
    let of = vector(rng, depth - 1);
    match rng.below(4) {
        0 => format!("topk{grouping}({}, {of})", scalar(rng, depth.min(1))),
        1 => format!("quantile{grouping}({}, {of})", scalar(rng, depth.min(1))),
        2 => format!(
            "{}{grouping}({of})",
            pick(rng, &["bottomk", "count_values"])
                .replace("bottomk", "group")
                .replace("count_values", "count")
        ),
        _ => format!("{}{grouping}({of})", pick(rng, &["sum", "avg", "min", "max", "stddev", "stdvar"])),
    }
}

fn is_same(a: f64, b: f64) -> bool {
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
            let series = matrix.iter().find(|(other, _)| *other == labels);
            let point = series.and_then(|(_, points)| points.iter().find(|(point, _)| *point == at));
            let Some((_, found)) = point else {
                panic!("seed {seed}: {text} has no {labels} at {at} as a range")
            };
            assert!(is_same(*found, value), "seed {seed}: {text}: {labels} at {at}: {found} and {value}");
        }
    }
    let ranged: usize = matrix.iter().map(|(_, points)| points.len()).sum();
    assert_eq!(ranged, points, "seed {seed}: {text} has other points as a range");
    points > 0
}

#[test]
fn a_range_query_gives_at_each_step_what_an_instant_query_gives() {
    let with_points = (0..SEEDS).filter(|seed| check(*seed)).count();
    assert!(with_points as u64 > SEEDS / 3, "only {with_points} expressions of {SEEDS} gave anything");
}
