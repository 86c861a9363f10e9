use std::ops::Range;

use crate::{Format, Malformed};

/// One field of a message; ranges and offsets are in the whole body.
pub(super) struct Field {
    pub(super) number: u64,
    /// Where its tag stands.
    pub(super) at: usize,
    pub(super) value: Value,
}

/// A field's value by its wire type.
pub(super) enum Value {
    Varint(u64),
    Fixed64(u64),
    Bytes(Range<usize>),
    Fixed32,
}

/// What is wrong with a body, and where; small, because it is part of every result on the way of each label.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    at: usize,
    why: Why,
}

#[derive(Clone, Copy)]
enum Why {
    Cut,
    LongerThanItsMessage,
    WireType,
    NumberZero,
    LongVarint,
    WrongType { number: u64, expected: &'static str },
}

/// Walks the fields of one message.
pub(super) struct Fields<'a> {
    body: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a [u8]) -> Self {
        Self { body, at: 0, end: body.len() }
    }

    /// The message in `range`, which must lie in the body.
    pub(super) fn within(body: &'a [u8], range: Range<usize>) -> Self {
        Self { body, at: range.start, end: range.end }
    }

    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<Field>, Fault> {
        // Nearly all fields are strings and messages below 128 bytes with a number below 16.
        if let [tag @ 0x08..0x80, length @ 0..0x80, rest @ ..] = &self.body[self.at..self.end]
            && tag & 7 == 2
            && usize::from(*length) <= rest.len()
        {
            let (at, start) = (self.at, self.at + 2);
            self.at = start + usize::from(*length);
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
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.skip(length)?)
            }
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

    #[inline]
    fn varint(&mut self) -> Result<u64, Fault> {
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
    pub(super) fn should_be(&self, expected: &'static str) -> Fault {
        Fault { at: self.at, why: Why::WrongType { number: self.number, expected } }
    }
}

impl Fault {
    #[cold]
    pub(super) fn explain(self, body: &[u8]) -> Malformed {
        let what = match self.why {
            Why::Cut => "the body ends inside a field",
            Why::LongerThanItsMessage => "a field is longer than its message",
            Why::WireType => "not a protobuf field: unknown wire type",
            Why::NumberZero => "not a protobuf field: number 0",
            Why::LongVarint => "a varint of more than 64 bits",
            Why::WrongType { .. } => "a field has another type than remote write 1.0 gives it",
        };
        let shown: Vec<String> = body[self.at..].iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let error = Malformed::new(Format::RemoteWrite, self.at, shown.join(" ").as_bytes(), what);
        match self.why {
            Why::WrongType { number, expected } => error.hint(format!("field {number} is {expected}")),
            _ => error.hint("offsets count in the decoded body, a prometheus.WriteRequest"),
        }
    }
}

/// A little-endian base-128 number of at most 64 bits at the start of `bytes`, and what follows it.
#[inline]
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
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
