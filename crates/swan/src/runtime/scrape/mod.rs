//! Scraping: targets are found, relabelled, fetched on their interval, and what they expose is stored.
//!
//! A *job* of the configuration has discoveries, which tell it of targets, and a *worker* for each target that
//! relabelling leaves. A worker fetches, reads all of it or nothing, and writes one batch: the samples, `up` and its
//! siblings, and a staleness marker for each series that is gone. When a target or its job goes, all its series end so.
//! A job whose configuration changes hands its targets over; those that stay keep what they remember.
//!
//! Source: prometheus.io, "Configuration", `<scrape_config>`; "Jobs and instances".

mod access;
mod book;
mod discovery;
mod limits;
mod protocol;
pub(crate) mod relabel;
mod round;
mod series;
mod target;
mod told;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use facts::Configuration;
use facts::configuration::{
    RelabelConfig, ScrapeConfig, ScrapeJob, ScrapeProtocol, Secret, SecretRef, TargetGroup,
};
use kernel::{ContactId, Labels};
use store::Directory;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use web::ports::{ActiveTarget, Intake, Metadata, TargetHealth};

use self::access::Access;
use self::discovery::{Group, Update};
use self::limits::{TARGETS_MAX, UPDATES_QUEUED_MAX};
use self::relabel::Steps;
use self::round::{Job, Stop, Worker};
use self::series::Memory;
use self::target::{Relabelled, Target};
use super::herald::InForce;
use super::instruments::Instruments;

pub(crate) use book::Book;

/// What scraping works with; cheap to clone.
#[derive(Clone)]
pub(crate) struct ScrapeTools {
    pub(crate) instruments: Instruments,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) book: Arc<Book>,
    /// Has the secrets that stood in the configuration.
    pub(crate) directory: Directory,
}

impl ScrapeTools {
    fn secret(&self, secret: &Secret) -> Result<String, String> {
        match secret {
            Secret::Plain(text) => Ok(text.clone()),
            Secret::At(SecretRef::Directory(name)) => {
                let found = self.directory.address(&ContactId::new(name.as_str()));
                let row = found.map_err(|fault| crate::failure::in_full(&fault))?;
                row.map(|row| row.address).ok_or_else(|| format!("the directory has no secret `{name}`"))
            }
            Secret::At(place) => super::secrets::resolve(place),
        }
    }
}

