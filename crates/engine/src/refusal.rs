use std::fmt;

use kernel::Refuse;

use crate::quarantine::NotQuarantined;

/// A slice's "no".
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// By the signals slice.
    Signals(signals::slice::Refusal),
    /// By the objectives slice.
    Objectives(objectives::Refusal),
    /// By the alerting slice.
    Alerting(alerting::Refusal),
    /// By the on-call slice.
    Oncall(oncall::Refusal),
    /// By the incidents slice.
    Incidents(incidents::Refusal),
    /// By the status slice.
    Status(status::Refusal),
    /// By the learning slice.
    Learning(learning::Refusal),
    /// By the capacity slice.
    Capacity(capacity::Refusal),
    /// By the engine.
    Quarantine(NotQuarantined),
}

impl Refusal {
    fn inner(&self) -> &dyn Refuse {
        match self {
            Refusal::Signals(refusal) => refusal,
            Refusal::Objectives(refusal) => refusal,
            Refusal::Alerting(refusal) => refusal,
            Refusal::Oncall(refusal) => refusal,
            Refusal::Incidents(refusal) => refusal,
            Refusal::Status(refusal) => refusal,
            Refusal::Learning(refusal) => refusal,
            Refusal::Capacity(refusal) => refusal,
            Refusal::Quarantine(refusal) => refusal,
        }
    }
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        self.inner().code()
    }
    fn sentence(&self) -> String {
        self.inner().sentence()
    }
    fn hint(&self) -> Option<String> {
        self.inner().hint()
    }
}

impl Refuse for NotQuarantined {
    fn code(&self) -> &'static str {
        "not_quarantined"
    }
    fn sentence(&self) -> String {
        format!("no deadline `{}` is in quarantine", self.deadline)
    }
    fn hint(&self) -> Option<String> {
        Some("GET /v1/quarantine lists those that are".to_owned())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for Refusal {}

macro_rules! refusal_from {
    ($($variant:ident($inner:ty)),* $(,)?) => {$(
        impl From<$inner> for Refusal {
            fn from(refusal: $inner) -> Self {
                Refusal::$variant(refusal)
            }
        }
    )*};
}
refusal_from!(
    Signals(signals::slice::Refusal),
    Objectives(objectives::Refusal),
    Alerting(alerting::Refusal),
    Oncall(oncall::Refusal),
    Incidents(incidents::Refusal),
    Status(status::Refusal),
    Learning(learning::Refusal),
    Capacity(capacity::Refusal),
    Quarantine(NotQuarantined),
);
