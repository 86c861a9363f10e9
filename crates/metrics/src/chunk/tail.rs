//! The run that takes samples.
//!
//! Its stream has all samples but the newest: tokens, and after them steps. A token is a varint `t`:
//! - `0`: the timestamp's distance and the value are those of the sample before;
//! - even: the same distance; the decimal changes by `t >> 1` (zigzag);
//! - `t & 3 == 3`: the same distance; the decimal changes by `t >> 2` (zigzag), and how far the value lies beside it
//!   follows (signed varint);
//! - `t & 3 == 1`: `t >> 2` has flags: 1: the change of the distance follows (signed varint); 2: the value's bits
//!   follow; 4: the value is the one before; otherwise a scale (a byte), the decimal itself and how far the value
//!   lies beside it follow (signed varints).
//!
//! The samples at the end, as far as nothing but even tokens would tell of them, are [steps](super::steps) of one width,
//! or nothing at all while the value stays. They are read from the end, whose state is known: a query over the last
//! minutes looks at nothing before those. What does not go on in step, or takes much more room than the steps before
//! it, makes tokens of them.

use super::decimal::{finer, near, value_beside, value_of, values_of};
use super::{Columns, Packer, Run, steps};
use crate::limits::RUN_SAMPLES_MAX;
use crate::wire::{Cursor, put_signed, put_varint};

/// How often a tail looks for a finer scale in vain before it takes its values for binary fractions.
const SEARCHES_MAX: u8 = 4;
/// Bytes by which a stream grows at once, the first time and later; a doubling vector would waste a quarter of the
/// head's memory.
const FIRST_GROWTH_BYTES: usize = 24;
const GROWTH_BYTES: usize = 48;
/// Most tokens take less; a longer one may double the stream.
const TOKEN_BYTES: usize = 12;
/// So many steps are made wider than two bytes for the sake of one; more become tokens.
const WIDENED_MAX: usize = 16;

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
    /// Samples before the steps, and how many bytes each of those takes; none as long as the value stays.
    tokens: u16,
    width: u8,
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
            tokens: 0,
            width: 0,
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
        self.read_from(i64::MIN, columns);
    }

    /// Appends the samples from `start_ms` on, oldest first; where earlier ones cannot be passed over, they come too.
    pub(crate) fn read_from(&self, start_ms: i64, columns: &mut Columns) {
        let (beginning, end) = self.wanted_since(start_ms);
        let (from, newest) = (columns.len(), columns.len() + beginning + end);
        columns.timestamps.resize(newest + 1, self.newest_ms);
        columns.values.resize(newest + 1, self.newest);
        let (times, values) = (&mut columns.timestamps[from..newest], &mut columns.values[from..newest]);
        let (times, end_times) = times.split_at_mut(beginning);
        let (values, end_values) = values.split_at_mut(beginning);
        let mut reader = Reader::new(self);
        for (at_ms, value) in times.iter_mut().zip(values) {
            (*at_ms, *value) = reader.next().expect("a stream in memory is what was written");
        }
        self.read_end(end_times, end_values);
    }

    /// How many samples of the stream have to be read from its beginning, and how many from its end.
    fn wanted_since(&self, start_ms: i64) -> (usize, usize) {
        let even = self.steps();
        let wanted = match self.at_ms.checked_sub(start_ms) {
            Some(back_ms) if back_ms < 0 => Some(0),
            Some(back_ms) if self.delta_ms > 0 => usize::try_from(back_ms / self.delta_ms + 1).ok(),
            _ => None,
        };
        match wanted {
            Some(wanted) if wanted <= even => (0, wanted),
            _ => (usize::from(self.tokens), even),
        }
    }

    /// How many samples are steps.
    #[inline]
    const fn steps(&self) -> usize {
        (self.written - self.tokens) as usize
    }

    /// Where tokens end and steps begin.
    #[inline]
    const fn tokens_end(&self) -> usize {
        self.stream.len() - self.width as usize * self.steps()
    }

    /// Reads the last samples of the stream, which can be read from its end.
    fn read_end(&self, times: &mut [i64], values: &mut [f64]) {
        if self.width > 0 {
            // The decimals stand in the place of the timestamps, so that all become values at once.
            steps::decimals(&self.stream, self.width, self.decimal, times);
            values_of(times, self.scale, values);
        } else {
            values.fill(f64::from_bits(self.value_bits));
        }
        let mut at_ms = self.at_ms;
        for time in times.iter_mut().rev() {
            *time = at_ms;
            at_ms = at_ms.wrapping_sub(self.delta_ms);
        }
    }

    /// Touches the stream, so that whoever reads it next does not wait for it.
    pub(crate) fn touch(&self) -> u64 {
        self.stream.iter().step_by(64).map(|byte| u64::from(*byte)).sum()
    }

    #[inline]
    fn write_newest(&mut self) {
        if self.stream.capacity() - self.stream.len() < TOKEN_BYTES {
            self.grow();
        }
        let delta_ms = self.newest_ms.wrapping_sub(self.at_ms);
        let change = delta_ms.wrapping_sub(self.delta_ms);
        self.delta_ms = delta_ms;
        self.at_ms = self.newest_ms;
        let bits = self.newest.to_bits();
        let before = std::mem::replace(&mut self.value_bits, bits);
        let is_repeated = bits == before && self.written > 0;
        if change == 0 && self.written > 0 {
            if is_repeated {
                if self.width > 0 {
                    steps::push(&mut self.stream, self.width, 0);
                }
                self.written += 1;
                return;
            }
            if let Some((decimal, beside)) = near(self.newest, self.scale) {
                let step = decimal.wrapping_sub(self.decimal);
                if beside != 0 {
                    self.make_tokens();
                    put_varint(&mut self.stream, zigzag(step) << 2 | 3);
                    put_signed(&mut self.stream, beside);
                    self.decimal = decimal;
                    return self.wrote_token();
                }
                if step != 0 {
                    return self.write_step(step, before);
                }
            }
        }
        self.make_tokens();
        self.write_out_of_step(change, is_repeated);
        self.wrote_token();
    }

    #[inline]
    fn write_step(&mut self, step: i64, before: u64) {
        let width = steps::width_of(step);
        if width > self.width && !self.make_wider(width, before) {
            put_varint(&mut self.stream, zigzag(step) << 1);
            self.decimal = self.decimal.wrapping_add(step);
            return self.wrote_token();
        }
        steps::push(&mut self.stream, self.width, step);
        self.decimal = self.decimal.wrapping_add(step);
        self.written += 1;
    }

    #[inline]
    const fn wrote_token(&mut self) {
        self.written += 1;
        self.tokens = self.written;
        self.width = 0;
    }

    /// Makes the steps wider; `false` where they became tokens instead.
    #[cold]
    fn make_wider(&mut self, width: u8, before: u64) -> bool {
        let count = self.steps();
        if self.width == 0 {
            // What stayed is a step from its decimal to the same one, unless it is none.
            if value_of(self.decimal, self.scale).to_bits() != before {
                self.make_tokens();
            }
            self.stream.resize(self.stream.len() + usize::from(width) * self.steps(), 0);
        } else if count > WIDENED_MAX && width > 2 {
            self.make_tokens();
            return false;
        } else {
            let mut held = [0; RUN_SAMPLES_MAX as usize];
            steps::take(&mut self.stream, self.width, &mut held[..count]);
            self.stream.reserve_exact(usize::from(width) * (count + 1) + TOKEN_BYTES);
            held[..count].iter().for_each(|step| steps::push(&mut self.stream, width, *step));
        }
        self.width = width;
        true
    }

    /// Makes tokens of the steps.
    #[inline]
    fn make_tokens(&mut self) {
        if self.tokens < self.written {
            self.write_tokens();
        }
    }

    #[cold]
    fn write_tokens(&mut self) {
        let count = self.steps();
        if self.width == 0 {
            self.stream.resize(self.stream.len() + count, 0);
        } else {
            let mut held = [0; RUN_SAMPLES_MAX as usize];
            steps::take(&mut self.stream, self.width, &mut held[..count]);
            held[..count].iter().for_each(|step| put_varint(&mut self.stream, zigzag(*step) << 1));
        }
        self.tokens = self.written;
        self.width = 0;
    }

    #[cold]
    fn grow(&mut self) {
        let is_first = self.stream.capacity() == 0;
        self.stream.reserve_exact(if is_first { FIRST_GROWTH_BYTES } else { GROWTH_BYTES });
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

/// The samples that tokens tell of, one after the other.
struct Reader<'a> {
    cursor: Cursor<'a>,
    at_ms: i64,
    delta_ms: i64,
    decimal: i64,
    scale: u8,
    value: f64,
}

