//! The page for a wall screen: is anything wrong, who is on it, how much budget is left.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use engine::World;
use kernel::{IncidentId, PageId, PersonId, RotationId, ServiceId, TicketId, Timestamp};
use serde::Deserialize;

use super::limits::LINES_MAX;
use super::services::{BudgetLine, Standing, budgets};
use super::shell::{Answer, Here, Shell, SignedIn, html};
use super::words::{self, Clock, Precise, Tone, length};
use crate::doors::Doorway;

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/", get(look))
}

/// How the page is looked at.
#[derive(Debug, Deserialize)]
struct Look {
    /// Present where it is not to be fetched again by itself.
    #[serde(default)]
    still: Option<String>,
}

async fn look(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Query(look): Query<Look>,
) -> Answer {
    let now = doorway.now();
    let view = doorway.view(move |world| NowView::of(world, now)).await?;
    let shell = Shell::new(&caller, Here::Now, None);
    Ok(html(shell.status(), &NowPage { shell, refreshes: look.still.is_none(), view }))
}

#[derive(Template)]
#[template(path = "now.html", whitespace = "minimize")]
struct NowPage {
    shell: Shell,
    refreshes: bool,
    view: NowView,
}

/// What stands on the page.
#[derive(Debug)]
struct NowView {
    at: Precise,
    is_configured: bool,
    services: Vec<ServiceCard>,
    incidents: Vec<IncidentLine>,
    pages: Vec<PageLine>,
    more_pages: usize,
    duties: Vec<DutyLine>,
    tickets: Vec<TicketLine>,
    more_tickets: usize,
}

#[derive(Debug)]
struct ServiceCard {
    id: ServiceId,
    standing: Standing,
    incident: Option<IncidentId>,
    budgets: Vec<BudgetLine>,
}

/// An open incident and its next update.
#[derive(Debug)]
pub(super) struct IncidentLine {
    pub(super) id: IncidentId,
    pub(super) title: String,
    pub(super) service: ServiceId,
    pub(super) severity: &'static str,
    pub(super) tone: Tone,
    pub(super) phase: &'static str,
    pub(super) leader: Option<PersonId>,
    pub(super) due: DueClock,
}

/// When something is due, and how far that is.
#[derive(Debug)]
pub(super) struct DueClock {
    pub(super) at: Clock,
    pub(super) is_late: bool,
    /// `in 12 min` or `5 min late`.
    pub(super) words: String,
}

/// An open page and what happens next.
#[derive(Debug)]
struct PageLine {
    id: PageId,
    title: String,
    service: Option<ServiceId>,
    tone: Tone,
    since: Clock,
    /// The next deadline with its reason, or who took it.
    next: String,
    responders: Vec<PersonId>,
}

#[derive(Debug)]
struct DutyLine {
    rotation: RotationId,
    person: Option<PersonId>,
    until: Option<Clock>,
    next: Option<PersonId>,
}

/// An open ticket.
#[derive(Debug)]
pub(super) struct TicketLine {
    pub(super) id: TicketId,
    pub(super) title: String,
    pub(super) service: Option<ServiceId>,
    pub(super) due: DueClock,
    pub(super) owner: Option<PersonId>,
}

impl NowView {
    fn of(world: &World, now: Timestamp) -> Self {
        let pages: Vec<PageLine> =
            world.oncall.open_pages().take(LINES_MAX).map(|page| page_line(page, now)).collect();
        let tickets: Vec<TicketLine> =
            world.incidents.tickets().take(LINES_MAX).map(|ticket| TicketLine::of(ticket, now)).collect();
        Self {
            at: Precise(now),
            is_configured: world.configuration().is_some(),
            services: services(world, now),
            incidents: world.incidents.open().map(|incident| IncidentLine::of(incident, now)).collect(),
            more_pages: world.oncall.open_pages().count() - pages.len(),
            pages,
            duties: world.oncall.who(now).into_iter().map(duty_line).collect(),
            more_tickets: world.incidents.tickets().count() - tickets.len(),
            tickets,
        }
    }
}

fn services(world: &World, now: Timestamp) -> Vec<ServiceCard> {
    let declared = world.configuration().into_iter().flat_map(|configuration| &configuration.services);
    let card = |(id, service): (&ServiceId, &facts::configuration::Service)| ServiceCard {
        id: id.clone(),
        standing: Standing::of(world, id, service, now),
        incident: world.incidents.open_of(id).map(|incident| incident.id),
        budgets: budgets(world, id, service, now),
    };
    declared.map(card).collect()
}

impl IncidentLine {
    pub(super) fn of(incident: &incidents::Incident, now: Timestamp) -> Self {
        Self {
            id: incident.id,
            title: incident.title.clone(),
            service: incident.service.clone(),
            severity: words::severity(incident.severity),
            tone: words::severity_tone(incident.severity),
            phase: words::phase(incident.phase),
            leader: incident.leader.clone(),
            due: DueClock::new(incident.update_due, now),
        }
    }
}

impl DueClock {
    pub(super) fn new(due: Timestamp, now: Timestamp) -> Self {
        let is_late = due <= now;
        let words =
            if is_late { format!("{} late", length(now - due)) } else { format!("in {}", length(due - now)) };
        Self { at: Clock(due), is_late, words }
    }
}

impl TicketLine {
    pub(super) fn of(ticket: &incidents::Ticket, now: Timestamp) -> Self {
        Self {
            id: ticket.id,
            title: ticket.title.clone(),
            service: ticket.service.clone(),
            due: DueClock::new(ticket.due, now),
            owner: ticket.owner.clone(),
        }
    }
}

fn page_line(page: &oncall::Page, now: Timestamp) -> PageLine {
    let responders = page.step.iter().flat_map(|step| &step.responders);
    PageLine {
        id: page.id,
        title: page.title.clone(),
        service: page.service.clone(),
        tone: if page.acknowledged.is_some() { Tone::Watch } else { Tone::Bad },
        since: Clock(page.opened_at),
        next: page.next_in_words(now),
        responders: responders.map(|responder| responder.person.clone()).collect(),
    }
}

fn duty_line(duty: oncall::Duty) -> DutyLine {
    DutyLine {
        rotation: duty.rotation,
        person: duty.person.map(|(person, _)| person),
        until: duty.until.map(Clock),
        next: duty.next,
    }
}
