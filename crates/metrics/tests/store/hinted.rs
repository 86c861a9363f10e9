//! What the store says of counter resets, and what `resets` makes of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::Timestamp;
use metrics::{Config, MetricsStore, OutOfOrder, Policy, SeriesHistograms};
use promql::{
    BucketSpan, Buckets, CounterResetHint, Engine, Histogram, Plan, QueryResult, Selection, SeriesSource,
    TimeRange, Value, never_cancelled,
};

use crate::model_disk::ModelDisk;
use crate::open;

const LABELS: [(&str, &str); 1] = [("__name__", "latency")];

/// Two buckets, with what the sender says.
fn histogram(first: f64, second: f64, counter_reset_hint: CounterResetHint) -> Histogram {
    Histogram {
        counter_reset_hint,
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: first + second,
        sum: 10.0 * (first + second),
        positive: Buckets { spans: vec![BucketSpan { offset: 0, length: 2 }], counts: vec![first, second] },
        negative: Buckets::default(),
        custom_bounds: Arc::new([]),
    }
}

fn append(store: &MetricsStore, histograms: &[(i64, Histogram)]) {
    let appended = store.append_histograms("", &[SeriesHistograms { labels: &LABELS, histograms }]).unwrap();
    assert_eq!(appended.stored, histograms.len() as u64);
}

fn hints(store: &MetricsStore) -> Vec<CounterResetHint> {
    let mut hints = Vec::new();
    store
        .select(&Selection::new(&[], TimeRange::ALL), &mut |series| {
            hints.extend(series.histograms.iter().map(|histogram| histogram.counter_reset_hint));
            ControlFlow::Continue(())
        })
        .unwrap();
    hints
}

fn resets(store: &MetricsStore) -> f64 {
    let plan = Plan::parse("resets(latency[1h])").unwrap();
    let result = Engine::default().instant(&plan, store, Timestamp::from_secs(600), &never_cancelled);
    let QueryResult::Vector(samples) = result.unwrap() else { panic!("a vector") };
    let Value::Float(resets) = samples[0].2 else { panic!("a number") };
    resets
}

#[test]
fn hints_are_those_of_the_neighbours_that_the_store_has() {
    use CounterResetHint::{NotReset, Reset, Unknown};
    let policy = Policy { out_of_order: OutOfOrder::Unlimited, ..Policy::default() };
    let config = Config { policy, ..Config::default() };
    let (store, _) = open(&ModelDisk::default(), config).unwrap();
    append(&store, &[(10_000, histogram(1.0, 1.0, Unknown)), (30_000, histogram(2.0, 4.0, NotReset))]);
    assert_eq!((hints(&store), resets(&store)), (vec![Unknown, NotReset], 0.0));
    // One bucket falls although the count grows: not what the sender's hint says.
    append(&store, &[(40_000, histogram(9.0, 3.0, NotReset))]);
    assert_eq!((hints(&store), resets(&store)), (vec![Unknown, NotReset, Unknown], 1.0));
    // Late, and larger than what follows: now that is a reset too.
    append(&store, &[(20_000, histogram(5.0, 1.0, Reset))]);
    assert_eq!((hints(&store), resets(&store)), (vec![Unknown, NotReset, Unknown, Unknown], 2.0));
}

#[test]
fn the_first_of_a_range_is_known_by_the_one_before_the_range() {
    use CounterResetHint::{NotReset, Unknown};
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    let histograms: Vec<_> =
        (0..300).map(|i| (i * 1000, histogram(i as f64, if i < 200 { 7.0 } else { 3.0 }, Unknown))).collect();
    append(&store, &histograms);
    let first = |from_s: i64| {
        let range = TimeRange::new(Timestamp::from_secs(from_s), Timestamp::from_secs(299));
        let mut first = None;
        let each = &mut |series: promql::Selected<'_>| {
            first = series.histograms.first().map(|histogram| histogram.counter_reset_hint);
            ControlFlow::Continue(())
        };
        store.select(&Selection::new(&[], range), each).unwrap();
        first.unwrap()
    };
    // In what is packed, and in what waits.
    for (from_s, hint) in [(0, Unknown), (3, NotReset), (199, NotReset), (200, Unknown), (298, NotReset)] {
        assert_eq!(first(from_s), hint, "{from_s}");
    }
}

#[test]
fn a_gauge_stays_a_gauge() {
    use CounterResetHint::{Gauge, Unknown};
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    let gauges = [(10_000, histogram(3.0, 1.0, Gauge)), (20_000, histogram(4.0, 1.0, Gauge))];
    append(&store, &gauges);
    append(&store, &[(30_000, histogram(5.0, 5.0, Unknown))]);
    assert_eq!(hints(&store), [Gauge, Gauge, Unknown]);
}

#[test]
fn blocks_and_memory_are_one_series() {
    use CounterResetHint::{NotReset, Unknown};
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    let hour = 3_600_000;
    let histograms: Vec<_> =
        (0..9).map(|i| (i * hour, histogram(i as f64, if i < 5 { 7.0 } else { 3.0 }, Unknown))).collect();
    append(&store, &histograms);
    store.cut(Timestamp::from_millis(5 * hour)).unwrap();
    let mut expected = vec![NotReset; 9];
    (expected[0], expected[5]) = (Unknown, Unknown);
    assert_eq!(hints(&store), expected);
}
