//! The ledger: availability, outages, causes, corrections.

use axum::Json;
use axum::extract::State;
use engine::World;
use facts::objectives::Verdict;
use kernel::{IncidentId, ObjectiveId, OutageId, ServiceId, Span, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Path, Query, id};
use super::rows::{ShownOutage, ShownRow};
use super::shapes::{DoneAnswer, Period};
use crate::access::Responder;
use crate::answer::{Error, ErrorBody, Result};
use crate::doors::Doorway;

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new()
        .routes(routes!(services))
        .routes(routes!(availability))
        .routes(routes!(ledger))
        .routes(routes!(attribute))
        .routes(routes!(correct))
}

/// A service and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownService {
    /// Its key in the configuration.
    #[schema(value_type = String)]
    pub(crate) id: ServiceId,
    /// Whether its last judged slice was down.
    pub(crate) is_down: bool,
    /// How far its ledger is judged.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) judged_through: Option<Timestamp>,
    /// Its open incident.
    #[schema(value_type = Option<String>)]
    pub(crate) incident: Option<IncidentId>,
    /// Its objectives with their budgets.
    pub(crate) objectives: Vec<ShownObjective>,
}

/// An objective and what is left of its budget.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownObjective {
    /// Its name.
    #[schema(value_type = String)]
    pub(crate) name: ObjectiveId,
    /// Its target.
    pub(crate) target: String,
    /// Its window.
    pub(crate) window: String,
    /// Down time that the target allows in the window.
    #[schema(value_type = String)]
    pub(crate) budget: Span,
    /// Down time in the window.
    #[schema(value_type = String)]
    pub(crate) spent: Span,
}

pub(crate) fn shown_services(world: &World, now: Timestamp) -> Vec<ShownService> {
    let Some(configuration) = world.configuration() else { return Vec::new() };
    let shown = configuration.services.iter().map(|(service, declared)| {
        let first = declared.objectives.first().map(|objective| objective.name.clone());
        let is_down = first.as_ref().is_some_and(|name| world.objectives.is_down(service, name));
        let judged_through = first.and_then(|name| world.objectives.judged_through(service, &name));
        let objectives = declared.objectives.iter().filter_map(|objective| {
            let budget = objectives::budget(&world.objectives, service, &objective.name, now)?;
            Some(ShownObjective {
                name: objective.name.clone(),
                target: objective.target.to_string(),
                window: objective.window.to_string(),
                budget: budget.budget,
                spent: budget.spent,
            })
        });
        ShownService {
            id: service.clone(),
            is_down,
            judged_through,
            incident: world.incidents.open_of(service).map(|incident| incident.id),
            objectives: objectives.collect(),
        }
    });
    shown.collect()
}

/// Every service, and how it stands.
#[utoipa::path(get, path = "/v1/services", tag = "judge", responses((status = 200, body = Vec<ShownService>)))]
async fn services(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<ShownService>>> {
    let now = doorway.now();
    doorway.view(move |world| shown_services(world, now)).await.map(Json)
}

/// A service over a period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownAvailability {
    #[schema(value_type = String)]
    pub(crate) service: ServiceId,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) until: Timestamp,
    /// up ÷ (up + down); absent where nothing was measured.
    #[schema(value_type = Option<String>)]
    pub(crate) availability: Option<kernel::Ratio>,
    #[schema(value_type = String)]
    pub(crate) up: Span,
    #[schema(value_type = String)]
    pub(crate) down: Span,
    /// Time that was not measured, which is in neither of the others.
    #[schema(value_type = String)]
    pub(crate) unknown: Span,
    /// Down time by cause, the largest first; `null` is what nobody has attributed.
    pub(crate) causes: Vec<ShownCause>,
}

/// Down time of one cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownCause {
    pub(crate) cause: Option<String>,
    #[schema(value_type = String)]
    pub(crate) down: Span,
    pub(crate) outages: u64,
}

