//! Native histograms: a distribution as one sample, in buckets that its schema names.
//!
//! Counts are absolute (not differences from bucket to bucket) and floating-point, because what a query makes of
//! integer histograms need not be whole. The exponential schemas and the custom buckets are those of the
//! Prometheus data model (specification "Native Histograms", sections "Schema" and "Buckets").

mod buckets;
mod quantile;
mod sparse;
mod trim;

use std::sync::Arc;

pub use buckets::Bucket;
pub(crate) use quantile::NanRemark;
pub(crate) use sparse::{Incompatible, Remarks, Sparse};
pub(crate) use trim::Keep;

/// The schema whose upper bounds are listed, as in a classic histogram ("NHCB").
pub const CUSTOM_BUCKETS_SCHEMA: i8 = -53;
/// The coarsest exponential schema: a bucket spans a factor of 65,536.
pub const SCHEMA_MIN: i8 = -4;
/// The finest exponential schema: a bucket spans a factor of 2^(1/256).
pub const SCHEMA_MAX: i8 = 8;

/// What is known of a counter reset between a histogram and the one before it in its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CounterResetHint {
    /// Nothing: whoever needs it compares the two.
    #[default]
    Unknown,
    /// There was one.
    Reset,
    /// There was none.
    NotReset,
    /// The histogram is a gauge, which cannot be reset.
    Gauge,
}

/// Buckets that follow each other: `length` of them, `offset` after the end of the span before (the first counts
/// from bucket 0, and may be negative).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSpan {
    /// The distance from the end of the span before.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// The buckets of one sign: as many counts as the spans have buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets {
    /// Where the buckets are.
    pub spans: Vec<BucketSpan>,
    /// What each bucket holds; not cumulative.
    pub counts: Vec<f64>,
}

/// One native histogram.
///
/// A staleness marker is a histogram whose `sum` is [`STALE_NAN`](crate::STALE_NAN); what else it holds means nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// What is known of a reset before it.
    pub counter_reset_hint: CounterResetHint,
    /// [`SCHEMA_MIN`] to [`SCHEMA_MAX`], or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i8,
    /// Observations in `[-zero_threshold, zero_threshold]` are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations, NaN among them.
    pub count: f64,
    /// The sum of all observations.
    pub sum: f64,
    /// Buckets above zero; bucket `i` is `(base^(i-1), base^i]`, or the custom bucket `i`.
    pub positive: Buckets,
    /// Buckets below zero, mirrored; none with custom buckets.
    pub negative: Buckets,
    /// Upper bounds of custom buckets, increasing, without +Inf; empty with an exponential schema.
    pub custom_bounds: Arc<[f64]>,
}
