use facts::objectives::Verdict;
use kernel::{ObjectiveId, OutageId, Refuse, ServiceId, Span, Timestamp};

use crate::limits::{CAUSE_BYTES_MAX, NOTE_BYTES_MAX, REASON_BYTES_MAX, SLICES_PER_COMMAND_MAX};

/// Why the objectives slice says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such service, or it has no objectives.
    ServiceHasNoObjectives(ServiceId),
    /// The service has no such objective.
    NoSuchObjective(ServiceId, ObjectiveId),
    /// A slice starts at a multiple of its length.
    SliceNotAligned(Timestamp, Span),
    /// Only what is over is judged.
    SliceNotOver(Timestamp),
    /// More slices than a command may carry.
    TooManySlices(usize),
    /// No slice that starts then was judged; the judged slice around it, where there is one, starts at the second.
    SliceNotJudged(Timestamp, Option<Timestamp>),
    /// Only people and programs correct the ledger.
    CorrectedBySwan(Timestamp, Verdict),
    /// A correction says why.
    ReasonMissing,
    /// An attribution names a cause.
    CauseMissing,
    /// The reason is too long.
    ReasonTooLong,
    /// The cause is too long.
    CauseTooLong,
    /// The note is too long.
    NoteTooLong,
    /// There is no such outage, or it left memory.
    NoSuchOutage(OutageId),
    /// The outage has no slices left; where it was merged, into which.
    OutageIsGone(OutageId, Option<OutageId>),
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::ServiceHasNoObjectives(_) => "service_has_no_objectives",
            Refusal::NoSuchObjective(..) => "no_such_objective",
            Refusal::SliceNotAligned(..) => "slice_not_aligned",
            Refusal::SliceNotOver(_) => "slice_not_over",
            Refusal::TooManySlices(_) => "too_many_slices",
            Refusal::SliceNotJudged(..) => "slice_not_judged",
            Refusal::CorrectedBySwan(..) => "corrected_by_swan",
            Refusal::ReasonMissing => "reason_missing",
            Refusal::CauseMissing => "cause_missing",
            Refusal::ReasonTooLong => "reason_too_long",
            Refusal::CauseTooLong => "cause_too_long",
            Refusal::NoteTooLong => "note_too_long",
            Refusal::NoSuchOutage(_) => "no_such_outage",
            Refusal::OutageIsGone(..) => "outage_is_gone",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::ServiceHasNoObjectives(service) => {
                format!("the configuration has no service `{service}` with objectives")
            }
            Refusal::NoSuchObjective(service, objective) => {
                format!("the service `{service}` has no objective `{objective}`")
            }
            Refusal::SliceNotAligned(start, slice) => {
                format!("`{start}` is not the start of a slice: slices of {slice} are aligned to the epoch")
            }
            Refusal::SliceNotOver(end) => {
                format!("the last slice ends at {end}, and only what is over is judged")
            }
            Refusal::TooManySlices(slices) => {
                format!("{slices} slices are more than the {SLICES_PER_COMMAND_MAX} of one command")
            }
            Refusal::SliceNotJudged(start, _) => format!("no slice that starts at `{start}` was judged"),
            Refusal::CorrectedBySwan(start, _) => {
                format!("the slice at {start} is corrected by a person or a token, never by Swan itself")
            }
            Refusal::ReasonMissing => "a correction needs a reason".to_owned(),
            Refusal::CauseMissing => "an attribution needs a cause".to_owned(),
            Refusal::ReasonTooLong => format!("the reason is longer than {REASON_BYTES_MAX} bytes"),
            Refusal::CauseTooLong => format!("the cause is longer than {CAUSE_BYTES_MAX} bytes"),
            Refusal::NoteTooLong => format!("the note is longer than {NOTE_BYTES_MAX} bytes"),
            Refusal::NoSuchOutage(outage) => format!("there is no outage `{outage}`"),
            Refusal::OutageIsGone(outage, Some(into)) => format!("`{outage}` is a part of `{into}`"),
            Refusal::OutageIsGone(outage, None) => {
                format!("`{outage}` is withdrawn: none of its slices is down any more")
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Refusal::ServiceHasNoObjectives(_) | Refusal::NoSuchObjective(..) => {
                Some("add it to the configuration and apply that".to_owned())
            }
            Refusal::SliceNotAligned(start, slice) => {
                Some(format!("the slice that contains it starts at {}", start.floor(*slice)))
            }
            Refusal::SliceNotJudged(_, Some(around)) => {
                Some(format!("the slice around it starts at {around}"))
            }
            Refusal::TooManySlices(_) => Some("send them in parts, in order".to_owned()),
            Refusal::CauseTooLong => Some("name the cause shortly and put the rest into the note".to_owned()),
            Refusal::OutageIsGone(_, Some(into)) => Some(format!("attribute `{into}`")),
            _ => None,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence())
    }
}
