//! What customers are told.

use kernel::{ComponentId, IncidentId, ServiceId};
use serde::{Deserialize, Serialize};

use crate::incidents::{Phase, Severity};

/// How a component does, in Statuspage's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentStatus {
    /// It works.
    Operational,
    /// It works badly.
    DegradedPerformance,
    /// It works for some.
    PartialOutage,
    /// It does not work.
    MajorOutage,
}

/// About public incidents and components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusFact {
    /// An incident is shown to customers from here on.
    IncidentPublished {
        /// Which incident.
        incident: IncidentId,
        /// The service.
        service: ServiceId,
        /// What customers read as its name.
        title: String,
        /// How bad.
        severity: Severity,
    },
    /// An update is shown to customers.
    UpdatePublished {
        /// Which incident.
        incident: IncidentId,
        /// Where the response stands.
        phase: Phase,
        /// What customers read.
        text: String,
    },
    /// A component is shown in this state.
    ComponentStatusChanged {
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
