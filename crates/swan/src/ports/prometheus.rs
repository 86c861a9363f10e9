//! The binary's side of what a Prometheus tells of itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alerting::Reading;
use kernel::{Labels, Timestamp};
use promql::{Matcher, TimeRange};
use tokio::sync::watch;
use web::ports::{About, Evaluation, Fault, StorageStats};

use super::failed;
use crate::clock::Clock;
use crate::runtime::herald::InForce;

/// The samples' store as its keeper sees it.
pub(crate) struct StoragePort {
    pub(crate) store: Arc<metrics::MetricsStore>,
    /// Where snapshots are made.
    pub(crate) snapshots: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
}

impl web::ports::Storage for StoragePort {
    fn stats(&self, limit: usize) -> Result<StorageStats, Fault> {
        let (stats, cardinality) = (self.store.stats(), self.store.cardinality(limit));
        let times = stats.oldest_ms.zip(stats.newest_ms);
        Ok(StorageStats {
            series: cardinality.series,
            label_pairs: cardinality.label_pairs,
            chunks: stats.chunks,
            times: times.map(|(from, to)| (Timestamp::from_millis(from), Timestamp::from_millis(to))),
            series_by_metric: cardinality.series_by_metric,
            values_by_label: cardinality.values_by_label,
            bytes_by_label: cardinality.bytes_by_label,
            series_by_pair: cardinality.series_by_pair,
        })
    }

    fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), Fault> {
        let deleted = self.store.delete(matchers, range);
        let deleted = deleted.map_err(|fault| failed("delete samples", &fault))?;
        let selector = matchers.iter().map(Matcher::to_string).collect::<Vec<_>>().join(",");
        tracing::info!(selector, series = deleted.memory_series, "samples were deleted");
        Ok(())
    }

    fn clean(&self) -> Result<(), Fault> {
        loop {
            let compacted = self.store.compact(metrics::Effort::All);
            let compacted =
                compacted.map_err(|fault| failed("take what was deleted off the disk", &fault))?;
            if let Some(fault) = compacted.broken {
                return Err(failed("take what was deleted off the disk", &fault));
            }
            if compacted.replaced == 0 {
                return Ok(());
            }
        }
    }

    fn snapshot(&self) -> Result<String, Fault> {
        let now = self.clock.now();
        let name = format!("{}-{:016x}", now.to_jiff().strftime("%Y%m%dT%H%M%SZ"), now.as_millis());
        let made = self.store.snapshot(&self.snapshots.join(&name));
        made.map_err(|fault| failed("make a snapshot", &fault))?;
        Ok(name)
    }
}

/// How rules fared when they were last evaluated, and what was read then. It is about this process: a rule that was not
/// evaluated since the start is unknown.
#[derive(Default)]
pub(crate) struct RuleBook {
    rules: Mutex<BTreeMap<String, BTreeMap<usize, Evaluation>>>,
    readings: Mutex<BTreeMap<String, Readings>>,
    groups: Mutex<BTreeMap<String, Evaluation>>,
}

/// What each rule of a group read, by its place, and the time of the samples.
type Readings = BTreeMap<usize, (Timestamp, Arc<Reading>)>;

impl RuleBook {
    /// A rule was evaluated.
    pub(crate) fn evaluated(&self, group: &str, place: usize, evaluation: Evaluation) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.entry(group.to_owned()).or_default().insert(place, evaluation);
    }

    /// What an evaluation of an alerting rule read, as of this time of its samples. One on the interval may have waited
    /// for samples while a later one was proven; the later one stays.
    pub(crate) fn read(&self, group: &str, place: usize, read_at: Timestamp, reading: Arc<Reading>) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let of_group = readings.entry(group.to_owned()).or_default();
        if of_group.get(&place).is_none_or(|(known_at, _)| *known_at <= read_at) {
            of_group.insert(place, (read_at, reading));
        }
    }

    /// All rules of a group were.
    pub(crate) fn round(&self, group: &str, at: Timestamp, took: Duration) {
        let round = Evaluation { at: Some(at), took, error: None };
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).insert(group.to_owned(), round);
    }

    /// Another configuration takes effect: what is known is about rules that may not be there any more.
    pub(crate) fn forget(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl web::ports::RuleHealth for RuleBook {
    fn rule(&self, group: &str, place: usize) -> Option<Evaluation> {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.get(group)?.get(&place).cloned()
    }

    fn reading(&self, group: &str, place: usize) -> Option<Arc<Reading>> {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.get(group)?.get(&place).map(|(_, reading)| Arc::clone(reading))
    }

    fn group(&self, group: &str) -> Option<Evaluation> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(group).cloned()
    }
}

/// The process as it was started.
pub(crate) struct ProcessPort {
    pub(crate) about: About,
    pub(crate) in_force: watch::Receiver<InForce>,
}

impl web::ports::Process for ProcessPort {
    fn about(&self) -> About {
        let retention = self.in_force.borrow().as_ref().map_or(self.about.retention, |c| c.metrics.retention);
        About { threads: threads(), retention, ..self.about.clone() }
    }

    fn promql(&self) -> promql::Settings {
        let on = self.in_force.borrow().as_ref().map(|configuration| configuration.promql);
        web::language::settings(on.unwrap_or_default())
    }

    fn external_labels(&self) -> Labels {
        self.in_force.borrow().as_ref().map_or_else(Labels::default, |configuration| configuration.external())
    }
}

/// What does not change of the process.
pub(crate) fn about(started_at: Timestamp, flags: BTreeMap<String, String>) -> About {
    let directory = std::env::current_dir().map_or_else(|_| String::new(), |path| path.display().to_string());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    About {
        started_at,
        directory,
        host: host.trim().to_owned(),
        threads: threads(),
        retention: metrics::Policy::default().retention,
        flags,
    }
}

/// The threads of this process; 0 where the system does not say.
fn threads() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}
