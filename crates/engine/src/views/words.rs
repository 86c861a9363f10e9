use facts::alerting::{AlertingFact as A, ResolveReason, SuppressReason};
use facts::capacity::CapacityFact as C;
use facts::incidents::{Audience, DeclareReason, IncidentsFact as I, Phase, ResponseTeam, Severity};
use facts::learning::LearningFact as L;
use facts::objectives::{ObjectivesFact as O, RejudgeReason};
use facts::oncall::{AbandonReason, Because, OncallFact as N, PageEnd, Purpose, Responder, StepReason, Via};
use facts::signals::SignalsFact as G;
use facts::status::StatusFact as S;
use facts::{EngineFact, Entry, Fact};

use super::group::is_bookkeeping;

/// What an entry says, as one sentence for a timeline; `None` for bookkeeping that nobody reads.
pub fn in_words(entry: &Entry) -> Option<String> {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => {
            Some(format!("applied the configuration {} from {}", short(&applied.hash), applied.source))
        }
        Fact::Signals(fact) => Some(signals(fact)),
        Fact::Objectives(fact) => objectives(fact),
        Fact::Alerting(fact) => (!is_bookkeeping(fact)).then(|| alerting(fact)).flatten(),
        Fact::Oncall(fact) => oncall(fact),
        Fact::Incidents(fact) => Some(incidents(fact)),
        Fact::Status(fact) => status(fact),
        Fact::Learning(fact) => learning(fact),
        Fact::Capacity(fact) => Some(capacity(fact)),
        Fact::Engine(fact) => Some(engine(fact)),
    }
}

