//! What the store keeps beside plain samples, and what it keeps in blocks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::{Refuse, Span, Timestamp};
use metrics::limits::WINDOWS_MAX;
use metrics::{
    Config, Disk, Effort, Exemplar, MetricsStore, OutOfOrder, Policy, RefusalReason, SeriesExemplars,
    SeriesSamples, SourceLimits, StdDisk,
};
use promql::{Matcher, SeriesSource, TimeRange};

use crate::model_disk::ModelDisk;
use crate::{append, contents, expected, open};

const HOUR_MS: i64 = 3_600_000;

/// Two series over eight hours, and a third that came only once.
fn filled(disk: &ModelDisk, config: Config) -> MetricsStore {
    let (store, _) = open(disk, &config).unwrap();
    for minute in 0..8 * 60 {
        append(&store, "a", &[(minute * 60_000, minute as f64)]);
        append(&store, "b", &[(minute * 60_000 + 1, minute as f64 / 8.0)]);
    }
    append(&store, "once", &[(HOUR_MS, 7.0)]);
    store
}

#[test]
fn blocks_are_cut_merged_and_read_as_one_and_memory_lets_them_go() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { out_of_order: OutOfOrder::Unlimited, ..Policy::default() },
        ..Config::default()
    };
    let store = filled(&disk, config.clone());
    let before = contents(&store);
    let now = Timestamp::from_millis(8 * HOUR_MS);
    assert!(store.is_cut_due(now));
    let cut = store.cut(now).unwrap();
    assert_eq!((cut.blocks, cut.samples, cut.series_dropped), (3, 721, 1));
    assert!(contents(&store) == before);
    assert_eq!((store.stats().series, store.stats().samples), (2, 240));
    // What comes for a window that was cut goes into a block of its own, and hides what is older there.
    append(&store, "a", &[(60_000, -1.0), (60_001, -2.0)]);
    let corrected = contents(&store);
    assert!(corrected != before);
    assert!(store.cut(now).unwrap().blocks == 1 && store.stats().blocks == 4);
    assert!(contents(&store) == corrected);
    while store.compact(Effort::All).unwrap().replaced > 0 {}
    // The longer window that they are in has not ended.
    assert_eq!(store.stats().blocks, 3);
    assert!(contents(&store) == corrected);
    store.checkpoint().unwrap();
    drop(store);
    let (store, report) = open(&disk, &config).unwrap();
    assert!(contents(&store) == corrected && report.blocks == 3);
    assert!(store.stats().samples <= 240);
}

#[test]
fn times_before_1970_and_of_the_first_minute_are_kept_like_any_other() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { retention: Span::ZERO, out_of_order: OutOfOrder::Unlimited, ..Policy::default() },
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    let samples = [(5_000_000_000_000, 1.0), (0, 2.0), (-1, 3.0), (-3 * HOUR_MS, 4.0), (60_000, 5.0)];
    samples.iter().for_each(|sample| assert_eq!(append(&store, "a", &[*sample]).stored, 1));
    let expected = expected([("a", &samples[..])]);
    store.retain(Timestamp::from_millis(6_000_000_000_000)).unwrap();
    assert_eq!(contents(&store), expected);
    store.cut_all().unwrap();
    assert_eq!(contents(&store), expected);
    while store.compact(Effort::All).unwrap().replaced > 0 {}
    drop(store);
    assert_eq!(contents(&open(&disk, &config).unwrap().0), expected);
}

#[test]
fn what_was_written_last_stays_whatever_is_merged_first() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { out_of_order: OutOfOrder::Unlimited, ..Policy::default() },
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    let cut = |at_hour: i64| store.cut(Timestamp::from_millis(at_hour * HOUR_MS)).unwrap().blocks;
    // Two blocks of one window, and then one of a longer window, which corrects what the first one has.
    append(&store, "a", &[(60_000, 1.0)]);
    assert_eq!(cut(3), 1);
    append(&store, "a", &[(120_000, 2.0)]);
    assert_eq!(cut(3), 1);
    append(&store, "a", &[(60_000, 9.0), (11 * HOUR_MS, 3.0)]);
    assert_eq!(cut(13), 1);
    let corrected = contents(&store);
    while store.compact(Effort::Due).unwrap().replaced > 0 {
        assert!(contents(&store) == corrected);
    }
    while store.compact(Effort::All).unwrap().replaced > 0 {
        assert!(contents(&store) == corrected);
    }
    assert_eq!(store.stats().blocks, 1);
}

