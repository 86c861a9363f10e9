//! The system itself: its configuration, its journal, components on the status page, health and metrics.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use facts::status::ComponentStatus;
use facts::{Entry, Seq};
use futures_util::Stream;
use kernel::{ComponentId, ServiceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Path, Query};
use super::shapes::{DoneAnswer, ShownEntry};
use crate::access::{Admin, Responder};
use crate::answer::{Error, ErrorBody, Result};
use crate::body::Unpacked;
use crate::doors::Doorway;
use crate::live::Follower;
use crate::ports::{Problem, Submission};

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new()
        .routes(routes!(configuration, apply))
        .routes(routes!(journal))
        .routes(routes!(live))
        .routes(routes!(quarantine))
        .routes(routes!(release))
        .routes(routes!(set_component))
}

/// Routes for machines that watch us.
pub(super) fn undocumented() -> Router<Doorway> {
    Router::new().route("/metrics", get(own_metrics)).route("/healthz", get(health))
}

/// The configuration in force.
#[derive(Debug, Serialize, ToSchema)]
struct InForce {
    /// SHA-256 of the canonical text.
    hash: String,
    /// Where it came from.
    source: String,
    /// The canonical configuration.
    #[schema(value_type = Object)]
    configuration: facts::Configuration,
}

/// The configuration in force.
#[utoipa::path(get, path = "/v1/configuration", tag = "system",
    responses((status = 200, body = InForce), (status = 404, body = ErrorBody)))]
async fn configuration(_: Responder, State(doorway): State<Doorway>) -> Result<Json<InForce>> {
    let found = doorway.view(|world| world.applied().cloned()).await?;
    let applied = found.ok_or_else(|| Error::not_found("configuration yet"))?;
    let facts::ConfigurationApplied { hash, source, configuration } = applied;
    Ok(Json(InForce { hash, source, configuration }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ApplyOptions {
    /// Only check.
    #[serde(default)]
    dry_run: bool,
}

/// What became of a configuration.
#[derive(Debug, Serialize, ToSchema)]
struct Applied {
    /// Whether it is in force.
    applied: bool,
    /// What stands against it, or could be better.
    problems: Vec<Problem>,
    /// The last durable entry.
    revision: Option<u64>,
}

/// Apply a configuration. Refused with everything that stands against it, and where the server was started with one.
#[utoipa::path(post, path = "/v1/configuration", tag = "system", params(ApplyOptions), request_body = Object,
    responses((status = 200, body = Applied), (status = 409, body = ErrorBody), (status = 422, body = Applied)))]
async fn apply(
    Admin(caller): Admin,
    State(doorway): State<Doorway>,
    Query(options): Query<ApplyOptions>,
    body: Unpacked,
) -> Result<Response> {
    let submission: Submission = serde_json::from_slice(&body.0)
        .map_err(|error| Error::bad_request(format!("the body is not a configuration: {error}")))?;
    let problems = doorway.ports.configurations.check(&submission);
    if problems.iter().any(|problem| problem.is_error) {
        let refused = Applied { applied: false, problems, revision: None };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(refused)).into_response());
    }
    if options.dry_run {
        return Ok(Json(Applied { applied: false, problems, revision: None }).into_response());
    }
    if let Some(reason) = doorway.ports.configurations.read_only() {
        return Err(Error::new(StatusCode::CONFLICT, "configured_by_file", reason));
    }
    let command = doorway.blocking(move |ports| ports.configurations.prepare(submission)).await??;
    let decided = doorway.submit(caller.actor, command).await?;
    Ok(Json(Applied { applied: true, problems, revision: Some(decided.head.0) }).into_response())
}

/// The deadlines that are left alone because the process ended again and again at them.
#[utoipa::path(get, path = "/v1/quarantine", tag = "system", responses((status = 200, body = Vec<String>)))]
async fn quarantine(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<String>>> {
    let look = |world: &engine::World| world.quarantined().iter().map(engine::WakeReason::as_text).collect();
    Ok(Json(doorway.view(look).await?))
}

/// A deadline in quarantine.
#[derive(Debug, Deserialize, ToSchema)]
struct Release {
    /// As the list of them has it.
    deadline: String,
}

/// Have a deadline decided again that was left alone.
#[utoipa::path(post, path = "/v1/quarantine/release", tag = "system", request_body = Release,
    responses((status = 200, body = super::shapes::Done)))]
