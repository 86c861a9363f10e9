use kernel::{CheckId, HeartbeatId, Refuse};

/// Why the signals slice says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such check.
    NoSuchCheck(CheckId),
    /// The configuration has no such heartbeat.
    NoSuchHeartbeat(HeartbeatId),
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchCheck(_) => "no_such_check",
            Refusal::NoSuchHeartbeat(_) => "no_such_heartbeat",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::NoSuchCheck(check) => format!("the configuration has no check `{check}`"),
            Refusal::NoSuchHeartbeat(heartbeat) => {
                format!("the configuration has no heartbeat `{heartbeat}`")
            }
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
