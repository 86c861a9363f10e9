//! Compressed runs of samples.
//!
//! The characters: an [`OpenChunk`] takes samples in order and keeps the newest one outside its stream, so that
//! replacing it costs nothing; a [`Chunk`] is closed and shared with whoever reads; a [`Samples`] walks a stream.
//!
//! The format, most significant bit first, for each sample a timestamp and then a value:
//! - the timestamp's delta of deltas (Gorilla, VLDB 2015, section 4.1.1) in the bit classes of `TIME_BITS`; the
//!   chunk's first timestamp stands outside the stream, so that the first sample costs one bit;
//! - `0`: the bits of the value before;
//! - `10`: the value is a decimal at the current scale (an integer divided by a power of ten gives back exactly
//!   its bits); its delta of deltas in the bit classes of `VALUE_BITS`;
//! - `110`: exclusive or with the value before, within the window of significant bits used last (Gorilla, 4.1.2);
//! - `1110`: the same with a window of its own: 6 bits of leading zeros, 6 bits of length less one;
//! - `1111`: the scale becomes the 3 bits that follow, and the decimal itself follows in `VALUE_BITS`.
//!
//! Every bit pattern of a value comes back as it went in: markers of staleness, other NaNs, and minus zero are no
//! decimals and take the way of the exclusive or.

mod bits;
mod decode;
mod encode;

use std::sync::Arc;

pub(crate) use decode::Samples;
pub(crate) use encode::OpenChunk;

/// Bit classes of numbers: class n is written as n ones, a zero (the last class needs none), and its bits.
#[derive(Debug)]
struct Classes {
    /// Bits by class.
    bits: [u32; 8],
    /// The smallest class that holds a number of so many bits.
    of: [u8; 65],
}

/// The classes of a zigzag-encoded timestamp delta of deltas.
static TIME_BITS: Classes = Classes::new([0, 5, 8, 12, 17, 24, 32, 64]);
/// The classes of a zigzag-encoded decimal.
static VALUE_BITS: Classes = Classes::new([0, 4, 7, 10, 14, 20, 32, 64]);

impl Classes {
    const fn new(bits: [u32; 8]) -> Self {
        let mut of = [0; 65];
        let (mut needed, mut class) = (0, 0);
        while needed <= 64 {
            if needed > bits[class] {
                class += 1;
            }
            of[needed as usize] = class as u8;
            needed += 1;
        }
        Self { bits, of }
    }
}

/// Powers of ten by scale.
const SCALES: [f64; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

/// A closed run of samples in the order of time. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// The first timestamp, in milliseconds.
    pub(crate) first_ms: i64,
    /// The last timestamp, in milliseconds.
    pub(crate) last_ms: i64,
    /// How many samples there are.
    pub(crate) count: u16,
    /// The stream.
    pub(crate) stream: Arc<[u8]>,
}

impl Chunk {
    /// The samples, oldest first.
    pub(crate) fn samples(&self) -> Samples<'_> {
        Samples::new(self.first_ms, self.count, &self.stream)
    }
}

#[inline]
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline]
const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunk_of(samples: &[(i64, f64)]) -> Chunk {
        let mut open = OpenChunk::starting(samples[0].0, samples[0].1);
        for (at_ms, value) in &samples[1..] {
            open.push(*at_ms, *value);
        }
        open.to_chunk()
    }

    fn bits(samples: impl IntoIterator<Item = (i64, f64)>) -> Vec<(i64, u64)> {
        samples.into_iter().map(|(at_ms, value)| (at_ms, value.to_bits())).collect()
    }

    fn check(samples: &[(i64, f64)]) {
        assert_eq!(bits(chunk_of(samples).samples()), bits(samples.iter().copied()));
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            Just(f64::from_bits(promql::STALE_NAN_BITS)),
            (-1_000_000_i64..1_000_000).prop_map(|v| v as f64),
            (-1_000_000_i64..1_000_000, 0_i32..9).prop_map(|(v, scale)| v as f64 / 10_f64.powi(scale)),
            prop_oneof![Just(0.0), Just(-0.0), Just(f64::INFINITY), Just(f64::MAX), Just(f64::MIN_POSITIVE)],
            Just(2_f64.powi(53) + 2.0),
            Just(i64::MAX as f64),
            Just(i64::MIN as f64),
        ]
    }

    proptest! {
        #[test]
        fn every_value_and_every_distance_in_time_comes_back_bit_for_bit(
            start in any::<i64>(),
            steps in prop::collection::vec((prop_oneof![1_u64..20, 14_990_u64..15_010, 1_u64..1 << 40], value()), 1..300),
        ) {
            let mut at_ms = start;
            let mut samples = Vec::new();
            for (step, value) in steps {
                samples.push((at_ms, value));
                let Some(next) = at_ms.checked_add_unsigned(step) else { break };
                at_ms = next;
            }
            check(&samples);
        }

        #[test]
        fn a_damaged_stream_ends_early_and_never_panics(
            stream in prop::collection::vec(any::<u8>(), 0..200),
            count in any::<u16>(),
            first_ms in any::<i64>(),
        ) {
            prop_assert!(Samples::new(first_ms, count, &stream).count() <= usize::from(count));
        }
    }

    #[test]
    fn the_ends_of_time_fit_into_one_chunk() {
        check(&[(i64::MIN, 1.0), (-1, 2.0), (0, 3.0), (i64::MAX, 4.0)]);
    }

    #[test]
    fn a_single_bit_of_each_position_survives() {
        let samples: Vec<_> = (0..64).map(|bit| (bit, f64::from_bits(1 << bit))).collect();
        check(&samples);
    }

    #[test]
    fn the_newest_sample_can_be_replaced_without_growth() {
        let mut open = OpenChunk::starting(0, 1.0);
        open.push(1, 2.0);
        open.replace_newest(7.5);
        open.push(2, 3.0);
        assert_eq!(bits(open.to_chunk().samples()), bits([(0, 1.0), (1, 7.5), (2, 3.0)]));
    }

    #[test]
    fn steady_counters_and_decimal_gauges_take_few_bytes() {
        let bytes = |value: &dyn Fn(i64) -> f64| {
            let samples: Vec<_> = (0..240).map(|i| (i * 15_000, value(i))).collect();
            check(&samples);
            chunk_of(&samples).stream.len()
        };
        assert!(bytes(&|_| 1.0) <= 64, "constant: {}", bytes(&|_| 1.0));
        assert!(bytes(&|i| (i * 1000) as f64) <= 128, "counter: {}", bytes(&|i| (i * 1000) as f64));
        let cents = |i: i64| (1000 + i * 37 % 100) as f64 / 100.0;
        assert!(bytes(&cents) <= 480, "decimals: {}", bytes(&cents));
    }
}
