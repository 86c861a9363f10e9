use kernel::{IncidentId, PersonId, Refuse, ServiceId, TicketId, Timestamp};

/// Why the incidents slice says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such service.
    NoSuchService(ServiceId),
    /// The configuration has no such person.
    NoSuchPerson(PersonId),
    /// There is no such incident.
    NoSuchIncident(IncidentId),
    /// The incident is over.
    IncidentIsResolved(IncidentId),
    /// The service has an open incident.
    ServiceHasOpenIncident(ServiceId, IncidentId),
    /// The person is on the other team.
    OnTheOtherTeam(PersonId),
    /// Nothing was written.
    EmptyText,
    /// Too much was written.
    TextTooLong(usize),
    /// `Resolved` is not an update.
    ResolveIsItsOwnCommand,
    /// The next update would come later than the configuration promises.
    NextUpdateTooLate(Timestamp),
    /// There is no such open ticket.
    NoSuchOpenTicket(TicketId),
    /// Too many tickets are open.
    TooManyOpenTickets,
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchService(_) => "no_such_service",
            Refusal::NoSuchPerson(_) => "no_such_person",
            Refusal::NoSuchIncident(_) => "no_such_incident",
            Refusal::IncidentIsResolved(_) => "incident_is_resolved",
            Refusal::ServiceHasOpenIncident(..) => "service_has_open_incident",
            Refusal::OnTheOtherTeam(_) => "on_the_other_team",
            Refusal::EmptyText => "empty_text",
            Refusal::TextTooLong(_) => "text_too_long",
            Refusal::ResolveIsItsOwnCommand => "resolve_is_its_own_command",
            Refusal::NextUpdateTooLate(_) => "next_update_too_late",
            Refusal::NoSuchOpenTicket(_) => "no_such_open_ticket",
            Refusal::TooManyOpenTickets => "too_many_open_tickets",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::NoSuchService(service) => format!("the configuration has no service `{service}`"),
            Refusal::NoSuchPerson(person) => format!("the configuration has no person `{person}`"),
            Refusal::NoSuchIncident(incident) => format!("there is no incident `{incident}`"),
            Refusal::IncidentIsResolved(incident) => format!("`{incident}` is resolved"),
            Refusal::ServiceHasOpenIncident(service, incident) => {
                format!("`{service}` has an open incident, `{incident}`, and a service has at most one")
            }
            Refusal::OnTheOtherTeam(person) => {
                format!("`{person}` is on the other team, and nobody is on both")
            }
            Refusal::EmptyText => "the text is empty".to_owned(),
            Refusal::TextTooLong(max) => format!("the text is longer than {max} bytes"),
            Refusal::ResolveIsItsOwnCommand => "an update cannot say `resolved`".to_owned(),
            Refusal::NextUpdateTooLate(latest) => {
                format!("the next update would be due after {latest}, later than the configuration promises")
            }
            Refusal::NoSuchOpenTicket(ticket) => format!("there is no open ticket `{ticket}`"),
            Refusal::TooManyOpenTickets => {
                format!("{} tickets are open, which is the limit", crate::limits::OPEN_TICKETS_MAX)
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Refusal::NoSuchService(_) | Refusal::NoSuchPerson(_) => {
                "add it to the configuration and apply that"
            }
            Refusal::ServiceHasOpenIncident(..) => "write to that incident, or resolve it first",
            Refusal::OnTheOtherTeam(_) => "leave the other team first",
            Refusal::ResolveIsItsOwnCommand => "resolve the incident instead",
            Refusal::IncidentIsResolved(_) => "declare a new incident if it is back",
            Refusal::TooManyOpenTickets => "close tickets that were dealt with",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
