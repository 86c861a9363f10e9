//! Sorted lists of series, and the algebra of them.

use std::borrow::Cow;

/// The series with one value of one label, ascending. Most values of a busy index have one series.
#[derive(Debug)]
pub(super) enum Postings {
    One(u32),
    Many(Vec<u32>),
}

impl Postings {
    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Postings::One(series) => std::slice::from_ref(series),
            Postings::Many(list) => list,
        }
    }

    /// Adds a series; they are numbered upwards, so mostly at the end.
    pub(super) fn insert(&mut self, series: u32) {
        let list = match self {
            Postings::One(first) => {
                *self = Postings::Many(vec![*first]);
                return self.insert(series);
            }
            Postings::Many(list) => list,
        };
        if list.last().is_none_or(|last| *last < series) {
            // A doubling vector would waste a third of the index.
            if list.len() == list.capacity() {
                list.reserve_exact(2 + list.len() / 4);
            }
            list.push(series);
        } else if let Err(position) = list.binary_search(&series) {
            list.insert(position, series);
        }
    }

    /// Bytes that are reserved beside the list itself.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Postings::One(_) => 0,
            Postings::Many(list) => list.capacity() as u64 * 4,
        }
    }

    /// Takes out the series of a sorted list; tells whether none is left.
    pub(super) fn remove(&mut self, gone: &[u32]) -> bool {
        match self {
            Postings::One(series) => gone.binary_search(series).is_ok(),
            Postings::Many(list) => {
                subtract(list, gone);
                list.shrink_to(list.len() * 2);
                list.is_empty()
            }
        }
    }
}

/// Keeps what is in the other list too.
pub(crate) fn intersect(list: &mut Vec<u32>, other: &[u32]) {
    retain_by_presence(list, other, true);
}

/// Keeps what is not in the other list.
pub(crate) fn subtract(list: &mut Vec<u32>, other: &[u32]) {
    retain_by_presence(list, other, false);
}

fn retain_by_presence(list: &mut Vec<u32>, other: &[u32], present: bool) {
    let mut rest = other;
    list.retain(|series| {
        rest = &rest[count_smaller(rest, *series)..];
        (rest.first() == Some(series)) == present
    });
}

/// How many of a list are smaller than a series. What is near its beginning is found at once, what is far away by
/// halves: lists that are walked side by side may differ much in length.
fn count_smaller(list: &[u32], series: u32) -> usize {
    let mut reach = 1;
    while list.get(reach - 1).is_some_and(|other| *other < series) {
        reach *= 2;
    }
    let passed = reach / 2;
    passed + list[passed..reach.min(list.len())].partition_point(|other| *other < series)
}

/// Everything in any of the lists. They hold different series, because a series has one value of a label.
/// One list is lent as it is: the list of a metric's name can be long.
pub(crate) fn unite<'a>(mut lists: impl Iterator<Item = &'a [u32]>) -> Cow<'a, [u32]> {
    let Some(first) = lists.next() else { return Cow::Borrowed(&[]) };
    let Some(second) = lists.next() else { return Cow::Borrowed(first) };
    let mut all = [first, second].concat();
    lists.for_each(|list| all.extend_from_slice(list));
    // A stable sort finds the ascending runs and merges them.
    all.sort();
    Cow::Owned(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_algebra_is_that_of_sets(
            a in prop::collection::btree_set(0_u32..200, 0..60),
            b in prop::collection::btree_set(0_u32..3000, 0..1500),
        ) {
            let list = |set: &BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
            let (mut both, mut less) = (list(&a), list(&a));
            intersect(&mut both, &list(&b));
            subtract(&mut less, &list(&b));
            prop_assert_eq!(both, a.intersection(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(less, a.difference(&b).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn series_may_come_out_of_order_and_twice() {
        let mut postings = Postings::One(5);
        [9, 2, 9, 7].into_iter().for_each(|series| postings.insert(series));
        assert_eq!(postings.as_slice(), [2, 5, 7, 9]);
        assert!(!postings.remove(&[1, 5, 9]));
        assert_eq!(postings.as_slice(), [2, 7]);
        assert!(postings.remove(&[2, 7]) && Postings::One(3).remove(&[3]));
    }
}
