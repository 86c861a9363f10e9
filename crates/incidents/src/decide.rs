use facts::IncidentsFact;
use facts::incidents::{Audience, DeclareReason, Phase};
use kernel::limits::TEXT_BYTES_MAX;
use kernel::{Actor, GroupId, IncidentId, PersonId, ServiceId, TicketId, Timestamp};

use crate::limits::{OPEN_TICKETS_MAX, TITLE_BYTES_MAX};
use crate::{Command, Incident, Refusal, State, WakeReason};

type Decision = Result<Vec<IncidentsFact>, Refusal>;

/// Decides a command; changes nothing.
pub fn decide(state: &State, now: Timestamp, actor: &Actor, command: Command) -> Decision {
    match command {
        Command::DeclareIncident { .. } => declare(state, now, actor, command),
        Command::JoinGroup { service, group, title } => Ok(join_group(state, &service, group, title)),
        Command::GroupResolved { group } => Ok(group_resolved(state, group)),
        Command::AssignLeader { incident, person } => {
            let open = state.find_open(incident)?;
            state.known_person(&person)?;
            let leads = open.leader.as_ref() == Some(&person);
            Ok(unless(leads, IncidentsFact::LeaderAssigned { incident, person }))
        }
        Command::JoinTeam { incident, team, person } => {
            let open = state.find_open(incident)?;
            state.known_person(&person)?;
            let on_team = open.team(team).contains(&person);
            if !on_team && (open.recovery.contains(&person) || open.root_cause.contains(&person)) {
                return Err(Refusal::OnTheOtherTeam(person));
            }
            Ok(unless(on_team, IncidentsFact::TeamJoined { incident, team, person }))
        }
        Command::LeaveTeam { incident, team, person } => {
            let absent = !state.find_open(incident)?.team(team).contains(&person);
            Ok(unless(absent, IncidentsFact::TeamLeft { incident, team, person }))
        }
        Command::WriteNote { incident, text } => {
            // The primary log stays open after the resolution: learning goes on.
            if state.get(incident).is_none() {
                return Err(Refusal::NoSuchIncident(incident));
            }
            Ok(vec![IncidentsFact::NoteWritten { incident, text: prose(text, TEXT_BYTES_MAX)? }])
        }
        Command::ChangeSeverity { incident, severity, reason } => {
            let same = state.find_open(incident)?.severity == severity;
            Ok(unless(same, IncidentsFact::SeverityChanged { incident, severity, reason }))
        }
        Command::PostUpdate { incident, audience, phase, text, next_due } => {
            post_update(state, now, incident, audience, phase, text, next_due)
        }
        Command::ResolveIncident { incident, text } => {
            state.find_open(incident)?;
            Ok(vec![IncidentsFact::IncidentResolved { incident, text: prose(text, TEXT_BYTES_MAX)? }])
        }
        Command::OpenTicket { service, title, group } => open_ticket(state, now, service, title, group),
        Command::AssignTicket { ticket, person } => {
            let owner = state.find_ticket(ticket)?.owner.as_ref();
            state.known_person(&person)?;
            Ok(unless(owner == Some(&person), IncidentsFact::TicketAssigned { ticket, person }))
        }
        Command::CloseTicket { ticket, resolution } => {
            state.find_ticket(ticket)?;
            Ok(vec![IncidentsFact::TicketClosed { ticket, resolution: prose(resolution, TEXT_BYTES_MAX)? }])
        }
        Command::Wake(why) => Ok(wake(state, now, why)),
    }
}

fn declare(state: &State, now: Timestamp, actor: &Actor, command: Command) -> Decision {
    let Command::DeclareIncident { service, severity, title, began_at, reason, groups, leader } = command
    else {
        unreachable!("`decide` sends only declarations here");
    };
    if !state.services.contains(&service) {
        return Err(Refusal::NoSuchService(service));
    }
    if let Some(open) = state.open_of(&service) {
        return Err(Refusal::ServiceHasOpenIncident(service, open.id));
    }
    // Whoever declares leads until somebody else is named, if the configuration knows them.
    let leader = leader.or_else(|| actor.person().cloned().filter(|person| state.people.contains(person)));
    if let Some(person) = &leader {
        state.known_person(person)?;
    }
    let incident = IncidentId(state.next_incident + 1);
    let title = match reason {
        DeclareReason::Automatically(_) => shortened(&title),
        DeclareReason::FromPage(_) | DeclareReason::ByHand => prose(title, TITLE_BYTES_MAX)?,
    };
    let joined =
        groups.into_iter().map(|group| IncidentsFact::GroupJoined { incident, group, title: title.clone() });
    let declared = IncidentsFact::IncidentDeclared {
        incident,
        service,
        severity,
        title: title.clone(),
        began_at: began_at.unwrap_or(now).min(now),
        reason,
        update_due: now + state.rules.update_every,
    };
    let led = leader.map(|person| IncidentsFact::LeaderAssigned { incident, person });
    Ok(std::iter::once(declared).chain(joined).chain(led).collect())
}