impl<'a> Reader<'a> {
    fn new(tail: &'a Tail) -> Self {
        let cursor = Cursor::new(&tail.stream[..tail.tokens_end()]);
        Self { cursor, at_ms: tail.first_ms, delta_ms: 0, decimal: 0, scale: 0, value: 0.0 }
    }

    #[inline]
    fn next(&mut self) -> Option<(i64, f64)> {
        let token = self.cursor.varint()?;
        if token & 1 == 0 {
            if token != 0 {
                self.decimal = self.decimal.wrapping_add(unzigzag(token >> 1));
                self.value = value_of(self.decimal, self.scale);
            }
        } else if token & 2 != 0 {
            self.decimal = self.decimal.wrapping_add(unzigzag(token >> 2));
            self.value = value_beside(self.decimal, self.scale, self.cursor.signed()?);
        } else {
            self.out_of_step(token >> 2)?;
        }
        self.at_ms = self.at_ms.wrapping_add(self.delta_ms);
        Some((self.at_ms, self.value))
    }

    fn out_of_step(&mut self, flags: u64) -> Option<()> {
        if flags & DISTANCE != 0 {
            self.delta_ms = self.delta_ms.wrapping_add(self.cursor.signed()?);
        }
        if flags & BITS != 0 {
            self.value = self.cursor.f64()?;
        } else if flags & REPEATED == 0 {
            self.scale = self.cursor.u8()?;
            self.decimal = self.cursor.signed()?;
            self.value = value_beside(self.decimal, self.scale, self.cursor.signed()?);
        }
        Some(())
    }
}
