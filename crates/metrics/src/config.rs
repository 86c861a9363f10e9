//! What the operator chooses.

use kernel::Span;
use kernel::limits::{LABEL_VALUE_BYTES_MAX, LABELS_MAX};

use crate::Fsync;
use crate::limits::LABEL_NAME_BYTES_MAX;

/// How late samples may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfOrder {
    /// So much older than the newest sample of their series.
    Window(Span),
    /// Any age, before 1970 too.
    Unlimited,
}

/// How long samples are kept, how late they may come, and when they are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Samples older than this go at the next [`retain`](crate::MetricsStore::retain); zero keeps them forever.
    pub retention: Span,
    /// The oldest blocks go at the next [`retain`](crate::MetricsStore::retain) while all blocks together are larger;
    /// zero is no limit.
    pub retention_bytes: u64,
    /// How late samples may come.
    pub out_of_order: OutOfOrder,
    /// The length of the windows into which memory is cut, aligned to the epoch.
    pub block_span: Span,
    /// How long after the end of a window its samples stay in memory.
    pub cut_after: Span,
    /// Series that are held in memory; samples of further ones are refused.
    pub series_max: usize,
    /// What one source may send; [`set_source_limits`](crate::MetricsStore::set_source_limits) makes exceptions.
    pub source: SourceLimits,
    /// Exemplars that are kept; past it the oldest goes.
    pub exemplars_max: usize,
    /// When appends are durable.
    pub fsync: Fsync,
    /// A segment of the log is ended past this size.
    pub segment_bytes_max: u64,
    /// The log's size past which a checkpoint is due; bounds the disk's use and the time that opening takes.
    pub checkpoint_log_bytes: u64,
}

/// What one source (a tenant, a scrape job, a sender) may send. Past a limit samples are refused, counted and
/// explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// Series of it in memory.
    pub series_max: usize,
    /// Labels of one series.
    pub labels_max: usize,
    /// Bytes of a label's name.
    pub label_name_bytes_max: usize,
    /// Bytes of a label's value.
    pub label_value_bytes_max: usize,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            series_max: usize::MAX,
            labels_max: LABELS_MAX,
            label_name_bytes_max: LABEL_NAME_BYTES_MAX,
            label_value_bytes_max: LABEL_VALUE_BYTES_MAX,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retention: Span::from_days(15),
            retention_bytes: 0,
            out_of_order: OutOfOrder::Window(Span::from_hours(2)),
            block_span: Span::from_hours(2),
            cut_after: Span::from_hours(1),
            series_max: 2_000_000,
            source: SourceLimits::default(),
            exemplars_max: 20_000,
            fsync: Fsync::EverySecond,
            segment_bytes_max: 64 << 20,
            checkpoint_log_bytes: 512 << 20,
        }
    }
}

impl Config {
    /// How late samples may come, in milliseconds.
    pub(crate) const fn window_ms(&self) -> Option<i64> {
        match self.out_of_order {
            OutOfOrder::Window(window) => Some(window.as_millis()),
            OutOfOrder::Unlimited => None,
        }
    }
}
