//! Scraping as Prometheus's `scrape_configs` describe it. Keys, defaults and meanings are Prometheus's
//! (prometheus.io, "Configuration", `<scrape_config>`); what Swan does not have is refused where files are read.

mod access;
mod discovery;
mod relabel;

use std::collections::BTreeMap;

use kernel::Span;
use serde::{Deserialize, Serialize};

pub use access::*;
pub use discovery::*;
pub use relabel::*;

use super::ByteSize;

/// One job of scraping. What the global section decides where a job does not is `None` until it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapeConfig {
    /// The `job` label unless relabelling makes another.
    pub job_name: String,
    /// How often.
    #[serde(default)]
    pub scrape_interval: Option<Span>,
    /// How long a scrape may take.
    #[serde(default)]
    pub scrape_timeout: Option<Span>,
    /// Formats in the order of preference.
    #[serde(default)]
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// The format of a target that names none that is known.
    #[serde(default)]
    pub fallback_scrape_protocol: Option<ScrapeProtocol>,
    /// Native histograms are taken.
    #[serde(default)]
    pub scrape_native_histograms: Option<bool>,
    /// Classic buckets are taken also where there are native ones.
    #[serde(default)]
    pub always_scrape_classic_histograms: Option<bool>,
    /// Classic histograms become native ones with custom buckets; refused where it is true.
    #[serde(default)]
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    /// Three more series for each target.
    #[serde(default)]
    pub extra_scrape_metrics: Option<bool>,
    /// Where the metrics are.
    #[serde(default = "metrics_path")]
    pub metrics_path: String,
    /// `http` or `https`.
    #[serde(default)]
    pub scheme: super::Scheme,
    /// Parameters of the URL.
    #[serde(default)]
    pub params: BTreeMap<String, Vec<String>>,
    /// A target's own `job` and `instance` win over the configured ones.
    #[serde(default)]
    pub honor_labels: bool,
    /// A target's own times are taken.
    #[serde(default = "yes")]
    pub honor_timestamps: bool,
    /// Series with times of their own end with a staleness marker too.
    #[serde(default)]
    pub track_timestamps_staleness: bool,
    /// The target may answer compressed.
    #[serde(default = "yes")]
    pub enable_compression: bool,
    /// The largest exposition; 0 for no limit of its own.
    #[serde(default)]
    pub body_size_limit: Option<ByteSize>,
    /// The most samples after relabelling; 0 for no limit.
    #[serde(default)]
    pub sample_limit: Option<u64>,
    /// The most targets; 0 for no limit.
    #[serde(default)]
    pub target_limit: Option<u64>,
    /// The most labels of a sample; 0 for no limit.
    #[serde(default)]
    pub label_limit: Option<u64>,
    /// The longest name of a label, in bytes; 0 for no limit.
    #[serde(default)]
    pub label_name_length_limit: Option<u64>,
    /// The longest value of a label, in bytes; 0 for no limit.
    #[serde(default)]
    pub label_value_length_limit: Option<u64>,
    /// The most buckets of a native histogram, whose resolution is lowered until it fits; 0 for no limit.
    #[serde(default)]
    pub native_histogram_bucket_limit: u64,
    /// The least factor between neighbouring bounds of a native histogram; 0 for none.
    #[serde(default)]
    pub native_histogram_min_bucket_factor: f64,
    /// The most dropped targets that are remembered; 0 for Swan's own limit.
    #[serde(default)]
    pub keep_dropped_targets: Option<u64>,
    /// Which names are taken.
    #[serde(default)]
    pub metric_name_validation_scheme: Option<NameValidation>,
    /// How a target is asked to spell names that are not of the old kind.
    #[serde(default)]
    pub metric_name_escaping_scheme: Option<NameEscaping>,
    /// User name and password.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// Another `Authorization` header.
    #[serde(default)]
    pub authorization: Option<Authorization>,
    /// Redirects are followed.
    #[serde(default = "yes")]
    pub follow_redirects: bool,
    /// Accepted and without effect: Swan scrapes over HTTP/1.1.
    #[serde(default = "yes")]
    pub enable_http2: bool,
    /// How TLS is spoken.
    #[serde(default)]
    pub tls_config: TlsConfig,
    /// Headers that are sent along.
    #[serde(default)]
    pub http_headers: BTreeMap<String, HeaderValues>,
    /// Targets that are named here.
    #[serde(default)]
    pub static_configs: Vec<TargetGroup>,
    /// Targets that files name.
    #[serde(default)]
    pub file_sd_configs: Vec<FileDiscovery>,
    /// Targets that DNS names.
    #[serde(default)]
    pub dns_sd_configs: Vec<DnsDiscovery>,
    /// Targets that a web server names.
    #[serde(default)]
    pub http_sd_configs: Vec<HttpDiscovery>,
    /// What becomes of targets.
    #[serde(default)]
    pub relabel_configs: Vec<RelabelConfig>,
    /// What becomes of samples.
    #[serde(default)]
    pub metric_relabel_configs: Vec<RelabelConfig>,
}

