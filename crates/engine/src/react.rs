//! What one slice's fact means to another, written once.
//!
//! A reaction is a command that its slice must accept in the World as it stands: a refusal here is a bug.

use std::collections::BTreeMap;

use facts::alerting::{AlertingFact, Priority};
use facts::capacity::CapacityFact;
use facts::configuration::Declare;
use facts::incidents::{Audience, DeclareReason, IncidentsFact, Phase, Severity};
use facts::objectives::ObjectivesFact;
use facts::oncall::{PageEnd, Purpose};
use facts::signals::SignalsFact;
use facts::{Entry, Fact};
use kernel::{GroupId, IncidentId, Labels, ServiceId, Timestamp};

use crate::{Command, World};

pub(crate) fn react(world: &World, entry: &Entry) -> Vec<Command> {
    match &entry.fact {
        Fact::Alerting(fact) => alerting_fact(world, fact),
        Fact::Incidents(fact) => incidents_fact(world, entry.at, fact),
        Fact::Objectives(fact) => objectives_fact(world, fact),
        Fact::Signals(fact) => signals_fact(world, fact),
        Fact::Capacity(fact) => capacity_fact(world, fact),
        Fact::Engine(fact) => crate::quarantine::tell(world, entry.seq, fact),
        Fact::ConfigurationApplied(_) | Fact::Oncall(_) | Fact::Status(_) | Fact::Learning(_) => Vec::new(),
    }
}

fn alerting_fact(world: &World, fact: &AlertingFact) -> Vec<Command> {
    match fact {
        AlertingFact::GroupNotified { group, title, again: false, .. } => {
            group_notified(world, *group, title)
        }
        AlertingFact::GroupNotified { group, title, again: true, .. } => {
            page_of_newcomers(world, *group, title)
        }
        AlertingFact::GroupResolved { group, was_notified: true, silenced } => {
            let reason = if *silenced { PageEnd::Silenced } else { PageEnd::AlertsResolved };
            vec![
                oncall::Command::ResolvePageOfGroup { group: *group, reason }.into(),
                incidents::Command::GroupResolved { group: *group }.into(),
            ]
        }
        _ => Vec::new(),
    }
}

/// Alerts that join a critical group are news for whoever has its page. Where somebody closed that page by hand, they
/// get another one: nobody has them.
fn page_of_newcomers(world: &World, group: GroupId, title: &str) -> Vec<Command> {
    let Some(open) = world.alerting.group(group).filter(|open| open.priority == Priority::Critical) else {
        return Vec::new();
    };
    vec![page_of_group(world, group, open.service.clone(), title)]
}

/// Harmless where the group has an open page.
fn page_of_group(world: &World, group: GroupId, service: Option<ServiceId>, title: &str) -> Command {
    let body = crate::views::group_in_words(world, group);
    oncall::Command::OpenPage { group: Some(group), service, policy: None, title: title.to_owned(), body }
        .into()
}

fn group_notified(world: &World, group: GroupId, title: &str) -> Vec<Command> {
    let Some(open) = world.alerting.group(group) else { return Vec::new() };
    let service = open.service.clone();
    match open.priority {
        Priority::Critical => {
            let page = page_of_group(world, group, service.clone(), title);
            let incident = service.and_then(|service| incident_of_group(world, service, group, title));
            std::iter::once(page).chain(incident).collect()
        }
        Priority::High => vec![
            oncall::Command::Tell {
                audience: oncall::Audience::ListOfService(service.clone()),
                purpose: Purpose::HighPriority { group },
                subject: format!("[high] {title}"),
                body: crate::views::group_in_words(world, group),
            }
            .into(),
            incidents::Command::OpenTicket { service, title: title.to_owned(), group: Some(group) }.into(),
        ],
        Priority::Low => Vec::new(),
    }
}

/// A critical group joins its service's open incident; without one, it declares one where the configuration says so.
fn incident_of_group(world: &World, service: ServiceId, group: GroupId, title: &str) -> Option<Command> {
    let title = title.to_owned();
    if world.incidents.open_of(&service).is_some() {
        return Some(incidents::Command::JoinGroup { service, group, title }.into());
    }
    // The service may have left the configuration since the group opened.
    let automatically = world.configuration().is_some_and(|config| {
        config.incidents.declare == Declare::Automatically && config.services.contains_key(&service)
    });
    automatically.then(|| {
        incidents::Command::DeclareIncident {
            service,
            severity: Severity::Critical,
            title,
            began_at: world.alerting.group_began_at(group),
            reason: DeclareReason::Automatically(group),
            groups: vec![group],
            leader: None,
        }
        .into()
    })
}

fn incidents_fact(world: &World, at: Timestamp, fact: &IncidentsFact) -> Vec<Command> {
    match fact {
        IncidentsFact::UpdateOverdue { incident, due, leader: Some(leader), .. } => {
            let title = world.incidents.get(*incident).map_or_else(String::new, |found| found.title.clone());
            vec![
                oncall::Command::Tell {
                    audience: oncall::Audience::Person(leader.clone()),
                    purpose: Purpose::UpdateOverdue { incident: *incident, due: *due },
                    subject: format!("Update overdue: {title} ({incident})"),
                    body: format!(
                        "You lead {incident}, \"{title}\". Its update was due at {due}. Post one, even if it says \
                         that there is no news."
                    ),
                }
                .into(),
            ]
        }
        IncidentsFact::UpdatePosted { incident, audience: Audience::Public, phase, text, .. } => {
            publish(world, *incident, *phase, text).into_iter().collect()
        }
        IncidentsFact::IncidentResolved { incident, text } => {
            let told = world.status.incident(*incident).is_some();
            let published = told.then(|| publish(world, *incident, Phase::Resolved, text)).flatten();
            published.into_iter().chain(draft_post_mortem(world, *incident, at)).collect()
        }
        _ => Vec::new(),
    }
}

