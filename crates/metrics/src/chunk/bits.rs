//! Bits into bytes and back, the most significant bit first.

/// Collects bits; whole words go to `bytes`.
#[derive(Debug, Clone)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    word: u64,
    /// Bits of `word` that are still to be filled, 1 to 64.
    free: u8,
}

/// Bytes by which a stream grows at once; a doubling vector would waste a quarter of the head's memory.
const GROWTH_BYTES: usize = 32;

impl BitWriter {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), word: 0, free: 64 }
    }

    /// Appends the lowest `count` bits of `bits`; the others must be zero.
    #[inline]
    pub(super) fn push(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= 64 && (count == 64 || bits >> count == 0));
        let free = u32::from(self.free);
        if count < free {
            self.word |= bits << (free - count);
            self.free = (free - count) as u8;
            return;
        }
        let over = count - free;
        self.word |= bits >> over;
        self.flush();
        if over > 0 {
            self.word = bits << (64 - over);
        }
        self.free = (64 - over) as u8;
    }

    fn flush(&mut self) {
        if self.bytes.capacity() - self.bytes.len() < 8 {
            self.bytes.reserve_exact(GROWTH_BYTES);
        }
        self.bytes.extend_from_slice(&self.word.to_be_bytes());
        self.word = 0;
    }

    /// The stream, padded with zeros to a whole byte; nothing more can be pushed until it was cleared.
    pub(super) fn finish(&mut self) -> &[u8] {
        let rest = (64 - usize::from(self.free)).div_ceil(8);
        self.bytes.extend_from_slice(&self.word.to_be_bytes()[..rest]);
        &self.bytes
    }

    /// Starts over, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.word = 0;
        self.free = 64;
    }

    /// Bytes that are reserved.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Reads bits; everything is `None` past the end.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    rest: &'a [u8],
    word: u64,
    /// Bits of `word` that are there, from the top.
    have: u32,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(stream: &'a [u8]) -> Self {
        Self { rest: stream, word: 0, have: 0 }
    }

    #[inline]
    fn refill(&mut self) {
        if let Some((eight, _)) = self.rest.split_first_chunk::<8>() {
            self.word |= u64::from_be_bytes(*eight) >> self.have;
            let taken = (63 - self.have) / 8;
            self.rest = &self.rest[taken as usize..];
            self.have += taken * 8;
            // What lies below `have` is read again by the next refill, and must be zero until then.
            self.word &= !(u64::MAX >> self.have);
        } else {
            self.refill_from_the_end();
        }
    }

    #[cold]
    fn refill_from_the_end(&mut self) {
        while self.have <= 55 {
            let Some((byte, rest)) = self.rest.split_first() else { return };
            self.word |= u64::from(*byte) << (56 - self.have);
            self.have += 8;
            self.rest = rest;
        }
    }

    /// The next `count` bits, at most 56.
    #[inline]
    fn pull_short(&mut self, count: u32) -> Option<u64> {
        if self.have < count {
            self.refill();
            if self.have < count {
                return None;
            }
        }
        if count == 0 {
            return Some(0);
        }
        let bits = self.word >> (64 - count);
        self.word <<= count;
        self.have -= count;
        Some(bits)
    }

    /// The next `count` bits, at most 64.
    #[inline]
    pub(super) fn pull(&mut self, count: u32) -> Option<u64> {
        if count <= 32 {
            return self.pull_short(count);
        }
        let high = self.pull_short(count - 32)?;
        Some(high << 32 | self.pull_short(32)?)
    }

    /// Counts ones up to and including the next zero; at most `most` ones, after which no zero stands.
    #[inline]
    pub(super) fn pull_ones(&mut self, most: u32) -> Option<u32> {
        if self.have <= most {
            self.refill();
        }
        let ones = self.word.leading_ones().min(most);
        let taken = if ones == most { ones } else { ones + 1 };
        if self.have < taken {
            return None;
        }
        self.word <<= taken;
        self.have -= taken;
        Some(ones)
    }
}
