//! Where targets are found.

use std::collections::BTreeMap;

use kernel::Span;
use serde::{Deserialize, Serialize};

use super::{Authorization, BasicAuth, HeaderValues, TlsConfig, yes};

/// Targets with labels in common.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetGroup {
    /// Each `host:port`.
    pub targets: Vec<String>,
    /// Labels of all of them.
    pub labels: BTreeMap<String, String>,
}

/// Targets that files name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDiscovery {
    /// `.json`, `.yml` or `.yaml`; the last part may have a `*`.
    pub files: Vec<String>,
    /// How often they are read again though nothing seems to have changed.
    #[serde(default = "five_minutes")]
    pub refresh_interval: Span,
}

/// Targets that DNS names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsDiscovery {
    /// Names that are looked up.
    pub names: Vec<String>,
    /// Which records.
    #[serde(rename = "type", default)]
    pub kind: DnsRecord,
    /// The port, for records without one.
    #[serde(default)]
    pub port: Option<u16>,
    /// How often.
    #[serde(default = "thirty_seconds")]
    pub refresh_interval: Span,
}

/// Which records of a name are its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the record of its name")]
pub enum DnsRecord {
    #[default]
    SRV,
    A,
    AAAA,
    MX,
    NS,
}

/// Targets that a web server names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpDiscovery {
    /// Where the list is.
    pub url: String,
    /// How often it is fetched.
    #[serde(default = "one_minute")]
    pub refresh_interval: Span,
    /// User name and password.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// Another `Authorization` header.
    #[serde(default)]
    pub authorization: Option<Authorization>,
    /// Redirects are followed.
    #[serde(default = "yes")]
    pub follow_redirects: bool,
    /// Accepted and without effect.
    #[serde(default = "yes")]
    pub enable_http2: bool,
    /// How TLS is spoken.
    #[serde(default)]
    pub tls_config: TlsConfig,
    /// Headers that are sent along.
    #[serde(default)]
    pub http_headers: BTreeMap<String, HeaderValues>,
}

fn five_minutes() -> Span {
    Span::from_mins(5)
}

fn thirty_seconds() -> Span {
    Span::from_secs(30)
}

fn one_minute() -> Span {
    Span::from_mins(1)
}
