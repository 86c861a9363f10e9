//! The boundary behind which samples live: an embedded store, a cluster, or memory.
//!
//! The engine asks a [`SeriesSource`] once per selector for everything that a query needs of it, and is handed
//! one series at a time as two slices. A source decodes into buffers of its own that it reuses from series to
//! series, or lends slices that it already has; the engine evaluates each series while it is warm in the cache,
//! keeps nothing of the slices, and never asks for the same series twice.

use std::error::Error;
use std::ops::ControlFlow;

use kernel::{Labels, Span, Timestamp};

use crate::{Histogram, Matcher};

/// The label that carries a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// The bits of the staleness marker: a series ends with it until its next sample (Prometheus, `model/value`).
/// It is a signalling NaN, so no arithmetic gives it.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The staleness marker as a value; compare with [`is_stale`], because NaN equals nothing.
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether a value is the staleness marker.
#[inline]
pub const fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// Instants from `start` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant.
    pub start: Timestamp,
    /// The last instant.
    pub end: Timestamp,
}

impl TimeRange {
    /// From the representable beginning of time to its end.
    pub const ALL: Self =
        Self { start: Timestamp::from_millis(i64::MIN), end: Timestamp::from_millis(i64::MAX) };

    /// Instants from `start` to `end`, both included.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// Whether the instant, in milliseconds, lies in it.
    #[inline]
    pub const fn contains_millis(self, ms: i64) -> bool {
        self.start.as_millis() <= ms && ms <= self.end.as_millis()
    }
}

/// What a query needs of a source.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Selection<'a> {
    /// All of them must hold. The metric name is a matcher of [`METRIC_NAME`] like any other.
    pub matchers: &'a [Matcher],
    /// Samples outside it are not wanted.
    pub range: TimeRange,
    /// A hint for sources that can thin out samples: the distance of the query's steps; `None` for one instant.
    pub step: Option<Span>,
    /// Whether the starts of samples are wanted, from a source that knows them; others need not be lent.
    pub wants_starts: bool,
}

impl<'a> Selection<'a> {
    /// The samples in `range` of all series that match.
    pub const fn new(matchers: &'a [Matcher], range: TimeRange) -> Self {
        Self { matchers, range, step: None, wants_starts: false }
    }

    /// With the distance between the query's steps as a hint.
    #[must_use]
    pub const fn with_step(mut self, step: Option<Span>) -> Self {
        self.step = step;
        self
    }

    /// With the starts of samples, where they are wanted.
    #[must_use]
    pub const fn with_starts(mut self, wanted: bool) -> Self {
        self.wants_starts = wanted;
        self
    }
}

/// The labels of a series, lent: sorted by name, each name once, no empty value.
pub trait LabelView {
    /// How many labels there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name and value of the label at this place, in the order of names. Panics past the end.
    fn pair(&self, at: usize) -> (&str, &str);

    /// A number that stands for name and value of the label at this place: within one call of
    /// [`SeriesSource::select_lent`] and one part, or one call of [`SeriesSource::select_views`], equal numbers are
    /// equal pairs; equal pairs may have different numbers. `None` where there is no such number.
    fn pair_id(&self, at: usize) -> Option<u32> {
        let _ = at;
        None
    }

    /// The value of a label; `None` where it is absent.
    fn get(&self, name: &str) -> Option<&str> {
        (0..self.len()).map(|at| self.pair(at)).find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// As an owned set.
    fn to_labels(&self) -> Labels {
        let pairs = (0..self.len()).map(|at| self.pair(at));
        Labels::new::<Box<str>, Box<str>>(pairs.map(|(name, value)| (name.into(), value.into())))
            .expect("a view has each name once, and none that is empty")
    }
}

impl LabelView for Labels {
    fn len(&self) -> usize {
        Labels::len(self)
    }

    fn pair(&self, at: usize) -> (&str, &str) {
        self.iter().nth(at).expect("the place of a label is less than their number")
    }

    fn to_labels(&self) -> Labels {
        self.clone()
    }
}

/// One series as a source hands it over, with its labels as a view. Everything is only lent for the call. No instant
/// is in both lists of timestamps: a series has a float or a histogram there.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lent<'a, L: ?Sized = dyn LabelView + 'a> {
    /// All labels, the metric name among them.
    pub labels: &'a L,
    /// Milliseconds since the epoch, strictly increasing, within the selection's range.
    pub timestamps: &'a [i64],
    /// The value at each timestamp; staleness markers are among them.
    pub values: &'a [f64],
    /// Of the histograms; as `timestamps`.
    pub histogram_timestamps: &'a [i64],
    /// The native histogram at each of their timestamps; staleness markers are among them.
    pub histograms: &'a [Histogram],
    /// When the counter of each float sample began, in milliseconds, 0 where that is not known; empty where the
    /// source knows of none.
    pub starts: &'a [i64],
    /// Of the histograms; as `starts`.
    pub histogram_starts: &'a [i64],
}

/// One series as a source hands it over that has labels of its own.
pub type Selected<'a> = Lent<'a, Labels>;

impl<L: ?Sized> Clone for Lent<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: ?Sized> Copy for Lent<'_, L> {}

