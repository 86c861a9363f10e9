//! Counts of good and failed requests for each source and slice of time.
//!
//! A *source* is the name by which an SLI refers to requests (`requests: shop`). Counts are absolute: whoever
//! drains them writes each as the one value of its slice, so writing twice is harmless. A slice that was forgotten
//! takes no more requests, because its count would begin at zero again and overwrite the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{Span, Timestamp};

use crate::limits::TALLIED_SLICES_MAX;

/// Requests of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Those that did not fail.
    pub good: u64,
    /// Those that failed.
    pub bad: u64,
}

/// All requests of one source in one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceCount {
    /// Whose requests.
    pub source: Arc<str>,
    /// When the slice starts.
    pub start: Timestamp,
    /// How many there are so far.
    pub count: Count,
}

/// What became of requests that were to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Added {
    /// They count.
    Counted,
    /// Their slice was forgotten already.
    TooLate,
    /// There are [`TALLIED_SLICES_MAX`] slices, and theirs would be one more.
    Full,
}

/// Counts by source and slice.
#[derive(Debug, Clone)]
pub struct Tallies {
    slice: Span,
    /// Slices that start before this are forgotten.
    horizon: Timestamp,
    sources: BTreeMap<Arc<str>, BTreeMap<Timestamp, Count>>,
    slices: usize,
    slices_max: usize,
    changed: BTreeSet<(Arc<str>, Timestamp)>,
}

impl Count {
    /// All requests.
    pub fn total(self) -> u64 {
        self.good.saturating_add(self.bad)
    }

    pub(crate) fn add(&mut self, failed: bool, count: u64) {
        let side = if failed { &mut self.bad } else { &mut self.good };
        *side = side.saturating_add(count);
    }
}

impl Tallies {
    /// Slices of this length, aligned to the epoch; shorter than a millisecond counts as one.
    pub fn new(slice: Span) -> Self {
        Self {
            slice: slice.max(Span::from_millis(1)),
            horizon: Timestamp::from_millis(i64::MIN),
            sources: BTreeMap::new(),
            slices: 0,
            slices_max: TALLIED_SLICES_MAX,
            changed: BTreeSet::new(),
        }
    }

    /// The length of a slice.
    pub fn slice(&self) -> Span {
        self.slice
    }

    /// Counts so many requests of a source that ended alike in the slice of `at`.
    pub fn add(&mut self, source: &str, at: Timestamp, failed: bool, count: u64) -> Added {
        let start = at.floor(self.slice);
        if start < self.horizon {
            return Added::TooLate;
        }
        let Some((name, tally)) = self.place(source, start) else { return Added::Full };
        tally.add(failed, count);
        if !self.changed.contains(&(Arc::clone(&name), start)) {
            self.changed.insert((name, start));
        }
        Added::Counted
    }

    /// Takes over what was written before a restart; what was added since comes on top and counts as changed.
    /// `start` has to be the start of a slice: the answer is false, and nothing is taken over, where the length of a
    /// slice is another one than before.
    pub fn restore(&mut self, source: &str, start: Timestamp, count: Count) -> bool {
        if start != start.floor(self.slice) || start < self.horizon {
            return false;
        }
        let Some((_, tally)) = self.place(source, start) else { return false };
        tally.good = tally.good.saturating_add(count.good);
        tally.bad = tally.bad.saturating_add(count.bad);
        true
    }

    /// The counts that changed since the last drain, by source and start.
    pub fn drain_changed(&mut self) -> Vec<SliceCount> {
        let changed = std::mem::take(&mut self.changed);
        let counts = changed.into_iter().filter_map(|(source, start)| {
            let count = *self.sources.get(&source)?.get(&start)?;
            Some(SliceCount { source, start, count })
        });
        let counts = counts.collect();
        self.drop_forgotten();
        counts
    }

    /// Says that drained counts were not written after all; the next drain returns their slices again.
    pub fn put_back(&mut self, counts: &[SliceCount]) {
        for SliceCount { source, start, count } in counts {
            if self.get(source, *start).is_some() {
                self.changed.insert((Arc::clone(source), *start));
            } else if let Some((name, tally)) = self.place(source, *start) {
                *tally = *count;
                self.changed.insert((name, *start));
            }
        }
    }

    /// The count of the slice that starts then.
    pub fn get(&self, source: &str, start: Timestamp) -> Option<Count> {
        self.sources.get(source)?.get(&start).copied()
    }

