//! Native histograms as senders and targets describe them, before a store takes them.
//!
//! Counts are absolute here, whatever the wire had (differences for integers, absolute values for floats).
//! [`Histogram::check`] holds what the specification asks of every histogram; nothing that fails it is handed on.
//!
//! Format: prometheus.io, "Native Histograms" and `io.prometheus.write.v2.Histogram`.

mod resolution;
pub(crate) mod wire;

use crate::limits::{HISTOGRAM_BUCKETS_MAX, HISTOGRAM_SPANS_MAX};

/// The schema whose bounds are listed one by one.
pub const CUSTOM_BUCKETS: i32 = -53;
/// The exponential schemas, from a factor of 65,536 between bounds to one of 2^(1/256).
pub const EXPONENTIAL: std::ops::RangeInclusive<i32> = -4..=8;

/// What is known of a counter reset before a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reset {
    /// Nothing.
    #[default]
    Unknown,
    /// There was one.
    Yes,
    /// There was none.
    No,
    /// It is a gauge, which is not reset.
    Gauge,
}

/// Buckets that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From the end of the span before; of the first one, from bucket 0.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// The buckets of one sign: as many counts as the spans have buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets {
    /// Where they are.
    pub spans: Vec<Span>,
    /// What is in each, not cumulative.
    pub counts: Vec<f64>,
}

/// A native histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// What is known of a reset before it.
    pub reset: Reset,
    /// One of [`EXPONENTIAL`] or [`CUSTOM_BUCKETS`].
    pub schema: i32,
    /// How far from 0 the zero bucket reaches.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Their sum; a staleness marker where the series ended.
    pub sum: f64,
    /// Buckets above zero, or the custom ones.
    pub positive: Buckets,
    /// Buckets below zero, mirrored.
    pub negative: Buckets,
    /// Upper bounds of custom buckets, rising, without +Inf.
    pub custom_bounds: Vec<f64>,
    /// Whether the counts were integers on the wire, and so have to add up.
    pub is_integer: bool,
}

impl Histogram {
    /// The marker that ends a series.
    pub fn stale(marker: f64) -> Self {
        Self { sum: marker, is_integer: true, ..Self::default() }
    }

    /// Buckets with a place, empty ones included.
    pub fn buckets(&self) -> usize {
        self.positive.counts.len() + self.negative.counts.len()
    }

    /// What the specification forbids, in words.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.buckets() > HISTOGRAM_BUCKETS_MAX || self.custom_bounds.len() > HISTOGRAM_BUCKETS_MAX {
            return Err("a histogram of more than 10000 buckets");
        }
        if self.positive.spans.len() + self.negative.spans.len() > HISTOGRAM_SPANS_MAX {
            return Err("a histogram of more than 10000 spans");
        }
        if self.schema == CUSTOM_BUCKETS {
            self.check_custom()?;
        } else if !EXPONENTIAL.contains(&self.schema) {
            return Err("the schema of a histogram is -4 to 8, or -53");
        } else if !self.custom_bounds.is_empty() {
            return Err("custom bounds in a histogram of an exponential schema");
        }
        let mut sum = self.zero_count;
        for side in [&self.positive, &self.negative] {
            side.check()?;
            sum += side.counts.iter().sum::<f64>();
        }
        if !(self.zero_count >= 0.0 && self.count >= 0.0 && self.zero_threshold >= 0.0) {
            return Err("a count below zero in a histogram");
        }
        // Observations of NaN are counted and are in no bucket; the sum is NaN then.
        let adds_up = if self.sum.is_nan() { sum <= self.count } else { sum == self.count };
        if self.is_integer && !adds_up {
            return Err("the buckets of a histogram do not add up to its count");
        }
        Ok(())
    }

    /// Whether its spans and counts belong together, whatever its schema.
    fn is_sound_inside(&self) -> bool {
        self.positive.check().is_ok() && self.negative.check().is_ok()
    }

    fn check_custom(&self) -> Result<(), &'static str> {
        if self.zero_count != 0.0 || self.zero_threshold != 0.0 || !self.negative.spans.is_empty() {
            return Err("a zero bucket or negative buckets beside custom ones");
        }
        if !self.custom_bounds.is_sorted_by(|a, b| a < b) || self.custom_bounds.iter().any(|b| b.is_nan()) {
            return Err("the bounds of custom buckets do not rise");
        }
        if self.custom_bounds.last() == Some(&f64::INFINITY) {
            return Err("+Inf among the bounds of custom buckets, which is implied");
        }
        let reach =
            self.positive.spans.iter().map(|s| i64::from(s.offset) + i64::from(s.length)).sum::<i64>();
        let first_is_below = self.positive.spans.first().is_some_and(|span| span.offset < 0);
        if first_is_below || reach > self.custom_bounds.len() as i64 + 1 {
            return Err("custom buckets without a bound");
        }
        Ok(())
    }
}

impl Buckets {
    fn check(&self) -> Result<(), &'static str> {
        if self.spans.iter().skip(1).any(|span| span.offset < 0) {
            return Err("a span of a histogram begins before the one in front of it ends");
        }
        let places: u64 = self.spans.iter().map(|span| u64::from(span.length)).sum();
        if places != self.counts.len() as u64 {
            return Err("the spans of a histogram have another number of buckets than there are counts");
        }
        // The places of all buckets fit 32 bits, so that nobody has to think of overflow later.
        let end = self.spans.iter().map(|s| i64::from(s.offset) + i64::from(s.length)).sum::<i64>();
        let start = self.spans.first().map_or(0, |span| i64::from(span.offset));
        if i32::try_from(end).is_err() || start <= i64::from(i32::MIN) {
            return Err("a bucket of a histogram too far out");
        }
        // NaN is no count either.
        if self.counts.iter().any(|count| count.is_nan() || *count < 0.0) {
            return Err("a count below zero in a histogram");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
