use std::collections::{BTreeMap, BTreeSet};

use facts::incidents::Phase;
use facts::{Configuration, Entry, Fact, IncidentsFact};
use kernel::{IncidentId, Timestamp};

use crate::limits::{CLOSED_HEADERS_MAX, UPDATES_KEPT_MAX};
use crate::{Incident, State, Ticket, Update};

/// Folds one entry in. Total: what it does not know changes nothing.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => configure(state, &applied.configuration),
        Fact::Incidents(fact) => incident_fact(state, entry, fact),
        Fact::Alerting(facts::AlertingFact::GroupResolved { group, .. }) => {
            for open in state.open.values_mut() {
                if let Some(fires) = open.groups.get_mut(group) {
                    *fires = false;
                }
            }
        }
        _ => {}
    }
}

fn configure(state: &mut State, configuration: &Configuration) {
    state.rules = configuration.incidents.clone();
    state.services = configuration.services.keys().cloned().collect();
    state.people = configuration.people.keys().cloned().collect();
}

fn incident_fact(state: &mut State, entry: &Entry, fact: &IncidentsFact) {
    use IncidentsFact as F;
    match fact {
        F::IncidentDeclared { .. } => declared(state, entry.at, fact),
        F::GroupJoined { incident, group, .. } => {
            state.change(*incident, |open| _ = open.groups.insert(*group, true));
        }
        F::LeaderAssigned { incident, person } => {
            state.change(*incident, |open| open.leader = Some(person.clone()));
        }
        F::TeamJoined { incident, team, person } => {
            state.change(*incident, |open| _ = open.team_mut(*team).insert(person.clone()));
        }
        F::TeamLeft { incident, team, person } => {
            state.change(*incident, |open| _ = open.team_mut(*team).remove(person));
        }
        F::SeverityChanged { incident, severity, .. } => {
            state.change(*incident, |open| open.severity = *severity)
        }
        F::UpdatePosted { incident, audience, phase, text, next_due } => state.change(*incident, |open| {
            let by = entry.actor.clone();
            open.updates.push(Update {
                at: entry.at,
                by,
                audience: *audience,
                phase: *phase,
                text: text.clone(),
            });
            if open.updates.len() > UPDATES_KEPT_MAX {
                open.updates.remove(0);
            }
            open.phase = *phase;
            open.update_due = next_due.unwrap_or(open.update_due);
            open.remind_at = open.update_due;
        }),
        F::UpdateOverdue { incident, remind_at, .. } => {
            state.change(*incident, |open| open.remind_at = *remind_at);
        }
        F::IncidentResolved { incident, .. } => resolved(state, *incident, entry.at),
        F::NoteWritten { .. } | F::AlertsCleared { .. } => {}
        F::TicketOpened { .. }
        | F::TicketRecurred { .. }
        | F::TicketAssigned { .. }
        | F::TicketClosed { .. }
        | F::TicketOverdue { .. } => ticket_fact(state, entry.at, fact),
    }
}

fn declared(state: &mut State, at: Timestamp, fact: &IncidentsFact) {
    let IncidentsFact::IncidentDeclared { incident, service, severity, title, began_at, update_due, .. } =
        fact
    else {
        return;
    };
    state.next_incident = state.next_incident.max(incident.0);
    state.by_service.insert(service.clone(), *incident);
    let open = Incident {
        id: *incident,
        service: service.clone(),
        severity: *severity,
        title: title.clone(),
        began_at: *began_at,
        declared_at: at,
        phase: Phase::Investigating,
        leader: None,
        recovery: BTreeSet::new(),
        root_cause: BTreeSet::new(),
        groups: BTreeMap::new(),
        updates: Vec::new(),
        update_due: *update_due,
        remind_at: *update_due,
    };
    state.open.insert(*incident, open);
}

fn resolved(state: &mut State, incident: IncidentId, at: Timestamp) {
    let Some(open) = state.open.remove(&incident) else {
        return;
    };
    if state.by_service.get(&open.service) == Some(&incident) {
        state.by_service.remove(&open.service);
    }
    state.closed.insert(incident, crate::Header { resolved_at: Some(at), ..open.header() });
    while state.closed.len() > CLOSED_HEADERS_MAX {
        state.closed.pop_first();
    }
}

fn ticket_fact(state: &mut State, at: Timestamp, fact: &IncidentsFact) {
    match fact {
        IncidentsFact::TicketOpened { ticket, service, title, group, due } => {
            state.next_ticket = state.next_ticket.max(ticket.0);
            let opened = Ticket {
                id: *ticket,
                service: service.clone(),
                title: title.clone(),
                groups: group.iter().copied().collect(),
                opened_at: at,
                due: *due,
                overdue: false,
                owner: None,
                closed: None,
            };
            state.tickets.insert(*ticket, opened);
        }
        IncidentsFact::TicketRecurred { ticket, group } => {
            state.change_ticket(*ticket, |open| _ = open.groups.insert(*group));
        }
        IncidentsFact::TicketAssigned { ticket, person } => {
            state.change_ticket(*ticket, |open| open.owner = Some(person.clone()));
        }
        IncidentsFact::TicketOverdue { ticket } => state.change_ticket(*ticket, |open| open.overdue = true),
        IncidentsFact::TicketClosed { ticket, resolution } => {
            let Some(mut closed) = state.tickets.remove(ticket) else {
                return;
            };
            closed.closed = Some((at, resolution.clone()));
            state.closed_tickets.insert(*ticket, closed);
            while state.closed_tickets.len() > CLOSED_HEADERS_MAX {
                state.closed_tickets.pop_first();
            }
        }
        _ => {}
    }
}

impl State {
    fn change(&mut self, incident: IncidentId, change: impl FnOnce(&mut Incident)) {
        if let Some(open) = self.open.get_mut(&incident) {
            change(open);
        }
    }

    fn change_ticket(&mut self, ticket: kernel::TicketId, change: impl FnOnce(&mut Ticket)) {
        if let Some(open) = self.tickets.get_mut(&ticket) {
            change(open);
        }
    }
}
