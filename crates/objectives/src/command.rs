use facts::objectives::{Tally, Verdict};
use kernel::{IncidentId, ObjectiveId, OutageId, ServiceId, Timestamp};

/// What the objectives slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Consecutive slices ended: judge each by its requests. Slices that were judged before are left out.
    JudgeSlices {
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// Start of the first slice; aligned.
        from: Timestamp,
        /// Requests of each slice, in order; `None` where nothing was measured.
        tallies: Vec<Option<Tally>>,
    },
    /// Events came late: judge these slices again, and not yet for good.
    RejudgeSlices {
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// Start of the first slice; aligned.
        from: Timestamp,
        /// Requests of each slice, in order.
        tallies: Vec<Option<Tally>>,
    },
    /// Late events no longer count: judge these slices again, and for good.
    FinaliseSlices {
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// Start of the first slice; it is where the last finalisation ended.
        from: Timestamp,
        /// Requests of each slice, in order.
        tallies: Vec<Option<Tally>>,
    },
    /// A person says what a slice was.
    CorrectSlice {
        /// The service.
        service: ServiceId,
        /// By which of its objectives; `None` means the first, which is the ledger's.
        objective: Option<ObjectiveId>,
        /// Start of the slice.
        start: Timestamp,
        /// What it was.
        verdict: Verdict,
        /// Why; must not be empty.
        reason: String,
    },
    /// A person attributes an outage to a cause.
    AttributeOutage {
        /// Which.
        outage: OutageId,
        /// The cause, a short name; must not be empty.
        cause: String,
        /// Anything else worth knowing.
        note: String,
        /// The incident that it belongs to.
        incident: Option<IncidentId>,
    },
}
