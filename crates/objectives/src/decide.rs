use facts::configuration::Objective;
use facts::objectives::{ObjectivesFact, RejudgeReason, Run, Tally, Verdict};
use kernel::{Actor, IncidentId, ObjectiveId, OutageId, ServiceId, Span, Timestamp};

use crate::budget::{Turn, spent_facts};
use crate::era::Judged;
use crate::limits::{CAUSE_BYTES_MAX, NOTE_BYTES_MAX, REASON_BYTES_MAX, SLICES_PER_COMMAND_MAX};
use crate::rejudge::{Change, Rejudging};
use crate::{Command, Refusal, State, judge};

/// What a command leads to. A repeat of what is done leads to nothing.
pub fn decide(
    state: &State,
    now: Timestamp,
    actor: &Actor,
    command: Command,
) -> Result<Vec<ObjectivesFact>, Refusal> {
    match command {
        Command::JudgeSlices { service, objective, from, tallies } => {
            let of = configured(state, &service, &objective)?;
            check_slices(of, now, from, tallies.len())?;
            Ok(judge_slices(state, &service, of, from, &tallies))
        }
        Command::RejudgeSlices { service, objective, from, tallies } => {
            let of = configured(state, &service, &objective)?;
            check_slices(of, now, from, tallies.len())?;
            Ok(rejudge_slices(state, &service, of, from, &tallies).0)
        }
        Command::FinaliseSlices { service, objective, from, tallies } => {
            let of = configured(state, &service, &objective)?;
            check_slices(of, now, from, tallies.len())?;
            let (mut facts, through) = rejudge_slices(state, &service, of, from, &tallies);
            facts.extend(through.map(|through| ObjectivesFact::SlicesFinal { service, objective, through }));
            Ok(facts)
        }
        Command::CorrectSlice { service, objective, start, verdict, reason } => {
            correct_slice(state, actor, &service, objective, start, verdict, reason)
        }
        Command::AttributeOutage { outage, cause, note, incident } => {
            attribute_outage(state, outage, &cause, note, incident)
        }
    }
}

fn configured<'s>(
    state: &'s State,
    service: &ServiceId,
    objective: &ObjectiveId,
) -> Result<&'s Objective, Refusal> {
    if !state.configured.contains_key(service) {
        return Err(Refusal::ServiceHasNoObjectives(service.clone()));
    }
    let missing = || Refusal::NoSuchObjective(service.clone(), objective.clone());
    state.objective(service, objective).ok_or_else(missing)
}

fn check_slices(of: &Objective, now: Timestamp, from: Timestamp, slices: usize) -> Result<(), Refusal> {
    let slice = length(of);
    if slices > SLICES_PER_COMMAND_MAX {
        return Err(Refusal::TooManySlices(slices));
    }
    if from.floor(slice) != from {
        return Err(Refusal::SliceNotAligned(from, slice));
    }
    let end = from + slice.times(i64::try_from(slices).expect("it is within the limit"));
    if end > now { Err(Refusal::SliceNotOver(end)) } else { Ok(()) }
}

fn length(of: &Objective) -> Span {
    of.sli.slice.max(Span::from_millis(1))
}

/// The starts of consecutive slices, each with what was measured in it.
fn each<'t>(
    from: Timestamp,
    slice: Span,
    tallies: &'t [Option<Tally>],
) -> impl Iterator<Item = (Timestamp, Option<Tally>)> + 't {
    (0..).zip(tallies).map(move |(i, tally)| (from + slice.times(i), *tally))
}

fn judge_slices(
    state: &State,
    service: &ServiceId,
    of: &Objective,
    from: Timestamp,
    tallies: &[Option<Tally>],
) -> Vec<ObjectivesFact> {
    let (slice, objective) = (length(of), &of.name);
    let track = state.track(service, objective);
    let through = track.and_then(|track| track.judged_through());
    let mut slices = each(from, slice, tallies)
        .filter(|(start, _)| through.is_none_or(|through| *start >= through))
        .peekable();
    let Some(&(first, _)) = slices.peek() else { return Vec::new() };

    let mut facts = Vec::new();
    if let Some(gap) = gap(state, service, objective, first) {
        facts.push(gap);
    }
    let judged_at = facts.len();
    let mut runs: Vec<Run> = Vec::new();
    let mut turns = Vec::new();
    let mut streak = Streak { state, service, objective, next: state.last_outage + 1, open: None };
    streak.resume(first, &mut facts);
    let mut end = first;
    for (start, tally) in slices {
        let verdict = judge(tally, &of.sli);
        match runs.last_mut() {
            Some(run) if run.verdict == verdict => run.slices += 1,
            _ => runs.push(Run { verdict, slices: 1 }),
        }
        end = start + slice;
        if verdict == Verdict::Down {
            streak.down(start, slice, tally.unwrap_or_default(), &mut facts);
            turns.push(Turn { start, end, down: 1 });
        } else {
            streak.end(&mut facts);
        }
    }
    let judged = ObjectivesFact::SlicesJudged {
        service: service.clone(),
        objective: objective.clone(),
        slice,
        from: first,
        runs,
    };
    facts.insert(judged_at, judged);
    facts.extend(spent_facts(service, of, track, &turns, end));
    facts
}

