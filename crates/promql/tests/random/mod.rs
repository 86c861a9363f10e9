//! Random data and random expressions over it.

use kernel::{Labels, Rng, Timestamp};
use promql::in_memory::InMemory;
use promql::{BucketSpan, Buckets, CounterResetHint, Histogram, METRIC_NAME, STALE_NAN};

/// Series of four metrics with gaps, staleness markers, counter resets, and values that are no numbers; those of `h`
/// are native histograms, with floats between them.
pub(crate) fn data(rng: &mut Rng) -> InMemory {
    let mut source = InMemory::new();
    for metric in ["a", "b", "c_bucket", "h"] {
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
                match metric {
                    "h" => push_histograms(rng, &mut source, &labels),
                    _ => push_samples(rng, &mut source, &labels),
                }
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

fn push_histograms(rng: &mut Rng, source: &mut InMemory, labels: &Labels) {
    let mut at = rng.below(60_000) as i64;
    let (mut schema, mut counts) = (rng.below(3) as i8, [0.0; 6]);
    while at < 15 * 60_000 {
        if rng.chance(50) {
            source.push(labels, Timestamp::from_millis(at), rng.below(9) as f64);
        } else {
            if rng.chance(100) {
                (schema, counts) = (rng.below(3) as i8, [0.0; 6]);
            }
            counts.iter_mut().for_each(|count| *count += rng.below(4) as f64);
            let histogram = histogram(rng, schema, &counts);
            source.push_histogram(labels, Timestamp::from_millis(at), histogram, None);
        }
        at += if rng.chance(50) { 400_000 } else { 15_000 + rng.below(30_000) as i64 };
    }
}

/// The counts: one of the zero bucket, two below it, three above it.
fn histogram(rng: &mut Rng, schema: i8, counts: &[f64; 6]) -> Histogram {
    let span = |offset, length| vec![BucketSpan { offset, length }];
    Histogram {
        counter_reset_hint: CounterResetHint::Unknown,
        schema,
        zero_threshold: 0.001,
        zero_count: counts[0],
        count: counts.iter().sum(),
        sum: if rng.chance(20) {
            f64::from_bits(promql::STALE_NAN_BITS)
        } else {
            counts[1] + 2.5 * counts[5]
        },
        positive: Buckets { spans: span(-1, 3), counts: counts[3..].to_vec() },
        negative: Buckets { spans: span(0, 2), counts: counts[1..3].to_vec() },
        custom_bounds: Default::default(),
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
            "h",
            "h{job=\"y\"}",
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

/// An expression with a vector as its value, at most so many levels deep.
pub(crate) fn vector(rng: &mut Rng, depth: u32) -> String {
    if depth == 0 {
        let leaf = format!("{}{}", selector(rng), offset(rng));
        return if rng.chance(500) { leaf } else { over_range(rng, 0) };
    }
    let below = depth - 1;
    match rng.below(10) {
        0 => over_range(rng, depth),
        1 => format!("-{}", vector(rng, below)),
        2 => {
            let function = pick(
                rng,
                &[
                    "abs",
                    "ceil",
                    "sgn",
                    "absent",
                    "timestamp",
                    "sort",
                    "sqrt",
                    "round",
                    "histogram_count",
                    "histogram_avg",
                    "histogram_stddev",
                ],
            );
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
