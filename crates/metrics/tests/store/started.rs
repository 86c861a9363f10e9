//! Since when samples count: it is lent to whoever asks, and seen by nobody else.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::{Refuse, Span, Timestamp};
use metrics::{
    Config, Effort, Exemplar, MetricsStore, OutOfOrder, Policy, RESERVED_LABEL, RefusalReason,
    SeriesExemplars, SeriesHistograms, SeriesSamples, SeriesStarts, SourceLimits,
};
use promql::{
    BucketSpan, Buckets, CounterResetHint, Histogram, MatchOp, Matcher, Selection, SeriesSource, TimeRange,
};

use crate::model_disk::ModelDisk;
use crate::{append, contents, expected, open};

const HOUR_MS: i64 = 3_600_000;
const LATENCY: [(&str, &str); 1] = [("__name__", "latency")];

/// Timestamps and starts, those of floats and those of histograms, by labels; only series that have any.
type Starts = BTreeMap<String, (Vec<(i64, i64)>, Vec<(i64, i64)>)>;

/// What is lent to whoever asks for starts, in one part or in several.
fn starts(store: &MetricsStore) -> Starts {
    let selection = Selection::new(&[], TimeRange::ALL).with_starts(true);
    let mut starts = Starts::new();
    let pairs = |timestamps: &[i64], starts: &[i64]| {
        timestamps.iter().copied().zip(starts.iter().copied()).collect::<Vec<_>>()
    };
    let each = &mut |series: promql::Selected<'_>| {
        assert_eq!(series.labels.get(RESERVED_LABEL), None);
        let own = (
            pairs(series.timestamps, series.starts),
            pairs(series.histogram_timestamps, series.histogram_starts),
        );
        if !own.0.is_empty() || !own.1.is_empty() {
            assert!(starts.insert(series.labels.to_string(), own).is_none());
        }
        ControlFlow::Continue(())
    };
    store.select(&selection, each).unwrap();
    let in_parts = std::sync::Mutex::new(0);
    let each = |_, series: promql::Lent<'_>| {
        *in_parts.lock().unwrap() += usize::from(!series.starts.is_empty());
        ControlFlow::Continue(())
    };
    store.select_lent(&selection, 2, &each).unwrap();
    assert_eq!(*in_parts.lock().unwrap(), starts.values().filter(|(floats, _)| !floats.is_empty()).count());
    starts
}

fn append_starts(store: &MetricsStore, job: &str, floats: &[(i64, i64)]) {
    let labels = [("__name__", "up"), ("job", job)];
    let appended = store.append_starts(&[SeriesStarts { labels: &labels, floats, histograms: &[] }]).unwrap();
    assert_eq!(appended.stored, floats.len() as u64);
}

fn histogram() -> Histogram {
    Histogram {
        counter_reset_hint: CounterResetHint::Unknown,
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 2.0,
        sum: 3.0,
        positive: Buckets { spans: vec![BucketSpan { offset: 0, length: 1 }], counts: vec![2.0] },
        negative: Buckets::default(),
        custom_bounds: Arc::new([]),
    }
}

/// Samples of eight hours of which those of `a` say at every second one since when they count, and histograms that all
/// say so; the starts of floats and histograms.
fn fill(store: &MetricsStore) -> Starts {
    let mut floats: Vec<(i64, i64)> = Vec::new();
    let mut histograms = Vec::new();
    for at_ms in (0..8 * 60).map(|minute| minute * 60_000) {
        let start_ms = if at_ms % 120_000 == 0 { at_ms - 90_000 } else { 0 };
        if start_ms != 0 {
            append_starts(store, "a", &[(at_ms, start_ms)]);
        }
        append(store, "a", &[(at_ms, 1.0)]);
        append(store, "b", &[(at_ms, 2.0)]);
        floats.push((at_ms, start_ms));
        let start = [(at_ms, -at_ms - 1)];
        store.append_starts(&[SeriesStarts { labels: &LATENCY, floats: &[], histograms: &start }]).unwrap();
        let series = SeriesHistograms { labels: &LATENCY, histograms: &[(at_ms, histogram())] };
        store.append_histograms("", &[series]).unwrap();
        histograms.extend(start);
    }
    let labels = |pairs: &[(&str, &str)]| kernel::Labels::new(pairs.iter().copied()).unwrap().to_string();
    Starts::from([
        (labels(&[("__name__", "up"), ("job", "a")]), (floats, Vec::new())),
        (labels(&LATENCY), (Vec::new(), histograms)),
    ])
}

