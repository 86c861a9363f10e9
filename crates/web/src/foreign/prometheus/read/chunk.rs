//! Samples as the chunks of Prometheus's storage: floats as XOR chunks, native histograms as float histogram chunks.
//!
//! A chunk of histograms has one layout of buckets, and within one no counter is reset: it ends where the layout
//! changes, where a count falls, and before and after a staleness marker. Swan keeps counts as floating-point
//! numbers, so it never writes the integer form, which readers turn into floating-point numbers anyway.
//!
//! Format: Prometheus, "Chunks Disk Format" (`tsdb/docs/format/chunks.md`).

use promql::{BucketSpan, Buckets, CounterResetHint, Histogram, is_stale};

use super::bits::{Bits, Xored};

/// Samples of one chunk at most, as in Prometheus's own.
const SAMPLES_MAX: usize = 120;
/// Bounds of custom buckets that are whole thousandths up to here are written as a number of them.
const THOUSANDTHS_MAX: f64 = 33_554_430.0;

/// How a chunk is encoded, by the number that the protocol has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Xor = 1,
    FloatHistogram = 3,
}

/// A chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) encoding: Encoding,
    /// Milliseconds of its first and last sample.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) data: Vec<u8>,
}

/// The chunks of a series, by the time at which they begin. No instant is in both lists.
pub(super) fn chunks(floats: (&[i64], &[f64]), histograms: (&[i64], &[Histogram])) -> Vec<Chunk> {
    let mut all = Vec::new();
    // A chunk never reaches over a sample of the other kind, so that readers see the samples in order.
    let (mut floats_rest, mut histograms_rest) = (floats, histograms);
    while !floats_rest.0.is_empty() || !histograms_rest.0.is_empty() {
        let first_histogram = histograms_rest.0.first().copied().unwrap_or(i64::MAX);
        let floats_before = floats_rest.0.partition_point(|at| *at < first_histogram);
        let count = floats_before.min(SAMPLES_MAX);
        if count > 0 {
            all.push(of_floats(&floats_rest.0[..count], &floats_rest.1[..count]));
            floats_rest = (&floats_rest.0[count..], &floats_rest.1[count..]);
            continue;
        }
        let first_float = floats_rest.0.first().copied().unwrap_or(i64::MAX);
        let before = histograms_rest.0.partition_point(|at| *at < first_float);
        let count = run_length(&histograms_rest.1[..before.min(SAMPLES_MAX)]);
        let earlier = histograms.1[..histograms.1.len() - histograms_rest.1.len()].last();
        all.push(of_histograms(&histograms_rest.0[..count], &histograms_rest.1[..count], earlier));
        histograms_rest = (&histograms_rest.0[count..], &histograms_rest.1[count..]);
    }
    all
}

/// `num_samples`, then the first sample, the second with a difference, and the rest with differences of differences.
fn of_floats(timestamps: &[i64], values: &[f64]) -> Chunk {
    let mut bits = Bits::default();
    bits.write(timestamps.len() as u64, 16);
    bits.varint(timestamps[0]);
    bits.float(values[0]);
    let mut value = Xored::new(values[0]);
    let mut delta = 0_i64;
    for place in 1..timestamps.len() {
        let next = timestamps[place].wrapping_sub(timestamps[place - 1]);
        if place == 1 {
            bits.uvarint(next as u64);
        } else {
            bits.varbit_ts(next.wrapping_sub(delta));
        }
        delta = next;
        bits.varbit_xor(&mut value, values[place]);
    }
    finished(Encoding::Xor, timestamps, bits)
}

fn finished(encoding: Encoding, timestamps: &[i64], bits: Bits) -> Chunk {
    let (from_ms, to_ms) = (timestamps[0], timestamps[timestamps.len() - 1]);
    Chunk { encoding, from_ms, to_ms, data: bits.into_bytes() }
}

/// How many of the first histograms stand in one chunk.
fn run_length(histograms: &[Histogram]) -> usize {
    let breaks = histograms.windows(2).position(|pair| !continues(&pair[0], &pair[1]));
    breaks.map_or(histograms.len(), |place| place + 1)
}

/// Whether a histogram stands in the chunk of the one before.
fn continues(before: &Histogram, next: &Histogram) -> bool {
    match (is_stale(before.sum), is_stale(next.sum)) {
        (true, true) => return true,
        (false, false) => {}
        _ => return false,
    }
    let same_layout = before.schema == next.schema
        && before.zero_threshold == next.zero_threshold
        && before.positive.spans == next.positive.spans
        && before.negative.spans == next.negative.spans
        && before.custom_bounds == next.custom_bounds;
    let is_gauge = |histogram: &Histogram| histogram.counter_reset_hint == CounterResetHint::Gauge;
    same_layout && is_gauge(before) == is_gauge(next) && (is_gauge(next) || !is_reset(before, next))
}

