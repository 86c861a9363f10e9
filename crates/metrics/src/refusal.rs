//! Samples that are not stored, and why.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::{Refuse, Span, Timestamp};

use crate::chunk::histograms::BUCKETS_MAX;
use crate::companions::RESERVED_LABEL;
use crate::limits::EXEMPLAR_BYTES_MAX;

/// Why a sample is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalReason {
    /// It is older than its series' newest sample by more than the out-of-order window.
    TooOld,
    /// It is older than what the store keeps.
    BeyondRetention,
    /// Its series would be one too many.
    TooManySeries,
    /// Its series has no label.
    NoLabels,
    /// Its series has too many labels.
    TooManyLabels,
    /// The labels of its series are not sorted by name, or a name stands twice.
    LabelsNotSorted,
    /// A label's name is empty or too long.
    LabelNameLength,
    /// A label's value is too long.
    LabelValueTooLong,
    /// Its series has the label that the store keeps for itself.
    ReservedLabel,
    /// Its source has as many series as it may have.
    SourceSeries,
    /// A histogram's buckets are not what its spans say, or too many.
    HistogramShape,
    /// An exemplar's series is not known, or its labels are too long.
    Exemplar,
}

impl RefusalReason {
    /// All reasons.
    pub const ALL: [Self; 12] = [
        Self::TooOld,
        Self::BeyondRetention,
        Self::TooManySeries,
        Self::NoLabels,
        Self::TooManyLabels,
        Self::LabelsNotSorted,
        Self::LabelNameLength,
        Self::LabelValueTooLong,
        Self::ReservedLabel,
        Self::SourceSeries,
        Self::HistogramShape,
        Self::Exemplar,
    ];

    /// A stable code in snake case.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooOld => "sample_too_old",
            Self::BeyondRetention => "sample_beyond_retention",
            Self::TooManySeries => "too_many_series",
            Self::NoLabels => "no_labels",
            Self::TooManyLabels => "too_many_labels",
            Self::LabelsNotSorted => "labels_not_sorted",
            Self::LabelNameLength => "label_name_length",
            Self::LabelValueTooLong => "label_value_too_long",
            Self::ReservedLabel => "reserved_label",
            Self::SourceSeries => "source_series",
            Self::HistogramShape => "histogram_shape",
            Self::Exemplar => "exemplar",
        }
    }
}

/// How many samples were refused for each reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefusedCounts([u64; RefusalReason::ALL.len()]);

impl RefusedCounts {
    /// Samples that were refused for this reason.
    pub const fn get(&self, reason: RefusalReason) -> u64 {
        self.0[reason as usize]
    }

    /// Samples that were refused for any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each reason with its count, those with none too.
    pub fn iter(&self) -> impl Iterator<Item = (RefusalReason, u64)> {
        RefusalReason::ALL.into_iter().map(|reason| (reason, self.get(reason)))
    }

    pub(crate) const fn add(&mut self, reason: RefusalReason, samples: u64) {
        self.0[reason as usize] += samples;
    }
}

/// Counts that many threads add to.
#[derive(Debug, Default)]
pub(crate) struct RefusedTotals([AtomicU64; RefusalReason::ALL.len()]);

impl RefusedTotals {
    pub(crate) fn add(&self, counts: &RefusedCounts) {
        for (total, count) in self.0.iter().zip(counts.0) {
            total.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> RefusedCounts {
        RefusedCounts(std::array::from_fn(|reason| self.0[reason].load(Ordering::Relaxed)))
    }
}

/// A sample that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: RefusalReason,
    /// The labels of its series, cut where they are long.
    pub series: String,
    /// When it was taken, where there is such a sample.
    pub at: Option<Timestamp>,
    pub(crate) bound: Bound,
}

/// What the refused sample was measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Window { newest: Timestamp, window: Span },
    Floor(Timestamp),
    Count(usize),
    Of { count: usize, max: usize },
    None,
}

