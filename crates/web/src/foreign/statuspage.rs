//! Statuspage's public JSON, so that its clients work unchanged. Public: no credentials.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use engine::views::StatusPageView;
use facts::incidents::{Phase, Severity};
use facts::status::ComponentStatus;
use kernel::Timestamp;
use serde_json::{Value, json};
use status::{PublicIncident, PublicUpdate};

use crate::answer::Result;
use crate::doors::Doorway;
use crate::pages::status_page_of;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v2/summary.json", get(summary))
        .route("/api/v2/status.json", get(status))
        .route("/api/v2/components.json", get(components))
        .route("/api/v2/incidents.json", get(incidents))
        .route("/api/v2/incidents/unresolved.json", get(unresolved))
}

async fn summary(State(doorway): State<Doorway>, headers: HeaderMap) -> Result<Response> {
    let view = status_page_of(&doorway, &headers).await?;
    let open = view.incidents.iter().filter(|incident| incident.resolved_at.is_none());
    let incidents: Vec<Value> = open.map(|incident| incident_json(&view, incident)).collect();
    Ok(Json(json!({
        "page": page_json(&doorway, &view),
        "components": components_json(&view),
        "incidents": incidents,
        "scheduled_maintenances": [],
        "status": status_json(&view),
    }))
    .into_response())
}

async fn status(State(doorway): State<Doorway>, headers: HeaderMap) -> Result<Response> {
    let view = status_page_of(&doorway, &headers).await?;
    Ok(Json(json!({ "page": page_json(&doorway, &view), "status": status_json(&view) })).into_response())
}

async fn components(State(doorway): State<Doorway>, headers: HeaderMap) -> Result<Response> {
    let view = status_page_of(&doorway, &headers).await?;
    let body = json!({ "page": page_json(&doorway, &view), "components": components_json(&view) });
    Ok(Json(body).into_response())
}

async fn incidents(State(doorway): State<Doorway>, headers: HeaderMap) -> Result<Response> {
    let view = status_page_of(&doorway, &headers).await?;
    let all: Vec<Value> = view.incidents.iter().map(|incident| incident_json(&view, incident)).collect();
    Ok(Json(json!({ "page": page_json(&doorway, &view), "incidents": all })).into_response())
}

async fn unresolved(State(doorway): State<Doorway>, headers: HeaderMap) -> Result<Response> {
    let view = status_page_of(&doorway, &headers).await?;
    let open = view.incidents.iter().filter(|incident| incident.resolved_at.is_none());
    let open: Vec<Value> = open.map(|incident| incident_json(&view, incident)).collect();
    Ok(Json(json!({ "page": page_json(&doorway, &view), "incidents": open })).into_response())
}

/// The id of the page in Statuspage's sense: one per host, so one here.
fn page_id(view: &StatusPageView) -> String {
    view.id.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string)
}

fn page_json(doorway: &Doorway, view: &StatusPageView) -> Value {
    json!({
        "id": page_id(view),
        "name": view.title,
        "url": doorway.doors.public_url,
        "time_zone": "Etc/UTC",
        "updated_at": view.at,
    })
}

fn status_json(view: &StatusPageView) -> Value {
    let (indicator, description) = match view.worst {
        ComponentStatus::Operational => ("none", "All Systems Operational"),
        ComponentStatus::DegradedPerformance => ("minor", "Partially Degraded Service"),
        ComponentStatus::PartialOutage => ("major", "Partial System Outage"),
        ComponentStatus::MajorOutage => ("critical", "Major System Outage"),
    };
    json!({ "indicator": indicator, "description": description })
}

fn components_json(view: &StatusPageView) -> Vec<Value> {
    let mut position = 0;
    let mut all = Vec::new();
    for service in &view.services {
        let ids: Vec<String> =
            service.components.iter().map(|component| format!("{}.{}", service.id, component.id)).collect();
        position += 1;
        let worst = service.components.iter().map(|component| component.status).max();
        let group = Shape {
            id: service.id.to_string(),
            name: service.id.to_string(),
            status: worst.unwrap_or(ComponentStatus::Operational),
            updated_at: None,
            position,
            group_id: None,
        };
        let mut group = group.json(view);
        group["group"] = json!(true);
        group["components"] = json!(ids);
        all.push(group);
        for (component, id) in service.components.iter().zip(ids) {
            position += 1;
            let shape = Shape {
                id,
                name: component.id.to_string(),
                status: component.status,
                updated_at: component.since,
                position,
                group_id: Some(service.id.to_string()),
            };
            all.push(shape.json(view));
        }
    }
    all
}

struct Shape {
    id: String,
    name: String,
    status: ComponentStatus,
    updated_at: Option<Timestamp>,
    position: u32,
    group_id: Option<String>,
}

impl Shape {
    fn json(self, view: &StatusPageView) -> Value {
        let updated_at = self.updated_at.unwrap_or(view.at);
        json!({
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "created_at": updated_at,
            "updated_at": updated_at,
            "position": self.position,
            "description": null,
            "showcase": true,
            "start_date": null,
            "group_id": self.group_id,
            "page_id": page_id(view),
            "group": false,
            "only_show_if_degraded": false,
        })
    }
}

fn incident_json(view: &StatusPageView, incident: &PublicIncident) -> Value {
    let newest_first = incident.updates.iter().enumerate().rev();
    let updates: Vec<Value> =
        newest_first.map(|(place, update)| update_json(incident, place, update)).collect();
    let monitoring_at =
        incident.updates.iter().find(|update| update.phase == Phase::Monitoring).map(|u| u.at);
    json!({
        "id": incident.id,
        "name": incident.title,
        "status": incident.phase,
        "created_at": incident.published_at,
        "updated_at": incident.updates.last().map_or(incident.published_at, |update| update.at),
        "monitoring_at": monitoring_at,
        "resolved_at": incident.resolved_at,
        "impact": impact(incident.severity),
        "shortlink": format!("/status/incidents/{}", incident.id),
        "started_at": incident.published_at,
        "page_id": page_id(view),
        "incident_updates": updates,
        "components": [],
    })
}

fn update_json(incident: &PublicIncident, place: usize, update: &PublicUpdate) -> Value {
    json!({
        "id": format!("{}-{place}", incident.id),
        "status": update.phase,
        "body": update.text,
        "incident_id": incident.id,
        "created_at": update.at,
        "updated_at": update.at,
        "display_at": update.at,
        "affected_components": [],
        "deliver_notifications": true,
        "custom_tweet": null,
        "tweet_id": null,
    })
}

fn impact(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    }
}
