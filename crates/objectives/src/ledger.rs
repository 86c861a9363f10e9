use std::collections::{BTreeMap, BTreeSet};

use facts::objectives::{RejudgeReason, Tally, Verdict};
use kernel::{ObjectiveId, OutageId, ServiceId, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::State;
use crate::state::Outage;
use crate::track::Rejudgement;

/// One slice of the ledger: it is down, or a person says what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its start.
    pub start: Timestamp,
    /// Its length.
    pub slice: Span,
    /// The objective that judged it.
    pub objective: ObjectiveId,
    /// What it is.
    pub verdict: Verdict,
    /// What was measured; `None` where nothing was, or it is not remembered.
    pub tally: Option<Tally>,
    /// The outage that it belongs to, where it is down.
    pub outage: Option<OutageId>,
    /// What that outage is attributed to.
    pub cause: Option<String>,
    /// Whether late events no longer count.
    pub is_final: bool,
    /// When it was judged again, by whom and why; the last one holds.
    pub rejudged: Vec<Rejudgement>,
}

/// An outage as the ledger shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutageRow {
    /// Its id.
    pub id: OutageId,
    /// What is known of it.
    #[serde(flatten)]
    pub outage: Outage,
    /// Whether the next down slice would belong to it.
    pub is_open: bool,
}

/// Down time of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseShare {
    /// The cause; `None` is what nobody attributed yet.
    pub cause: Option<String>,
    /// Down time in the period.
    pub down: Span,
    /// Down slices in the period.
    pub slices: u64,
    /// Outages that they belong to.
    pub outages: u64,
}

/// Down time that nobody attributed yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unattributed {
    /// Down time in the period.
    pub down: Span,
    /// Down slices in the period.
    pub slices: u64,
    /// The outages without a cause, by their ids.
    pub outages: Vec<OutageId>,
}

/// The rows of a service's ledger whose slices start in a period, in order: every down slice, and every slice that
/// a person corrected, whatever it is.
pub fn ledger(state: &State, service: &ServiceId, from: Timestamp, until: Timestamp) -> Vec<Row> {
    let mut rows = Vec::new();
    for (objective, begin, end) in state.ledger_parts(service, from, until) {
        let Some(track) = state.track(service, objective) else { continue };
        let corrected = track.rejudged.range(begin..end).filter(|(_, list)| {
            list.iter().any(|rejudged| matches!(rejudged.reason, RejudgeReason::CorrectedByHand { .. }))
        });
        let down = track.down.range(begin..end).map(|(start, _)| *start);
        let starts: BTreeSet<Timestamp> = down.chain(corrected.map(|(start, _)| *start)).collect();
        for start in starts {
            let Some(judged) = track.starting(start) else { continue };
            let outage = track.down.get(&start).map(|slice| slice.outage);
            let attribution =
                outage.and_then(|id| state.outages.get(&id)).and_then(|outage| outage.attribution.as_ref());
            rows.push(Row {
                start,
                slice: judged.slice,
                objective: objective.clone(),
                verdict: judged.verdict,
                tally: track.tally_of(start),
                outage,
                cause: attribution.map(|attribution| attribution.cause.clone()),
                is_final: track.final_through.is_some_and(|through| start < through),
                rejudged: track.rejudged.get(&start).cloned().unwrap_or_default(),
            });
        }
    }
    rows
}

/// The outages of a service's ledger that a period touches, by their start.
pub fn outages(state: &State, service: &ServiceId, from: Timestamp, until: Timestamp) -> Vec<OutageRow> {
    let parts = state.ledger_parts(service, from, until);
    let touches = |outage: &Outage| {
        outage.slices > 0
            && outage.service == *service
            && parts.iter().any(|(objective, begin, end)| {
                **objective == outage.objective && outage.start < *end && outage.end > *begin
            })
    };
    let found = state.outages.iter().filter(|(_, outage)| touches(outage));
    let mut rows: Vec<OutageRow> = found.map(|(id, outage)| row(state, *id, outage)).collect();
    rows.sort_by_key(|row| (row.outage.start, row.id));
    rows
}

/// One outage, of whichever service and objective, withdrawn and merged ones too.
pub fn outage(state: &State, id: OutageId) -> Option<OutageRow> {
    state.outages.get(&id).map(|outage| row(state, id, outage))
}

fn row(state: &State, id: OutageId, outage: &Outage) -> OutageRow {
    OutageRow { id, outage: outage.clone(), is_open: state.is_open(outage) }
}

/// Down time in a period by cause, the largest share first: a Pareto chart. Times are cut at the period's ends.
pub fn causes(state: &State, service: &ServiceId, from: Timestamp, until: Timestamp) -> Vec<CauseShare> {
    let mut shares: BTreeMap<Option<&str>, (Span, u64, BTreeSet<OutageId>)> = BTreeMap::new();
    for (id, cause, time) in down_slices(state, service, from, until) {
        let share = shares.entry(cause).or_default();
        (share.0, share.1) = (share.0 + time, share.1 + 1);
        share.2.insert(id);
    }
    let mut shares: Vec<CauseShare> = shares
        .into_iter()
        .map(|(cause, (down, slices, outages))| CauseShare {
            cause: cause.map(str::to_owned),
            down,
            slices,
            outages: outages.len() as u64,
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.down));
    shares
}

/// The debt of a period: what nobody attributed yet.
pub fn unattributed(state: &State, service: &ServiceId, from: Timestamp, until: Timestamp) -> Unattributed {
    let (mut debt, mut outages) = (Unattributed::default(), BTreeSet::new());
    for (id, _, time) in down_slices(state, service, from, until).filter(|(_, cause, _)| cause.is_none()) {
        (debt.down, debt.slices) = (debt.down + time, debt.slices + 1);
        outages.insert(id);
    }
    debt.outages = outages.into_iter().collect();
    debt
}

/// Every down slice that a period touches: its outage, the cause, and its time inside.
fn down_slices<'s>(
    state: &'s State,
    service: &'s ServiceId,
    from: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = (OutageId, Option<&'s str>, Span)> + 's {
    state.ledger_parts(service, from, until).into_iter().flat_map(move |(objective, begin, end)| {
        state.track(service, objective).into_iter().flat_map(move |track| {
            let first = track.covering(begin).map_or(begin, |judged| judged.start);
            track.down.range(first..end).filter_map(move |(start, slice)| {
                let judged = track.covering(*start)?;
                let attribution =
                    state.outages.get(&slice.outage).and_then(|outage| outage.attribution.as_ref());
                let time = judged.end.min(end) - judged.start.max(begin);
                Some((slice.outage, attribution.map(|attribution| attribution.cause.as_str()), time))
            })
        })
    })
}
