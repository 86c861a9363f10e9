//! What arrived, or did not. Readings themselves are samples; only a change of verdict is a fact.

use kernel::{CheckId, HeartbeatId, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// About checks and heartbeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalsFact {
    /// A check that passed, or was never run, fails.
    CheckFailed {
        /// Which check.
        check: CheckId,
        /// When the failing probe started.
        probed_at: Timestamp,
        /// What was seen, in words: `status 503, expected 200`.
        detail: String,
    },
    /// A check that failed passes.
    CheckRecovered {
        /// Which check.
        check: CheckId,
        /// When the passing probe started.
        probed_at: Timestamp,
        /// How long it had failed.
        failed_for: Span,
    },
    /// A check that failed is no longer configured.
    CheckRetired {
        /// Which check.
        check: CheckId,
    },
    /// A heartbeat did not arrive in its interval and grace.
    HeartbeatMissed {
        /// Which heartbeat.
        heartbeat: HeartbeatId,
        /// The last one that arrived, where there was one since it was configured.
        last: Option<Timestamp>,
        /// When it should have arrived at the latest.
        expected_by: Timestamp,
    },
    /// A missed heartbeat arrives again.
    HeartbeatReturned {
        /// Which heartbeat.
        heartbeat: HeartbeatId,
        /// When it arrived.
        arrived: Timestamp,
    },
    /// A job reported through its heartbeat that it failed.
    HeartbeatFailed {
        /// Which heartbeat.
        heartbeat: HeartbeatId,
        /// When the report arrived.
        arrived: Timestamp,
        /// What the job said, shortened.
        detail: String,
    },
    /// A heartbeat that was missed or had failed is no longer configured.
    HeartbeatRetired {
        /// Which heartbeat.
        heartbeat: HeartbeatId,
    },
}
