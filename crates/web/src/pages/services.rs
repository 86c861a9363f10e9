//! A service: how it stands, what its objectives promise, and its ledger, where people say what a minute was and why
//! an outage happened.

use std::collections::BTreeSet;
use std::fmt;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use engine::World;
use facts::configuration::Service;
use facts::objectives::{RejudgeReason, Verdict};
use kernel::{IncidentId, ObjectiveId, OutageId, ServiceId, Span, Timestamp};
use objectives::{OutageRow, Row};
use serde::Deserialize;

use super::bars::{Bars, DayFigure};
use super::form::{Filled, given, id, utc};
use super::limits::LINES_MAX;
use super::shell::{Answer, Here, Notice, Shell, SignedIn, encoded, html, see_other};
use super::words::{Clock, Tone, length, minute_field};
use crate::answer::{Error, Result};
use crate::doors::Doorway;
use crate::ports::Caller;

/// Days of outages and bars.
const DAYS: i64 = 90;
/// How far behind the ledger may be before nobody can say how a service stands.
const STALE_AFTER: Span = Span::from_mins(5);

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/services/{service}", get(look).post(act))
}

async fn look(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(service): Path<String>,
) -> Answer {
    show(&doorway, &caller, ServiceId::new(service), None).await
}

/// What the page's forms ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum Act {
    Attribute { outage: String, cause: String, note: String, incident: String },
    Correct { start: String, verdict: Verdict, reason: String },
}

impl Act {
    fn wrote(&self) -> String {
        match self {
            Act::Attribute { cause, note, .. } => format!("{cause}\n{note}"),
            Act::Correct { reason, .. } => reason.clone(),
        }
    }

    fn into_command(self, service: ServiceId) -> Result<objectives::Command> {
        Ok(match self {
            Act::Attribute { outage, cause, note, incident } => {
                let incident = given(&incident).map(id).transpose()?;
                objectives::Command::AttributeOutage { outage: id(&outage)?, cause, note, incident }
            }
            Act::Correct { start, verdict, reason } => {
                let start = utc(&start)?;
                objectives::Command::CorrectSlice { service, objective: None, start, verdict, reason }
            }
        })
    }
}

async fn act(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(service): Path<String>,
    Filled(act): Filled<Act>,
) -> Answer {
    let service = ServiceId::new(service);
    let wrote = act.wrote();
    let done = match act.into_command(service.clone()) {
        Ok(command) => doorway.submit(caller.actor.clone(), command).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/services/{}", encoded(service.as_str())))),
        Err(error) => show(&doorway, &caller, service, Some(Notice::new(error, wrote))).await,
    }
}

async fn show(doorway: &Doorway, caller: &Caller, service: ServiceId, notice: Option<Notice>) -> Answer {
    let now = doorway.now();
    let missing = Error::not_found(format!("service `{service}`"));
    let view = doorway.view(move |world| ServicePageView::of(world, service, now)).await?.ok_or(missing)?;
    let shell = Shell::new(caller, Here::Elsewhere, notice);
    Ok(html(shell.status(), &ServicePage { shell, view }))
}

/// How a service stands right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Up,
    Down,
    /// Nothing was measured in its last judged slice, or it is not judged at all.
    Unknown,
}

impl Standing {
    /// By the last judged slice of the ledger; one that is long past says nothing about now.
    pub(super) fn of(world: &World, id: &ServiceId, service: &Service, now: Timestamp) -> Self {
        let Some(objective) = service.objectives.first() else { return Standing::Unknown };
        let slice = objective.sli.slice;
        let Some(through) = world.objectives.judged_through(id, &objective.name) else {
            return Standing::Unknown;
        };
        if through + slice.times(2) + STALE_AFTER < now {
            return Standing::Unknown;
        }
        let last = objectives::availability(&world.objectives, id, through - slice, through);
        match (last.down > Span::ZERO, last.up > Span::ZERO) {
            (true, _) => Standing::Down,
            (false, true) => Standing::Up,
            (false, false) => Standing::Unknown,
        }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Standing::Up => Tone::Good,
            Standing::Down => Tone::Bad,
            Standing::Unknown => Tone::Unknown,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Up => "up",
            Standing::Down => "down",
            Standing::Unknown => "unknown",
        })
    }
}

/// An objective and how much of its budget is spent.
#[derive(Debug)]
pub(super) struct BudgetLine {
    pub(super) objective: ObjectiveId,
    pub(super) target: String,
    pub(super) window: String,
    pub(super) spent: String,
    pub(super) budget: String,
    /// Of the budget; more than 100 where it is overspent.
    pub(super) percent: i64,
    /// The same, as far as a bar goes.
    pub(super) fill: i64,
    pub(super) tone: Tone,
}

pub(super) fn budgets(world: &World, id: &ServiceId, service: &Service, now: Timestamp) -> Vec<BudgetLine> {
    let line = |objective: &facts::configuration::Objective| {
        let found = objectives::budget(&world.objectives, id, &objective.name, now)?;
        let (spent, budget) = (found.spent.as_millis(), found.budget.as_millis());
        let percent = match (spent, budget) {
            (0, _) => 0,
            (_, ..=0) => 100,
            (spent, budget) => spent.saturating_mul(100) / budget,
        };
        let tone = match percent {
            ..50 => Tone::Good,
            50..90 => Tone::Watch,
            _ => Tone::Bad,
        };
        Some(BudgetLine {
            objective: objective.name.clone(),
            target: objective.target.to_string(),
            window: objective.window.to_string(),
            spent: length(found.spent),
            budget: length(found.budget),
            percent,
            fill: percent.min(100),
            tone,
        })
    };
    service.objectives.iter().filter_map(line).collect()
}