/// Slices that nobody submitted between the last judged one and `until` are unknown. They have the length of those
/// before them; what is left over, where that length changes, stays unjudged.
fn gap(
    state: &State,
    service: &ServiceId,
    objective: &ObjectiveId,
    until: Timestamp,
) -> Option<ObjectivesFact> {
    let track = state.track(service, objective)?;
    let (from, slice) = (track.judged_through()?, track.last_slice_length()?);
    let slices = (until - from).as_millis() / slice.as_millis().max(1);
    let slices = u32::try_from(slices).unwrap_or(u32::MAX);
    (slices > 0).then(|| ObjectivesFact::SlicesJudged {
        service: service.clone(),
        objective: objective.clone(),
        slice,
        from,
        runs: vec![Run { verdict: Verdict::Unknown, slices }],
    })
}

/// The outage at the end of what is judged.
struct Streak<'s> {
    state: &'s State,
    service: &'s ServiceId,
    objective: &'s ObjectiveId,
    /// The next outage's number.
    next: u64,
    /// The outage that goes on, the end of its last slice, and how many it counts.
    open: Option<(OutageId, Timestamp, u32)>,
}

impl Streak<'_> {
    /// Takes up the outage that was open, or ends it where time was left out after it.
    fn resume(&mut self, first: Timestamp, facts: &mut Vec<ObjectivesFact>) {
        self.open = self.state.track(self.service, self.objective).and_then(|track| {
            let last = track.last()?;
            let id = track.down.get(&last.start)?.outage;
            let slices = self.state.outages.get(&id)?.slices;
            Some((id, last.end, slices))
        });
        if self.open.is_some_and(|(_, end, _)| end < first) {
            self.end(facts);
        }
    }

    fn down(&mut self, start: Timestamp, slice: Span, tally: Tally, facts: &mut Vec<ObjectivesFact>) {
        let (outage, slices) = if let Some((outage, _, slices)) = self.open {
            (outage, slices)
        } else {
            let outage = OutageId(self.next);
            self.next += 1;
            facts.push(ObjectivesFact::OutageOpened {
                outage,
                service: self.service.clone(),
                objective: self.objective.clone(),
                start,
            });
            (outage, 0)
        };
        facts.push(ObjectivesFact::SliceDown {
            service: self.service.clone(),
            objective: self.objective.clone(),
            start,
            tally,
            outage,
        });
        self.open = Some((outage, start + slice, slices.saturating_add(1)));
    }

    fn end(&mut self, facts: &mut Vec<ObjectivesFact>) {
        if let Some((outage, end, slices)) = self.open.take() {
            facts.push(ObjectivesFact::OutageEnded { outage, end, slices });
        }
    }
}

/// What late events change, and until when the slices were looked at; those that are final stay as they are.
fn rejudge_slices(
    state: &State,
    service: &ServiceId,
    of: &Objective,
    from: Timestamp,
    tallies: &[Option<Tally>],
) -> (Vec<ObjectivesFact>, Option<Timestamp>) {
    let (slice, objective) = (length(of), &of.name);
    let Some(track) = state.track(service, objective) else { return (Vec::new(), None) };
    let Some(judged_through) = track.judged_through() else { return (Vec::new(), None) };
    let known = each(from, slice, tallies).take_while(|(start, _)| *start + slice <= judged_through);
    let (mut changes, mut through) = (Vec::new(), None);
    for (start, tally) in known {
        if track.final_through.is_some_and(|through| start < through) {
            continue;
        }
        through = Some(start + slice);
        let judged = track.starting(start).filter(|judged| judged.slice == slice);
        let Some(judged) = judged.filter(|_| !track.is_corrected_by_hand(start)) else { continue };
        let is = judge(tally, &of.sli);
        // Late events only add: what was measured does not become unmeasured because its source forgot it.
        if is == Verdict::Unknown {
            continue;
        }
        let other_tally = is == Verdict::Down && track.tally_of(start) != tally;
        if is != judged.verdict || other_tally {
            changes.push(Change { judged, is, tally });
        }
    }
    (rejudge(state, service, of.name.clone(), &changes, &RejudgeReason::LateEvents), through)
}