impl Refuse for Refused {
    fn code(&self) -> &'static str {
        self.reason.code()
    }

    fn sentence(&self) -> String {
        let series = &self.series;
        let at = self.at.unwrap_or_default();
        match (self.reason, self.bound) {
            (RefusalReason::TooOld, Bound::Window { newest, window }) => format!(
                "the sample of `{series}` at {at} is {} older than the newest one at {newest}; at most {window} are \
                 allowed",
                newest - at
            ),
            (RefusalReason::BeyondRetention, Bound::Floor(floor)) => {
                format!(
                    "the sample of `{series}` at {at} is older than what is kept, which begins at {floor}"
                )
            }
            (RefusalReason::TooManySeries, Bound::Count(max)) => {
                format!("`{series}` would be one series more than the {max} that the store holds")
            }
            (RefusalReason::NoLabels, _) => "a series has no label".to_owned(),
            (RefusalReason::TooManyLabels, Bound::Of { count, max }) => {
                format!("`{series}` has {count} labels; at most {max} are allowed")
            }
            (RefusalReason::SourceSeries, Bound::Count(max)) => {
                format!("`{series}` would be one series more than the {max} that its source may have")
            }
            (RefusalReason::LabelsNotSorted, _) => {
                format!("the labels of `{series}` are not sorted by name, or a name stands twice")
            }
            (RefusalReason::LabelNameLength, Bound::Count(max)) => {
                format!("a label of `{series}` has a name that is empty or longer than {max} bytes")
            }
            (RefusalReason::LabelValueTooLong, Bound::Count(max)) => {
                format!("a label of `{series}` has a value longer than {max} bytes")
            }
            (RefusalReason::ReservedLabel, _) => {
                format!("`{series}` has the label {RESERVED_LABEL:?}, which the store keeps for itself")
            }
            (RefusalReason::HistogramShape, _) => format!(
                "the histogram of `{series}` at {at} has other buckets than its spans say, or more than {BUCKETS_MAX}"
            ),
            (RefusalReason::Exemplar, _) => format!(
                "the exemplar of `{series}` is of a series without samples, or its labels are longer than \
                 {EXEMPLAR_BYTES_MAX} bytes"
            ),
            (reason, _) => format!("`{series}`: {}", reason.code()),
        }
    }

    fn hint(&self) -> Option<String> {
        match self.reason {
            RefusalReason::TooOld => Some("widen the out-of-order window, or send samples sooner".to_owned()),
            RefusalReason::BeyondRetention => Some("lengthen the retention".to_owned()),
            RefusalReason::TooManySeries => {
                Some("look for a label whose values never repeat, or raise the limit of series".to_owned())
            }
            RefusalReason::SourceSeries => Some(
                "look for a label whose values never repeat, or raise the limit of the source".to_owned(),
            ),
            RefusalReason::HistogramShape => Some("correct the sender's histograms".to_owned()),
            RefusalReason::Exemplar => Some("send exemplars with their samples".to_owned()),
            RefusalReason::NoLabels
            | RefusalReason::TooManyLabels
            | RefusalReason::LabelsNotSorted
            | RefusalReason::LabelNameLength
            | RefusalReason::LabelValueTooLong
            | RefusalReason::ReservedLabel => Some("correct the sender's labels".to_owned()),
        }
    }
}

/// What became of a batch of samples.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Samples that are stored, those among them that replaced another.
    pub stored: u64,
    /// Samples that are not, by reason.
    pub refused: RefusedCounts,
    /// The first of the batch that is not.
    pub first_refused: Option<Refused>,
}

/// Longest text of a series in a message.
const SERIES_TEXT_BYTES_MAX: usize = 512;

/// Labels for a message, as they came; not more of them than people read.
pub fn series_text(labels: &[(&str, &str)]) -> String {
    use fmt::Write;
    let mut text = String::from("{");
    for (i, (name, value)) in labels.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(text, "{comma}{name}={value:?}").expect("a string takes any text");
        if text.len() > SERIES_TEXT_BYTES_MAX {
            text.truncate(text.floor_char_boundary(SERIES_TEXT_BYTES_MAX));
            return text + "…";
        }
    }
    text + "}"
}