#[test]
fn samples_scattered_over_a_century_are_in_few_files() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { retention: Span::ZERO, out_of_order: OutOfOrder::Unlimited, ..Policy::default() },
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    let scattered = |phase: i64, step: usize| -> Vec<(i64, f64)> {
        (0..3000).step_by(step).map(|i| (i * 350 * HOUR_MS + phase, i as f64)).collect()
    };
    let now = Timestamp::from_millis(3000 * 350 * HOUR_MS);
    // At once, and then some at a time, as a backfill comes.
    append(&store, "a", &scattered(0, 1));
    let mut samples = scattered(0, 1);
    assert!(store.cut(now).unwrap().blocks <= WINDOWS_MAX as u64);
    for phase in 1..20 {
        append(&store, "a", &scattered(phase, 15));
        samples.extend(scattered(phase, 15));
        store.cut(now).unwrap();
        while store.compact(Effort::Due).unwrap().replaced > 0 {}
        assert!(store.stats().blocks <= WINDOWS_MAX as u64, "{} blocks", store.stats().blocks);
    }
    assert_eq!(contents(&store), expected([("a", &samples[..])]));
}

#[test]
fn a_block_that_is_damaged_at_any_byte_is_named_and_the_others_are_read() {
    let disk = ModelDisk::default();
    let store = filled(&disk, Config::default());
    store.cut(Timestamp::from_millis(8 * HOUR_MS)).unwrap();
    store.checkpoint().unwrap();
    let whole = contents(&store);
    drop(store);
    let path = Path::new("/metrics/00000002.block");
    let bytes = disk.bytes(path);
    for at in 0..bytes.len() {
        let disk = disk.copy();
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x04;
        disk.put(path, damaged);
        let (store, report) = open(&disk, Config::default()).unwrap();
        if let [fault] = &report.broken_blocks[..] {
            assert!(fault.to_string().contains("/metrics/00000002.block"), "{fault}");
            assert_eq!((store.stats().blocks, store.stats().blocks_broken), (2, 1));
            assert!(disk.paths().contains(&"/metrics/00000002.block.broken".into()));
            let rest = contents(&store);
            assert!(
                rest.values().all(|samples| samples
                    .keys()
                    .all(|at_ms| whole.values().any(|of| of.contains_key(at_ms))))
            );
            assert_eq!(rest.len(), 3);
            continue;
        }
        // Its footer is sound: what is damaged is found when it is read, and never read as something else.
        let mut found = Vec::new();
        let selection = promql::Selection::new(&[], TimeRange::ALL);
        let read = store.select(&selection, &mut |selected| {
            found.push((selected.labels.to_string(), selected.timestamps.len()));
            std::ops::ControlFlow::Continue(())
        });
        match read {
            Err(fault) => {
                let source = std::error::Error::source(&fault).unwrap().to_string();
                assert!(source.contains("`/metrics/00000002.block`"), "{at}: {source}");
                // It was set aside: the next query has the rest, and the store says what is missing.
                assert!(contents(&store).len() == 3 && store.stats().blocks == 2, "{at}");
                assert!(store.broken_blocks()[0].to_string().contains("/metrics/00000002.block"));
            }
            // The magic at the beginning, or an index that this query does not need.
            Ok(()) => assert!(contents(&store) == whole, "{at}"),
        }
    }
}

#[test]
fn a_snapshot_is_a_store_and_does_not_change_with_the_first_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let open = |name: &str| {
        MetricsStore::open(Arc::clone(&disk), dir.path().join(name), Config::default()).unwrap().0
    };
    let store = open("metrics");
    for minute in 0..8 * 60 {
        append(&store, "a", &[(minute * 60_000, minute as f64)]);
    }
    store.cut(Timestamp::from_millis(8 * HOUR_MS)).unwrap();
    let hour = TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(HOUR_MS));
    store.delete(&[Matcher::equal("job", "a")], hour).unwrap();
    // Late, for a window that a block has; and an exemplar, which no block has.
    append(&store, "a", &[(7 * HOUR_MS - 30_000, 0.5), (7 * HOUR_MS, 0.25)]);
    let labels = [("__name__", "up"), ("job", "a")];
    let exemplars = [Exemplar { labels: &[("trace_id", "t1")], value: 0.5, at_ms: 7 * HOUR_MS }];
    store.append_exemplars(&[SeriesExemplars { labels: &labels, exemplars: &exemplars }]).unwrap();
    let before = contents(&store);
    assert_eq!(before.values().next().unwrap().len(), 420);
    let snapshot = store.snapshot(&dir.path().join("snapshot")).unwrap();
    assert_eq!(snapshot.blocks, 4, "three blocks, and one of memory");
    append(&store, "later", &[(9 * HOUR_MS, 1.0)]);
    store.delete(&[Matcher::equal("job", "a")], TimeRange::ALL).unwrap();
    while store.compact(Effort::All).unwrap().replaced > 0 {}
    assert_eq!(contents(&store).len(), 1);
    let copy = open("snapshot");
    assert_eq!(contents(&copy), before);
    let matchers = [Matcher::equal("job", "a")];
    assert_eq!(SeriesSource::exemplars(&copy, &[&matchers], TimeRange::ALL).unwrap()[0].exemplars.len(), 1);
    append(&copy, "a", &[(8 * HOUR_MS, 1.0)]);
    assert_eq!(contents(&copy).values().next().unwrap().len(), 421);
}