fn rejudge(
    state: &State,
    service: &ServiceId,
    objective: ObjectiveId,
    changes: &[Change],
    reason: &RejudgeReason,
) -> Vec<ObjectivesFact> {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return Vec::new() };
    let sketch = state.sketch(service, &objective, first.judged.start, last.judged.end);
    let through = state.judged_through(service, &objective).unwrap_or(last.judged.end);
    let mut rejudging = Rejudging::new(sketch, through, service.clone(), objective);
    for change in changes {
        rejudging.change(*change, reason);
    }
    let (objective, mut facts) = rejudging.finish();
    let turns: Vec<Turn> = changes.iter().filter_map(turn).collect();
    let track = state.track(service, &objective);
    if let Some(of) = state.objective(service, &objective) {
        facts.extend(spent_facts(service, of, track, &turns, through));
    }
    facts
}

fn turn(change: &Change) -> Option<Turn> {
    let Judged { start, end, verdict, .. } = change.judged;
    let down = i64::from(change.is == Verdict::Down) - i64::from(verdict == Verdict::Down);
    (down != 0).then_some(Turn { start, end, down })
}

fn correct_slice(
    state: &State,
    actor: &Actor,
    service: &ServiceId,
    objective: Option<ObjectiveId>,
    start: Timestamp,
    verdict: Verdict,
    reason: String,
) -> Result<Vec<ObjectivesFact>, Refusal> {
    match actor {
        Actor::Person(_) | Actor::Token(_) => {}
        Actor::Swan | Actor::Configuration => return Err(Refusal::CorrectedBySwan(start, verdict)),
    }
    if reason.trim().is_empty() {
        return Err(Refusal::ReasonMissing);
    }
    if reason.len() > REASON_BYTES_MAX {
        return Err(Refusal::ReasonTooLong);
    }
    let objective = objective.or_else(|| state.ledger_objective(service, start).cloned());
    let Some(objective) = objective else { return Err(Refusal::ServiceHasNoObjectives(service.clone())) };
    let missing = || Refusal::NoSuchObjective(service.clone(), objective.clone());
    let track = match state.track(service, &objective) {
        Some(track) => track,
        None if state.objective(service, &objective).is_some() => {
            return Err(Refusal::SliceNotJudged(start, None));
        }
        None => return Err(missing()),
    };
    let Some(judged) = track.starting(start) else {
        let around = track.covering(start).map(|judged| judged.start);
        return Err(Refusal::SliceNotJudged(start, around));
    };
    if judged.verdict == verdict {
        return Ok(Vec::new());
    }
    let change = Change { judged, is: verdict, tally: track.tally_of(start) };
    Ok(rejudge(state, service, objective, &[change], &RejudgeReason::CorrectedByHand { reason }))
}

fn attribute_outage(
    state: &State,
    outage: OutageId,
    cause: &str,
    note: String,
    incident: Option<IncidentId>,
) -> Result<Vec<ObjectivesFact>, Refusal> {
    let cause = cause.trim();
    if cause.is_empty() {
        return Err(Refusal::CauseMissing);
    }
    if cause.len() > CAUSE_BYTES_MAX {
        return Err(Refusal::CauseTooLong);
    }
    if note.len() > NOTE_BYTES_MAX {
        return Err(Refusal::NoteTooLong);
    }
    let found = state.outages.get(&outage).ok_or(Refusal::NoSuchOutage(outage))?;
    if found.slices == 0 {
        return Err(Refusal::OutageIsGone(outage, found.merged_into));
    }
    let same = found.attribution.as_ref().is_some_and(|attribution| {
        (attribution.cause.as_str(), &attribution.note, attribution.incident) == (cause, &note, incident)
    });
    if same {
        return Ok(Vec::new());
    }
    Ok(vec![ObjectivesFact::OutageAttributed { outage, cause: cause.to_owned(), note, incident }])
}
