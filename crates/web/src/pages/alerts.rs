//! What fires, and why somebody was or was not told of it. Silences are made and ended here.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use engine::World;
use facts::alerting::{Matcher, Origin, Priority};
use kernel::{Fingerprint, Labels, PageId, ServiceId, SilenceId, Span, Timestamp};
use serde::Deserialize;

use super::form::{Filled, id};
use super::limits::LINES_MAX;
use super::shell::{Answer, Here, Notice, Shell, SignedIn, html, see_other};
use super::words::{Clock, Tone};
use crate::answer::{Error, Result};
use crate::doors::Doorway;
use crate::ports::Caller;

/// How many hours the form offers a silence for.
const HOURS: [u32; 5] = [1, 4, 8, 24, 72];

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/alerts", get(look).post(act))
}

async fn look(SignedIn(caller): SignedIn, State(doorway): State<Doorway>) -> Answer {
    show(&doorway, &caller, None).await
}

/// What the page's forms ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum Act {
    Silence { fingerprint: String, hours: String, comment: String },
    EndSilence { silence: String },
}

async fn act(SignedIn(caller): SignedIn, State(doorway): State<Doorway>, Filled(act): Filled<Act>) -> Answer {
    let (done, wrote) = match act {
        Act::Silence { fingerprint, hours, comment } => {
            (silence(&doorway, &caller, &fingerprint, &hours, comment.clone()).await, Some(comment))
        }
        Act::EndSilence { silence } => (end_silence(&doorway, &caller, &silence).await, None),
    };
    match done {
        Ok(()) => Ok(see_other("/alerts")),
        Err(error) => show(&doorway, &caller, Some(Notice::new(error, wrote))).await,
    }
}

/// A silence for exactly one firing alert: every one of its labels has to be equal.
async fn silence(
    doorway: &Doorway,
    caller: &Caller,
    fingerprint: &str,
    hours: &str,
    comment: String,
) -> Result<()> {
    let fingerprint = u64::from_str_radix(fingerprint, 16).map(Fingerprint);
    let fingerprint = fingerprint.map_err(|_| Error::bad_request("that is not an alert's fingerprint"))?;
    let hours: u32 = hours.parse().ok().filter(|hours| HOURS.contains(hours)).ok_or_else(|| {
        Error::bad_request(format!("`{hours}` is not among the hours that the form offers"))
    })?;
    let find = move |world: &World| world.alerting.firing(fingerprint).map(|alert| alert.labels.clone());
    let missing = || Error::not_found("such alert any more: it resolved");
    let labels = doorway.view(find).await?.ok_or_else(missing)?;
    let now = doorway.now();
    let command = alerting::Command::CreateSilence {
        replaces: None,
        matchers: exactly(&labels),
        starts_at: now,
        ends_at: now + Span::from_hours(i64::from(hours)),
        comment,
        created_by: caller.actor.to_string(),
    };
    doorway.submit(caller.actor.clone(), command).await.map(|_| ())
}

fn exactly(labels: &Labels) -> Vec<Matcher> {
    let equal = |(name, value): (&str, &str)| Matcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex: false,
        is_equal: true,
    };
    labels.iter().map(equal).collect()
}

async fn end_silence(doorway: &Doorway, caller: &Caller, silence: &str) -> Result<()> {
    let command = alerting::Command::ExpireSilence { silence: id(silence)? };
    doorway.submit(caller.actor.clone(), command).await.map(|_| ())
}

async fn show(doorway: &Doorway, caller: &Caller, notice: Option<Notice>) -> Answer {
    let now = doorway.now();
    let view = doorway.view(move |world| AlertsView::of(world, now)).await?;
    let shell = Shell::new(caller, Here::Alerts, notice);
    Ok(html(shell.status(), &AlertsPage { shell, hours: HOURS, view }))
}

#[derive(Template)]
#[template(path = "alerts.html", whitespace = "minimize")]
struct AlertsPage {
    shell: Shell,
    hours: [u32; 5],
    view: AlertsView,
}

