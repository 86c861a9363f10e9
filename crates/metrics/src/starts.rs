//! Start timestamps: since when the counter of a sample counts.
//!
//! The starts of a series are samples of companions of it: its labels and [`RESERVED_LABEL`] beside them, which says
//! whether they are of its floats or of its histograms. The value at a sample's timestamp is its start in milliseconds
//! since the epoch, exact up to 2^53. So the log, checkpoints, blocks, merges, the retention and deletion have them as
//! they have every series, and where none is sent there is nothing. A companion counts as a series
//! of the source `starts`, within the limit of all series but no other.
//!
//! No sender writes the label and no reader sees it: a selection is of samples or of starts, and only
//! [`MetricsStore::append_starts`] writes starts.

use crate::append::SeriesSamples;
use crate::companions::{OF_FLOATS, OF_HISTOGRAMS, RESERVED_LABEL};
use crate::refusal::Appended;
use crate::{AppendFault, MetricsStore};

/// Since when samples of one series count, as a writer lends it.
#[derive(Debug, Clone, Copy)]
pub struct SeriesStarts<'a> {
    /// The labels of the samples, as in [`SeriesSamples`].
    pub labels: &'a [(&'a str, &'a str)],
    /// Of floats: the timestamp of the sample and its start, both in milliseconds since the epoch.
    pub floats: &'a [(i64, i64)],
    /// Of histograms; as `floats`.
    pub histograms: &'a [(i64, i64)],
}

/// The labels and samples of a companion.
type Companion<'a> = (Vec<(&'a str, &'a str)>, Vec<(i64, f64)>);

impl MetricsStore {
    /// Stores since when samples count; durable as [`append`](Self::append). Whoever stores them before their
    /// samples shows no sample without its start. A start without a sample at its timestamp is not read.
    pub fn append_starts(&self, batch: &[SeriesStarts<'_>]) -> Result<Appended, AppendFault> {
        let companions: Vec<Companion<'_>> = batch.iter().flat_map(companions).collect();
        let lent: Vec<SeriesSamples<'_>> =
            companions.iter().map(|(labels, samples)| SeriesSamples { labels, samples }).collect();
        self.append_companions(&lent)
    }
}

fn companions<'a>(lent: &SeriesStarts<'a>) -> impl Iterator<Item = Companion<'a>> {
    let SeriesStarts { labels, floats, histograms } = *lent;
    let kinds = [(OF_FLOATS, floats), (OF_HISTOGRAMS, histograms)];
    kinds.into_iter().filter(|(_, starts)| !starts.is_empty()).map(move |(kind, starts)| {
        let labels = std::iter::once((RESERVED_LABEL, kind)).chain(labels.iter().copied());
        (labels.collect(), starts.iter().map(|(at_ms, start_ms)| (*at_ms, *start_ms as f64)).collect())
    })
}
