//! The chunk that takes samples.

use super::bits::BitWriter;
use super::{Chunk, Classes, SCALES, Samples, TIME_BITS, VALUE_BITS, zigzag};

/// The largest decimal that is tried; past it the rounding below is not exact.
const DECIMAL_MAX: f64 = 2_251_799_813_685_248.0; // 2^51
/// Adding and subtracting 1.5 × 2^52 rounds a smaller number to an integer in two additions.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
/// How often a chunk looks for a finer scale in vain before it takes its values for binary fractions.
const SEARCHES_MAX: u8 = 4;

/// A run of samples that grows. It holds at least one.
#[derive(Debug, Clone)]
pub(crate) struct OpenChunk {
    first_ms: i64,
    newest_ms: i64,
    newest: f64,
    /// The state after the newest sample of the stream, which is the one before `newest`.
    at_ms: i64,
    delta_ms: i64,
    value_bits: u64,
    decimal: i64,
    decimal_delta: i64,
    stream: BitWriter,
    /// Samples in the stream.
    written: u16,
    scale: u8,
    searches: u8,
    leading: u8,
    /// Length of the window of significant bits; 0 before the first one.
    window: u8,
}

impl OpenChunk {
    /// With its first sample.
    pub(crate) fn starting(at_ms: i64, value: f64) -> Self {
        Self {
            first_ms: at_ms,
            newest_ms: at_ms,
            newest: value,
            at_ms,
            delta_ms: 0,
            value_bits: 0,
            decimal: 0,
            decimal_delta: 0,
            stream: BitWriter::new(),
            written: 0,
            scale: 0,
            searches: 0,
            leading: 0,
            window: 0,
        }
    }

    /// The first timestamp, in milliseconds.
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
    pub(crate) fn bytes(&self) -> usize {
        self.stream.capacity()
    }

    /// Adds a sample that is newer than all before.
    #[inline]
    pub(crate) fn push(&mut self, at_ms: i64, value: f64) {
        debug_assert!(at_ms > self.newest_ms, "samples come in the order of time");
        self.write_newest();
        self.newest_ms = at_ms;
        self.newest = value;
    }

    /// Gives the newest sample another value.
    #[inline]
    pub(crate) fn replace_newest(&mut self, value: f64) {
        self.newest = value;
    }

    /// The samples so far, closed.
    pub(crate) fn to_chunk(&self) -> Chunk {
        self.clone().close()
    }

    /// Closes the chunk and begins the next one with this sample; the memory is kept.
    pub(crate) fn cut(&mut self, at_ms: i64, value: f64) -> Chunk {
        let chunk = self.close();
        let mut stream = std::mem::replace(&mut self.stream, BitWriter::new());
        stream.clear();
        *self = Self { stream, ..Self::starting(at_ms, value) };
        chunk
    }

    /// The samples so far, oldest first, without closing the chunk: what is in the stream, then the newest.
    pub(crate) fn read(&self, mut each: impl FnMut(i64, f64)) {
        let mut stream = self.stream.clone();
        for (at_ms, value) in Samples::new(self.first_ms, self.written, stream.finish()) {
            each(at_ms, value);
        }
        each(self.newest_ms, self.newest);
    }

    fn close(&mut self) -> Chunk {
        self.write_newest();
        let stream = self.stream.finish().into();
        Chunk { first_ms: self.first_ms, last_ms: self.newest_ms, count: self.written, stream }
    }

    fn write_newest(&mut self) {
        let delta_ms = self.newest_ms.wrapping_sub(self.at_ms);
        push_class(&mut self.stream, 0, 0, &TIME_BITS, zigzag(delta_ms.wrapping_sub(self.delta_ms)));
        self.delta_ms = delta_ms;
        self.at_ms = self.newest_ms;
        self.write_value(self.newest);
        self.written += 1;
    }

    #[inline]
    fn write_value(&mut self, value: f64) {
        let bits = value.to_bits();
        let before = std::mem::replace(&mut self.value_bits, bits);
        if bits == before {
            self.stream.push(0b0, 1);
            self.decimal_delta = 0;
        } else if let Some(decimal) = as_decimal(value, self.scale) {
            let delta = decimal.wrapping_sub(self.decimal);
            let change = zigzag(delta.wrapping_sub(self.decimal_delta));
            push_class(&mut self.stream, 0b10, 2, &VALUE_BITS, change);
            self.decimal = decimal;
            // The first delta is the value itself, and foretells nothing.
            self.decimal_delta = if self.written == 0 { 0 } else { delta };
        } else if let Some((scale, decimal)) = self.finer_scale(value) {
            self.stream.push(0b1111 << 3 | u64::from(scale), 7);
            push_class(&mut self.stream, 0, 0, &VALUE_BITS, zigzag(decimal));
            self.scale = scale;
            self.decimal = decimal;
            self.decimal_delta = 0;
        } else {
            self.write_difference(bits ^ before);
        }
    }

    /// The coarsest scale, finer than the current one, at which the value is a decimal.
    fn finer_scale(&mut self, value: f64) -> Option<(u8, i64)> {
        if self.searches >= SEARCHES_MAX || !value.is_finite() {
            return None;
        }
        let finer =
            (self.scale + 1..SCALES.len() as u8).find_map(|scale| Some((scale, as_decimal(value, scale)?)));
        if finer.is_none() {
            self.searches += 1;
        }
        finer
    }

    fn write_difference(&mut self, difference: u64) {
        let leading = difference.leading_zeros();
        let trailing = difference.trailing_zeros();
        let (kept_leading, window) = (u32::from(self.leading), u32::from(self.window));
        let kept_trailing = 64_u32.saturating_sub(kept_leading + window);
        if window > 0 && leading >= kept_leading && trailing >= kept_trailing {
            self.stream.push(0b110, 3);
            self.stream.push(difference >> kept_trailing, window);
            return;
        }
        let length = 64 - leading - trailing;
        let header = 0b1110 << 12 | u64::from(leading) << 6 | u64::from(length - 1);
        self.stream.push(header, 16);
        self.stream.push(difference >> trailing, length);
        self.leading = leading as u8;
        self.window = length as u8;
    }
}

/// Writes a prefix, the class of a number, and the number in the bits of its class.
#[inline]
fn push_class(stream: &mut BitWriter, prefix: u64, prefix_bits: u32, classes: &Classes, number: u64) {
    let needed = 64 - number.leading_zeros();
    let class = u32::from(classes.of[needed as usize]);
    let bits = classes.bits[class as usize & 7];
    // The last class needs no zero after its ones.
    let (ones, ones_bits) = if class == 7 { (0x7f, 7) } else { ((2 << class) - 2, class + 1) };
    let head = prefix << ones_bits | ones;
    if prefix_bits + ones_bits + bits <= 64 {
        stream.push(head << bits | number, prefix_bits + ones_bits + bits);
    } else {
        stream.push(head, prefix_bits + ones_bits);
        stream.push(number, bits);
    }
}

/// The integer that, divided by the scale's power of ten, gives exactly the bits of the value.
#[inline]
fn as_decimal(value: f64, scale: u8) -> Option<i64> {
    let scaled = value * SCALES[usize::from(scale)];
    // Not `>`: a NaN is no decimal either.
    let in_range = scaled.abs() < DECIMAL_MAX;
    if !in_range {
        return None;
    }
    let rounded = (scaled + ROUNDING) - ROUNDING;
    let back = rounded / SCALES[usize::from(scale)];
    // Compared as bits, because minus zero equals zero and is not it.
    (back.to_bits() == value.to_bits()).then_some(rounded as i64)
}
