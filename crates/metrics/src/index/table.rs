//! Numbers by hash: an open-addressed table that holds nothing but the numbers.
//!
//! What a number stands for, and its hash, are elsewhere; so an entry takes four bytes. The table is at most three
//! quarters full, and at least three eighths once it has grown.

/// Numbers by a hash that the caller keeps.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<u32>,
    len: usize,
    /// Slots that are taken or were.
    used: usize,
}

const EMPTY: u32 = u32::MAX;
const GONE: u32 = u32::MAX - 1;
/// Numbers below it can be held.
pub(super) const NUMBERS_MAX: u32 = GONE;

impl Table {
    #[inline]
    fn start(&self, hash: u64) -> usize {
        // The upper bits, because the lower ones choose nothing else but are no better.
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    /// The number with this hash that `is_meant`.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_meant: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.start(hash);
        loop {
            match self.slots[at] {
                EMPTY => return None,
                GONE => {}
                number if is_meant(number) => return Some(number),
                _ => {}
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
    }

    /// Adds a number that is not there.
    pub(super) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        debug_assert!(number < NUMBERS_MAX, "two numbers mean that nothing is there");
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow(hash_of);
        }
        self.put(hash, number);
        self.len += 1;
    }

    fn put(&mut self, hash: u64, number: u32) {
        let mut at = self.start(hash);
        while self.slots[at] < NUMBERS_MAX {
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        self.used += usize::from(self.slots[at] == EMPTY);
        self.slots[at] = number;
    }

    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let size = (self.len * 2).max(16);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
        self.used = 0;
        old.into_iter()
            .filter(|number| *number < NUMBERS_MAX)
            .for_each(|number| self.put(hash_of(number), number));
    }

    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        let mut at = self.start(hash);
        while self.slots[at] != EMPTY {
            if self.slots[at] == number {
                self.slots[at] = GONE;
                self.len -= 1;
                return;
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
    }

    /// Bytes that are reserved.
    pub(super) fn bytes(&self) -> u64 {
        self.slots.capacity() as u64 * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_go_and_stay_apart_where_their_hashes_are_one() {
        let hash_of = |number: u32| u64::from(number % 7) << 61;
        let mut table = Table::default();
        for round in 0..5 {
            (0..1000).for_each(|number| table.insert(hash_of(number), number, hash_of));
            assert!((0..1000).all(|number| table.find(hash_of(number), |n| n == number) == Some(number)));
            (0..1000)
                .filter(|number| number % 3 != 0)
                .for_each(|number| table.remove(hash_of(number), number));
            for number in 0..1000 {
                let found = table.find(hash_of(number), |n| n == number).is_some();
                assert_eq!(found, number % 3 == 0, "{round} {number}");
            }
            (0..1000)
                .filter(|number| number % 3 == 0)
                .for_each(|number| table.remove(hash_of(number), number));
            assert_eq!(table.len, 0);
        }
    }
}