fn join_group(state: &State, service: &ServiceId, group: GroupId, title: String) -> Vec<IncidentsFact> {
    let open = state.open_of(service).filter(|open| !open.groups.contains_key(&group));
    open.map(|open| IncidentsFact::GroupJoined { incident: open.id, group, title }).into_iter().collect()
}

fn group_resolved(state: &State, group: GroupId) -> Vec<IncidentsFact> {
    let cleared = state.open.values().filter(|open| {
        let others_fire = open.groups.iter().any(|(id, fires)| *id != group && *fires);
        open.groups.get(&group) == Some(&true) && !others_fire
    });
    cleared.map(|open| IncidentsFact::AlertsCleared { incident: open.id }).collect()
}

fn post_update(
    state: &State,
    now: Timestamp,
    incident: IncidentId,
    audience: Audience,
    phase: Phase,
    text: String,
    next_due: Option<Timestamp>,
) -> Decision {
    state.find_open(incident)?;
    if phase == Phase::Resolved {
        return Err(Refusal::ResolveIsItsOwnCommand);
    }
    let latest = now + state.rules.update_every;
    if next_due.is_some_and(|due| due > latest) {
        return Err(Refusal::NextUpdateTooLate(latest));
    }
    let next_due = Some(next_due.unwrap_or(latest).max(now));
    let text = prose(text, TEXT_BYTES_MAX)?;
    Ok(vec![IncidentsFact::UpdatePosted { incident, audience, phase, text, next_due }])
}

fn open_ticket(
    state: &State,
    now: Timestamp,
    service: Option<ServiceId>,
    title: String,
    group: Option<GroupId>,
) -> Decision {
    let title = if group.is_some() { shortened(&title) } else { prose(title, TITLE_BYTES_MAX)? };
    let same = |ticket: &&crate::Ticket| ticket.service == service && ticket.title == title;
    if let (Some(group), Some(ticket)) = (group, state.tickets.values().find(same)) {
        return Ok(vec![IncidentsFact::TicketRecurred { ticket: ticket.id, group }]);
    }
    if state.tickets.len() >= OPEN_TICKETS_MAX {
        // An alert is recorded in its group and mailed whatever happens here; only people are told no.
        return if group.is_some() { Ok(Vec::new()) } else { Err(Refusal::TooManyOpenTickets) };
    }
    let ticket = TicketId(state.next_ticket + 1);
    Ok(vec![IncidentsFact::TicketOpened { ticket, service, title, group, due: now + state.rules.ticket_due }])
}

fn wake(state: &State, now: Timestamp, why: WakeReason) -> Vec<IncidentsFact> {
    match why {
        WakeReason::UpdateDue(incident) => state
            .open
            .get(&incident)
            .map(|open| IncidentsFact::UpdateOverdue {
                incident,
                due: open.update_due,
                leader: open.leader.clone(),
                remind_at: now + state.rules.update_every,
            })
            .into_iter()
            .collect(),
        WakeReason::TicketDue(ticket) => vec![IncidentsFact::TicketOverdue { ticket }],
    }
}

fn unless(already: bool, fact: IncidentsFact) -> Vec<IncidentsFact> {
    if already { Vec::new() } else { vec![fact] }
}

/// The title that a group of alerts brings along: nothing about it may stand against the incident or ticket.
fn shortened(title: &str) -> String {
    match title.trim() {
        "" => "alerts without a name".to_owned(),
        title => title[..title.floor_char_boundary(TITLE_BYTES_MAX)].to_owned(),
    }
}

/// Text with something in it, and not too much.
fn prose(text: String, bytes_max: usize) -> Result<String, Refusal> {
    match text.trim() {
        "" => Err(Refusal::EmptyText),
        trimmed if trimmed.len() > bytes_max => Err(Refusal::TextTooLong(bytes_max)),
        trimmed => Ok(trimmed.to_owned()),
    }
}

impl State {
    fn find_open(&self, incident: IncidentId) -> Result<&Incident, Refusal> {
        match (self.open.get(&incident), self.closed.contains_key(&incident)) {
            (Some(open), _) => Ok(open),
            (None, true) => Err(Refusal::IncidentIsResolved(incident)),
            (None, false) => Err(Refusal::NoSuchIncident(incident)),
        }
    }

    fn find_ticket(&self, ticket: TicketId) -> Result<&crate::Ticket, Refusal> {
        self.tickets.get(&ticket).ok_or(Refusal::NoSuchOpenTicket(ticket))
    }

    fn known_person(&self, person: &PersonId) -> Result<(), Refusal> {
        if self.people.contains(person) { Ok(()) } else { Err(Refusal::NoSuchPerson(person.clone())) }
    }
}