#[test]
fn exemplars_come_back_after_a_restart_and_the_oldest_makes_room() {
    let disk = ModelDisk::default();
    let config = Config { policy: Policy { exemplars_max: 3, ..Policy::default() }, ..Config::default() };
    let (store, _) = open(&disk, &config).unwrap();
    append(&store, "a", &[(1, 1.0)]);
    let labels = [("__name__", "up"), ("job", "a")];
    for (at_ms, trace) in [(1, "t1"), (2, "t2"), (2, "t2"), (3, "t3"), (4, "t4")] {
        let exemplars = [Exemplar { labels: &[("trace_id", trace)], value: 0.5, at_ms }];
        let batch = [SeriesExemplars { labels: &labels, exemplars: &exemplars }];
        assert_eq!(store.append_exemplars(&batch).unwrap().stored, 1);
    }
    let traces = |store: &MetricsStore| -> Vec<String> {
        let matchers = [Matcher::equal("job", "a")];
        let found = SeriesSource::exemplars(store, &[&matchers], TimeRange::ALL).unwrap();
        found
            .into_iter()
            .flat_map(|of| of.exemplars)
            .map(|e| e.labels.get("trace_id").unwrap().to_owned())
            .collect()
    };
    assert_eq!(traces(&store), ["t2", "t3", "t4"]);
    drop(store);
    let (store, _) = open(&disk, &config).unwrap();
    assert_eq!(traces(&store), ["t2", "t3", "t4"]);
    store.checkpoint().unwrap();
    drop(store);
    let (store, _) = open(&disk, &config).unwrap();
    assert_eq!(traces(&store), ["t2", "t3", "t4"]);
    let unknown = [Exemplar { labels: &[], value: 0.5, at_ms: 1 }];
    let batch = [SeriesExemplars { labels: &[("job", "nobody")], exemplars: &unknown }];
    let refused = store.append_exemplars(&batch).unwrap();
    assert_eq!((refused.stored, refused.refused.get(RefusalReason::Exemplar)), (0, 1));
}

