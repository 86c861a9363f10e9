//! The last samples of series, by family: what is federated, whatever the form.

use std::collections::BTreeMap;

use kernel::Labels;
use promql::{CounterResetHint, Histogram};

/// Families by name, floats before histograms, each sorted by labels.
pub(super) type Families = BTreeMap<(String, Form), BTreeMap<Labels, Last>>;

/// The last sample of a series.
pub(super) struct Last {
    pub(super) labels: Labels,
    pub(super) at_ms: i64,
    pub(super) value: Value,
}

pub(super) enum Value {
    Float(f64),
    Histogram(Histogram),
}

/// What a family's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Float,
    Histogram,
    GaugeHistogram,
}

impl Value {
    pub(super) fn form(&self) -> Form {
        match self {
            Value::Float(_) => Form::Float,
            Value::Histogram(histogram) if histogram.counter_reset_hint == CounterResetHint::Gauge => {
                Form::GaugeHistogram
            }
            Value::Histogram(_) => Form::Histogram,
        }
    }
}

/// Each custom bound, and how many lie at or below it; infinity last.
pub(super) fn cumulative(histogram: &Histogram) -> Vec<(f64, f64)> {
    let mut counts = vec![0.0; histogram.custom_bounds.len() + 1];
    let mut index = 0_usize;
    let mut of_spans = histogram.positive.counts.iter();
    for span in &histogram.positive.spans {
        index = index.saturating_add_signed(span.offset as isize);
        for count in of_spans.by_ref().take(span.length as usize) {
            if let Some(bucket) = counts.get_mut(index) {
                *bucket += count;
            }
            index += 1;
        }
    }
    let bounds = histogram.custom_bounds.iter().copied();
    let mut below = 0.0;
    let mut found: Vec<(f64, f64)> = Vec::with_capacity(counts.len());
    for (bound, count) in bounds.zip(&counts) {
        below += count;
        found.push((bound, below));
    }
    found.push((f64::INFINITY, histogram.count));
    found
}