/// What jobs have in common.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is the default of the same key of a job")]
pub struct GlobalScrapeConfig {
    pub scrape_interval: Option<Span>,
    pub scrape_timeout: Option<Span>,
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    pub scrape_native_histograms: Option<bool>,
    pub always_scrape_classic_histograms: Option<bool>,
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    pub extra_scrape_metrics: Option<bool>,
    pub body_size_limit: Option<ByteSize>,
    pub sample_limit: Option<u64>,
    pub target_limit: Option<u64>,
    pub label_limit: Option<u64>,
    pub label_name_length_limit: Option<u64>,
    pub label_value_length_limit: Option<u64>,
    pub keep_dropped_targets: Option<u64>,
    pub metric_name_validation_scheme: Option<NameValidation>,
    pub metric_name_escaping_scheme: Option<NameEscaping>,
    /// The interval of rule groups that have none.
    pub evaluation_interval: Option<Span>,
    /// How far back rule groups look that do not say so.
    pub rule_query_offset: Option<Span>,
    /// Without effect.
    pub query_log_file: Option<String>,
    /// Refused.
    pub scrape_failure_log_file: Option<String>,
    /// What tells this server's samples and alerts from another's where they meet.
    pub external_labels: BTreeMap<String, String>,
}

/// A format by the name that Prometheus's configuration gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the format of its name")]
pub enum ScrapeProtocol {
    PrometheusProto,
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetricsText001,
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetricsText100,
    #[serde(rename = "PrometheusText0.0.4")]
    PrometheusText004,
    #[serde(rename = "PrometheusText1.0.0")]
    PrometheusText100,
}

/// Which names of metrics and labels are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameValidation {
    /// Any text.
    #[default]
    Utf8,
    /// Letters, digits, underscores, and colons in the names of metrics.
    Legacy,
}

/// How a target is asked to spell names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the escaping of its name")]
pub enum NameEscaping {
    #[serde(rename = "allow-utf-8")]
    AllowUtf8,
    Underscores,
    Dots,
    Values,
}

fn metrics_path() -> String {
    "/metrics".to_owned()
}

fn yes() -> bool {
    true
}

