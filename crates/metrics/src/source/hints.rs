//! What is known of counter resets between the native histograms of one series, as Prometheus's chunks tell it.
//!
//! A gauge stays one. Of all others it is known that nothing was reset where the one before has the same buckets and
//! no number is smaller; whoever wants to know of the rest compares, and finds the resets. What the sender says is
//! kept, but it speaks of the histogram that it sent before, which may have been lost, deleted or hidden by a later
//! write; so it is not lent.

use promql::{Buckets, CounterResetHint, Histogram, is_stale};

use crate::chunk::histograms::same_shape;

/// Says of each histogram what the one before it tells; of the first, `before`.
pub(super) fn derive(before: Option<&Histogram>, histograms: &mut [Histogram]) {
    let (mut before, mut rest) = (before, histograms);
    while let Some((now, after)) = std::mem::take(&mut rest).split_first_mut() {
        if now.counter_reset_hint != CounterResetHint::Gauge {
            now.counter_reset_hint = match before {
                Some(before) if grew(before, now) => CounterResetHint::NotReset,
                _ => CounterResetHint::Unknown,
            };
        }
        before = Some(now);
        rest = after;
    }
}

/// Whether both have the same buckets, and none of them was reset.
fn grew(before: &Histogram, now: &Histogram) -> bool {
    let side = |before: &Buckets, now: &Buckets| before.counts.iter().zip(&now.counts).all(|(a, b)| a <= b);
    before.counter_reset_hint != CounterResetHint::Gauge
        && !is_stale(before.sum)
        && !is_stale(now.sum)
        && same_shape(before, now)
        && before.count <= now.count
        && before.zero_count <= now.zero_count
        && side(&before.positive, &now.positive)
        && side(&before.negative, &now.negative)
}