    /// Forgets slices that start before `horizon`, once they are drained. A horizon never goes back.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        self.horizon = self.horizon.max(horizon);
        self.drop_forgotten();
    }

    /// Slices of all sources that are held.
    pub fn len(&self) -> usize {
        self.slices
    }

    /// Whether no slice is held.
    pub fn is_empty(&self) -> bool {
        self.slices == 0
    }

    fn place(&mut self, source: &str, start: Timestamp) -> Option<(Arc<str>, &mut Count)> {
        let known =
            self.sources.get_key_value(source).map(|(name, slices)| (name, slices.contains_key(&start)));
        let name = match known {
            Some((name, true)) => Arc::clone(name),
            _ if self.slices >= self.slices_max => return None,
            Some((name, false)) => {
                self.slices += 1;
                Arc::clone(name)
            }
            None => {
                self.slices += 1;
                Arc::from(source)
            }
        };
        let tally = self.sources.entry(Arc::clone(&name)).or_default().entry(start).or_default();
        Some((name, tally))
    }

    fn drop_forgotten(&mut self) {
        let (horizon, changed) = (self.horizon, &self.changed);
        let mut dropped = 0;
        self.sources.retain(|source, slices| {
            if slices.first_key_value().is_some_and(|(start, _)| *start < horizon) {
                let before = slices.len();
                slices
                    .retain(|start, _| *start >= horizon || changed.contains(&(Arc::clone(source), *start)));
                dropped += before - slices.len();
            }
            !slices.is_empty()
        });
        self.slices -= dropped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn drained(tallies: &mut Tallies) -> Vec<(String, i64, u64, u64)> {
        let counts = tallies.drain_changed().into_iter();
        counts
            .map(|s| (s.source.to_string(), s.start.as_millis() / 1000, s.count.good, s.count.bad))
            .collect()
    }

    #[test]
    fn a_drain_gives_absolute_counts_of_what_changed() {
        let mut tallies = Tallies::new(Span::from_mins(1));
        assert_eq!(tallies.add("shop", at(61), false, 3), Added::Counted);
        assert_eq!(tallies.add("shop", at(119), true, 1), Added::Counted);
        assert_eq!(tallies.add("mail", at(120), false, 1), Added::Counted);
        assert_eq!(drained(&mut tallies), [("mail".into(), 120, 1, 0), ("shop".into(), 60, 3, 1)]);
        assert_eq!(drained(&mut tallies), []);
        assert_eq!(tallies.add("shop", at(60), false, 1), Added::Counted);
        assert_eq!(drained(&mut tallies), [("shop".into(), 60, 4, 1)]);
    }

    #[test]
    fn a_restart_loses_no_request() {
        let mut tallies = Tallies::new(Span::from_mins(1));
        assert!(tallies.restore("shop", at(60), Count { good: 10, bad: 2 }));
        assert_eq!(drained(&mut tallies), [], "what was restored is written already");
        assert_eq!(tallies.add("shop", at(61), true, 1), Added::Counted);
        assert_eq!(drained(&mut tallies), [("shop".into(), 60, 10, 3)]);
        assert!(!tallies.restore("shop", at(61), Count::default()), "not the start of a slice");
    }

    #[test]
    fn a_forgotten_slice_takes_no_more_requests() {
        let mut tallies = Tallies::new(Span::from_mins(1));
        assert_eq!(tallies.add("shop", at(60), false, 1), Added::Counted);
        assert_eq!(tallies.add("shop", at(120), false, 1), Added::Counted);
        tallies.forget_before(at(120));
        assert_eq!(tallies.add("shop", at(119), false, 1), Added::TooLate);
        assert_eq!(tallies.len(), 2, "a slice is held until it is drained");
        assert_eq!(drained(&mut tallies).len(), 2);
        assert_eq!(tallies.len(), 1);
        tallies.forget_before(at(0));
        assert_eq!(tallies.add("shop", at(60), false, 1), Added::TooLate, "a horizon never goes back");
        tallies.forget_before(at(1000));
        assert!(tallies.is_empty());
    }

    #[test]
    fn counts_that_could_not_be_written_come_again_with_what_was_added_since() {
        let mut tallies = Tallies::new(Span::from_mins(1));
        assert_eq!(tallies.add("shop", at(60), false, 1), Added::Counted);
        let lost = tallies.drain_changed();
        assert_eq!(tallies.add("shop", at(60), false, 1), Added::Counted);
        tallies.put_back(&lost);
        assert_eq!(drained(&mut tallies), [("shop".into(), 60, 2, 0)]);
        tallies.forget_before(at(1000));
        tallies.put_back(&lost);
        assert_eq!(
            drained(&mut tallies),
            [("shop".into(), 60, 1, 0)],
            "even when it was forgotten meanwhile"
        );
        assert!(tallies.is_empty());
    }

    #[test]
    fn slices_are_limited_and_known_ones_go_on_counting() {
        let mut tallies = Tallies { slices_max: 3, ..Tallies::new(Span::from_secs(1)) };
        for secs in 0..3 {
            assert_eq!(tallies.add("a", at(secs), false, 1), Added::Counted);
        }
        assert_eq!(tallies.add("b", at(0), false, 1), Added::Full);
        assert_eq!(tallies.add("a", at(0), true, 1), Added::Counted);
        assert_eq!(tallies.get("a", at(0)), Some(Count { good: 1, bad: 1 }));
        tallies.forget_before(at(2));
        assert_eq!(drained(&mut tallies).len(), 3);
        assert_eq!(tallies.add("b", at(2), false, 1), Added::Counted, "what is forgotten makes room");
    }
}
