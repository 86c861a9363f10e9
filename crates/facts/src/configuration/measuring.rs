use std::collections::BTreeMap;

use kernel::{ServiceId, Span};
use serde::{Deserialize, Serialize};

use crate::alerting::Priority;

/// A log file that is followed; each line is a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// Path of the file; it may be rotated.
    pub path: String,
    /// Form of its lines.
    #[serde(default)]
    pub format: LogFormat,
    /// Under which name its requests are counted.
    pub requests: String,
    /// Which statuses failed: `5xx`, `5xx,429`.
    #[serde(default = "server_errors")]
    pub failed: String,
}

fn server_errors() -> String {
    "5xx".to_owned()
}

/// Form of an access log's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Apache's and nginx's combined format.
    #[default]
    Combined,
    /// The common log format.
    Common,
    /// One NGINX Plus status page a line, as JSON.
    NginxPlusStatus,
}

/// Targets that are scraped for Prometheus text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapeJob {
    /// Value of the `job` label.
    pub job: String,
    /// Each `host:port`; the `instance` label.
    pub targets: Vec<String>,
    /// Where the text is served.
    #[serde(default = "metrics_path")]
    pub path: String,
    /// `http` or `https`.
    #[serde(default)]
    pub scheme: Scheme,
    /// How often.
    #[serde(default = "fifteen_seconds")]
    pub every: Span,
    /// How long a scrape may take; at most `every`.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// Labels added to every series.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How a target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In clear.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

fn metrics_path() -> String {
    "/metrics".to_owned()
}

fn fifteen_seconds() -> Span {
    Span::from_secs(15)
}

/// A probe over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The address that is fetched.
    pub http: String,
    /// The service that it measures.
    pub service: ServiceId,
    /// How often.
    #[serde(default = "half_a_minute")]
    pub every: Span,
    /// How long an answer may take.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// Statuses that pass: `2xx`, `200,204`.
    #[serde(default = "success")]
    pub status: String,
    /// Text that the body must contain.
    #[serde(default)]
    pub body: Option<String>,
    /// How many probes in a row decide that it fails, or recovers.
    #[serde(default = "two")]
    pub after: u32,
    /// The path that its alert takes; `None` only measures.
    #[serde(default)]
    pub priority: Option<Priority>,
}

fn half_a_minute() -> Span {
    Span::from_secs(30)
}

fn ten_seconds() -> Span {
    Span::from_secs(10)
}

fn success() -> String {
    "2xx".to_owned()
}

fn two() -> u32 {
    2
}

/// A signal that must arrive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The service that it belongs to.
    pub service: ServiceId,
    /// How often it arrives.
    pub every: Span,
    /// How late it may be.
    #[serde(default = "one_minute")]
    pub grace: Span,
    /// The path that its alert takes.
    #[serde(default = "high")]
    pub priority: Priority,
}

fn one_minute() -> Span {
    Span::from_mins(1)
}

fn high() -> Priority {
    Priority::High
}
