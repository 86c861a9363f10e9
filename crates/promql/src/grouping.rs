//! Groups of series: those whose labels, as far as they count, are the same.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use kernel::Labels;

use crate::column::is_metadata;
use crate::{LabelView, METRIC_NAME};

/// Which labels count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grouping {
    By(Vec<String>),
    /// All but these and the metric name.
    Without(Vec<String>),
    /// All but this one, the metric name among them.
    AllBut(&'static str),
    All,
}

/// Groups in the order in which they were met.
pub(crate) struct Groups<'g> {
    grouping: &'g Grouping,
    by_hash: HashMap<u64, Vec<u32>, BuildHasherDefault<AsIs>>,
    labels: Vec<Labels>,
    /// The group of the series before; sources hand over series of a group one after the other, mostly.
    last: usize,
    numbered: Numbered,
}

/// Groups by the numbers of their labels, where a source has such numbers: no text is looked at twice.
#[derive(Default)]
struct Numbered {
    /// Of each number, whether its label counts.
    known: Vec<Known>,
    is_dropped: bool,
    /// The numbers of the labels that count, of the series that is looked at.
    key: Vec<u32>,
    groups: HashMap<Vec<u32>, u32>,
    /// The key and the group of the series before.
    last: (Vec<u32>, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Counts,
    IsLeft,
}

/// Numbers above this are not remembered; a table of them would be too large.
const NUMBERS_MAX: u32 = 1 << 24;

impl Numbered {
    /// Takes the numbers of a series' labels that count; `false` where it has none.
    fn read(&mut self, grouping: &Grouping, labels: &dyn LabelView, is_dropped: bool) -> bool {
        if self.is_dropped != is_dropped {
            *self = Self { is_dropped, ..Self::default() };
        }
        self.key.clear();
        for at in 0..labels.len() {
            let Some(number) = labels.pair_id(at).filter(|number| *number < NUMBERS_MAX) else {
                return false;
            };
            let index = number as usize;
            if index >= self.known.len() {
                self.known.resize((index + 1).next_power_of_two(), Known::Nothing);
            }
            if self.known[index] == Known::Nothing {
                let counts = grouping.counts(labels.pair(at).0, is_dropped);
                self.known[index] = if counts { Known::Counts } else { Known::IsLeft };
            }
            if self.known[index] == Known::Counts {
                self.key.push(number);
            }
        }
        !labels.is_empty()
    }

    fn find(&mut self) -> Option<usize> {
        if self.last.0 == self.key && !self.groups.is_empty() {
            return Some(self.last.1);
        }
        let group = *self.groups.get(&self.key)? as usize;
        self.last.0.clone_from(&self.key);
        self.last.1 = group;
        Some(group)
    }

    fn learn(&mut self, group: usize) {
        self.groups.insert(self.key.clone(), group as u32);
        self.last.0.clone_from(&self.key);
        self.last.1 = group;
    }
}

/// A hash is its own hash.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = self.0.rotate_left(5) ^ value;
    }
}

impl Grouping {
    pub(crate) fn keeps(&self, name: &str) -> bool {
        match self {
            Grouping::By(names) => names.iter().any(|kept| kept == name),
            Grouping::Without(names) => name != METRIC_NAME && !names.iter().any(|left| left == name),
            Grouping::AllBut(left) => name != *left,
            Grouping::All => true,
        }
    }

    /// The labels that count. `is_dropped`: the metric's name is no label any more.
    pub(crate) fn of(&self, labels: &dyn LabelView, is_dropped: bool) -> Labels {
        if matches!(self, Grouping::All) && !is_dropped {
            return labels.to_labels();
        }
        let pairs =
            self.counting(labels, is_dropped).map(|(name, value)| (Box::from(name), Box::from(value)));
        Labels::new::<Box<str>, Box<str>>(pairs).unwrap_or_default()
    }

    fn counts(&self, name: &str, is_dropped: bool) -> bool {
        self.keeps(name) && !(is_dropped && is_metadata(name))
    }

    fn counting<'l>(
        &'l self,
        labels: &'l dyn LabelView,
        is_dropped: bool,
    ) -> impl Iterator<Item = (&'l str, &'l str)> {
        let pairs = (0..labels.len()).map(|at| labels.pair(at));
        pairs.filter(move |(name, _)| self.counts(name, is_dropped))
    }

    /// The same labels hash alike in every run.
    fn hash(&self, labels: &dyn LabelView, is_dropped: bool) -> u64 {
        self.counting(labels, is_dropped).fold(0, |hash, (name, value)| mix(mix(hash, name), value))
    }

    fn is_of(&self, group: &Labels, labels: &dyn LabelView, is_dropped: bool) -> bool {
        group.iter().eq(self.counting(labels, is_dropped))
    }
}

/// Multiply and fold, eight bytes at a time (the idea of wyhash); collisions are resolved by comparing.
fn mix(hash: u64, text: &str) -> u64 {
    let fold = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xe703_7ed1_a0b4_28db;
        (product as u64) ^ ((product >> 64) as u64)
    };
    let mut chunks = text.as_bytes().chunks_exact(8);
    let mut hash = fold(hash, text.len() as u64);
    for chunk in chunks.by_ref() {
        hash = fold(hash, u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    let rest = chunks.remainder().iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
    fold(hash, rest)
}

impl<'g> Groups<'g> {
    pub(crate) fn new(grouping: &'g Grouping) -> Self {
        Self {
            grouping,
            by_hash: HashMap::default(),
            labels: Vec::new(),
            last: 0,
            numbered: Numbered::default(),
        }
    }

    /// The group of a series; one past the last where it is the first of its group, which is then added.
    pub(crate) fn place(&mut self, labels: &dyn LabelView, is_dropped: bool) -> usize {
        if self.numbered.read(self.grouping, labels, is_dropped) {
            if let Some(group) = self.numbered.find() {
                return group;
            }
            let group = self.place_by_text(labels, is_dropped);
            self.numbered.learn(group);
            return group;
        }
        let last = self.labels.get(self.last);
        if last.is_some_and(|group| self.grouping.is_of(group, labels, is_dropped)) {
            return self.last;
        }
        self.last = self.place_by_text(labels, is_dropped);
        self.last
    }

    fn place_by_text(&mut self, labels: &dyn LabelView, is_dropped: bool) -> usize {
        let hash = self.grouping.hash(labels, is_dropped);
        if let Some(group) = self.find_hashed(hash, labels, is_dropped) {
            return group;
        }
        let group = self.labels.len();
        self.labels.push(self.grouping.of(labels, is_dropped));
        // More groups than a `u32` counts do not fit a query's limits.
        self.by_hash.entry(hash).or_default().push(group as u32);
        group
    }

    /// The group of a series, where it has one.
    pub(crate) fn find(&self, labels: &dyn LabelView, is_dropped: bool) -> Option<usize> {
        self.find_hashed(self.grouping.hash(labels, is_dropped), labels, is_dropped)
    }

    fn find_hashed(&self, hash: u64, labels: &dyn LabelView, is_dropped: bool) -> Option<usize> {
        let candidates = self.by_hash.get(&hash)?;
        let is_group = |group: &usize| self.grouping.is_of(&self.labels[*group], labels, is_dropped);
        candidates.iter().map(|group| *group as usize).find(is_group)
    }

    pub(crate) fn labels(&self, group: usize) -> &Labels {
        &self.labels[group]
    }

    pub(crate) fn into_labels(self) -> Vec<Labels> {
        self.labels
    }
}
