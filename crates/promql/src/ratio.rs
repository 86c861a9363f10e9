//! Which series `limit_ratio` picks: the same ones as Prometheus 3.
//!
//! A series has its place between 0 and 1 by the 64-bit xxHash of its labels, encoded as Prometheus keeps them: each
//! name and value after its length in one byte, or, from 255 bytes on, after 255 and three bytes, least first
//! (`model/labels`, stringlabels; xxHash specification 0.1.1, XXH64, seed 0).

use kernel::Labels;

const PRIMES: [u64; 5] = [
    0x9e37_79b1_85eb_ca87,
    0xc2b2_ae3d_27d4_eb4f,
    0x1656_67b1_9e37_79f9,
    0x85eb_ca77_c2b2_ae63,
    0x27d4_eb2f_1656_67c5,
];

/// Where a series has its place.
pub(crate) fn place(labels: &Labels) -> f64 {
    let mut bytes = Vec::new();
    for (name, value) in labels.iter() {
        for text in [name, value] {
            match u8::try_from(text.len()) {
                Ok(length) if length < u8::MAX => bytes.push(length),
                _ => {
                    bytes.push(u8::MAX);
                    bytes.extend_from_slice(&text.len().to_le_bytes()[..3]);
                }
            }
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    xxh64(&bytes) as f64 / u64::MAX as f64
}

/// Whether a place is in the part: from below where it is positive, from above where it is negative.
pub(crate) fn is_within(part: f64, place: f64) -> bool {
    if part >= 0.0 { place < part } else { place >= 1.0 + part }
}

fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

fn xxh64(bytes: &[u8]) -> u64 {
    let mut stripes = bytes.chunks_exact(32);
    let mut hash = if bytes.len() >= 32 {
        let mut lanes = [PRIMES[0].wrapping_add(PRIMES[1]), PRIMES[1], 0, 0_u64.wrapping_sub(PRIMES[0])];
        for stripe in stripes.by_ref() {
            for (lane, input) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
                *lane = round(*lane, word(input));
            }
        }
        let turns = [1, 7, 12, 18];
        let mixed =
            lanes.iter().zip(turns).fold(0_u64, |sum, (lane, by)| sum.wrapping_add(lane.rotate_left(by)));
        lanes.iter().fold(mixed, |hash, lane| {
            (hash ^ round(0, *lane)).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3])
        })
    } else {
        PRIMES[4]
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let mut words = stripes.remainder().chunks_exact(8);
    for input in words.by_ref() {
        hash = (hash ^ round(0, word(input))).rotate_left(27).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
    }
    let mut rest = words.remainder();
    if rest.len() >= 4 {
        let input = word(&rest[..4]).wrapping_mul(PRIMES[0]);
        hash = (hash ^ input).rotate_left(23).wrapping_mul(PRIMES[1]).wrapping_add(PRIMES[2]);
        rest = &rest[4..];
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(PRIMES[4])).rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIMES[1]);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIMES[2]);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_xxh64() {
        assert_eq!(xxh64(b""), 0xef46_db37_51d8_e999);
        assert_eq!(xxh64(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(xxh64(b"abc"), 0x44bc_2cf5_ad77_0999);
        assert_eq!(xxh64(b"Nobody inspects the spammish repetition"), 0xfbce_a83c_8a37_8bf1);
    }

    #[test]
    fn a_part_from_below_and_the_rest_from_above_are_everything() {
        for place in [0.0, 0.25, 0.5, 0.999] {
            assert!(is_within(0.5, place) != is_within(-0.5, place));
            assert!(is_within(1.0, place) && is_within(-1.0, place) && !is_within(0.0, place));
        }
    }
}
