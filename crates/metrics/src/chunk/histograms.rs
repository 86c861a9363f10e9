//! Compressed runs of native histograms.
//!
//! The format, for each histogram: the distance of its timestamp to the one before (signed varint; the first one's to
//! the run's first timestamp, 0); a byte that says whether the shape is that of the one before, and the hint of a
//! reset; the shape where it is new (schema, threshold of the zero bucket, custom bounds, spans); then zero count,
//! count, buckets and sum, each as the difference to the same number before. A staleness marker is one byte.
//!
//! A number is the zigzag-encoded difference, doubled, where both numbers are integers; otherwise 1 and its bits.
//! The sum is the exclusive or with the sum before, without the zero bytes at its end.

use std::sync::Arc;

use promql::{BucketSpan, Buckets, CounterResetHint, Histogram, STALE_NAN, is_stale};

use crate::wire::{Cursor, put_signed, put_varint};

const SAME_SHAPE: u8 = 4;
const STALE: u8 = 8;
/// Integers below it are exact.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
/// Buckets of one sign, and custom bounds, that a histogram may have.
pub(crate) const BUCKETS_MAX: usize = 1 << 16;

/// A marker that a series of histograms ended.
pub(crate) fn stale() -> Histogram {
    Histogram {
        counter_reset_hint: CounterResetHint::Unknown,
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 0.0,
        sum: STALE_NAN,
        positive: Buckets::default(),
        negative: Buckets::default(),
        custom_bounds: Arc::new([]),
    }
}

/// Whether the buckets of a histogram are what its spans say, and not too many.
pub(crate) fn is_sound(histogram: &Histogram) -> bool {
    let fits = |buckets: &Buckets| {
        let total: u64 = buckets.spans.iter().map(|span| u64::from(span.length)).sum();
        total == buckets.counts.len() as u64 && buckets.counts.len() <= BUCKETS_MAX
    };
    fits(&histogram.positive)
        && fits(&histogram.negative)
        && histogram.custom_bounds.len() <= BUCKETS_MAX
        && histogram.positive.spans.len() <= BUCKETS_MAX
        && histogram.negative.spans.len() <= BUCKETS_MAX
}

/// Whether both have the same buckets.
pub(crate) fn same_shape(a: &Histogram, b: &Histogram) -> bool {
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive.spans == b.positive.spans
        && a.negative.spans == b.negative.spans
        && a.custom_bounds.len() == b.custom_bounds.len()
        && a.custom_bounds.iter().zip(&*b.custom_bounds).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn put_number(out: &mut Vec<u8>, before: f64, now: f64) {
    let is_integer = |number: f64| number.fract() == 0.0 && number.abs() < INTEGER_MAX;
    if is_integer(before) && is_integer(now) && (now != 0.0 || now.is_sign_positive()) {
        let difference = now as i64 - before as i64;
        put_varint(out, ((difference << 1) ^ (difference >> 63)).cast_unsigned() << 1);
    } else {
        out.push(1);
        out.extend_from_slice(&now.to_bits().to_le_bytes());
    }
}

fn take_number(cursor: &mut Cursor<'_>, before: f64) -> Option<f64> {
    let token = cursor.varint()?;
    if token & 1 == 1 {
        return cursor.f64();
    }
    let zigzag = token >> 1;
    let difference = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
    Some((before as i64).wrapping_add(difference) as f64)
}

fn put_spans(out: &mut Vec<u8>, spans: &[BucketSpan]) {
    put_varint(out, spans.len() as u64);
    for span in spans {
        put_signed(out, i64::from(span.offset));
        put_varint(out, u64::from(span.length));
    }
}

fn take_spans(cursor: &mut Cursor<'_>) -> Option<Vec<BucketSpan>> {
    let count = cursor.count()?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let offset = i32::try_from(cursor.signed()?).ok()?;
        spans.push(BucketSpan { offset, length: u32::try_from(cursor.varint()?).ok()? });
    }
    Some(spans)
}

