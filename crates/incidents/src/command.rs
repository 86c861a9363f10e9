use facts::incidents::{Audience, DeclareReason, Phase, ResponseTeam, Severity};
use kernel::{GroupId, IncidentId, PersonId, ServiceId, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

/// What the incidents slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Declare a disruption; refused where the service has an open incident, which the refusal names.
    DeclareIncident {
        /// The service.
        service: ServiceId,
        /// How bad.
        severity: Severity,
        /// One line.
        title: String,
        /// When the disruption began; `None` means now.
        began_at: Option<Timestamp>,
        /// Why.
        reason: DeclareReason,
        /// Groups that it is about.
        groups: Vec<GroupId>,
        /// Who leads.
        leader: Option<PersonId>,
    },
    /// A critical group belongs to the service's open incident, if it has one. Harmless otherwise.
    JoinGroup {
        /// The service.
        service: ServiceId,
        /// Which group.
        group: GroupId,
        /// What it is about.
        title: String,
    },
    /// A group resolved.
    GroupResolved {
        /// Which.
        group: GroupId,
    },
    /// A person leads from here on.
    AssignLeader {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        person: PersonId,
    },
    /// A person joins one of the two teams; nobody is on both at once.
    JoinTeam {
        /// Which incident.
        incident: IncidentId,
        /// Which team.
        team: ResponseTeam,
        /// Who.
        person: PersonId,
    },
    /// A person leaves one of the two teams.
    LeaveTeam {
        /// Which incident.
        incident: IncidentId,
        /// Which team.
        team: ResponseTeam,
        /// Who.
        person: PersonId,
    },
    /// Write into the primary log.
    WriteNote {
        /// Which incident.
        incident: IncidentId,
        /// What.
        text: String,
    },
    /// Change how bad it is.
    ChangeSeverity {
        /// Which incident.
        incident: IncidentId,
        /// To what.
        severity: Severity,
        /// Why.
        reason: String,
    },
    /// Give an update.
    PostUpdate {
        /// Which incident.
        incident: IncidentId,
        /// To whom.
        audience: Audience,
        /// Where the response stands; `Resolved` is said by `ResolveIncident`.
        phase: Phase,
        /// What is said.
        text: String,
        /// When the next one is due; `None` takes the configured interval, and later than it is refused.
        next_due: Option<Timestamp>,
    },
    /// It is over.
    ResolveIncident {
        /// Which incident.
        incident: IncidentId,
        /// What is said.
        text: String,
    },
    /// Open an issue for a high-priority group; an open one of the same service and title takes the group instead.
    OpenTicket {
        /// The service.
        service: Option<ServiceId>,
        /// One line.
        title: String,
        /// Where it comes from.
        group: Option<GroupId>,
    },
    /// Somebody owns it.
    AssignTicket {
        /// Which.
        ticket: TicketId,
        /// Who.
        person: PersonId,
    },
    /// It was dealt with.
    CloseTicket {
        /// Which.
        ticket: TicketId,
        /// How.
        resolution: String,
    },
    /// A deadline passed.
    Wake(WakeReason),
}

/// Why the slice wakes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// An incident's update is late.
    UpdateDue(IncidentId),
    /// A ticket's time passed.
    TicketDue(TicketId),
}
