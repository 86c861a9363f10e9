use std::fmt;
use std::str::FromStr;

use facts::{Entry, Seq, Stream};
use sha2::{Digest, Sha256};

/// A link of the chain: SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// What the first entry is linked to: 32 zero bytes.
    pub const START: Self = Self([0; 32]);

    /// The hash of the entry that is stored as these bytes and follows this one.
    #[must_use]
    pub fn next(&self, bytes: &[u8]) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(bytes).finalize().into())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The last entry of a journal, or of a part of it. As text `SEQ:HASH`, which is what is exported, so that the
/// journal can be audited against it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Head {
    /// The last entry's number; 0 where there is none.
    pub seq: Seq,
    /// The last entry's hash.
    pub hash: ChainHash,
}

impl Head {
    /// The head of an empty journal.
    pub const START: Self = Self { seq: Seq(0), hash: ChainHash::START };

    /// The number that the next entry has.
    pub fn next_seq(&self) -> Seq {
        Seq(self.seq.0 + 1)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// The text was not a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadError(String);

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a journal head like `1042:` and 64 hexadecimal digits", self.0)
    }
}

impl std::error::Error for HeadError {}

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let parse = || {
            let (seq, digits) = text.split_once(':')?;
            if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            let mut hash = [0; 32];
            for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
                *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
            }
            Some(Self { seq: Seq(seq.parse().ok()?), hash: ChainHash(hash) })
        };
        parse().ok_or_else(|| HeadError(text.chars().take(100).collect()))
    }
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub seq: Seq,
    /// The JSON text of the [`Entry`], exactly as written.
    pub bytes: Vec<u8>,
    /// Its link: over the hash before and `bytes`.
    pub hash: ChainHash,
    /// The streams in which it is found again.
    pub streams: Vec<Stream>,
}

impl Stored {
    /// As a reader of a log sees it.
    pub fn as_read(&self) -> StoredRef<'_> {
        StoredRef { seq: self.seq, bytes: &self.bytes, hash: self.hash }
    }

    /// The head of a journal that ends here.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// A stored entry while it is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRef<'a> {
    /// Its number, as the log knows it.
    pub seq: Seq,
    /// The JSON text of the [`Entry`], as stored.
    pub bytes: &'a [u8],
    /// Its link, as stored.
    pub hash: ChainHash,
}

impl StoredRef<'_> {
    /// The entry that the bytes say.
    pub fn entry(&self) -> Result<Entry, serde_json::Error> {
        serde_json::from_slice(self.bytes)
    }

    /// The head of a journal that ends here.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_plain_sha_256_that_anybody_can_recompute() {
        // printf '%064d' 0 | xxd -r -p | cat - <(printf abc) | sha256sum
        let hash = ChainHash::START.next(b"abc");
        assert_eq!(hash.to_string(), "365aa7d8f7f9402c4b9434502b4cc89ddb09fe50d7cd95b493b834c62d5a5370");
    }

    #[test]
    fn a_head_is_exported_as_text_and_read_back() {
        let head = Head { seq: Seq(1042), hash: ChainHash::START.next(b"abc") };
        assert_eq!(head.to_string().parse(), Ok(head));
        for text in ["", "1042", "1042:", "x:00", "-1:00", &head.to_string()[..60], &format!("{head}0")] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
