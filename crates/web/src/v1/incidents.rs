//! Incidents.

use axum::Json;
use axum::extract::State;
use engine::World;
use facts::Stream;
use facts::incidents::{Audience, DeclareReason, Phase, ResponseTeam, Severity};
use incidents::Command;
use kernel::{IncidentId, PageId, PersonId, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Path, id};
use super::shapes::{DoneAnswer, ShownEntry, Somebody, Text};
use crate::access::Responder;
use crate::answer::{Error, ErrorBody, Result};
use crate::doors::Doorway;
use crate::limits::{ROWS_MAX, TIMELINE_ENTRIES_MAX};

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new()
        .routes(routes!(list, declare))
        .routes(routes!(incident))
        .routes(routes!(post_update))
        .routes(routes!(write_note))
        .routes(routes!(assign_leader))
        .routes(routes!(join_team, leave_team))
        .routes(routes!(change_severity))
        .routes(routes!(resolve))
}

/// An incident.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ShownIncident {
    #[schema(value_type = String)]
    pub(crate) id: IncidentId,
    #[schema(value_type = String)]
    pub(crate) service: ServiceId,
    #[schema(value_type = String)]
    pub(crate) severity: Severity,
    pub(crate) title: String,
    #[schema(value_type = String)]
    pub(crate) phase: Phase,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) began_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) declared_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) resolved_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub(crate) leader: Option<PersonId>,
    /// Who brings the service back.
    #[schema(value_type = Vec<String>)]
    pub(crate) recovery: Vec<PersonId>,
    /// Who finds out why.
    #[schema(value_type = Vec<String>)]
    pub(crate) root_cause: Vec<PersonId>,
    /// When the next update is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) update_due: Option<Timestamp>,
}

fn open(incident: &incidents::Incident) -> ShownIncident {
    ShownIncident {
        id: incident.id,
        service: incident.service.clone(),
        severity: incident.severity,
        title: incident.title.clone(),
        phase: incident.phase,
        began_at: incident.began_at,
        declared_at: incident.declared_at,
        resolved_at: None,
        leader: incident.leader.clone(),
        recovery: incident.recovery.iter().cloned().collect(),
        root_cause: incident.root_cause.iter().cloned().collect(),
        update_due: Some(incident.update_due),
    }
}

fn resolved(header: &incidents::Header) -> ShownIncident {
    ShownIncident {
        id: header.id,
        service: header.service.clone(),
        severity: header.severity,
        title: header.title.clone(),
        phase: Phase::Resolved,
        began_at: header.began_at,
        declared_at: header.declared_at,
        resolved_at: header.resolved_at,
        leader: None,
        recovery: Vec::new(),
        root_cause: Vec::new(),
        update_due: None,
    }
}

pub(crate) fn shown_incidents(world: &World) -> Vec<ShownIncident> {
    let all = world.incidents.open().map(open).chain(world.incidents.resolved().map(resolved));
    all.take(ROWS_MAX).collect()
}

/// Incidents: the open ones, then those that are resolved, newest first.
#[utoipa::path(get, path = "/v1/incidents", operation_id = "incidents", tag = "respond", responses((status = 200, body = Vec<ShownIncident>)))]
async fn list(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<ShownIncident>>> {
    doorway.view(shown_incidents).await.map(Json)
}

/// An incident with its primary log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentStory {
    pub(crate) incident: ShownIncident,
    /// Oldest first: what the journal holds of it, and what people wrote.
    pub(crate) timeline: Vec<ShownEntry>,
}

/// An incident with its primary log.
#[utoipa::path(get, path = "/v1/incidents/{incident}", tag = "respond", params(("incident" = String, Path)),
    responses((status = 200, body = IncidentStory), (status = 404, body = ErrorBody)))]
