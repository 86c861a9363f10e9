//! Labels: each pair of a name and a value held once, with the series that have it.

use std::collections::BTreeMap;

use super::postings::Postings;
use super::table::Table;
use super::{Symbol, Symbols};

/// A pair's number; it may come to mean another pair when no series has the first one any more.
pub(crate) type Pair = u32;

/// Pairs by number, numbers by pair, and the pairs of each name.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pairs: Vec<Label>,
    free: Vec<Pair>,
    by_symbols: Table,
    by_name: BTreeMap<Symbol, Vec<Pair>>,
}

/// A name, a value, and the series that have them.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) name: Symbol,
    pub(super) value: Symbol,
    pub(super) postings: Postings,
    /// Its place in the list of its name.
    place: u32,
}

fn hash(name: Symbol, value: Symbol) -> u64 {
    let mixed = (u64::from(name) << 32 | u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl Pairs {
    /// The name and the value of a pair in use.
    #[inline]
    pub(super) fn get(&self, pair: Pair) -> &Label {
        &self.pairs[pair as usize]
    }

    /// The pair of a name and a value that some series has.
    pub(super) fn find(&self, name: Symbol, value: Symbol) -> Option<Pair> {
        self.by_symbols.find(hash(name, value), |pair| {
            let label = self.get(pair);
            label.name == name && label.value == value
        })
    }

    /// The pairs of a name.
    pub(super) fn of_name(&self, name: Symbol) -> &[Pair] {
        self.by_name.get(&name).map_or(&[], Vec::as_slice)
    }

    /// All names that series have, with their pairs.
    pub(super) fn names(&self) -> impl Iterator<Item = (Symbol, &[Pair])> {
        self.by_name.iter().map(|(name, pairs)| (*name, pairs.as_slice()))
    }

    /// Past the greatest number that was ever given.
    pub(super) const fn end(&self) -> u32 {
        self.pairs.len() as u32
    }

    /// The pair of two texts, made where it is missing, which this series has too from here on.
    pub(super) fn take(&mut self, symbols: &mut Symbols, (name, value): (&str, &str), series: u32) -> Pair {
        let found = symbols.find(name).and_then(|name| self.find(name, symbols.find(value)?));
        if let Some(pair) = found {
            self.add(pair, series);
            return pair;
        }
        let (name, value) = (symbols.take(name), symbols.take(value));
        let of_name = self.by_name.entry(name).or_default();
        let label = Label { name, value, postings: Postings::One(series), place: of_name.len() as u32 };
        let pair = match self.free.pop() {
            Some(pair) => {
                self.pairs[pair as usize] = label;
                pair
            }
            None => {
                self.pairs.push(label);
                (self.pairs.len() - 1) as Pair
            }
        };
        of_name.push(pair);
        let pairs = &self.pairs;
        self.by_symbols.insert(hash(name, value), pair, |pair| {
            let label = &pairs[pair as usize];
            hash(label.name, label.value)
        });
        pair
    }

    /// This series has a pair too.
    pub(super) fn add(&mut self, pair: Pair, series: u32) {
        self.pairs[pair as usize].postings.insert(series);
    }

    /// The series of a sorted list do not have a pair any more.
    pub(super) fn release(&mut self, symbols: &mut Symbols, pair: Pair, gone: &[u32]) {
        let label = &mut self.pairs[pair as usize];
        if !label.postings.remove(gone) {
            return;
        }
        let (name, value, place) = (label.name, label.value, label.place);
        label.postings = Postings::One(0);
        self.by_symbols.remove(hash(name, value), pair);
        self.free.push(pair);
        let of_name = self.by_name.get_mut(&name).expect("a pair is in the list of its name");
        of_name.swap_remove(place as usize);
        if let Some(moved) = of_name.get(place as usize) {
            self.pairs[*moved as usize].place = place;
        } else if of_name.is_empty() {
            self.by_name.remove(&name);
        }
        symbols.release(name);
        symbols.release(value);
    }

    /// Bytes of all lists of series.
    pub(super) fn postings_bytes(&self) -> u64 {
        self.pairs.iter().map(|label| label.postings.bytes()).sum::<u64>() + self.by_symbols.bytes()
    }
}