impl ScrapeConfig {
    /// Fills in what the global section, or Prometheus's defaults, decide.
    pub fn settle(&mut self, global: &GlobalScrapeConfig) {
        let interval = self.scrape_interval.or(global.scrape_interval).unwrap_or(Span::from_mins(1));
        let default_timeout = global.scrape_timeout.unwrap_or(Span::from_secs(10)).min(interval);
        self.scrape_interval = Some(interval);
        self.scrape_timeout = self.scrape_timeout.or(Some(default_timeout));
        self.scrape_protocols = self.scrape_protocols.take().or_else(|| global.scrape_protocols.clone());
        let or = |own: &mut Option<bool>, global: Option<bool>| *own = own.or(global);
        or(&mut self.scrape_native_histograms, global.scrape_native_histograms);
        or(&mut self.always_scrape_classic_histograms, global.always_scrape_classic_histograms);
        or(&mut self.convert_classic_histograms_to_nhcb, global.convert_classic_histograms_to_nhcb);
        or(&mut self.extra_scrape_metrics, global.extra_scrape_metrics);
        let or = |own: &mut Option<u64>, global: Option<u64>| *own = own.or(global);
        or(&mut self.sample_limit, global.sample_limit);
        or(&mut self.target_limit, global.target_limit);
        or(&mut self.label_limit, global.label_limit);
        or(&mut self.label_name_length_limit, global.label_name_length_limit);
        or(&mut self.label_value_length_limit, global.label_value_length_limit);
        or(&mut self.keep_dropped_targets, global.keep_dropped_targets);
        self.body_size_limit = self.body_size_limit.or(global.body_size_limit);
        let validation = self.metric_name_validation_scheme.or(global.metric_name_validation_scheme);
        self.metric_name_validation_scheme = validation;
        let escaping = self.metric_name_escaping_scheme.or(global.metric_name_escaping_scheme);
        self.metric_name_escaping_scheme = escaping;
    }

    /// How often, once it is settled.
    pub fn interval(&self) -> Span {
        self.scrape_interval.unwrap_or(Span::from_mins(1))
    }

    /// How long a scrape may take, once it is settled.
    pub fn timeout(&self) -> Span {
        self.scrape_timeout.unwrap_or(Span::from_secs(10))
    }

    /// Native histograms are taken.
    pub fn takes_native_histograms(&self) -> bool {
        self.scrape_native_histograms.unwrap_or(false)
    }

    /// Formats in the order of preference.
    pub fn protocols(&self) -> Vec<ScrapeProtocol> {
        use ScrapeProtocol::{
            OpenMetricsText001, OpenMetricsText100, PrometheusProto, PrometheusText004, PrometheusText100,
        };
        let text = [OpenMetricsText100, OpenMetricsText001, PrometheusText100, PrometheusText004];
        self.scrape_protocols.clone().unwrap_or_else(|| {
            let first = self.takes_native_histograms().then_some(PrometheusProto);
            first.into_iter().chain(text).collect()
        })
    }

    /// Every secret, here and in its discovery, with a name that is its own within the job.
    pub fn secrets(&mut self) -> Vec<(String, &mut Secret)> {
        let mut all = Vec::new();
        let own =
            (&mut self.basic_auth, &mut self.authorization, &mut self.tls_config, &mut self.http_headers);
        secrets_of("", own.0, own.1, own.2, own.3, &mut all);
        for (place, found) in self.http_sd_configs.iter_mut().enumerate() {
            let HttpDiscovery { basic_auth, authorization, tls_config, http_headers, .. } = found;
            let prefix = format!("http_sd_configs/{place}/");
            secrets_of(&prefix, basic_auth, authorization, tls_config, http_headers, &mut all);
        }
        all
    }
}

fn secrets_of<'s>(
    prefix: &str,
    basic: &'s mut Option<BasicAuth>,
    authorization: &'s mut Option<Authorization>,
    tls: &'s mut TlsConfig,
    headers: &'s mut BTreeMap<String, HeaderValues>,
    all: &mut Vec<(String, &'s mut Secret)>,
) {
    let mut add = |name: String, secret: &'s mut Secret| all.push((format!("{prefix}{name}"), secret));
    if let Some(secret) = basic.as_mut().and_then(|basic| basic.password.as_mut()) {
        add("basic_auth/password".to_owned(), secret);
    }
    if let Some(secret) = authorization.as_mut().and_then(|it| it.credentials.as_mut()) {
        add("authorization/credentials".to_owned(), secret);
    }
    if let Some(secret) = tls.key.as_mut() {
        add("tls_config/key".to_owned(), secret);
    }
    for (header, values) in headers {
        for (place, secret) in values.secrets.iter_mut().enumerate() {
            add(format!("http_headers/{header}/{place}"), secret);
        }
    }
}
