//! Numbers as streams of bits, the way that chunks of Prometheus have them.
//!
//! Format: Prometheus, "Chunks Disk Format" (`tsdb/docs/format/chunks.md`), `varbit_ts`, `varbit_xor`, `varbit_int`
//! and `varbit_uint`. All numbers stand with their highest bit first.

/// A stream of bits that grows.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not used yet.
    free: u32,
}

/// A number whose next value is written as what is different.
#[derive(Debug, Clone, Copy)]
pub(super) struct Xored {
    value: f64,
    /// Zero bits before and after the significant ones when they were last stated.
    window: Option<(u32, u32)>,
}

impl Bits {
    pub(super) fn push(&mut self, byte: u8) {
        self.write(u64::from(byte), 8);
    }

    /// The lowest `count` bits.
    pub(super) fn write(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let part = (value >> (left - taken)) & ((1 << taken) - 1);
            let last = self.bytes.len() - 1;
            // At most eight bits are left of it.
            self.bytes[last] |= (part as u8) << (self.free - taken);
            self.free -= taken;
            left -= taken;
        }
    }

    pub(super) fn float(&mut self, value: f64) {
        self.write(value.to_bits(), 64);
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    /// The same with the sign in the lowest bit.
    pub(super) fn varint(&mut self, value: i64) {
        self.uvarint(zigzag(value));
    }

    /// A difference of differences of timestamps.
    pub(super) fn varbit_ts(&mut self, value: i64) {
        match value {
            0 => self.write(0, 1),
            _ if fits(value, 14) => self.prefixed(0b10, 2, value, 14),
            _ if fits(value, 17) => self.prefixed(0b110, 3, value, 17),
            _ if fits(value, 20) => self.prefixed(0b1110, 4, value, 20),
            _ => self.prefixed(0b1111, 4, value, 64),
        }
    }

    /// A signed number that is most often small.
    pub(super) fn varbit_int(&mut self, value: i64) {
        match value {
            0 => self.write(0, 1),
            _ if fits(value, 3) => self.prefixed(0b10, 2, value, 3),
            _ if fits(value, 6) => self.prefixed(0b110, 3, value, 6),
            _ if fits(value, 9) => self.prefixed(0b1110, 4, value, 9),
            _ if fits(value, 12) => self.prefixed(0b1_1110, 5, value, 12),
            _ if fits(value, 18) => self.prefixed(0b11_1110, 6, value, 18),
            _ if fits(value, 25) => self.prefixed(0b111_1110, 7, value, 25),
            _ if fits(value, 56) => self.prefixed(0b1111_1110, 8, value, 56),
            _ => self.prefixed(0b1111_1111, 8, value, 64),
        }
    }

    /// A number of at least 0 that is most often small.
    pub(super) fn varbit_uint(&mut self, value: u64) {
        let below = |bits: u32| value < 1 << bits;
        let written = value as i64;
        match value {
            0 => self.write(0, 1),
            _ if below(3) => self.prefixed(0b10, 2, written, 3),
            _ if below(6) => self.prefixed(0b110, 3, written, 6),
            _ if below(9) => self.prefixed(0b1110, 4, written, 9),
            _ if below(12) => self.prefixed(0b1_1110, 5, written, 12),
            _ if below(18) => self.prefixed(0b11_1110, 6, written, 18),
            _ if below(25) => self.prefixed(0b111_1110, 7, written, 25),
            _ if below(56) => self.prefixed(0b1111_1110, 8, written, 56),
            _ => self.prefixed(0b1111_1111, 8, written, 64),
        }
    }

    fn prefixed(&mut self, prefix: u64, prefix_bits: u32, value: i64, bits: u32) {
        self.write(prefix, prefix_bits);
        self.write(value as u64, bits);
    }

    /// What differs from the value before: its significant bits, in the window stated last where they fit into it.
    pub(super) fn varbit_xor(&mut self, before: &mut Xored, value: f64) {
        let delta = value.to_bits() ^ before.value.to_bits();
        before.value = value;
        if delta == 0 {
            return self.write(0, 1);
        }
        // The number of leading zeros has five bits.
        let (leading, trailing) = (delta.leading_zeros().min(31), delta.trailing_zeros());
        if let Some((known_leading, known_trailing)) = before.window
            && leading >= known_leading
            && trailing >= known_trailing
        {
            self.write(0b10, 2);
            return self.write(delta >> known_trailing, 64 - known_leading - known_trailing);
        }
        before.window = Some((leading, trailing));
        let significant = 64 - leading - trailing;
        self.write(0b11, 2);
        self.write(u64::from(leading), 5);
        // The number of significant bits has six, and is never 0: that stands for 64.
        self.write(u64::from(significant) & 0x3f, 6);
        self.write(delta >> trailing, significant);
    }

    /// The bytes, the last one filled up with zeros.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Xored {
    /// The value that was written as it is.
    pub(super) fn new(value: f64) -> Self {
        Self { value, window: None }
    }
}

/// Whether `bits` bits hold the number, where the lowest negative one of two's complement is taken for positive.
fn fits(value: i64, bits: u32) -> bool {
    let half = 1_i64 << (bits - 1);
    -half < value && value <= half
}

/// The sign in the lowest bit.
pub(in super::super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_with_the_highest_first() {
        let mut bits = Bits::default();
        bits.write(0b1, 1);
        bits.write(0b0110, 4);
        bits.write(0b1_0000_0001, 9);
        assert_eq!(bits.into_bytes(), [0b1011_0100, 0b0000_0100]);
    }

    #[test]
    fn small_numbers_are_short() {
        let length = |value: i64| {
            let mut bits = Bits::default();
            bits.varbit_int(value);
            bits.bytes.len() as u32 * 8 - bits.free
        };
        for (value, expected) in
            [(0, 1), (4, 5), (-3, 5), (5, 9), (-4, 9), (256, 13), (131_072, 24), (i64::MIN, 72)]
        {
            assert_eq!(length(value), expected, "{value}");
        }
    }
}
