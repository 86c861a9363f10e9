use std::collections::BTreeMap;

use facts::objectives::{ObjectivesFact, Tally, Verdict};
use facts::{ConfigurationApplied, Entry, Fact};
use kernel::{Actor, ObjectiveId, OutageId, ServiceId, Span, Timestamp};

use crate::limits::{BUDGET_WINDOWS_TOLD_MAX, OUTAGES_KEPT_MAX};
use crate::state::{Attribution, Outage, State};
use crate::track::Track;
use crate::track::{DownSlice, Rejudgement};

/// Folds one entry into the state. Facts that are not about judged time change nothing.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => configure(state, applied, entry.at),
        Fact::Objectives(fact) => fold(state, fact, &entry.actor, entry.at),
        _ => {}
    }
}

fn configure(state: &mut State, applied: &ConfigurationApplied, at: Timestamp) {
    state.configured = BTreeMap::new();
    for (id, service) in &applied.configuration.services {
        if let Some(first) = service.objectives.first() {
            state.begin_ledger(id, &first.name, at);
            state.configured.insert(id.clone(), service.objectives.clone());
        }
    }
}

pub(crate) fn fold(state: &mut State, fact: &ObjectivesFact, actor: &Actor, at: Timestamp) {
    match fact {
        ObjectivesFact::SlicesJudged { service, objective, slice, from, runs } => {
            track_mut(state, service, objective).append(*slice, *from, runs);
        }
        ObjectivesFact::OutageOpened { outage, service, objective, start } => {
            open(state, *outage, service, objective, *start);
        }
        ObjectivesFact::SliceDown { service, objective, start, tally, outage } => {
            slice_down(state, service, objective, *start, *tally, *outage);
        }
        ObjectivesFact::SliceRejudged { service, objective, start, was, is, tally, reason } => {
            let rejudgement = Rejudgement {
                at,
                by: actor.clone(),
                was: *was,
                is: *is,
                tally: *tally,
                reason: reason.clone(),
            };
            track_mut(state, service, objective).remember(*start, rejudgement);
            slice_rejudged(state, service, objective, *start, *is, *tally);
        }
        ObjectivesFact::SlicesFinal { service, objective, through } => {
            let track = track_mut(state, service, objective);
            track.final_through = track.final_through.max(Some(*through));
        }
        ObjectivesFact::OutageEnded { outage, end, slices } => {
            saw(state, *outage);
            if let Some(found) = state.outages.get_mut(outage) {
                (found.end, found.slices) = (*end, *slices);
            }
        }
        ObjectivesFact::OutageMerged { outage, into } => merge(state, *outage, *into),
        ObjectivesFact::OutageSplit { outage, rest, start } => split(state, *outage, *rest, *start),
        ObjectivesFact::OutageAttributed { outage, cause, note, incident } => {
            saw(state, *outage);
            if let Some(found) = state.outages.get_mut(outage) {
                found.attribution = Some(Attribution {
                    cause: cause.clone(),
                    note: note.clone(),
                    incident: *incident,
                    by: actor.clone(),
                    at,
                });
            }
        }
        ObjectivesFact::BudgetSpent { service, objective, window_start, percent, .. } => {
            let told = &mut track_mut(state, service, objective).told;
            let highest = told.entry(*window_start).or_default();
            *highest = (*highest).max(*percent);
            while told.len() > BUDGET_WINDOWS_TOLD_MAX {
                told.pop_first();
            }
        }
    }
}

fn track_mut<'s>(state: &'s mut State, service: &ServiceId, objective: &ObjectiveId) -> &'s mut Track {
    state.tracks.entry(service.clone()).or_default().entry(objective.clone()).or_default()
}

fn saw(state: &mut State, outage: OutageId) {
    state.last_outage = state.last_outage.max(outage.0);
}

fn open(state: &mut State, id: OutageId, service: &ServiceId, objective: &ObjectiveId, start: Timestamp) {
    saw(state, id);
    state.outages.entry(id).or_insert_with(|| Outage {
        service: service.clone(),
        objective: objective.clone(),
        start,
        end: start,
        slices: 0,
        merged_into: None,
        attribution: None,
    });
    while state.outages.len() > OUTAGES_KEPT_MAX {
        state.outages.pop_first();
    }
}

