//! How samples are kept, and which PromQL there is.

use std::collections::BTreeMap;
use std::fmt;

use kernel::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ByteSize;

/// How samples are kept. It may change while the server runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsStorage {
    /// Samples older than this go; zero keeps them for ever.
    #[serde(deserialize_with = "span_or_zero")]
    pub retention: Span,
    /// The oldest samples go while all blocks together are larger; zero is no limit.
    pub retention_size: ByteSize,
    /// How much older than the newest sample of its series a sample may be.
    pub out_of_order: OutOfOrder,
    /// Series that are held in memory.
    pub series: u64,
    /// Exemplars that are kept.
    pub exemplars: u64,
    /// What one source may send.
    pub source: SourceLimits,
    /// Sources that have limits of their own: `token/NAME` for a sender, `job/NAME` for a job of scraping.
    pub sources: BTreeMap<String, SourceLimits>,
}

impl Default for MetricsStorage {
    fn default() -> Self {
        Self {
            retention: Span::from_days(15),
            retention_size: ByteSize(0),
            out_of_order: OutOfOrder::Window(Span::from_hours(2)),
            series: 2_000_000,
            exemplars: 20_000,
            source: SourceLimits::default(),
            sources: BTreeMap::new(),
        }
    }
}

impl MetricsStorage {
    /// Whether nothing was written about it.
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What a source may send; what is not given is bounded by what the store can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceLimits {
    /// Series of it in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<u64>,
    /// Labels of one series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<u64>,
    /// Bytes of a label's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_name_bytes: Option<u64>,
    /// Bytes of a label's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_value_bytes: Option<u64>,
}

/// How late samples may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfOrder {
    /// So much older than the newest sample of their series.
    Window(Span),
    /// Any age, before 1970 too. Written `unlimited`.
    Unlimited,
}

const UNLIMITED: &str = "unlimited";

impl fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutOfOrder::Window(window) => window.fmt(f),
            OutOfOrder::Unlimited => f.write_str(UNLIMITED),
        }
    }
}

impl Serialize for OutOfOrder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OutOfOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match SpanText::deserialize(deserializer)? {
            SpanText::Text(text) if text == UNLIMITED => Ok(Self::Unlimited),
            other => other.span().map(Self::Window).map_err(|text| {
                serde::de::Error::custom(format!("`{text}` is neither a span like `2h` nor `unlimited`"))
            }),
        }
    }
}

/// A span as people write it: zero needs no unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum SpanText {
    Number(i64),
    Text(String),
}

impl SpanText {
    /// The span, or what was written.
    fn span(self) -> Result<Span, String> {
        match self {
            SpanText::Number(0) => Ok(Span::ZERO),
            SpanText::Number(number) => Err(number.to_string()),
            SpanText::Text(text) => text.parse().map_err(|_| text),
        }
    }
}

fn span_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let written = SpanText::deserialize(deserializer)?;
    written.span().map_err(|text| {
        serde::de::Error::custom(format!("`{text}` is not a span like `15d`, and not 0, which is for ever"))
    })
}

/// Which parts of PromQL are on beside the usual ones. Each is what the feature flag of Prometheus does that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as Prometheus has them")]
pub struct PromqlSettings {
    /// `promql-delayed-name-removal`: the metric's name goes when the whole query is evaluated.
    pub delayed_name_removal: bool,
    /// `promql-experimental-functions`: `limitk`, `info`, `sort_by_label`, `mad_over_time` and their like.
    pub experimental_functions: bool,
    /// `promql-duration-expr`: arithmetic in ranges, steps and offsets.
    pub duration_expressions: bool,
    /// `promql-extended-range-selectors`: the modifiers `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: the modifiers `fill`, `fill_left` and `fill_right`.
    pub fill_modifiers: bool,
    /// `type-and-unit-labels`: counters are known by their label `__type__`.
    pub type_and_unit_labels: bool,
    /// `use-start-timestamps`: resets are also seen in the times at which samples say that they began.
    pub start_timestamps: bool,
}

impl PromqlSettings {
    /// Everything on.
    pub const ALL: Self = Self {
        delayed_name_removal: true,
        experimental_functions: true,
        duration_expressions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        type_and_unit_labels: true,
        start_timestamps: true,
    };

    /// Whether nothing was written about it.
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
