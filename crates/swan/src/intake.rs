//! The store as senders and scrapes see it: floats, native histograms and exemplars of one batch.

use std::sync::Arc;

use kernel::Refuse;
use metrics::{AppendFault, Appended, MetricsStore};
use tokio::sync::watch;
use web::ports::{Fault, Intake, Measured, Metadata, Samples, SeriesSamples, Starts, Taken};

use crate::clock::Clock;
use crate::ports::{AHEAD_MAX, ahead_of_time, failed};
use crate::runtime::herald::InForce;
use crate::runtime::rules::arrivals::Arrivals;
use crate::runtime::scrape::Book;

/// Takes everything that senders and targets say of series.
pub(crate) struct IntakePort {
    /// Takes floats, and tells rules of them.
    pub(crate) samples: Arc<dyn Samples>,
    pub(crate) store: Arc<MetricsStore>,
    /// Rules are told of histograms too.
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) book: Arc<Book>,
    pub(crate) in_force: watch::Receiver<InForce>,
}

impl Intake for IntakePort {
    fn take(&self, source: &str, batch: &[Measured<'_>]) -> Result<Taken, Fault> {
        // Before their samples, so that nobody reads a sample without its start.
        let starts = self.take_starts(batch)?;
        let floats = batch.iter().filter(|measured| !measured.samples.is_empty());
        let floats: Vec<SeriesSamples<'_>> = floats
            .map(|measured| SeriesSamples { labels: measured.labels, samples: measured.samples })
            .collect();
        let appended = self.samples.append_from(source, &floats)?;
        let mut taken = Taken {
            samples: appended.stored,
            refused: appended.refused,
            first_refusal: appended.first_refusal,
            ..Taken::default()
        };
        self.take_histograms(source, batch, &mut taken)?;
        self.take_exemplars(batch, &mut taken)?;
        // A sample and its start are refused for one reason; it is told once.
        if taken.refused == 0 {
            taken.refused = starts.refused.total();
            taken.first_refusal = starts.first_refused.map(|refused| refused.sentence());
        }
        Ok(taken)
    }

    fn keeps_starts(&self) -> bool {
        self.in_force.borrow().as_ref().is_some_and(|configuration| configuration.promql.start_timestamps)
    }

    fn note(&self, meanings: &[(&str, Metadata)]) {
        self.book.note(meanings);
    }
}

impl IntakePort {
    /// The latest time that a sample may have.
    fn latest_ms(&self) -> i64 {
        (self.clock.now() + AHEAD_MAX).as_millis()
    }

    /// Keeps since when samples count, of those that are not ahead of the clock.
    fn take_starts(&self, batch: &[Measured<'_>]) -> Result<Appended, Fault> {
        let has_starts = |of: &Starts<'_>| !of.floats.is_empty() || !of.histograms.is_empty();
        if !self.keeps_starts() || !batch.iter().any(|measured| has_starts(&measured.starts)) {
            return Ok(Appended::default());
        }
        let latest_ms = self.latest_ms();
        let is_early = |starts: &[(i64, i64)]| starts.iter().any(|(at_ms, _)| *at_ms > latest_ms);
        let starts: Vec<metrics::SeriesStarts<'_>> = batch
            .iter()
            .filter(|measured| has_starts(&measured.starts))
            .filter(|Measured { starts, .. }| !is_early(starts.floats) && !is_early(starts.histograms))
            .map(|Measured { labels, starts, .. }| metrics::SeriesStarts {
                labels,
                floats: starts.floats,
                histograms: starts.histograms,
            })
            .collect();
        self.store.append_starts(&starts).map_err(|fault| failed("write samples", &fault))
    }

    fn take_histograms(&self, source: &str, batch: &[Measured<'_>], taken: &mut Taken) -> Result<(), Fault> {
        let latest_ms = self.latest_ms();
        let (in_time, early): (Vec<_>, Vec<_>) = batch
            .iter()
            .filter(|measured| !measured.histograms.is_empty())
            .partition(|measured| measured.histograms.iter().all(|(at_ms, _)| *at_ms <= latest_ms));
        refuse_early(&early, |measured| measured.histograms.len(), taken);
        if in_time.is_empty() {
            return Ok(());
        }
        let series: Vec<metrics::SeriesHistograms<'_>> = in_time
            .iter()
            .map(|measured| metrics::SeriesHistograms {
                labels: measured.labels,
                histograms: measured.histograms,
            })
            .collect();
        taken.histograms += count(self.store.append_histograms(source, &series), taken)?;
        // A rule asks when a series spoke and whether it ended; the sum says both.
        let sums: Vec<Vec<(i64, f64)>> = in_time
            .iter()
            .map(|measured| measured.histograms.iter().map(|(at_ms, found)| (*at_ms, found.sum)).collect())
            .collect();
        let told = in_time.iter().zip(&sums);
        let told: Vec<SeriesSamples<'_>> =
            told.map(|(measured, samples)| SeriesSamples { labels: measured.labels, samples }).collect();
        self.arrivals.stored(&told);
        Ok(())
    }

    fn take_exemplars(&self, batch: &[Measured<'_>], taken: &mut Taken) -> Result<(), Fault> {
        let latest_ms = self.latest_ms();
        let (in_time, early): (Vec<_>, Vec<_>) = batch
            .iter()
            .filter(|measured| !measured.exemplars.is_empty())
            .partition(|measured| measured.exemplars.iter().all(|exemplar| exemplar.at_ms <= latest_ms));
        refuse_early(&early, |measured| measured.exemplars.len(), taken);
        if in_time.is_empty() {
            return Ok(());
        }
        let lent: Vec<Vec<metrics::Exemplar<'_>>> = in_time
            .iter()
            .map(|measured| {
                let lend = measured.exemplars.iter().map(|exemplar| metrics::Exemplar {
                    labels: &exemplar.labels,
                    value: exemplar.value,
                    at_ms: exemplar.at_ms,
                });
                lend.collect()
            })
            .collect();
        let series: Vec<metrics::SeriesExemplars<'_>> = in_time
            .iter()
            .zip(&lent)
            .map(|(measured, exemplars)| metrics::SeriesExemplars { labels: measured.labels, exemplars })
            .collect();
        taken.exemplars += count(self.store.append_exemplars(&series), taken)?;
        Ok(())
    }
}

/// How much was stored; what was refused is added to what is refused already.
fn count(appended: Result<Appended, AppendFault>, taken: &mut Taken) -> Result<u64, Fault> {
    let appended = appended.map_err(|fault| failed("write samples", &fault))?;
    taken.refused += appended.refused.total();
    if taken.first_refusal.is_none() {
        taken.first_refusal = appended.first_refused.map(|refused| refused.sentence());
    }
    Ok(appended.stored)
}

fn refuse_early(early: &[&Measured<'_>], size: impl Fn(&Measured<'_>) -> usize, taken: &mut Taken) {
    let Some(first) = early.first() else { return };
    taken.refused += early.iter().map(|measured| size(measured) as u64).sum::<u64>();
    taken.first_refusal.get_or_insert_with(|| ahead_of_time(first.labels));
}
