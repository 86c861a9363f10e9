//! The protobuf wire format, as far as metrics need it: fields, packed numbers, and what is wrong where.
//!
//! A [`Fields`] walks one message of a body without copying; ranges and offsets are in the whole body, so that an
//! error can be found with a hex editor. Nothing is allocated, no input makes it loop.
//!
//! Format: protobuf.dev, "Encoding".

use std::ops::Range;

use crate::{Format, Malformed};

/// One field of a message; ranges and offsets are in the whole body.
pub(crate) struct Field {
    pub(crate) number: u64,
    /// Where its tag stands.
    pub(crate) at: usize,
    pub(crate) value: Value,
}

/// A field's value by its wire type.
pub(crate) enum Value {
    Varint(u64),
    Fixed64(u64),
    Bytes(Range<usize>),
    Fixed32,
}

/// What is wrong with a body, and where; small, because it is part of every result on the way of each label.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    at: usize,
    why: Why,
}

#[derive(Debug, Clone, Copy)]
enum Why {
    Cut,
    LongerThanItsMessage,
    WireType,
    NumberZero,
    LongVarint,
    WrongType { number: u64, expected: &'static str },
}

/// Walks the fields of one message.
pub(crate) struct Fields<'a> {
    body: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(body: &'a [u8]) -> Self {
        Self { body, at: 0, end: body.len() }
    }

    /// The message in `range`, which must lie in the body.
    pub(crate) fn within(body: &'a [u8], range: Range<usize>) -> Self {
        Self { body, at: range.start, end: range.end }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<Field>, Fault> {
        // Nearly all fields are strings and messages below 16 KiB with a number below 16.
        let (head, length, tag) = match &self.body[self.at..self.end] {
            [] => return Ok(None),
            [tag @ 0x08..0x80, length @ 0..0x80, ..] => (2, usize::from(*length), *tag),
            [tag @ 0x08..0x80, low, high @ 0..0x80, ..] => {
                (3, usize::from(low & 0x7f) | usize::from(*high) << 7, *tag)
            }
            _ => return self.next_of_any_kind(),
        };
        if tag & 7 == 2 && head + length <= self.end - self.at {
            let (at, start) = (self.at, self.at + head);
            self.at = start + length;
            return Ok(Some(Field { number: u64::from(tag >> 3), at, value: Value::Bytes(start..self.at) }));
        }
        self.next_of_any_kind()
    }

    fn next_of_any_kind(&mut self) -> Result<Option<Field>, Fault> {
        if self.at == self.end {
            return Ok(None);
        }
        let at = self.at;
        let tag = self.varint()?;
        let value = match tag & 7 {
            2 => Value::Bytes(self.delimited()?),
            0 => Value::Varint(self.varint()?),
            1 => {
                let range = self.skip(8)?;
                Value::Fixed64(self.body[range].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
            }
            5 => {
                self.skip(4)?;
                Value::Fixed32
            }
            _ => return Err(Fault { at, why: Why::WireType }),
        };
        match tag >> 3 {
            0 => Err(Fault { at, why: Why::NumberZero }),
            number => Ok(Some(Field { number, at, value })),
        }
    }

    /// A length and as many bytes: how messages follow each other in a delimited stream.
    pub(crate) fn delimited(&mut self) -> Result<Range<usize>, Fault> {
        let length = self.varint()?;
        self.skip(length)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Fault> {
        let rest = &self.body[self.at..self.end];
        if let [byte @ 0..0x80, ..] = rest {
            self.at += 1;
            return Ok(u64::from(*byte));
        }
        match varint(rest) {
            Some((number, after)) => {
                self.at = self.end - after.len();
                Ok(number)
            }
            None if rest.len() >= 10 => Err(Fault { at: self.at, why: Why::LongVarint }),
            None => Err(self.cut()),
        }
    }

    /// Eight bytes of a packed list of doubles.
    #[inline]
    pub(crate) fn double(&mut self) -> Result<f64, Fault> {
        let range = self.skip(8)?;
        Ok(self.body[range].first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes)))
    }

    #[inline]
    fn skip(&mut self, length: u64) -> Result<Range<usize>, Fault> {
        let start = self.at;
        match usize::try_from(length) {
            Ok(length) if length <= self.end - start => {
                self.at = start + length;
                Ok(start..self.at)
            }
            _ => Err(self.cut()),
        }
    }

    #[cold]
    fn cut(&self) -> Fault {
        let why = if self.end == self.body.len() { Why::Cut } else { Why::LongerThanItsMessage };
        Fault { at: self.at, why }
    }
}

impl Field {
    #[cold]
    pub(crate) fn should_be(&self, expected: &'static str) -> Fault {
        Fault { at: self.at, why: Why::WrongType { number: self.number, expected } }
    }

    /// A message or a string: where it is.
    #[inline]
    pub(crate) fn bytes(&self, expected: &'static str) -> Result<Range<usize>, Fault> {
        match &self.value {
            Value::Bytes(range) => Ok(range.clone()),
            _ => Err(self.should_be(expected)),
        }
    }

    #[inline]
    pub(crate) fn double(&self) -> Result<f64, Fault> {
        match self.value {
            Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.should_be("a double")),
        }
    }

    #[inline]
    pub(crate) fn varint(&self) -> Result<u64, Fault> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.should_be("a varint")),
        }
    }

    /// Hands over the numbers of a repeated field, which may be packed or stand one by one.
    pub(crate) fn varints(&self, body: &[u8], mut take: impl FnMut(u64)) -> Result<(), Fault> {
        match &self.value {
            Value::Varint(number) => take(*number),
            Value::Bytes(range) => {
                let mut packed = Fields::within(body, range.clone());
                while !packed.is_at_end() {
                    take(packed.varint()?);
                }
            }
            _ => return Err(self.should_be("a list of varints")),
        }
        Ok(())
    }

    /// The same for doubles.
    pub(crate) fn doubles(&self, body: &[u8], mut take: impl FnMut(f64)) -> Result<(), Fault> {
        match &self.value {
            Value::Fixed64(bits) => take(f64::from_bits(*bits)),
            Value::Bytes(range) => {
                let mut packed = Fields::within(body, range.clone());
                while !packed.is_at_end() {
                    take(packed.double()?);
                }
            }
            _ => return Err(self.should_be("a list of doubles")),
        }
        Ok(())
    }
}

impl Fault {
    /// In words; `message` is what the body was read as.
    #[cold]
    pub(crate) fn explain(self, format: Format, message: &str, body: &[u8]) -> Malformed {
        let what = match self.why {
            Why::Cut => "the body ends inside a field",
            Why::LongerThanItsMessage => "a field is longer than its message",
            Why::WireType => "not a protobuf field: unknown wire type",
            Why::NumberZero => "not a protobuf field: number 0",
            Why::LongVarint => "a varint of more than 64 bits",
            Why::WrongType { .. } => "a field has another type than its message gives it",
        };
        let shown: Vec<String> = body[self.at..].iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let error = Malformed::new(format, self.at, shown.join(" ").as_bytes(), what);
        match self.why {
            Why::WrongType { number, expected } => error.hint(format!("field {number} is {expected}")),
            _ => error.hint(format!("offsets count in the decoded body, a {message}")),
        }
    }
}

/// A signed number that was folded into the unsigned ones (zigzag).
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// A little-endian base-128 number of at most 64 bits at the start of `bytes`, and what follows it.
#[inline]
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        let low = u64::from(byte & 0x7f);
        if i == 9 && low > 1 {
            return None;
        }
        number |= low << (7 * i);
        if *byte < 0x80 {
            return Some((number, &bytes[i + 1..]));
        }
    }
    None
}