fn engine(fact: &EngineFact) -> String {
    match fact {
        EngineFact::DeadlineQuarantined { deadline, crashes } => {
            format!("leave the deadline {deadline} alone: the process ended {crashes} times at it")
        }
        EngineFact::DeadlineReleased { deadline } => format!("decide the deadline {deadline} again"),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn signals(fact: &G) -> String {
    match fact {
        G::CheckFailed { check, detail, .. } => format!("check {check} fails: {detail}"),
        G::CheckRecovered { check, failed_for, .. } => {
            format!("check {check} passes after failing for {failed_for}")
        }
        G::HeartbeatMissed { heartbeat, expected_by, .. } => {
            format!("heartbeat {heartbeat} did not arrive by {expected_by}")
        }
        G::HeartbeatReturned { heartbeat, .. } => format!("heartbeat {heartbeat} arrives again"),
        G::HeartbeatFailed { heartbeat, detail, .. } => {
            format!("heartbeat {heartbeat} reports a failure: {detail}")
        }
        G::CheckRetired { check } => format!("check {check} is no longer configured"),
        G::HeartbeatRetired { heartbeat } => format!("heartbeat {heartbeat} is no longer configured"),
    }
}

fn objectives(fact: &O) -> Option<String> {
    Some(match fact {
        O::SlicesJudged { .. } | O::SlicesFinal { .. } => return None,
        O::SliceDown { service, start, tally, .. } => {
            format!(
                "{service} was down at {start}: {} of {} requests failed",
                tally.bad,
                tally.good + tally.bad
            )
        }
        O::SliceRejudged { service, start, was, is, reason, .. } => {
            let why = match reason {
                RejudgeReason::LateEvents => "late events".to_owned(),
                RejudgeReason::CorrectedByHand { reason } => reason.clone(),
            };
            format!("{service} at {start} counts as {is:?} instead of {was:?}: {why}")
        }
        O::OutageOpened { outage, service, start, .. } => format!("{outage} of {service} began at {start}"),
        O::OutageEnded { outage, end, slices } => {
            format!("{outage} ended at {end} after {slices} down slices")
        }
        O::OutageMerged { outage, into } => format!("{outage} turned out to be part of {into}"),
        O::OutageSplit { outage, rest, start } => {
            format!("{outage} turned out to be two: {rest} from {start}")
        }
        O::OutageAttributed { outage, cause, .. } => format!("attributed {outage} to {cause}"),
        O::BudgetSpent { service, objective, percent, spent, budget, .. } => {
            format!("{service} has spent {percent}% of its {objective} budget: {spent} of {budget}")
        }
    })
}

fn alerting(fact: &A) -> Option<String> {
    Some(match fact {
        A::AlertPending { labels, value, .. } => format!("pending: {} at {value}", name(labels)),
        A::AlertFired(alert) => {
            let value = alert.value.as_ref().map_or_else(String::new, |value| format!(" at {value}"));
            format!("{} alert fired: {}{value}", alert.priority.as_str(), name(&alert.labels))
        }
        A::AlertResolved { reason, .. } => match reason {
            ResolveReason::ConditionCleared => "alert resolved: its condition cleared".to_owned(),
            ResolveReason::SaidBySender => "alert resolved by its sender".to_owned(),
            ResolveReason::Expired => "alert resolved: its sender fell silent".to_owned(),
            ResolveReason::RuleRemoved => "alert resolved: its rule was removed".to_owned(),
        },
        A::AlertSuppressed { reason, .. } => match reason {
            SuppressReason::Silenced(silence) => format!("not notified: silenced by {silence}"),
            SuppressReason::LowPriority => "counted, not notified: low priority".to_owned(),
        },
        A::GroupNotified { group, title, again, .. } => {
            let again = if *again { " again" } else { "" };
            format!("{group} notifies{again}: {title}")
        }
        A::GroupResolved { group, was_notified: true, .. } => format!("every alert of {group} resolved"),
        A::GroupResolved { group, .. } => format!("{group} was over before anybody was told"),
        A::SilenceCreated { silence, ends_at, comment, .. } => {
            format!("{silence} until {ends_at}: {comment}")
        }
        A::SilenceExpired { silence } => format!("{silence} ended"),
        A::AlertKeptFiring { .. } => "condition cleared; kept firing".to_owned(),
        A::AlertHeldAgain { .. } => "condition holds again".to_owned(),
        _ => return None,
    })
}

fn name(labels: &kernel::Labels) -> String {
    let others = labels.only(|label| label != "alertname");
    let name = labels.get("alertname").unwrap_or("alert");
    if others.is_empty() { name.to_owned() } else { format!("{name}{others}") }
}

fn oncall(fact: &N) -> Option<String> {
    Some(match fact {
        N::PageOpened { page, policy_id, title, .. } => {
            format!("{page} opened on policy {policy_id}: {title}")
        }
        N::StepStarted { page, step, responders, reason, until, .. } => {
            let next =
                until.map_or_else(String::new, |until| format!("; passes on at {until} unless acknowledged"));
            format!("{page} {} {}{next}", reached(*step, reason), people(responders))
        }
        N::StepSkipped { page, step, detail, .. } => {
            format!("{page} passed over step {} at once: {detail}", step + 1)
        }
        N::PageExhausted { page } => format!("{page} has walked its whole policy and nobody acknowledged"),
        N::PageAcknowledged { page, via } => match via {
            Via::Link => format!("acknowledged {page} from the message"),
            Via::Api => format!("acknowledged {page}"),
        },
        N::PageEscalated { page, reason } => format!("passed {page} on: {reason}"),
        N::PageResolved { page, reason } => match reason {
            PageEnd::AlertsResolved => format!("{page} is over: its alerts resolved"),
            PageEnd::Silenced => format!("{page} is over: its alerts are silenced"),
            PageEnd::IncidentResolved => format!("{page} is over: its incident is resolved"),
            PageEnd::ClosedByHand => format!("closed {page}"),
        },
        N::NotificationIntended { purpose, contact, notification, .. } => match purpose {
            Purpose::Page { page, .. } => format!("{notification}: notify {contact} of {page}"),
            Purpose::PageOver { page } => format!("{notification}: tell {contact} that {page} is over"),
            Purpose::HighPriority { group } => format!("{notification}: mail {contact} about {group}"),
            Purpose::DeadlineQuarantined { .. } => {
                format!("{notification}: tell {contact} of a deadline that is left alone")
            }
            Purpose::UpdateOverdue { incident, .. } => {
                format!("{notification}: remind {contact} of the update that {incident} owes")
            }
        },
        N::NotificationHandedOver { notification, receipt } => {
            format!("{notification} handed over: {receipt}")
        }
        N::NotificationRefused { notification, detail, .. } => format!("{notification} refused: {detail}"),
        N::NotificationOutcomeUnknown { notification, detail, .. } => {
            format!("{notification}: nobody knows whether it arrived ({detail})")
        }
        N::NotificationRetried { notification, attempt } => format!("{notification}: attempt {attempt}"),
        N::NotificationAbandoned { notification, reason } => match reason {
            AbandonReason::NoLongerNeeded => return None,
            AbandonReason::RefusedForGood => format!("{notification} given up: refused for good"),
            AbandonReason::AttemptsExhausted => format!("{notification} given up: every attempt failed"),
            AbandonReason::OutcomeUnknown => format!("{notification} is not sent again: it may have arrived"),
        },
        N::AttemptLeaseExpired { notification, waited, .. } => {
            format!("{notification}: no outcome after {waited}")
        }
        N::OverrideAdded { rotation, person, from, until, .. } => {
            format!("{person} takes {rotation} from {from} until {until}")
        }
        N::OverrideRemoved { id } => format!("took back {id}"),
    })
}

fn reached(step: u32, reason: &StepReason) -> String {
    match reason {
        StepReason::Opened => "notifies".to_owned(),
        StepReason::NobodyAcknowledged => format!("went to step {}, because nobody acknowledged:", step + 1),
        StepReason::EscalatedByHand => format!("was passed on to step {}:", step + 1),
        StepReason::NobodyReachable => format!("went to step {}, because nobody could be reached:", step + 1),
        StepReason::NobodyOnCall => format!("went to step {}, because nobody was on call:", step + 1),
    }
}

fn people(responders: &[Responder]) -> String {
    let one = |responder: &Responder| match &responder.because {
        Because::OnCall(rotation) => format!("{} (on call in {rotation})", responder.person),
        Because::Override(id) => format!("{} (by {id})", responder.person),
        Because::Team(team) => format!("{} (team {team})", responder.person),
        Because::Named => responder.person.to_string(),
    };
    responders.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn incidents(fact: &I) -> String {
    match fact {
        I::IncidentDeclared { incident, service, severity, title, reason, .. } => {
            let how = match reason {
                DeclareReason::FromPage(page) => format!(" from {page}"),
                DeclareReason::Automatically(group) => format!(" automatically for {group}"),
                DeclareReason::ByHand => String::new(),
            };
            format!("declared {incident}{how}: {title} ({}, {service})", severity_word(*severity))
        }
        I::GroupJoined { incident, group, title } => format!("{group} belongs to {incident}: {title}"),
        I::AlertsCleared { incident } => format!("every alert of {incident} has resolved"),
        I::LeaderAssigned { incident, person } => format!("{person} leads {incident}"),
        I::TeamJoined { team, person, .. } => format!("{person} joined the {} team", team_word(*team)),
        I::TeamLeft { team, person, .. } => format!("{person} left the {} team", team_word(*team)),
        I::NoteWritten { text, .. } => text.clone(),
        I::SeverityChanged { severity, reason, .. } => {
            format!("severity is {}: {reason}", severity_word(*severity))
        }
        I::UpdatePosted { audience, phase, text, .. } => {
            let audience = match audience {
                Audience::Public => "public",
                Audience::Internal => "internal",
            };
            format!("{audience} update ({}): {text}", phase_word(*phase))
        }
        I::UpdateOverdue { due, leader, .. } => match leader {
            Some(leader) => format!("the update due at {due} is late; {leader} is reminded"),
            None => format!("the update due at {due} is late, and nobody leads"),
        },
        I::IncidentResolved { incident, text } => format!("resolved {incident}: {text}"),
        I::TicketOpened { ticket, title, due, .. } => format!("opened {ticket}, due {due}: {title}"),
        I::TicketRecurred { ticket, group } => format!("{group} is {ticket} again"),
        I::TicketAssigned { ticket, person } => format!("{person} owns {ticket}"),
        I::TicketClosed { ticket, resolution } => format!("closed {ticket}: {resolution}"),
        I::TicketOverdue { ticket } => format!("{ticket} is overdue"),
    }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Investigating => "investigating",
        Phase::Identified => "identified",
        Phase::Monitoring => "monitoring",
        Phase::Resolved => "resolved",
    }
}

fn team_word(team: ResponseTeam) -> &'static str {
    match team {
        ResponseTeam::Recovery => "recovery",
        ResponseTeam::RootCause => "root-cause",
    }
}

fn status(fact: &S) -> Option<String> {
    Some(match fact {
        S::IncidentPublished { incident, .. } => format!("{incident} is on the status page"),
        S::UpdatePublished { .. } => return None,
        S::ComponentStatusChanged { service, component, status, .. } => {
            let status = match status {
                facts::status::ComponentStatus::Operational => "operational",
                facts::status::ComponentStatus::DegradedPerformance => "degraded performance",
                facts::status::ComponentStatus::PartialOutage => "partial outage",
                facts::status::ComponentStatus::MajorOutage => "major outage",
            };
            format!("the status page shows {service}/{component} as {status}")
        }
    })
}

fn learning(fact: &L) -> Option<String> {
    Some(match fact {
        L::PostMortemDrafted { post_mortem, incident, .. } => format!("drafted {post_mortem} of {incident}"),
        L::ImpactUpdated { .. } | L::SectionWritten { .. } => return None,
        L::WhyAdded { why, text, .. } => format!("{why}: {text}"),
        L::RiskAccepted { why, reason, .. } => format!("accepted the risk of {why}: {reason}"),
        L::JudgementRecorded { text, .. } => format!("judgement: {text}"),
        L::ActionAdded { action, title, owner, due, .. } => format!("{action} for {owner} by {due}: {title}"),
        L::ActionDone { action, outcome } => format!("{action} is done: {outcome}"),
        L::ActionOverdue { action } => format!("{action} is overdue"),
        L::PostMortemCompleted { post_mortem } => format!("{post_mortem} is complete"),
    })
}

fn capacity(fact: &C) -> String {
    match fact {
        C::CeilingNear { scalable, reading } => {
            format!("{scalable} is near its ceiling: {} of {}", reading.current, reading.maximum)
        }
        C::CeilingCleared { scalable, .. } => format!("{scalable} is below its ceiling again"),
        C::CapacityReadable { scalable, .. } => format!("{scalable} can be read again"),
        C::CapacityUnreadable { scalable, detail } => format!("{scalable} cannot be read: {detail}"),
    }
}
