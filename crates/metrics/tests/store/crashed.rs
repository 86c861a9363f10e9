//! Seeded crashes of the machine on `turmoil-fs`: at any moment of appends, checkpoints, cuts, compactions, deletes
//! and retention; with torn writes, lost pages and names, operations that fail, and a full disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::{Rng, Span, Timestamp};
use metrics::{
    AppendFault, Config, Effort, Fsync, MaintenanceFault, MetricsStore, OutOfOrder, Policy, SeriesHistograms,
    SeriesSamples,
};
use promql::{BucketSpan, Buckets, CounterResetHint, Histogram, Matcher, Selection, SeriesSource, TimeRange};
use turmoil_fs::Fs;

use crate::DIR;
use crate::turmoil_disk::{Faults, TurmoilDisk};

/// For each sample the values that may be there: that of which it is certain, and those that may have come since.
type Allowed = BTreeMap<(String, i64), BTreeSet<Option<u64>>>;

const CRASHES: u64 = 20_000;
const CRASHES_PER_SEED: u64 = 4;
const SPAN_MS: i64 = 60_000;
const RETENTION_MS: i64 = 20 * SPAN_MS;

struct World {
    rng: Rng,
    config: Config,
    now_ms: i64,
    floor_ms: i64,
    allowed: Allowed,
    /// Samples of which something was acknowledged and is not yet certain.
    unsynced: BTreeMap<(String, i64), Option<u64>>,
    stopped: bool,
}

fn histogram(sum: f64) -> Histogram {
    Histogram {
        counter_reset_hint: CounterResetHint::Unknown,
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: 1.0,
        count: sum + 3.0,
        sum,
        positive: Buckets { spans: vec![BucketSpan { offset: -2, length: 2 }], counts: vec![sum, 2.0] },
        negative: Buckets::default(),
        custom_bounds: Arc::new([]),
    }
}

