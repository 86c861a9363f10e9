use std::collections::BTreeMap;

use kernel::Span;
use serde::{Deserialize, Serialize};

/// A group of rules that are evaluated together, as in a Prometheus rule file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// The rule file that it is from; empty where it is from none, or nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// How often its rules are evaluated.
    #[serde(default = "one_minute")]
    pub interval: Span,
    /// How far back in time the rules look, so that samples that arrive late are seen.
    #[serde(default, skip_serializing_if = "is_no_time")]
    pub query_offset: Span,
    /// Alerts, or series of a recording rule, that one rule may have; more is a failed evaluation. 0 is no limit.
    #[serde(default, skip_serializing_if = "is_none")]
    pub limit: u64,
    /// Labels added to every rule of the group.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// An alerting rule, or a recording rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The alert's name; exactly one of `alert` and `record` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// The series that the result is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// PromQL.
    pub expr: String,
    /// How long the condition has to hold.
    #[serde(default, rename = "for")]
    pub hold: Span,
    /// How long the alert fires after the condition cleared.
    #[serde(default)]
    pub keep_firing_for: Span,
    /// Labels added to the alert; values may be templates.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// For people; values may be templates.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// How alerts gather into groups, and how long a group waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerting {
    /// Labels whose values alerts of a group share.
    pub group_by: Vec<String>,
    /// How long a critical group waits for more alerts before it pages.
    pub critical_wait: Span,
    /// How long a high group waits for more alerts before it mails.
    pub high_wait: Span,
    /// How long a notified group waits before newcomers are told of.
    pub group_interval: Span,
    /// When an alert from elsewhere resolves that names no end and is not sent again.
    pub resolve_timeout: Span,
    /// How long a rule waits for samples that are overdue at the instant that it is judged at.
    pub grace: Span,
}

impl Default for Alerting {
    fn default() -> Self {
        Self {
            group_by: vec!["alertname".to_owned(), "service".to_owned()],
            critical_wait: Span::ZERO,
            high_wait: Span::from_secs(30),
            group_interval: Span::from_mins(5),
            resolve_timeout: Span::from_mins(5),
            grace: Span::from_secs(2),
        }
    }
}

/// When an incident is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declare {
    /// By whoever acknowledges the page, if they say so.
    #[default]
    OnAcknowledge,
    /// By every critical group.
    Automatically,
}

/// How incidents begin and how often they are told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentRules {
    /// When one is declared.
    pub declare: Declare,
    /// Longest time between two updates.
    pub update_every: Span,
    /// How long a high-priority ticket may take.
    pub ticket_due: Span,
}

impl Default for IncidentRules {
    fn default() -> Self {
        Self {
            declare: Declare::OnAcknowledge,
            update_every: Span::from_mins(30),
            ticket_due: Span::from_hours(24),
        }
    }
}

fn one_minute() -> Span {
    Span::from_mins(1)
}

fn is_no_time(span: &Span) -> bool {
    *span == Span::ZERO
}

fn is_none(limit: &u64) -> bool {
    *limit == 0
}
