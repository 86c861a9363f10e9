//! Who is on call, now and for two weeks, and the exceptions.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use engine::World;
use facts::oncall::Because;
use kernel::{OverrideId, PersonId, RotationId, Span, Timestamp};
use serde::Deserialize;

use super::form::{Filled, id, utc};
use super::incidents::people;
use super::limits::LINES_MAX;
use super::shell::{Answer, Here, Notice, Shell, SignedIn, html, see_other};
use super::words::{Clock, minute_field};
use crate::answer::Result;
use crate::doors::Doorway;
use crate::ports::Caller;

/// How far ahead shifts are shown.
const AHEAD: Span = Span::from_days(14);

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/oncall", get(look).post(act))
}

async fn look(SignedIn(caller): SignedIn, State(doorway): State<Doorway>) -> Answer {
    show(&doorway, &caller, None).await
}

/// What the page's forms ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum Act {
    Override { rotation: RotationId, person: PersonId, from: String, until: String },
    TakeBack { exception: String },
}

impl Act {
    fn into_command(self) -> Result<oncall::Command> {
        Ok(match self {
            Act::Override { rotation, person, from, until } => {
                oncall::Command::AddOverride { rotation, person, from: utc(&from)?, until: utc(&until)? }
            }
            Act::TakeBack { exception } => oncall::Command::RemoveOverride { id: id(&exception)? },
        })
    }
}

async fn act(SignedIn(caller): SignedIn, State(doorway): State<Doorway>, Filled(act): Filled<Act>) -> Answer {
    let done = match act.into_command() {
        Ok(command) => doorway.submit(caller.actor.clone(), command).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => Ok(see_other("/oncall")),
        Err(error) => show(&doorway, &caller, Some(Notice::new(error, None))).await,
    }
}

async fn show(doorway: &Doorway, caller: &Caller, notice: Option<Notice>) -> Answer {
    let now = doorway.now();
    let view = doorway.view(move |world| OncallView::of(world, now)).await?;
    let shell = Shell::new(caller, Here::OnCall, notice);
    Ok(html(shell.status(), &OncallPage { shell, view }))
}

#[derive(Template)]
#[template(path = "oncall.html", whitespace = "minimize")]
struct OncallPage {
    shell: Shell,
    view: OncallView,
}

/// What stands on the page.
#[derive(Debug)]
struct OncallView {
    rotations: Vec<RotationLines>,
    overrides: Vec<OverrideLine>,
    more_overrides: usize,
    people: Vec<PersonId>,
    /// The next full hour, and eight hours later, which the form offers.
    from: String,
    until: String,
}

#[derive(Debug)]
struct RotationLines {
    id: RotationId,
    handoff: String,
    timezone: String,
    now: Option<PersonId>,
    until: Option<Clock>,
    shifts: Vec<ShiftLine>,
    more_shifts: usize,
}

#[derive(Debug)]
struct ShiftLine {
    person: PersonId,
    from: Clock,
    until: Clock,
    /// By which exception, where it is one.
    exception: Option<OverrideId>,
    is_now: bool,
}

#[derive(Debug)]
struct OverrideLine {
    id: OverrideId,
    rotation: RotationId,
    person: PersonId,
    from: Clock,
    until: Clock,
}

impl OncallView {
    fn of(world: &World, now: Timestamp) -> Self {
        let duties = world.oncall.who(now).into_iter();
        let hour = now.floor(Span::from_hours(1)) + Span::from_hours(1);
        Self {
            rotations: duties.filter_map(|duty| rotation_lines(world, duty, now)).collect(),
            overrides: world.oncall.overrides(now).take(LINES_MAX).map(override_line).collect(),
            more_overrides: world.oncall.overrides(now).count().saturating_sub(LINES_MAX),
            people: people(world),
            from: minute_field(hour),
            until: minute_field(hour + Span::from_hours(8)),
        }
    }
}

fn rotation_lines(world: &World, duty: oncall::Duty, now: Timestamp) -> Option<RotationLines> {
    let (id, declared) = world.oncall.rotations().find(|(id, _)| **id == duty.rotation)?;
    let shifts = world.oncall.shifts(id, now, now + AHEAD);
    let line = |shift: &oncall::calendar::Shift| ShiftLine {
        person: shift.person.clone(),
        from: Clock(shift.from),
        until: Clock(shift.until),
        exception: match shift.because {
            Because::Override(exception) => Some(exception),
            Because::OnCall(_) | Because::Named | Because::Team(_) => None,
        },
        is_now: shift.from <= now && now < shift.until,
    };
    Some(RotationLines {
        id: id.clone(),
        handoff: declared.handoff.to_string(),
        timezone: declared.timezone.clone(),
        now: duty.person.map(|(person, _)| person),
        until: duty.until.map(Clock),
        more_shifts: shifts.len().saturating_sub(LINES_MAX),
        shifts: shifts.iter().take(LINES_MAX).map(line).collect(),
    })
}

fn override_line(exception: &oncall::calendar::Override) -> OverrideLine {
    OverrideLine {
        id: exception.id,
        rotation: exception.rotation.clone(),
        person: exception.person.clone(),
        from: Clock(exception.from),
        until: Clock(exception.until),
    }
}