/// Whether a counter of the same layout was reset, as far as is known or seen.
fn is_reset(before: &Histogram, next: &Histogram) -> bool {
    let falls = |before: &Buckets, next: &Buckets| {
        before.counts.iter().zip(&next.counts).any(|(before, next)| next < before)
    };
    next.counter_reset_hint == CounterResetHint::Reset
        || next.count < before.count
        || next.zero_count < before.zero_count
        || falls(&before.positive, &next.positive)
        || falls(&before.negative, &next.negative)
}

/// What a chunk says of resets at its beginning.
fn flags(first: &Histogram, earlier: Option<&Histogram>) -> u8 {
    // A staleness marker counts nothing.
    let earlier = earlier.filter(|earlier| !is_stale(first.sum) && !is_stale(earlier.sum));
    match first.counter_reset_hint {
        CounterResetHint::Gauge => 0b1100_0000,
        CounterResetHint::Reset => 0b1000_0000,
        _ if earlier.is_some_and(|earlier| first.count < earlier.count) => 0b1000_0000,
        CounterResetHint::NotReset => 0b0100_0000,
        CounterResetHint::Unknown => 0,
    }
}

fn of_histograms(timestamps: &[i64], histograms: &[Histogram], earlier: Option<&Histogram>) -> Chunk {
    let first = &histograms[0];
    let mut bits = Bits::default();
    bits.write(histograms.len() as u64, 16);
    bits.push(flags(first, earlier));
    // A staleness marker has no buckets, whatever the histogram holds.
    let is_marker = is_stale(first.sum);
    if is_marker {
        write_layout(&mut bits, 0, 0.0, &[], &[])
    } else {
        write_layout_of(&mut bits, first)
    }
    let numbers = |histogram: &Histogram| -> Vec<f64> {
        if is_marker {
            return vec![0.0, 0.0, histogram.sum];
        }
        let buckets = histogram.positive.counts.iter().chain(&histogram.negative.counts);
        [histogram.count, histogram.zero_count, histogram.sum].into_iter().chain(buckets.copied()).collect()
    };
    bits.varbit_int(timestamps[0]);
    let mut before: Vec<Xored> = numbers(first)
        .into_iter()
        .map(|number| {
            bits.float(number);
            Xored::new(number)
        })
        .collect();
    let mut delta = 0_i64;
    for place in 1..timestamps.len() {
        let next = timestamps[place].wrapping_sub(timestamps[place - 1]);
        bits.varbit_int(next.wrapping_sub(delta));
        delta = next;
        for (before, number) in before.iter_mut().zip(numbers(&histograms[place])) {
            bits.varbit_xor(before, number);
        }
    }
    finished(Encoding::FloatHistogram, timestamps, bits)
}

fn write_layout_of(bits: &mut Bits, histogram: &Histogram) {
    let (positive, negative) = (&histogram.positive.spans, &histogram.negative.spans);
    write_layout(bits, histogram.schema, histogram.zero_threshold, positive, negative);
    if histogram.has_custom_buckets() {
        bits.varbit_uint(histogram.custom_bounds.len() as u64);
        histogram.custom_bounds.iter().for_each(|bound| write_bound(bits, *bound));
    }
}

fn write_layout(
    bits: &mut Bits,
    schema: i8,
    zero_threshold: f64,
    positive: &[BucketSpan],
    negative: &[BucketSpan],
) {
    write_threshold(bits, zero_threshold);
    bits.varbit_int(i64::from(schema));
    for spans in [positive, negative] {
        bits.varbit_uint(spans.len() as u64);
        for span in spans {
            bits.varbit_uint(u64::from(span.length));
            bits.varbit_int(i64::from(span.offset));
        }
    }
}

/// A power of two from 2^-243 to 2^10 has one byte, and 0 too; anything else has nine.
fn write_threshold(bits: &mut Bits, threshold: f64) {
    if threshold == 0.0 {
        return bits.push(0);
    }
    let exponent = (threshold.to_bits() >> 52) as i32 - 1023;
    let is_power = threshold > 0.0 && threshold.to_bits().trailing_zeros() >= 52;
    match u8::try_from(exponent + 244) {
        Ok(byte @ 1..=254) if is_power => bits.push(byte),
        _ => {
            bits.push(255);
            bits.float(threshold);
        }
    }
}

fn write_bound(bits: &mut Bits, bound: f64) {
    let thousandths = bound * 1000.0;
    let is_whole = (0.0..=THOUSANDTHS_MAX).contains(&thousandths) && thousandths.round() / 1000.0 == bound;
    if is_whole {
        // Not negative and below 2^25.
        bits.varbit_uint(thousandths.round() as u64 + 1);
    } else {
        bits.write(0, 1);
        bits.float(bound);
    }
}

#[cfg(test)]
mod tests {
    use promql::{CUSTOM_BUCKETS_SCHEMA, STALE_NAN};

    use super::*;

