//! Which series there are, and which of them a query means.
//!
//! The characters: [`Symbols`] hold each label name and value once; a slot holds the labels of one series as
//! symbols; the postings list, for each value of each label, the series that have it.
//!
//! A [`SeriesRef`] is never given twice, so a list grows at its end and a stale ref means nothing rather than
//! another series.

mod hashes;
mod postings;
mod select;
mod symbols;
mod texts;

use std::collections::BTreeMap;

use kernel::Labels;
use xxhash_rust::xxh3::xxh3_64;

use crate::SeriesRef;
use crate::paged::Paged;
use hashes::ByHash;
use postings::Postings;
pub(crate) use symbols::{Symbol, Symbols};
pub(crate) use texts::Gathered;
use texts::same;

/// Labels as a writer lends them: sorted by name, each name once, no empty value.
pub(crate) type BorrowedLabels<'a> = [(&'a str, &'a str)];

/// All series by ref, by labels, and by each label.
#[derive(Debug, Default)]
pub(crate) struct Index {
    symbols: Symbols,
    slots: Paged<Slot>,
    by_hash: ByHash,
    values: BTreeMap<Symbol, BTreeMap<Symbol, Postings>>,
    next: u32,
}

#[derive(Debug)]
struct Slot {
    hash: u64,
    labels: Box<[(Symbol, Symbol)]>,
}

/// A series that the log defines is another one already.
#[derive(Debug)]
pub(crate) struct RefTaken;

/// The hash by which labels are looked up: XXH3 over name, 0xff, value, 0xff. UTF-8 has no byte 0xff.
#[inline]
pub(crate) fn hash_labels(labels: &BorrowedLabels<'_>, scratch: &mut Gathered) -> u64 {
    scratch.clear();
    for (name, value) in labels {
        scratch.push(name);
        scratch.push(value);
    }
    xxh3_64(scratch.bytes())
}

impl Index {
    /// How many series there are.
    pub(crate) const fn len(&self) -> usize {
        self.slots.len()
    }

    /// The ref after the last one given.
    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    /// Leaves out the refs before this one; for a log that has given them already.
    pub(crate) fn begin_at(&mut self, next: u32) {
        self.next = self.next.max(next);
    }

    /// The series with these labels.
    #[inline]
    pub(crate) fn find(&self, hash: u64, labels: &BorrowedLabels<'_>) -> Option<SeriesRef> {
        self.by_hash.find(hash, |series| self.has_labels(series, labels)).map(SeriesRef)
    }

    /// The series after one that was found, if it has these labels. Writers send their series in the same order again
    /// and again, so mostly it has, and nothing needs to be hashed. Neighbours share most labels: what their slots have
    /// in common is compared between the two lent label sets, which are in the cache.
    #[inline]
    pub(crate) fn neighbour(
        &self,
        before: SeriesRef,
        before_labels: &BorrowedLabels<'_>,
        labels: &BorrowedLabels<'_>,
    ) -> Option<SeriesRef> {
        let next = before.0.checked_add(1)?;
        let (slot, before_slot) = (self.slots.get(next)?, self.slots.get(before.0)?);
        if slot.labels.len() != labels.len() || before_slot.labels.len() != labels.len() {
            return None;
        }
        let slots = slot.labels.iter().zip(&before_slot.labels);
        let is_same =
            slots.zip(labels).zip(before_labels).all(|(((slot, before_slot), label), before_label)| {
                (if slot.0 == before_slot.0 {
                    same(label.0, before_label.0)
                } else {
                    self.is(slot.0, label.0)
                }) && (if slot.1 == before_slot.1 {
                    same(label.1, before_label.1)
                } else {
                    self.is(slot.1, label.1)
                })
            });
        is_same.then_some(SeriesRef(next))
    }

    #[inline]
    fn is(&self, symbol: Symbol, text: &str) -> bool {
        same(self.symbols.text(symbol), text)
    }

    #[inline]
    fn has_labels(&self, series: u32, labels: &BorrowedLabels<'_>) -> bool {
        let Some(slot) = self.slots.get(series) else { return false };
        slot.labels.len() == labels.len()
            && slot.labels.iter().zip(labels).all(|((name, value), (other_name, other_value))| {
                self.is(*name, other_name) && self.is(*value, other_value)
            })
    }

    /// Gives a ref to labels that have none; `None` when all refs are used up.
    pub(crate) fn create(&mut self, hash: u64, labels: &BorrowedLabels<'_>) -> Option<SeriesRef> {
        let series = self.next;
        self.next = series.checked_add(1)?;
        self.insert(series, hash, labels);
        Some(SeriesRef(series))
    }

    /// Puts a series back under the ref that it had. Nothing happens when it is there.
    pub(crate) fn restore(&mut self, series: SeriesRef, labels: &BorrowedLabels<'_>) -> Result<(), RefTaken> {
        let hash = hash_labels(labels, &mut Gathered::new());
        let present = self.slots.get(series.0).is_some();
        match (present, self.find(hash, labels)) {
            (true, Some(found)) if found == series => Ok(()),
            (false, None) => {
                self.begin_at(series.0.checked_add(1).ok_or(RefTaken)?);
                self.insert(series.0, hash, labels);
                Ok(())
            }
            _ => Err(RefTaken),
        }
    }

