//! What services send: request events and heartbeats.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::HeartbeatId;
use serde::{Deserialize, Serialize};
use signals::FailedWhen;
use signals::events;
use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Path, Query};
use crate::access::Sender;
use crate::answer::{Error, ErrorBody, Result};
use crate::body::Unpacked;
use crate::doors::Doorway;
use crate::ports::{Beat, RequestEvents};

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new()
        .routes(routes!(post_events))
        .routes(routes!(beat, beat_by_get))
        .routes(routes!(beat_said))
}

/// How many of the lines count.
#[derive(Debug, Default, Serialize, ToSchema)]
struct EventsTaken {
    /// Requests that count.
    counted: u64,
    /// Requests that happened more than an hour ago and do not count.
    late: u64,
    /// Requests that claim to happen more than ten minutes from now and do not count.
    early: u64,
    /// Lines that could not be read.
    unreadable: u64,
    /// The first unreadable lines, each with its number and what is wrong.
    problems: Vec<String>,
}

/// Events of which some were not taken, or a request of which none was.
enum NotAllTaken {}

impl PartialSchema for NotAllTaken {
    fn schema() -> RefOr<Schema> {
        let either = ["EventsTaken", "ErrorBody"].map(Ref::from_schema_name);
        either.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item).into()
    }
}

impl ToSchema for NotAllTaken {}

/// Which statuses failed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventsOptions {
    /// `5xx` unless given: `5xx,429`.
    failed: Option<String>,
}

/// Send request events, one JSON object a line, possibly gzip.
///
/// `{"service":"shop","time":"2026-11-20T09:30:00Z","status":200,"latency_ms":12.5}`; instead of `status`, `outcome`
/// may say `ok` or `failed`. Lines that cannot be read are reported and the others are kept. Answered once what
/// counts survives a crash.
#[utoipa::path(post, path = "/v1/events", tag = "measure", params(EventsOptions),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = EventsTaken), (status = 400, body = NotAllTaken)))]
async fn post_events(
    _: Sender,
    State(doorway): State<Doorway>,
    Query(options): Query<EventsOptions>,
    body: Unpacked,
) -> Result<Response> {
    let failed: FailedWhen = options
        .failed
        .map_or_else(|| Ok(FailedWhen::default()), |text| text.parse())
        .map_err(Error::bad_request)?;
    let arrived = doorway.now();
    let taken = doorway.blocking(move |ports| {
        let mut events = Vec::new();
        let report = events::parse(&body.0, |event| events.push(event));
        let counted: Vec<RequestEvents<'_>> = events
            .iter()
            .map(|event| RequestEvents {
                source: &event.service,
                at: event.time.unwrap_or(arrived),
                failed: event.outcome.is_failed(&failed),
                count: event.count,
            })
            .collect();
        let all: u64 = counted.iter().map(|event| event.count).sum();
        let uncounted = ports.requests.record(&counted)?;
        Ok::<_, Error>(EventsTaken {
            counted: all - uncounted.late - uncounted.early - uncounted.full,
            late: uncounted.late,
            early: uncounted.early,
            unreadable: report.refused,
            problems: report.errors.iter().map(ToString::to_string).collect(),
        })
    });
    let taken = taken.await??;
    // A sender that only looks at the status learns that something was not taken.
    let status = if taken.unreadable > 0 { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok((status, Json(taken)).into_response())
}

/// Say that a job ended well.
#[utoipa::path(post, path = "/v1/heartbeats/{key}", tag = "measure", params(("key" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn beat(_: Sender, State(doorway): State<Doorway>, Path(key): Path<String>) -> Result<StatusCode> {
    take(&doorway, key, Beat::Succeeded)
}

/// The same by GET, for what can only fetch.
#[utoipa::path(get, path = "/v1/heartbeats/{key}", tag = "measure", params(("key" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn beat_by_get(
    _: Sender,
    State(doorway): State<Doorway>,
    Path(key): Path<String>,
) -> Result<StatusCode> {
    take(&doorway, key, Beat::Succeeded)
}

/// Say how a job stands: `start`, `fail`, or its exit code. The body is the end of its log.
#[utoipa::path(post, path = "/v1/heartbeats/{key}/{event}", tag = "measure",
    params(("key" = String, Path), ("event" = String, Path)), request_body(content = String, content_type = "text/plain"),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn beat_said(
    _: Sender,
    State(doorway): State<Doorway>,
    Path((key, event)): Path<(String, String)>,
    body: Unpacked,
) -> Result<StatusCode> {
    let log = String::from_utf8_lossy(&body.0);
    let log: String = log.trim().chars().take(LOG_CHARS_KEPT).collect();
    let said = |what: &str| if log.is_empty() { what.to_owned() } else { format!("{what}: {log}") };
    let beat = match (event.as_str(), event.parse::<u8>()) {
        ("start", _) => Beat::Started,
        ("fail", _) => Beat::Failed(said("failed")),
        (_, Ok(0)) => Beat::Succeeded,
        (_, Ok(code)) => Beat::Failed(said(&format!("exit code {code}"))),
        (other, Err(_)) => {
            let error = Error::bad_request(format!("`{other}` is not an event of a heartbeat"));
            return Err(error.with_hint("`start`, `fail`, or an exit code from 0 to 255"));
        }
    };
    take(&doorway, key, beat)
}

/// Characters of a job's log that a fact keeps.
const LOG_CHARS_KEPT: usize = 500;

fn take(doorway: &Doorway, key: String, beat: Beat) -> Result<StatusCode> {
    let known = doorway.ports.heartbeats.beat(&HeartbeatId::new(key.as_str()), beat)?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Error::not_found(format!("heartbeat `{key}`"))) }
}