fn found(store: &MetricsStore) -> BTreeMap<(String, i64), u64> {
    let mut found = BTreeMap::new();
    store
        .select(&Selection::new(&[], TimeRange::ALL), &mut |series| {
            let name = series.labels.get("job").unwrap();
            for (at_ms, value) in series.timestamps.iter().zip(series.values) {
                assert!(found.insert((name.to_owned(), *at_ms), value.to_bits()).is_none());
            }
            for (at_ms, value) in series.histogram_timestamps.iter().zip(series.histograms) {
                assert!(value.is_same(&histogram(value.sum)), "{value}");
                assert!(found.insert((name.to_owned(), *at_ms), value.sum.to_bits()).is_none());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let config = Config {
            fsync: if rng.chance(500) { Fsync::EachAppend } else { Fsync::EverySecond },
            segment_bytes_max: 100 + rng.below(1500),
            policy: Policy {
                retention: Span::from_millis(RETENTION_MS),
                out_of_order: OutOfOrder::Unlimited,
                ..Policy::default()
            },
            block_span: Span::from_millis(SPAN_MS),
            cut_after: Span::from_millis(SPAN_MS / 2),
            ..Config::default()
        };
        let (allowed, unsynced) = (Allowed::new(), BTreeMap::new());
        Self { rng, config, now_ms: 0, floor_ms: i64::MIN, allowed, unsynced, stopped: false }
    }

    /// Something became of a sample; whether it is there is certain once the log was synced.
    fn note(&mut self, key: (String, i64), value: Option<u64>, is_acknowledged: bool) {
        let values = self.allowed.entry(key.clone()).or_insert_with(|| [None].into());
        values.insert(value);
        if is_acknowledged {
            self.unsynced.insert(key, value);
        } else {
            // Nobody knows which of them it is, even after a sync.
            self.unsynced.remove(&key);
        }
    }

    fn synced(&mut self) {
        for (key, value) in std::mem::take(&mut self.unsynced) {
            self.allowed.insert(key, [value].into());
        }
    }

    fn appended(&mut self, keys: &[(String, i64)], value: f64, result: Result<u64, AppendFault>) {
        match result {
            Ok(stored) => {
                assert!(!self.stopped, "acknowledged after the log had failed");
                assert_eq!(stored, keys.len() as u64);
            }
            Err(AppendFault::OutcomeUnknown(_)) => self.stopped = true,
            Err(AppendFault::Stopped(_)) => return assert!(self.stopped),
        }
        for key in keys {
            self.note(key.clone(), Some(value.to_bits()), !self.stopped);
        }
        if !self.stopped && self.config.fsync == Fsync::EachAppend {
            self.synced();
        }
    }

    fn append(&mut self, store: &MetricsStore) {
        self.now_ms += self.rng.below(SPAN_MS as u64 / 2) as i64;
        let late = if self.rng.chance(300) { self.rng.below(6 * SPAN_MS as u64) as i64 } else { 0 };
        let at_ms = (self.now_ms - late).max(self.floor_ms);
        let value = self.rng.below(1_000_000) as f64 / 8.0;
        if self.rng.chance(200) {
            let labels = [("job", "histogram")];
            let histograms = [(at_ms, histogram(value))];
            let batch = [SeriesHistograms { labels: &labels, histograms: &histograms }];
            let result = store.append_histograms("", &batch).map(|appended| appended.stored);
            return self.appended(&[("histogram".to_owned(), at_ms)], value, result);
        }
        let jobs: Vec<String> = (0..4).filter(|_| self.rng.chance(600)).map(|job| job.to_string()).collect();
        let labels: Vec<_> = jobs.iter().map(|job| [("job", job.as_str())]).collect();
        let samples = [(at_ms, value)];
        let batch: Vec<_> = labels.iter().map(|labels| SeriesSamples { labels, samples: &samples }).collect();
        let result = store.append(&batch).map(|appended| appended.stored);
        let keys: Vec<_> = jobs.iter().map(|job| (job.clone(), at_ms)).collect();
        self.appended(&keys, value, result);
    }

    fn delete(&mut self, store: &MetricsStore) {
        let job = self.rng.below(4).to_string();
        let start_ms = self.now_ms - self.rng.below(8 * SPAN_MS as u64) as i64;
        let end_ms = start_ms + self.rng.below(2 * SPAN_MS as u64) as i64;
        let range = TimeRange::new(Timestamp::from_millis(start_ms), Timestamp::from_millis(end_ms));
        let result = store.delete(&[Matcher::equal("job", job.as_str())], range);
        let gone =
            self.allowed.keys().filter(|(of, at_ms)| *of == job && (start_ms..=end_ms).contains(at_ms));
        let gone: Vec<_> = gone.cloned().collect();
        for key in gone {
            self.note(key, None, result.is_ok());
        }
        self.maintained(result.map(drop));
    }

    fn maintained(&mut self, result: Result<(), MaintenanceFault>) {
        self.stopped |= matches!(result, Err(MaintenanceFault::Log(_)));
    }

    fn step(&mut self, store: &MetricsStore) {
        let now = Timestamp::from_millis(self.now_ms);
        match self.rng.below(20) {
            0..=9 => self.append(store),
            10..=11 => {
                let result = store.sync();
                if result.is_ok() {
                    self.synced();
                }
                self.maintained(result);
            }
            12 => self.maintained(store.checkpoint().map(drop)),
            13..=14 => self.maintained(store.cut(now).map(drop)),
            15 => self.maintained(store.cut_all().map(drop)),
            16 => self.maintained(store.compact(Effort::Due).map(drop)),
            17 => self.maintained(store.compact(Effort::All).map(drop)),
            18 => self.delete(store),
            _ => {
                // Where it fails, what is older may be gone or not.
                self.floor_ms = self.floor_ms.max(self.now_ms - RETENTION_MS);
                self.maintained(store.retain(now).map(drop));
            }
        }
    }

    /// What is there must be allowed, and is certain from here on.
    fn check(&mut self, store: &MetricsStore, trial: &str) {
        let found = found(store);
        for (key, values) in self.allowed.iter().filter(|((_, at_ms), _)| *at_ms >= self.floor_ms) {
            let value = found.get(key).copied();
            assert!(values.contains(&value), "{trial}: {key:?}: {value:?} is none of {values:?}");
        }
        for key in found.keys() {
            assert!(self.allowed.contains_key(key), "{trial}: {key:?} was never appended");
        }
        for (key, values) in &mut self.allowed {
            *values = [found.get(key).copied()].into();
        }
        self.unsynced.clear();
        self.stopped = false;
    }
}

/// One life of a disk with several crashes; gives how many operations failed.
fn live(seed: u64) {
    let mut world = World::new(seed);
    let sync_probability = f64::from(world.rng.below(4) as u32) / 10.0;
    let block_size = [16, 64, 512][world.rng.below(3) as usize];
    let fs = Fs::builder().seed(seed).sync_probability(sync_probability).block_size(block_size).build();
    let _entered = fs.enter();
    let disk = TurmoilDisk::default();
    let open = || MetricsStore::open(Arc::new(disk.clone()), DIR, world_config(seed));
    for crash in 0..CRASHES_PER_SEED {
        let trial = format!("seed {seed}, crash {crash}");
        *disk.0.lock().unwrap() = Faults::default();
        let (store, report) = open().unwrap_or_else(|fault| panic!("{trial}: {fault:?}"));
        assert!(report.broken_blocks.is_empty(), "{trial}: {:?}", report.broken_blocks);
        world.check(&store, &trial);
        {
            let mut faults = disk.0.lock().unwrap();
            match world.rng.below(3) {
                0 => faults.error_in = 1 + world.rng.below(120),
                1 => faults.room = Some(world.rng.below(6000)),
                _ => {}
            }
        }
        for _ in 0..5 + world.rng.below(20) {
            world.step(&store);
        }
        drop(store);
        // The program dies alone, or the machine with it.
        if world.rng.chance(800) {
            fs.crash();
        } else {
            world.survive();
        }
    }
}

impl World {
    /// The death of the program loses nothing that was acknowledged.
    fn survive(&mut self) {
        self.synced();
    }
}

fn world_config(seed: u64) -> Config {
    World::new(seed).config
}

#[test]
fn twenty_thousand_crashes_lose_nothing_that_was_certain_and_invent_nothing() {
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                (0..CRASHES / CRASHES_PER_SEED).filter(|seed| seed % 2 == half).for_each(live)
            });
        }
    });
}