/// Scrapes what the configuration in force names, until nobody tells of configurations any more.
pub(crate) async fn run(tools: ScrapeTools, mut told: watch::Receiver<InForce>) {
    let mut jobs: BTreeMap<String, Running> = BTreeMap::new();
    loop {
        let wanted = told.borrow_and_update().as_deref().map(configs).unwrap_or_default();
        let gone: Vec<String> = jobs.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(job) = jobs.remove(&name) {
                _ = job.stop(Stop::Gone).await;
                tools.book.forget_job(&name);
            }
        }
        for (name, config) in wanted {
            let before = jobs.get(&name).map(|job| job.config.clone());
            if before.as_ref() == Some(&config) {
                continue;
            }
            let memories = match jobs.remove(&name) {
                Some(job) => job.stop(Stop::HandOver).await,
                None => Memories::new(),
            };
            match Running::start(&tools, config, memories) {
                Ok(job) => _ = jobs.insert(name, job),
                Err(problem) => tracing::warn!(job = name, problem, "a job cannot scrape"),
            }
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}

/// All jobs by name: those of `scrape_configs`, and those of the short form in the same terms.
fn configs(configuration: &Configuration) -> BTreeMap<String, ScrapeConfig> {
    let short = configuration.scrape.iter().map(in_full_form);
    let mut all = BTreeMap::new();
    for config in short.chain(configuration.scrape_configs.iter().cloned()) {
        match all.get_mut(&config.job_name) {
            // The short form may name a job twice.
            Some(ScrapeConfig { static_configs, .. }) => static_configs.extend(config.static_configs),
            None => _ = all.insert(config.job_name.clone(), config),
        }
    }
    all
}

fn in_full_form(job: &ScrapeJob) -> ScrapeConfig {
    let minimal = serde_json::json!({
        "job_name": job.job,
        "metrics_path": job.path,
        "scheme": job.scheme,
        "scrape_interval": job.every,
        "scrape_timeout": job.timeout.unwrap_or(job.every).min(job.every),
    });
    let mut config: ScrapeConfig = serde_json::from_value(minimal).expect("every other key has a default");
    config.fallback_scrape_protocol = Some(ScrapeProtocol::PrometheusText004);
    config.static_configs = vec![TargetGroup { targets: job.targets.clone(), labels: job.labels.clone() }];
    config
}

/// What targets remember, by what tells them apart.
type Memories = BTreeMap<Labels, (Memory, BTreeMap<String, Metadata>)>;

/// A job at work.
struct Running {
    config: ScrapeConfig,
    stop: watch::Sender<Stop>,
    task: JoinHandle<Memories>,
}

impl Running {
    fn start(tools: &ScrapeTools, config: ScrapeConfig, memories: Memories) -> Result<Self, String> {
        let names = config.metric_name_validation_scheme.unwrap_or_default();
        let compile = |steps: &[RelabelConfig]| Steps::compile(steps, names).map_err(|(_, what)| what);
        let job = Job {
            target_steps: compile(&config.relabel_configs)?,
            sample_steps: compile(&config.metric_relabel_configs)?,
            access: Access::of_job(&config),
            over_limit: watch::Sender::new(None),
            config: config.clone(),
        };
        let (stop, told) = watch::channel(Stop::No);
        let crew = Crew {
            tools: tools.clone(),
            job: Arc::new(job),
            workers: BTreeMap::new(),
            memories,
            sources: vec![None; discovery::count(&config) + 1],
        };
        let task = tokio::spawn(crew.run(told));
        Ok(Self { config, stop, task })
    }

    async fn stop(self, how: Stop) -> Memories {
        self.stop.send_replace(how);
        match self.task.await {
            Ok(memories) => memories,
            // A bug ends the process, as it does everywhere.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Memories::new(),
        }
    }
}

/// A job's workers.
struct Crew {
    tools: ScrapeTools,
    job: Arc<Job>,
    workers: BTreeMap<Labels, AtWork>,
    /// Of targets that the job had before its configuration changed.
    memories: Memories,
    /// What each discovery knows; `None` before it said anything.
    sources: Vec<Option<Vec<Group>>>,
}

struct AtWork {
    stop: watch::Sender<Stop>,
    task: JoinHandle<Option<(Memory, BTreeMap<String, Metadata>)>>,
}

impl Crew {
    async fn run(mut self, mut told: watch::Receiver<Stop>) -> Memories {
        let config = Arc::new(self.job.config.clone());
        self.sources[0] = Some(discovery::static_groups(&config));
        let (sender, mut updates) = mpsc::channel(UPDATES_QUEUED_MAX);
        let mut discoveries = JoinSet::new();
        discovery::start(&self.tools, &config, &sender, &mut discoveries);
        self.work_on().await;
        loop {
            tokio::select! {
                biased;
                changed = told.changed() => {
                    let how = if changed.is_ok() { *told.borrow() } else { return Memories::new() };
                    return self.stop(how).await;
                }
                Some(Update { source, groups }) = updates.recv() => {
                    self.sources[source] = Some(groups);
                    self.work_on().await;
                }
            }
        }
    }

    /// Brings the workers in step with what the discoveries know.
    async fn work_on(&mut self) {
        let wanted = self.targets();
        let gone: Vec<Labels> =
            self.workers.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        for key in gone {
            self.dismiss(key).await;
        }
        // Until every discovery has spoken, a target of before may still be found.
        if self.sources.iter().all(Option::is_some) {
            let lost: Vec<Labels> =
                self.memories.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
            for key in lost {
                self.end(&key);
            }
        }
        self.hold_to_limit(wanted.len());
        for (key, target) in wanted {
            if !self.workers.contains_key(&key) {
                self.engage(key, target);
            }
        }
    }

    /// Past `target_limit`, no target of the job is scraped, and each says why.
    fn hold_to_limit(&self, targets: usize) {
        let limit = self.job.config.target_limit.unwrap_or(0);
        let over = limit > 0 && targets as u64 > limit;
        let problem = || format!("the job has {targets} targets, and `target_limit` is {limit}");
        self.job.over_limit.send_replace(over.then(problem));
    }

    /// The targets that relabelling leaves, by what tells them apart; what is dropped goes to the book.
    fn targets(&mut self) -> BTreeMap<Labels, Target> {
        let config = &self.job.config;
        let groups = self.sources.iter().flatten().flatten();
        let (mut kept, mut dropped) = (BTreeMap::new(), Vec::new());
        for discovered in groups.flat_map(Group::discovered) {
            match target::relabelled(config, &self.job.target_steps, discovered) {
                Relabelled::Kept(target) => _ = kept.insert(target.key(), *target),
                Relabelled::Dropped(labels) => dropped.push(labels),
                Relabelled::Unfit(labels, problem) => {
                    tracing::info!(job = config.job_name, %labels, problem, "a target cannot be scraped");
                }
            }
        }
        self.tools.book.dropped(&config.job_name, dropped, config.keep_dropped_targets.unwrap_or(0));
        while kept.len() > TARGETS_MAX {
            kept.pop_last();
        }
        kept
    }

    fn engage(&mut self, key: Labels, target: Target) {
        let (memory, meanings) = self.memories.remove(&key).unwrap_or_default();
        let job_name = self.job.config.job_name.clone();
        let shown = ActiveTarget {
            pool: job_name.clone(),
            discovered: target.discovered.clone(),
            labels: target.labels.clone(),
            url: target.url.to_string(),
            health: TargetHealth::Unknown,
            last_error: None,
            last_scrape: None,
            last_took: std::time::Duration::ZERO,
            interval: target.interval,
            timeout: target.timeout,
        };
        let book_key = (job_name, key.clone());
        self.tools.book.show(&book_key, shown);
        self.tools.book.meant(&book_key, meanings.clone());
        let (stop, told) = watch::channel(Stop::No);
        let worker = Worker {
            tools: self.tools.clone(),
            job: Arc::clone(&self.job),
            target,
            memory,
            meanings,
            failing: false,
        };
        self.workers.insert(key, AtWork { stop, task: tokio::spawn(worker.run(told)) });
    }

    /// Marks the end of a target that the job's new configuration no longer has.
    fn end(&mut self, key: &Labels) {
        let Some((mut memory, _)) = self.memories.remove(key) else { return };
        let labels = target::without_url(key);
        if let Err(fault) = write::write_end(&self.tools, &self.job.config, &labels, &mut memory) {
            tracing::warn!(%fault, job = self.job.config.job_name, "the end of a target was not written");
        }
        self.tools.book.forget(&(self.job.config.job_name.clone(), key.clone()));
    }

    /// Ends a target that is gone.
    async fn dismiss(&mut self, key: Labels) {
        if let Some(worker) = self.workers.remove(&key) {
            worker.stop(Stop::Gone).await;
        }
        self.tools.book.forget(&(self.job.config.job_name.clone(), key));
    }

    async fn stop(mut self, how: Stop) -> Memories {
        let mut memories = std::mem::take(&mut self.memories);
        for (key, worker) in std::mem::take(&mut self.workers) {
            if let Some(memory) = worker.stop(how).await {
                memories.insert(key, memory);
            }
        }
        memories
    }
}

impl AtWork {
    async fn stop(self, how: Stop) -> Option<(Memory, BTreeMap<String, Metadata>)> {
        self.stop.send_replace(how);
        match self.task.await {
            Ok(memory) => memory,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        }
    }
}
