//! Series by a part of their labels: the groups of an aggregation, the matches of an operator, the duplicates
//! after a name was dropped.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kernel::Labels;

use crate::METRIC_NAME;

/// Which labels count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// `by`, `on`
    By(Vec<String>),
    /// `without`, `ignoring`; the metric name never counts.
    Without(Vec<String>),
    /// All but this one, the metric name among them.
    AllBut(&'static str),
    All,
}

/// Groups in the order in which they were met.
pub(crate) struct Groups<'g> {
    grouping: &'g Grouping,
    by_hash: HashMap<u64, Vec<usize>>,
    labels: Vec<Labels>,
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

    /// The labels that count.
    pub(crate) fn of(&self, labels: &Labels) -> Labels {
        match self {
            Grouping::All => labels.clone(),
            Grouping::By(names) if names.is_empty() => Labels::default(),
            _ => labels.only(|name| self.keeps(name)),
        }
    }

    fn counting<'l>(&self, labels: &'l Labels) -> impl Iterator<Item = (&'l str, &'l str)> {
        labels.iter().filter(|(name, _)| self.keeps(name))
    }

    fn hash(&self, labels: &Labels) -> u64 {
        // `new` has a fixed seed: the same labels hash alike in every run.
        let mut hasher = DefaultHasher::new();
        self.counting(labels).for_each(|pair| pair.hash(&mut hasher));
        hasher.finish()
    }
}

impl<'g> Groups<'g> {
    pub(crate) fn new(grouping: &'g Grouping) -> Self {
        Self { grouping, by_hash: HashMap::new(), labels: Vec::new() }
    }

    /// The group of a series; one past the last where it is the first of its group, which is then added.
    pub(crate) fn place(&mut self, labels: &Labels) -> usize {
        let hash = self.grouping.hash(labels);
        if let Some(group) = self.find_hashed(hash, labels) {
            return group;
        }
        let group = self.labels.len();
        self.labels.push(self.grouping.of(labels));
        self.by_hash.entry(hash).or_default().push(group);
        group
    }

    /// The group of a series, where it has one.
    pub(crate) fn find(&self, labels: &Labels) -> Option<usize> {
        self.find_hashed(self.grouping.hash(labels), labels)
    }

    fn find_hashed(&self, hash: u64, labels: &Labels) -> Option<usize> {
        let candidates = self.by_hash.get(&hash)?;
        candidates.iter().copied().find(|group| self.labels[*group].iter().eq(self.grouping.counting(labels)))
    }

    pub(crate) fn labels(&self, group: usize) -> &Labels {
        &self.labels[group]
    }

    pub(crate) fn into_labels(self) -> Vec<Labels> {
        self.labels
    }
}