#[derive(Template)]
#[template(path = "service.html", whitespace = "minimize")]
struct ServicePage {
    shell: Shell,
    view: ServicePageView,
}

/// What stands on the page.
#[derive(Debug)]
struct ServicePageView {
    id: ServiceId,
    standing: Standing,
    judged_through: Option<Clock>,
    incident: Option<IncidentId>,
    budgets: Vec<BudgetLine>,
    bars: Bars,
    periods: Vec<PeriodLine>,
    outages: Vec<OutageLine>,
    /// Older outages of the period that are left out.
    more_outages: usize,
    /// Every cause that outages here were attributed to, so that the next one can have the same name.
    causes: BTreeSet<String>,
    rows: Vec<RowLine>,
    more_rows: usize,
    /// The last judged slice's start, as a correction's example.
    last_start: String,
}

/// Availability over a period.
#[derive(Debug)]
struct PeriodLine {
    name: &'static str,
    availability: Option<String>,
    down: String,
    unknown: String,
}

#[derive(Debug)]
struct OutageLine {
    id: OutageId,
    start: Clock,
    end: Clock,
    is_open: bool,
    length: String,
    cause: Option<String>,
    note: String,
    incident: Option<IncidentId>,
    by: Option<String>,
}

/// A slice of the ledger.
#[derive(Debug)]
struct RowLine {
    start: Clock,
    verdict: &'static str,
    tone: Tone,
    figures: Option<String>,
    outage: Option<OutageId>,
    cause: Option<String>,
    is_final: bool,
    corrections: Vec<String>,
}

impl ServicePageView {
    fn of(world: &World, id: ServiceId, now: Timestamp) -> Option<Self> {
        let service = world.configuration()?.services.get(&id)?;
        let state = &world.objectives;
        let today = now.floor(Span::from_days(1));
        let from = today - Span::from_days(DAYS - 1);
        let days: Vec<DayFigure> = objectives::days(state, &id, from, today + Span::from_days(1))
            .into_iter()
            .map(|day| DayFigure { day: day.start, up: day.up, down: day.down })
            .collect();
        let outages = objectives::outages(state, &id, from, now);
        let causes = outages.iter().filter_map(|row| row.outage.attribution.as_ref());
        let rows = objectives::ledger(state, &id, now - Span::from_days(1), now);
        let objective = service.objectives.first();
        let through = objective.and_then(|objective| state.judged_through(&id, &objective.name));
        let slice = objective.map_or(Span::from_mins(1), |objective| objective.sli.slice);
        Some(Self {
            standing: Standing::of(world, &id, service, now),
            judged_through: through.map(Clock),
            incident: world.incidents.open_of(&id).map(|incident| incident.id),
            budgets: budgets(world, &id, service, now),
            bars: Bars::new(id.as_str(), &days, true),
            periods: vec![
                period(world, &id, "Last 24 hours", now - Span::from_days(1), now),
                period(world, &id, "Last 30 days", now - Span::from_days(30), now),
                period(world, &id, "Last 90 days", now - Span::from_days(DAYS), now),
            ],
            causes: causes.map(|attribution| attribution.cause.clone()).collect(),
            more_outages: outages.len().saturating_sub(LINES_MAX),
            outages: outages.into_iter().rev().take(LINES_MAX).map(outage_line).collect(),
            more_rows: rows.len().saturating_sub(LINES_MAX),
            rows: rows.into_iter().rev().take(LINES_MAX).map(row_line).collect(),
            last_start: through.map_or_else(String::new, |through| minute_field(through - slice)),
            id,
        })
    }
}

fn period(
    world: &World,
    id: &ServiceId,
    name: &'static str,
    from: Timestamp,
    until: Timestamp,
) -> PeriodLine {
    let found = objectives::availability(&world.objectives, id, from, until);
    PeriodLine {
        name,
        availability: found.ratio.map(|ratio| ratio.to_string()),
        down: length(found.down),
        unknown: length(found.unknown),
    }
}

fn outage_line(row: OutageRow) -> OutageLine {
    let OutageRow { id, outage, is_open } = row;
    let attribution = outage.attribution;
    OutageLine {
        id,
        start: Clock(outage.start),
        end: Clock(outage.end),
        is_open,
        length: length(outage.end - outage.start),
        cause: attribution.as_ref().map(|found| found.cause.clone()),
        note: attribution.as_ref().map_or_else(String::new, |found| found.note.clone()),
        incident: attribution.as_ref().and_then(|found| found.incident),
        by: attribution.map(|found| found.by.to_string()),
    }
}

fn row_line(row: Row) -> RowLine {
    let (verdict, tone) = verdict(row.verdict);
    let corrections = row.rejudged.iter().filter_map(|rejudged| match &rejudged.reason {
        RejudgeReason::LateEvents => None,
        RejudgeReason::CorrectedByHand { reason } => Some(format!("{}: {reason}", rejudged.by)),
    });
    RowLine {
        start: Clock(row.start),
        verdict,
        tone,
        figures: row
            .tally
            .map(|tally| format!("{} of {} failed", tally.bad, tally.good.saturating_add(tally.bad))),
        outage: row.outage,
        cause: row.cause.clone(),
        is_final: row.is_final,
        corrections: corrections.collect(),
    }
}

fn verdict(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Up => ("up", Tone::Good),
        Verdict::Down => ("down", Tone::Bad),
        Verdict::Unknown => ("unknown", Tone::Unknown),
    }
}
