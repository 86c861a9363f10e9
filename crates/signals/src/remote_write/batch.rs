use std::fmt;
use std::ops::Range;

use crate::histogram::Histogram;
use crate::limits::{
    WRITE_BUCKETS_MAX, WRITE_ENTRIES_KEPT, WRITE_EXTRAS_MAX, WRITE_LABELS_MAX, WRITE_REFUSED_SHOWN_MAX,
    WRITE_SAMPLES_MAX, WRITE_SERIES_MAX,
};
use crate::{Format, Kind, Malformed};

use super::Refusal;

/// Epoch milliseconds and a value. The value's bits are the sender's: a staleness marker stays one.
pub type Sample = (i64, f64);

/// A native histogram at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    /// Epoch milliseconds.
    pub at_ms: i64,
    /// Since when it counts, in epoch milliseconds; 0 where the sender does not say.
    pub start_ms: i64,
    /// What was measured.
    pub histogram: Histogram,
}

/// What a request says. Labels are slices of the decoded body.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) samples: Vec<Sample>,
    /// Since when the samples' counters count: the place of a sample and a time, in the order of the samples.
    pub(super) starts: Vec<(u32, i64)>,
    pub(super) histograms: Vec<Stamped>,
    pub(super) exemplars: Vec<ExemplarAt>,
    pub(super) series: Vec<SeriesAt>,
    /// What metrics mean, where the request says so.
    pub metadata: Vec<Metadata<'a>>,
    /// Buckets of all histograms.
    pub(super) buckets: usize,
    /// Series, histograms and exemplars that were left out; the first [`WRITE_REFUSED_SHOWN_MAX`] are in `refused`.
    pub refused_count: u64,
    /// Why they were left out.
    pub refused: Vec<Malformed>,
    /// Samples of the series that were left out.
    pub samples_refused: u64,
}

/// What a metric means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// The metric.
    pub metric: &'a str,
    /// Its kind.
    pub kind: Kind,
    /// For people; may be empty.
    pub help: &'a str,
    /// What it is measured in; may be empty.
    pub unit: &'a str,
}

/// One series of a request.
#[derive(Clone, Copy)]
pub struct Series<'b, 'a> {
    batch: &'b Batch<'a>,
    place: &'b SeriesAt,
}

/// An example of what a series counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar<'b, 'a> {
    /// Sorted by name, each name once, no empty value.
    pub labels: &'b [(&'a str, &'a str)],
    /// What was observed.
    pub value: f64,
    /// Epoch milliseconds; 0 where the sender does not say.
    pub at_ms: i64,
}

#[derive(Debug, Clone)]
pub(super) struct ExemplarAt {
    pub(super) labels: Range<u32>,
    pub(super) value: f64,
    pub(super) at_ms: i64,
}

#[derive(Debug, Clone)]
pub(super) struct SeriesAt {
    pub(super) labels: Range<u32>,
    pub(super) samples: Range<u32>,
    pub(super) histograms: Range<u32>,
    pub(super) exemplars: Range<u32>,
}

/// How long each list was when a series began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) labels: usize,
    samples: usize,
    starts: usize,
    histograms: usize,
    exemplars: usize,
}

impl Mark {
    /// Whether no sample and no histogram came in between.
    pub(super) fn has_as_many_values_as(&self, earlier: Mark) -> bool {
        self.samples == earlier.samples && self.histograms == earlier.histograms
    }
}

impl<'a> Batch<'a> {
    /// The series that were kept, in the order in which they arrived.
    pub fn series(&self) -> impl ExactSizeIterator<Item = Series<'_, 'a>> {
        self.series.iter().map(|place| Series { batch: self, place })
    }

    /// Samples of all series that were kept.
    pub fn samples_count(&self) -> usize {
        self.samples.len()
    }

    /// Samples of all series that were kept whose sender says since when they count.
    pub fn starts_count(&self) -> usize {
        self.starts.len()
    }

    /// Native histograms of all series that were kept.
    pub fn histograms_count(&self) -> usize {
        self.histograms.len()
    }

    /// Exemplars of all series that were kept.
    pub fn exemplars_count(&self) -> usize {
        self.exemplars.len()
    }

    /// Nothing, in the same room.
    pub(super) fn emptied<'b>(mut self) -> Batch<'b> {
        self.samples.clear();
        self.starts.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.series.clear();
        Batch {
            labels: room_of(self.labels),
            samples: kept(self.samples),
            starts: kept(self.starts),
            histograms: kept(self.histograms),
            exemplars: kept(self.exemplars),
            series: kept(self.series),
            metadata: room_of(self.metadata),
            ..Batch::default()
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            labels: self.labels.len(),
            samples: self.samples.len(),
            starts: self.starts.len(),
            histograms: self.histograms.len(),
            exemplars: self.exemplars.len(),
        }
    }