    fn insert(&mut self, series: u32, hash: u64, labels: &BorrowedLabels<'_>) {
        let labels: Box<[_]> =
            labels.iter().map(|(name, value)| (self.symbols.take(name), self.symbols.take(value))).collect();
        for (name, value) in &labels {
            let of_name = self.values.entry(*name).or_default();
            of_name
                .entry(*value)
                .and_modify(|postings| postings.insert(series))
                .or_insert(Postings::One(series));
        }
        self.by_hash.insert(hash, series);
        self.slots.get_or_insert_with(series, || Slot { hash, labels });
    }

    /// Takes series out; those that are not there are passed over.
    pub(crate) fn remove(&mut self, series: &[SeriesRef]) {
        let mut gone: Vec<u32> = series.iter().map(|series| series.0).collect();
        gone.sort_unstable();
        let mut used: BTreeMap<(Symbol, Symbol), u32> = BTreeMap::new();
        for series in &gone {
            let Some(slot) = self.slots.remove(*series) else { continue };
            self.by_hash.remove(slot.hash, *series);
            for label in &slot.labels {
                *used.entry(*label).or_default() += 1;
            }
        }
        for ((name, value), uses) in used {
            let of_name = self.values.get_mut(&name).expect("a label of a series is in the index");
            let postings = of_name.get_mut(&value).expect("a label of a series is in the index");
            if postings.remove(&gone) {
                of_name.remove(&value);
            }
            if of_name.is_empty() {
                self.values.remove(&name);
            }
            for _ in 0..uses {
                self.symbols.release(name);
                self.symbols.release(value);
            }
        }
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, series: SeriesRef) -> Option<Labels> {
        let pairs = self.texts(series)?.map(|(name, value)| (Box::from(name), Box::from(value)));
        let labels: Result<Labels, _> = Labels::new::<Box<str>, Box<str>>(pairs);
        Some(labels.expect("labels were checked before they came into the index"))
    }

    /// The labels of a series as texts.
    pub(crate) fn texts(&self, series: SeriesRef) -> Option<impl ExactSizeIterator<Item = (&str, &str)>> {
        let text = |symbol: Symbol| self.symbols.text(symbol);
        let labels = &self.slots.get(series.0)?.labels;
        Some(labels.iter().map(move |(name, value)| (text(*name), text(*value))))
    }

    /// The labels of a series as symbols; empty where there is none.
    pub(crate) fn symbols_of(&self, series: SeriesRef) -> &[(Symbol, Symbol)] {
        self.slots.get(series.0).map_or(&[], |slot| &slot.labels)
    }

    /// The texts of all labels.
    pub(crate) const fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// All series, by ref.
    pub(crate) fn all(&self) -> impl Iterator<Item = SeriesRef> {
        self.slots.iter().map(|(series, _)| SeriesRef(series))
    }

    /// The hash of the labels of a series, by which equal data is in equal order whatever came first.
    pub(crate) fn hash(&self, series: SeriesRef) -> Option<u64> {
        Some(self.slots.get(series.0)?.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_whose_labels_have_one_hash_are_two_series() {
        let mut index = Index::default();
        let (a, b) = ([("n", "a")], [("n", "b")]);
        let first = index.create(1, &a).unwrap();
        assert_eq!(index.find(1, &b), None);
        let second = index.create(1, &b).unwrap();
        assert_ne!(first, second);
        assert_eq!((index.find(1, &a), index.find(1, &b)), (Some(first), Some(second)));
        index.remove(&[first]);
        assert_eq!((index.find(1, &a), index.find(1, &b)), (None, Some(second)));
    }

    #[test]
    fn a_neighbour_is_known_by_all_of_its_labels() {
        let mut index = Index::default();
        let (a, b) = ([("n", "a"), ("x", "1")], [("n", "b"), ("x", "1")]);
        let (first, second) = (index.create(1, &a).unwrap(), index.create(2, &b).unwrap());
        assert_eq!(index.neighbour(first, &a, &b), Some(second));
        for other in
            [&a[..], &[("n", "b"), ("x", "2")], &[("n", "b"), ("y", "1")], &[("n", "c"), ("x", "1")], &b[..1]]
        {
            assert_eq!(index.neighbour(first, &a, other), None, "{other:?}");
        }
        assert_eq!(index.neighbour(second, &b, &a), None);
    }

    #[test]
    fn what_leaves_takes_its_texts_along_and_its_ref_is_not_given_again() {
        let mut index = Index::default();
        let labels = [("job", "api"), ("pod", "p1")];
        let hash = hash_labels(&labels, &mut Gathered::new());
        let gone = index.create(hash, &labels).unwrap();
        let kept = index.create(2, &[("job", "api")]).unwrap();
        index.remove(&[gone]);
        assert_eq!(index.symbols().size(), (2, 6));
        assert_eq!(index.values.len(), 1);
        assert_eq!(index.create(hash, &labels), Some(SeriesRef(2)));
        assert_eq!(index.labels(kept).unwrap().to_string(), r#"{job="api"}"#);
        assert!(index.labels(gone).is_none());
    }

    #[test]
    fn a_series_is_put_back_once_and_only_under_its_own_ref() {
        let mut index = Index::default();
        let labels = [("job", "api")];
        index.restore(SeriesRef(7), &labels).unwrap();
        index.restore(SeriesRef(7), &labels).unwrap();
        index.restore(SeriesRef(8), &labels).unwrap_err();
        index.restore(SeriesRef(7), &[("job", "web")]).unwrap_err();
        assert_eq!((index.len(), index.next()), (1, 8));
    }
}
