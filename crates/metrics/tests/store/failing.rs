//! A disk that fails at each operation in turn.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Rng, Span, Timestamp};
use metrics::{AppendFault, Config, Fsync, MetricsStore, OutOfOrder, Policy, SeriesSamples};

use crate::model_disk::{Failure, ModelDisk};
use crate::{Contents, contents, open};

/// For each timestamp of a series the values that may be there after a crash.
type Allowed = BTreeMap<String, BTreeMap<i64, BTreeSet<Option<u64>>>>;

#[derive(Default)]
struct Expectation {
    allowed: Allowed,
    floor_ms: i64,
    stopped: bool,
}

const RETENTION_MS: i64 = 600_000;

fn config(fsync: Fsync) -> Config {
    Config {
        policy: Policy {
            retention: Span::from_millis(RETENTION_MS),
            out_of_order: OutOfOrder::Window(Span::from_millis(RETENTION_MS)),
            ..Policy::default()
        },
        fsync,
        segment_bytes_max: 300,
        ..Config::default()
    }
}

impl Expectation {
    fn append(&mut self, store: &MetricsStore, jobs: &[&str], at_ms: i64, value: f64) {
        let labels: Vec<_> = jobs.iter().map(|job| [("job", *job)]).collect();
        let samples = [(at_ms, value)];
        let batch: Vec<_> = labels.iter().map(|labels| SeriesSamples { labels, samples: &samples }).collect();
        let result = store.append(&batch);
        match &result {
            Ok(appended) => {
                assert!(!self.stopped, "acknowledged after the log had failed");
                assert_eq!(appended.refused.total(), 0);
            }
            Err(AppendFault::OutcomeUnknown(_)) => assert!(!self.stopped),
            Err(AppendFault::Stopped(_)) => assert!(self.stopped),
        }
        self.stopped |= result.is_err();
        for job in jobs {
            let values =
                self.allowed.entry(format!("{{job={job:?}}}")).or_default().entry(at_ms).or_default();
            if values.is_empty() {
                values.insert(None);
            }
            match &result {
                Ok(_) => *values = [Some(value.to_bits())].into(),
                Err(AppendFault::OutcomeUnknown(_)) => drop(values.insert(Some(value.to_bits()))),
                Err(AppendFault::Stopped(_)) => {}
            }
        }
    }

    /// Appends, upserts, late samples, retention and checkpoints.
    fn work(&mut self, store: &MetricsStore) {
        for round in 0..24_i64 {
            let at_ms = 1_000_000 + round * 60_000;
            let churning = format!("pod-{}", round / 4);
            self.append(store, &["a", "b", &churning], at_ms, round as f64);
            self.append(store, &["a"], at_ms, round as f64 + 0.5);
            self.append(store, &["b"], at_ms - 30_000, 0.1);
            if round % 3 == 0 {
                self.stopped |= store.sync().is_err();
            }
            if round % 5 == 4 {
                // A checkpoint that fails for want of space stops nothing.
                let _ = store.checkpoint();
                self.stopped = store.stats().stopped;
            }
            if round % 7 == 6 {
                // Where it fails, what is older may be gone or not.
                self.floor_ms = at_ms - RETENTION_MS;
                self.stopped |= store.retain(Timestamp::from_millis(at_ms)).is_err();
            }
        }
    }

    fn check(&self, found: &Contents, trial: &str) {
        for (series, samples) in &self.allowed {
            for (at_ms, values) in samples.iter().filter(|(at_ms, _)| **at_ms >= self.floor_ms) {
                let value = found.get(series).and_then(|samples| samples.get(at_ms)).copied();
                assert!(
                    values.contains(&value),
                    "{trial}: {series} at {at_ms}: {value:?} is none of {values:?}"
                );
            }
        }
        for (series, samples) in found {
            for at_ms in samples.keys() {
                let known = self.allowed.get(series).is_some_and(|samples| samples.contains_key(at_ms));
                assert!(known, "{trial}: {series} at {at_ms} was never appended");
            }
        }
    }
}

