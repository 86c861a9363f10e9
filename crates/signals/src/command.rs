use kernel::{CheckId, HeartbeatId, Timestamp};

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
}
