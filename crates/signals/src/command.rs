use kernel::{CheckId, HeartbeatId, Timestamp};
use serde::{Deserialize, Serialize};

/// What the signals slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A probe ended.
    JudgeProbe {
        /// Of which check.
        check: CheckId,
        /// When it started.
        probed_at: Timestamp,
        /// `Err` says what was seen instead of what was expected.
        result: Result<(), String>,
        /// How many probes in a row, this one included, passed or failed as it did.
        streak: u32,
    },
    /// A heartbeat's state of affairs, read from its series.
    JudgeHeartbeat {
        /// Which heartbeat.
        heartbeat: HeartbeatId,
        /// When the last one arrived; `None` where none was ever seen.
        last: Option<Timestamp>,
    },
    /// A job reported that it failed.
    FailHeartbeat {
        /// Which heartbeat.
        heartbeat: HeartbeatId,
        /// What it said.
        detail: String,
    },
    /// A deadline passed.
    Wake(WakeReason),
}

/// Why the signals slice wants to be woken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// A check left the configuration while it failed; due at once.
    CheckNoLongerConfigured(CheckId),
    /// A heartbeat left the configuration while it was missed or had failed; due at once.
    HeartbeatNoLongerConfigured(HeartbeatId),
}
