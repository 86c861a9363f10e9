//! Packed integers: a base, a width in bits, and the exceptions that would make all others wide.
//!
//! The format: the width (0 to 64; 0x80 is added where there are exceptions); the base (signed varint); the
//! differences to the base in so many bits each, the lowest bit first; the number of exceptions, and for each the
//! distance to the position before and the integer itself (varints). The number of integers stands outside.

use std::ops::Range;

use crate::wire::{Cursor, put_signed, put_varint};

const HAS_EXCEPTIONS: u8 = 0x80;
/// Bits that an exception takes beside its own, roughly.
const EXCEPTION_BITS: usize = 20;

/// How integers are packed best.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    base: i64,
    width: u32,
    /// The size, in bits, roughly.
    pub(super) bits: usize,
}

const fn width_of(range: u64) -> u32 {
    64 - range.leading_zeros()
}

impl Layout {
    /// The size of a layout without exceptions, in bits.
    pub(super) fn whole_bits(ints: &[i64]) -> usize {
        let range = ints.iter().fold(None, |range: Option<(i64, i64)>, int| {
            Some(range.map_or((*int, *int), |(min, max)| (min.min(*int), max.max(*int))))
        });
        range.map_or(0, |(min, max)| ints.len() * width_of(max.wrapping_sub(min).cast_unsigned()) as usize)
    }

    /// Looks for the smallest layout.
    pub(super) fn best(ints: &[i64], scratch: &mut Vec<i64>) -> Self {
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for int in ints {
            min = min.min(*int);
            max = max.max(*int);
        }
        if ints.is_empty() {
            return Self { base: 0, width: 0, bits: 0 };
        }
        let range = max.wrapping_sub(min).cast_unsigned();
        let width = width_of(range);
        let whole = Self { base: min, width, bits: ints.len() * width as usize };
        if width < 2 || !has_strays(ints, min, width) {
            return whole;
        }
        scratch.clear();
        scratch.extend_from_slice(ints);
        scratch.sort_unstable();
        (0..width)
            .map(|narrower| Self::of_width(scratch, narrower, width))
            .fold(whole, |best, other| if other.bits < best.bits { other } else { best })
    }

    /// The window of this width that holds the most of the sorted integers.
    fn of_width(sorted: &[i64], width: u32, full: u32) -> Self {
        let (mut from, mut best) = (0, (0, 0));
        for (at, int) in sorted.iter().enumerate() {
            while width_of(int.wrapping_sub(sorted[from]).cast_unsigned()) > width {
                from += 1;
            }
            let held = at + 1 - from;
            if held > best.0 {
                best = (held, from);
            }
        }
        let strays = sorted.len() - best.0;
        let bits = sorted.len() * width as usize + strays * (EXCEPTION_BITS + full as usize);
        Self { base: sorted[best.1], width, bits }
    }
}

/// Whether nearly all integers lie in a small part of the range, which takes so many bits.
fn has_strays(ints: &[i64], min: i64, width: u32) -> bool {
    let mut eighths = [0_usize; 8];
    let shift = width.saturating_sub(3);
    for int in ints {
        eighths[(int.wrapping_sub(min).cast_unsigned() >> shift) as usize & 7] += 1;
    }
    let fullest = eighths.windows(2).map(|pair| pair[0] + pair[1]).max().unwrap_or(0);
    fullest * 8 >= ints.len() * 7
}

/// Packs integers by a layout.
pub(super) fn pack(out: &mut Vec<u8>, ints: &[i64], layout: Layout) {
    let Layout { base, width, .. } = layout;
    let difference = |int: i64| int.wrapping_sub(base).cast_unsigned();
    let fits = |int: i64| int >= base && width_of(difference(int)) <= width;
    let exceptions = ints.iter().filter(|int| !fits(**int)).count();
    out.push(width as u8 | if exceptions > 0 { HAS_EXCEPTIONS } else { 0 });
    put_signed(out, base);
    if width > 0 {
        let (mut word, mut filled) = (0_u128, 0);
        for int in ints {
            let bits = if exceptions == 0 || fits(*int) { difference(*int) } else { 0 };
            word |= u128::from(bits) << filled;
            filled += width;
            if filled >= 64 {
                out.extend_from_slice(&(word as u64).to_le_bytes());
                word >>= 64;
                filled -= 64;
            }
        }
        out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
    }
    if exceptions == 0 {
        return;
    }
    put_varint(out, exceptions as u64);
    let mut before = 0;
    for (at, int) in ints.iter().enumerate().filter(|(_, int)| !fits(**int)) {
        put_varint(out, (at - before) as u64);
        put_signed(out, *int);
        before = at;
    }
}

