use kernel::{Refuse, ScalableId};

/// Why the capacity slice says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such scalable.
    NoSuchScalable(ScalableId),
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchScalable(_) => "no_such_scalable",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::NoSuchScalable(scalable) => format!("the configuration has no scalable `{scalable}`"),
        }
    }

    fn hint(&self) -> Option<String> {
        Some("add it to the configuration and apply that".to_owned())
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence())
    }
}
