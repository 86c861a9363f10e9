//! Which series there are, and which of them a query means.
//!
//! The characters: [`Symbols`] hold each text once; [`Pairs`] hold each label, a name with a value, once, with the
//! series that have it; a slot holds the labels of one series as pairs; a [`Table`] finds a slot by the hash of its
//! labels; [`Sources`] count the series of each who sends them.
//!
//! A [`SeriesRef`] is never given twice, so a list grows at its end and a stale ref means nothing rather than
//! another series.

mod pairs;
mod postings;
mod select;
mod sources;
mod statistics;
mod symbols;
mod table;
mod texts;

use kernel::Labels;
use xxhash_rust::xxh3::xxh3_64;

use crate::SeriesRef;
use crate::paged::Paged;
pub(crate) use pairs::Pair;
use pairs::Pairs;
pub(crate) use postings::{intersect, subtract, unite};
pub(crate) use select::positive_literals;
pub(crate) use sources::SourceId;
use sources::Sources;
pub use statistics::Cardinality;
pub(crate) use symbols::{Symbol, Symbols};
use table::{NUMBERS_MAX, Table};
pub(crate) use texts::Gathered;
use texts::{same, same_here};

/// Labels as a writer lends them: sorted by name, each name once, no empty value.
pub(crate) type BorrowedLabels<'a> = [(&'a str, &'a str)];

/// All series by ref, by labels, and by each label.
#[derive(Debug, Default)]
pub(crate) struct Index {
    symbols: Symbols,
    pairs: Pairs,
    slots: Paged<Slot>,
    by_hash: Table,
    sources: Sources,
    next: u32,
}

