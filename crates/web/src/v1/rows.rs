//! The rows of a ledger, as they are shown.

use facts::objectives::{RejudgeReason, Tally, Verdict};
use kernel::{Actor, IncidentId, ObjectiveId, OutageId, ServiceId, Span, Timestamp};
use objectives::{Attribution, Outage, OutageRow, Rejudgement, Row};
use serde::Serialize;
use utoipa::ToSchema;

/// A slice that is down, or that a person said something else of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownRow {
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// Its length.
    #[schema(value_type = String)]
    slice: Span,
    /// The objective that judged it.
    #[schema(value_type = String)]
    objective: ObjectiveId,
    /// `up`, `down` or `unknown`.
    #[schema(value_type = String)]
    verdict: Verdict,
    /// What was measured; absent where nothing was, or it is not remembered.
    tally: Option<ShownTally>,
    /// The outage that it belongs to.
    #[schema(value_type = Option<String>)]
    outage: Option<OutageId>,
    /// What that outage is attributed to.
    cause: Option<String>,
    /// Whether late events no longer count.
    is_final: bool,
    /// When it was judged again, by whom and why; the last one holds.
    rejudged: Vec<ShownRejudgement>,
}

/// Requests of one slice.
#[derive(Debug, Serialize, ToSchema)]
struct ShownTally {
    /// Those that succeeded.
    good: u64,
    /// Those that failed.
    bad: u64,
}

/// A slice was judged again.
#[derive(Debug, Serialize, ToSchema)]
struct ShownRejudgement {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `"swan"`, `{"person": …}` or `{"token": …}`.
    #[schema(value_type = Value)]
    by: Actor,
    /// The verdict before.
    #[schema(value_type = String)]
    was: Verdict,
    /// The verdict from then on.
    #[schema(value_type = String)]
    is: Verdict,
    tally: Option<ShownTally>,
    /// `"late_events"`, or `{"corrected_by_hand": {"reason": …}}`.
    #[schema(value_type = Value)]
    reason: RejudgeReason,
}

/// A run of down slices.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownOutage {
    #[schema(value_type = String)]
    id: OutageId,
    #[schema(value_type = String)]
    service: ServiceId,
    /// By which of its objectives.
    #[schema(value_type = String)]
    objective: ObjectiveId,
    /// Start of its first slice.
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// End of its last slice so far.
    #[schema(value_type = String, format = DateTime)]
    end: Timestamp,
    /// How many slices it counts; without any it is withdrawn or merged.
    slices: u32,
    /// The earlier outage that it became a part of.
    #[schema(value_type = Option<String>)]
    merged_into: Option<OutageId>,
    attribution: Option<ShownAttribution>,
    /// Whether the next down slice would belong to it.
    is_open: bool,
}

/// What a person attributed an outage to.
#[derive(Debug, Serialize, ToSchema)]
struct ShownAttribution {
    /// A short name.
    cause: String,
    note: String,
    #[schema(value_type = Option<String>)]
    incident: Option<IncidentId>,
    /// `{"person": …}` or `{"token": …}`.
    #[schema(value_type = Value)]
    by: Actor,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Row> for ShownRow {
    fn from(row: Row) -> Self {
        let Row { start, slice, objective, verdict, tally, outage, cause, is_final, rejudged } = row;
        let tally = tally.map(ShownTally::from);
        let rejudged = rejudged.into_iter().map(ShownRejudgement::from).collect();
        Self { start, slice, objective, verdict, tally, outage, cause, is_final, rejudged }
    }
}

impl From<Tally> for ShownTally {
    fn from(Tally { good, bad }: Tally) -> Self {
        Self { good, bad }
    }
}

impl From<Rejudgement> for ShownRejudgement {
    fn from(rejudged: Rejudgement) -> Self {
        let Rejudgement { at, by, was, is, tally, reason } = rejudged;
        Self { at, by, was, is, tally: tally.map(ShownTally::from), reason }
    }
}

impl From<OutageRow> for ShownOutage {
    fn from(OutageRow { id, outage, is_open }: OutageRow) -> Self {
        let Outage { service, objective, start, end, slices, merged_into, attribution } = outage;
        let attribution = attribution.map(ShownAttribution::from);
        Self { id, service, objective, start, end, slices, merged_into, attribution, is_open }
    }
}

impl From<Attribution> for ShownAttribution {
    fn from(attribution: Attribution) -> Self {
        let Attribution { cause, note, incident, by, at } = attribution;
        Self { cause, note, incident, by, at }
    }
}
