//! Walking a stream.

use super::bits::BitReader;
use super::{Classes, SCALES, TIME_BITS, VALUE_BITS, unzigzag};

/// The samples of a stream, oldest first. A damaged stream ends early.
#[derive(Debug, Clone)]
pub(crate) struct Samples<'a> {
    stream: BitReader<'a>,
    left: u16,
    first: bool,
    at_ms: i64,
    delta_ms: i64,
    value_bits: u64,
    decimal: i64,
    decimal_delta: i64,
    scale: u8,
    leading: u32,
    window: u32,
}

impl<'a> Samples<'a> {
    /// `count` samples from `first_ms` on.
    pub(crate) const fn new(first_ms: i64, count: u16, stream: &'a [u8]) -> Self {
        Self {
            stream: BitReader::new(stream),
            left: count,
            first: true,
            at_ms: first_ms,
            delta_ms: 0,
            value_bits: 0,
            decimal: 0,
            decimal_delta: 0,
            scale: 0,
            leading: 0,
            window: 0,
        }
    }

    #[inline]
    fn pull_class(&mut self, classes: &Classes) -> Option<u64> {
        let class = self.stream.pull_ones(7)?;
        self.stream.pull(classes.bits[class as usize & 7])
    }

    #[inline]
    fn pull_decimal(&mut self, decimal: i64) {
        self.decimal = decimal;
        self.value_bits = (decimal as f64 / SCALES[usize::from(self.scale)]).to_bits();
    }

    fn pull_value(&mut self) -> Option<()> {
        match self.stream.pull_ones(4)? {
            0 => self.decimal_delta = 0,
            1 => {
                let change = unzigzag(self.pull_class(&VALUE_BITS)?);
                let delta = self.decimal_delta.wrapping_add(change);
                self.decimal_delta = if self.first { 0 } else { delta };
                self.pull_decimal(self.decimal.wrapping_add(delta));
            }
            2 => self.pull_difference()?,
            3 => {
                let header = self.stream.pull(12)? as u32;
                self.leading = header >> 6;
                self.window = (header & 63) + 1;
                self.pull_difference()?;
            }
            _ => {
                self.scale = self.stream.pull(3)? as u8;
                let decimal = unzigzag(self.pull_class(&VALUE_BITS)?);
                self.decimal_delta = 0;
                self.pull_decimal(decimal);
            }
        }
        Some(())
    }

    fn pull_difference(&mut self) -> Option<()> {
        let trailing = 64_u32.checked_sub(self.leading + self.window)?;
        if self.window == 0 {
            return None;
        }
        self.value_bits ^= self.stream.pull(self.window)? << trailing;
        Some(())
    }

    #[inline]
    fn pull_sample(&mut self) -> Option<(i64, f64)> {
        let change = unzigzag(self.pull_class(&TIME_BITS)?);
        self.delta_ms = self.delta_ms.wrapping_add(change);
        self.at_ms = self.at_ms.wrapping_add(self.delta_ms);
        self.pull_value()?;
        self.first = false;
        Some((self.at_ms, f64::from_bits(self.value_bits)))
    }
}

impl Iterator for Samples<'_> {
    type Item = (i64, f64);

    #[inline]
    fn next(&mut self) -> Option<(i64, f64)> {
        if self.left == 0 {
            return None;
        }
        let sample = self.pull_sample();
        self.left = if sample.is_some() { self.left - 1 } else { 0 };
        sample
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(usize::from(self.left)))
    }
}
