//! The store behind PromQL's interface, beside the one that looks at every series.

use std::ops::ControlFlow;

use kernel::{Labels, Timestamp};
use metrics::{Config, MetricsStore, SeriesSamples};
use promql::in_memory::InMemory;
use promql::{MatchOp, Matcher, Selection, SeriesSource, TimeRange};

use crate::model_disk::ModelDisk;
use crate::open;

fn both() -> (MetricsStore, InMemory) {
    let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
    let mut memory = InMemory::new();
    for (number, job) in ["api", "web", "db", ""].into_iter().enumerate() {
        for pod in 0..5_i64 {
            let pod_name = format!("pod-{pod}");
            let pairs = [("__name__", "up"), ("job", job), ("pod", pod_name.as_str())];
            let labels = Labels::new(pairs).unwrap();
            let first = number as i64 * 3600;
            let samples: Vec<_> = (0..300)
                .map(|i| ((first + i * 15 + pod) * 1000, if i == 200 { promql::STALE_NAN } else { i as f64 }))
                .collect();
            store.append(&[SeriesSamples { labels: &pairs, samples: &samples }]).unwrap();
            samples.iter().for_each(|(at_ms, v)| memory.push(&labels, Timestamp::from_millis(*at_ms), *v));
        }
    }
    (store, memory)
}

fn selected(
    source: &dyn SeriesSource,
    matchers: &[Matcher],
    range: TimeRange,
) -> Vec<(String, Vec<i64>, Vec<u64>)> {
    let mut all = Vec::new();
    source
        .select(&Selection::new(matchers, range), &mut |series| {
            let bits = series.values.iter().map(|value| value.to_bits()).collect();
            all.push((series.labels.to_string(), series.timestamps.to_vec(), bits));
            ControlFlow::Continue(())
        })
        .unwrap();
    all.sort();
    all
}

#[test]
fn every_question_is_answered_as_by_looking_at_everything() {
    let (store, memory) = both();
    let questions = [
        vec![],
        vec![Matcher::equal("__name__", "up")],
        vec![Matcher::equal("job", "")],
        vec![Matcher::equal("job", "api"), Matcher::new("pod", MatchOp::Regex, "pod-[0-2]").unwrap()],
        vec![Matcher::new("job", MatchOp::NotEqual, "").unwrap(), Matcher::equal("pod", "pod-3")],
        vec![Matcher::new("job", MatchOp::NotRegex, "web|d.*").unwrap()],
        vec![Matcher::equal("__name__", "down")],
    ];
    let range = |from, to| TimeRange::new(Timestamp::from_secs(from), Timestamp::from_secs(to));
    let ranges = [
        TimeRange::ALL,
        range(0, 0),
        range(5, 14),
        range(3600, 5000),
        range(4000, 3000),
        range(99_999, 100_000),
    ];
    for matchers in &questions {
        for range in ranges {
            assert_eq!(
                selected(&store, matchers, range),
                selected(&memory, matchers, range),
                "{matchers:?} {range:?}"
            );
            assert_eq!(store.series(matchers, range).unwrap(), memory.series(matchers, range).unwrap());
            assert_eq!(
                store.label_names(matchers, range).unwrap(),
                memory.label_names(matchers, range).unwrap()
            );
            for name in ["job", "pod", "none"] {
                let values = store.label_values(name, matchers, range).unwrap();
                assert_eq!(values, memory.label_values(name, matchers, range).unwrap());
            }
        }
    }
}

fn order(store: &MetricsStore) -> Vec<String> {
    let mut order = Vec::new();
    store
        .select(&Selection::new(&[], TimeRange::ALL), &mut |series| {
            order.push(series.labels.to_string());
            ControlFlow::Continue(())
        })
        .unwrap();
    order
}

#[test]
fn one_store_gives_its_series_in_one_order_before_and_after_a_restart() {
    for in_blocks in [false, true] {
        let disk = ModelDisk::default();
        let (store, _) = open(&disk, Config::default()).unwrap();
        for (round, jobs) in [["d", "b", "a"], ["c", "a", "e"]].into_iter().enumerate() {
            jobs.iter().for_each(|job| drop(crate::append(&store, job, &[(round as i64, 1.0)])));
            if in_blocks {
                store.cut_all().unwrap();
            }
        }
        let before = order(&store);
        assert_eq!((before.len(), order(&store)), (5, before.clone()));
        drop(store);
        assert_eq!(order(&open(&disk, Config::default()).unwrap().0), before);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_shown_no_more() {
    let (store, _) = both();
    let mut seen = 0;
    store
        .select(&Selection::new(&[], TimeRange::ALL), &mut |_| {
            seen += 1;
            if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn in_parts_every_series_comes_once_and_in_the_order_of_one_part() {
    for in_blocks in [false, true] {
        let (store, _) = open(&ModelDisk::default(), Config::default()).unwrap();
        for job in 0..10_000 {
            crate::append(&store, &job.to_string(), &[(1, 1.0)]);
        }
        if in_blocks {
            store.cut_all().unwrap();
        }
        let parts: [std::sync::Mutex<Vec<String>>; 3] = Default::default();
        let selection = Selection::new(&[], TimeRange::ALL);
        store
            .select_lent(&selection, 3, &|part, lent| {
                parts[part].lock().unwrap().push(lent.labels.to_labels().to_string());
                ControlFlow::Continue(())
            })
            .unwrap();
        let parts = parts.map(|part| part.into_inner().unwrap());
        assert!(parts.iter().all(|part| part.len() > 3000));
        assert!(parts.concat() == order(&store));
    }
}
