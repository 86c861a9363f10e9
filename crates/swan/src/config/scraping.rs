//! Prometheus's own configuration, as far as it is about scraping.
//!
//! `scrape_configs` and `global` are read as Prometheus reads them, in `swan.yaml` or in a whole `prometheus.yml` that
//! `prometheus:` names, or that is given in place of `swan.yaml`. What Swan does not have is refused, all of it at
//! once and each where it stands; sections that are about something else are named as not used. Paths are relative to
//! the file they stand in. Secrets that stand in a file go to the directory, never into a fact.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use facts::configuration::{
    BasicAuth, Channel, GlobalScrapeConfig, HttpDiscovery, ScrapeConfig, Secret, SecretRef, TlsConfig,
    TlsVersion,
};
use kernel::{ContactId, Span};
use serde::Deserialize;
use serde::de::IgnoredAny;
use web::ports::{ContactAddress, Problem};

use super::places::{Place, nearest, places};
use super::text::read_text;
use super::yaml;
use crate::runtime::scrape::relabel::wrong_steps;

/// Sections of `prometheus.yml` that are read and have no effect.
const NOT_USED: [&str; 7] =
    ["alerting", "remote_write", "remote_read", "storage", "tracing", "otlp", "runtime"];

/// Keys of `global` that are read and have no effect, in a `swan.yaml` too.
const NOT_USED_OF_GLOBAL: [&str; 1] = ["query_log_file"];

/// A whole `prometheus.yml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PrometheusFile {
    pub(super) global: Option<GlobalScrapeConfig>,
    pub(super) rule_files: Vec<String>,
    scrape_config_files: Vec<String>,
    pub(super) scrape_configs: Vec<ScrapeConfig>,
    alerting: Option<IgnoredAny>,
    remote_write: Option<IgnoredAny>,
    remote_read: Option<IgnoredAny>,
    storage: Option<IgnoredAny>,
    tracing: Option<IgnoredAny>,
    otlp: Option<IgnoredAny>,
    runtime: Option<IgnoredAny>,
}

/// A file that `scrape_config_files` names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScrapeFile {
    scrape_configs: Vec<ScrapeConfig>,
}

/// Jobs with where each of them stands.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) configs: Vec<ScrapeConfig>,
    /// For each job its file, its place there, and that file's places.
    origins: Vec<(PathBuf, usize, BTreeMap<String, Place>)>,
    pub(super) external_labels: BTreeMap<String, String>,
    /// Sections that are not used: where they stand, and their names.
    pub(super) unused: Vec<(String, String)>,
}

impl Jobs {
    /// Where a path like `scrape_configs[N].tls_config` stands.
    pub(super) fn place(&self, path: &str) -> Option<String> {
        let (number, rest) = path.strip_prefix("scrape_configs[")?.split_once(']')?;
        let (file, own, places) = self.origins.get(number.parse::<usize>().ok()?)?;
        Some(at(file, nearest(places, &format!("scrape_configs[{own}]{rest}"))))
    }

    /// Takes the jobs of one file, whose defaults are `global`'s.
    pub(super) fn take(
        &mut self,
        file: &Path,
        text: &str,
        configs: Vec<ScrapeConfig>,
        global: &GlobalScrapeConfig,
    ) {
        let found = places(text);
        let directory = file.parent().unwrap_or(Path::new(""));
        for (own, mut config) in configs.into_iter().enumerate() {
            config.settle(global);
            resolve_paths(&mut config, directory);
            self.configs.push(config);
            self.origins.push((file.to_owned(), own, found.clone()));
        }
    }

    /// Takes what a `global` says of more than jobs; what was said before does not count where it says it again.
    pub(super) fn take_global(&mut self, file: &Path, text: &str, global: &GlobalScrapeConfig) {
        let found = places(text);
        for key in NOT_USED_OF_GLOBAL.map(|key| format!("global.{key}")) {
            if let Some(place) = found.get(&key) {
                self.unused.push((at(file, Some(*place)), key));
            }
        }
        let expanded = global.external_labels.iter().map(|(name, value)| (name.clone(), expanded(value)));
        self.external_labels.extend(expanded);
    }

