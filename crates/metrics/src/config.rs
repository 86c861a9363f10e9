//! What the operator chooses.

use kernel::Span;

use crate::Fsync;

/// How long samples are kept, how late they may come, and when they are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Samples older than this go at the next [`retain`](crate::MetricsStore::retain).
    pub retention: Span,
    /// How much older than its series' newest sample a sample may be.
    pub late_window: Span,
    /// Series that the store holds; samples of further ones are refused.
    pub series_max: usize,
    /// When appends are durable.
    pub fsync: Fsync,
    /// A segment of the log is ended past this size.
    pub segment_bytes_max: u64,
    /// The log's size past which a checkpoint is due; bounds the disk's use and the time that opening takes.
    pub checkpoint_log_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retention: Span::from_days(15),
            late_window: Span::from_hours(2),
            series_max: 2_000_000,
            fsync: Fsync::EverySecond,
            segment_bytes_max: 64 << 20,
            checkpoint_log_bytes: 512 << 20,
        }
    }
}