/// Lets each operation fail in turn, and calls `restart` with the disk and what it must hold.
fn for_each_failure(fsync: Fsync, failure: Failure, restart: impl Fn(&ModelDisk, &Expectation, &str)) {
    let mut stopped = 0;
    for at in 1.. {
        let disk = ModelDisk::default();
        disk.fail_at(at, failure);
        let mut expectation = Expectation { floor_ms: i64::MIN, ..Expectation::default() };
        if let Ok((store, _)) = open(&disk, config(fsync)) {
            expectation.work(&store);
        }
        stopped += u64::from(expectation.stopped);
        restart(&disk, &expectation, &format!("{fsync:?}, {failure:?} at operation {at}"));
        if !disk.has_failed() {
            assert!(at > 100 && stopped > 50, "{at} operations, stopped {stopped} times");
            return;
        }
    }
}

#[test]
fn after_any_failed_operation_and_a_restart_all_acknowledged_samples_are_there() {
    for fsync in [Fsync::EverySecond, Fsync::EachAppend] {
        for failure in [Failure::Once, Failure::ShortThenFull] {
            for_each_failure(fsync, failure, |disk, expectation, trial| {
                let (store, _) =
                    open(&disk.copy(), config(fsync)).unwrap_or_else(|f| panic!("{trial}: {f:?}"));
                expectation.check(&contents(&store), trial);
            });
        }
    }
}

#[test]
fn after_any_failed_operation_and_a_power_cut_all_samples_that_were_acknowledged_as_durable_are_there() {
    let config = config(Fsync::EachAppend);
    for failure in [Failure::Once, Failure::ShortThenFull] {
        for_each_failure(Fsync::EachAppend, failure, |disk, expectation, trial| {
            for seed in 0..4 {
                let disk = disk.after_power_cut(&mut Rng::new(seed));
                let (store, _) = open(&disk, &config).unwrap_or_else(|f| panic!("{trial}, {seed}: {f:?}"));
                expectation.check(&contents(&store), trial);
            }
        });
    }
}

#[test]
fn any_failed_operation_while_opening_is_a_fault_and_the_next_try_finds_everything() {
    let disk = ModelDisk::default();
    let (store, _) = open(&disk, config(Fsync::EverySecond)).unwrap();
    let mut expectation = Expectation { floor_ms: i64::MIN, ..Expectation::default() };
    expectation.work(&store);
    let before = contents(&store);
    drop(store);
    let mut torn = disk.bytes(&disk.last_segment());
    torn.extend_from_slice(b"torn");
    disk.put(&disk.last_segment(), torn);
    for at in 1.. {
        let disk = disk.copy();
        disk.fail_at(at, Failure::Once);
        let opened = open(&disk, config(Fsync::EverySecond));
        if !disk.has_failed() {
            assert!(at > 5);
            break;
        }
        assert!(opened.is_err(), "operation {at} failed and nobody said so");
        let (store, _) = open(&disk, config(Fsync::EverySecond)).unwrap();
        assert_eq!(contents(&store), before, "operation {at}");
    }
}

#[test]
fn without_a_sync_a_power_cut_loses_the_end_only() {
    for seed in 0..200 {
        let disk = ModelDisk::default();
        let (store, _) = open(&disk, config(Fsync::EverySecond)).unwrap();
        let mut sizes = Vec::new();
        for at_ms in 0..20 {
            crate::append(&store, "a", &[(at_ms, 1.0)]);
            if at_ms == 7 {
                store.sync().unwrap();
            }
            sizes.push(contents(&store));
        }
        drop(store);
        let (store, _) =
            open(&disk.after_power_cut(&mut Rng::new(seed)), config(Fsync::EverySecond)).unwrap();
        let kept = contents(&store);
        assert!(sizes[7..].contains(&kept), "{kept:?}");
    }
}

#[test]
fn what_a_restart_has_found_is_durable_when_the_machine_dies_after_it() {
    for seed in 0..50 {
        let disk = ModelDisk::default();
        let (store, _) = open(&disk, config(Fsync::EverySecond)).unwrap();
        crate::append(&store, "a", &[(1, 1.0)]);
        crate::append(&store, "a", &[(2, 2.0)]);
        let found = contents(&store);
        drop(store);
        let (store, _) = open(&disk, config(Fsync::EverySecond)).unwrap();
        crate::append(&store, "b", &[(3, 3.0)]);
        drop(store);
        let disk = disk.after_power_cut(&mut Rng::new(seed));
        let (store, _) = open(&disk, config(Fsync::EverySecond)).unwrap();
        let mut kept = contents(&store);
        kept.retain(|series, _| found.contains_key(series));
        assert_eq!(kept, found, "seed {seed}");
    }
}
