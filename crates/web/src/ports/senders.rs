//! Who takes what senders and targets say: samples, the meaning of metrics, request events and heartbeats.

use kernel::{HeartbeatId, Timestamp};

use super::{Fault, Metadata};

/// Samples of one series, borrowed from a request's body.
#[derive(Debug, Clone, Copy)]
pub struct SeriesSamples<'a> {
    /// Sorted by name, each name once, the metric's name as `__name__`.
    pub labels: &'a [(&'a str, &'a str)],
    /// Milliseconds since the epoch, and the value.
    pub samples: &'a [(i64, f64)],
}

/// What became of a batch of samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Samples that are kept.
    pub stored: u64,
    /// Samples that were refused.
    pub refused: u64,
    /// The first refusal, with its series, in words.
    pub first_refusal: Option<String>,
}

/// Takes samples.
pub trait Samples: Send + Sync {
    /// Keeps what can be kept of what Swan itself measured; it survives kill -9 once this returns.
    ///
    /// # Errors
    /// When the log cannot be written; then nothing of the batch was acknowledged.
    fn append(&self, batch: &[SeriesSamples<'_>]) -> Result<Appended, Fault> {
        self.append_from("", batch)
    }

    /// As [`append`](Self::append), of a source that may have limits of its own.
    ///
    /// # Errors
    /// When the log cannot be written; then nothing of the batch was acknowledged.
    fn append_from(&self, source: &str, batch: &[SeriesSamples<'_>]) -> Result<Appended, Fault>;
}

/// Everything that a request or a scrape says of one series.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// Sorted by name, each name once, the metric's name as `__name__`.
    pub labels: &'a [(&'a str, &'a str)],
    /// Milliseconds since the epoch, and the value.
    pub samples: &'a [(i64, f64)],
    /// Milliseconds since the epoch, and the histogram.
    pub histograms: &'a [(i64, promql::Histogram)],
    /// Examples of what was counted.
    pub exemplars: &'a [Exemplar<'a>],
    /// Since when what was counted is counted.
    pub starts: Starts<'a>,
}

/// Since when samples count: for each of which that is known its timestamp, and its start, both in milliseconds since
/// the epoch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Starts<'a> {
    /// Of floats.
    pub floats: &'a [(i64, i64)],
    /// Of histograms.
    pub histograms: &'a [(i64, i64)],
}

/// An example of what a series counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar<'a> {
    /// Sorted by name, each name once.
    pub labels: Vec<(&'a str, &'a str)>,
    /// What was observed.
    pub value: f64,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
}

/// What became of a batch of measurements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Samples that are kept.
    pub samples: u64,
    /// Native histograms that are kept.
    pub histograms: u64,
    /// Exemplars that are kept.
    pub exemplars: u64,
    /// What was refused of all three.
    pub refused: u64,
    /// The first refusal, with its series, in words.
    pub first_refusal: Option<String>,
}

/// Takes everything that senders and targets say of series.
pub trait Intake: Send + Sync {
    /// Keeps what can be kept; it survives kill -9 once this returns. The source is `token/NAME` for a sender and
    /// `job/NAME` for a job of scraping; it may have limits of its own.
    ///
    /// # Errors
    /// When the log cannot be written; then nothing of the batch was acknowledged.
    fn take(&self, source: &str, batch: &[Measured<'_>]) -> Result<Taken, Fault>;

    /// Whether it keeps since when samples count; where it does not, nobody needs to say so.
    fn keeps_starts(&self) -> bool {
        false
    }

    /// Notes what metrics mean. It is bounded and may be forgotten.
    fn note(&self, meanings: &[(&str, Metadata)]);
}

/// Requests that were counted under one name in one moment.
#[derive(Debug, Clone, Copy)]
pub struct RequestEvents<'a> {
    /// Under which name an SLI refers to them.
    pub source: &'a str,
    /// When.
    pub at: Timestamp,
    /// Whether they failed.
    pub failed: bool,
    /// How many.
    pub count: u64,
}

/// Events that do not count, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// They happened more than an hour ago.
    pub late: u64,
    /// They claim to happen more than ten minutes from now.
    pub early: u64,
    /// There are too many sources.
    pub full: u64,
}

/// Takes request events.
pub trait Requests: Send + Sync {
    /// Adds events to their slices' tallies; they survive kill -9 once this returns.
    ///
    /// # Errors
    /// When the tallies cannot be written; then nothing of the batch was acknowledged.
    fn record(&self, events: &[RequestEvents<'_>]) -> Result<Uncounted, Fault>;
}

/// What a heartbeat said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// The job began.
    Started,
    /// The job ended well.
    Succeeded,
    /// The job failed: its exit code, or its own words.
    Failed(String),
}

/// Takes heartbeats.
pub trait Heartbeats: Send + Sync {
    /// Takes a beat; it survives kill -9 once this returns. False where the configuration has no such heartbeat.
    ///
    /// # Errors
    /// When it cannot be written.
    fn beat(&self, heartbeat: &HeartbeatId, beat: Beat) -> Result<bool, Fault>;
}
