//! Incidents and tickets: the list, and one incident with its primary log and everything its people do from it.

use std::collections::BTreeSet;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use engine::World;
use facts::incidents::{Audience, DeclareReason, Phase, ResponseTeam, Severity};
use incidents::Command;
use kernel::{IncidentId, PersonId, PostMortemId, ServiceId, Timestamp};
use serde::Deserialize;

use super::form::{Filled, given, id, utc};
use super::limits::LINES_MAX;
use super::now::{DueClock, IncidentLine, TicketLine};
use super::page::Timeline;
use super::shell::{Answer, Here, Notice, Shell, SignedIn, html, see_other};
use super::words::{self, Clock, Tone, length};
use crate::answer::{Error, Result};
use crate::doors::Doorway;
use crate::ports::Caller;
use crate::v1::incidents::story_of_incident;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/incidents", get(look_at_all).post(act_on_all))
        .route("/incidents/{incident}", get(look).post(act))
}

async fn look_at_all(SignedIn(caller): SignedIn, State(doorway): State<Doorway>) -> Answer {
    show_all(&doorway, &caller, None).await
}

/// What the list's forms ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum ListAct {
    Declare { service: ServiceId, title: String, severity: Severity, began_at: String },
    Own { ticket: String, person: PersonId },
    CloseTicket { ticket: String, resolution: String },
}

impl ListAct {
    fn wrote(&self) -> String {
        match self {
            ListAct::Declare { title, .. } => title.clone(),
            ListAct::Own { .. } => String::new(),
            ListAct::CloseTicket { resolution, .. } => resolution.clone(),
        }
    }

    fn into_command(self) -> Result<Command> {
        Ok(match self {
            ListAct::Declare { service, title, severity, began_at } => Command::DeclareIncident {
                service,
                severity,
                title,
                began_at: given(&began_at).map(utc).transpose()?,
                reason: DeclareReason::ByHand,
                groups: Vec::new(),
                leader: None,
            },
            ListAct::Own { ticket, person } => Command::AssignTicket { ticket: id(&ticket)?, person },
            ListAct::CloseTicket { ticket, resolution } => {
                Command::CloseTicket { ticket: id(&ticket)?, resolution }
            }
        })
    }
}

async fn act_on_all(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Filled(act): Filled<ListAct>,
) -> Answer {
    let wrote = act.wrote();
    let done = match act.into_command() {
        Ok(command) => doorway.submit(caller.actor.clone(), command).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => Ok(see_other("/incidents")),
        Err(error) => show_all(&doorway, &caller, Some(Notice::new(error, wrote))).await,
    }
}

async fn show_all(doorway: &Doorway, caller: &Caller, notice: Option<Notice>) -> Answer {
    let now = doorway.now();
    let view = doorway.view(move |world| ListView::of(world, now)).await?;
    let shell = Shell::new(caller, Here::Incidents, notice);
    Ok(html(shell.status(), &IncidentsPage { shell, view }))
}

#[derive(Template)]
#[template(path = "incidents.html", whitespace = "minimize")]
struct IncidentsPage {
    shell: Shell,
    view: ListView,
}

/// What stands on the list.
#[derive(Debug)]
struct ListView {
    open: Vec<IncidentLine>,
    resolved: Vec<ResolvedLine>,
    more_resolved: usize,
    tickets: Vec<TicketLine>,
    more_tickets: usize,
    /// Services that an incident can be declared of.
    services: Vec<ServiceId>,
    people: Vec<PersonId>,
}

#[derive(Debug)]
struct ResolvedLine {
    id: IncidentId,
    title: String,
    service: ServiceId,
    severity: &'static str,
    began_at: Clock,
    lasted: Option<String>,
    review: Option<PostMortemId>,
}

impl ListView {
    fn of(world: &World, now: Timestamp) -> Self {
        let services =
            world.configuration().into_iter().flat_map(|configuration| configuration.services.keys());
        Self {
            open: world.incidents.open().map(|incident| IncidentLine::of(incident, now)).collect(),
            more_resolved: world.incidents.resolved().count().saturating_sub(LINES_MAX),
            resolved: world
                .incidents
                .resolved()
                .take(LINES_MAX)
                .map(|header| resolved(world, header))
                .collect(),
            more_tickets: world.incidents.tickets().count().saturating_sub(LINES_MAX),
            tickets: world
                .incidents
                .tickets()
                .take(LINES_MAX)
                .map(|ticket| TicketLine::of(ticket, now))
                .collect(),
            services: services.filter(|id| world.incidents.open_of(id).is_none()).cloned().collect(),
            people: people(world),
        }
    }
}

/// Everybody whom the configuration knows.
pub(super) fn people(world: &World) -> Vec<PersonId> {
    world.configuration().into_iter().flat_map(|configuration| configuration.people.keys().cloned()).collect()
}

fn resolved(world: &World, header: &incidents::Header) -> ResolvedLine {
    ResolvedLine {
        id: header.id,
        title: header.title.clone(),
        service: header.service.clone(),
        severity: words::severity(header.severity),
        began_at: Clock(header.began_at),
        lasted: header.resolved_at.map(|resolved_at| length(resolved_at - header.began_at)),
        review: world.learning.review_of(header.id).map(|review| review.id),
    }
}

async fn look(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
) -> Answer {
    show(&doorway, &caller, id(&incident)?, None).await
}

