use std::collections::BTreeMap;

use kernel::{CheckId, HeartbeatId, Span, Timestamp, Wake};
use serde::{Deserialize, Serialize};

use super::WakeReason;

/// What is configured, and what of it is in trouble.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// How many probes in a row decide, of each configured check.
    pub(super) checks: BTreeMap<CheckId, u32>,
    /// When each configured heartbeat is expected.
    pub(super) heartbeats: BTreeMap<HeartbeatId, Rhythm>,
    pub(super) failing: BTreeMap<CheckId, Failing>,
    pub(super) missed: BTreeMap<HeartbeatId, Missed>,
    pub(super) failed: BTreeMap<HeartbeatId, FailedReport>,
    /// What is in trouble and no longer configured, since when.
    pub(super) retired_checks: BTreeMap<CheckId, Timestamp>,
    pub(super) retired_heartbeats: BTreeMap<HeartbeatId, Timestamp>,
}

/// When a heartbeat is expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Rhythm {
    pub(super) every: Span,
    pub(super) grace: Span,
    /// Since when it is configured without interruption.
    pub(super) configured_at: Timestamp,
}

/// A check that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// Start of the probe that decided it.
    pub since: Timestamp,
    /// What was seen then, in words.
    pub detail: String,
}

/// A heartbeat that did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// When the last one arrived, where there was one since it was configured.
    pub last: Option<Timestamp>,
    /// When it should have arrived at the latest.
    pub expected_by: Timestamp,
}

/// A job's report that it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedReport {
    /// When it arrived.
    pub arrived: Timestamp,
    /// What the job said.
    pub detail: String,
}

impl State {
    /// Whether a check fails.
    pub fn failing(&self, check: &CheckId) -> Option<&Failing> {
        self.failing.get(check)
    }

    /// Every check that fails, by name.
    pub fn all_failing(&self) -> impl Iterator<Item = (&CheckId, &Failing)> {
        self.failing.iter()
    }

    /// Whether a heartbeat is missed.
    pub fn missed(&self, heartbeat: &HeartbeatId) -> Option<&Missed> {
        self.missed.get(heartbeat)
    }

    /// Every heartbeat that is missed, by name.
    pub fn all_missed(&self) -> impl Iterator<Item = (&HeartbeatId, &Missed)> {
        self.missed.iter()
    }

    /// Whether a heartbeat's job reported a failure and no success since.
    pub fn failed(&self, heartbeat: &HeartbeatId) -> Option<&FailedReport> {
        self.failed.get(heartbeat)
    }

    /// Every heartbeat whose job reported a failure and no success since, by name.
    pub fn all_failed(&self) -> impl Iterator<Item = (&HeartbeatId, &FailedReport)> {
        self.failed.iter()
    }
}

/// When a heartbeat that last arrived then has to arrive at the latest; `None` where it is not configured.
pub fn expected_by(state: &State, heartbeat: &HeartbeatId, last: Option<Timestamp>) -> Option<Timestamp> {
    let rhythm = state.heartbeats.get(heartbeat)?;
    let reported = state.failed.get(heartbeat).map(|report| report.arrived);
    let heard = last.max(reported).map_or(rhythm.configured_at, |heard| heard.max(rhythm.configured_at));
    Some(heard + rhythm.every + rhythm.grace)
}

/// The first check or heartbeat that is to be retired because it left the configuration.
pub fn next_wake(state: &State) -> Option<Wake<WakeReason>> {
    wakes(state).min()
}

/// All that are to be retired, in no order.
pub fn wakes(state: &State) -> impl Iterator<Item = Wake<WakeReason>> {
    let checks = state
        .retired_checks
        .iter()
        .map(|(check, at)| Wake { at: *at, why: WakeReason::CheckNoLongerConfigured(check.clone()) });
    let heartbeats = state.retired_heartbeats.iter().map(|(heartbeat, at)| Wake {
        at: *at,
        why: WakeReason::HeartbeatNoLongerConfigured(heartbeat.clone()),
    });
    checks.chain(heartbeats)
}