fn slice_down(
    state: &mut State,
    service: &ServiceId,
    objective: &ObjectiveId,
    start: Timestamp,
    tally: Tally,
    outage: OutageId,
) {
    saw(state, outage);
    let track = track_mut(state, service, objective);
    let tally = (tally != Tally::default()).then_some(tally);
    let before = track.down.insert(start, DownSlice { tally, outage });
    let end = track.covering(start).map_or(start, |judged| judged.end);
    if before.is_some_and(|before| before.outage == outage) {
        return;
    }
    if let Some(before) = before {
        shrink(state, before.outage, start);
    }
    if let Some(found) = state.outages.get_mut(&outage) {
        found.start = if found.slices == 0 { start } else { found.start.min(start) };
        found.end = found.end.max(end);
        found.slices = found.slices.saturating_add(1);
    }
}

fn slice_rejudged(
    state: &mut State,
    service: &ServiceId,
    objective: &ObjectiveId,
    start: Timestamp,
    is: Verdict,
    tally: Option<Tally>,
) {
    let track = track_mut(state, service, objective);
    track.set(start, is);
    if is == Verdict::Down {
        if let Some(slice) = track.down.get_mut(&start) {
            slice.tally = tally.or(slice.tally);
        }
    } else if let Some(slice) = track.down.remove(&start) {
        shrink(state, slice.outage, start);
    }
}

/// A slice left an outage. A hole in its middle is closed by the `OutageSplit` that follows.
fn shrink(state: &mut State, id: OutageId, left: Timestamp) {
    let Some(outage) = state.outages.get_mut(&id) else { return };
    let track = state.tracks.get(&outage.service).and_then(|tracks| tracks.get(&outage.objective));
    let Some(track) = track else { return };
    let slice = track.covering(left).map_or(Span::ZERO, |judged| judged.slice);
    outage.slices = outage.slices.saturating_sub(1);
    if outage.slices == 0 {
        outage.end = outage.start;
    } else if outage.start == left {
        outage.start = left + slice;
    } else if outage.end == left + slice {
        outage.end = left;
    }
}

fn merge(state: &mut State, id: OutageId, into: OutageId) {
    saw(state, id);
    saw(state, into);
    if id == into || !state.outages.contains_key(&into) {
        return;
    }
    let Some(later) = state.outages.get_mut(&id) else { return };
    let (start, end, slices) = (later.start, later.end, later.slices);
    let attribution = later.attribution.clone();
    (later.end, later.slices, later.merged_into) = (start, 0, Some(into));
    let (service, objective) = (later.service.clone(), later.objective.clone());
    move_slices(track_mut(state, &service, &objective), id, into, start, end);
    if let Some(earlier) = state.outages.get_mut(&into) {
        earlier.start = if earlier.slices == 0 { start } else { earlier.start.min(start) };
        earlier.end = earlier.end.max(end);
        earlier.slices = earlier.slices.saturating_add(slices);
        earlier.attribution = earlier.attribution.take().or(attribution);
    }
}

fn split(state: &mut State, id: OutageId, rest: OutageId, start: Timestamp) {
    saw(state, id);
    saw(state, rest);
    let Some(whole) = state.outages.get(&id).cloned() else { return };
    if id == rest || start >= whole.end {
        return;
    }
    open(state, rest, &whole.service, &whole.objective, start);
    let track = track_mut(state, &whole.service, &whole.objective);
    let moved = move_slices(track, id, rest, start, whole.end);
    let before = track.down.range(..start).next_back().map(|(last, _)| *last);
    let end = before.and_then(|last| track.covering(last)).map_or(whole.start, |judged| judged.end);
    if let Some(remaining) = state.outages.get_mut(&id) {
        remaining.slices = remaining.slices.saturating_sub(moved);
        remaining.end = end.max(remaining.start);
    }
    if let Some(following) = state.outages.get_mut(&rest) {
        following.slices = following.slices.saturating_add(moved);
        following.end = following.end.max(whole.end);
        following.attribution = whole.attribution;
    }
}

/// Gives the slices of one outage in a period to another, and returns how many they were.
fn move_slices(track: &mut Track, of: OutageId, to: OutageId, from: Timestamp, until: Timestamp) -> u32 {
    let mut moved = 0_u32;
    if from < until {
        for (_, slice) in track.down.range_mut(from..until).filter(|(_, slice)| slice.outage == of) {
            slice.outage = to;
            moved = moved.saturating_add(1);
        }
    }
    moved
}