impl<'a, L: ?Sized> Lent<'a, L> {
    /// One series of floats. Panics where the slices differ in length, which is a bug of the source.
    pub const fn new(labels: &'a L, timestamps: &'a [i64], values: &'a [f64]) -> Self {
        assert!(timestamps.len() == values.len(), "a sample is a timestamp and a value");
        Self {
            labels,
            timestamps,
            values,
            histogram_timestamps: &[],
            histograms: &[],
            starts: &[],
            histogram_starts: &[],
        }
    }

    /// With native histograms beside its floats. Panics where the slices differ in length.
    #[must_use]
    pub const fn with_histograms(mut self, timestamps: &'a [i64], histograms: &'a [Histogram]) -> Self {
        assert!(timestamps.len() == histograms.len(), "a sample is a timestamp and a histogram");
        self.histogram_timestamps = timestamps;
        self.histograms = histograms;
        self
    }

    /// With the times at which counters began: one for each float and one for each histogram, or none at all.
    /// Panics where the slices differ in length.
    #[must_use]
    pub const fn with_starts(mut self, of_floats: &'a [i64], of_histograms: &'a [i64]) -> Self {
        assert!(of_floats.is_empty() || of_floats.len() == self.timestamps.len(), "one start per sample");
        assert!(
            of_histograms.is_empty() || of_histograms.len() == self.histogram_timestamps.len(),
            "one start per sample"
        );
        self.starts = of_floats;
        self.histogram_starts = of_histograms;
        self
    }
}

impl<'a> From<Selected<'a>> for Lent<'a> {
    fn from(selected: Selected<'a>) -> Self {
        Lent {
            labels: selected.labels,
            timestamps: selected.timestamps,
            values: selected.values,
            histogram_timestamps: selected.histogram_timestamps,
            histograms: selected.histograms,
            starts: selected.starts,
            histogram_starts: selected.histogram_starts,
        }
    }
}

/// A measurement that a series points to, such as a trace of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// What it points to, `trace_id` for instance.
    pub labels: Labels,
    /// What was measured.
    pub value: f64,
    /// When.
    pub at: Timestamp,
}

/// The exemplars of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesExemplars {
    /// All labels of the series, the metric name among them.
    pub labels: Labels,
    /// Sorted by time.
    pub exemplars: Vec<Exemplar>,
}

/// Where samples are.
pub trait SeriesSource: Send + Sync {
    /// Hands every matching series to `each`, once, with its samples in the selection's range.
    ///
    /// The order is the source's own, but the same data gives the same order, so that floating-point sums are
    /// reproducible. A series without a sample in the range may be left out. When `each` breaks, the source
    /// stops and returns `Ok`: the caller knows why it broke. `each` never calls the source, so a source may hold
    /// a lock over it.
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault>;

    /// As [`SeriesSource::select`], without owned labels.
    fn select_views(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Lent<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        self.select(selection, &mut |selected| each(selected.into()))
    }

    /// As [`SeriesSource::select_views`], on up to `parts` threads of the source's own. Every series is handed out
    /// once, with the number of the part (below `parts`) that it belongs to; calls of one part come in order and
    /// never at once, those of different parts may. How series are cut into parts depends on the data and on `parts`
    /// only, and part 0's series come before part 1's, so that results combined in the order of the parts are
    /// reproducible. A break ends its own part only. Few series all go to part 0.
    fn select_lent(
        &self,
        selection: &Selection<'_>,
        parts: usize,
        each: &(dyn Fn(usize, Lent<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<(), SourceFault> {
        let _ = parts;
        self.select_views(selection, &mut |lent| each(0, lent))
    }

    /// The names of the labels of all matching series with a sample in the range; sorted, each once.
    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceFault>;

    /// The values that the label has in all matching series with a sample in the range; sorted, each once.
    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault>;

    /// The label sets of all matching series with a sample in the range; sorted, each once.
    ///
    /// A source that keeps an index by coarse ranges may answer for the ranges that `range` touches.
    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault>;

    /// The exemplars in the range of all series that match any of the selectors; sorted by labels, each series
    /// once. A source without exemplars has none.
    fn exemplars(
        &self,
        selectors: &[&[Matcher]],
        range: TimeRange,
    ) -> Result<Vec<SeriesExemplars>, SourceFault> {
        let _ = (selectors, range);
        Ok(Vec::new())
    }
}

/// What went wrong below a source.
pub type Cause = Box<dyn Error + Send + Sync + 'static>;

/// A source could not answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceFault {
    /// Samples could not be read.
    #[error("the samples of the selected series could not be read")]
    Select(#[source] Cause),
    /// Label names could not be listed.
    #[error("the label names could not be listed")]
    LabelNames(#[source] Cause),
    /// Values of a label could not be listed.
    #[error("the values of the label `{name}` could not be listed")]
    LabelValues {
        /// The label that was asked for.
        name: String,
        /// What went wrong below.
        #[source]
        source: Cause,
    },
    /// Label sets could not be listed.
    #[error("the matching series could not be listed")]
    Series(#[source] Cause),
    /// Exemplars could not be read.
    #[error("the exemplars of the selected series could not be read")]
    Exemplars(#[source] Cause),
}