    /// Keeps what was read since the mark as one series, with the labels up to `labels_end`.
    pub(super) fn keep_series(&mut self, mark: Mark, labels_end: usize) -> Result<(), Refusal> {
        if self.series.len() == WRITE_SERIES_MAX {
            return Err(Refusal::TooMany { what: "series", limit: WRITE_SERIES_MAX });
        }
        self.series.push(SeriesAt {
            labels: index(mark.labels)..index(labels_end),
            samples: index(mark.samples)..index(self.samples.len()),
            histograms: index(mark.histograms)..index(self.histograms.len()),
            exemplars: index(mark.exemplars)..index(self.exemplars.len()),
        });
        Ok(())
    }

    /// Leaves out what was read since the mark.
    #[cold]
    pub(super) fn leave_out(&mut self, mark: Mark, offset: usize, why: &'static str) {
        self.refuse(offset, mark.labels..self.labels.len(), why);
        self.samples_refused += (self.samples.len() - mark.samples) as u64;
        self.labels.truncate(mark.labels);
        self.samples.truncate(mark.samples);
        self.starts.truncate(mark.starts);
        self.histograms.truncate(mark.histograms);
        self.exemplars.truncate(mark.exemplars);
    }

    /// Counts something that was left out, and says why; `labels` are those of its series.
    #[cold]
    pub(super) fn refuse(&mut self, offset: usize, labels: Range<usize>, why: &'static str) {
        self.refused_count += 1;
        if self.refused.len() < WRITE_REFUSED_SHOWN_MAX {
            let shown = Shown(&self.labels[labels]).to_string();
            self.refused.push(Malformed::new(Format::RemoteWrite, offset, shown.as_bytes(), why));
        }
    }

    /// Whether the request has more than a request may have. Asked after every series, so that no body grows far past it.
    #[inline]
    pub(super) fn check_limits(&self) -> Result<(), Refusal> {
        let is_within = self.samples.len() <= WRITE_SAMPLES_MAX
            && self.labels.len() <= WRITE_LABELS_MAX
            && self.buckets <= WRITE_BUCKETS_MAX
            && self.histograms.len() <= WRITE_EXTRAS_MAX
            && self.exemplars.len() <= WRITE_EXTRAS_MAX
            && self.metadata.len() <= WRITE_EXTRAS_MAX;
        if is_within { Ok(()) } else { self.exceeded_limit() }
    }

    #[cold]
    fn exceeded_limit(&self) -> Result<(), Refusal> {
        for (what, count, limit) in [
            ("samples", self.samples.len(), WRITE_SAMPLES_MAX),
            ("labels", self.labels.len(), WRITE_LABELS_MAX),
            ("histogram buckets", self.buckets, WRITE_BUCKETS_MAX),
            ("histograms", self.histograms.len(), WRITE_EXTRAS_MAX),
            ("exemplars", self.exemplars.len(), WRITE_EXTRAS_MAX),
            ("metadata entries", self.metadata.len(), WRITE_EXTRAS_MAX),
        ] {
            if count > limit {
                return Err(Refusal::TooMany { what, limit });
            }
        }
        Ok(())
    }
}

/// The allocation of a list of borrowed things for a list of things that are borrowed from elsewhere: the standard
/// library collects an emptied list into its own memory.
fn room_of<T, U>(list: Vec<T>) -> Vec<U> {
    let mut list = kept(list);
    list.clear();
    list.into_iter().map(|_| unreachable!("the list is empty")).collect()
}

fn kept<T>(list: Vec<T>) -> Vec<T> {
    if list.capacity() > WRITE_ENTRIES_KEPT { Vec::new() } else { list }
}

/// Places fit 32 bits: a body has at most [`BODY_BYTES_MAX`](kernel::limits::BODY_BYTES_MAX) bytes.
pub(super) fn index(place: usize) -> u32 {
    u32::try_from(place).expect("a body is smaller than 4 GiB")
}

fn wide(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

impl<'b, 'a> Series<'b, 'a> {
    /// Names and values, sorted by name, each name once, `__name__` among them, no empty value.
    pub fn labels(self) -> &'b [(&'a str, &'a str)] {
        &self.batch.labels[wide(&self.place.labels)]
    }

    /// The samples in the order in which they arrived.
    pub fn samples(self) -> &'b [Sample] {
        &self.batch.samples[wide(&self.place.samples)]
    }

    /// Since when the counter of the sample at this place counts, in epoch milliseconds, where the sender says so.
    pub fn start_ms(self, sample: usize) -> Option<i64> {
        let place = self.place.samples.start + index(sample);
        let found = self.batch.starts.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(self.batch.starts[found].1)
    }

    /// Its native histograms in the order in which they arrived.
    pub fn histograms(self) -> &'b [Stamped] {
        &self.batch.histograms[wide(&self.place.histograms)]
    }

    /// Its exemplars in the order in which they arrived.
    pub fn exemplars(self) -> impl ExactSizeIterator<Item = Exemplar<'b, 'a>> {
        self.batch.exemplars[wide(&self.place.exemplars)].iter().map(move |at| Exemplar {
            labels: &self.batch.labels[wide(&at.labels)],
            value: at.value,
            at_ms: at.at_ms,
        })
    }
}

impl fmt::Display for Series<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self.labels()).fmt(f)
    }
}

struct Shown<'l, 'a>(&'l [(&'a str, &'a str)]);

impl fmt::Display for Shown<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}