#[test]
fn starts_are_kept_as_their_samples_are() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { out_of_order: OutOfOrder::Unlimited, ..Policy::default() },
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    assert_eq!(starts(&store), Starts::new());
    let mut known = fill(&store);
    assert_eq!(starts(&store), known);
    assert_eq!(store.stats().stored, 3 * 8 * 60);
    drop(store);
    let (store, _) = open(&disk, &config).unwrap();
    assert_eq!(starts(&store), known);
    store.cut(Timestamp::from_millis(8 * HOUR_MS)).unwrap();
    assert!(store.stats().blocks > 1 && store.stats().samples > 0);
    assert_eq!(starts(&store), known);
    while store.compact(Effort::All).unwrap().replaced > 0 {}
    store.checkpoint().unwrap();
    drop(store);
    let (store, _) = open(&disk, &config).unwrap();
    assert_eq!(starts(&store), known);
    // The last write wins, also over a block.
    append_starts(&store, "a", &[(0, 7)]);
    let of_a = known.values_mut().find(|(floats, _)| !floats.is_empty()).unwrap();
    of_a.0[0] = (0, 7);
    assert_eq!(starts(&store), known);
}

#[test]
fn what_is_deleted_takes_its_starts_along() {
    let policy = Policy { out_of_order: OutOfOrder::Unlimited, ..Policy::default() };
    let (store, _) = open(&ModelDisk::default(), Config { policy, ..Config::default() }).unwrap();
    let known = fill(&store);
    store.cut(Timestamp::from_millis(8 * HOUR_MS)).unwrap();
    let job = [Matcher::new("job", MatchOp::Equal, "a").unwrap()];
    let deleted =
        TimeRange::new(Timestamp::from_millis(HOUR_MS), Timestamp::from_millis(7 * HOUR_MS + HOUR_MS / 2));
    store.delete(&job, deleted).unwrap();
    // Samples without starts, in place of those that went from a block and from memory.
    let again = [2 * HOUR_MS, 7 * HOUR_MS];
    for at_ms in again {
        append(&store, "a", &[(at_ms, 5.0)]);
    }
    let mut expected = known;
    let (floats, _) = expected.values_mut().find(|(floats, _)| !floats.is_empty()).unwrap();
    floats.retain(|(at_ms, _)| !deleted.contains_millis(*at_ms));
    let after = floats.partition_point(|(at_ms, _)| *at_ms < HOUR_MS);
    floats.splice(after..after, again.map(|at_ms| (at_ms, 0)));
    assert_eq!(starts(&store), expected);
}

