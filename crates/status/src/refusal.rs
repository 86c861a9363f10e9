use kernel::{ComponentId, Refuse, ServiceId};

/// Why the status slice says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The service has no such component.
    NoSuchComponent(ServiceId, ComponentId),
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        "no_such_component"
    }

    fn sentence(&self) -> String {
        let Refusal::NoSuchComponent(service, component) = self;
        format!("the configuration has no component `{component}` of a service `{service}`")
    }

    fn hint(&self) -> Option<String> {
        Some("list it under the service's `components` and apply that".to_owned())
    }
}