#[derive(Debug)]
struct Slot {
    hash: u64,
    labels: Box<[Pair]>,
    source: SourceId,
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
        self.by_hash.find(hash, |series| self.has_labels(series, hash, labels)).map(SeriesRef)
    }

    /// The series with these labels; one with an empty value counts as absent.
    pub(crate) fn find_labels(&self, labels: &BorrowedLabels<'_>) -> Option<SeriesRef> {
        let kept: Vec<_> = labels.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
        self.find(hash_labels(&kept, &mut Gathered::new()), &kept)
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
        let is_same = slots.zip(labels).zip(before_labels).all(|(((pair, before), label), before_label)| {
            if pair == before {
                same_here(label.0, before_label.0) && same_here(label.1, before_label.1)
            } else {
                self.is(*pair, label)
            }
        });
        is_same.then_some(SeriesRef(next))
    }

    /// Touches the labels of series that are looked at next, so that the waits for memory overlap.
    pub(crate) fn touch(&self, series: &[SeriesRef]) {
        let touched = series.iter().map(|series| self.pairs_of(*series).first().copied().unwrap_or(0));
        std::hint::black_box(touched.fold(0, |sum: u32, pair| sum.wrapping_add(pair)));
    }

    #[inline]
    fn is(&self, pair: Pair, label: &(&str, &str)) -> bool {
        let pair = self.pairs.get(pair);
        same(self.symbols.text(pair.name), label.0) && same(self.symbols.text(pair.value), label.1)
    }

    #[inline]
    fn has_labels(&self, series: u32, hash: u64, labels: &BorrowedLabels<'_>) -> bool {
        let Some(slot) = self.slots.get(series) else { return false };
        slot.hash == hash
            && slot.labels.len() == labels.len()
            && slot.labels.iter().zip(labels).all(|(pair, label)| self.is(*pair, label))
    }

    /// Gives a ref to labels that have none; `None` when all refs are used up. What the labels of a series that was
    /// made or found before have in common with these need not be looked up.
    pub(crate) fn create(
        &mut self,
        hash: u64,
        labels: &BorrowedLabels<'_>,
        like: Option<(SeriesRef, &BorrowedLabels<'_>)>,
        source: SourceId,
    ) -> Option<SeriesRef> {
        let series = self.next;
        self.next = next_after(series)?;
        self.insert(series, hash, labels, like, source);
        Some(SeriesRef(series))
    }

    /// Puts a series back under the ref that it had. Nothing happens when it is there.
    pub(crate) fn restore(
        &mut self,
        series: SeriesRef,
        labels: &BorrowedLabels<'_>,
        source: &str,
    ) -> Result<(), RefTaken> {
        let hash = hash_labels(labels, &mut Gathered::new());
        let present = self.slots.get(series.0).is_some();
        match (present, self.find(hash, labels)) {
            (true, Some(found)) if found == series => Ok(()),
            (false, None) => {
                self.begin_at(next_after(series.0).ok_or(RefTaken)?);
                let source = self.sources.id(source);
                self.insert(series.0, hash, labels, None, source);
                Ok(())
            }
            _ => Err(RefTaken),
        }
    }

    fn insert(
        &mut self,
        series: u32,
        hash: u64,
        labels: &BorrowedLabels<'_>,
        like: Option<(SeriesRef, &BorrowedLabels<'_>)>,
        source: SourceId,
    ) {
        let (pairs, symbols) = (&mut self.pairs, &mut self.symbols);
        let like = like.and_then(|(like, like_labels)| Some((&*self.slots.get(like.0)?.labels, like_labels)));
        let taken = labels.iter().enumerate().map(|(at, label)| {
            let known = like.and_then(|(like, like_labels)| {
                (*like_labels.get(at)? == *label).then(|| like.get(at).copied()).flatten()
            });
            match known {
                Some(pair) => {
                    pairs.add(pair, series);
                    pair
                }
                None => pairs.take(symbols, *label, series),
            }
        });
        let labels: Box<[Pair]> = taken.collect();
        let slots = &self.slots;
        self.by_hash.insert(hash, series, |series| slots.get(series).map_or(0, |slot| slot.hash));
        self.sources.add(source);
        self.slots.get_or_insert_with(series, || Slot { hash, labels, source });
    }

    /// Takes series out; those that are not there are passed over.
    pub(crate) fn remove(&mut self, series: &[SeriesRef]) {
        let mut gone: Vec<u32> = series.iter().map(|series| series.0).collect();
        gone.sort_unstable();
        let mut used: Vec<Pair> = Vec::new();
        for series in &gone {
            let Some(slot) = self.slots.remove(*series) else { continue };
            self.by_hash.remove(slot.hash, *series);
            self.sources.release(slot.source);
            used.extend_from_slice(&slot.labels);
        }
        used.sort_unstable();
        used.dedup();
        for pair in used {
            self.pairs.release(&mut self.symbols, pair, &gone);
        }
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, series: SeriesRef) -> Option<Labels> {
        let labels: Result<Labels, _> = Labels::new::<Box<str>, Box<str>>(
            self.texts(series)?.map(|(name, value)| (Box::from(name), Box::from(value))),
        );
        Some(labels.expect("labels were checked before they came into the index"))
    }

    /// The labels of a series as texts.
    pub(crate) fn texts(&self, series: SeriesRef) -> Option<impl ExactSizeIterator<Item = (&str, &str)>> {
        Some(self.slots.get(series.0)?.labels.iter().map(|pair| self.pair_texts(*pair)))
    }

    /// The name and the value of a pair.
    #[inline]
    pub(crate) fn pair_texts(&self, pair: Pair) -> (&str, &str) {
        let pair = self.pairs.get(pair);
        (self.symbols.text(pair.name), self.symbols.text(pair.value))
    }

    /// Past the greatest number of a pair.
    pub(crate) const fn pairs_end(&self) -> u32 {
        self.pairs.end()
    }

    /// The labels of a series as pairs; empty where there is none.
    #[inline]
    pub(crate) fn pairs_of(&self, series: SeriesRef) -> &[Pair] {
        self.slots.get(series.0).map_or(&[], |slot| &slot.labels)
    }

    /// The texts of all labels.
    pub(crate) const fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Who sends series.
    pub(crate) const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The number of a source, given where it has none.
    pub(crate) fn source_id(&mut self, source: &str) -> SourceId {
        self.sources.id(source)
    }

    /// Who sent a series first.
    pub(crate) fn source_of(&self, series: SeriesRef) -> &str {
        self.slots.get(series.0).map_or("", |slot| self.sources.name(slot.source))
    }

    /// All series, by ref.
    pub(crate) fn all(&self) -> impl Iterator<Item = SeriesRef> {
        self.slots.iter().map(|(series, _)| SeriesRef(series))
    }

    /// The hash of the labels of a series.
    pub(crate) fn hash(&self, series: SeriesRef) -> Option<u64> {
        Some(self.slots.get(series.0)?.hash)
    }
}

/// The ref after one that can be given; none where this cannot.
fn next_after(series: u32) -> Option<u32> {
    series.checked_add(1).filter(|next| *next <= NUMBERS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_whose_labels_have_one_hash_are_two_series() {
        let mut index = Index::default();
        let (a, b) = ([("n", "a")], [("n", "b")]);
        let first = index.create(1, &a, None, SourceId::default()).unwrap();
        assert_eq!(index.find(1, &b), None);
        let second = index.create(1, &b, None, SourceId::default()).unwrap();
        assert_ne!(first, second);
        assert_eq!((index.find(1, &a), index.find(1, &b)), (Some(first), Some(second)));
        index.remove(&[first]);
        assert_eq!((index.find(1, &a), index.find(1, &b)), (None, Some(second)));
    }

    #[test]
    fn a_neighbour_is_known_by_all_of_its_labels() {
        let mut index = Index::default();
        let (a, b) = ([("n", "a"), ("x", "1")], [("n", "b"), ("x", "1")]);
        let (first, second) = (
            index.create(1, &a, None, SourceId::default()).unwrap(),
            index.create(2, &b, None, SourceId::default()).unwrap(),
        );
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
        let gone = index.create(hash, &labels, None, SourceId::default()).unwrap();
        let kept = index.create(2, &[("job", "api")], Some((gone, &labels)), SourceId::default()).unwrap();
        index.remove(&[gone]);
        assert_eq!(index.symbols().size(), (2, 6));
        assert_eq!(index.pairs.names().count(), 1);
        assert_eq!(index.create(hash, &labels, None, SourceId::default()), Some(SeriesRef(2)));
        assert_eq!(index.labels(kept).unwrap().to_string(), r#"{job="api"}"#);
        assert!(index.labels(gone).is_none());
    }

    #[test]
    fn a_series_is_put_back_once_and_only_under_its_own_ref() {
        let mut index = Index::default();
        let labels = [("job", "api")];
        index.restore(SeriesRef(7), &labels, "").unwrap();
        index.restore(SeriesRef(7), &labels, "").unwrap();
        index.restore(SeriesRef(8), &labels, "").unwrap_err();
        index.restore(SeriesRef(7), &[("job", "web")], "").unwrap_err();
        assert_eq!((index.len(), index.next()), (1, 8));
        for never_given in [NUMBERS_MAX, u32::MAX] {
            index.restore(SeriesRef(never_given), &[("job", "web")], "").unwrap_err();
        }
        index.restore(SeriesRef(NUMBERS_MAX - 1), &[("job", "web")], "").unwrap();
        assert_eq!(index.create(1, &[("job", "db")], None, SourceId::default()), None, "no ref is left");
    }
}
