//! Packing samples into a run, and reading one.

use std::ops::Range;

use super::Columns;
use super::decimal::{SCALES, exact, near, ordered, unordered, value_of};
use super::ints::{self, Layout};
use crate::wire::{Cursor, put_signed, put_varint};

/// A closed run of samples in the order of time.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// The first timestamp, in milliseconds.
    pub(crate) first_ms: i64,
    /// The last timestamp, in milliseconds.
    pub(crate) last_ms: i64,
    /// How many samples there are.
    pub(crate) count: u16,
    /// The stream.
    pub(crate) stream: Box<[u8]>,
}

/// What the numbers of a run are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Decimal = 0,
    NearDecimal = 1,
    Bits = 2,
}

const DIRECT: u8 = 4;
const SPECIALS: u8 = 8;

/// Memory for packing, used again and again.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    numbers: Vec<i64>,
    distances: Vec<i64>,
    beside: Vec<i64>,
    specials: Vec<(u32, u64)>,
    sorted: Vec<i64>,
    out: Vec<u8>,
    /// Samples on their way from a tail into a run.
    pub(super) columns: Columns,
}

impl Packer {
    /// Packs samples, at least one.
    pub(crate) fn run(&mut self, timestamps: &[i64], values: &[f64]) -> Run {
        let stream = self.stream(timestamps, values).into();
        Run {
            first_ms: timestamps[0],
            last_ms: timestamps[timestamps.len() - 1],
            count: timestamps.len() as u16,
            stream,
        }
    }

