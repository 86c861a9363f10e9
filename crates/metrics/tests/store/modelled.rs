//! Random histories against a map.

use std::collections::BTreeMap;

use kernel::{Span, Timestamp};
use metrics::{Config, Effort, Fsync, OutOfOrder, Policy, SeriesSamples};
use promql::{Matcher, TimeRange};
use proptest::prelude::*;

use crate::model_disk::ModelDisk;
use crate::{Contents, contents, open};

#[derive(Debug, Clone)]
enum Step {
    /// For each: the series, the distance from the time of the step, the value.
    Append(Vec<(u8, i64, f64)>),
    Advance(i64),
    Reopen,
    /// Of this series, or of all; from and until, as distances from the time of the step.
    Delete(Option<u8>, i64, i64),
    Cut,
    CutAll,
    Compact(bool),
    Checkpoint,
    Retain,
    Sync,
}

const LATE_MS: i64 = 7_200_000;
const RETENTION_MS: i64 = 4 * LATE_MS;

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        4 => (0_i64..1000).prop_map(|v| v as f64),
        2 => (0_i64..1000).prop_map(|v| v as f64 / 100.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(promql::STALE_NAN),
    ];
    let distance = prop_oneof![
        4 => 0_i64..10,
        4 => (-120_i64..1).prop_map(|minutes| minutes * 60_000),
        1 => -LATE_MS * 2..1,
        1 => Just(-RETENTION_MS * 2),
    ];
    prop_oneof![
        12 => prop::collection::vec((0_u8..6, distance, value), 1..60).prop_map(Step::Append),
        6 => prop_oneof![1_i64..120_000, 60_000_i64..LATE_MS * 2].prop_map(Step::Advance),
        1 => Just(Step::Reopen),
        1 => (prop::option::of(0_u8..6), -LATE_MS * 2..1, 0_i64..LATE_MS)
            .prop_map(|(series, from, length)| Step::Delete(series, from, from + length)),
        2 => Just(Step::Cut),
        1 => Just(Step::CutAll),
        2 => any::<bool>().prop_map(Step::Compact),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Retain),
        1 => Just(Step::Sync),
    ]
}

/// The same promises, kept by a map.
#[derive(Default)]
struct Model {
    series: BTreeMap<u8, BTreeMap<i64, u64>>,
    floor_ms: Option<i64>,
}

impl Model {
    fn takes(&mut self, series: u8, at_ms: i64, value: f64) -> bool {
        if self.floor_ms.is_some_and(|floor_ms| at_ms < floor_ms) {
            return false;
        }
        let samples = self.series.entry(series).or_default();
        samples.insert(at_ms, value.to_bits());
        true
    }

    fn retain(&mut self, floor_ms: i64) {
        let floor_ms = self.floor_ms.map_or(floor_ms, |before| before.max(floor_ms));
        self.floor_ms = Some(floor_ms);
        for samples in self.series.values_mut() {
            samples.retain(|at_ms, _| *at_ms >= floor_ms);
        }
        self.series.retain(|_, samples| !samples.is_empty());
    }

    fn delete(&mut self, series: Option<u8>, from_ms: i64, until_ms: i64) {
        for (number, samples) in &mut self.series {
            if series.is_none_or(|series| series == *number) {
                samples.retain(|at_ms, _| *at_ms < from_ms || until_ms < *at_ms);
            }
        }
    }

    fn contents(&self) -> Contents {
        let series = self.series.iter().filter(|(_, samples)| !samples.is_empty());
        series.map(|(series, samples)| (format!("{{series=\"{series}\"}}"), samples.clone())).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_history_reads_as_a_map_would(
        steps in prop::collection::vec(step(), 1..60),
        each_append in any::<bool>(),
        segment_bytes_max in 100_u64..5000,
    ) {
        let config = Config {
            policy: Policy { retention: Span::from_millis(RETENTION_MS), out_of_order: OutOfOrder::Unlimited, ..Policy::default() },
            block_span: Span::from_millis(LATE_MS / 4),
            cut_after: Span::from_millis(LATE_MS / 8),
            fsync: if each_append { Fsync::EachAppend } else { Fsync::EverySecond },
            segment_bytes_max,
            ..Config::default()
        };
        let disk = ModelDisk::default();
        let mut store = open(&disk, &config).unwrap().0;
        let mut model = Model::default();
        let mut now_ms = 1_700_000_000_000;
        for step in steps {
            match step {
                Step::Append(samples) => {
                    let names: Vec<_> = samples.iter().map(|(series, ..)| series.to_string()).collect();
                    let labels: Vec<_> = names.iter().map(|name| [("series", name.as_str())]).collect();
                    let taken: Vec<_> = samples.iter().map(|(_, distance, v)| [(now_ms + distance, *v)]).collect();
                    let batch: Vec<_> = labels.iter().zip(&taken)
                        .map(|(labels, samples)| SeriesSamples { labels, samples }).collect();
                    let appended = store.append(&batch).unwrap();
                    let stored = samples.iter()
                        .filter(|(series, distance, value)| model.takes(*series, now_ms + distance, *value)).count();
                    prop_assert_eq!(appended.stored, stored as u64);
                    prop_assert_eq!(appended.refused.total(), (samples.len() - stored) as u64);
                }
                Step::Advance(ms) => now_ms += ms,
                Step::Reopen => {
                    drop(store);
                    let (reopened, report) = open(&disk, &config).unwrap();
                    prop_assert_eq!(report.torn_end, None);
                    store = reopened;
                }
                Step::Delete(series, from, until) => {
                    let (from_ms, until_ms) = (now_ms + from, now_ms + until);
                    let matchers: Vec<_> =
                        series.map(|series| Matcher::equal("series", series.to_string())).into_iter().collect();
                    let range = TimeRange::new(Timestamp::from_millis(from_ms), Timestamp::from_millis(until_ms));
                    store.delete(&matchers, range).unwrap();
                    model.delete(series, from_ms, until_ms);
                }
                Step::Cut => {
                    store.cut(Timestamp::from_millis(now_ms)).unwrap();
                    prop_assert!(!store.is_cut_due(Timestamp::from_millis(now_ms)));
                }
                Step::CutAll => {
                    store.cut_all().unwrap();
                    prop_assert_eq!(store.stats().samples, 0);
                }
                Step::Compact(all) => {
                    let effort = if all { Effort::All } else { Effort::Due };
                    while store.compact(effort).unwrap().replaced > 0 {}
                }
                Step::Checkpoint => {
                    store.checkpoint().unwrap();
                    let logs = disk.paths().iter().filter(|path| path.extension().is_none_or(|e| e == "wal" || e == "checkpoint")).count();
                    prop_assert_eq!(logs, 2, "{:?}", disk.paths());
                }
                Step::Retain => {
                    store.retain(Timestamp::from_millis(now_ms)).unwrap();
                    model.retain(now_ms - RETENTION_MS);
                }
                Step::Sync => store.sync().unwrap(),
            }
            prop_assert_eq!(contents(&store), model.contents());
        }
        drop(store);
        prop_assert_eq!(contents(&open(&disk, &config).unwrap().0), model.contents());
    }
}
