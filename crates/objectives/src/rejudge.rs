use facts::objectives::{ObjectivesFact, RejudgeReason, Tally, Verdict};
use kernel::{Actor, ObjectiveId, OutageId, ServiceId, Timestamp};

use crate::apply::fold;
use crate::era::Judged;
use crate::state::State;

/// What a judged slice turns out to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// The slice as it was judged.
    pub(crate) judged: Judged,
    pub(crate) is: Verdict,
    pub(crate) tally: Option<Tally>,
}

/// Judges slices again, one after the other, on a sketch of the state: each sees what the ones before led to.
pub(crate) struct Rejudging {
    sketch: State,
    /// Where judged time ends; an outage that reaches it is open.
    judged_through: Timestamp,
    service: ServiceId,
    objective: ObjectiveId,
    facts: Vec<ObjectivesFact>,
}

impl Rejudging {
    pub(crate) fn new(
        sketch: State,
        judged_through: Timestamp,
        service: ServiceId,
        objective: ObjectiveId,
    ) -> Self {
        Self { sketch, judged_through, service, objective, facts: Vec::new() }
    }

    pub(crate) fn finish(self) -> (ObjectiveId, Vec<ObjectivesFact>) {
        (self.objective, self.facts)
    }

    pub(crate) fn change(&mut self, Change { judged, is, tally }: Change, reason: &RejudgeReason) {
        let left = self.outage_of(judged.start);
        self.record(ObjectivesFact::SliceRejudged {
            service: self.service.clone(),
            objective: self.objective.clone(),
            start: judged.start,
            was: judged.verdict,
            is,
            tally,
            reason: reason.clone(),
        });
        match (judged.verdict == Verdict::Down, is == Verdict::Down) {
            (false, true) => self.join(judged, tally.unwrap_or_default()),
            (true, false) => self.leave(judged, left),
            (true, true) | (false, false) => {}
        }
    }

    /// The slice becomes a part of the outage beside it, of a new one, or makes one out of two.
    fn join(&mut self, judged: Judged, tally: Tally) {
        let (before, after) = self.beside(judged);
        let outage = before.or(after).unwrap_or(OutageId(self.sketch.last_outage + 1));
        if before.is_none() && after.is_none() {
            self.record(ObjectivesFact::OutageOpened {
                outage,
                service: self.service.clone(),
                objective: self.objective.clone(),
                start: judged.start,
            });
        }
        self.record(ObjectivesFact::SliceDown {
            service: self.service.clone(),
            objective: self.objective.clone(),
            start: judged.start,
            tally,
            outage,
        });
        if let (Some(earlier), Some(later)) = (before, after)
            && earlier != later
        {
            self.record(ObjectivesFact::OutageMerged { outage: later, into: earlier });
        }
        self.restate(outage);
    }

    /// The slice no longer belongs to its outage.
    fn leave(&mut self, judged: Judged, left: Option<OutageId>) {
        let Some(left) = left else { return };
        if let (Some(_), Some(_)) = self.beside(judged) {
            let rest = OutageId(self.sketch.last_outage + 1);
            self.record(ObjectivesFact::OutageSplit { outage: left, rest, start: judged.end });
            self.restate(left);
            self.restate(rest);
        } else {
            self.restate(left);
        }
    }

    /// The outages of the slices right before and right after.
    fn beside(&self, judged: Judged) -> (Option<OutageId>, Option<OutageId>) {
        let track = self.sketch.track(&self.service, &self.objective);
        let before = track.and_then(|track| track.before(judged.start));
        let after = track.and_then(|track| track.starting(judged.end));
        let outage = |beside: Option<Judged>| beside.and_then(|judged| self.outage_of(judged.start));
        (outage(before), outage(after))
    }

    fn outage_of(&self, start: Timestamp) -> Option<OutageId> {
        let track = self.sketch.track(&self.service, &self.objective)?;
        track.down.get(&start).map(|slice| slice.outage)
    }

    /// Records the figures of an outage that is over. An open one has none yet.
    fn restate(&mut self, outage: OutageId) {
        let Some(found) = self.sketch.outages.get(&outage) else { return };
        if found.slices == 0 || found.end != self.judged_through {
            let (end, slices) = (found.end, found.slices);
            self.record(ObjectivesFact::OutageEnded { outage, end, slices });
        }
    }

    fn record(&mut self, fact: ObjectivesFact) {
        // Neither the actor nor the time of an entry decides what follows from it.
        fold(&mut self.sketch, &fact, &Actor::Swan, Timestamp::default());
        self.facts.push(fact);
    }
}
