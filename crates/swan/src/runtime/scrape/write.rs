//! What one scrape writes, as one batch: what came, what ended, and the series of the scrape itself.

use facts::configuration::ScrapeConfig;
use kernel::{Labels, Span, Timestamp};
use signals::histogram::Histogram;
use web::native;
use web::ports::{Exemplar, Fault, Measured, Starts, Taken};

use super::ScrapeTools;
use super::series::{Ended, Harvest, Memory, OwnedExemplar};

/// Marks the end of all series of a target without a worker.
pub(super) fn write_end(
    tools: &ScrapeTools,
    config: &ScrapeConfig,
    labels: &Labels,
    memory: &mut Memory,
) -> Result<(), Fault> {
    let ended = memory.end();
    let harvest = Harvest::default();
    let own = own(config, labels, Span::ZERO, &harvest, None);
    let at = tools.instruments.clock.now();
    write(tools, config, memory, at, &Written { harvest: &harvest, ended: &ended, own: &own })
}

/// What one batch has: what came, what ended, and the scrape's own series.
pub(super) struct Written<'w> {
    pub(super) harvest: &'w Harvest,
    pub(super) ended: &'w [Ended],
    pub(super) own: &'w [(Labels, f64)],
}

pub(super) fn write(
    tools: &ScrapeTools,
    config: &ScrapeConfig,
    memory: &Memory,
    at: Timestamp,
    written: &Written<'_>,
) -> Result<(), Fault> {
    let Written { harvest, ended, own } = *written;
    let at_ms = at.as_millis();
    let stale = native::stored(&Histogram::stale(promql::STALE_NAN));
    let mut batch = Rows::default();
    let mut exemplars = harvest.exemplars.iter().peekable();
    for (place, at_ms, value) in &harvest.samples {
        batch.begin(memory.labels(*place));
        batch.rows.push(Row { sample: Some((*at_ms, *value)), ..Row::default() });
        while let Some((_, exemplar)) = exemplars.next_if(|(of, _)| of == place) {
            batch.example(exemplar);
        }
    }
    for (place, at_ms, histogram) in &harvest.histograms {
        batch.begin(memory.labels(*place));
        batch.rows.push(Row { histogram: Some((*at_ms, histogram.clone())), ..Row::default() });
        for (_, exemplar) in harvest.exemplars.iter().filter(|(of, _)| of == place) {
            batch.example(exemplar);
        }
    }
    for (labels, is_histogram) in ended {
        batch.begin(labels);
        batch.rows.push(if *is_histogram {
            Row { histogram: Some((at_ms, stale.clone())), ..Row::default() }
        } else {
            Row { sample: Some((at_ms, promql::STALE_NAN)), ..Row::default() }
        });
    }
    let source = format!("job/{}", config.job_name);
    let taken = batch.lend(|batch| tools.intake.take(&source, batch))?;
    tell_refusals(config, &taken);
    let mut reports = Rows::default();
    for (labels, value) in own {
        reports.starts.push(reports.labels.len());
        reports.labels.extend(labels.iter());
        reports.rows.push(Row { sample: Some((at_ms, *value)), ..Row::default() });
    }
    let taken = reports.lend(|batch| tools.intake.take(metrics::REPORTS, batch))?;
    tell_refusals(config, &taken);
    Ok(())
}

fn tell_refusals(config: &ScrapeConfig, taken: &Taken) {
    if let Some(refusal) = &taken.first_refusal {
        let (job, refused) = (&config.job_name, taken.refused);
        tracing::info!(job, refusal, refused, "samples of a scrape were refused");
    }
}

/// The series that a scrape has of its own; without a report, their end.
pub(super) fn own(
    config: &ScrapeConfig,
    labels: &Labels,
    timeout: Span,
    harvest: &Harvest,
    report: Option<&Report>,
) -> Vec<(Labels, f64)> {
    let is_up = report.is_some_and(|report| report.up);
    let kept = if is_up { harvest.kept() as f64 } else { 0.0 };
    let added = if is_up { harvest.added as f64 } else { 0.0 };
    let mut own = vec![
        ("up", f64::from(u8::from(is_up))),
        ("scrape_duration_seconds", report.map_or(0.0, |report| report.took)),
        ("scrape_samples_scraped", harvest.scraped as f64),
        ("scrape_samples_post_metric_relabeling", kept),
        ("scrape_series_added", added),
    ];
    if config.extra_scrape_metrics.unwrap_or(false) {
        own.push(("scrape_timeout_seconds", timeout.to_std().as_secs_f64()));
        own.push(("scrape_sample_limit", config.sample_limit.unwrap_or(0) as f64));
        own.push(("scrape_body_size_bytes", report.map_or(0.0, |report| report.body_bytes as f64)));
    }
    let value = |value| if report.is_some() { value } else { promql::STALE_NAN };
    own.into_iter().map(|(name, number)| (labels.with("__name__", name), value(number))).collect()
}

/// How a scrape went.
pub(super) struct Report {
    pub(super) up: bool,
    pub(super) took: f64,
    /// -1 where there were more than may be.
    pub(super) body_bytes: i64,
}

/// Everything that one scrape writes, with the labels of all in one list.
#[derive(Default)]
struct Rows<'w> {
    labels: Vec<(&'w str, &'w str)>,
    starts: Vec<usize>,
    rows: Vec<Row<'w>>,
}

#[derive(Default)]
struct Row<'w> {
    sample: Option<(i64, f64)>,
    histogram: Option<(i64, promql::Histogram)>,
    exemplars: Vec<Exemplar<'w>>,
}

impl<'w> Rows<'w> {
    fn begin(&mut self, labels: &'w [(Box<str>, Box<str>)]) {
        self.starts.push(self.labels.len());
        self.labels.extend(labels.iter().map(|(name, value)| (&**name, &**value)));
    }

    /// Adds an example to the row that was begun last.
    fn example(&mut self, exemplar: &'w OwnedExemplar) {
        let labels = exemplar.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let exemplar = Exemplar { labels, value: exemplar.value, at_ms: exemplar.at_ms };
        self.rows.last_mut().expect("a row was begun").exemplars.push(exemplar);
    }

    fn lend<T>(&self, take: impl FnOnce(&[Measured<'_>]) -> T) -> T {
        let ends = self.starts.iter().skip(1).copied().chain([self.labels.len()]);
        let measured =
            self.rows.iter().zip(self.starts.iter().zip(ends)).map(|(row, (start, end))| Measured {
                labels: &self.labels[*start..end],
                samples: row.sample.as_slice(),
                histograms: row.histogram.as_slice(),
                exemplars: &row.exemplars,
                starts: Starts::default(),
            });
        take(&measured.collect::<Vec<_>>())
    }
}