async fn release(
    Admin(caller): Admin,
    State(doorway): State<Doorway>,
    Asked(release): Asked<Release>,
) -> DoneAnswer {
    let command = engine::QuarantineCommand::Release { deadline: release.deadline };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct After {
    /// Entries after this one.
    #[serde(default)]
    after: u64,
}

/// Entries that one answer holds.
const ENTRIES_PER_ANSWER_MAX: usize = 500;

/// Entries of the journal, in order.
#[utoipa::path(get, path = "/v1/journal", tag = "system", params(After),
    responses((status = 200, body = Vec<ShownEntry>)))]
async fn journal(
    _: Responder,
    State(doorway): State<Doorway>,
    Query(After { after }): Query<After>,
) -> Result<Json<Vec<ShownEntry>>> {
    let read = doorway.blocking(move |ports| ports.journal.after(Seq(after), ENTRIES_PER_ANSWER_MAX));
    let entries = read.await??;
    Ok(Json(entries.into_iter().map(Into::into).collect()))
}

/// The journal as it grows, as Server-Sent Events whose id is the entry's place: a client that comes back with
/// `Last-Event-ID` misses nothing.
#[utoipa::path(get, path = "/v1/live", tag = "system", params(After),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn live(
    _: Responder,
    State(doorway): State<Doorway>,
    Query(After { after }): Query<After>,
    headers: axum::http::HeaderMap,
) -> impl IntoResponse {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = resumed.or((after > 0).then_some(after));
    let follower = doorway.doors.live.follow(after);
    Sse::new(entries(doorway, follower)).keep_alive(KeepAlive::default())
}

fn entries(
    doorway: Doorway,
    follower: Follower,
) -> impl Stream<Item = std::result::Result<Event, Infallible>> {
    let start = (doorway, follower, std::collections::VecDeque::new());
    futures_util::stream::unfold(start, |(doorway, mut follower, mut ready)| async move {
        loop {
            if let Some(event) = ready.pop_front() {
                return Some((Ok(event), (doorway, follower, ready)));
            }
            let next = if follower.is_behind {
                catch_up(&doorway, &mut follower).await?
            } else {
                follower.next().await?
            };
            ready.extend(next.into_iter().filter_map(|entry| {
                Event::default().id(entry.seq.0.to_string()).json_data(ShownEntry::from(entry)).ok()
            }));
        }
    })
}

/// Some of the entries that the follower has missed.
async fn catch_up(doorway: &Doorway, follower: &mut Follower) -> Option<Vec<Entry>> {
    let seen = Seq(follower.seen);
    let read = doorway.blocking(move |ports| ports.journal.after(seen, ENTRIES_PER_ANSWER_MAX));
    let entries = read.await.ok()?.ok()?;
    follower.seen = entries.last().map_or(follower.seen, |entry| entry.seq.0);
    follower.is_behind = entries.len() >= ENTRIES_PER_ANSWER_MAX;
    Some(entries)
}

/// How a component does.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    /// `operational`, `degraded_performance`, `partial_outage` or `major_outage`.
    #[schema(value_type = String)]
    status: ComponentStatus,
}

/// Show a component in another state on the status page.
#[utoipa::path(post, path = "/v1/services/{service}/components/{component}", tag = "inform",
    params(("service" = String, Path), ("component" = String, Path)), request_body = NewStatus,
    responses((status = 200, body = super::shapes::Done)))]
async fn set_component(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path((service, component)): Path<(String, String)>,
    Asked(body): Asked<NewStatus>,
) -> DoneAnswer {
    let command = status::Command::SetComponent {
        service: ServiceId::new(service),
        component: ComponentId::new(component),
        status: body.status,
        incident: None,
    };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

async fn own_metrics(_: Responder, State(doorway): State<Doorway>) -> Response {
    let text = doorway.ports.own_metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Whether the engine answers.
async fn health(State(doorway): State<Doorway>) -> Result<&'static str> {
    doorway.view(|_| "ok\n").await
}
