//! The public status page: what customers see, and nothing that was not published.
//!
//! Which of the configured pages is shown is chosen by the request's host. Everything here comes from the ledger and
//! from what was published to customers; an incident that has no public update does not exist on it.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use engine::views::{ServiceView, StatusPageView, status_page};
use facts::Configuration;
use facts::status::ComponentStatus;
use kernel::{IncidentId, ServiceId, Span, StatusPageId, Timestamp};
use status::{PublicIncident, PublicUpdate};

use super::bars::{Bars, DayFigure};
use super::limits::{BARS_MAX, HISTORY_INCIDENTS_MAX, UPDATE_CHARS_MAX, UPDATES_SHOWN_MAX};
use super::shell::{Answer, html};
use super::words::{self, Clock, Day, Tone, clip, length};
use crate::answer::{Error, Result};
use crate::doors::Doorway;

/// Caches between here and customers may hold the page this long: a crowd in an outage is theirs to serve.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=10");

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/status", get(whole)).route("/status/incidents/{incident}", get(incident))
}

/// The status page of the host that the request names; else a page without a host; else the first one.
pub(crate) async fn status_page_of(doorway: &Doorway, headers: &HeaderMap) -> Result<StatusPageView> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(without_port);
    let now = doorway.now();
    let find = move |world: &engine::World| {
        let page = world.configuration().and_then(|configuration| chosen(configuration, host.as_deref()));
        status_page(world, page.as_ref(), now)
    };
    let missing = || Error::not_found("status page yet").with_hint("it appears once services are configured");
    doorway.view(find).await?.ok_or_else(missing)
}

fn without_port(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.to_ascii_lowercase()
}

fn chosen(configuration: &Configuration, host: Option<&str>) -> Option<StatusPageId> {
    let pages = &configuration.status_pages;
    let is_named = |wanted: &str| host.is_some_and(|host| without_port(wanted) == host);
    let by_host = pages.iter().find(|(_, page)| page.host.as_deref().is_some_and(is_named));
    let for_all = || pages.iter().find(|(_, page)| page.host.is_none());
    by_host.or_else(for_all).or_else(|| pages.iter().next()).map(|(id, _)| id.clone())
}

async fn whole(State(doorway): State<Doorway>, headers: HeaderMap) -> Answer {
    let view = status_page_of(&doorway, &headers).await?;
    Ok(public(&StatusPage::of(&view)))
}

async fn incident(State(doorway): State<Doorway>, Path(incident): Path<String>, headers: HeaderMap) -> Answer {
    let view = status_page_of(&doorway, &headers).await?;
    let id = incident.parse::<IncidentId>().ok();
    let found = view.incidents.iter().find(|shown| Some(shown.id) == id);
    let missing = || Error::not_found("such incident on this page").with_hint("see all of them at /status");
    let found = found.ok_or_else(missing)?;
    let incident = IncidentLines::of(found, usize::MAX, usize::MAX);
    Ok(public(&StatusIncidentPage { title: &view.title, incident, at: Clock(view.at) }))
}

fn public(page: &impl Template) -> Response {
    let mut response = html(StatusCode::OK, page);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHED);
    response
}

#[derive(Template)]
#[template(path = "status.html", whitespace = "minimize")]
struct StatusPage<'v> {
    title: &'v str,
    overall: &'static str,
    tone: Tone,
    open: Vec<IncidentLines<'v>>,
    services: Vec<ServiceLines<'v>>,
    history: Vec<HistoryDay<'v>>,
    /// Past incidents that are not on the page.
    older: usize,
    at: Clock,
}

#[derive(Template)]
#[template(path = "status_incident.html", whitespace = "minimize")]
struct StatusIncidentPage<'v> {
    title: &'v str,
    incident: IncidentLines<'v>,
    at: Clock,
}

/// A service as the template shows it.
struct ServiceLines<'v> {
    id: &'v ServiceId,
    state: &'static str,
    tone: Tone,
    components: Vec<(String, &'static str, Tone)>,
    bars: Bars,
    /// Over the days of the bars.
    availability: Option<String>,
}

/// An incident as the template shows it.
struct IncidentLines<'v> {
    id: IncidentId,
    title: &'v str,
    service: &'v ServiceId,
    severity: &'static str,
    tone: Tone,
    phase: &'static str,
    published_at: Clock,
    resolved_at: Option<Clock>,
    lasted: Option<String>,
    /// Newest first.
    updates: Vec<UpdateLine>,
    /// Updates that are left out.
    more: usize,
}

