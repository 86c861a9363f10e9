//! Post-mortems: what a disruption cost, why it happened, as a tree, and what is done about it.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use engine::World;
use facts::learning::{ActionPriority, Section};
use kernel::{ActionId, IncidentId, PersonId, PostMortemId, ServiceId, Span, Timestamp, WhyId};
use learning::{Command, LeafEnd, PostMortem};
use serde::Deserialize;

use super::form::{Filled, given, id, utc};
use super::incidents::people;
use super::limits::LINES_MAX;
use super::page::Timeline;
use super::shell::{Answer, Here, Notice, Shell, SignedIn, html, see_other};
use super::words::{Clock, Day, date_field, length};
use crate::answer::{Error, Result};
use crate::doors::Doorway;
use crate::ports::Caller;
use crate::v1::incidents::story_of_incident;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/post-mortems", get(look_at_all))
        .route("/post-mortems/{post_mortem}", get(look).post(act))
}

async fn look_at_all(SignedIn(caller): SignedIn, State(doorway): State<Doorway>) -> Answer {
    let now = doorway.now();
    let view = doorway.view(move |world| ListView::of(world, now)).await?;
    let shell = Shell::new(&caller, Here::Learn, None);
    Ok(html(shell.status(), &PostMortemsPage { shell, view }))
}

#[derive(Template)]
#[template(path = "post_mortems.html", whitespace = "minimize")]
struct PostMortemsPage {
    shell: Shell,
    view: ListView,
}

/// What stands on the list.
#[derive(Debug)]
struct ListView {
    reviews: Vec<ReviewLine>,
    more_reviews: usize,
    /// Not done yet, the first due first.
    actions: Vec<ActionLine>,
    more_actions: usize,
}

#[derive(Debug)]
struct ReviewLine {
    id: PostMortemId,
    incident: IncidentId,
    service: ServiceId,
    title: String,
    drafted_at: Day,
    completed_at: Option<Day>,
    down: String,
    open_actions: usize,
}

/// Something to do.
#[derive(Debug)]
struct ActionLine {
    id: ActionId,
    post_mortem: PostMortemId,
    title: String,
    priority: &'static str,
    owner: PersonId,
    due: Day,
    is_late: bool,
    done: Option<(Day, String)>,
}

impl ListView {
    fn of(world: &World, now: Timestamp) -> Self {
        let mut open: Vec<&learning::Action> =
            world.learning.actions().filter(|action| action.done.is_none()).collect();
        open.sort_by_key(|action| (action.due, action.id));
        Self {
            reviews: world
                .learning
                .reviews()
                .take(LINES_MAX)
                .map(|review| review_line(world, review))
                .collect(),
            more_reviews: world.learning.reviews().count().saturating_sub(LINES_MAX),
            more_actions: open.len().saturating_sub(LINES_MAX),
            actions: open.into_iter().take(LINES_MAX).map(|action| action_line(action, now)).collect(),
        }
    }
}

fn review_line(world: &World, review: &PostMortem) -> ReviewLine {
    let actions = review.actions.iter().filter_map(|action| world.learning.action(*action));
    ReviewLine {
        id: review.id,
        incident: review.incident,
        service: review.service.clone(),
        title: review.title.clone(),
        drafted_at: Day(review.drafted_at),
        completed_at: review.completed_at.map(Day),
        down: length(review.impact.down),
        open_actions: actions.filter(|action| action.done.is_none()).count(),
    }
}

fn action_line(action: &learning::Action, now: Timestamp) -> ActionLine {
    ActionLine {
        id: action.id,
        post_mortem: action.post_mortem,
        title: action.title.clone(),
        priority: match action.priority {
            ActionPriority::High => "high",
            ActionPriority::Medium => "medium",
            ActionPriority::Low => "low",
        },
        owner: action.owner.clone(),
        // What is due at midnight is due on the day that ends then.
        due: Day(action.due - Span::from_millis(1)),
        is_late: action.done.is_none() && action.due <= now,
        done: action.done.as_ref().map(|(at, outcome)| (Day(*at), outcome.clone())),
    }
}