    /// Takes a whole `prometheus.yml`; its patterns of rule files, and what its `global` says.
    pub(super) fn take_prometheus(
        &mut self,
        file: &Path,
        text: &str,
    ) -> Result<(Vec<String>, GlobalScrapeConfig), Vec<String>> {
        refuse_unsupported(file, text)?;
        let written: PrometheusFile = yaml::read(file, text).map_err(|problem| vec![problem])?;
        let global = written.global.unwrap_or_default();
        let found = places(text);
        for section in NOT_USED.iter().filter(|section| found.contains_key(**section)) {
            self.unused.push((at(file, found.get(*section).copied()), (*section).to_owned()));
        }
        self.take(file, text, written.scrape_configs, &global);
        self.take_global(file, text, &global);
        let directory = file.parent().unwrap_or(Path::new(""));
        for pattern in &written.scrape_config_files {
            for path in super::matching(&directory.join(pattern)) {
                let text = read_text(&path)?;
                refuse_unsupported(&path, &text)?;
                let more: ScrapeFile = yaml::read(&path, &text).map_err(|problem| vec![problem])?;
                self.take(&path, &text, more.scrape_configs, &global);
            }
        }
        Ok((written.rule_files, global))
    }

    /// Moves secrets that stand in the jobs to rows for the directory.
    pub(super) fn move_secrets(&mut self, contacts: &mut Vec<ContactAddress>) {
        for config in &mut self.configs {
            let job = config.job_name.clone();
            for (name, secret) in config.secrets() {
                let Secret::Plain(text) = secret else { continue };
                let id = format!("{SECRET_PREFIX}{job}/{name}");
                contacts.push(ContactAddress {
                    contact: ContactId::new(id.as_str()),
                    person: None,
                    channel: Channel::Webhook,
                    address: std::mem::take(text),
                    name: String::new(),
                    secret: None,
                });
                *secret = Secret::At(SecretRef::Directory(id));
            }
        }
    }
}

/// A value with `$NAME` and `${NAME}` replaced by what the environment has, as Prometheus does with external labels;
/// what it does not have is nothing, and `$$` is a dollar.
fn expanded(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = after.find(|c| !is_of_name(c)).unwrap_or(after.len());
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, behind) = match braced {
            Some(braced) => braced,
            None if after.starts_with('$') => {
                out.push('$');
                rest = &after[1..];
                continue;
            }
            None => after.split_at(length),
        };
        out.push_str(&std::env::var(name).unwrap_or_default());
        rest = behind;
    }
    out + rest
}

/// Rows of the directory that begin so are secrets of scrape jobs, and no contacts.
pub(crate) const SECRET_PREFIX: &str = "secret/scrape/";

fn at(file: &Path, place: Option<Place>) -> String {
    match place {
        Some((line, column)) => format!("{}:{line}:{column}", file.display()),
        None => file.display().to_string(),
    }
}

/// Whether a file is a `prometheus.yml` rather than a `swan.yaml`: it has nothing else, and something that only
/// Prometheus has.
pub(super) fn is_prometheus(text: &str) -> bool {
    let found = places(text);
    let mut top = found.keys().filter(|path| !path.contains(['.', '[']));
    let known = ["global", "rule_files", "scrape_config_files", "scrape_configs"];
    let all_known = top.all(|key| known.contains(&key.as_str()) || NOT_USED.contains(&key.as_str()));
    let own_alerting = found.contains_key("alerting")
        && !found.contains_key("alerting.alertmanagers")
        && !found.contains_key("alerting.alert_relabel_configs");
    all_known && !own_alerting && !found.is_empty()
}

