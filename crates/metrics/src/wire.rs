//! How numbers, texts and records are written in the log and in checkpoints.
//!
//! A record is its length (u32), a checksum (u32), its kind (u8) and a payload; all numbers are little-endian. The
//! length counts kind and payload. The checksum is CRC-32 (IEEE 802.3) over length, kind and payload, so that a run
//! of zeros is no record. Varints are LEB128; signed ones are zigzag-encoded first.

use crate::limits::RECORD_BYTES_MAX;

/// Bytes of a record before its payload.
pub(crate) const HEAD_BYTES: usize = 9;

/// Kinds of records. A number is never used again for something else.
pub(crate) mod kind {
    /// Refs and labels of series that came.
    pub(crate) const SERIES: u8 = 1;
    /// Samples.
    pub(crate) const SAMPLES: u8 = 2;
    /// Samples before a timestamp are gone, until a later record names another.
    pub(crate) const FLOOR: u8 = 3;
    /// Refs of series that left.
    pub(crate) const DROPPED: u8 = 4;
    /// What stands before an offset of this segment is durable.
    pub(crate) const SYNCED: u8 = 5;
    /// Refs and labels of series that came from a named source.
    pub(crate) const SERIES_OF: u8 = 6;
    /// Native histograms.
    pub(crate) const HISTOGRAMS: u8 = 7;
    /// Exemplars.
    pub(crate) const EXEMPLARS: u8 = 8;
    /// Samples of series in a range are deleted.
    pub(crate) const DELETED: u8 = 9;
    /// The first record of a checkpoint.
    pub(crate) const OPENING: u8 = 16;
    /// Series with all their samples.
    pub(crate) const PAGE: u8 = 17;
    /// The last record of a checkpoint.
    pub(crate) const END: u8 = 18;
}

/// Begins a record at the end of the buffer, and says where.
pub(crate) fn begin(buffer: &mut Vec<u8>, kind: u8) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEAD_BYTES - 1]);
    buffer.push(kind);
    start
}

/// Fills in length and checksum of the record that began at `start` and ends with the buffer.
pub(crate) fn seal(buffer: &mut [u8], start: usize) {
    let length = buffer.len() - start - HEAD_BYTES + 1;
    assert!(length <= RECORD_BYTES_MAX, "a record that could not be read back");
    let length = (length as u32).to_le_bytes();
    let checksum = checksum(length, &buffer[start + 8..]).to_le_bytes();
    buffer[start..start + 4].copy_from_slice(&length);
    buffer[start + 4..start + 8].copy_from_slice(&checksum);
}

fn checksum(length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}

/// Length of kind and payload, and the checksum, of a record's first eight bytes; `None` for an impossible length.
pub(crate) fn parse_head(head: [u8; 8]) -> Option<(usize, u32)> {
    let [l0, l1, l2, l3, c0, c1, c2, c3] = head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
    (1..=RECORD_BYTES_MAX).contains(&length).then_some((length, checksum))
}

/// Whether a checksum is the one that was written. Under a fuzzer every one is, so that what is behind it is met.
pub(crate) const fn fits(found: u32, written: u32) -> bool {
    found == written || cfg!(fuzzing)
}

/// Whether kind and payload are what the checksum says.
pub(crate) fn is_sound(body: &[u8], expected: u32) -> bool {
    fits(checksum((body.len() as u32).to_le_bytes(), body), expected)
}

/// The kind and payload of the record at the beginning of the bytes, if it is whole and sound.
pub(crate) fn read(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let (length, expected) = parse_head(*head)?;
    let body = rest.get(..length)?;
    if !is_sound(body, expected) {
        return None;
    }
    let (kind, payload) = body.split_first()?;
    Some((*kind, payload))
}

#[inline]
pub(crate) fn put_varint(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

#[inline]
pub(crate) fn put_signed(buffer: &mut Vec<u8>, number: i64) {
    put_varint(buffer, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(crate) fn put_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(buffer, bytes.len() as u64);
    buffer.extend_from_slice(bytes);
}

/// The number of which eight bytes have seven bits each, the lowest first.
#[inline]
const fn sevens(word: u64) -> u64 {
    let pairs = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
    (fours & 0x0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4)
}

/// Takes a payload apart; everything is `None` past its end.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) const fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        // Of eight bytes at once, without a branch on how many of them it takes: nobody can foretell that.
        if let Some(eight) = self.0.first_chunk::<8>() {
            let word = u64::from_le_bytes(*eight);
            let last = !word & 0x8080_8080_8080_8080;
            if last != 0 {
                let bits = (last.trailing_zeros() + 1) & 0x78;
                self.0 = &self.0[bits as usize / 8..];
                return Some(sevens(word & (u64::MAX >> (64 - bits))));
            }
        }
        self.long_varint()
    }

    #[cold]
    fn long_varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// A count of things that take at least one byte each, so that damage cannot ask for much memory.
    pub(crate) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= self.0.len())
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    /// The next `length` bytes.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(number in any::<u64>(), signed in any::<i64>()) {
            let mut buffer = Vec::new();
            put_varint(&mut buffer, number);
            put_signed(&mut buffer, signed);
            let mut cursor = Cursor::new(&buffer);
            prop_assert_eq!((cursor.varint(), cursor.signed()), (Some(number), Some(signed)));
            prop_assert!(cursor.is_empty());
        }

        #[test]
        fn no_single_damaged_byte_leaves_a_record_sound(at in 0_usize..20, flip in 1_u8..=255) {
            let mut buffer = Vec::new();
            let start = begin(&mut buffer, kind::SAMPLES);
            buffer.extend_from_slice(b"hello world");
            seal(&mut buffer, start);
            prop_assert_eq!(read(&buffer), Some((kind::SAMPLES, &b"hello world"[..])));
            buffer[at] ^= flip;
            prop_assert_eq!(read(&buffer), None);
        }
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(read(&[0; 64]), None);
    }
}
