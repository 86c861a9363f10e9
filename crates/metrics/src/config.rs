//! What the operator chooses: a [`Policy`], which may change while the store is open, and a [`Config`], which may not.

use std::collections::BTreeMap;

use kernel::Span;
use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

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

/// How long samples are kept, how late they may come, and how many series there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Samples older than this go at the next [`retain`](crate::MetricsStore::retain); zero keeps them forever.
    pub retention: Span,
    /// The oldest blocks go at the next [`retain`](crate::MetricsStore::retain) while all blocks together are larger;
    /// zero is no limit.
    pub retention_bytes: u64,
    /// How late samples may come.
    pub out_of_order: OutOfOrder,
    /// Series that are held in memory; samples of further ones are refused.
    pub series_max: usize,
    /// Exemplars that are kept; past it the oldest goes.
    pub exemplars_max: usize,
    /// What one source may send, for series that come from here on.
    pub source: SourceLimits,
    /// What sources may send that are named here.
    pub sources: BTreeMap<String, SourceLimits>,
}

/// How the store keeps its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// With which policy it opens; [`adopt`](crate::MetricsStore::adopt) takes another.
    pub policy: Policy,
    /// The length of the windows into which memory is cut, aligned to the epoch.
    pub block_span: Span,
    /// How long after the end of a window its samples stay in memory.
    pub cut_after: Span,
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
            labels_max: SERIES_LABELS_MAX,
            label_name_bytes_max: LABEL_NAME_BYTES_MAX,
            label_value_bytes_max: SERIES_LABEL_VALUE_BYTES_MAX,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retention: Span::from_days(15),
            retention_bytes: 0,
            out_of_order: OutOfOrder::Window(Span::from_hours(2)),
            series_max: 2_000_000,
            exemplars_max: 20_000,
            source: SourceLimits::default(),
            sources: BTreeMap::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            block_span: Span::from_hours(2),
            cut_after: Span::from_hours(1),
            fsync: Fsync::EverySecond,
            segment_bytes_max: 64 << 20,
            checkpoint_log_bytes: 512 << 20,
        }
    }
}

impl Policy {
    /// What a source may send.
    pub(crate) fn limits_of(&self, source: &str) -> SourceLimits {
        self.sources.get(source).copied().unwrap_or(self.source)
    }

    /// How late samples may come, in milliseconds; the greatest is any age.
    pub(crate) const fn late_ms(&self) -> i64 {
        match self.out_of_order {
            OutOfOrder::Window(window) => window.as_millis(),
            OutOfOrder::Unlimited => i64::MAX,
        }
    }
}