async fn look(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
) -> Answer {
    show(&doorway, &caller, id(&post_mortem)?, None).await
}

/// What a review's forms ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum Act {
    Section { section: Section, text: String },
    Why { parent: String, text: String },
    Accept { why: String, reason: String },
    Judgement { text: String, person: String },
    Action { why: String, title: String, priority: ActionPriority, owner: PersonId, due: String },
    Finish { action: String, outcome: String },
    Complete,
}

impl Act {
    fn wrote(&self) -> String {
        match self {
            Act::Section { text, .. } | Act::Why { text, .. } | Act::Judgement { text, .. } => text.clone(),
            Act::Accept { reason, .. } => reason.clone(),
            Act::Action { title, .. } => title.clone(),
            Act::Finish { outcome, .. } => outcome.clone(),
            Act::Complete => String::new(),
        }
    }

    fn into_command(self, post_mortem: PostMortemId) -> Result<Command> {
        Ok(match self {
            Act::Section { section, text } => Command::WriteSection { post_mortem, section, text },
            Act::Why { parent, text } => {
                Command::AddWhy { post_mortem, parent: given(&parent).map(id).transpose()?, text }
            }
            Act::Accept { why, reason } => Command::AcceptRisk { post_mortem, why: id(&why)?, reason },
            Act::Judgement { text, person } => {
                let person = given(&person).map(PersonId::from);
                Command::RecordJudgement { post_mortem, text, person }
            }
            Act::Action { why, title, priority, owner, due } => {
                let why = given(&why).map(id).transpose()?;
                // A day that an action is due on ends before the action is late.
                let due = if due.trim().len() == 10 { utc(&due)? + Span::from_days(1) } else { utc(&due)? };
                Command::AddAction { post_mortem, why, title, priority, owner, due }
            }
            Act::Finish { action, outcome } => Command::FinishAction { action: id(&action)?, outcome },
            Act::Complete => Command::CompletePostMortem { post_mortem },
        })
    }
}

async fn act(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
    Filled(act): Filled<Act>,
) -> Answer {
    let post_mortem: PostMortemId = id(&post_mortem)?;
    let wrote = act.wrote();
    let done = match act.into_command(post_mortem) {
        Ok(command) => doorway.submit(caller.actor.clone(), command).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/post-mortems/{post_mortem}"))),
        Err(error) => show(&doorway, &caller, post_mortem, Some(Notice::new(error, wrote))).await,
    }
}

async fn show(doorway: &Doorway, caller: &Caller, id: PostMortemId, notice: Option<Notice>) -> Answer {
    let now = doorway.now();
    let missing = || Error::not_found(format!("post-mortem `{id}` in memory"));
    let view = doorway.view(move |world| ReviewView::of(world, id, now)).await?.ok_or_else(missing)?;
    let timeline = Timeline::of(story_of_incident(doorway, view.incident).await?);
    let shell = Shell::new(caller, Here::Learn, notice);
    Ok(html(shell.status(), &PostMortemPage { shell, view, timeline }))
}

#[derive(Template)]
#[template(path = "post_mortem.html", whitespace = "minimize")]
struct PostMortemPage {
    shell: Shell,
    view: ReviewView,
    timeline: Timeline,
}

/// What stands on a review's page.
#[derive(Debug)]
struct ReviewView {
    id: PostMortemId,
    incident: IncidentId,
    service: ServiceId,
    title: String,
    completed_at: Option<Clock>,
    from: Clock,
    until: Clock,
    lasted: String,
    down: String,
    /// Where some of the time was not measured.
    unknown: Option<String>,
    failed: u64,
    requests: u64,
    sections: Vec<SectionText>,
    /// In the order of the tree, each below what it explains.
    whys: Vec<WhyLine>,
    judgements: Vec<(String, Option<PersonId>)>,
    actions: Vec<ActionLine>,
    people: Vec<PersonId>,
    /// A week ahead, which the form for an action offers.
    due: String,
}

