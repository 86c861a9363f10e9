//! Short texts compared and gathered without a call for each.
//!
//! An append looks at twenty texts of some ten bytes for every sample; calls of `memcmp` and `memcpy` for them took
//! a third of its time.

/// Whether two texts are the same.
#[inline]
pub(super) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0..4 => a.iter().eq(b),
        4..8 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        17..=32 => a.first_chunk::<16>() == b.first_chunk() && a.last_chunk::<16>() == b.last_chunk(),
        _ => a == b,
    }
}

/// As [`same`], for texts that are mostly the very same ones: a decoder lends what neighbours share once.
#[inline]
pub(super) fn same_here(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || same(a, b)
}

/// Texts one after the other, in a buffer that is longer than what is in it.
#[derive(Debug)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    len: usize,
}

impl Gathered {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; 1024], len: 0 }
    }

    #[inline]
    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Adds a text and the byte 0xff.
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        let text = text.as_bytes();
        let end = self.len + text.len();
        if end >= self.bytes.len() {
            self.bytes.resize((end + 1) * 2, 0);
        }
        copy(text, &mut self.bytes[self.len..end]);
        self.bytes[end] = 0xff;
        self.len = end + 1;
    }
}

/// Copies by two strides that overlap where the text is shorter than both.
#[inline]
fn copy(text: &[u8], target: &mut [u8]) {
    match text.len() {
        0..4 => target.iter_mut().zip(text).for_each(|(target, byte)| *target = *byte),
        4..8 => copy_ends::<4>(text, target),
        8..16 => copy_ends::<8>(text, target),
        16..=32 => copy_ends::<16>(text, target),
        _ => target.copy_from_slice(text),
    }
}

#[inline]
fn copy_ends<const N: usize>(text: &[u8], target: &mut [u8]) {
    if let (Some(head), Some(tail)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) {
        if let Some(target) = target.first_chunk_mut::<N>() {
            *target = *head;
        }
        if let Some(target) = target.last_chunk_mut::<N>() {
            *target = *tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_lengths_are_compared_and_gathered_whole() {
        let text: String = ('a'..='z').cycle().take(70).collect();
        let mut gathered = Gathered::new();
        let mut expected = Vec::new();
        for _ in 0..40 {
            for length in 0..=70 {
                gathered.push(&text[..length]);
                expected.extend_from_slice(&text.as_bytes()[..length]);
                expected.push(0xff);
            }
        }
        assert_eq!(gathered.bytes(), expected);
        for length in 0..=70 {
            assert!(same(&text[..length], &text.clone()[..length]));
            for at in 0..length {
                let mut other = text[..length].to_owned();
                other.replace_range(at..=at, "!");
                assert!(!same(&text[..length], &other), "{length} {at}");
            }
            assert!(length == 0 || !same(&text[..length], &text[..length - 1]));
        }
    }
}
