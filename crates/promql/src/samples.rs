//! The samples of a series that ranges are made of, and how far the ranges reach.

use crate::native::Histogram;
use crate::select::Instants;

/// The samples of one series without staleness markers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Samples<'s> {
    pub(crate) timestamps: &'s [i64],
    pub(crate) values: &'s [f64],
    pub(crate) histogram_timestamps: &'s [i64],
    pub(crate) histograms: &'s [&'s Histogram],
    /// When counters began; empty where that is not known, or means nothing.
    pub(crate) starts: &'s [i64],
    pub(crate) histogram_starts: &'s [i64],
}

/// The edges of a range at every step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) instants: Instants,
    pub(crate) range_ms: i64,
    /// Samples so much before and behind the range are looked at, too.
    pub(crate) before_ms: i64,
    pub(crate) behind_ms: i64,
}
