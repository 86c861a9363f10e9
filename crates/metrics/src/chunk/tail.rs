//! The run that takes samples.
//!
//! Its stream has a token for each sample but the newest. A token is a varint `t`:
//! - `0`: the timestamp's distance and the value are those of the sample before;
//! - even: the same distance; the decimal changes by `t >> 1` (zigzag);
//! - `t & 3 == 3`: the same distance; the decimal changes by `t >> 2` (zigzag), and how far the value lies beside it
//!   follows (signed varint);
//! - `t & 3 == 1`: `t >> 2` has flags: 1: the change of the distance follows (signed varint); 2: the value's bits
//!   follow; 4: the value is the one before; otherwise a scale (a byte), the decimal itself and how far the value
//!   lies beside it follow (signed varints).

use super::decimal::{finer, near, value_beside};
use super::{Columns, Packer, Run};
use crate::wire::{Cursor, put_signed, put_varint};

/// How often a tail looks for a finer scale in vain before it takes its values for binary fractions.
const SEARCHES_MAX: u8 = 4;
/// Bytes by which a stream grows at once; a doubling vector would waste a quarter of the head's memory.
const GROWTH_BYTES: usize = 24;

const DISTANCE: u64 = 1;
const BITS: u64 = 2;
const REPEATED: u64 = 4;

/// A run of samples that grows. It holds at least one.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    first_ms: i64,
    newest_ms: i64,
    newest: f64,
    /// The state after the newest sample of the stream, which is the one before `newest`.
    at_ms: i64,
    delta_ms: i64,
    value_bits: u64,
    decimal: i64,
    stream: Vec<u8>,
    /// Samples in the stream.
    written: u16,
    scale: u8,
    searches: u8,
}

#[inline]
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline]
const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

impl Tail {
    /// With its first sample.
    pub(crate) const fn starting(at_ms: i64, value: f64) -> Self {
        Self {
            first_ms: at_ms,
            newest_ms: at_ms,
            newest: value,
            at_ms,
            delta_ms: 0,
            value_bits: 0,
            decimal: 0,
            stream: Vec::new(),
            written: 0,
            scale: 0,
            searches: 0,
        }
    }

    /// The first timestamp, in milliseconds.
    #[inline]
    pub(crate) const fn first_ms(&self) -> i64 {
        self.first_ms
    }

    /// The newest timestamp, in milliseconds.
    #[inline]
    pub(crate) const fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// How many samples there are.
    #[inline]
    pub(crate) const fn count(&self) -> u16 {
        self.written + 1
    }

    /// Bytes that the stream keeps reserved.
    pub(crate) const fn bytes(&self) -> usize {
        self.stream.capacity()
    }

    /// Adds a sample that is newer than all before.
    #[inline]
    pub(crate) fn push(&mut self, at_ms: i64, value: f64) {
        self.write_newest();
        self.newest_ms = at_ms;
        self.newest = value;
    }

    /// Gives the newest sample another value.
    #[inline]
    pub(crate) const fn replace_newest(&mut self, value: f64) {
        self.newest = value;
    }

    /// Closes the run, and begins the next one with this sample; the memory is kept.
    pub(crate) fn cut(&mut self, at_ms: i64, value: f64, packer: &mut Packer) -> Run {
        let run = self.to_run(packer);
        let mut stream = std::mem::take(&mut self.stream);
        stream.clear();
        *self = Self { stream, ..Self::starting(at_ms, value) };
        run
    }

    /// The samples so far, packed.
    pub(crate) fn to_run(&self, packer: &mut Packer) -> Run {
        let mut columns = std::mem::take(&mut packer.columns);
        columns.clear();
        self.read(&mut columns);
        let run = packer.run(&columns.timestamps, &columns.values);
        packer.columns = columns;
        run
    }

