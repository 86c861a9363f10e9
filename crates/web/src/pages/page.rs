//! A page: where it stands, whom it notified with what receipts, and its buttons for people who are signed in.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use engine::World;
use facts::oncall::{PageEnd, Via};
use kernel::{GroupId, IncidentId, PageId, PersonId, PolicyId, ServiceId, Timestamp};
use serde::Deserialize;

use super::acknowledge::{Told, end, told};
use super::form::{Filled, id};
use super::limits::LINES_MAX;
use super::shell::{Answer, Here, Notice, Shell, SignedIn, html, see_other};
use super::words::{Clock, Precise, Tone};
use crate::answer::Error;
use crate::doors::Doorway;
use crate::limits::TIMELINE_ENTRIES_MAX;
use crate::ports::Caller;
use crate::v1::oncall::story_of_page;

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/pages/{page}", get(look).post(act))
}

async fn look(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(page): Path<String>,
) -> Answer {
    show(&doorway, &caller, id(&page)?, None).await
}

/// What the page's forms ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum Act {
    Acknowledge,
    Escalate { reason: String },
    Close,
}

async fn act(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(page): Path<String>,
    Filled(act): Filled<Act>,
) -> Answer {
    let page: PageId = id(&page)?;
    let (command, wrote) = match act {
        Act::Acknowledge => (oncall::Command::AcknowledgePage { page, via: Via::Api }, None),
        Act::Escalate { reason } => {
            (oncall::Command::EscalatePage { page, reason: reason.clone() }, Some(reason))
        }
        Act::Close => (oncall::Command::ResolvePage { page, reason: PageEnd::ClosedByHand }, None),
    };
    match doorway.submit(caller.actor.clone(), command).await {
        Ok(_) => Ok(see_other(&format!("/pages/{page}"))),
        Err(error) => show(&doorway, &caller, page, Some(Notice::new(error, wrote))).await,
    }
}

async fn show(doorway: &Doorway, caller: &Caller, page: PageId, notice: Option<Notice>) -> Answer {
    let now = doorway.now();
    let missing = || Error::not_found(format!("page `{page}` in memory"));
    let view = doorway.view(move |world| PageView::of(world, page, now)).await?.ok_or_else(missing)?;
    let entries = story_of_page(doorway, page).await?;
    let timeline = Timeline::of(entries);
    let shell = Shell::new(caller, Here::Elsewhere, notice);
    Ok(html(shell.status(), &PagePage { shell, view, timeline }))
}

/// What the journal holds of something, oldest first.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) lines: Vec<TimelineLine>,
    /// Whether older entries are left out.
    pub(super) is_cut: bool,
}

#[derive(Debug)]
pub(super) struct TimelineLine {
    pub(super) at: Precise,
    pub(super) by: String,
    pub(super) text: String,
}

impl Timeline {
    pub(super) fn of(entries: Vec<facts::Entry>) -> Self {
        let is_cut = entries.len() >= TIMELINE_ENTRIES_MAX;
        let lines = engine::views::timeline(entries).into_iter();
        let lines = lines.map(|line| TimelineLine { at: Precise(line.at), by: line.by, text: line.text });
        Self { lines: lines.collect(), is_cut }
    }
}

#[derive(Template)]
#[template(path = "page.html", whitespace = "minimize")]
struct PagePage {
    shell: Shell,
    view: PageView,
    timeline: Timeline,
}

/// What stands on the page.
#[derive(Debug)]
struct PageView {
    id: PageId,
    title: String,
    body: String,
    service: Option<ServiceId>,
    group: Option<GroupId>,
    incident: Option<IncidentId>,
    opened_at: Clock,
    /// The policy that it walks, while it is open.
    policy: Option<PolicyId>,
    state: &'static str,
    tone: Tone,
    /// What happens next and why, or who took it.
    next: String,
    deadline: Option<Precise>,
    acknowledged: Option<(String, Precise)>,
    is_over: bool,
    responders: Vec<PersonId>,
    told: Vec<Told>,
}

impl PageView {
    fn of(world: &World, page: PageId, now: Timestamp) -> Option<Self> {
        match world.oncall.page(page) {
            Some(open) => Some(Self::open(world, open, now)),
            None => Self::over(world, page),
        }
    }

    fn open(world: &World, page: &oncall::Page, now: Timestamp) -> Self {
        let (state, tone) = match (&page.acknowledged, page.exhausted_at) {
            (Some(_), _) => ("acknowledged", Tone::Watch),
            (None, Some(_)) => ("nobody acknowledged", Tone::Bad),
            (None, None) => ("open", Tone::Bad),
        };
        let responders = page.step.iter().flat_map(|step| &step.responders);
        Self {
            id: page.id,
            title: page.title.clone(),
            body: page.body.trim_end().to_owned(),
            service: page.service.clone(),
            group: page.group,
            incident: incident_of(world, page.service.as_ref()),
            opened_at: Clock(page.opened_at),
            policy: Some(page.policy_id.clone()),
            state,
            tone,
            next: page.next_in_words(now),
            deadline: page.deadline.map(Precise),
            acknowledged: page.acknowledged.as_ref().map(taken),
            is_over: false,
            responders: responders.map(|responder| responder.person.clone()).collect(),
            told: world.oncall.notifications_of(page).take(LINES_MAX).map(told).collect(),
        }
    }

    fn over(world: &World, page: PageId) -> Option<Self> {
        let header = world.oncall.closed_page(page)?;
        Some(Self {
            id: header.id,
            title: header.title.clone(),
            body: String::new(),
            service: header.service.clone(),
            group: header.group,
            incident: incident_of(world, header.service.as_ref()),
            opened_at: Clock(header.opened_at),
            policy: None,
            state: "over",
            tone: Tone::Good,
            next: format!("over: {}", end(&header.reason)),
            deadline: Some(Precise(header.resolved_at)),
            acknowledged: header.acknowledged.as_ref().map(taken),
            is_over: true,
            responders: Vec::new(),
            told: Vec::new(),
        })
    }
}

fn taken(taken: &oncall::Acknowledgement) -> (String, Precise) {
    (taken.by.to_string(), Precise(taken.at))
}

fn incident_of(world: &World, service: Option<&ServiceId>) -> Option<IncidentId> {
    service.and_then(|service| world.incidents.open_of(service)).map(|incident| incident.id)
}
