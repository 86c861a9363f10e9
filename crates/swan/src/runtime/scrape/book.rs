//! What is known of targets and metrics, for those who ask: written by the scrapes, read by the doors.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::{Labels, Timestamp};
use web::ports::{ActiveTarget, DroppedTarget, FamilyMetadata, Metadata, TargetHealth, Targets};

use super::limits::DROPPED_KEPT_MAX;
use super::told::Told;

/// A target's place: its job, and what tells it from the job's others.
pub(super) type TargetKey = (String, Labels);

/// Shared by all scrapes and the doors.
#[derive(Default)]
pub(crate) struct Book(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    active: BTreeMap<TargetKey, Row>,
    dropped: BTreeMap<String, (Vec<Labels>, u64)>,
    /// Of those who pushed.
    told: Told,
}

struct Row {
    target: ActiveTarget,
    meanings: BTreeMap<String, Metadata>,
}

/// What a scrape came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) at: Timestamp,
    pub(super) took: Duration,
    pub(super) error: Option<String>,
}

impl Book {
    /// With what senders said before, as the file has it.
    pub(crate) fn open(told: &Path) -> std::io::Result<Self> {
        Ok(Self(Mutex::new(Pages { told: Told::open(told)?, ..Pages::default() })))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Every change is one insertion or removal, so what a panic left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a target, or shows it in its new form.
    pub(super) fn show(&self, key: &TargetKey, target: ActiveTarget) {
        let mut pages = self.pages();
        match pages.active.get_mut(key) {
            Some(row) => {
                let ActiveTarget { last_error, last_scrape, last_took, health, .. } = row.target.clone();
                row.target = ActiveTarget { last_error, last_scrape, last_took, health, ..target };
            }
            None => {
                pages.active.insert(key.clone(), Row { target, meanings: BTreeMap::new() });
            }
        }
    }

    /// Takes a target out.
    pub(super) fn forget(&self, key: &TargetKey) {
        self.pages().active.remove(key);
    }

    /// Says which targets a job dropped.
    pub(super) fn dropped(&self, job: &str, all: Vec<Labels>, keep: u64) {
        let count = all.len() as u64;
        let keep = if keep == 0 { DROPPED_KEPT_MAX } else { DROPPED_KEPT_MAX.min(keep as usize) };
        let kept = all.into_iter().take(keep).collect();
        self.pages().dropped.insert(job.to_owned(), (kept, count));
    }

    /// Takes a job out.
    pub(super) fn forget_job(&self, job: &str) {
        let mut pages = self.pages();
        pages.dropped.remove(job);
        pages.active.retain(|(of, _), _| of != job);
    }

    /// Notes how a scrape went.
    pub(super) fn scraped(&self, key: &TargetKey, outcome: Outcome) {
        if let Some(row) = self.pages().active.get_mut(key) {
            row.target.health = if outcome.error.is_none() { TargetHealth::Up } else { TargetHealth::Down };
            row.target.last_error = outcome.error;
            row.target.last_scrape = Some(outcome.at);
            row.target.last_took = outcome.took;
        }
    }

    /// Notes what a target says of its metrics.
    pub(super) fn meant(&self, key: &TargetKey, meanings: BTreeMap<String, Metadata>) {
        if let Some(row) = self.pages().active.get_mut(key) {
            row.meanings = meanings;
        }
    }

    /// Notes what a sender says of its metrics.
    pub(crate) fn note(&self, meanings: &[(&str, Metadata)]) {
        let mut pages = self.pages();
        meanings.iter().for_each(|(metric, meaning)| pages.told.add(metric, meaning));
    }
}

impl Targets for Book {
    fn pools(&self) -> Vec<String> {
        // Every job says what it dropped, if only that it is nothing.
        self.pages().dropped.keys().cloned().collect()
    }

    fn active(&self) -> Vec<ActiveTarget> {
        let mut active: Vec<ActiveTarget> =
            self.pages().active.values().map(|row| row.target.clone()).collect();
        active.sort_by(|a, b| (&a.pool, &a.url).cmp(&(&b.pool, &b.url)));
        active
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        let pages = self.pages();
        let all = pages.dropped.iter().flat_map(|(pool, (kept, _))| {
            kept.iter().map(|discovered| DroppedTarget { pool: pool.clone(), discovered: discovered.clone() })
        });
        all.collect()
    }

    fn dropped_counts(&self) -> BTreeMap<String, u64> {
        self.pages().dropped.iter().map(|(pool, (_, count))| (pool.clone(), *count)).collect()
    }

    fn metadata(&self, family: Option<&str>) -> Vec<FamilyMetadata> {
        let pages = self.pages();
        let wanted = |name: &str| family.is_none_or(|family| family == name);
        let mut all = Vec::new();
        let mut add = |target: &Labels, family: &String, metadata: &Metadata| {
            all.push(FamilyMetadata {
                target: target.clone(),
                family: family.clone(),
                metadata: metadata.clone(),
            });
        };
        for row in pages.active.values() {
            let said = row.meanings.iter().filter(|(name, _)| wanted(name));
            said.for_each(|(name, metadata)| add(&row.target.labels, name, metadata));
        }
        for (name, meanings) in pages.told.all().filter(|(name, _)| wanted(name)) {
            meanings.iter().for_each(|metadata| add(&Labels::default(), name, metadata));
        }
        all
    }
}