/// Appends a histogram to a stream, after the one before it there.
pub(crate) fn put(out: &mut Vec<u8>, distance_ms: i64, before: Option<&Histogram>, now: &Histogram) {
    put_signed(out, distance_ms);
    if is_stale(now.sum) {
        return out.push(STALE);
    }
    let none = stale();
    let before = before.filter(|before| same_shape(before, now) && !is_stale(before.sum));
    out.push(now.counter_reset_hint as u8 | if before.is_some() { SAME_SHAPE } else { 0 });
    if before.is_none() {
        out.push(now.schema.cast_unsigned());
        out.extend_from_slice(&now.zero_threshold.to_bits().to_le_bytes());
        put_varint(out, now.custom_bounds.len() as u64);
        now.custom_bounds.iter().for_each(|bound| out.extend_from_slice(&bound.to_bits().to_le_bytes()));
        put_spans(out, &now.positive.spans);
        put_spans(out, &now.negative.spans);
    }
    let before = before.unwrap_or(&none);
    put_number(out, before.zero_count, now.zero_count);
    put_number(out, before.count, now.count);
    let sum = now.sum.to_bits() ^ before.sum.to_bits();
    let kept = 8 - sum.trailing_zeros() as usize / 8;
    out.push(kept as u8);
    out.extend_from_slice(&sum.to_be_bytes()[..kept]);
    for (before, now) in [(&before.positive, &now.positive), (&before.negative, &now.negative)] {
        for (at, count) in now.counts.iter().enumerate() {
            put_number(out, before.counts.get(at).copied().unwrap_or(0.0), *count);
        }
    }
}

/// Takes the next histogram of a stream, and the distance to the timestamp before.
pub(crate) fn take(cursor: &mut Cursor<'_>, before: Option<&Histogram>) -> Option<(i64, Histogram)> {
    let distance_ms = cursor.signed()?;
    let head = cursor.u8()?;
    let none = stale();
    if head == STALE {
        return Some((distance_ms, none));
    }
    let counter_reset_hint = match head & 3 {
        0 => CounterResetHint::Unknown,
        1 => CounterResetHint::Reset,
        2 => CounterResetHint::NotReset,
        _ => CounterResetHint::Gauge,
    };
    let before = if head & SAME_SHAPE == 0 { None } else { Some(before?) };
    let mut now = Histogram { counter_reset_hint, ..before.cloned().unwrap_or_else(stale) };
    if before.is_none() {
        take_shape(cursor, &mut now)?;
    }
    let before = before.unwrap_or(&none);
    now.zero_count = take_number(cursor, before.zero_count)?;
    now.count = take_number(cursor, before.count)?;
    let kept = usize::from(cursor.u8()?);
    let kept = cursor.take(kept)?;
    let mut sum = [0; 8];
    sum.get_mut(..kept.len())?.copy_from_slice(kept);
    now.sum = f64::from_bits(u64::from_be_bytes(sum) ^ before.sum.to_bits());
    for (before, now) in [(&before.positive, &mut now.positive), (&before.negative, &mut now.negative)] {
        for (at, count) in now.counts.iter_mut().enumerate() {
            *count = take_number(cursor, before.counts.get(at).copied().unwrap_or(0.0))?;
        }
    }
    Some((distance_ms, now))
}

fn take_shape(cursor: &mut Cursor<'_>, now: &mut Histogram) -> Option<()> {
    now.schema = cursor.u8()?.cast_signed();
    now.zero_threshold = cursor.f64()?;
    let bounds = cursor.count()?;
    now.custom_bounds = (0..bounds).map(|_| cursor.f64()).collect::<Option<Vec<f64>>>()?.into();
    for buckets in [&mut now.positive, &mut now.negative] {
        buckets.spans = take_spans(cursor)?;
        let total: u64 = buckets.spans.iter().map(|span| u64::from(span.length)).sum();
        let total = usize::try_from(total).ok().filter(|total| *total <= BUCKETS_MAX)?;
        buckets.counts = vec![0.0; total];
    }
    Some(())
}

/// Appends the histograms of a stream, with their timestamps. `None` where the stream is damaged.
pub(crate) fn decode(
    stream: &[u8],
    first_ms: i64,
    count: usize,
    timestamps: &mut Vec<i64>,
    histograms: &mut Vec<Histogram>,
) -> Option<()> {
    let mut cursor = Cursor::new(stream);
    let (mut at_ms, from) = (first_ms, histograms.len());
    for _ in 0..count {
        let before = histograms[from..].last();
        let (distance_ms, histogram) = take(&mut cursor, before)?;
        at_ms = at_ms.wrapping_add(distance_ms);
        timestamps.push(at_ms);
        histograms.push(histogram);
    }
    cursor.is_empty().then_some(())
}

/// The stream of these histograms, at least one.
pub(crate) fn encode(timestamps: &[i64], histograms: &[Histogram]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut before: Option<(i64, &Histogram)> = None;
    for (at_ms, histogram) in timestamps.iter().zip(histograms) {
        let distance_ms = before.map_or(0, |(before_ms, _)| at_ms.wrapping_sub(before_ms));
        put(&mut out, distance_ms, before.map(|(_, before)| before), histogram);
        before = Some((*at_ms, histogram));
    }
    out
}