    fn histogram(count: f64, counts: &[f64]) -> Histogram {
        Histogram {
            counter_reset_hint: CounterResetHint::Unknown,
            schema: 1,
            zero_threshold: 2_f64.powi(-128),
            zero_count: 0.0,
            count,
            sum: count * 2.0,
            positive: Buckets {
                spans: vec![BucketSpan { offset: 0, length: counts.len() as u32 }],
                counts: counts.to_vec(),
            },
            negative: Buckets::default(),
            custom_bounds: [].into(),
        }
    }

    #[test]
    fn floats_are_a_xor_chunk() {
        let chunk = of_floats(&[1_000, 2_000, 3_000], &[1.0, 1.0, 2.0]);
        let mut expected = vec![0, 3, 0xd0, 0x0f];
        expected.extend(1_f64.to_be_bytes());
        expected.extend([0xe8, 0x07]);
        // 0: the same value. 0: the same distance. 1 1: another value, 1 leading zero, 11 significant bits.
        let bits = "0".to_owned() + "0" + "1" + "1" + "00001" + "001011" + "11111111111";
        let padded = format!("{bits:0<32}");
        expected.extend(
            padded
                .as_bytes()
                .chunks(8)
                .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap()),
        );
        assert_eq!(chunk.data, expected);
        assert_eq!((chunk.from_ms, chunk.to_ms), (1_000, 3_000));
    }

    #[test]
    fn long_series_have_several_chunks() {
        let timestamps: Vec<i64> = (0..300).map(|place| place * 15_000).collect();
        let values = vec![1.5; 300];
        let all = chunks((&timestamps, &values), (&[], &[]));
        assert_eq!(all.len(), 3);
        assert_eq!(all[1].from_ms, 120 * 15_000);
        assert_eq!(all[2].to_ms, 299 * 15_000);
    }

    #[test]
    fn a_chunk_of_histograms_ends_where_a_reader_would_not_see_the_difference() {
        let marker = Histogram { sum: STALE_NAN, ..histogram(0.0, &[]) };
        let gauge = Histogram { counter_reset_hint: CounterResetHint::Gauge, ..histogram(1.0, &[1.0]) };
        let all = [
            histogram(1.0, &[1.0]),
            histogram(3.0, &[3.0]),
            histogram(2.0, &[2.0]),      // a reset
            histogram(4.0, &[2.0, 2.0]), // another layout
            marker.clone(),
            marker,
            histogram(5.0, &[3.0, 2.0]),
            gauge,
        ];
        let timestamps: Vec<i64> = (0..8).collect();
        let begins: Vec<i64> =
            chunks((&[], &[]), (&timestamps, &all)).iter().map(|chunk| chunk.from_ms).collect();
        assert_eq!(begins, [0, 2, 3, 4, 6, 7]);
        let flags: Vec<u8> =
            chunks((&[], &[]), (&timestamps, &all)).iter().map(|chunk| chunk.data[2]).collect();
        assert_eq!(flags, [0, 0b1000_0000, 0, 0, 0, 0b1100_0000]);
    }

    #[test]
    fn floats_and_histograms_of_one_series_stay_in_order() {
        let all = chunks(
            (&[1, 2, 5], &[1.0, 2.0, 3.0]),
            (&[3, 4], &[histogram(1.0, &[1.0]), histogram(1.0, &[1.0])]),
        );
        let shape: Vec<_> = all.iter().map(|chunk| (chunk.encoding, chunk.from_ms, chunk.to_ms)).collect();
        assert_eq!(shape, [(Encoding::Xor, 1, 2), (Encoding::FloatHistogram, 3, 4), (Encoding::Xor, 5, 5)]);
    }

    #[test]
    fn usual_thresholds_and_bounds_are_short() {
        let length = |write: &dyn Fn(&mut Bits)| {
            let mut bits = Bits::default();
            write(&mut bits);
            bits.into_bytes()
        };
        assert_eq!(length(&|bits| write_threshold(bits, 0.0)), [0]);
        assert_eq!(length(&|bits| write_threshold(bits, 2_f64.powi(-128))), [116]);
        assert_eq!(length(&|bits| write_threshold(bits, 2_f64.powi(-243))), [1]);
        assert_eq!(length(&|bits| write_threshold(bits, 2_f64.powi(10))), [254]);
        assert_eq!(length(&|bits| write_threshold(bits, 2_f64.powi(11))).len(), 9);
        assert_eq!(length(&|bits| write_threshold(bits, 0.001)).len(), 9);
        assert_eq!(length(&|bits| write_bound(bits, 0.005)).len(), 1);
        assert_eq!(length(&|bits| write_bound(bits, -1.0)).len(), 9);
        let custom = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            custom_bounds: [0.1, 0.5].into(),
            ..histogram(1.0, &[1.0])
        };
        assert_eq!(chunks((&[], &[]), (&[7], &[custom]))[0].data[1], 1);
    }
}
