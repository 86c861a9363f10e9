//! Loads samples as Prometheus's storage hands them out again.
//!
//! It keeps no hint of the first histogram of a chunk, and knows that there is no reset within one; a chunk ends
//! where the layout changes or a counter is reset. And with `load_with_nhcb`, classic histograms are stored a second
//! time, as native ones with custom buckets.

use std::collections::BTreeMap;

use kernel::{Labels, Timestamp};
use promql::in_memory::InMemory;
use promql::{
    BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Engine, Histogram, METRIC_NAME, Plan,
    QueryResult, Value, is_stale, never_cancelled,
};

use super::{Loaded, LoadedSample, Written};

pub(crate) fn store(source: &mut InMemory, loaded: Loaded) {
    let mut before: Option<Histogram> = None;
    for LoadedSample { at, start, value } in loaded.samples {
        match (value, start) {
            (Written::Omitted, _) => {}
            (Written::Float(value), None) => {
                source.push(&loaded.labels, at, value);
                before = None;
            }
            (Written::Float(value), Some(start)) => {
                source.push_started(&loaded.labels, at, value, start);
                before = None;
            }
            (Written::Histogram(histogram, _), start) => {
                let mut kept = histogram.clone();
                if kept.counter_reset_hint != CounterResetHint::Gauge {
                    let follows = before.as_ref().is_some_and(|before| is_of_one_chunk(before, &histogram));
                    kept.counter_reset_hint =
                        if follows { CounterResetHint::NotReset } else { CounterResetHint::Unknown };
                }
                source.push_histogram(&loaded.labels, at, kept, start);
                before = Some(histogram);
            }
        }
    }
}

fn is_of_one_chunk(before: &Histogram, now: &Histogram) -> bool {
    before.counter_reset_hint != CounterResetHint::Gauge
        && now.counter_reset_hint != CounterResetHint::Reset
        && !is_stale(before.sum)
        && !is_stale(now.sum)
        && before.schema == now.schema
        && before.zero_threshold == now.zero_threshold
        && before.custom_bounds == now.custom_bounds
        && !is_reset(before, now)
}

/// Whether `resets` sees a reset between the two.
fn is_reset(before: &Histogram, now: &Histogram) -> bool {
    let mut source = InMemory::new();
    let labels = Labels::new([(METRIC_NAME, "h")]).unwrap();
    for (index, one) in [before, now].into_iter().enumerate() {
        let mut one = one.clone();
        one.counter_reset_hint = CounterResetHint::Unknown;
        source.push_histogram(&labels, Timestamp::from_secs(index as i64), one, None);
    }
    let plan = Plan::parse("resets(h[1m])").unwrap();
    let result = Engine::default().instant(&plan, &source, Timestamp::from_secs(1), &never_cancelled);
    matches!(result, Ok(QueryResult::Vector(samples)) if matches!(samples[0].2, Value::Float(1.0)))
}

/// The native histograms of all classic ones.
pub(crate) fn native_of_classic(all: &[Loaded]) -> Vec<Loaded> {
    #[derive(Default)]
    struct Collected {
        buckets: Vec<(f64, f64)>,
        count: Option<f64>,
        sum: f64,
    }
    let mut by_labels: BTreeMap<Labels, BTreeMap<Timestamp, Collected>> = BTreeMap::new();
    for loaded in all {
        let name = loaded.labels.get(METRIC_NAME).unwrap_or_default();
        let part = ["_bucket", "_count", "_sum"].into_iter().find(|part| name.ends_with(part));
        let Some(part) = part else { continue };
        let le = loaded.labels.get("le").and_then(|le| le.parse::<f64>().ok()).filter(|le| !le.is_nan());
        if part == "_bucket" && le.is_none() {
            continue;
        }
        let base = loaded.labels.with(METRIC_NAME, name.strip_suffix(part).unwrap()).with("le", "");
        for sample in &loaded.samples {
            let Written::Float(value) = sample.value else { continue };
            let one = by_labels.entry(base.clone()).or_default().entry(sample.at).or_default();
            match part {
                "_bucket" => one.buckets.push((le.unwrap(), value)),
                "_count" => one.count = Some(value),
                _ => one.sum = value,
            }
        }
    }
    by_labels
        .into_iter()
        .map(|(labels, samples)| {
            let samples = samples.into_iter().map(|(at, one)| {
                let histogram = custom(one.buckets, one.count, one.sum);
                LoadedSample { at, start: None, value: Written::Histogram(histogram, false) }
            });
            Loaded { labels, samples: samples.collect() }
        })
        .collect()
}

fn custom(mut buckets: Vec<(f64, f64)>, count: Option<f64>, sum: f64) -> Histogram {
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    buckets.dedup_by(|a, b| a.0 == b.0);
    let count = count.or(buckets.last().map(|last| last.1)).unwrap_or(0.0);
    if buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
        buckets.push((f64::INFINITY, count));
    }
    let mut below = 0.0;
    let counts = buckets.iter().map(|(_, count)| count - std::mem::replace(&mut below, *count)).collect();
    let length = buckets.len() as u32;
    Histogram {
        counter_reset_hint: CounterResetHint::Unknown,
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count,
        sum,
        positive: Buckets { spans: vec![BucketSpan { offset: 0, length }], counts },
        negative: Buckets::default(),
        custom_bounds: buckets.iter().map(|(le, _)| *le).filter(|le| le.is_finite()).collect(),
    }
}
