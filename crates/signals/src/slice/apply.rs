use facts::signals::SignalsFact;
use facts::{ConfigurationApplied, Entry, Fact};
use kernel::{CheckId, HeartbeatId, Timestamp};

use super::state::{FailedReport, Failing, Missed, Rhythm, State};

/// Folds one entry into the state. Facts that are not about checks and heartbeats change nothing.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => configure(state, applied, entry.at),
        Fact::Signals(fact) => fold(state, fact, entry.at),
        _ => {}
    }
}

fn configure(state: &mut State, applied: &ConfigurationApplied, at: Timestamp) {
    let configuration = &applied.configuration;
    state.checks = configuration.checks.iter().map(|(id, check)| (id.clone(), check.after)).collect();
    let before = std::mem::take(&mut state.heartbeats);
    for (id, heartbeat) in &configuration.heartbeats {
        let configured_at = before.get(id).map_or(at, |rhythm| rhythm.configured_at);
        let rhythm = Rhythm { every: heartbeat.every, grace: heartbeat.grace, configured_at };
        state.heartbeats.insert(id.clone(), rhythm);
    }
    let checks: Vec<CheckId> = state.failing.keys().cloned().collect();
    for check in checks {
        retire_check_unless_configured(state, &check, at);
    }
    let heartbeats: Vec<HeartbeatId> = state.missed.keys().chain(state.failed.keys()).cloned().collect();
    for heartbeat in heartbeats {
        retire_heartbeat_unless_configured(state, &heartbeat, at);
    }
}

fn fold(state: &mut State, fact: &SignalsFact, at: Timestamp) {
    match fact {
        SignalsFact::CheckFailed { check, probed_at, detail } => {
            state.failing.insert(check.clone(), Failing { since: *probed_at, detail: detail.clone() });
            retire_check_unless_configured(state, check, at);
        }
        SignalsFact::CheckRecovered { check, .. } | SignalsFact::CheckRetired { check } => {
            state.failing.remove(check);
            retire_check_unless_configured(state, check, at);
        }
        SignalsFact::HeartbeatMissed { heartbeat, last, expected_by } => {
            state.missed.insert(heartbeat.clone(), Missed { last: *last, expected_by: *expected_by });
            retire_heartbeat_unless_configured(state, heartbeat, at);
        }
        SignalsFact::HeartbeatFailed { heartbeat, arrived, detail } => {
            let report = FailedReport { arrived: *arrived, detail: detail.clone() };
            state.failed.insert(heartbeat.clone(), report);
            retire_heartbeat_unless_configured(state, heartbeat, at);
        }
        SignalsFact::HeartbeatReturned { heartbeat, .. } | SignalsFact::HeartbeatRetired { heartbeat } => {
            state.missed.remove(heartbeat);
            state.failed.remove(heartbeat);
            retire_heartbeat_unless_configured(state, heartbeat, at);
        }
    }
}

fn retire_check_unless_configured(state: &mut State, check: &CheckId, at: Timestamp) {
    if state.failing.contains_key(check) && !state.checks.contains_key(check) {
        state.retired_checks.entry(check.clone()).or_insert(at);
    } else {
        state.retired_checks.remove(check);
    }
}

fn retire_heartbeat_unless_configured(state: &mut State, heartbeat: &HeartbeatId, at: Timestamp) {
    let in_trouble = state.missed.contains_key(heartbeat) || state.failed.contains_key(heartbeat);
    if in_trouble && !state.heartbeats.contains_key(heartbeat) {
        state.retired_heartbeats.entry(heartbeat.clone()).or_insert(at);
    } else {
        state.retired_heartbeats.remove(heartbeat);
    }
}
