use std::collections::{BTreeMap, BTreeSet};

use facts::configuration::IncidentRules;
use facts::incidents::{Audience, Phase, ResponseTeam, Severity};
use kernel::{Actor, GroupId, IncidentId, PersonId, ServiceId, TicketId, Timestamp, Wake};
use serde::{Deserialize, Serialize};

use crate::WakeReason;

/// Open incidents and tickets, and headers of the closed ones.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    pub(crate) rules: IncidentRules,
    pub(crate) services: BTreeSet<ServiceId>,
    pub(crate) people: BTreeSet<PersonId>,
    pub(crate) next_incident: u64,
    pub(crate) next_ticket: u64,
    pub(crate) open: BTreeMap<IncidentId, Incident>,
    pub(crate) by_service: BTreeMap<ServiceId, IncidentId>,
    pub(crate) closed: BTreeMap<IncidentId, Header>,
    pub(crate) tickets: BTreeMap<TicketId, Ticket>,
    pub(crate) closed_tickets: BTreeMap<TicketId, Ticket>,
}

/// An open incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// The service.
    pub service: ServiceId,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// When the disruption began.
    pub began_at: Timestamp,
    /// When it was declared.
    pub declared_at: Timestamp,
    /// Where the response stands.
    pub phase: Phase,
    /// Who leads.
    pub leader: Option<PersonId>,
    /// Who brings the service back.
    pub recovery: BTreeSet<PersonId>,
    /// Who finds out why.
    pub root_cause: BTreeSet<PersonId>,
    /// Its alert groups; true while the group fires.
    pub groups: BTreeMap<GroupId, bool>,
    /// What was told, oldest first.
    pub updates: Vec<Update>,
    /// When the next update is due.
    pub update_due: Timestamp,
    /// When the leader is next reminded; the due time until it passed once.
    pub remind_at: Timestamp,
}

/// What was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// To whom.
    pub audience: Audience,
    /// Where the response stood.
    pub phase: Phase,
    /// What was said.
    pub text: String,
}

/// What stays in memory of a resolved incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its id.
    pub id: IncidentId,
    /// The service.
    pub service: ServiceId,
    /// How bad it was.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// When the disruption began.
    pub began_at: Timestamp,
    /// When it was declared.
    pub declared_at: Timestamp,
    /// When it was resolved; `None` while it is open.
    pub resolved_at: Option<Timestamp>,
}

/// An operations issue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// The service.
    pub service: Option<ServiceId>,
    /// One line.
    pub title: String,
    /// The alert groups that it is about.
    pub groups: BTreeSet<GroupId>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it has to be dealt with.
    pub due: Timestamp,
    /// Whether that time passed.
    pub overdue: bool,
    /// Who owns it.
    pub owner: Option<PersonId>,
    /// How it was dealt with, and when.
    pub closed: Option<(Timestamp, String)>,
}

impl Incident {
    /// What stays of it once it is resolved.
    pub fn header(&self) -> Header {
        Header {
            id: self.id,
            service: self.service.clone(),
            severity: self.severity,
            title: self.title.clone(),
            began_at: self.began_at,
            declared_at: self.declared_at,
            resolved_at: None,
        }
    }

    /// The members of one of its teams.
    pub fn team(&self, team: ResponseTeam) -> &BTreeSet<PersonId> {
        match team {
            ResponseTeam::Recovery => &self.recovery,
            ResponseTeam::RootCause => &self.root_cause,
        }
    }

    pub(crate) fn team_mut(&mut self, team: ResponseTeam) -> &mut BTreeSet<PersonId> {
        match team {
            ResponseTeam::Recovery => &mut self.recovery,
            ResponseTeam::RootCause => &mut self.root_cause,
        }
    }
}

impl State {
    /// Open incidents, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.open.values()
    }

    /// An open incident.
    pub fn open_by_id(&self, incident: IncidentId) -> Option<&Incident> {
        self.open.get(&incident)
    }

    /// The open incident of a service.
    pub fn open_of(&self, service: &ServiceId) -> Option<&Incident> {
        self.by_service.get(service).and_then(|id| self.open.get(id))
    }

    /// The header of an incident, open or resolved.
    pub fn get(&self, incident: IncidentId) -> Option<Header> {
        self.open.get(&incident).map(Incident::header).or_else(|| self.closed.get(&incident).cloned())
    }

    /// Headers of resolved incidents, newest first.
    pub fn resolved(&self) -> impl Iterator<Item = &Header> {
        self.closed.values().rev()
    }

    /// Open tickets, oldest first.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.values()
    }

    /// Closed tickets that are still in memory, newest first.
    pub fn closed_tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.closed_tickets.values().rev()
    }
}

/// The next deadline: a late update or a ticket whose time passes.
pub fn next_wake(state: &State) -> Option<Wake<WakeReason>> {
    wakes(state).min()
}

/// All deadlines, in no order.
pub fn wakes(state: &State) -> impl Iterator<Item = Wake<WakeReason>> {
    let updates = state
        .open
        .values()
        .map(|incident| Wake { at: incident.remind_at, why: WakeReason::UpdateDue(incident.id) });
    let tickets = state
        .tickets
        .values()
        .filter(|ticket| !ticket.overdue)
        .map(|ticket| Wake { at: ticket.due, why: WakeReason::TicketDue(ticket.id) });
    updates.chain(tickets)
}
