//! What a Prometheus tells of itself, beside its samples: rules as they were last evaluated, targets as they were last
//! scraped, how the store is filled, and the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alerting::Reading;
use kernel::{Labels, Span, Timestamp};
use promql::{Matcher, TimeRange};

use super::Fault;

/// What the last evaluation of a rule, or of all rules of a group, came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evaluation {
    /// The logical time that it was evaluated at; `None` where it was not yet.
    pub at: Option<Timestamp>,
    /// How long that took.
    pub took: Duration,
    /// Why there was no result.
    pub error: Option<String>,
}

/// Knows how rules fare.
pub trait RuleHealth: Send + Sync {
    /// The last evaluation of the rule at this place of the group, counted from 0; `None` where there was none.
    fn rule(&self, group: &str, place: usize) -> Option<Evaluation>;

    /// What that evaluation of an alerting rule read; `None` where there was none.
    fn reading(&self, _group: &str, _place: usize) -> Option<Arc<Reading>> {
        None
    }

    /// The last round of all rules of the group; its error is unused.
    fn group(&self, group: &str) -> Option<Evaluation>;
}

/// How a target answered its last scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetHealth {
    /// It was not scraped yet.
    #[default]
    Unknown,
    /// With samples.
    Up,
    /// Not, or not with samples.
    Down,
}

/// A target that is scraped.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveTarget {
    /// The job of the configuration that it belongs to.
    pub pool: String,
    /// What discovery said of it.
    pub discovered: Labels,
    /// What relabelling made of that: the labels of its series.
    pub labels: Labels,
    /// What is fetched.
    pub url: String,
    /// How it answered last.
    pub health: TargetHealth,
    /// Why it is down.
    pub last_error: Option<String>,
    /// When it was scraped last.
    pub last_scrape: Option<Timestamp>,
    /// How long that took.
    pub last_took: Duration,
    /// How often it is scraped.
    pub interval: Span,
    /// How long a scrape may take.
    pub timeout: Span,
}

/// A target that relabelling dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedTarget {
    /// The job of the configuration that it belongs to.
    pub pool: String,
    /// What discovery said of it.
    pub discovered: Labels,
}

/// What a source says that a metric is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset` or `unknown`.
    pub kind: &'static str,
    /// For people.
    pub help: String,
    /// What its values are counted in.
    pub unit: String,
}

/// What a source says of one metric family.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyMetadata {
    /// The labels of the target that says so; none where it came with a remote write.
    pub target: Labels,
    /// The metric family.
    pub family: String,
    /// What it is.
    pub metadata: Metadata,
}

/// Knows what is scraped.
pub trait Targets: Send + Sync {
    /// The jobs of the configuration, sorted.
    fn pools(&self) -> Vec<String>;

    /// Every target that is scraped, sorted by pool.
    fn active(&self) -> Vec<ActiveTarget>;

    /// Targets that relabelling dropped, sorted by pool; there may be more than are kept.
    fn dropped(&self) -> Vec<DroppedTarget>;

    /// How many targets relabelling dropped, by pool.
    fn dropped_counts(&self) -> BTreeMap<String, u64>;

    /// What targets and senders say of their metrics, of all or of one family.
    fn metadata(&self, family: Option<&str>) -> Vec<FamilyMetadata>;
}

/// How many series, values or bytes there are under a name.
pub type Ranked = Vec<(String, u64)>;

/// How the store is filled. The lists begin with what there is most of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageStats {
    /// Series.
    pub series: u64,
    /// Distinct pairs of a label's name and value.
    pub label_pairs: u64,
    /// Chunks.
    pub chunks: u64,
    /// The time of the oldest and of the newest sample.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Series by metric name.
    pub series_by_metric: Ranked,
    /// Values by label name.
    pub values_by_label: Ranked,
    /// Bytes of the values by label name.
    pub bytes_by_label: Ranked,
    /// Series by `name=value`.
    pub series_by_pair: Ranked,
}

/// Looks after the samples' store. Its calls may take their time: call them on a blocking thread.
pub trait Storage: Send + Sync {
    /// How it is filled; at most `limit` rows in each list.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn stats(&self, limit: usize) -> Result<StorageStats, Fault>;

    /// Deletes the samples in the range of all series that match. They are gone for readers once this returns.
    ///
    /// # Errors
    /// When the deletion cannot be kept; it may have been done in part, and can be repeated.
    fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), Fault>;

    /// Takes what was deleted off the disk.
    ///
    /// # Errors
    /// When files cannot be written.
    fn clean(&self) -> Result<(), Fault>;

    /// Makes a snapshot; its name under `snapshots` in the data directory.
    ///
    /// # Errors
    /// When files cannot be written.
    fn snapshot(&self) -> Result<String, Fault>;
}

/// What is known of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// When it began to serve.
    pub started_at: Timestamp,
    /// The directory that it runs in.
    pub directory: String,
    /// The machine's name.
    pub host: String,
    /// Its threads at this moment.
    pub threads: u64,
    /// How long samples are kept; zero is for ever.
    pub retention: Span,
    /// How it was started, by the names that Prometheus has for the same.
    pub flags: BTreeMap<String, String>,
}

/// Knows the process.
pub trait Process: Send + Sync {
    /// What is known of it.
    fn about(&self) -> About;

    /// Which PromQL the configuration in force turns on.
    fn promql(&self) -> promql::Settings;

    /// What tells this server's samples from another's where they meet.
    fn external_labels(&self) -> Labels {
        Labels::default()
    }
}