    /// The stream of these samples, at least one; their number and the first timestamp stand outside.
    pub(crate) fn stream(&mut self, timestamps: &[i64], values: &[f64]) -> &[u8] {
        self.out.clear();
        if timestamps.len() > 1 {
            self.distances.clear();
            self.distances.extend(timestamps.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
            let layout = Layout::best(&self.distances, &mut self.sorted);
            ints::pack(&mut self.out, &self.distances, layout);
        }
        let (mode, scale) = self.choose(values);
        self.pack_numbers(mode, scale);
        &self.out
    }

    /// Turns the values into numbers, the coarsest way that has few specials.
    fn choose(&mut self, values: &[f64]) -> (Mode, u8) {
        let strays_max = values.len() / 16;
        for scale in 0..SCALES.len() as u8 {
            if self.as_numbers(values, strays_max, |value| exact(value, scale).map(|number| (number, 0))) {
                return (Mode::Decimal, scale);
            }
        }
        for scale in 0..SCALES.len() as u8 {
            if self.as_numbers(values, strays_max, |value| near(value, scale)) {
                return (Mode::NearDecimal, scale);
            }
        }
        self.specials.clear();
        self.numbers.clear();
        self.numbers.extend(values.iter().map(|value| ordered(value.to_bits())));
        let zeros = self.numbers.iter().map(|number| number.trailing_zeros()).min().unwrap_or(0).min(63);
        self.numbers.iter_mut().for_each(|number| *number >>= zeros);
        (Mode::Bits, zeros as u8)
    }

    #[inline]
    fn as_numbers(
        &mut self,
        values: &[f64],
        strays_max: usize,
        number: impl Fn(f64) -> Option<(i64, i64)>,
    ) -> bool {
        self.numbers.clear();
        self.beside.clear();
        self.specials.clear();
        let (mut before, mut strays) = (0, 0);
        for (at, value) in values.iter().enumerate() {
            match number(*value) {
                Some((number, beside)) => {
                    before = number;
                    self.beside.push(beside);
                }
                None => {
                    // Markers and infinities are specials at every scale.
                    strays += usize::from(value.is_finite());
                    if strays > strays_max {
                        return false;
                    }
                    self.specials.push((at as u32, value.to_bits()));
                    self.beside.push(0);
                }
            }
            self.numbers.push(before);
        }
        self.specials.len() < values.len() || values.is_empty()
    }

    fn pack_numbers(&mut self, mode: Mode, scale: u8) {
        self.distances.clear();
        self.distances.extend(self.numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
        let by_distance = Layout::best(&self.distances, &mut self.sorted);
        let is_direct = Layout::whole_bits(&self.numbers) < by_distance.bits;
        let out = &mut self.out;
        let scale_bits = if mode == Mode::Bits { 0 } else { scale << 4 };
        let specials = if self.specials.is_empty() { 0 } else { SPECIALS };
        out.push(mode as u8 | if is_direct { DIRECT } else { 0 } | specials | scale_bits);
        if mode == Mode::Bits {
            out.push(scale);
        }
        if is_direct {
            let direct = Layout::best(&self.numbers, &mut self.sorted);
            ints::pack(out, &self.numbers, direct);
        } else {
            put_signed(out, self.numbers[0]);
            ints::pack(out, &self.distances, by_distance);
        }
        if mode == Mode::NearDecimal {
            let layout = Layout::best(&self.beside, &mut self.sorted);
            ints::pack(out, &self.beside, layout);
        }
        if specials != 0 {
            put_varint(out, self.specials.len() as u64);
            let mut before = 0;
            for (at, bits) in &self.specials {
                put_varint(out, u64::from(at - before));
                out.extend_from_slice(&bits.to_le_bytes());
                before = *at;
            }
        }
    }
}

/// Appends the samples of a stream to the columns. `None` where the stream is damaged; then the columns are as before.
pub(crate) fn decode(
    stream: &[u8],
    first_ms: i64,
    count: usize,
    columns: &mut Columns,
    scratch: &mut Vec<i64>,
) -> Option<()> {
    decode_within(stream, (first_ms, count), (i64::MIN, i64::MAX), columns, scratch)
}

/// As [`decode`], for the samples between two instants, both included.
fn decode_within(
    stream: &[u8],
    (first_ms, count): (i64, usize),
    within: (i64, i64),
    columns: &mut Columns,
    scratch: &mut Vec<i64>,
) -> Option<()> {
    let from = columns.len();
    let mut cursor = Cursor::new(stream);
    let decoded = decode_timestamps(&mut cursor, (first_ms, count), within, &mut columns.timestamps, scratch)
        .and_then(|wanted| decode_values(&mut cursor, count, wanted, &mut columns.values, scratch))
        .filter(|()| cursor.is_empty());
    if decoded.is_none() {
        columns.timestamps.truncate(from);
        columns.values.truncate(from);
    }
    decoded
}

/// Appends the timestamps between; gives the places of their samples in the stream.
fn decode_timestamps(
    cursor: &mut Cursor<'_>,
    (first_ms, count): (i64, usize),
    (start_ms, end_ms): (i64, i64),
    timestamps: &mut Vec<i64>,
    scratch: &mut Vec<i64>,
) -> Option<Range<usize>> {
    let from = timestamps.len();
    if count < 2 {
        let wanted = 0..usize::from(start_ms <= first_ms && first_ms <= end_ms);
        timestamps.extend(wanted.clone().map(|_| first_ms));
        return (count == 1).then_some(wanted);
    }
    if let Some(distance) = ints::take_constant(cursor).filter(|distance| *distance > 0) {
        let place = |place: i64| usize::try_from(place).map_or(0, |place| place.min(count));
        let before = start_ms.saturating_sub(first_ms);
        let wanted_from = place(before / distance + i64::from(before > 0 && before % distance > 0));
        let wanted_end = place(end_ms.saturating_sub(first_ms).div_euclid(distance).saturating_add(1));
        let wanted = wanted_from..wanted_end.max(wanted_from);
        let at = |place: usize| first_ms.wrapping_add(distance.wrapping_mul(place as i64));
        timestamps.extend(wanted.clone().map(at));
        return Some(wanted);
    }
    ints::unpack(cursor, count - 1, scratch)?;
    let mut at_ms = first_ms;
    timestamps.push(first_ms);
    timestamps.extend(scratch.iter().map(|distance| {
        at_ms = at_ms.wrapping_add(*distance);
        at_ms
    }));
    let own = &timestamps[from..];
    let wanted_from = own.partition_point(|at_ms| *at_ms < start_ms);
    let wanted = wanted_from..own.partition_point(|at_ms| *at_ms <= end_ms).max(wanted_from);
    timestamps.truncate(from + wanted.end);
    timestamps.drain(from..from + wanted.start);
    Some(wanted)
}

/// Appends the values at these places.
fn decode_values(
    cursor: &mut Cursor<'_>,
    count: usize,
    wanted: Range<usize>,
    values: &mut Vec<f64>,
    numbers: &mut Vec<i64>,
) -> Option<()> {
    let from = values.len();
    let head = cursor.u8()?;
    let mode = match head & 3 {
        0 => Mode::Decimal,
        1 => Mode::NearDecimal,
        2 => Mode::Bits,
        _ => return None,
    };
    let scale = if mode == Mode::Bits { cursor.u8()? } else { head >> 4 };
    if scale > 63 || (mode != Mode::Bits && usize::from(scale) >= SCALES.len()) {
        return None;
    }
    let numbers_wanted = if head & DIRECT != 0 {
        ints::unpack(cursor, count, numbers)?;
        &numbers[wanted.clone()]
    } else {
        let first = cursor.signed()?;
        ints::unpack(cursor, count - 1, numbers)?;
        sum_up(first, wanted.clone(), numbers);
        &numbers[..wanted.len()]
    };
    match mode {
        Mode::Decimal if scale == 0 => values.extend(numbers_wanted.iter().map(|number| *number as f64)),
        Mode::Decimal | Mode::NearDecimal => {
            values.extend(numbers_wanted.iter().map(|number| value_of(*number, scale)));
        }
        Mode::Bits => {
            values.extend(numbers_wanted.iter().map(|number| f64::from_bits(unordered(*number << scale))));
        }
    }
    if mode == Mode::NearDecimal {
        ints::unpack(cursor, count, numbers)?;
        for (value, beside) in values[from..].iter_mut().zip(&numbers[wanted.clone()]) {
            *value = f64::from_bits(value.to_bits().wrapping_add(beside.cast_unsigned()));
        }
    }
    if head & SPECIALS != 0 {
        let mut at = 0_usize;
        for _ in 0..cursor.count()? {
            at = at.checked_add(usize::try_from(cursor.varint()?).ok()?).filter(|at| *at < count)?;
            let value = cursor.f64()?;
            if wanted.contains(&at) {
                values[from + at - wanted.start] = value;
            }
        }
    }
    Some(())
}

/// Turns the distances between numbers into the numbers at these places, which stand at the beginning then.
fn sum_up(first: i64, wanted: Range<usize>, distances: &mut Vec<i64>) {
    let before = wanted.start.min(distances.len());
    let passed = distances[..before].iter().fold(0_i64, |sum, distance| sum.wrapping_add(*distance));
    let mut number = first.wrapping_add(passed);
    distances.push(0);
    for at in 0..wanted.len() {
        let distance = distances[wanted.start + at];
        distances[at] = number;
        number = number.wrapping_add(distance);
    }
}

impl Run {
    /// Appends the samples to the columns. What was packed here is sound.
    pub(crate) fn read(&self, columns: &mut Columns, scratch: &mut Vec<i64>) {
        self.read_within((i64::MIN, i64::MAX), columns, scratch);
    }

    /// Appends the samples between two instants, both included.
    pub(crate) fn read_within(&self, within: (i64, i64), columns: &mut Columns, scratch: &mut Vec<i64>) {
        let samples = (self.first_ms, usize::from(self.count));
        let decoded = decode_within(&self.stream, samples, within, columns, scratch);
        debug_assert!(decoded.is_some(), "a run in memory is what was packed");
    }
}
