//! Scraping static targets: the target's samples, `up`, how long it took, and staleness for what is gone.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use facts::configuration::ScrapeJob;
use kernel::{Labels, Timestamp};
use signals::exposition::{self, Entry};
use web::ports::{Fault, SeriesSamples};

use super::instruments::{Instruments, Rhythm};

/// Samples that one scrape may bring; a longer one counts as failed.
const SCRAPE_SAMPLES_MAX: usize = 500_000;

/// Scrapes a target until the task is dropped.
pub(crate) async fn scrape_target(tools: Instruments, job: Arc<ScrapeJob>, instance: String) {
    let target = match target(&job, &instance) {
        Ok(target) => target,
        Err(problem) => {
            tracing::warn!(job = job.job, instance, problem, "a target cannot be scraped");
            return;
        }
    };
    let mut rhythm = Rhythm::new(job.every, tools.clock.now());
    let mut before = BTreeSet::new();
    let mut failing = false;
    loop {
        let at = rhythm.tick(&*tools.clock).await;
        let mut phases = egress::network::Phases::default();
        let fetched = egress::scrape::fetch(&tools.http, &target, &mut phases).await;
        let scraped = match &fetched {
            Ok(exposition) => read(&exposition.body, &job, &instance, at),
            Err(fault) => Err(fault.to_string()),
        };
        if let Err(detail) = &scraped
            && !failing
        {
            tracing::info!(job = job.job, instance, detail, "a target cannot be scraped");
        }
        failing = scraped.is_err();
        let (up, series) = (scraped.is_ok(), scraped.unwrap_or_default());
        let report = Report { job: &job, instance: &instance, at, up, took: phases.total, series: &series };
        match report.write(&tools, &before) {
            Ok(present) => before = present,
            Err(fault) => tracing::warn!(%fault, job = job.job, instance, "a scrape was not written"),
        }
    }
}

fn target(job: &ScrapeJob, instance: &str) -> Result<egress::scrape::Target, String> {
    let text = format!("{}://{instance}{}", job.scheme.as_str(), job.path);
    let url = egress::guard::read_url(egress::guard::Origin::Operator, &text).map_err(|r| r.to_string())?;
    let timeout = job.timeout.unwrap_or(job.every).min(job.every);
    Ok(egress::scrape::Target::new(url, timeout.to_std()))
}

type Scraped = Vec<(Labels, (i64, f64))>;

fn read(body: &[u8], job: &ScrapeJob, instance: &str, at: Timestamp) -> Result<Scraped, String> {
    let mut samples = Vec::new();
    let mut problem = None;
    let parsed = exposition::parse(body, |entry| {
        let Entry::Sample(sample) = entry else { return };
        if samples.len() >= SCRAPE_SAMPLES_MAX {
            problem = Some(format!("more than {SCRAPE_SAMPLES_MAX} samples"));
            return;
        }
        match labels_of(&sample, job, instance) {
            Ok(labels) => {
                samples.push((labels, (sample.timestamp_ms.unwrap_or(at.as_millis()), sample.value)));
            }
            Err(error) => problem = Some(error),
        }
    });
    parsed.map_err(|malformed| malformed.to_string())?;
    problem.map_or(Ok(samples), Err)
}

/// The target's labels and the job's; where both have one, the target's is kept as `exported_NAME`.
fn labels_of(sample: &exposition::Sample<'_, '_>, job: &ScrapeJob, instance: &str) -> Result<Labels, String> {
    let added: Vec<(&str, &str)> = [("job", job.job.as_str()), ("instance", instance)]
        .into_iter()
        .chain(job.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .collect();
    let own = sample.labels.iter().map(|(name, value)| {
        let clashes = added.iter().any(|(label, _)| *label == &**name);
        let name = if clashes { Cow::Owned(format!("exported_{name}")) } else { Cow::Borrowed(&**name) };
        (name.into_owned(), value.to_string())
    });
    let added = added.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let name = std::iter::once(("__name__".to_owned(), sample.name.to_owned()));
    Labels::new(name.chain(own).chain(added)).map_err(|error| error.to_string())
}

struct Report<'a> {
    job: &'a ScrapeJob,
    instance: &'a str,
    at: Timestamp,
    up: bool,
    took: std::time::Duration,
    series: &'a [(Labels, (i64, f64))],
}

impl Report<'_> {
    /// Writes what came, what is gone, and the scrape's own series; gives the series that are present.
    fn write(&self, tools: &Instruments, before: &BTreeSet<Labels>) -> Result<BTreeSet<Labels>, Fault> {
        let at = self.at.as_millis();
        let present: BTreeSet<Labels> = self.series.iter().map(|(labels, _)| labels.clone()).collect();
        let gone = before.difference(&present).map(|labels| (labels.clone(), (at, promql::STALE_NAN)));
        let own = |name: &str, value| (self.own_labels(name), (at, value));
        let own = [
            own("up", f64::from(u8::from(self.up))),
            own("scrape_duration_seconds", self.took.as_secs_f64()),
            own("scrape_samples_scraped", self.series.len() as f64),
        ];
        let all: Vec<(Labels, (i64, f64))> = self.series.iter().cloned().chain(gone).chain(own).collect();
        let pairs: Vec<Vec<(&str, &str)>> = all.iter().map(|(labels, _)| labels.iter().collect()).collect();
        let batch: Vec<SeriesSamples<'_>> = all
            .iter()
            .zip(&pairs)
            .map(|((_, sample), labels)| SeriesSamples { labels, samples: std::slice::from_ref(sample) })
            .collect();
        let appended = tools.samples.append(&batch)?;
        if let Some(refusal) = appended.first_refusal {
            tracing::info!(job = self.job.job, refusal, refused = appended.refused, "samples were refused");
        }
        Ok(present)
    }

    fn own_labels(&self, name: &str) -> Labels {
        let added = self.job.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = [("__name__", name), ("job", self.job.job.as_str()), ("instance", self.instance)];
        let own_wins = added.filter(|(label, _)| !own.iter().any(|(name, _)| name == label));
        Labels::new(own.into_iter().chain(own_wins)).expect("names are distinct and not empty")
    }
}
