//! Judged time. A slice (a minute, unless configured) of a service is up, down or unknown; a run of down slices is
//! an outage, which a person attributes to a cause.

use kernel::{IncidentId, ObjectiveId, OutageId, ServiceId, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// What a slice of time was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Measured, and within the objective.
    Up,
    /// Measured, and outside the objective.
    Down,
    /// Not measured enough to tell.
    Unknown,
}

/// Neighbouring slices with one verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What they were.
    pub verdict: Verdict,
    /// How many slices.
    pub slices: u32,
}

/// Requests of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Requests that succeeded.
    pub good: u64,
    /// Requests that failed.
    pub bad: u64,
}

/// Why a verdict differs from the one recorded before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejudgeReason {
    /// Events arrived after the slice was first judged.
    LateEvents,
    /// A person corrected it; the entry's actor is the author.
    CorrectedByHand {
        /// Why, in the author's words.
        reason: String,
    },
}

/// About slices, outages and causes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectivesFact {
    /// Consecutive slices were judged for the first time; provisional until `SlicesFinal`.
    SlicesJudged {
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// Length of one slice.
        slice: Span,
        /// Start of the first slice; aligned to `slice`.
        from: Timestamp,
        /// The verdicts in order.
        runs: Vec<Run>,
    },
    /// One slice was judged down. Recorded beside `SlicesJudged` with the reading on which it rests.
    SliceDown {
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// Start of the slice.
        start: Timestamp,
        /// What was measured.
        tally: Tally,
        /// The outage that it belongs to.
        outage: OutageId,
    },
    /// A slice's verdict changed after it was first judged; a slice that was and is down has another tally.
    SliceRejudged {
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// Start of the slice.
        start: Timestamp,
        /// The verdict before.
        was: Verdict,
        /// The verdict that holds.
        is: Verdict,
        /// What was measured, where it was.
        tally: Option<Tally>,
        /// Why.
        reason: RejudgeReason,
    },
    /// Late events no longer count for slices that start before `through`.
    SlicesFinal {
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// The first instant that is not final.
        through: Timestamp,
    },
    /// A run of down slices began.
    OutageOpened {
        /// Its id.
        outage: OutageId,
        /// The service.
        service: ServiceId,
        /// By which of its objectives.
        objective: ObjectiveId,
        /// Start of its first slice.
        start: Timestamp,
    },
    /// The run ended with a slice that was not down. Recorded again where slices that were judged again change its
    /// figures; one with no slices left is withdrawn.
    OutageEnded {
        /// Which outage.
        outage: OutageId,
        /// End of its last down slice.
        end: Timestamp,
        /// How many slices it counts.
        slices: u32,
    },
    /// A slice that became down joined two outages: the later one is part of the earlier from here on.
    OutageMerged {
        /// The later one, which has no slices left.
        outage: OutageId,
        /// The earlier one. It keeps its cause, and takes the later one's where it has none.
        into: OutageId,
    },
    /// A slice in the middle of an outage turned out not to be down: what follows it is an outage of its own, with
    /// the same cause.
    OutageSplit {
        /// What remains before the slice.
        outage: OutageId,
        /// What follows it.
        rest: OutageId,
        /// Start of the first slice of `rest`.
        start: Timestamp,
    },
    /// A person attributed an outage to a cause. The last attribution holds.
    OutageAttributed {
        /// Which outage.
        outage: OutageId,
        /// The cause, a short name that a Pareto chart can group by.
        cause: String,
        /// Anything else worth knowing.
        note: String,
        /// The incident that it belongs to.
        incident: Option<IncidentId>,
    },
    /// More than half, nine tenths or all of an objective's budget for the window is spent.
    BudgetSpent {
        /// The service.
        service: ServiceId,
        /// Which objective.
        objective: ObjectiveId,
        /// Start of the window.
        window_start: Timestamp,
        /// The threshold that was passed: 50, 90 or 100 percent.
        percent: u32,
        /// Down time in the window.
        spent: Span,
        /// Down time that the target allows in the window.
        budget: Span,
    },
}