async fn incident(
    _: Responder,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
) -> Result<Json<IncidentStory>> {
    let incident: IncidentId = id(&incident)?;
    let found = shown_incident(&doorway, incident).await?;
    let timeline = story_of_incident(&doorway, incident).await?.into_iter().map(Into::into).collect();
    Ok(Json(IncidentStory { incident: found, timeline }))
}

pub(crate) async fn shown_incident(doorway: &Doorway, incident: IncidentId) -> Result<ShownIncident> {
    let find = move |world: &World| {
        let header = || world.incidents.get(incident).map(|header| resolved(&header));
        world.incidents.open_by_id(incident).map(open).or_else(header)
    };
    doorway.view(find).await?.ok_or_else(|| Error::not_found(format!("incident `{incident}`")))
}

/// How many times streams are followed: incident, group, page, notification.
const STREAMS_FOLLOWED: usize = 4;

/// An incident's entries, with those of its groups, pages and notifications.
pub(crate) async fn story_of_incident(doorway: &Doorway, incident: IncidentId) -> Result<Vec<facts::Entry>> {
    let read = doorway.blocking(move |ports| {
        let mut streams = std::collections::BTreeSet::from([Stream::of(incident)]);
        let mut entries = Vec::new();
        for _ in 0..STREAMS_FOLLOWED {
            let wanted: Vec<Stream> = streams.iter().cloned().collect();
            entries = ports.journal.streams(&wanted, TIMELINE_ENTRIES_MAX)?;
            let before = streams.len();
            streams.extend(engine::views::streams_of_incident(&entries));
            if streams.len() == before {
                break;
            }
        }
        // An alert's stream holds its earlier firings too; they belong to other stories.
        if let Some(began_at) = entries.iter().find_map(|entry| began_at(entry, incident)) {
            entries.retain(|entry| entry.at >= began_at);
        }
        Ok::<_, crate::ports::Fault>(entries)
    });
    Ok(read.await??)
}

/// When an incident's disruption began, if this entry declares it.
fn began_at(entry: &facts::Entry, of: IncidentId) -> Option<Timestamp> {
    match &entry.fact {
        facts::Fact::Incidents(facts::IncidentsFact::IncidentDeclared { incident, began_at, .. }) => {
            (*incident == of).then_some(*began_at)
        }
        _ => None,
    }
}

/// A disruption.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Declaration {
    #[schema(value_type = String)]
    service: ServiceId,
    title: String,
    /// `minor`, `major` or `critical`.
    #[schema(value_type = String)]
    severity: Severity,
    /// When the disruption began; now, where it is not known.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    began_at: Option<Timestamp>,
    /// Who leads; whoever declares it, where nobody is named.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    leader: Option<PersonId>,
    /// The page that it is declared from.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    page: Option<PageId>,
}

/// Declare an incident. A service has at most one open one.
#[utoipa::path(post, path = "/v1/incidents", tag = "respond", request_body = Declaration,
    responses((status = 200, body = super::shapes::Done)))]
async fn declare(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Asked(body): Asked<Declaration>,
) -> DoneAnswer {
    let Declaration { service, title, severity, began_at, leader, page } = body;
    let group_of = move |world: &World| {
        let group = world.oncall.page(page?)?.group?;
        Some((group, world.alerting.group_began_at(group)))
    };
    let group = doorway.view(group_of).await?;
    let began_at = began_at.or(group.and_then(|(_, began_at)| began_at));
    let command = Command::DeclareIncident {
        service,
        severity,
        title,
        began_at,
        reason: page.map_or(DeclareReason::ByHand, DeclareReason::FromPage),
        groups: group.map(|(group, _)| group).into_iter().collect(),
        leader,
    };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// What is told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUpdate {
    text: String,
    /// `investigating`, `identified` or `monitoring`.
    #[schema(value_type = String)]
    phase: Phase,
    /// `internal` or `public`.
    #[schema(value_type = String)]
    audience: Audience,
    /// When the next update is due; the configured interval, where it is not given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_due: Option<Timestamp>,
}

