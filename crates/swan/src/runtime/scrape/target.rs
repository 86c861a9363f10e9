//! A discovered target becomes one that is scraped: labels, URL, interval, timeout.
//!
//! Source: prometheus.io, "Configuration", `<scrape_config>` and `<relabel_config>`: which labels a target has before
//! relabelling, and what they mean after it.

use egress::Url;
use egress::guard::{Origin, read_url};
use facts::configuration::ScrapeConfig;
use kernel::{Labels, Span};

use super::relabel::{LabelMap, Steps};

/// A target that is scraped.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    /// As it was discovered, with what the job says.
    pub(super) discovered: Labels,
    /// What its series have.
    pub(super) labels: Labels,
    pub(super) url: Url,
    pub(super) interval: Span,
    pub(super) timeout: Span,
}

/// What relabelling left of a discovered target.
pub(super) enum Relabelled {
    Kept(Box<Target>),
    Dropped(Labels),
    /// It cannot be scraped, and why.
    Unfit(Labels, String),
}

impl Target {
    /// What tells it from all others: its labels and where it is.
    pub(super) fn key(&self) -> Labels {
        self.labels.with("__url__", self.url.as_str())
    }

    /// How far into the interval it is scraped, so that a job's targets are spread over it.
    pub(super) fn offset(&self) -> Span {
        let ms = u64::try_from(self.interval.as_millis().max(1)).unwrap_or(1);
        Span::from_millis((self.key().fingerprint().0 % ms).cast_signed())
    }
}

/// The labels of the target with this key.
pub(super) fn without_url(key: &Labels) -> Labels {
    let labels = key.iter().filter(|(name, _)| *name != "__url__");
    Labels::new(labels).expect("they were labels before")
}

/// Relabels one discovered target.
pub(super) fn relabelled(config: &ScrapeConfig, steps: &Steps, discovered: LabelMap) -> Relabelled {
    let all = with_job(config, discovered);
    let shown = labels_of(&all);
    let mut labels = all;
    if !steps.apply(&mut labels) {
        return Relabelled::Dropped(shown);
    }
    match target(config, &shown, labels) {
        Ok(target) => Relabelled::Kept(Box::new(target)),
        Err(problem) => Relabelled::Unfit(shown, problem),
    }
}

fn labels_of(labels: &LabelMap) -> Labels {
    let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Labels::new(pairs).expect("names of a map are distinct, and none is empty")
}

/// Adds what the job says, where the target does not say it itself.
fn with_job(config: &ScrapeConfig, mut labels: LabelMap) -> LabelMap {
    labels.remove("");
    let own = [
        ("job", config.job_name.clone()),
        ("__scrape_interval__", config.interval().to_string()),
        ("__scrape_timeout__", config.timeout().to_string()),
        ("__metrics_path__", config.metrics_path.clone()),
        ("__scheme__", config.scheme.as_str().to_owned()),
    ];
    let parameters = config.params.iter().filter_map(|(name, values)| {
        Some((format!("__param_{name}"), values.first().filter(|value| !value.is_empty())?.clone()))
    });
    for (name, value) in own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(parameters) {
        labels.entry(name).or_insert(value);
    }
    labels
}

fn target(config: &ScrapeConfig, discovered: &Labels, labels: LabelMap) -> Result<Target, String> {
    let text = |name: &str| labels.get(name).map_or("", String::as_str);
    let address = text("__address__").to_owned();
    if address.is_empty() {
        return Err("it has no address".to_owned());
    }
    if address.contains('/') {
        return Err(format!("`{address}` is not an address like `host:port`"));
    }
    let span = |name: &str| {
        let written = text(name);
        let span: Span = written.parse().map_err(|_| format!("`{written}` is not a duration (`{name}`)"))?;
        if span > Span::ZERO { Ok(span) } else { Err(format!("`{name}` is 0")) }
    };
    let (interval, timeout) = (span("__scrape_interval__")?, span("__scrape_timeout__")?);
    if timeout > interval {
        return Err(format!("the timeout `{timeout}` is longer than the interval `{interval}`"));
    }
    let url = url(config, &labels, &address)?;
    let mut public: LabelMap = labels.into_iter().filter(|(name, _)| !name.starts_with("__")).collect();
    public.entry("instance".to_owned()).or_insert(address);
    Ok(Target { discovered: discovered.clone(), labels: labels_of(&public), url, interval, timeout })
}

fn url(config: &ScrapeConfig, labels: &LabelMap, address: &str) -> Result<Url, String> {
    let text = |name: &str| labels.get(name).map_or("", String::as_str);
    let path = text("__metrics_path__");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let base = format!("{}://{address}{slash}{path}", text("__scheme__"));
    let mut url = read_url(Origin::Operator, &base).map_err(|refusal| refusal.to_string())?;
    let relabelled = labels.iter().filter_map(|(name, value)| Some((name.strip_prefix("__param_")?, value)));
    let mut parameters: std::collections::BTreeMap<&str, Vec<&str>> = config
        .params
        .iter()
        .map(|(name, values)| (name.as_str(), values.iter().map(String::as_str).collect()))
        .collect();
    for (name, value) in relabelled {
        // A label stands for the first value of its parameter.
        match parameters.entry(name).or_default() {
            values if values.is_empty() => values.push(value),
            values => values[0] = value,
        }
    }
    if parameters.values().any(|values| !values.is_empty()) {
        let mut pairs = url.query_pairs_mut();
        for (name, values) in &parameters {
            values.iter().for_each(|value| _ = pairs.append_pair(name, value));
        }
    }
    Ok(url)
}
