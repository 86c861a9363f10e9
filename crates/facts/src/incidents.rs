//! Incidents, their people, what is written and told, and tickets.

use kernel::{GroupId, IncidentId, PageId, PersonId, ServiceId, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Some customers, or a degraded service.
    Minor,
    /// Many customers.
    Major,
    /// The service is not usable.
    Critical,
}

/// Where the response stands, in the words of public status pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Something is wrong.
    Investigating,
    /// The cause of the effect is known.
    Identified,
    /// The service works again and is watched.
    Monitoring,
    /// Over.
    Resolved,
}

/// Who hears an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The response and management.
    Internal,
    /// Customers too.
    Public,
}

/// The two teams of a critical incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseTeam {
    /// Brings the service back; has the first claim on everything.
    Recovery,
    /// Finds out why.
    RootCause,
}

/// Why an incident exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclareReason {
    /// Whoever acknowledged the page declared it.
    FromPage(PageId),
    /// The configuration declares one for every critical group.
    Automatically(GroupId),
    /// A person or a program asked for it.
    ByHand,
}

/// About incidents and tickets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentsFact {
    /// A disruption was declared. A service has at most one open incident.
    IncidentDeclared {
        /// Its id.
        incident: IncidentId,
        /// The service.
        service: ServiceId,
        /// How bad.
        severity: Severity,
        /// One line.
        title: String,
        /// When the disruption began, as far as its alerts tell.
        began_at: Timestamp,
        /// Why it exists.
        reason: DeclareReason,
        /// When the first update is due.
        update_due: Timestamp,
    },
    /// An alert group belongs to an open incident.
    GroupJoined {
        /// Which incident.
        incident: IncidentId,
        /// Which group.
        group: GroupId,
        /// What it is about.
        title: String,
    },
    /// Every alert group of the incident has resolved: the service may have recovered.
    AlertsCleared {
        /// Which incident.
        incident: IncidentId,
    },
    /// A person leads from here on.
    LeaderAssigned {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonId,
    },
    /// A person joined one of the two teams.
    TeamJoined {
        /// Which incident.
        incident: IncidentId,
        /// Which team.
        team: ResponseTeam,
        /// Who.
        person: PersonId,
    },
    /// A person left one of the two teams.
    TeamLeft {
        /// Which incident.
        incident: IncidentId,
        /// Which team.
        team: ResponseTeam,
        /// Who.
        person: PersonId,
    },
    /// Somebody wrote into the primary log.
    NoteWritten {
        /// Which incident.
        incident: IncidentId,
        /// What.
        text: String,
    },
    /// Its severity changed.
    SeverityChanged {
        /// Which incident.
        incident: IncidentId,
        /// To what.
        severity: Severity,
        /// Why.
        reason: String,
    },
    /// An update was given.
    UpdatePosted {
        /// Which incident.
        incident: IncidentId,
        /// To whom.
        audience: Audience,
        /// Where the response stands.
        phase: Phase,
        /// What is said.
        text: String,
        /// When the next one is due; `None` once resolved.
        next_due: Option<Timestamp>,
    },
    /// No update was given in time; the leader is reminded.
    UpdateOverdue {
        /// Which incident.
        incident: IncidentId,
        /// When it was due.
        due: Timestamp,
        /// Who is reminded; `None` where nobody leads.
        leader: Option<PersonId>,
        /// When the next reminder comes.
        remind_at: Timestamp,
    },
    /// It is over.
    IncidentResolved {
        /// Which incident.
        incident: IncidentId,
        /// What is said.
        text: String,
    },
    /// An operations issue was opened.
    TicketOpened {
        /// Its id.
        ticket: TicketId,
        /// The service.
        service: Option<ServiceId>,
        /// One line.
        title: String,
        /// The alert group that it came from.
        group: Option<GroupId>,
        /// When it has to be dealt with.
        due: Timestamp,
    },
    /// Another alert group belongs to an open ticket.
    TicketRecurred {
        /// Which ticket.
        ticket: TicketId,
        /// The new group.
        group: GroupId,
    },
    /// Somebody owns it.
    TicketAssigned {
        /// Which ticket.
        ticket: TicketId,
        /// Who.
        person: PersonId,
    },
    /// It was dealt with.
    TicketClosed {
        /// Which ticket.
        ticket: TicketId,
        /// How, in words.
        resolution: String,
    },
    /// Its time passed and it is still open.
    TicketOverdue {
        /// Which ticket.
        ticket: TicketId,
    },
}