/// Give an update.
#[utoipa::path(post, path = "/v1/incidents/{incident}/updates", tag = "respond", params(("incident" = String, Path)),
    request_body = NewUpdate, responses((status = 200, body = super::shapes::Done)))]
async fn post_update(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
    Asked(body): Asked<NewUpdate>,
) -> DoneAnswer {
    let NewUpdate { text, phase, audience, next_due } = body;
    let command = Command::PostUpdate { incident: id(&incident)?, audience, phase, text, next_due };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Write into the primary log.
#[utoipa::path(post, path = "/v1/incidents/{incident}/notes", tag = "respond", params(("incident" = String, Path)),
    request_body = Text, responses((status = 200, body = super::shapes::Done)))]
async fn write_note(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
    Asked(body): Asked<Text>,
) -> DoneAnswer {
    let command = Command::WriteNote { incident: id(&incident)?, text: body.text };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Let somebody lead.
#[utoipa::path(post, path = "/v1/incidents/{incident}/leader", tag = "respond", params(("incident" = String, Path)),
    request_body = Somebody, responses((status = 200, body = super::shapes::Done)))]
async fn assign_leader(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
    Asked(body): Asked<Somebody>,
) -> DoneAnswer {
    let command = Command::AssignLeader { incident: id(&incident)?, person: body.person };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

fn team(text: &str) -> Result<ResponseTeam> {
    match text {
        "recovery" => Ok(ResponseTeam::Recovery),
        "root_cause" => Ok(ResponseTeam::RootCause),
        other => {
            let error = Error::not_found(format!("team `{other}`"));
            Err(error.with_hint("an incident has `recovery` and `root_cause`"))
        }
    }
}

/// Let somebody join one of the two teams. Nobody is on both.
#[utoipa::path(post, path = "/v1/incidents/{incident}/teams/{team}", tag = "respond",
    params(("incident" = String, Path), ("team" = String, Path)), request_body = Somebody,
    responses((status = 200, body = super::shapes::Done)))]
async fn join_team(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path((incident, name)): Path<(String, String)>,
    Asked(body): Asked<Somebody>,
) -> DoneAnswer {
    let command = Command::JoinTeam { incident: id(&incident)?, team: team(&name)?, person: body.person };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Let somebody leave a team.
#[utoipa::path(delete, path = "/v1/incidents/{incident}/teams/{team}", tag = "respond",
    params(("incident" = String, Path), ("team" = String, Path)), request_body = Somebody,
    responses((status = 200, body = super::shapes::Done)))]
async fn leave_team(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path((incident, name)): Path<(String, String)>,
    Asked(body): Asked<Somebody>,
) -> DoneAnswer {
    let command = Command::LeaveTeam { incident: id(&incident)?, team: team(&name)?, person: body.person };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// How bad it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSeverity {
    #[schema(value_type = String)]
    severity: Severity,
    #[serde(default)]
    reason: String,
}

/// Change how bad an incident is.
#[utoipa::path(post, path = "/v1/incidents/{incident}/severity", tag = "respond", params(("incident" = String, Path)),
    request_body = NewSeverity, responses((status = 200, body = super::shapes::Done)))]
async fn change_severity(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
    Asked(body): Asked<NewSeverity>,
) -> DoneAnswer {
    let NewSeverity { severity, reason } = body;
    let command = Command::ChangeSeverity { incident: id(&incident)?, severity, reason };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Resolve an incident. Its post-mortem is drafted at once.
#[utoipa::path(post, path = "/v1/incidents/{incident}/resolve", operation_id = "resolve_incident", tag = "respond", params(("incident" = String, Path)),
    request_body = Text, responses((status = 200, body = super::shapes::Done)))]
async fn resolve(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
    Asked(body): Asked<Text>,
) -> DoneAnswer {
    let command = Command::ResolveIncident { incident: id(&incident)?, text: body.text };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}