/// Keys that Prometheus has and Swan does not, and what to do without them.
fn unsupported(key: &str) -> Option<&'static str> {
    match key {
        "oauth2" => Some(
            "let something else fetch the token, and name its file in `authorization: { credentials_file: … }`",
        ),
        "proxy_url" | "no_proxy" | "proxy_from_environment" | "proxy_connect_header" => {
            Some("Swan scrapes without a proxy")
        }
        "scrape_failure_log_file" => Some("Swan's own log tells when a target begins to fail"),
        _ if key.ends_with("_sd_configs") => match key {
            "file_sd_configs" | "dns_sd_configs" | "http_sd_configs" => None,
            _ => Some("let it write a file for `file_sd_configs`, or serve a list for `http_sd_configs`"),
        },
        _ => None,
    }
}

/// Everything in a file that Swan does not have, each with its place.
pub(super) fn refuse_unsupported(file: &Path, text: &str) -> Result<(), Vec<String>> {
    let found = places(text);
    let keys =
        found.iter().filter(|(path, _)| path.starts_with("scrape_configs[") || path.starts_with("global."));
    let refused: Vec<String> = keys
        .filter_map(|(path, place)| {
            let (_, below) = path.split_once(['.'])?;
            // Only keys of a job, and of what is in its lists; not labels or headers that people name.
            let key = below.rsplit('.').next()?;
            let is_own = below == key || below.starts_with("http_sd_configs[");
            let hint = unsupported(key).filter(|_| is_own)?;
            Some(format!("{}: not supported yet: `{key}`\n  hint: {hint}", at(file, Some(*place))))
        })
        .collect();
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

fn resolve_paths(config: &mut ScrapeConfig, directory: &Path) {
    let resolve = |path: &mut String| *path = directory.join(&*path).display().to_string();
    access_paths(
        config.basic_auth.as_mut(),
        config.authorization.as_mut().and_then(|it| it.credentials_file.as_mut()),
        &mut config.tls_config,
        &resolve,
    );
    config.http_headers.values_mut().flat_map(|values| &mut values.files).for_each(resolve);
    for found in &mut config.file_sd_configs {
        found.files.iter_mut().for_each(resolve);
    }
    for found in &mut config.http_sd_configs {
        let HttpDiscovery { basic_auth, authorization, tls_config, http_headers, .. } = found;
        let credentials = authorization.as_mut().and_then(|it| it.credentials_file.as_mut());
        access_paths(basic_auth.as_mut(), credentials, tls_config, &resolve);
        http_headers.values_mut().flat_map(|values| &mut values.files).for_each(resolve);
    }
}

fn access_paths(
    basic: Option<&mut BasicAuth>,
    credentials: Option<&mut String>,
    tls: &mut TlsConfig,
    resolve: &impl Fn(&mut String),
) {
    if let Some(basic) = basic {
        basic.username_file.as_mut().into_iter().chain(&mut basic.password_file).for_each(resolve);
    }
    credentials.into_iter().for_each(resolve);
    let TlsConfig { ca_file, cert_file, key_file, .. } = tls;
    ca_file.iter_mut().chain(cert_file).chain(key_file).for_each(resolve);
}

/// What stands against jobs that are well-formed.
pub(super) fn problems(configs: &[ScrapeConfig]) -> Vec<Problem> {
    let mut found = Vec::new();
    for (place, config) in configs.iter().enumerate() {
        let path = format!("scrape_configs[{place}]");
        let mut error = |below: &str, message: String, hint: &str| {
            let hint = (!hint.is_empty()).then(|| hint.to_owned());
            found.push(Problem { is_error: true, path: format!("{path}.{below}"), message, hint });
        };
        if configs[..place].iter().any(|earlier| earlier.job_name == config.job_name) {
            let message = format!("two jobs are named `{}`", config.job_name);
            error("job_name", message, "rename one of them");
        }
        let (interval, timeout) = (config.interval(), config.timeout());
        if interval <= Span::ZERO {
            error("scrape_interval", format!("`{interval}` is no interval"), "`15s`, for example");
        } else if timeout > interval {
            let message = format!("`scrape_timeout: {timeout}` is longer than the interval of {interval}");
            error("scrape_timeout", message, "lower it, or raise `scrape_interval`");
        }
        if config.convert_classic_histograms_to_nhcb == Some(true) {
            let message = "not supported yet: `convert_classic_histograms_to_nhcb`".to_owned();
            error("convert_classic_histograms_to_nhcb", message, "classic histograms are stored as they are");
        }
        for (key, step, message) in wrong_steps(config) {
            error(&format!("{key}[{step}]"), message, "");
        }
        access_problems(config, &mut error);
        discovery_problems(config, &mut error);
    }
    found
}

fn access_problems(config: &ScrapeConfig, error: &mut impl FnMut(&str, String, &str)) {
    if config.basic_auth.is_some() && config.authorization.is_some() {
        error(
            "authorization",
            "beside `basic_auth`, which is another one".to_owned(),
            "leave one of them out",
        );
    }
    let basic = config.basic_auth.as_ref();
    if basic.is_some_and(|basic| basic.password.is_some() && basic.password_file.is_some()) {
        error("basic_auth", "both `password` and `password_file`".to_owned(), "leave one of them out");
    }
    if config.authorization.as_ref().is_some_and(|it| it.kind.eq_ignore_ascii_case("basic")) {
        error("authorization.type", "`Basic` is `basic_auth`".to_owned(), "use `basic_auth` instead");
    }
    let tls = &config.tls_config;
    let has_certificate = tls.cert.is_some() || tls.cert_file.is_some();
    let has_key = tls.key.is_some() || tls.key_file.is_some();
    if has_certificate != has_key {
        let message = "a certificate without its key, or a key without its certificate".to_owned();
        error("tls_config", message, "`cert_file` and `key_file` belong together");
    }
    if tls.max_version.is_some_and(|version| version < TlsVersion::TLS12) {
        let message = "TLS before 1.2 is never spoken".to_owned();
        error("tls_config.max_version", message, "`TLS12` or `TLS13`");
    }
}

fn discovery_problems(config: &ScrapeConfig, error: &mut impl FnMut(&str, String, &str)) {
    // Relabelling may make addresses of whatever stands there.
    let is_final = config.relabel_configs.is_empty();
    for (place, group) in config.static_configs.iter().enumerate().filter(|_| is_final) {
        for (number, target) in group.targets.iter().enumerate().filter(|(_, target)| target.contains('/')) {
            let message = format!("`{target}` is no host with a port");
            let path = format!("static_configs[{place}].targets[{number}]");
            error(&path, message, "`shop.example.com:9100`; `scheme` and `metrics_path` say the rest");
        }
    }
    for (place, found) in config.file_sd_configs.iter().enumerate() {
        for file in &found.files {
            if !["json", "yml", "yaml"].iter().any(|extension| file.ends_with(&format!(".{extension}"))) {
                let message = format!("`{file}` ends with none of `.json`, `.yml` and `.yaml`");
                error(&format!("file_sd_configs[{place}].files"), message, "");
            }
        }
    }
    for (place, found) in config.dns_sd_configs.iter().enumerate() {
        use facts::configuration::DnsRecord;
        if found.kind != DnsRecord::SRV && found.port.is_none() {
            let message = "records of this type have no port".to_owned();
            error(&format!("dns_sd_configs[{place}]"), message, "add `port`");
        }
        if found.refresh_interval <= Span::ZERO {
            error(
                &format!("dns_sd_configs[{place}].refresh_interval"),
                "it is 0".to_owned(),
                "`30s`, for example",
            );
        }
    }
    for (place, found) in config.http_sd_configs.iter().enumerate() {
        if let Err(refusal) = egress::guard::read_url(egress::guard::Origin::Operator, &found.url) {
            error(&format!("http_sd_configs[{place}].url"), refusal.to_string(), "");
        }
        if found.refresh_interval <= Span::ZERO {
            error(
                &format!("http_sd_configs[{place}].refresh_interval"),
                "it is 0".to_owned(),
                "`1m`, for example",
            );
        }
    }
}

#[cfg(test)]
mod tests;
