use facts::signals::SignalsFact;
use kernel::{Actor, CheckId, HeartbeatId, Span, Timestamp};

use super::limits::DETAIL_BYTES_MAX;
use super::state::expected_by;
use super::{Command, Refusal, State, WakeReason};

/// What a command leads to. What changes nothing leads to nothing.
pub fn decide(
    state: &State,
    now: Timestamp,
    _actor: &Actor,
    command: Command,
) -> Result<Vec<SignalsFact>, Refusal> {
    match command {
        Command::JudgeProbe { check, probed_at, result, streak } => {
            judge_probe(state, check, probed_at, result, streak)
        }
        Command::JudgeHeartbeat { heartbeat, last } => judge_heartbeat(state, now, heartbeat, last),
        Command::FailHeartbeat { heartbeat, detail } => fail_heartbeat(state, now, heartbeat, detail),
        Command::Wake(WakeReason::CheckNoLongerConfigured(check)) => {
            let retired = state.retired_checks.contains_key(&check);
            Ok(retired.then_some(SignalsFact::CheckRetired { check }).into_iter().collect())
        }
        Command::Wake(WakeReason::HeartbeatNoLongerConfigured(heartbeat)) => {
            let retired = state.retired_heartbeats.contains_key(&heartbeat);
            Ok(retired.then_some(SignalsFact::HeartbeatRetired { heartbeat }).into_iter().collect())
        }
    }
}

fn judge_probe(
    state: &State,
    check: CheckId,
    probed_at: Timestamp,
    result: Result<(), String>,
    streak: u32,
) -> Result<Vec<SignalsFact>, Refusal> {
    let Some(after) = state.checks.get(&check) else { return Err(Refusal::NoSuchCheck(check)) };
    if streak < *after {
        return Ok(Vec::new());
    }
    Ok(match (state.failing.get(&check), result) {
        (None, Err(detail)) => vec![SignalsFact::CheckFailed { check, probed_at, detail: shortened(detail) }],
        // A probe that is older than the failure says nothing about its end.
        (Some(failing), Ok(())) if probed_at >= failing.since => {
            vec![SignalsFact::CheckRecovered { check, probed_at, failed_for: probed_at - failing.since }]
        }
        (Some(_), _) | (None, Ok(())) => Vec::new(),
    })
}

fn judge_heartbeat(
    state: &State,
    now: Timestamp,
    heartbeat: HeartbeatId,
    last: Option<Timestamp>,
) -> Result<Vec<SignalsFact>, Refusal> {
    let (Some(rhythm), Some(expected_by)) =
        (state.heartbeats.get(&heartbeat), expected_by(state, &heartbeat, last))
    else {
        return Err(Refusal::NoSuchHeartbeat(heartbeat));
    };
    let (missed, failed) = (state.missed.get(&heartbeat), state.failed.get(&heartbeat));
    if now > expected_by {
        let last = last.filter(|last| *last >= rhythm.configured_at);
        let fact = SignalsFact::HeartbeatMissed { heartbeat, last, expected_by };
        return Ok(missed.is_none().then_some(fact).into_iter().collect());
    }
    let Some(arrived) = last.filter(|_| missed.is_some() || failed.is_some()) else { return Ok(Vec::new()) };
    let before = rhythm.configured_at - Span::from_millis(1);
    let after_silence = missed.is_none_or(|missed| arrived > missed.last.unwrap_or(before));
    let after_failure = failed.is_none_or(|failed| arrived > failed.arrived);
    let returned = after_silence && after_failure;
    Ok(returned.then_some(SignalsFact::HeartbeatReturned { heartbeat, arrived }).into_iter().collect())
}

fn fail_heartbeat(
    state: &State,
    now: Timestamp,
    heartbeat: HeartbeatId,
    detail: String,
) -> Result<Vec<SignalsFact>, Refusal> {
    let Some(rhythm) = state.heartbeats.get(&heartbeat) else {
        return Err(Refusal::NoSuchHeartbeat(heartbeat));
    };
    // A job that reports each of its runs is heard each time; one that repeats itself does not fill the journal.
    let half = Span::from_millis(rhythm.every.as_millis() / 2);
    if state.failed.get(&heartbeat).is_some_and(|report| now < report.arrived + half) {
        return Ok(Vec::new());
    }
    Ok(vec![SignalsFact::HeartbeatFailed { heartbeat, arrived: now, detail: shortened(detail) }])
}

fn shortened(mut detail: String) -> String {
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
    detail
}
