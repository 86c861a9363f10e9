//! When a rule may be judged before its interval says so: once everything that belongs to an instant has arrived.
//!
//! The inputs of a rule are the series that its selectors match. A series is expected again one interval after its last
//! sample, as long as it kept its interval so far. An instant is *covered* when no series is overdue at it. Where a
//! series stays away, the instant is waited for no longer than a grace, and that series is not waited for again until
//! it returns. A series that nobody saw before says nothing about who else is new, so its instants always wait for the
//! grace: errors that arrive before totals page nobody.
//!
//! What is guaranteed: where no sample comes later than the grace, nothing at or before an instant that
//! [`Watermark::next`] gives is still to come from a series that was seen before.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Span, Timestamp};

/// Series of one rule that are watched. A rule with more inputs is judged on its interval only.
pub const SERIES_WATCHED_MAX: usize = 20_000;
/// Instants that wait at a time; past it the earliest is given up, because a later one follows.
pub const INSTANTS_WAITING_MAX: usize = 64;
/// How much earlier than one interval after its last sample a series may come: a hundredth of the interval, and this.
const JITTER: Span = Span::from_millis(5);

/// Why an instant can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// Every series of the last round is present.
    AllPresent,
    /// Some are missing, and have been waited for.
    GracePassed,
}

/// What has arrived of a rule's inputs.
#[derive(Debug, Clone, Default)]
pub struct Watermark {
    series: BTreeMap<u64, Seen>,
    /// When each series that is waited for is expected at the earliest.
    expected: BTreeSet<(Timestamp, u64)>,
    /// Instants at which something arrived and that were not judged yet.
    waiting: BTreeMap<Timestamp, Waiting>,
    /// There are more series than are watched.
    overflowed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    last: Timestamp,
    expected: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// When the first sample of this instant arrived.
    since: Timestamp,
    /// A series came that nobody saw before.
    has_new: bool,
}

impl Watermark {
    /// A sample of a series arrived: `at` is its own time, `now` the clock's. Samples that are not newer than the
    /// series' last are left to the rule's interval.
    pub fn arrived(&mut self, now: Timestamp, series: u64, at: Timestamp) {
        let before = self.series.get(&series).copied();
        if before.is_some_and(|seen| at <= seen.last) {
            return;
        }
        if before.is_none() && self.series.len() >= SERIES_WATCHED_MAX {
            self.overflowed = true;
            return;
        }
        let expected = before.map(|seen| at + earliest_after(at - seen.last));
        self.expect(series, before, expected);
        self.series.insert(series, Seen { last: at, expected });
        let waiting = self.waiting.entry(at).or_insert(Waiting { since: now, has_new: false });
        waiting.has_new |= before.is_none();
        if self.waiting.len() > INSTANTS_WAITING_MAX {
            self.waiting.pop_first();
        }
    }

    /// A series ended: nobody waits for it any more.
    pub fn ended(&mut self, series: u64) {
        let before = self.series.remove(&series);
        self.expect(series, before, None);
    }

    /// Whether a rule over these inputs can be judged before its interval says so.
    pub fn is_followed(&self) -> bool {
        !self.overflowed
    }

    /// Whether no series is overdue at an instant.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.expected.first().is_none_or(|(expected, _)| *expected > at)
    }

    /// The latest instant that can be judged now, and why. Earlier ones are given up with it.
    pub fn next(&self, now: Timestamp, grace: Span) -> Option<(Timestamp, Covered)> {
        self.waiting.iter().rev().find_map(|(at, waiting)| {
            if !waiting.has_new && self.covers(*at) {
                Some((*at, Covered::AllPresent))
            } else if now >= waiting.since + grace {
                Some((*at, Covered::GracePassed))
            } else {
                None
            }
        })
    }

    /// When the clock alone makes an instant ready: its grace ends.
    pub fn next_wake(&self, grace: Span) -> Option<Timestamp> {
        self.waiting.values().map(|waiting| waiting.since + grace).min()
    }

    /// An instant was judged, or is of no use any more: it and earlier ones do not wait any longer, and series that are
    /// overdue at it are not waited for until they return.
    pub fn judged(&mut self, at: Timestamp) {
        self.waiting = self.waiting.split_off(&(at + Span::from_millis(1)));
        while let Some(&(expected, series)) = self.expected.first()
            && expected <= at
        {
            self.expected.pop_first();
            if let Some(seen) = self.series.get_mut(&series) {
                seen.expected = None;
            }
        }
    }

    /// Forgets series whose last sample is older, so that what is gone takes no room.
    pub fn forget_before(&mut self, at: Timestamp) {
        self.series.retain(|_, seen| seen.last >= at || seen.expected.is_some());
        self.overflowed &= self.series.len() >= SERIES_WATCHED_MAX;
    }

    fn expect(&mut self, series: u64, before: Option<Seen>, expected: Option<Timestamp>) {
        if let Some(earlier) = before.and_then(|seen| seen.expected) {
            self.expected.remove(&(earlier, series));
        }
        if let Some(expected) = expected {
            self.expected.insert((expected, series));
        }
    }
}

