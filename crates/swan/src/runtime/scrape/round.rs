//! One target, scraped again and again: fetched, read, written, and marked where something ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use egress::header::ACCEPT;
use egress::network::Phases;
use facts::configuration::ScrapeConfig;
use kernel::{Span, Timestamp};
use signals::exposition::{Entry, Protocol};
use tokio::sync::watch;
use web::ports::{Fault, Metadata};

use super::ScrapeTools;
use super::access::Access;
use super::book::{Outcome, TargetKey};
use super::limits::{HELP_BYTES_MAX, TARGET_MEANINGS_MAX};
use super::protocol::{accepted, protocol_of};
use super::relabel::Steps;
use super::series::{Ended, Harvest, Memory, Treatment};
use super::target::Target;
use super::write::{Report, Written, own, write};
use crate::clock::Clock;
use crate::failure::in_full;

/// What a job has for all its targets.
pub(super) struct Job {
    pub(super) config: ScrapeConfig,
    pub(super) target_steps: Steps,
    pub(super) sample_steps: Steps,
    pub(super) access: Access,
    /// More targets than the job may have: none of them is scraped.
    pub(super) over_limit: watch::Sender<Option<String>>,
}

/// One target with what it exposed last.
pub(super) struct Worker {
    pub(super) tools: ScrapeTools,
    pub(super) job: Arc<Job>,
    pub(super) target: Target,
    pub(super) memory: Memory,
    pub(super) meanings: BTreeMap<String, Metadata>,
    pub(super) failing: bool,
}

/// Why a target's rounds end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// They do not.
    No,
    /// The target is gone: its series end.
    Gone,
    /// It goes on under another configuration.
    HandOver,
}

impl Worker {
    /// Scrapes on the interval until it is told to stop, and gives what it remembers where it is handed over.
    pub(super) async fn run(
        mut self,
        mut stop: watch::Receiver<Stop>,
    ) -> Option<(Memory, BTreeMap<String, Metadata>)> {
        let mut rounds =
            Rounds::new(self.target.interval, self.target.offset(), self.tools.instruments.clock.now());
        loop {
            let told = tokio::select! {
                biased;
                changed = stop.changed() => if changed.is_ok() { *stop.borrow() } else { return None },
                at = rounds.next(&*self.tools.instruments.clock) => {
                    self.round(at).await;
                    continue;
                }
            };
            match told {
                Stop::No => {}
                Stop::HandOver => return Some((self.memory, self.meanings)),
                Stop::Gone => {
                    self.end();
                    return None;
                }
            }
        }
    }

    fn key(&self) -> TargetKey {
        (self.job.config.job_name.clone(), self.target.key())
    }

    async fn round(&mut self, at: Timestamp) {
        let begun = tokio::time::Instant::now();
        let mut body_bytes = 0;
        let fetched = self.fetch(&mut body_bytes).await;
        let mut harvest = self.memory.begin();
        let read = match fetched {
            Ok((body, protocol)) => self.read(&body, protocol, at, &mut harvest),
            Err(problem) => Err(problem),
        };
        if read.is_err() {
            self.memory.failed();
            harvest = Harvest::only_counted(harvest.scraped);
        }
        let ended = self.memory.ended();
        let took = begun.elapsed();
        let report = Report { up: read.is_ok(), took: took.as_secs_f64(), body_bytes };
        if let Err(fault) = self.write(at, &harvest, &ended, Some(&report)) {
            tracing::warn!(%fault, job = self.job.config.job_name, url = %self.target.url, "a scrape was not written");
        }
        self.memory.forget();
        if let (Err(detail), false) = (&read, self.failing) {
            let (job, url) = (&self.job.config.job_name, &self.target.url);
            tracing::info!(job, %url, detail, "a target cannot be scraped");
        }
        self.failing = read.is_err();
        let outcome = Outcome { at, took, error: read.err() };
        self.tools.book.scraped(&self.key(), outcome);
    }

