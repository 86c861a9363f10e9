//! Alertmanager's API v2, as a Prometheus or `amtool` speaks it: alerts in, alerts out, silences.
//!
//! Posting is all or nothing for what is durable, but not for what is right: alerts that cannot be taken are named in
//! a 400, and the others of the same body are kept, as Alertmanager does.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use facts::alerting::Matcher;
use kernel::limits::ALERTS_PER_REQUEST_MAX;
use kernel::{Labels, SilenceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::access::{Responder, Sender};
use crate::answer::{Error, Result};
use crate::body::Unpacked;
use crate::doors::Doorway;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v2/alerts", post(post_alerts).get(get_alerts))
        .route("/api/v2/status", get(status))
        .route("/api/v2/silences", post(post_silence).get(get_silences))
        .route("/api/v2/silence/{id}", delete(delete_silence).get(get_silence))
        .route("/-/ready", get(|| async { "ready\n" }))
        .route("/-/healthy", get(|| async { "healthy\n" }))
}

/// An alert as a sender posts it. Keys that Alertmanager does not know are passed over there, and so here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlertBody {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// Senders in Go write a time that they do not have as the first instant of the year 1, with or without a fraction.
const NO_TIME_BEFORE: Timestamp = Timestamp::from_secs(-62_135_510_400);

impl AlertBody {
    fn into_posted(self) -> std::result::Result<alerting::PostedAlert, String> {
        let instant = |text: Option<String>| match text.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => text.parse::<Timestamp>().map(|at| Some(at).filter(|at| *at >= NO_TIME_BEFORE)),
        };
        let posted = alerting::PostedAlert {
            labels: Labels::new(self.labels).map_err(|error| error.to_string())?,
            annotations: self.annotations,
            starts_at: instant(self.starts_at)?,
            ends_at: instant(self.ends_at)?,
            generator_url: self.generator_url.filter(|url| !url.is_empty()),
        };
        alerting::validate(&posted).map_err(|bad| bad.to_string())?;
        Ok(posted)
    }
}

async fn post_alerts(
    Sender(caller): Sender,
    State(doorway): State<Doorway>,
    body: Unpacked,
) -> Result<Response> {
    let bodies: Vec<AlertBody> = serde_json::from_slice(&body.0)
        .map_err(|error| Error::bad_request(format!("the body is not a list of alerts: {error}")))?;
    if bodies.len() > ALERTS_PER_REQUEST_MAX {
        let message = format!("{} alerts in one body are more than {ALERTS_PER_REQUEST_MAX}", bodies.len());
        return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_alerts", message));
    }
    let mut alerts = Vec::with_capacity(bodies.len());
    let mut bad = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        match body.into_posted() {
            Ok(alert) => alerts.push(alert),
            Err(problem) => bad.push(format!("alert {place}: {problem}")),
        }
    }
    for some in alerts.chunks(alerting::limits::ALERTS_PER_COMMAND_MAX) {
        doorway.submit(caller.actor.clone(), alerting::Command::ReceiveAlerts(some.to_vec())).await?;
    }
    if bad.is_empty() { Ok(StatusCode::OK.into_response()) } else { Err(Error::bad_request(bad.join("; "))) }
}

/// An alert as Alertmanager shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownAlert {
    labels: Labels,
    annotations: BTreeMap<String, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    updated_at: Timestamp,
    fingerprint: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    receivers: Vec<Receiver>,
    status: ShownStatus,
}

#[derive(Debug, Serialize)]
struct Receiver {
    name: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownStatus {
    state: &'static str,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

/// Which alerts `GET /api/v2/alerts` is asked for.
struct Filter {
    matchers: Vec<promql::Matcher>,
    active: bool,
    silenced: bool,
}

impl Filter {
    fn of(query: Option<&str>) -> Result<Self> {
        let mut filter = Self { matchers: Vec::new(), active: true, silenced: true };
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "filter" => filter.matchers.push(matcher(&value)?),
                "active" => filter.active = value == "true",
                "silenced" => filter.silenced = value == "true",
                _ => {}
            }
        }
        Ok(filter)
    }

    fn lets_through(&self, status: &alerting::AlertStatus<'_>) -> bool {
        let wanted = if status.silenced_by.is_empty() { self.active } else { self.silenced };
        wanted
            && self.matchers.iter().all(|m| m.matches(status.alert.fired.labels.get(m.name()).unwrap_or("")))
    }
}

/// `name="value"`, with or without quotes, and the operators of PromQL.
fn matcher(text: &str) -> Result<promql::Matcher> {
    let error = || Error::bad_request(format!("`{text}` is not a matcher like `service=\"shop\"`"));
    let operator = text.find(['=', '!']).ok_or_else(error)?;
    let (name, rest) = text.split_at(operator);
    let operators = [
        ("=~", promql::MatchOp::Regex),
        ("!~", promql::MatchOp::NotRegex),
        ("!=", promql::MatchOp::NotEqual),
        ("=", promql::MatchOp::Equal),
    ];
    let (sign, op) = operators.into_iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(error)?;
    let value = rest[sign.len()..].trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    promql::Matcher::new(name.trim(), op, value).map_err(|problem| Error::bad_request(problem.to_string()))
}

async fn get_alerts(_: Responder, State(doorway): State<Doorway>, uri: axum::http::Uri) -> Result<Response> {
    let filter = Filter::of(uri.query())?;
    let now = doorway.now();
    let shown = doorway.view(move |world| {
        let statuses = world.alerting.alerts().map(|alert| world.alerting.status(alert, now));
        statuses
            .filter(|status| filter.lets_through(status))
            .map(|status| shown(&status, now))
            .collect::<Vec<_>>()
    });
    Ok(Json(shown.await?).into_response())
}