/// Takes integers that are all the same: the integer. Where they are not, nothing is taken.
pub(super) fn take_constant(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = cursor.clone();
    let base = if ahead.u8()? == 0 { ahead.signed()? } else { return None };
    *cursor = ahead;
    Some(base)
}

/// Unpacks so many integers; `None` where the bytes are not what [`pack`] writes.
pub(super) fn unpack(cursor: &mut Cursor<'_>, count: usize, ints: &mut Vec<i64>) -> Option<()> {
    let head = cursor.u8()?;
    let width = u32::from(head & !HAS_EXCEPTIONS);
    let base = cursor.signed()?;
    ints.clear();
    match width {
        0 => ints.resize(count, base),
        1..=56 => {
            let packed = cursor.take((count * width as usize).div_ceil(8))?;
            let unpacked = match width {
                1 => unpack_blocks::<1>(packed, base, count, ints),
                2 => unpack_blocks::<2>(packed, base, count, ints),
                3 => unpack_blocks::<3>(packed, base, count, ints),
                4 => unpack_blocks::<4>(packed, base, count, ints),
                5 => unpack_blocks::<5>(packed, base, count, ints),
                6 => unpack_blocks::<6>(packed, base, count, ints),
                7 => unpack_blocks::<7>(packed, base, count, ints),
                8 => unpack_blocks::<8>(packed, base, count, ints),
                _ => 0,
            };
            unpack_narrow(packed, (width, base), unpacked..count, ints);
        }
        57..=64 => {
            let packed = cursor.take((count * width as usize).div_ceil(8))?;
            unpack_wide(packed, width, base, count, ints);
        }
        _ => return None,
    }
    if head & HAS_EXCEPTIONS != 0 {
        let mut at = 0_usize;
        for _ in 0..cursor.count()? {
            at = at.checked_add(usize::try_from(cursor.varint()?).ok()?)?;
            *ints.get_mut(at)? = cursor.signed()?;
        }
    }
    Some(())
}

/// Eight bytes from here, zeros past the end.
#[inline]
fn word_at(bytes: &[u8], at: usize) -> u64 {
    if let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        return u64::from_le_bytes(*eight);
    }
    let mut eight = [0; 8];
    let rest = bytes.get(at..).unwrap_or(&[]);
    eight[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(eight)
}

/// Unpacks eight integers at a time, which take as many bytes as each has bits; gives how many.
#[inline]
fn unpack_blocks<const WIDTH: usize>(packed: &[u8], base: i64, count: usize, ints: &mut Vec<i64>) -> usize {
    let mask = (1_u64 << WIDTH) - 1;
    let blocks = count / 8;
    for block in packed.as_chunks::<WIDTH>().0.iter().take(blocks) {
        let mut word = [0; 8];
        word[..WIDTH].copy_from_slice(block);
        let word = u64::from_le_bytes(word);
        let number = |at: usize| base.wrapping_add((word >> (at * WIDTH) & mask).cast_signed());
        ints.extend_from_slice(&std::array::from_fn::<i64, 8, _>(number));
    }
    blocks * 8
}

#[inline]
fn unpack_narrow(packed: &[u8], (width, base): (u32, i64), places: Range<usize>, ints: &mut Vec<i64>) {
    let mask = (1_u64 << width) - 1;
    let mut bit = places.start * width as usize;
    ints.extend(places.map(|_| {
        let number = word_at(packed, bit >> 3) >> (bit & 7) & mask;
        bit += width as usize;
        base.wrapping_add(number.cast_signed())
    }));
}

#[cold]
fn unpack_wide(packed: &[u8], width: u32, base: i64, count: usize, ints: &mut Vec<i64>) {
    let mask = u128::from(u64::MAX >> (64 - width));
    ints.extend((0..count).map(|at| {
        let bit = at * width as usize;
        let low = u128::from(word_at(packed, bit >> 3));
        let both = low | u128::from(word_at(packed, (bit >> 3) + 8)) << 64;
        base.wrapping_add(((both >> (bit & 7) & mask) as u64).cast_signed())
    }));
}
