use std::collections::BTreeMap;

use facts::objectives::{RejudgeReason, Run, Tally, Verdict};
use kernel::{Actor, OutageId, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::era::{Era, Judged};
use crate::limits::{
    DOWN_SLICES_KEPT_MAX, REJUDGED_SLICES_KEPT_MAX, REJUDGEMENTS_OF_SLICE_MAX, STRETCHES_KEPT_MAX,
};

/// All that is known of one objective's judged time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Track {
    /// In order; another one begins where the length of a slice changes or time was left out.
    eras: Vec<Era>,
    /// Slices that start before this are final.
    pub(crate) final_through: Option<Timestamp>,
    /// The slices that are down, by their start.
    pub(crate) down: BTreeMap<Timestamp, DownSlice>,
    /// What was judged more than once, by the slice's start, in order.
    pub(crate) rejudged: BTreeMap<Timestamp, Vec<Rejudgement>>,
    /// The highest threshold of the budget that was told of, by the start of the window.
    pub(crate) told: BTreeMap<Timestamp, u32>,
}

/// A slice that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownSlice {
    /// What was measured; `None` where a person's word is all there is.
    pub tally: Option<Tally>,
    /// The outage that it belongs to.
    pub outage: OutageId,
}

/// A slice was judged again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejudgement {
    /// When it was judged again.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// The verdict before.
    pub was: Verdict,
    /// The verdict that held from then on.
    pub is: Verdict,
    /// What was measured, where it was.
    pub tally: Option<Tally>,
    /// Why.
    pub reason: RejudgeReason,
}

impl Track {
    /// Adds judged slices at the end; those that were judged before are left out.
    pub(crate) fn append(&mut self, slice: Span, from: Timestamp, runs: &[Run]) {
        let slice = slice.max(Span::from_millis(1));
        let known = self.judged_through().map_or(0, |through| (through - from).as_millis().max(0));
        let mut skipped = known / slice.as_millis() + i64::from(known % slice.as_millis() != 0);
        let mut start = from + slice.times(skipped);
        for run in runs {
            let left_out = skipped.min(i64::from(run.slices));
            skipped -= left_out;
            let slices = run.slices - u32::try_from(left_out).expect("it is at most the run's length");
            if slices > 0 {
                self.append_run(slice, start, Run { verdict: run.verdict, slices });
                start += slice.times(i64::from(slices));
            }
        }
        self.forget_oldest();
    }

    fn append_run(&mut self, slice: Span, start: Timestamp, run: Run) {
        let follows = self.eras.last().is_some_and(|era| era.slice() == slice && era.end() == start);
        if !follows {
            self.eras.push(Era::new(start, slice));
        }
        let era = self.eras.last_mut().expect("there is one, or it was just added");
        let rest = era.push(run);
        if rest > 0 {
            let mut next = Era::new(era.end(), slice);
            next.push(Run { verdict: run.verdict, slices: rest });
            self.eras.push(next);
        }
    }

    /// The start of the first judged slice.
    pub(crate) fn first_judged(&self) -> Option<Timestamp> {
        self.eras.first().map(Era::from)
    }

    /// The end of the last judged slice.
    pub(crate) fn judged_through(&self) -> Option<Timestamp> {
        self.eras.last().map(Era::end)
    }

    /// The judged slice that covers an instant.
    pub(crate) fn covering(&self, instant: Timestamp) -> Option<Judged> {
        self.era_before(instant).and_then(|i| self.eras[i].covering(instant))
    }

    /// The judged slice that starts then.
    pub(crate) fn starting(&self, start: Timestamp) -> Option<Judged> {
        self.covering(start).filter(|judged| judged.start == start)
    }

    /// The slice that ends where this one starts.
    pub(crate) fn before(&self, start: Timestamp) -> Option<Judged> {
        self.covering(start - Span::from_millis(1))
    }

    /// The slice that was judged last.
    pub(crate) fn last(&self) -> Option<Judged> {
        self.judged_through().and_then(|through| self.before(through))
    }

    /// Length of the slices that were judged last.
    pub(crate) fn last_slice_length(&self) -> Option<Span> {
        self.eras.last().map(Era::slice)
    }

    /// Changes the verdict of a slice.
    pub(crate) fn set(&mut self, start: Timestamp, verdict: Verdict) {
        if let Some(i) = self.era_before(start) {
            self.eras[i].set(start, verdict);
        }
    }

    /// What was judged between two instants, in order, cut at both.
    pub(crate) fn between(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Judged> + '_ {
        let first = self.era_before(from).unwrap_or(0);
        let eras = self.eras[first.min(self.eras.len())..].iter();
        eras.take_while(move |era| era.from() < until).flat_map(move |era| era.between(from, until))
    }

