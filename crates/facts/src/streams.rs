use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Fact;
use crate::alerting::AlertingFact as A;
use crate::capacity::CapacityFact as C;
use crate::incidents::{DeclareReason, IncidentsFact as I};
use crate::learning::LearningFact as L;
use crate::objectives::ObjectivesFact as O;
use crate::oncall::{OncallFact as N, Purpose};
use crate::signals::SignalsFact as G;
use crate::status::StatusFact as S;

/// A story that facts belong to: `inc_7`, `service:shop`. A fact names every stream that it belongs to, so that
/// what left memory can be folded again from its stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stream(String);

impl Stream {
    /// The stream of an id that shows its kind: `inc_7`.
    pub fn of(id: impl fmt::Display) -> Self {
        Self(id.to_string())
    }

    /// The stream of something that a configuration names: `service:shop`.
    pub fn named(kind: &str, name: impl fmt::Display) -> Self {
        Self(format!("{kind}:{name}"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fact {
    /// Every stream that this fact belongs to.
    pub fn streams(&self) -> Vec<Stream> {
        match self {
            Fact::ConfigurationApplied(_) => vec![Stream::of("configuration")],
            Fact::Signals(fact) => vec![signals(fact)],
            Fact::Objectives(fact) => objectives(fact),
            Fact::Alerting(fact) => alerting(fact),
            Fact::Oncall(fact) => oncall(fact),
            Fact::Incidents(fact) => incidents(fact),
            Fact::Status(fact) => status(fact),
            Fact::Learning(fact) => learning(fact),
            Fact::Capacity(fact) => vec![capacity(fact)],
            Fact::Engine(_) => vec![Stream::of("quarantine")],
        }
    }
}

fn signals(fact: &G) -> Stream {
    match fact {
        G::CheckFailed { check, .. } | G::CheckRecovered { check, .. } | G::CheckRetired { check } => {
            Stream::named("check", check)
        }
        G::HeartbeatMissed { heartbeat, .. }
        | G::HeartbeatReturned { heartbeat, .. }
        | G::HeartbeatFailed { heartbeat, .. }
        | G::HeartbeatRetired { heartbeat } => Stream::named("heartbeat", heartbeat),
    }
}

fn objectives(fact: &O) -> Vec<Stream> {
    match fact {
        O::SlicesJudged { service, .. }
        | O::SliceRejudged { service, .. }
        | O::SlicesFinal { service, .. }
        | O::BudgetSpent { service, .. } => vec![Stream::named("service", service)],
        O::SliceDown { service, outage, .. } | O::OutageOpened { service, outage, .. } => {
            vec![Stream::named("service", service), Stream::of(outage)]
        }
        O::OutageEnded { outage, .. } => vec![Stream::of(outage)],
        O::OutageMerged { outage, into } => vec![Stream::of(outage), Stream::of(into)],
        O::OutageSplit { outage, rest, .. } => vec![Stream::of(outage), Stream::of(rest)],
        O::OutageAttributed { outage, incident, .. } => {
            std::iter::once(Stream::of(outage)).chain(incident.map(Stream::of)).collect()
        }
    }
}

fn alerting(fact: &A) -> Vec<Stream> {
    let alert = |fingerprint| Stream::named("alert", fingerprint);
    match fact {
        A::AlertPending { fingerprint, .. }
        | A::PendingCleared { fingerprint }
        | A::AlertRefreshed { fingerprint, .. }
        | A::AlertKeptFiring { fingerprint, .. }
        | A::AlertHeldAgain { fingerprint }
        | A::AlertResolved { fingerprint, .. } => vec![alert(fingerprint)],
        A::AlertFired(fired) => std::iter::once(alert(&fired.fingerprint))
            .chain(fired.service.iter().map(|service| Stream::named("service", service)))
            .collect(),
        A::AlertSuppressed { fingerprint, .. } => vec![alert(fingerprint)],
        A::GroupOpened { group, alert: first, .. } => vec![Stream::of(group), alert(first)],
        A::GroupGrew { group, alert: joined, .. } => vec![Stream::of(group), alert(joined)],
        A::GroupNotified { group, .. } | A::GroupResolved { group, .. } => vec![Stream::of(group)],
        A::SilenceCreated { silence, .. } | A::SilenceBegan { silence } | A::SilenceExpired { silence } => {
            vec![Stream::of(silence)]
        }
        A::LowDaySummed { .. } => vec![Stream::of("low")],
    }
}

fn oncall(fact: &N) -> Vec<Stream> {
    match fact {
        N::PageOpened { page, group, service, .. } => std::iter::once(Stream::of(page))
            .chain(group.map(Stream::of))
            .chain(service.iter().map(|service| Stream::named("service", service)))
            .collect(),
        N::StepStarted { page, .. }
        | N::StepSkipped { page, .. }
        | N::PageExhausted { page }
        | N::PageAcknowledged { page, .. }
        | N::PageEscalated { page, .. }
        | N::PageResolved { page, .. } => vec![Stream::of(page)],
        N::NotificationIntended { notification, purpose, .. } => {
            let about = match purpose {
                Purpose::Page { page, .. } | Purpose::PageOver { page } => Stream::of(page),
                Purpose::HighPriority { group } => Stream::of(group),
                Purpose::UpdateOverdue { incident, .. } => Stream::of(incident),
                Purpose::DeadlineQuarantined { .. } => Stream::of("quarantine"),
            };
            vec![Stream::of(notification), about]
        }
        N::NotificationHandedOver { notification, .. }
        | N::NotificationRefused { notification, .. }
        | N::NotificationOutcomeUnknown { notification, .. }
        | N::NotificationRetried { notification, .. }
        | N::NotificationAbandoned { notification, .. }
        | N::AttemptLeaseExpired { notification, .. } => vec![Stream::of(notification)],
        N::OverrideAdded { id, rotation, .. } => vec![Stream::of(id), Stream::named("rotation", rotation)],
        N::OverrideRemoved { id } => vec![Stream::of(id)],
    }
}

fn incidents(fact: &I) -> Vec<Stream> {
    match fact {
        I::IncidentDeclared { incident, service, reason, .. } => {
            let from = match reason {
                DeclareReason::FromPage(page) => Some(Stream::of(page)),
                DeclareReason::Automatically(group) => Some(Stream::of(group)),
                DeclareReason::ByHand => None,
            };
            [Stream::of(incident), Stream::named("service", service)].into_iter().chain(from).collect()
        }
        I::GroupJoined { incident, group, .. } => vec![Stream::of(incident), Stream::of(group)],
        I::AlertsCleared { incident }
        | I::LeaderAssigned { incident, .. }
        | I::TeamJoined { incident, .. }
        | I::TeamLeft { incident, .. }
        | I::NoteWritten { incident, .. }
        | I::SeverityChanged { incident, .. }
        | I::UpdatePosted { incident, .. }
        | I::UpdateOverdue { incident, .. }
        | I::IncidentResolved { incident, .. } => vec![Stream::of(incident)],
        I::TicketOpened { ticket, group, .. } => {
            std::iter::once(Stream::of(ticket)).chain(group.map(Stream::of)).collect()
        }
        I::TicketRecurred { ticket, group } => vec![Stream::of(ticket), Stream::of(group)],
        I::TicketAssigned { ticket, .. } | I::TicketClosed { ticket, .. } | I::TicketOverdue { ticket } => {
            vec![Stream::of(ticket)]
        }
    }
}

fn status(fact: &S) -> Vec<Stream> {
    match fact {
        S::IncidentPublished { incident, .. } | S::UpdatePublished { incident, .. } => {
            vec![Stream::of(incident)]
        }
        S::ComponentStatusChanged { service, incident, .. } => {
            std::iter::once(Stream::named("service", service)).chain(incident.map(Stream::of)).collect()
        }
    }
}

fn learning(fact: &L) -> Vec<Stream> {
    match fact {
        L::PostMortemDrafted { post_mortem, incident, .. } => {
            vec![Stream::of(post_mortem), Stream::of(incident)]
        }
        L::ImpactUpdated { post_mortem, .. }
        | L::SectionWritten { post_mortem, .. }
        | L::WhyAdded { post_mortem, .. }
        | L::RiskAccepted { post_mortem, .. }
        | L::JudgementRecorded { post_mortem, .. }
        | L::PostMortemCompleted { post_mortem } => vec![Stream::of(post_mortem)],
        L::ActionAdded { post_mortem, action, .. } => vec![Stream::of(post_mortem), Stream::of(action)],
        L::ActionDone { action, .. } | L::ActionOverdue { action } => vec![Stream::of(action)],
    }
}

fn capacity(fact: &C) -> Stream {
    match fact {
        C::CeilingNear { scalable, .. }
        | C::CeilingCleared { scalable, .. }
        | C::CapacityUnreadable { scalable, .. }
        | C::CapacityReadable { scalable, .. } => Stream::named("scalable", scalable),
    }
}