    async fn fetch(&self, body_bytes: &mut i64) -> Result<(bytes::Bytes, Protocol), String> {
        if let Some(over) = &*self.job.over_limit.borrow() {
            return Err(over.clone());
        }
        let config = &self.job.config;
        let client = self.job.access.client(&self.tools)?;
        let mut request = egress::scrape::Target::new(self.target.url.clone(), self.target.timeout.to_std());
        request.headers = self.job.access.headers(&self.tools)?;
        request.headers.insert(ACCEPT, accepted(config));
        request.compressed = config.enable_compression;
        request.redirects_max = if config.follow_redirects { 10 } else { 0 };
        let limit = config.body_size_limit.map_or(0, |limit| usize::try_from(limit.0).unwrap_or(usize::MAX));
        if limit > 0 {
            request.body_bytes_max = request.body_bytes_max.min(limit);
        }
        let mut phases = Phases::default();
        let exposition = egress::scrape::fetch(&client, &request, &mut phases).await.map_err(|fault| {
            if matches!(fault, egress::http::Fault::TooLarge { .. }) {
                *body_bytes = -1;
            }
            in_full(&fault)
        })?;
        *body_bytes = exposition.body.len() as i64;
        let named = exposition.content_type.as_deref().and_then(Protocol::of_content_type);
        let protocol = named.or_else(|| config.fallback_scrape_protocol.map(protocol_of)).ok_or_else(|| {
            let said = exposition.content_type.as_deref().unwrap_or_default();
            format!("the target calls its format `{said}`, which is none, and there is no `fallback_scrape_protocol`")
        })?;
        Ok((exposition.body, protocol))
    }

    fn read(
        &mut self,
        body: &[u8],
        protocol: Protocol,
        at: Timestamp,
        harvest: &mut Harvest,
    ) -> Result<(), String> {
        let treatment = Treatment {
            config: &self.job.config,
            steps: &self.job.sample_steps,
            target: &self.target.labels,
        };
        let mut said = BTreeMap::new();
        let note = |entry: &Entry<'_, '_>| note(&mut said, entry);
        harvest.read(body, protocol, at.as_millis(), &mut self.memory, &treatment, note)?;
        if said != self.meanings {
            self.tools.book.meant(&self.key(), said.clone());
            self.meanings = said;
        }
        Ok(())
    }

    /// Marks the end of all series of a target that is gone.
    fn end(&mut self) {
        let at = self.tools.instruments.clock.now();
        let ended = self.memory.end();
        if let Err(fault) = self.write(at, &Harvest::default(), &ended, None) {
            tracing::warn!(%fault, job = self.job.config.job_name, "the end of a target was not written");
        }
    }

    fn write(
        &self,
        at: Timestamp,
        harvest: &Harvest,
        ended: &[Ended],
        report: Option<&Report>,
    ) -> Result<(), Fault> {
        let own = own(&self.job.config, &self.target.labels, self.target.timeout, harvest, report);
        write(&self.tools, &self.job.config, &self.memory, at, &Written { harvest, ended, own: &own })
    }
}

/// Rounds at an offset of their own within the interval, at the same instants after a restart. A round that would come
/// while the one before is still worked on is left out.
struct Rounds {
    interval: Span,
    offset: Span,
    ticks: tokio::time::Interval,
}

impl Rounds {
    fn new(interval: Span, offset: Span, now: Timestamp) -> Self {
        let interval = interval.max(Span::from_millis(10));
        let mut first = now.floor(interval) + offset;
        if first < now {
            first += interval;
        }
        let start = tokio::time::Instant::now() + (first - now).to_std();
        let mut ticks = tokio::time::interval_at(start, interval.to_std());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        Self { interval, offset, ticks }
    }

    /// Waits for the next round; gives the instant that it is for.
    async fn next(&mut self, clock: &dyn Clock) -> Timestamp {
        self.ticks.tick().await;
        let half = Span::from_millis(self.interval.as_millis() / 2);
        (clock.now() - self.offset + half).floor(self.interval) + self.offset
    }
}

/// Notes what an entry says a metric means.
fn note(said: &mut BTreeMap<String, Metadata>, entry: &Entry<'_, '_>) {
    let name = match entry {
        Entry::Type { name, .. } | Entry::Help { name, .. } | Entry::Unit { name, .. } => name,
        Entry::Sample(_) | Entry::Histogram(_) => return,
    };
    if said.len() >= TARGET_MEANINGS_MAX && !said.contains_key(&**name) {
        return;
    }
    let unknown = Metadata { kind: "unknown", help: String::new(), unit: String::new() };
    let meaning = said.entry(name.clone().into_owned()).or_insert(unknown);
    match entry {
        Entry::Type { kind, .. } => meaning.kind = kind.as_str(),
        Entry::Help { text, .. } if text.len() <= HELP_BYTES_MAX => meaning.help = text.clone().into_owned(),
        Entry::Unit { unit, .. } => meaning.unit = unit.clone().into_owned(),
        _ => {}
    }
}
