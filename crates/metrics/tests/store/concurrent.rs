//! Many threads at once. The outcome is the same whatever the order in which they run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kernel::{Span, Timestamp};
use metrics::{Config, Fsync, OutOfOrder, Policy, SeriesSamples};

use crate::model_disk::ModelDisk;
use crate::{append, contents, expected, open};

#[test]
fn writers_checkpoints_and_readers_at_once_lose_and_invent_nothing() {
    const THREADS: usize = 4;
    const ROUNDS: i64 = 150;
    for fsync in [Fsync::EverySecond, Fsync::EachAppend] {
        let config = Config { fsync, segment_bytes_max: 20_000, ..Config::default() };
        let disk = ModelDisk::default();
        let (store, _) = open(&disk, &config).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let writers: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let store = &store;
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            // Its own series, and one that all threads make and write at instants of their own.
                            let own = format!("{thread}-{}", round / 10);
                            append(store, &own, &[(round, 1.0), (round, 2.0)]);
                            append(
                                store,
                                "shared",
                                &[(round * THREADS as i64 + thread as i64, round as f64)],
                            );
                        }
                    })
                })
                .collect();
            let disturber = scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    store.checkpoint().unwrap();
                    store.sync().unwrap();
                    contents(&store);
                }
            });
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::Release);
            disturber.join().unwrap();
        });

        let mut series = Vec::new();
        for thread in 0..THREADS {
            for round in 0..ROUNDS {
                series.push((format!("{thread}-{}", round / 10), [(round, 2.0)]));
                series.push(("shared".to_owned(), [(round * THREADS as i64 + thread as i64, round as f64)]));
            }
        }
        let expected = expected(series.iter().map(|(job, samples)| (job.as_str(), &samples[..])));
        assert_eq!(contents(&store), expected);
        drop(store);
        let (store, report) = open(&disk, &config).unwrap();
        assert_eq!((contents(&store), report.torn_end), (expected, None));
    }
}

#[test]
fn two_writers_of_one_timestamp_leave_the_same_winner_before_and_after_a_restart() {
    for _ in 0..20 {
        let disk = ModelDisk::default();
        let (store, _) = open(&disk, Config::default()).unwrap();
        thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..50 {
                        append(
                            store,
                            "tally",
                            &[(round % 5 * 60_000, f64::from(thread) + round as f64 * 4.0)],
                        );
                    }
                });
            }
        });
        let before = contents(&store);
        drop(store);
        assert_eq!(contents(&open(&disk, Config::default()).unwrap().0), before);
    }
}

#[test]
fn series_that_leave_while_others_write_take_nothing_along() {
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy {
            retention: Span::from_millis(50),
            out_of_order: OutOfOrder::Window(Span::from_hours(1)),
            ..Policy::default()
        },
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for at_ms in 0..1000 {
                let name = (at_ms % 200).to_string();
                let (sample, labels) = ([(at_ms, 1.0)], [("series", name.as_str())]);
                let appended = store.append(&[SeriesSamples { labels: &labels, samples: &sample }]).unwrap();
                assert_eq!(appended.stored, 1);
                // Never past what this thread wrote, so that each of its samples is wanted when it comes.
                store.retain(Timestamp::from_millis(at_ms)).unwrap();
            }
        });
        scope.spawn(|| {
            for at_ms in 0..1000 {
                append(&store, "other", &[(1_000_000 + at_ms, 1.0)]);
            }
        });
    });
    assert_eq!(store.stats().series, 52);
    let before = contents(&store);
    assert_eq!(before.len(), 52);
    drop(store);
    assert_eq!(contents(&open(&disk, &config).unwrap().0), before);
}

#[test]
fn a_sample_that_comes_while_its_series_is_leaving_is_kept() {
    const SERIES: usize = 300;
    let disk = ModelDisk::default();
    let config = Config {
        policy: Policy { retention: Span::from_millis(50), ..Policy::default() },
        ..Config::default()
    };
    let (store, _) = open(&disk, &config).unwrap();
    let names: Vec<String> = (0..SERIES).map(|series| series.to_string()).collect();
    let labels: Vec<_> = names.iter().map(|name| [("series", name.as_str())]).collect();
    for round in 0..200_i64 {
        let sample = [(round * 100, round as f64)];
        thread::scope(|scope| {
            scope.spawn(|| {
                // One by one, so that many of them meet their series on its way out.
                for labels in &labels {
                    let appended = store.append(&[SeriesSamples { labels, samples: &sample }]).unwrap();
                    assert_eq!(appended.stored, 1);
                }
            });
            scope.spawn(|| store.retain(Timestamp::from_millis(round * 100 + 50)).unwrap());
        });
        let found = contents(&store);
        assert_eq!(found.len(), SERIES, "round {round}");
        assert!(found.values().all(|samples| *samples == [(round * 100, (round as f64).to_bits())].into()));
    }
    let before = contents(&store);
    drop(store);
    assert_eq!(contents(&open(&disk, &config).unwrap().0), before);
}