/// What stands on the page.
#[derive(Debug)]
struct AlertsView {
    counts: Vec<(&'static str, usize)>,
    /// Critical ones first.
    firing: Vec<AlertLine>,
    more_firing: usize,
    pending: Vec<PendingLine>,
    more_pending: usize,
    silences: Vec<SilenceLine>,
    more_silences: usize,
}

#[derive(Debug)]
struct AlertLine {
    fingerprint: String,
    name: String,
    labels: String,
    summary: Option<String>,
    value: Option<String>,
    priority: &'static str,
    tone: Tone,
    service: Option<ServiceId>,
    since: Clock,
    origin: String,
    /// Why somebody was, or was not, told of it.
    why: Vec<String>,
    page: Option<PageId>,
}

#[derive(Debug)]
struct PendingLine {
    name: String,
    labels: String,
    why: Vec<String>,
}

#[derive(Debug)]
struct SilenceLine {
    id: SilenceId,
    phase: &'static str,
    matchers: String,
    starts_at: Clock,
    ends_at: Clock,
    comment: String,
    author: String,
}

const PRIORITIES: [Priority; 3] = [Priority::Critical, Priority::High, Priority::Low];

impl AlertsView {
    fn of(world: &World, now: Timestamp) -> Self {
        let of_priority =
            |priority| world.alerting.alerts().filter(move |alert| alert.fired.priority == priority);
        let all = PRIORITIES.into_iter().flat_map(of_priority);
        let firing: Vec<AlertLine> = all.take(LINES_MAX).map(|alert| alert_line(world, alert)).collect();
        let pending = world.alerting.pending().take(LINES_MAX);
        let pending: Vec<PendingLine> = pending.map(|(id, found)| pending_line(world, id, found)).collect();
        let open = |silence: &&alerting::Silence| silence.phase(now) != alerting::SilencePhase::Expired;
        let silences = world.alerting.silences().filter(open).take(LINES_MAX);
        let silences: Vec<SilenceLine> = silences.map(|silence| silence_line(silence, now)).collect();
        Self {
            counts: PRIORITIES.map(|priority| (priority.as_str(), of_priority(priority).count())).to_vec(),
            more_firing: world.alerting.alerts().len() - firing.len(),
            firing,
            more_pending: world.alerting.pending().len() - pending.len(),
            pending,
            more_silences: world.alerting.silences().filter(open).count() - silences.len(),
            silences,
        }
    }
}

fn alert_line(world: &World, alert: &alerting::Alert) -> AlertLine {
    let fired = &alert.fired;
    let page = match alert.standing {
        alerting::Standing::Grouped(group) => world.oncall.page_of_group(group).map(|page| page.id),
        _ => None,
    };
    AlertLine {
        fingerprint: fired.fingerprint.to_string(),
        name: name(&fired.labels),
        labels: others(&fired.labels),
        summary: fired.annotations.get("summary").or_else(|| fired.annotations.get("description")).cloned(),
        value: fired.value.clone(),
        priority: fired.priority.as_str(),
        tone: tone(fired.priority),
        service: fired.service.clone(),
        since: Clock(fired.starts_at),
        origin: origin(&fired.origin),
        why: why(world, fired.fingerprint),
        page,
    }
}

fn pending_line(world: &World, fingerprint: Fingerprint, pending: &alerting::Pending) -> PendingLine {
    PendingLine { name: name(&pending.labels), labels: others(&pending.labels), why: why(world, fingerprint) }
}

fn silence_line(silence: &alerting::Silence, now: Timestamp) -> SilenceLine {
    SilenceLine {
        id: silence.id,
        phase: silence.phase(now).as_str(),
        matchers: silence.matchers().map(matcher).collect::<Vec<_>>().join(", "),
        starts_at: Clock(silence.starts_at),
        ends_at: Clock(silence.ends_at),
        comment: silence.comment.clone(),
        author: match given_author(silence) {
            Some(name) => format!("{name} ({})", silence.author),
            None => silence.author.to_string(),
        },
    }
}

/// The author as a foreign client names them, where that says more than who was authenticated.
fn given_author(silence: &alerting::Silence) -> Option<&str> {
    let name = silence.created_by.trim();
    (!name.is_empty() && name != silence.author.to_string()).then_some(name)
}

fn matcher(matcher: &Matcher) -> String {
    let operator = match (matcher.is_equal, matcher.is_regex) {
        (true, false) => "=",
        (false, false) => "!=",
        (true, true) => "=~",
        (false, true) => "!~",
    };
    format!("{}{operator}{:?}", matcher.name, matcher.value)
}

fn name(labels: &Labels) -> String {
    labels.get("alertname").unwrap_or("alert").to_owned()
}

fn others(labels: &Labels) -> String {
    let others = labels.only(|label| label != "alertname");
    if others.is_empty() { String::new() } else { others.to_string() }
}

fn why(world: &World, fingerprint: Fingerprint) -> Vec<String> {
    world.alerting.why(fingerprint).iter().map(ToString::to_string).collect()
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Rule { group, rule, .. } => format!("rule {rule} of {group}"),
        Origin::Alertmanager => "sent by another system".to_owned(),
        Origin::Swan => "Swan's own watch".to_owned(),
    }
}

fn tone(priority: Priority) -> Tone {
    match priority {
        Priority::Critical => Tone::Bad,
        Priority::High => Tone::Watch,
        Priority::Low => Tone::Unknown,
    }
}
