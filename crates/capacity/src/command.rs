use facts::capacity::Reading;
use kernel::ScalableId;
use serde::{Deserialize, Serialize};

/// What the capacity slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A scalable was read.
    JudgeReading {
        /// Which.
        scalable: ScalableId,
        /// What was read.
        reading: Reading,
    },
    /// A scalable could not be read.
    ReportUnreadable {
        /// Which.
        scalable: ScalableId,
        /// Why.
        detail: String,
    },
    /// A deadline passed.
    Wake(WakeReason),
}

/// Why the capacity slice wants to be woken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// What is near its ceiling, or cannot be read, left the configuration; due at once.
    NoLongerConfigured(ScalableId),
}
