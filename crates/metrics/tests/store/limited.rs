//! What is not taken, and what is said about it.

use std::sync::Arc;

use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};
use kernel::{Refuse, Span, Timestamp};
use metrics::{Config, MetricsStore, Policy, RefusalReason, SeriesSamples, StdDisk};

use crate::model_disk::ModelDisk;
use crate::{append, contents, expected, open};

#[test]
fn a_batch_with_refused_samples_keeps_the_good_ones_and_names_the_first_series() {
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    let now_ms = 1_700_000_000_000;
    append(&store, "a", &[(now_ms, 1.0)]);
    let long = "x".repeat(SERIES_LABEL_VALUE_BYTES_MAX + 1);
    let many: Vec<(String, String)> =
        (0..=SERIES_LABELS_MAX).map(|i| (format!("l{i:03}"), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (&**name, &**value)).collect();
    let sample = [(now_ms, 1.0)];
    let of = |labels| SeriesSamples { labels, samples: &sample };
    let late = [(now_ms - 7_200_001, 1.0), (now_ms - 7_200_000, 2.0), (now_ms + 1, 3.0)];
    let appended = store
        .append(&[
            SeriesSamples { labels: &[("__name__", "up"), ("job", "a")], samples: &late },
            of(&[("job", "b"), ("__name__", "up")]),
            of(&[("job", "b"), ("job", "c")]),
            of(&[("job", &long)]),
            of(&many),
            of(&[("", "v")]),
            of(&[("job", "")]),
            of(&[]),
            of(&[("__name__", "up"), ("empty", ""), ("job", "a")]),
        ])
        .unwrap();
    assert_eq!(appended.stored, 3);
    assert_eq!(
        appended.refused.iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
        [
            (RefusalReason::TooOld, 1),
            (RefusalReason::NoLabels, 2),
            (RefusalReason::TooManyLabels, 1),
            (RefusalReason::LabelsNotSorted, 2),
            (RefusalReason::LabelNameLength, 1),
            (RefusalReason::LabelValueTooLong, 1),
        ]
    );
    let first = appended.first_refused.unwrap();
    assert_eq!(
        first.sentence(),
        r#"the sample of `{__name__="up", job="a"}` at 2023-11-14T20:13:19.999Z is 2h1ms older than the newest one at 2023-11-14T22:13:20Z; at most 2h are allowed"#
    );
    assert_eq!((first.code(), first.hint().is_some()), ("sample_too_old", true));
    let stats = store.stats();
    assert_eq!((stats.series, stats.stored, stats.refused.total()), (1, 4, 8));
    let timestamps: Vec<_> =
        contents(&store).remove(r#"{__name__="up", job="a"}"#).unwrap().into_keys().collect();
    assert_eq!(timestamps, [now_ms - 7_200_000, now_ms, now_ms + 1]);
}

#[test]
fn one_series_too_many_is_refused_and_those_that_are_there_go_on() {
    let (store, _) = open(
        &ModelDisk::default(),
        Config { policy: Policy { series_max: 2, ..Policy::default() }, ..Config::default() },
    )
    .unwrap();
    for (job, stored) in [("a", 1), ("b", 1), ("c", 0), ("a", 1)] {
        let appended = append(&store, job, &[(1, 1.0)]);
        assert_eq!(appended.stored, stored, "{job}");
        if let Some(refused) = appended.first_refused {
            assert_eq!(
                refused.sentence(),
                r#"`{__name__="up", job="c"}` would be one series more than the 2 that the store holds"#
            );
        }
    }
    assert_eq!(store.stats().refused.get(RefusalReason::TooManySeries), 1);
}

#[test]
fn what_is_older_than_the_retention_goes_and_makes_room() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { series_max: 1, retention: Span::from_hours(1), ..Policy::default() },
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    append(&store, "old", &[(0, 1.0)]);
    let now = Timestamp::from_secs(3601);
    assert_eq!(store.retain(now).unwrap().series_dropped, 1);
    let refused = append(&store, "old", &[(0, 1.0)]).first_refused.unwrap();
    assert_eq!(
        refused.sentence(),
        r#"the sample of `{__name__="up", job="old"}` at 1970-01-01T00:00:00Z is older than what is kept, which begins at 1970-01-01T00:00:01Z"#
    );
    assert_eq!(append(&store, "new", &[(1000, 1.0)]).stored, 1);
    let before = contents(&store);
    drop(store);
    let (store, _) = open(&disk, &config).unwrap();
    assert_eq!(contents(&store), before);
    assert_eq!(append(&store, "new", &[(999, 1.0)]).refused.get(RefusalReason::BeyondRetention), 1);
}

#[test]
fn where_the_retention_becomes_longer_older_samples_are_taken_again_also_after_a_restart() {
    let disk = ModelDisk::default();
    let keeping =
        |retention| Config { policy: Policy { retention, ..Policy::default() }, ..Config::default() };
    let (store, _) = open(&disk, keeping(Span::from_hours(1))).unwrap();
    append(&store, "gone", &[(0, 1.0)]);
    let now = Timestamp::from_secs(3601);
    store.retain(now).unwrap();
    assert_eq!(append(&store, "new", &[(1, 1.0)]).stored, 0);
    store.adopt(keeping(Span::ZERO).policy);
    store.retain(now).unwrap();
    assert_eq!(append(&store, "new", &[(1, 1.0)]).stored, 1);
    let before = contents(&store);
    assert_eq!(before, expected([("new", &[(1, 1.0)][..])]), "what is gone does not come back");
    drop(store);
    let (store, _) = open(&disk, keeping(Span::ZERO)).unwrap();
    assert_eq!(contents(&store), before);
    assert_eq!(append(&store, "older", &[(-1, 1.0)]).stored, 1);
}

#[test]
fn a_million_upserts_of_one_minute_take_no_memory() {
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    append(&store, "tally", &[(0, 0.0), (60_000, 0.0), (120_000, 0.0)]);
    let upserts: Vec<_> = (0..1_000_000).map(|i| (60_000 * (i % 3), i as f64)).collect();
    append(&store, "tally", &upserts);
    let stats = store.stats();
    assert!(stats.samples <= 5 && stats.chunk_bytes < 100, "{stats:?}");
    let samples = contents(&store).into_values().next().unwrap();
    assert_eq!(
        samples.into_values().map(f64::from_bits).collect::<Vec<_>>(),
        [999_999.0, 999_997.0, 999_998.0]
    );
}

#[test]
fn the_log_is_bounded_by_checkpoints_and_real_files_hold_it_all() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { segment_bytes_max: 10_000, checkpoint_log_bytes: 50_000, ..Config::default() };
    let open = || MetricsStore::open(Arc::new(StdDisk), dir.path().join("metrics"), config.clone()).unwrap();
    let (store, _) = open();
    let mut log_bytes_max = 0;
    for round in 0..300 {
        for job in ["a", "b", "c"] {
            append(&store, job, &(0..20).map(|i| (round * 20 + i, i as f64)).collect::<Vec<_>>());
        }
        log_bytes_max = log_bytes_max.max(store.stats().log_bytes);
        if store.is_checkpoint_due() {
            store.checkpoint().unwrap();
            assert!(!store.is_checkpoint_due());
        }
    }
    assert!((50_000..61_000).contains(&log_bytes_max), "{log_bytes_max}");
    store.sync().unwrap();
    let before = contents(&store);
    assert_eq!(before.values().map(|samples| samples.len()).sum::<usize>(), 18_000);
    drop(store);
    let (store, report) = open();
    assert_eq!(contents(&store), before);
    assert!(report.checkpoint.is_some() && report.torn_end.is_none() && report.samples_replayed < 18_000);
    assert_eq!(store.checkpoint().unwrap().bytes > 0, report.samples_replayed > 0);
    assert_eq!(store.checkpoint().unwrap().bytes, 0);
}
