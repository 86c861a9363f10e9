//! Numbers by a 64-bit hash, where two things may have one hash.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// The keys are hashes already.
#[derive(Debug, Default, Clone)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Numbers by hash. The caller knows which of those with one hash is meant.
#[derive(Debug, Default)]
pub(super) struct ByHash {
    first: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// Those whose hash was taken.
    others: BTreeMap<u64, Vec<u32>>,
}

impl ByHash {
    /// The number with this hash that `is_meant`.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_meant: impl FnMut(u32) -> bool) -> Option<u32> {
        let first = *self.first.get(&hash)?;
        if is_meant(first) {
            return Some(first);
        }
        if self.others.is_empty() {
            return None;
        }
        self.others.get(&hash)?.iter().copied().find(|number| is_meant(*number))
    }

    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        use std::collections::hash_map::Entry;
        match self.first.entry(hash) {
            Entry::Vacant(vacant) => {
                vacant.insert(number);
            }
            Entry::Occupied(_) => self.others.entry(hash).or_default().push(number),
        }
    }

    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        let others = self.others.get_mut(&hash);
        if self.first.get(&hash) == Some(&number) {
            match others.and_then(|others| others.pop()) {
                Some(other) => {
                    self.first.insert(hash, other);
                }
                None => {
                    self.first.remove(&hash);
                }
            }
        } else if let Some(others) = others {
            others.retain(|other| *other != number);
        }
        if self.others.get(&hash).is_some_and(Vec::is_empty) {
            self.others.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_of_one_hash_stay_apart_whatever_goes_first() {
        for gone in [1, 2, 3] {
            let mut numbers = ByHash::default();
            [1, 2, 3].into_iter().for_each(|number| numbers.insert(7, number));
            numbers.remove(7, gone);
            for number in [1, 2, 3] {
                assert_eq!(numbers.find(7, |n| n == number), (number != gone).then_some(number));
            }
            [1, 2, 3].into_iter().for_each(|number| numbers.remove(7, number));
            assert!(numbers.first.is_empty() && numbers.others.is_empty());
        }
    }
}