#[derive(Debug)]
struct SectionText {
    /// As the form names it.
    key: &'static str,
    heading: &'static str,
    text: Option<String>,
}

/// An answer in the tree.
#[derive(Debug)]
struct WhyLine {
    id: WhyId,
    /// How deep it stands, as far as the page indents.
    depth: usize,
    text: String,
    end: WhyEnd,
}

#[derive(Debug)]
enum WhyEnd {
    Explained,
    Accepted(String),
    Action(Vec<ActionId>),
    Open,
}

/// Levels of the tree that the page indents; deeper ones stand under the last.
const DEPTH_SHOWN_MAX: usize = 6;

const SECTIONS: [(Section, &str, &str); 5] = [
    (Section::Summary, "summary", "Summary"),
    (Section::Detection, "detection", "Detection"),
    (Section::Recovery, "recovery", "Recovery"),
    (Section::WentWell, "went_well", "What went well"),
    (Section::WentBadly, "went_badly", "What went badly"),
];

impl ReviewView {
    fn of(world: &World, id: PostMortemId, now: Timestamp) -> Option<Self> {
        let review = world.learning.review(id)?;
        let impact = &review.impact;
        let section = |(section, key, heading)| SectionText {
            key,
            heading,
            text: review.sections.get(&section).cloned(),
        };
        let actions = review.actions.iter().filter_map(|action| world.learning.action(*action));
        let judgements = review.judgements.iter();
        Some(Self {
            id,
            incident: review.incident,
            service: review.service.clone(),
            title: review.title.clone(),
            completed_at: review.completed_at.map(Clock),
            from: Clock(impact.from),
            until: Clock(impact.until),
            lasted: length(impact.until - impact.from),
            down: length(impact.down),
            unknown: (impact.unknown > Span::ZERO).then(|| length(impact.unknown)),
            failed: impact.failed,
            requests: impact.requests,
            sections: SECTIONS.into_iter().map(section).collect(),
            whys: whys(world, review),
            judgements: judgements.map(|found| (found.text.clone(), found.person.clone())).collect(),
            actions: actions.map(|action| action_line(action, now)).collect(),
            people: people(world),
            due: date_field(now + Span::from_days(7)),
        })
    }

    fn is_open(&self) -> bool {
        self.completed_at.is_none()
    }
}

/// The tree in reading order. A why never stands below a later one, so that this ends for every tree.
fn whys(world: &World, review: &PostMortem) -> Vec<WhyLine> {
    let roots = review.whys.iter().rev().filter(|(_, why)| why.parent.is_none());
    let mut ahead: Vec<(WhyId, usize)> = roots.map(|(id, _)| (*id, 0)).collect();
    let mut lines = Vec::new();
    while let Some((id, depth)) = ahead.pop() {
        let Some(why) = review.whys.get(&id) else { continue };
        let end = match world.learning.leaf_end(review, id) {
            LeafEnd::Explained => WhyEnd::Explained,
            LeafEnd::Accepted => WhyEnd::Accepted(why.accepted.clone().unwrap_or_default()),
            LeafEnd::Action => WhyEnd::Action(answers(world, review, id)),
            LeafEnd::Open => WhyEnd::Open,
        };
        lines.push(WhyLine { id, depth: depth.min(DEPTH_SHOWN_MAX), text: why.text.clone(), end });
        let below = review.whys.iter().rev().filter(|(other, why)| why.parent == Some(id) && **other > id);
        ahead.extend(below.map(|(other, _)| (*other, depth + 1)));
    }
    lines
}

fn answers(world: &World, review: &PostMortem, why: WhyId) -> Vec<ActionId> {
    let actions = review.actions.iter().filter_map(|id| world.learning.action(*id));
    actions.filter(|action| action.why == Some(why)).map(|action| action.id).collect()
}