fn earliest_after(interval: Span) -> Span {
    let early = Span::from_millis(interval.as_millis() / 100) + JITTER;
    interval - early.min(Span::from_millis(interval.as_millis() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Span = Span::from_secs(2);
    const ERRORS: u64 = 1;
    const TOTALS: u64 = 2;

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000 + secs)
    }

    /// Two rounds, 15 seconds apart, so that both series are known with their interval.
    fn known() -> Watermark {
        let mut watermark = Watermark::default();
        for round in [0, 15] {
            watermark.arrived(secs(round), ERRORS, secs(round));
            watermark.arrived(secs(round), TOTALS, secs(round));
        }
        watermark.judged(secs(15));
        watermark
    }

    #[test]
    fn errors_that_arrive_before_totals_wait_for_them() {
        let mut watermark = known();
        watermark.arrived(secs(30), ERRORS, secs(30));
        assert_eq!(watermark.next(secs(31), GRACE), None);
        watermark.arrived(secs(31), TOTALS, secs(30));
        assert_eq!(watermark.next(secs(31), GRACE), Some((secs(30), Covered::AllPresent)));
    }

    #[test]
    fn who_stays_away_is_waited_for_once() {
        let mut watermark = known();
        watermark.arrived(secs(30), ERRORS, secs(30));
        assert_eq!(watermark.next_wake(GRACE), Some(secs(32)));
        assert_eq!(watermark.next(secs(32), GRACE), Some((secs(30), Covered::GracePassed)));
        watermark.judged(secs(30));
        watermark.arrived(secs(45), ERRORS, secs(45));
        assert_eq!(watermark.next(secs(45), GRACE), Some((secs(45), Covered::AllPresent)));
    }

    #[test]
    fn a_series_that_nobody_saw_before_waits_for_the_grace() {
        let mut watermark = Watermark::default();
        watermark.arrived(secs(0), ERRORS, secs(0));
        assert_eq!(watermark.next(secs(1), GRACE), None);
        assert_eq!(watermark.next(secs(2), GRACE), Some((secs(0), Covered::GracePassed)));
    }

    #[test]
    fn a_series_that_ended_is_not_waited_for() {
        let mut watermark = known();
        watermark.ended(TOTALS);
        watermark.arrived(secs(30), ERRORS, secs(30));
        assert_eq!(watermark.next(secs(30), GRACE), Some((secs(30), Covered::AllPresent)));
    }

    #[test]
    fn a_little_earlier_than_its_interval_counts_as_on_time() {
        let mut watermark = known();
        let early = secs(30) - Span::from_millis(100);
        watermark.arrived(early, ERRORS, early);
        assert_eq!(watermark.next(early, GRACE), None, "totals may be as early as errors");
    }

    #[test]
    fn other_phases_are_not_waited_for_before_their_time() {
        let mut watermark = known();
        let (host, phase) = (3, Span::from_secs(7));
        for round in [0, 15] {
            watermark.arrived(secs(round) + phase, host, secs(round) + phase);
        }
        watermark.judged(secs(22));
        watermark.arrived(secs(30), ERRORS, secs(30));
        watermark.arrived(secs(30), TOTALS, secs(30));
        assert_eq!(watermark.next(secs(30), GRACE), Some((secs(30), Covered::AllPresent)));
        assert!(!watermark.covers(secs(37)));
    }

    #[test]
    fn too_many_series_are_not_followed_until_they_are_gone() {
        let mut watermark = Watermark::default();
        for series in 0..=SERIES_WATCHED_MAX as u64 {
            watermark.arrived(secs(0), series, secs(0));
        }
        assert!(!watermark.is_followed());
        watermark.judged(secs(0));
        watermark.forget_before(secs(1));
        assert!(watermark.is_followed());
    }
}