pub(crate) fn shown_availability(
    world: &World,
    service: &ServiceId,
    from: Timestamp,
    until: Timestamp,
) -> ShownAvailability {
    let found = objectives::availability(&world.objectives, service, from, until);
    let causes = objectives::causes(&world.objectives, service, from, until);
    ShownAvailability {
        service: service.clone(),
        from,
        until,
        availability: found.ratio,
        up: found.up,
        down: found.down,
        unknown: found.unknown,
        causes: causes
            .into_iter()
            .map(|share| ShownCause { cause: share.cause, down: share.down, outages: share.outages })
            .collect(),
    }
}

/// Availability of every service over a period, with causes.
#[utoipa::path(get, path = "/v1/report/availability", tag = "judge", params(Period),
    responses((status = 200, body = Vec<ShownAvailability>)))]
async fn availability(
    _: Responder,
    State(doorway): State<Doorway>,
    Query(period): Query<Period>,
) -> Result<Json<Vec<ShownAvailability>>> {
    let (from, until) = period.bounds(doorway.now())?;
    let report = move |world: &World| {
        let services =
            world.configuration().into_iter().flat_map(|configuration| configuration.services.keys());
        services.map(|service| shown_availability(world, service, from, until)).collect()
    };
    doorway.view(report).await.map(Json)
}

/// The ledger of a service: its down slices, outages and corrections.
#[derive(Debug, Serialize, ToSchema)]
struct ShownLedger {
    availability: ShownAvailability,
    /// Every down or corrected slice.
    rows: Vec<ShownRow>,
    /// Runs of down slices.
    outages: Vec<ShownOutage>,
}

/// The ledger of a service over a period.
#[utoipa::path(get, path = "/v1/services/{service}/ledger", tag = "judge", params(("service" = String, Path), Period),
    responses((status = 200, body = ShownLedger), (status = 404, body = ErrorBody)))]
async fn ledger(
    _: Responder,
    State(doorway): State<Doorway>,
    Path(service): Path<String>,
    Query(period): Query<Period>,
) -> Result<Json<ShownLedger>> {
    let (from, until) = period.bounds(doorway.now())?;
    let service = ServiceId::new(service);
    let missing = Error::not_found(format!("service `{service}`"));
    let shown = move |world: &World| {
        world.configuration()?.services.get(&service)?;
        let rows = objectives::ledger(&world.objectives, &service, from, until);
        let outages = objectives::outages(&world.objectives, &service, from, until);
        Some(ShownLedger {
            availability: shown_availability(world, &service, from, until),
            rows: rows.into_iter().map(ShownRow::from).collect(),
            outages: outages.into_iter().map(ShownOutage::from).collect(),
        })
    };
    doorway.view(shown).await?.map(Json).ok_or(missing)
}

/// What an outage is attributed to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Attribution {
    /// A short name that a Pareto chart can group by.
    cause: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    incident: Option<IncidentId>,
}

/// Attribute an outage to a cause. The last attribution holds; the earlier ones stay in the journal.
#[utoipa::path(post, path = "/v1/outages/{outage}/attribution", tag = "judge", params(("outage" = String, Path)),
    request_body = Attribution, responses((status = 200, body = super::shapes::Done)))]
async fn attribute(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(outage): Path<String>,
    Asked(body): Asked<Attribution>,
) -> DoneAnswer {
    let outage: OutageId = id(&outage)?;
    let Attribution { cause, note, incident } = body;
    let command = objectives::Command::AttributeOutage { outage, cause, note, incident };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// What a slice was, as a person knows it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Correction {
    /// Start of the slice.
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// `up`, `down` or `unknown`.
    #[schema(value_type = String)]
    verdict: Verdict,
    /// Why; it stands in the ledger beside the author.
    reason: String,
    /// Which objective; the ledger's own where none is named.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    objective: Option<ObjectiveId>,
}

/// Correct a slice. The row before stays in the ledger, with author and reason.
#[utoipa::path(post, path = "/v1/services/{service}/corrections", tag = "judge", params(("service" = String, Path)),
    request_body = Correction, responses((status = 200, body = super::shapes::Done)))]
async fn correct(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(service): Path<String>,
    Asked(body): Asked<Correction>,
) -> DoneAnswer {
    let Correction { start, verdict, reason, objective } = body;
    let service = ServiceId::new(service);
    let command = objectives::Command::CorrectSlice { service, objective, start, verdict, reason };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}