#[test]
fn nobody_sees_the_series_that_have_them() {
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    append_starts(&store, "a", &[(0, -1), (1000, -1), (HOUR_MS, -1)]);
    append_starts(&store, "only starts", &[(0, -1)]);
    let samples = [(0, 1.0), (1000, 2.0), (4 * HOUR_MS, 3.0)];
    append(&store, "a", &samples);
    let reserved = [Matcher::new(RESERVED_LABEL, MatchOp::NotEqual, "").unwrap()];
    let absent = [Matcher::new(RESERVED_LABEL, MatchOp::Equal, "").unwrap()];
    for is_cut in [false, true] {
        if is_cut {
            store.cut(Timestamp::from_millis(4 * HOUR_MS)).unwrap();
        }
        assert_eq!(contents(&store), expected([("a", &samples[..])]));
        assert_eq!(store.label_names(&[], TimeRange::ALL).unwrap(), ["__name__", "job"]);
        assert_eq!(store.label_values("job", &[], TimeRange::ALL).unwrap(), ["a"]);
        assert_eq!(store.series(&[], TimeRange::ALL).unwrap().len(), 1);
        assert_eq!(store.series(&reserved, TimeRange::ALL).unwrap(), []);
        assert_eq!(store.series(&absent, TimeRange::ALL).unwrap().len(), 1);
        assert_eq!(store.label_values(RESERVED_LABEL, &[], TimeRange::ALL).unwrap(), Vec::<String>::new());
    }
    let told = store.cardinality(10);
    assert!(told.values_by_label.iter().all(|(label, _)| label != RESERVED_LABEL), "{told:?}");
}

#[test]
fn no_writer_gives_the_label_itself() {
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    let labels = [(RESERVED_LABEL, "f"), ("__name__", "up"), ("job", "a")];
    let attempt = |store: &MetricsStore| {
        let samples = [(1000, 9.0)];
        let series = [
            SeriesSamples { labels: &labels[1..], samples: &samples },
            SeriesSamples { labels: &labels, samples: &samples },
        ];
        let appended = store.append(&series).unwrap();
        assert_eq!((appended.stored, appended.refused.get(RefusalReason::ReservedLabel)), (1, 1));
        let refused = appended.first_refused.unwrap();
        assert_eq!(refused.code(), "reserved_label");
        assert!(refused.sentence().contains(r#"has the label "\0", which the store keeps for itself"#));
        let histograms = [(2000, histogram())];
        let series = [SeriesHistograms { labels: &labels, histograms: &histograms }];
        let appended = store.append_histograms("", &series).unwrap();
        assert_eq!((appended.stored, appended.refused.get(RefusalReason::ReservedLabel)), (0, 1));
        let starts = [SeriesStarts { labels: &labels, floats: &[(1000, 5)], histograms: &[] }];
        let appended = store.append_starts(&starts).unwrap();
        assert_eq!((appended.stored, appended.refused.get(RefusalReason::ReservedLabel)), (0, 1));
        let exemplars = [Exemplar { labels: &[("trace_id", "x")], value: 1.0, at_ms: 1000 }];
        let series = [SeriesExemplars { labels: &labels, exemplars: &exemplars }];
        assert_eq!(store.append_exemplars(&series).unwrap().stored, 0);
    };
    attempt(&store);
    // A series of that name exists now, as the neighbour of the one that it is beside in the batch.
    append(&store, "a", &[(0, 1.0)]);
    append_starts(&store, "a", &[(1000, 5)]);
    attempt(&store);
    let known = starts(&store);
    assert_eq!(known.values().next().unwrap().0, [(0, 0), (1000, 5)]);
}

#[test]
fn starts_count_towards_all_series_and_not_towards_those_of_a_source() {
    let source = SourceLimits { series_max: 1, labels_max: 2, ..SourceLimits::default() };
    let policy = Policy { source, series_max: 3, retention: Span::ZERO, ..Policy::default() };
    let (store, _) = open(&ModelDisk::default(), Config { policy, ..Config::default() }).unwrap();
    append_starts(&store, "a", &[(0, -1)]);
    append_starts(&store, "b", &[(0, -1)]);
    assert_eq!(append(&store, "a", &[(0, 1.0)]).stored, 1);
    let labels = [("__name__", "up"), ("job", "c")];
    let one_more = [SeriesStarts { labels: &labels, floats: &[(0, -1)], histograms: &[] }];
    let refused = store.append_starts(&one_more).unwrap().refused;
    assert_eq!(refused.get(RefusalReason::TooManySeries), 1);
    let sources = store.cardinality(10).series_by_source;
    assert_eq!(sources, [("starts".to_owned(), 2), (String::new(), 1)]);
}