fn shown(status: &alerting::AlertStatus<'_>, now: Timestamp) -> ShownAlert {
    let fired = &status.alert.fired;
    ShownAlert {
        labels: fired.labels.clone(),
        annotations: fired.annotations.clone(),
        starts_at: fired.starts_at,
        ends_at: fired.expires_at.unwrap_or(now + kernel::Span::from_mins(5)),
        updated_at: status.alert.fired_at,
        fingerprint: fired.fingerprint.to_string(),
        generator_url: fired.generator_url.clone().unwrap_or_default(),
        receivers: vec![Receiver { name: fired.priority.as_str() }],
        status: ShownStatus {
            state: if status.is_suppressed { "suppressed" } else { "active" },
            silenced_by: status.silenced_by.iter().map(ToString::to_string).collect(),
            inhibited_by: Vec::new(),
            muted_by: Vec::new(),
        },
    }
}

async fn status(_: Responder, State(doorway): State<Doorway>) -> Result<Response> {
    let configuration = doorway.view(|world| world.applied().map(|applied| applied.source.clone())).await?;
    let body = serde_json::json!({
        "cluster": { "name": "swan", "status": "disabled", "peers": [] },
        "config": { "original": format!("# swan: {}", configuration.unwrap_or_default()) },
        "uptime": doorway.now(),
        "versionInfo": {
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
            "version": env!("CARGO_PKG_VERSION"),
        },
    });
    Ok(Json(body).into_response())
}

/// A silence as a client posts it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SilenceBody {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<MatcherBody>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    created_by: String,
    comment: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherBody {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

async fn post_silence(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    body: Unpacked,
) -> Result<Response> {
    let body: SilenceBody = serde_json::from_slice(&body.0)
        .map_err(|error| Error::bad_request(format!("the body is not a silence: {error}")))?;
    let replaces = body.id.filter(|id| !id.is_empty()).map(|id| silence_id(&id)).transpose()?;
    let matchers = body.matchers.into_iter().map(|m| Matcher {
        name: m.name,
        value: m.value,
        is_regex: m.is_regex,
        is_equal: m.is_equal,
    });
    let create = alerting::Command::CreateSilence {
        replaces,
        matchers: matchers.collect(),
        starts_at: body.starts_at,
        ends_at: body.ends_at,
        comment: body.comment,
        created_by: body.created_by,
    };
    let decided = doorway.submit(caller.actor, create).await?;
    let created = decided.entries.iter().find_map(|entry| match &entry.fact {
        facts::Fact::Alerting(facts::AlertingFact::SilenceCreated { silence, .. }) => Some(*silence),
        _ => None,
    });
    let id = created.or(replaces).map(|id| id.to_string());
    Ok(Json(serde_json::json!({ "silenceID": id })).into_response())
}

/// A silence as Alertmanager shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownSilence {
    id: String,
    status: SilenceState,
    matchers: Vec<MatcherBody>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    updated_at: Timestamp,
    created_by: String,
    comment: String,
}

#[derive(Debug, Serialize)]
struct SilenceState {
    state: &'static str,
}

fn shown_silence(silence: &alerting::Silence, now: Timestamp) -> ShownSilence {
    let matchers = silence.matchers().map(|m| MatcherBody {
        name: m.name.clone(),
        value: m.value.clone(),
        is_regex: m.is_regex,
        is_equal: m.is_equal,
    });
    ShownSilence {
        id: silence.id.to_string(),
        status: SilenceState { state: silence.phase(now).as_str() },
        matchers: matchers.collect(),
        starts_at: silence.starts_at,
        ends_at: silence.ended_at.unwrap_or(silence.ends_at),
        updated_at: silence.ended_at.unwrap_or(silence.starts_at),
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
    }
}

async fn get_silences(_: Responder, State(doorway): State<Doorway>) -> Result<Response> {
    let now = doorway.now();
    let list = move |world: &engine::World| {
        world.alerting.silences().map(|silence| shown_silence(silence, now)).collect::<Vec<_>>()
    };
    Ok(Json(doorway.view(list).await?).into_response())
}

async fn get_silence(
    _: Responder,
    State(doorway): State<Doorway>,
    Path(id): Path<String>,
) -> Result<Response> {
    let (id, now) = (silence_id(&id)?, doorway.now());
    let found =
        doorway.view(move |world| world.alerting.silence(id).map(|found| shown_silence(found, now))).await?;
    found.map(|found| Json(found).into_response()).ok_or_else(|| Error::not_found(format!("silence `{id}`")))
}

async fn delete_silence(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(id): Path<String>,
) -> Result<Response> {
    let silence = silence_id(&id)?;
    doorway.submit(caller.actor, alerting::Command::ExpireSilence { silence }).await?;
    Ok(StatusCode::OK.into_response())
}

fn silence_id(text: &str) -> Result<SilenceId> {
    text.parse().map_err(|_| Error::not_found(format!("silence `{text}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(ends_at: &str) -> alerting::PostedAlert {
        let body = format!(r#"{{"labels":{{"alertname":"Down"}},"endsAt":"{ends_at}"}}"#);
        serde_json::from_str::<AlertBody>(&body).unwrap().into_posted().unwrap()
    }

    #[test]
    fn an_alert_whose_sender_has_no_end_fires() {
        assert_eq!(posted("0001-01-01T00:00:00Z").ends_at, None);
        assert_eq!(posted("0001-01-01T00:00:00.000Z").ends_at, None);
        let end = "2026-11-20T09:30:00Z";
        assert_eq!(posted(end).ends_at, Some(end.parse().unwrap()));
    }
}
