use facts::alerting::Priority;
use kernel::Labels;

/// Why an alert has its priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriorityReason {
    /// Its `priority` label names it.
    PriorityLabel,
    /// Its `severity` label maps to it.
    SeverityLabel,
    /// Neither label names a priority, so it is high: `swan check` names the rule.
    NothingMaps,
}

/// `priority` where it is critical, high or low; else by `severity`: critical and page are critical, warning and
/// error are high, info and none are low; else high.
pub fn priority_of(labels: &Labels) -> (Priority, PriorityReason) {
    let named = match labels.get("priority") {
        Some("critical") => Some(Priority::Critical),
        Some("high") => Some(Priority::High),
        Some("low") => Some(Priority::Low),
        _ => None,
    };
    if let Some(priority) = named {
        return (priority, PriorityReason::PriorityLabel);
    }
    match labels.get("severity") {
        Some("critical" | "page") => (Priority::Critical, PriorityReason::SeverityLabel),
        Some("warning" | "error") => (Priority::High, PriorityReason::SeverityLabel),
        Some("info" | "none") => (Priority::Low, PriorityReason::SeverityLabel),
        _ => (Priority::High, PriorityReason::NothingMaps),
    }
}