#[test]
fn a_source_has_limits_of_its_own_and_keeps_them_over_a_restart() {
    let disk = ModelDisk::default();
    let (store, _) = open(&disk, Config::default()).unwrap();
    let send = |store: &MetricsStore, source: &str, job: &str| {
        let (labels, samples) = ([("job", job)], [(1, 1.0)]);
        store.append_from(source, &[SeriesSamples { labels: &labels, samples: &samples }]).unwrap()
    };
    let limits = SourceLimits { series_max: 2, label_value_bytes_max: 5, ..SourceLimits::default() };
    let policy = || Policy { sources: [("tenant".to_owned(), limits)].into(), ..Policy::default() };
    store.adopt(policy());
    assert_eq!(send(&store, "tenant", "a").stored + send(&store, "tenant", "b").stored, 2);
    let refused = send(&store, "tenant", "c").first_refused.unwrap();
    assert_eq!(
        (refused.code(), refused.sentence().as_str()),
        ("source_series", r#"`{job="c"}` would be one series more than the 2 that its source may have"#)
    );
    assert_eq!(send(&store, "other", "c").stored, 1);
    let long = send(&store, "tenant", "too long").first_refused.unwrap();
    assert_eq!(long.sentence(), r#"a label of `{job="too long"}` has a value longer than 5 bytes"#);
    store.checkpoint().unwrap();
    drop(store);
    let (store, _) = open(&disk, Config::default()).unwrap();
    store.adopt(policy());
    assert_eq!(send(&store, "tenant", "d").refused.get(RefusalReason::SourceSeries), 1);
    assert_eq!(store.cardinality(5).series_by_source, [("tenant".to_owned(), 2), ("other".to_owned(), 1)]);
}

#[test]
fn the_store_tells_which_labels_cost_what() {
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    for job in ["a", "b", "c"] {
        append(&store, job, &[(1, 1.0)]);
    }
    let told = store.cardinality(2);
    assert_eq!((told.series, told.label_pairs), (3, 4));
    assert_eq!(told.series_by_metric, [("up".to_owned(), 3)]);
    assert_eq!(told.values_by_label, [("job".to_owned(), 3), ("__name__".to_owned(), 1)]);
    assert_eq!(told.series_by_pair, [("__name__=up".to_owned(), 3), ("job=a".to_owned(), 1)]);
    assert_eq!(told.bytes_by_label, [("__name__".to_owned(), 30), ("job".to_owned(), 12)]);
}

#[test]
fn the_oldest_blocks_go_when_all_are_larger_than_they_may_be() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { retention: Span::ZERO, retention_bytes: 1, ..Policy::default() },
        ..Config::default()
    };
    let store = filled(&disk, config);
    store.cut(Timestamp::from_millis(8 * HOUR_MS)).unwrap();
    assert_eq!(store.retain(Timestamp::from_millis(8 * HOUR_MS)).unwrap().blocks_removed, 3);
    let rest = contents(&store);
    assert!(rest.values().flat_map(|samples| samples.keys()).all(|at_ms| *at_ms >= 6 * HOUR_MS));
    assert!(!disk.paths().iter().any(|path| path.extension().is_some_and(|e| e == "block")));
}

#[test]
fn readers_miss_nothing_while_memory_is_cut_and_blocks_are_merged() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { out_of_order: OutOfOrder::Unlimited, ..Policy::default() },
        block_span: Span::from_millis(1000),
        cut_after: Span::ZERO,
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    let (acknowledged, done) = (std::sync::atomic::AtomicI64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Acquire) {
                        let at_least = acknowledged.load(Ordering::Acquire) as usize;
                        let found = contents(&store).into_values().next().map_or(0, |samples| samples.len());
                        assert!(found >= at_least, "{found} of {at_least}");
                    }
                })
            })
            .collect();
        let keeper = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                store.cut(Timestamp::from_millis(acknowledged.load(Ordering::Acquire) * 10)).unwrap();
                store.compact(Effort::All).unwrap();
                store.checkpoint().unwrap();
            }
        });
        for number in 0..2000 {
            append(&store, "a", &[(number * 10, number as f64)]);
            acknowledged.store(number + 1, Ordering::Release);
        }
        done.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        keeper.join().unwrap();
    });
    let before = contents(&store);
    assert_eq!(before.values().next().unwrap().len(), 2000);
    drop(store);
    assert_eq!(contents(&open(&disk, &config).unwrap().0), before);
}

#[test]
fn a_reader_that_began_before_a_cut_finds_every_sample_and_memory_lets_go_after_it() {
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    for job in 0..200 {
        append(&store, &job.to_string(), &[(1, 1.0), (2, 2.0)]);
    }
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (cut, is_cut) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            // Moved in, so that it is this thread's.
            let is_cut = is_cut;
            let mut seen = 0;
            let selection = promql::Selection::new(&[], TimeRange::ALL);
            let read = store.select(&selection, &mut |selected| {
                if seen == 0 {
                    begun.send(()).unwrap();
                    // A cut that waited for this reader would never come; then the reader goes on without it.
                    let _ = is_cut.recv_timeout(std::time::Duration::from_secs(10));
                }
                assert_eq!(selected.timestamps, [1, 2]);
                seen += 1;
                std::ops::ControlFlow::Continue(())
            });
            read.unwrap();
            seen
        });
        has_begun.recv().unwrap();
        let done = store.cut_all().unwrap();
        assert_eq!((done.samples, store.stats().samples, store.stats().block_samples), (400, 400, 400));
        assert!(store.cut_all().unwrap().is_postponed);
        cut.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), 200);
    });
    assert!(!store.cut_all().unwrap().is_postponed);
    assert_eq!((store.stats().samples, store.stats().series, contents(&store).len()), (0, 0, 200));
}
