//! What scraped targets and exporters write: the Prometheus text format 0.0.4, OpenMetrics 1.0, and delimited
//! `io.prometheus.client.MetricFamily` messages.
//!
//! A *reader* of each format hands samples, native histograms and what metrics mean to a callback, in their order,
//! with names and labels borrowed from the body. All are strict about their grammar: the first line that is not in the
//! format ends the reading with an error, and what was handed over before is to be thrown away. What a whole family has
//! to keep to (`_total` on a counter, rising buckets, a unit in the name) is held only where [`Rules::Strict`] asks for
//! it: a target that bends those is still worth scraping, a body that somebody imports is not worth guessing about.
//!
//! A label with an empty value is absent. Bounds of buckets and quantiles come out in one spelling (`1.0`, never `1`),
//! so that a series stays itself when a target changes the format.
//!
//! Formats: prometheus.io, "Exposition formats"; openmetrics.io, "OpenMetrics 1.0"; `io/prometheus/client/metrics.proto`.

mod cursor;
mod family;
mod number;
mod openmetrics;
mod protobuf;
mod protocol;
mod text;

use std::borrow::Cow;

use crate::histogram::Histogram;
use crate::{Kind, Malformed};

pub use protocol::Protocol;

/// A label as it stands: name and value.
pub type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What a line, or a message, says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'l, 'a> {
    /// A measurement.
    Sample(Sample<'l, 'a>),
    /// A native histogram; only the protobuf format has them.
    Histogram(NativeSample<'l, 'a>),
    /// What a metric means.
    Help {
        /// The metric.
        name: Cow<'a, str>,
        /// Text for people, escapes undone.
        text: Cow<'a, str>,
    },
    /// What kind of metric it is.
    Type {
        /// The metric.
        name: Cow<'a, str>,
        /// Its kind.
        kind: Kind,
    },
    /// What it is measured in.
    Unit {
        /// The metric.
        name: Cow<'a, str>,
        /// The unit, as it stands.
        unit: Cow<'a, str>,
    },
}

/// One measurement of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'l, 'a> {
    /// The metric.
    pub name: &'l str,
    /// Its labels as they stand, without the name; each name once, no empty value, not sorted.
    pub labels: &'l [Label<'a>],
    /// The value, possibly not a number or infinite.
    pub value: f64,
    /// Epoch milliseconds, where the target stamped the sample itself.
    pub timestamp_ms: Option<i64>,
    /// An example of what was counted.
    pub exemplar: Option<&'l Exemplar<'a>>,
}

/// One native histogram of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NativeSample<'l, 'a> {
    /// The metric.
    pub name: &'l str,
    /// As those of a [`Sample`].
    pub labels: &'l [Label<'a>],
    /// What was measured; it passed [`Histogram::check`].
    pub histogram: &'l Histogram,
    /// Epoch milliseconds, where the target stamped it itself.
    pub timestamp_ms: Option<i64>,
    /// Examples of what was counted.
    pub exemplars: &'l [Exemplar<'a>],
}

/// An example of what a series counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar<'a> {
    /// As they stand; each name once.
    pub labels: Vec<Label<'a>>,
    /// What was observed.
    pub value: f64,
    /// Epoch milliseconds.
    pub timestamp_ms: Option<i64>,
}

/// How much a body has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// The grammar, as for what is scraped.
    Grammar,
    /// Also what the format says of whole families, as for what is imported.
    Strict,
}

/// What the protobuf format may hand over of a histogram that has both classic and native buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histograms {
    /// Native histograms are handed over.
    pub native: bool,
    /// Classic buckets are handed over also where there are native ones.
    pub classic_too: bool,
}

/// Reads a whole body; how many samples it had, native histograms included.
///
/// # Errors
/// The first line or message that is not in the format; the callback may have seen those before it.
pub fn parse<'a>(
    body: &'a [u8],
    protocol: Protocol,
    rules: Rules,
    histograms: Histograms,
    entry: impl FnMut(Entry<'_, 'a>),
) -> Result<u64, Malformed> {
    match protocol {
        Protocol::Text => text::parse(body, rules, entry),
        Protocol::OpenMetrics => openmetrics::parse(body, rules, entry),
        Protocol::MetricFamilies => protobuf::parse(body, histograms, entry),
    }
}

#[cfg(test)]
mod tests;
