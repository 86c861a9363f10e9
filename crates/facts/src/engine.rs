//! About the engine itself: deadlines that it no longer decides because deciding them stopped the process.

use serde::{Deserialize, Serialize};

/// What can happen to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineFact {
    /// The process ended again and again while it decided this deadline, so it is left alone and all others go on.
    DeadlineQuarantined {
        /// The deadline's reason in its JSON form: `{"oncall":{"step_timeout":"page_7"}}`.
        deadline: String,
        /// How often the process had ended at it.
        crashes: u32,
    },
    /// A person had the deadline decided again.
    DeadlineReleased {
        /// As it was quarantined.
        deadline: String,
    },
}