    /// Appends the samples, oldest first, to the columns.
    pub(crate) fn read(&self, columns: &mut Columns) {
        let mut cursor = Cursor::new(&self.stream);
        let (mut at_ms, mut delta_ms, mut decimal, mut scale) = (self.first_ms, 0_i64, 0_i64, 0_u8);
        let mut value = 0.0;
        let mut next = || {
            let token = cursor.varint()?;
            if token & 1 == 0 {
                if token != 0 {
                    decimal = decimal.wrapping_add(unzigzag(token >> 1));
                    value = value_beside(decimal, scale, 0);
                }
            } else if token & 2 != 0 {
                decimal = decimal.wrapping_add(unzigzag(token >> 2));
                value = value_beside(decimal, scale, cursor.signed()?);
            } else {
                let flags = token >> 2;
                if flags & DISTANCE != 0 {
                    delta_ms = delta_ms.wrapping_add(cursor.signed()?);
                }
                if flags & BITS != 0 {
                    value = cursor.f64()?;
                } else if flags & REPEATED == 0 {
                    scale = cursor.u8()?;
                    decimal = cursor.signed()?;
                    value = value_beside(decimal, scale, cursor.signed()?);
                }
            }
            at_ms = at_ms.wrapping_add(delta_ms);
            Some((at_ms, value))
        };
        for _ in 0..self.written {
            let (at_ms, value) = next().expect("a stream in memory is what was written");
            columns.push(at_ms, value);
        }
        columns.push(self.newest_ms, self.newest);
    }

    #[inline]
    fn write_newest(&mut self) {
        if self.stream.capacity() - self.stream.len() < GROWTH_BYTES / 2 {
            self.stream.reserve_exact(GROWTH_BYTES);
        }
        let delta_ms = self.newest_ms.wrapping_sub(self.at_ms);
        let change = delta_ms.wrapping_sub(self.delta_ms);
        self.delta_ms = delta_ms;
        self.at_ms = self.newest_ms;
        let bits = self.newest.to_bits();
        let before = std::mem::replace(&mut self.value_bits, bits);
        let is_repeated = bits == before && self.written > 0;
        self.written += 1;
        if change == 0 && self.written > 1 {
            if is_repeated {
                return self.stream.push(0);
            }
            if let Some((decimal, beside)) = near(self.newest, self.scale) {
                let step = zigzag(decimal.wrapping_sub(std::mem::replace(&mut self.decimal, decimal)));
                if beside != 0 {
                    put_varint(&mut self.stream, step << 2 | 3);
                    return put_signed(&mut self.stream, beside);
                }
                if step != 0 {
                    return put_varint(&mut self.stream, step << 1);
                }
            }
        }
        self.write_out_of_step(change, is_repeated);
    }

    fn write_out_of_step(&mut self, change: i64, is_repeated: bool) {
        let found = if is_repeated { None } else { self.decimal_at_any_scale() };
        let kind = match (is_repeated, found) {
            (true, _) => REPEATED,
            (false, None) => BITS,
            (false, Some(_)) => 0,
        };
        let flags = kind | if change == 0 { 0 } else { DISTANCE };
        put_varint(&mut self.stream, flags << 2 | 1);
        if change != 0 {
            put_signed(&mut self.stream, change);
        }
        if let Some((scale, decimal, beside)) = found {
            self.scale = scale;
            self.decimal = decimal;
            self.stream.push(scale);
            put_signed(&mut self.stream, decimal);
            put_signed(&mut self.stream, beside);
        } else if !is_repeated {
            self.stream.extend_from_slice(&self.value_bits.to_le_bytes());
        }
    }

    fn decimal_at_any_scale(&mut self) -> Option<(u8, i64, i64)> {
        if let Some((decimal, beside)) = near(self.newest, self.scale)
            && (beside == 0 || self.searches >= SEARCHES_MAX)
        {
            return Some((self.scale, decimal, beside));
        }
        if self.searches >= SEARCHES_MAX || !self.newest.is_finite() {
            return None;
        }
        let scale = finer(self.newest, self.scale);
        self.searches += u8::from(scale.is_none_or(|scale| scale == self.scale));
        let (decimal, beside) = near(self.newest, scale?)?;
        Some((scale?, decimal, beside))
    }
}
