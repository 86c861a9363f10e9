use facts::incidents::{Phase, Severity};
use facts::status::ComponentStatus;
use kernel::{ComponentId, IncidentId, ServiceId};

/// What the status slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Show customers an update of an incident; the first one shows them the incident too. `Resolved` sets its
    /// components back to operational.
    PublishUpdate {
        /// Which incident.
        incident: IncidentId,
        /// The service.
        service: ServiceId,
        /// What customers read as its name.
        title: String,
        /// How bad.
        severity: Severity,
        /// Where the response stands.
        phase: Phase,
        /// What customers read.
        text: String,
    },
    /// Show a component in another state.
    SetComponent {
        /// The service.
        service: ServiceId,
        /// Which component.
        component: ComponentId,
        /// How it does.
        status: ComponentStatus,
        /// Because of which incident.
        incident: Option<IncidentId>,
    },
}
