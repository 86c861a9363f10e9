//! What a team declares: services, objectives, checks, rules, rotations, policies, channels, status pages.
//!
//! This is the canonical form that `ConfigurationApplied` records: files are read, globs and references to other
//! files resolved, and every address and secret replaced by the name under which the directory or the environment
//! holds it. Maps are sorted, so equal configurations have equal text.

mod alerting;
mod measuring;
mod people;
mod scraping;
mod services;
mod size;
mod storage;

use std::collections::BTreeMap;

use kernel::{
    CheckId, HeartbeatId, Labels, PersonId, PolicyId, RotationId, ScalableId, ServiceId, StatusPageId, TeamId,
};
use serde::{Deserialize, Serialize};

pub use alerting::*;
pub use measuring::*;
pub use people::*;
pub use scraping::*;
pub use services::*;
pub use size::*;
pub use storage::*;

/// A configuration took effect; the one before no longer does, but for pages that are running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationApplied {
    /// SHA-256 of the canonical JSON text of `configuration`, in hexadecimal.
    pub hash: String,
    /// Where it came from: a file's name, or who sent it.
    pub source: String,
    /// What was declared.
    pub configuration: Configuration,
}

/// Everything that a team declares.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// What customers use.
    pub services: BTreeMap<ServiceId, Service>,
    /// Access logs that are followed.
    pub access_logs: BTreeMap<String, AccessLog>,
    /// Targets that are scraped.
    pub scrape: Vec<ScrapeJob>,
    /// Targets that are found and scraped as Prometheus's configuration says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scrape_configs: Vec<ScrapeConfig>,
    /// How samples are kept.
    #[serde(skip_serializing_if = "MetricsStorage::is_usual")]
    pub metrics: MetricsStorage,
    /// Which parts of PromQL are on.
    #[serde(skip_serializing_if = "PromqlSettings::is_usual")]
    pub promql: PromqlSettings,
    /// Measurements from outside.
    pub checks: BTreeMap<CheckId, Check>,
    /// Signals that must arrive.
    pub heartbeats: BTreeMap<HeartbeatId, Heartbeat>,
    /// What tells this Swan's samples and alerts from another's where they meet.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_labels: BTreeMap<String, String>,
    /// Prometheus rule groups, from the files that `rules` names.
    pub rule_groups: Vec<RuleGroup>,
    /// How alerts gather.
    pub alerting: Alerting,
    /// How incidents begin and how often they are told of.
    pub incidents: IncidentRules,
    /// Who there is, and over which contacts; the addresses are in the directory.
    pub people: BTreeMap<PersonId, Person>,
    /// Mail lists for high-priority alerts, each a contact.
    pub lists: BTreeMap<String, ContactRef>,
    /// Webhooks that a policy may notify, each a contact.
    pub webhooks: BTreeMap<String, ContactRef>,
    /// Who belongs together.
    pub teams: BTreeMap<TeamId, Vec<PersonId>>,
    /// Whom Swan turns to where a page itself cannot go on; without it, to everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<PersonId>,
    /// Who is on call, when.
    pub rotations: BTreeMap<RotationId, Rotation>,
    /// The steps that a page walks.
    pub escalation: BTreeMap<PolicyId, EscalationPolicy>,
    /// Where customers look.
    pub status_pages: BTreeMap<StatusPageId, StatusPage>,
    /// What is watched for its ceiling.
    pub scalables: BTreeMap<ScalableId, Scalable>,
    /// How messages leave.
    pub channels: Channels,
}

impl Configuration {
    /// The external labels as a set; empty where they are none, which is refused where files are read.
    pub fn external(&self) -> Labels {
        Labels::new(self.external_labels.clone()).unwrap_or_default()
    }
}