fn publish(world: &World, incident: IncidentId, phase: Phase, text: &str) -> Option<Command> {
    let found = world.incidents.get(incident)?;
    Some(
        status::Command::PublishUpdate {
            incident,
            service: found.service.clone(),
            title: found.title.clone(),
            severity: found.severity,
            phase,
            text: text.to_owned(),
        }
        .into(),
    )
}

fn draft_post_mortem(world: &World, incident: IncidentId, until: Timestamp) -> Option<Command> {
    let found = world.incidents.get(incident)?;
    Some(
        learning::Command::DraftPostMortem {
            incident,
            service: found.service.clone(),
            title: found.title.clone(),
            impact: objectives::impact(&world.objectives, &found.service, found.began_at, until),
        }
        .into(),
    )
}

/// The ledger moved: reviews whose time it touches say what it says.
fn objectives_fact(world: &World, fact: &ObjectivesFact) -> Vec<Command> {
    let (ObjectivesFact::SlicesJudged { service, from: touched, .. }
    | ObjectivesFact::SliceDown { service, start: touched, .. }
    | ObjectivesFact::SliceRejudged { service, start: touched, .. }) = fact
    else {
        return Vec::new();
    };
    let reviews = world.learning.open_reviews_touching(service, *touched);
    reviews
        .map(|review| {
            let impact =
                objectives::impact(&world.objectives, service, review.impact.from, review.impact.until);
            learning::Command::UpdateImpact { post_mortem: review.id, impact }.into()
        })
        .collect()
}

fn signals_fact(world: &World, fact: &SignalsFact) -> Vec<Command> {
    let Some(config) = world.configuration() else { return Vec::new() };
    match fact {
        SignalsFact::CheckFailed { check, detail, .. } => {
            let Some(found) = config.checks.get(check) else { return Vec::new() };
            let Some(priority) = found.priority else { return Vec::new() };
            let labels = own_labels("CheckFailed", "check", check.as_str(), Some(&found.service), priority);
            vec![raise(labels, format!("check {check} fails: {detail}"))]
        }
        SignalsFact::CheckRecovered { check, .. } | SignalsFact::CheckRetired { check } => {
            clear(world, "CheckFailed", "check", check.as_str())
        }
        SignalsFact::HeartbeatMissed { heartbeat, expected_by, .. } => {
            let Some(found) = config.heartbeats.get(heartbeat) else { return Vec::new() };
            let name = heartbeat.as_str();
            let labels =
                own_labels("HeartbeatMissed", "heartbeat", name, Some(&found.service), found.priority);
            vec![raise(labels, format!("heartbeat {heartbeat} was expected by {expected_by}"))]
        }
        SignalsFact::HeartbeatFailed { heartbeat, detail, .. } => {
            let Some(found) = config.heartbeats.get(heartbeat) else { return Vec::new() };
            let name = heartbeat.as_str();
            let labels =
                own_labels("HeartbeatFailed", "heartbeat", name, Some(&found.service), found.priority);
            vec![raise(labels, format!("heartbeat {heartbeat} reports a failure: {detail}"))]
        }
        SignalsFact::HeartbeatReturned { heartbeat, .. } | SignalsFact::HeartbeatRetired { heartbeat } => {
            let missed = clear(world, "HeartbeatMissed", "heartbeat", heartbeat.as_str());
            let failed = clear(world, "HeartbeatFailed", "heartbeat", heartbeat.as_str());
            missed.into_iter().chain(failed).collect()
        }
    }
}

fn capacity_fact(world: &World, fact: &CapacityFact) -> Vec<Command> {
    match fact {
        CapacityFact::CeilingNear { scalable, reading } => {
            let service = world
                .configuration()
                .and_then(|config| config.scalables.get(scalable))
                .and_then(|found| found.service.as_ref());
            let labels = own_labels("CeilingNear", "scalable", scalable.as_str(), service, Priority::High);
            let summary = format!("{scalable} uses {} of at most {}", reading.current, reading.maximum);
            vec![raise(labels, summary)]
        }
        CapacityFact::CeilingCleared { scalable, .. } => {
            clear(world, "CeilingNear", "scalable", scalable.as_str())
        }
        CapacityFact::CapacityUnreadable { .. } | CapacityFact::CapacityReadable { .. } => Vec::new(),
    }
}

fn own_labels(
    alert: &str,
    kind: &str,
    name: &str,
    service: Option<&ServiceId>,
    priority: Priority,
) -> Labels {
    let service = service.map_or("", ServiceId::as_str);
    Labels::new([("alertname", alert), (kind, name), ("service", service), ("priority", priority.as_str())])
        .expect("the names are distinct and not empty")
}

fn raise(labels: Labels, summary: String) -> Command {
    let annotations = BTreeMap::from([("summary".to_owned(), summary)]);
    alerting::Command::RaiseAlert { labels, annotations }.into()
}

/// Clears what was raised under these labels, whatever service and priority the configuration gave it then.
fn clear(world: &World, alert: &str, kind: &str, name: &str) -> Vec<Command> {
    let raised = world
        .alerting
        .raised_by_swan()
        .filter(|labels| labels.get("alertname") == Some(alert) && labels.get(kind) == Some(name));
    raised.map(|labels| alerting::Command::ClearAlert { labels: labels.clone() }.into()).collect()
}