    /// Down time between two instants.
    pub(crate) fn down_between(&self, from: Timestamp, until: Timestamp) -> Span {
        let down = self.between(from, until).filter(|judged| judged.verdict == Verdict::Down);
        down.fold(Span::ZERO, |sum, judged| sum + (judged.end - judged.start))
    }

    /// Whether a person's word on this slice is the last one.
    pub(crate) fn is_corrected_by_hand(&self, start: Timestamp) -> bool {
        let last = self.rejudged.get(&start).and_then(|list| list.last());
        last.is_some_and(|last| matches!(last.reason, RejudgeReason::CorrectedByHand { .. }))
    }

    /// What was measured in a slice, where it is remembered.
    pub(crate) fn tally_of(&self, start: Timestamp) -> Option<Tally> {
        let of_down = self.down.get(&start).and_then(|slice| slice.tally);
        of_down.or_else(|| self.rejudged.get(&start)?.iter().rev().find_map(|rejudged| rejudged.tally))
    }

    pub(crate) fn remember(&mut self, start: Timestamp, rejudgement: Rejudgement) {
        let list = self.rejudged.entry(start).or_default();
        list.push(rejudgement);
        if list.len() > REJUDGEMENTS_OF_SLICE_MAX {
            list.remove(0);
        }
        while self.rejudged.len() > REJUDGED_SLICES_KEPT_MAX {
            self.rejudged.pop_first();
        }
    }

    fn era_before(&self, instant: Timestamp) -> Option<usize> {
        self.eras.partition_point(|era| era.from() <= instant).checked_sub(1)
    }

    fn forget_oldest(&mut self) {
        let stretches: usize = self.eras.iter().map(Era::stretches).sum();
        if stretches > STRETCHES_KEPT_MAX {
            let mut excess = stretches - STRETCHES_KEPT_MAX + STRETCHES_KEPT_MAX / 8;
            while self.eras.len() > 1 && self.eras[0].stretches() <= excess {
                excess -= self.eras.remove(0).stretches();
            }
            self.eras[0].forget(excess);
        }
        while self.down.len() > DOWN_SLICES_KEPT_MAX {
            self.down.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(minute * 60)
    }

    fn run(verdict: Verdict, slices: u32) -> Run {
        Run { verdict, slices }
    }

    #[test]
    fn slices_that_were_judged_before_stay_as_they_are() {
        let mut track = Track::default();
        track.append(Span::from_mins(1), at(0), &[run(Verdict::Up, 4)]);
        track.append(Span::from_mins(1), at(2), &[run(Verdict::Down, 1), run(Verdict::Down, 3)]);
        let verdicts: Vec<_> = (0..6).map(|minute| track.starting(at(minute)).unwrap().verdict).collect();
        assert_eq!(verdicts[..4], [Verdict::Up; 4]);
        assert_eq!(verdicts[4..], [Verdict::Down; 2]);
        assert_eq!(track.judged_through(), Some(at(6)));
    }

    #[test]
    fn slices_may_change_their_length_and_time_may_be_left_out() {
        let mut track = Track::default();
        track.append(Span::from_mins(1), at(0), &[run(Verdict::Up, 3)]);
        track.append(Span::from_mins(5), at(0), &[run(Verdict::Down, 3)]);
        track.append(Span::from_mins(1), at(20), &[run(Verdict::Up, 1)]);
        let seen: Vec<_> = track
            .between(at(1), at(30))
            .map(|judged| (judged.start, judged.end, judged.verdict, judged.slices))
            .collect();
        assert_eq!(
            seen,
            [
                (at(1), at(3), Verdict::Up, 2),
                (at(5), at(15), Verdict::Down, 2),
                (at(20), at(21), Verdict::Up, 1)
            ]
        );
        assert_eq!(track.covering(at(4)), None);
        assert_eq!(track.before(at(5)), None);
    }

    #[test]
    fn years_that_change_every_minute_keep_to_their_limit() {
        let mut track = Track::default();
        let pattern: Vec<Run> =
            (0..100_000).map(|i| run(if i % 2 == 0 { Verdict::Up } else { Verdict::Unknown }, 1)).collect();
        for i in 0..25 {
            track.append(Span::from_mins(1), at(i * 100_000), &pattern);
        }
        let stretches: usize = track.eras.iter().map(Era::stretches).sum();
        assert!((STRETCHES_KEPT_MAX * 3 / 4..=STRETCHES_KEPT_MAX).contains(&stretches), "{stretches}");
        assert_eq!(track.judged_through(), Some(at(2_500_000)));
        assert_eq!(track.starting(at(2_499_998)).unwrap().verdict, Verdict::Up);
        assert_eq!(track.starting(at(0)), None);
    }
}