struct UpdateLine {
    at: Clock,
    phase: &'static str,
    text: String,
}

/// Past incidents of one day.
struct HistoryDay<'v> {
    day: Day,
    incidents: Vec<IncidentLines<'v>>,
}

impl<'v> StatusPage<'v> {
    fn of(view: &'v StatusPageView) -> Self {
        let each = view.services.iter().map(|service| service.days.len()).sum::<usize>() <= BARS_MAX;
        let (open, past): (Vec<_>, Vec<_>) =
            view.incidents.iter().partition(|incident| incident.resolved_at.is_none());
        let (overall, tone) = overall(view, &open);
        Self {
            title: &view.title,
            overall,
            tone,
            services: view.services.iter().map(|service| service_lines(service, &open, each)).collect(),
            open: open
                .iter()
                .map(|incident| IncidentLines::of(incident, UPDATES_SHOWN_MAX, UPDATE_CHARS_MAX))
                .collect(),
            older: past.len().saturating_sub(HISTORY_INCIDENTS_MAX),
            history: history(&past),
            at: Clock(view.at),
        }
    }
}

/// The page in a sentence. An incident that customers were told of is never outshone by components that work.
fn overall(view: &StatusPageView, open: &[&PublicIncident]) -> (&'static str, Tone) {
    match view.worst {
        ComponentStatus::MajorOutage => ("A major outage affects some services", Tone::Bad),
        ComponentStatus::PartialOutage => ("A partial outage affects some services", Tone::Watch),
        ComponentStatus::DegradedPerformance => ("Some services are degraded", Tone::Watch),
        ComponentStatus::Operational if open.is_empty() => ("All services are operational", Tone::Good),
        ComponentStatus::Operational => ("We are watching an incident", Tone::Watch),
    }
}

fn service_lines<'v>(service: &'v ServiceView, open: &[&PublicIncident], each: bool) -> ServiceLines<'v> {
    let worst = service.components.iter().map(|component| component.status).max();
    let has_incident = open.iter().any(|incident| incident.service == service.id);
    let (state, tone) = match worst {
        Some(ComponentStatus::Operational) | None if has_incident => ("incident open", Tone::Watch),
        Some(status) => words::component(status),
        None => words::component(ComponentStatus::Operational),
    };
    let component = |component: &engine::views::ComponentView| {
        let (state, tone) = words::component(component.status);
        (component.id.to_string(), state, tone)
    };
    let days: Vec<DayFigure> =
        service.days.iter().map(|day| DayFigure { day: day.day, up: day.up, down: day.down }).collect();
    ServiceLines {
        id: &service.id,
        state,
        tone,
        components: service.components.iter().map(component).collect(),
        bars: Bars::new(service.id.as_str(), &days, each),
        availability: service.availability.map(percent),
    }
}

/// A part of the whole in percent, rounded down: what is not quite all never reads as 100 %.
fn percent(part: f64) -> String {
    format!("{:.3} %", (part * 1e5).floor() / 1e3)
}

fn history<'v>(past: &[&'v PublicIncident]) -> Vec<HistoryDay<'v>> {
    let mut days: BTreeMap<Timestamp, Vec<IncidentLines<'v>>> = BTreeMap::new();
    for incident in past.iter().take(HISTORY_INCIDENTS_MAX) {
        let day = incident.published_at.floor(Span::from_days(1));
        days.entry(day).or_default().push(IncidentLines::of(incident, 1, UPDATE_CHARS_MAX));
    }
    days.into_iter().rev().map(|(day, incidents)| HistoryDay { day: Day(day), incidents }).collect()
}

impl<'v> IncidentLines<'v> {
    fn of(incident: &'v PublicIncident, updates_max: usize, chars_max: usize) -> Self {
        let line = |update: &PublicUpdate| UpdateLine {
            at: Clock(update.at),
            phase: words::phase(update.phase),
            text: clip(&update.text, chars_max),
        };
        let lasted = incident.resolved_at.map(|resolved_at| length(resolved_at - incident.published_at));
        Self {
            id: incident.id,
            title: &incident.title,
            service: &incident.service,
            severity: words::severity(incident.severity),
            tone: words::severity_tone(incident.severity),
            phase: words::phase(incident.phase),
            published_at: Clock(incident.published_at),
            resolved_at: incident.resolved_at.map(Clock),
            lasted,
            updates: incident.updates.iter().rev().take(updates_max).map(line).collect(),
            more: incident.updates.len().saturating_sub(updates_max),
        }
    }
}