/// What an incident's forms ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum Act {
    Note { text: String },
    Update { text: String, phase: Phase, audience: Audience, next_due: String },
    Leader { person: PersonId },
    Join { team: ResponseTeam, person: PersonId },
    Leave { team: ResponseTeam, person: PersonId },
    Severity { severity: Severity, reason: String },
    Resolve { text: String },
}

impl Act {
    fn wrote(&self) -> String {
        match self {
            Act::Note { text } | Act::Update { text, .. } | Act::Resolve { text } => text.clone(),
            Act::Severity { reason, .. } => reason.clone(),
            Act::Leader { .. } | Act::Join { .. } | Act::Leave { .. } => String::new(),
        }
    }

    fn into_command(self, incident: IncidentId) -> Result<Command> {
        Ok(match self {
            Act::Note { text } => Command::WriteNote { incident, text },
            Act::Update { text, phase, audience, next_due } => {
                let next_due = given(&next_due).map(utc).transpose()?;
                Command::PostUpdate { incident, audience, phase, text, next_due }
            }
            Act::Leader { person } => Command::AssignLeader { incident, person },
            Act::Join { team, person } => Command::JoinTeam { incident, team, person },
            Act::Leave { team, person } => Command::LeaveTeam { incident, team, person },
            Act::Severity { severity, reason } => Command::ChangeSeverity { incident, severity, reason },
            Act::Resolve { text } => Command::ResolveIncident { incident, text },
        })
    }
}

async fn act(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(incident): Path<String>,
    Filled(act): Filled<Act>,
) -> Answer {
    let incident: IncidentId = id(&incident)?;
    let wrote = act.wrote();
    let done = match act.into_command(incident) {
        Ok(command) => doorway.submit(caller.actor.clone(), command).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/incidents/{incident}"))),
        Err(error) => show(&doorway, &caller, incident, Some(Notice::new(error, wrote))).await,
    }
}

async fn show(doorway: &Doorway, caller: &Caller, incident: IncidentId, notice: Option<Notice>) -> Answer {
    let now = doorway.now();
    let missing = || Error::not_found(format!("incident `{incident}` in memory"));
    let view =
        doorway.view(move |world| IncidentView::of(world, incident, now)).await?.ok_or_else(missing)?;
    let timeline = Timeline::of(story_of_incident(doorway, incident).await?);
    let shell = Shell::new(caller, Here::Incidents, notice);
    Ok(html(shell.status(), &IncidentPage { shell, view, timeline }))
}

#[derive(Template)]
#[template(path = "incident.html", whitespace = "minimize")]
struct IncidentPage {
    shell: Shell,
    view: IncidentView,
    timeline: Timeline,
}

/// What stands at an incident's head.
#[derive(Debug)]
struct IncidentView {
    id: IncidentId,
    title: String,
    service: ServiceId,
    severity: &'static str,
    tone: Tone,
    began_at: Clock,
    declared_at: Clock,
    resolved_at: Option<Clock>,
    lasted: Option<String>,
    /// Of one that is open.
    response: Option<Response>,
    is_public: bool,
    review: Option<PostMortemId>,
}

/// Who does what in an open incident.
#[derive(Debug)]
struct Response {
    phase: &'static str,
    leader: Option<PersonId>,
    teams: [Team; 2],
    due: DueClock,
    people: Vec<PersonId>,
    /// Whether any of its alerts still fires.
    fires: bool,
    has_alerts: bool,
}

#[derive(Debug)]
struct Team {
    /// As the form names it.
    key: &'static str,
    name: &'static str,
    members: Vec<PersonId>,
    /// Who could join.
    others: Vec<PersonId>,
}

impl IncidentView {
    fn of(world: &World, id: IncidentId, now: Timestamp) -> Option<Self> {
        let header = world.incidents.get(id)?;
        let response = world.incidents.open_by_id(id).map(|open| response(world, open, now));
        Some(Self {
            id,
            title: header.title,
            service: header.service,
            severity: words::severity(header.severity),
            tone: words::severity_tone(header.severity),
            began_at: Clock(header.began_at),
            declared_at: Clock(header.declared_at),
            resolved_at: header.resolved_at.map(Clock),
            lasted: header.resolved_at.map(|resolved_at| length(resolved_at - header.began_at)),
            response,
            is_public: world.status.incident(id).is_some(),
            review: world.learning.review_of(id).map(|review| review.id),
        })
    }
}

fn response(world: &World, incident: &incidents::Incident, now: Timestamp) -> Response {
    let people = people(world);
    let team = |key, name, members: &BTreeSet<PersonId>, others: &BTreeSet<PersonId>| {
        let free = people.iter().filter(|person| !members.contains(person) && !others.contains(person));
        Team { key, name, members: members.iter().cloned().collect(), others: free.cloned().collect() }
    };
    Response {
        phase: words::phase(incident.phase),
        leader: incident.leader.clone(),
        teams: [
            team("recovery", "Recovery team", &incident.recovery, &incident.root_cause),
            team("root_cause", "Root-cause team", &incident.root_cause, &incident.recovery),
        ],
        due: DueClock::new(incident.update_due, now),
        fires: incident.groups.values().any(|fires| *fires),
        has_alerts: !incident.groups.is_empty(),
        people,
    }
}
