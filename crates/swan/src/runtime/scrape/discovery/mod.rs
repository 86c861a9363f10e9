//! Where targets come from: the configuration, files, DNS, a web server.
//!
//! Each *discovery* is a task that tells its job of the groups that it knows, again whenever they change. A discovery
//! that fails keeps what it knew; targets do not vanish because a file is being written or a server is away.

mod dns;
mod file;
mod http;

use std::collections::BTreeMap;
use std::sync::Arc;

use facts::configuration::{ScrapeConfig, TargetGroup};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ScrapeTools;
use super::access::Access;
use super::relabel::LabelMap;

/// The groups that one discovery knows at this moment.
pub(super) struct Update {
    /// Which discovery of the job.
    pub(super) source: usize,
    pub(super) groups: Vec<Group>,
}

/// Targets with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) targets: Vec<String>,
    pub(super) labels: LabelMap,
}

impl Group {
    fn new(written: TargetGroup, found_in: (&str, &str)) -> Self {
        let mut labels: LabelMap =
            written.labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        labels.insert(found_in.0.to_owned(), found_in.1.to_owned());
        Self { targets: written.targets, labels }
    }

    /// Each target's labels as they were discovered.
    pub(super) fn discovered(&self) -> impl Iterator<Item = LabelMap> {
        self.targets.iter().map(|address| {
            let mut labels = self.labels.clone();
            labels.insert("__address__".to_owned(), address.clone());
            labels
        })
    }
}

/// Those of the configuration itself, known at once.
pub(super) fn static_groups(config: &ScrapeConfig) -> Vec<Group> {
    let group = |group: &TargetGroup| Group {
        targets: group.targets.clone(),
        labels: group.labels.clone().into_iter().filter(|(_, value)| !value.is_empty()).collect(),
    };
    config.static_configs.iter().map(group).collect()
}

/// How many discoveries a job has, besides its own targets.
pub(super) fn count(config: &ScrapeConfig) -> usize {
    config.file_sd_configs.len() + config.dns_sd_configs.len() + config.http_sd_configs.len()
}

/// Starts a job's discoveries; what they find arrives at `updates`.
pub(super) fn start(
    tools: &ScrapeTools,
    config: &Arc<ScrapeConfig>,
    updates: &mpsc::Sender<Update>,
    tasks: &mut JoinSet<()>,
) {
    let mut source = 0;
    let mut teller = || {
        source += 1;
        Teller { source, job: config.job_name.clone(), updates: updates.clone(), known: None, failing: false }
    };
    for found in &config.file_sd_configs {
        tasks.spawn(file::watch(found.clone(), teller()));
    }
    for found in &config.dns_sd_configs {
        tasks.spawn(dns::look_up(found.clone(), teller()));
    }
    for (place, found) in config.http_sd_configs.iter().enumerate() {
        let access = Access::of_discovery(found, &format!("{}/http_sd_configs/{place}", config.job_name));
        tasks.spawn(http::fetch(tools.clone(), found.clone(), access, teller()));
    }
}

/// Tells the job what a discovery knows, where it changed, and the log how it goes.
pub(super) struct Teller {
    source: usize,
    job: String,
    updates: mpsc::Sender<Update>,
    known: Option<Vec<Group>>,
    failing: bool,
}

impl Teller {
    async fn tell(&mut self, found: Result<Vec<Group>, String>) {
        match found {
            Ok(groups) => {
                self.failing = false;
                if self.known.as_ref() != Some(&groups) {
                    self.known = Some(groups.clone());
                    // A job that is gone has stopped this task, or does so now.
                    _ = self.updates.send(Update { source: self.source, groups }).await;
                }
            }
            Err(detail) => {
                if !self.failing {
                    tracing::info!(
                        job = self.job,
                        detail,
                        "a discovery failed; its targets stay as they were"
                    );
                }
                self.failing = true;
            }
        }
    }
}

/// The list of groups that files and web servers write.
fn groups_of_json(text: &[u8], found_in: (&str, &str)) -> Result<Vec<Group>, String> {
    #[derive(serde::Deserialize)]
    struct Written {
        targets: Vec<String>,
        #[serde(default)]
        labels: Option<BTreeMap<String, String>>,
    }
    let written: Vec<Written> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let group = |written: Written| TargetGroup {
        targets: written.targets,
        labels: written.labels.unwrap_or_default(),
    };
    Ok(written.into_iter().map(|written| Group::new(group(written), found_in)).collect())
}
