//! What reading a native histogram back tells of counter resets, as Prometheus's store tells it.
//!
//! It keeps histograms in runs, and what is known is that nothing was reset within one. A run ends where the schema,
//! the zero bucket's width or the bounds change, where anything falls, where a float or the end of the series stands
//! in between, and where the writer says that there was a reset. A gauge stays one.

use std::collections::BTreeMap;

use crate::{Buckets, CounterResetHint, Histogram, is_stale};

/// What is known of a histogram after the one before it, with nothing in between.
pub(super) fn derived(before: Option<&Histogram>, now: &Histogram) -> CounterResetHint {
    match before {
        _ if now.counter_reset_hint == CounterResetHint::Gauge => CounterResetHint::Gauge,
        Some(before) if is_of_one_run(before, now) => CounterResetHint::NotReset,
        _ => CounterResetHint::Unknown,
    }
}

fn is_of_one_run(before: &Histogram, now: &Histogram) -> bool {
    before.counter_reset_hint != CounterResetHint::Gauge
        && now.counter_reset_hint != CounterResetHint::Reset
        && !is_stale(before.sum)
        && !is_stale(now.sum)
        && before.schema == now.schema
        && before.zero_threshold.to_bits() == now.zero_threshold.to_bits()
        && before.custom_bounds == now.custom_bounds
        && before.count <= now.count
        && before.zero_count <= now.zero_count
        && has_grown(&before.positive, &now.positive)
        && has_grown(&before.negative, &now.negative)
}

/// Whether no bucket holds less than before.
fn has_grown(before: &Buckets, now: &Buckets) -> bool {
    let now: BTreeMap<i32, f64> = by_index(now).collect();
    by_index(before).all(|(index, count)| count <= now.get(&index).copied().unwrap_or(0.0))
}

fn by_index(buckets: &Buckets) -> impl Iterator<Item = (i32, f64)> {
    let mut next = 0_i32;
    let indexes = buckets.spans.iter().flat_map(move |span| {
        let first = next.saturating_add(span.offset);
        next = first.saturating_add(i32::try_from(span.length).unwrap_or(i32::MAX));
        first..next
    });
    indexes.zip(buckets.counts.iter().copied())
}
