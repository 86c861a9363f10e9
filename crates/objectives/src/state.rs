use std::collections::BTreeMap;

use facts::configuration::Objective;
use facts::objectives::Verdict;
use kernel::{Actor, IncidentId, ObjectiveId, OutageId, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::LEDGER_SPELLS_MAX;
use crate::track::Track;

/// Everything that was judged, of all services.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// What the configuration judges each service by.
    pub(crate) configured: BTreeMap<ServiceId, Vec<Objective>>,
    /// Which objective was the ledger's since when, in order.
    pub(crate) ledgers: BTreeMap<ServiceId, Vec<LedgerSpell>>,
    pub(crate) tracks: BTreeMap<ServiceId, BTreeMap<ObjectiveId, Track>>,
    pub(crate) outages: BTreeMap<OutageId, Outage>,
    /// The highest outage id so far.
    pub(crate) last_outage: u64,
}

/// From when on an objective was its service's first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LedgerSpell {
    since: Timestamp,
    objective: ObjectiveId,
}

/// A run of down slices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// The service.
    pub service: ServiceId,
    /// By which of its objectives.
    pub objective: ObjectiveId,
    /// Start of its first slice.
    pub start: Timestamp,
    /// End of its last slice so far.
    pub end: Timestamp,
    /// How many slices it counts; without any it is withdrawn or merged.
    pub slices: u32,
    /// The earlier outage that it became a part of.
    pub merged_into: Option<OutageId>,
    /// What a person attributed it to.
    pub attribution: Option<Attribution>,
}

/// What an outage is attributed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// The cause, a short name.
    pub cause: String,
    /// Anything else worth knowing.
    pub note: String,
    /// The incident that it belongs to.
    pub incident: Option<IncidentId>,
    /// Who said so.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

impl State {
    /// Until when a service's objective is judged; judging goes on from there.
    pub fn judged_through(&self, service: &ServiceId, objective: &ObjectiveId) -> Option<Timestamp> {
        self.track(service, objective)?.judged_through()
    }

    /// Until when a service's objective is final; slices from there on are judged again once late events no longer
    /// count.
    pub fn final_through(&self, service: &ServiceId, objective: &ObjectiveId) -> Option<Timestamp> {
        self.track(service, objective)?.final_through
    }

    /// When judging began for a service's objective.
    pub fn first_judged(&self, service: &ServiceId, objective: &ObjectiveId) -> Option<Timestamp> {
        self.track(service, objective)?.first_judged()
    }

    /// Whether the last judged slice was down.
    pub fn is_down(&self, service: &ServiceId, objective: &ObjectiveId) -> bool {
        let last = self.track(service, objective).and_then(Track::last);
        last.is_some_and(|judged| judged.verdict == Verdict::Down)
    }

    /// The objective that judges a service's ledger at an instant; before the first configuration, the first one.
    pub fn ledger_objective(&self, service: &ServiceId, at: Timestamp) -> Option<&ObjectiveId> {
        let spells = self.ledgers.get(service)?;
        let i = spells.partition_point(|spell| spell.since <= at).saturating_sub(1);
        spells.get(i).map(|spell| &spell.objective)
    }

    pub(crate) fn track(&self, service: &ServiceId, objective: &ObjectiveId) -> Option<&Track> {
        self.tracks.get(service)?.get(objective)
    }

    pub(crate) fn objective(&self, service: &ServiceId, objective: &ObjectiveId) -> Option<&Objective> {
        self.configured.get(service)?.iter().find(|configured| configured.name == *objective)
    }

    /// A period in parts that each have one objective as the ledger's.
    pub(crate) fn ledger_parts(
        &self,
        service: &ServiceId,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<(&ObjectiveId, Timestamp, Timestamp)> {
        let spells = self.ledgers.get(service).map_or(&[][..], Vec::as_slice);
        let parts = spells.iter().enumerate().map(|(i, spell)| {
            let begin = if i == 0 { from } else { spell.since.max(from) };
            let end = spells.get(i + 1).map_or(until, |next| next.since.min(until));
            (&spell.objective, begin, end)
        });
        parts.filter(|(_, begin, end)| begin < end).collect()
    }

    pub(crate) fn begin_ledger(&mut self, service: &ServiceId, objective: &ObjectiveId, since: Timestamp) {
        let spells = self.ledgers.entry(service.clone()).or_default();
        if spells.last().is_some_and(|last| last.objective == *objective) {
            return;
        }
        spells.push(LedgerSpell { since, objective: objective.clone() });
        if spells.len() > LEDGER_SPELLS_MAX {
            spells.remove(0);
        }
    }

    /// Whether an outage's last slice is the last that was judged, so that the next down slice would belong to it.
    pub(crate) fn is_open(&self, outage: &Outage) -> bool {
        outage.slices > 0 && self.judged_through(&outage.service, &outage.objective) == Some(outage.end)
    }

    /// The small part of the state in which these slices are judged again: they, the slices beside them, and the
    /// outages that reach in, whole.
    pub(crate) fn sketch(
        &self,
        service: &ServiceId,
        objective: &ObjectiveId,
        from: Timestamp,
        until: Timestamp,
    ) -> State {
        let mut sketch = State { last_outage: self.last_outage, ..State::default() };
        let Some(track) = self.track(service, objective) else { return sketch };
        let outage_of = |start| self.outages.get(&track.down.get(&start)?.outage);
        let neighbour = |instant| {
            let beside = track.covering(instant)?;
            let outage = outage_of(beside.start);
            let start = outage.map_or(beside.start, |outage| outage.start.min(beside.start));
            let end = outage.map_or(beside.end, |outage| outage.end.max(beside.end));
            Some((start, end))
        };
        let first = neighbour(from - kernel::Span::from_millis(1)).map_or(from, |(start, _)| start);
        let last = neighbour(until).map_or(until, |(_, end)| end);

        let mut part = Track::default();
        for judged in track.between(first, last) {
            let run = facts::objectives::Run { verdict: judged.verdict, slices: judged.slices };
            part.append(judged.slice, judged.start, &[run]);
        }
        part.down = track.down.range(first..last).map(|(start, slice)| (*start, *slice)).collect();
        for slice in part.down.values() {
            if let Some(outage) = self.outages.get(&slice.outage) {
                sketch.outages.insert(slice.outage, outage.clone());
            }
        }
        sketch.tracks.entry(service.clone()).or_default().insert(objective.clone(), part);
        sketch
    }
}
