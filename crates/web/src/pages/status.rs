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

async fn incident(
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
    headers: HeaderMap,
) -> Answer {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use facts::configuration::StatusPage as Declared;

    use super::super::stage::{PAGE_BYTES_MAX, Stage, configuration};
    use super::*;

    #[tokio::test]
    async fn ninety_days_and_twenty_incidents_weigh_less_than_thirty_kilobytes() {
        let stage = Stage::new();
        stage.judge_days("shop", 90, |day| if day % 7 == 0 { 12 } else { 0 });
        stage.judge_days("search", 80, |day| if day % 11 == 0 { 45 } else { 0 });
        for place in 0..25 {
            let title = format!("Checkout fails for one in {place} customers who pay by card");
            stage.past_incident(
                &title,
                "Payments by card fail since this morning. We are looking for the reason.",
            );
            stage.advance(Span::from_hours(3));
        }
        stage.open_incident("Search is slow", "Search takes longer than usual. We look for the reason.");
        let page = stage.get("/status").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.len() < PAGE_BYTES_MAX, "{} bytes", page.body.len());
        assert_eq!(page.body.matches("<rect ").count(), 180, "every day of both services");
        page.shows(": down 12 min</title>").shows("5 older incidents are not shown").shows("Search is slow");
    }

    #[tokio::test]
    async fn many_services_stay_light_too() {
        let stage = Stage::new();
        let mut configuration = configuration();
        let search = configuration.services[&ServiceId::from("search")].clone();
        for place in 0..20 {
            let name = format!("service-{place}");
            configuration.services.insert(ServiceId::from(name.as_str()), search.clone());
            let page = configuration.status_pages.values_mut().next().unwrap();
            page.components.push(format!("{name}/*"));
        }
        stage.configure(configuration);
        for place in 0..20 {
            stage.judge_days(&format!("service-{place}"), 90, |day| if day == 40 { 3 } else { 0 });
        }
        let page = stage.get("/status").await;
        assert_eq!(page.status, StatusCode::OK);
        page.shows("service-19").shows(": down 3 min</title>");
        assert!(page.body.len() < PAGE_BYTES_MAX, "{} bytes", page.body.len());
    }

    #[tokio::test]
    async fn customers_see_what_was_published_and_nothing_else() {
        let stage = Stage::new();
        let incident = stage.open_incident("Checkout fails", "We are <looking>.");
        let note = incidents::Command::WriteNote { incident, text: "the intern did it".to_owned() };
        stage.decide(kernel::Actor::Person("alice".into()), note);
        let internal = incidents::Command::PostUpdate {
            incident,
            audience: facts::incidents::Audience::Internal,
            phase: facts::incidents::Phase::Identified,
            text: "the disk is full".to_owned(),
            next_due: None,
        };
        stage.decide(kernel::Actor::Person("alice".into()), internal);
        stage.fire("secret host db-7");
        for path in ["/status", "/status/incidents/inc_1"] {
            let page = stage.get(path).await;
            assert_eq!(page.status, StatusCode::OK);
            page.shows("Checkout fails").shows("We are &#60;looking&#62;.").hides("<looking");
            page.hides("intern").hides("disk").hides("alice").hides("db-7");
        }
        let page = stage.get("/status").await;
        page.shows("A partial outage affects some services").shows("partial outage");
        assert_eq!(page.header(header::CACHE_CONTROL), "public, max-age=10");
    }

    #[tokio::test]
    async fn an_incident_that_was_not_published_does_not_exist_for_customers() {
        let stage = Stage::new();
        stage.fire("too many errors");
        stage.post("/ack/alice.page_1", &[("declare", "yes")]).await;
        assert!(stage.world().incidents.open().next().is_some());
        stage.get("/status").await.shows("All services are operational").hides("inc_1");
        for id in ["inc_1", "inc_9", "x"] {
            let page = stage.get(&format!("/status/incidents/{id}")).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND);
        }
    }

    #[tokio::test]
    async fn time_that_was_not_measured_is_never_shown_as_available() {
        let stage = Stage::new();
        let page = stage.get("/status").await;
        page.shows("no data yet").shows(" class=n>").hides(" class=u>");
    }

    #[test]
    fn a_share_that_is_not_all_never_reads_as_all() {
        assert_eq!(percent(0.999_999_9), "99.999 %");
        assert_eq!(percent(1.0), "100.000 %");
        assert_eq!(percent(0.0), "0.000 %");
    }

    #[test]
    fn the_host_chooses_the_page() {
        let page = |host: Option<&str>| Declared { host: host.map(str::to_owned), ..Declared::default() };
        let pages = BTreeMap::from([
            (StatusPageId::new("a"), page(Some("a.example.com"))),
            (StatusPageId::new("b"), page(Some("Status.example.com"))),
            (StatusPageId::new("c"), page(None)),
        ]);
        let mut configuration = Configuration { status_pages: pages, ..Configuration::default() };
        let chosen_for = |configuration: &Configuration, host: Option<&str>| {
            let host = host.map(without_port);
            chosen(configuration, host.as_deref()).map(|id| id.to_string())
        };
        for (host, page) in [
            (Some("status.example.com:8443"), "b"),
            (Some("a.example.com"), "a"),
            (Some("elsewhere"), "c"),
            (None, "c"),
        ] {
            assert_eq!(chosen_for(&configuration, host).as_deref(), Some(page), "{host:?}");
        }
        configuration.status_pages.remove(&StatusPageId::new("c"));
        assert_eq!(chosen_for(&configuration, Some("elsewhere")).as_deref(), Some("a"));
        configuration.status_pages.clear();
        assert_eq!(chosen_for(&configuration, Some("a.example.com")), None);
    }

    #[tokio::test]
    async fn without_a_configuration_the_page_says_that_there_is_none() {
        let page = Stage::empty().get("/status").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        page.shows("there is no status page yet").shows("<!doctype html>");
    }
}
