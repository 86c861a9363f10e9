//! Native histograms on their way from the wire to the store.

use promql::{Buckets, CounterResetHint, Histogram};
use signals::histogram::{self, Reset};

/// The histogram as queries and the store have it. It has to have passed [`histogram::Histogram::check`].
pub fn stored(wire: &histogram::Histogram) -> Histogram {
    let side = |side: &histogram::Buckets| Buckets {
        spans: side
            .spans
            .iter()
            .map(|span| promql::BucketSpan { offset: span.offset, length: span.length })
            .collect(),
        counts: side.counts.clone(),
    };
    Histogram {
        counter_reset_hint: match wire.reset {
            Reset::Unknown => CounterResetHint::Unknown,
            Reset::Yes => CounterResetHint::Reset,
            Reset::No => CounterResetHint::NotReset,
            Reset::Gauge => CounterResetHint::Gauge,
        },
        schema: i8::try_from(wire.schema).expect("a histogram that was checked has a small schema"),
        zero_threshold: wire.zero_threshold,
        zero_count: wire.zero_count,
        count: wire.count,
        sum: wire.sum,
        positive: side(&wire.positive),
        negative: side(&wire.negative),
        custom_bounds: wire.custom_bounds.as_slice().into(),
    }
}
