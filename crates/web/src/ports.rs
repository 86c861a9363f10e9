//! What the HTTP side needs of the rest of the process. The binary implements these; nothing here writes state but
//! through the engine's port, the samples' log and the directory.
//!
//! All calls are synchronous and short, but for those that say otherwise; they may be made from an async handler.

mod backtest;
mod prometheus;
mod senders;

use std::sync::Arc;

use facts::{Configuration, Entry, Seq, Stream};
use kernel::{Actor, PageId, PersonId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use backtest::{
    BacktestAsked, BacktestRefusal, BacktestReport, BacktestSetting, Backtests, Catch, Difference, Firing,
    IncidentReport, RuleReport, RulesReport, Stretch,
};
pub use prometheus::{
    About, ActiveTarget, DroppedTarget, Evaluation, FamilyMetadata, Metadata, Process, Ranked, RuleHealth,
    Storage, StorageStats, TargetHealth, Targets,
};
pub use senders::{
    Appended, Beat, Exemplar, Heartbeats, Intake, Measured, RequestEvents, Requests, Samples, SeriesSamples,
    Starts, Taken, Uncounted,
};

/// Everything that a handler may reach.
#[derive(Clone)]
pub struct Ports {
    /// Decides commands and shows the World.
    pub engine: Arc<dyn engine::port::Port>,
    /// Takes samples.
    pub samples: Arc<dyn Samples>,
    /// Takes everything that senders and targets say of series.
    pub intake: Arc<dyn Intake>,
    /// Answers queries.
    pub series: Arc<dyn promql::SeriesSource>,
    /// Looks after the samples' store.
    pub storage: Arc<dyn Storage>,
    /// Knows what is scraped.
    pub targets: Arc<dyn Targets>,
    /// Knows how rules fare.
    pub rules: Arc<dyn RuleHealth>,
    /// Knows the process.
    pub process: Arc<dyn Process>,
    /// Takes request events.
    pub requests: Arc<dyn Requests>,
    /// Takes heartbeats.
    pub heartbeats: Arc<dyn Heartbeats>,
    /// Reads stories.
    pub journal: Arc<dyn Journal>,
    /// Knows callers and links.
    pub directory: Arc<dyn Directory>,
    /// Judges and applies configurations.
    pub configurations: Arc<dyn Configurations>,
    /// Tests rules over stored history.
    pub backtests: Arc<dyn Backtests>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Shows Swan's own metrics as Prometheus text.
    pub own_metrics: Arc<dyn OwnMetrics>,
}

/// The world failed; nothing was lost that was acknowledged. Answered 503 with `Retry-After`, and logged once.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {detail}")]
pub struct Fault {
    /// What was attempted, as `write samples`.
    pub doing: &'static str,
    /// What went wrong.
    pub detail: String,
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
}

/// Reads stories.
pub trait Journal: Send + Sync {
    /// Every durable entry of these streams, each once, in order; at most `limit` of the newest.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn streams(&self, streams: &[Stream], limit: usize) -> Result<Vec<Entry>, Fault>;

    /// Durable entries after `seq`, in order, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn after(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, Fault>;
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Send samples, events, alerts and heartbeats.
    Ingest,
    /// Look, and act in incidents and pages.
    Responder,
    /// Everything.
    Admin,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As facts name them.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
}

/// Why a credential was not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The directory said no.
    #[error("{sentence}")]
    Refused {
        /// A stable code.
        code: &'static str,
        /// Which rule stands against it.
        sentence: String,
        /// What to do instead.
        hint: Option<String>,
    },
    /// The directory failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Knows callers and links.
pub trait Directory: Send + Sync {
    /// Who presents this token; `None` where nobody does.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn token(&self, token: &str) -> Result<Option<Caller>, Fault>;

    /// Whom a session cookie belongs to.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn session(&self, cookie: &str) -> Result<Option<Caller>, Fault>;

    /// Opens a session for a person whose password matches; the cookie's value. Slow on purpose (argon2id): call it
    /// on a blocking thread.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    fn sign_in(&self, person: &PersonId, password: &str) -> Result<Option<String>, Fault>;

    /// Ends a session.
    ///
    /// # Errors
    /// When the directory cannot be written.
    fn sign_out(&self, cookie: &str) -> Result<(), Fault>;

    /// Makes a token; its text, which is shown once.
    ///
    /// # Errors
    /// When the name is taken or there are too many, or when the directory cannot be written.
    fn create_token(&self, name: &str, role: Role) -> Result<String, NotKept>;

    /// Takes a token back; false where nobody has it.
    ///
    /// # Errors
    /// When the directory cannot be written.
    fn revoke_token(&self, name: &str) -> Result<bool, Fault>;

    /// Sets a person's password. Slow on purpose (argon2id): call it on a blocking thread.
    ///
    /// # Errors
    /// When the password is too short or too long, or when the directory cannot be written.
    fn set_password(&self, person: &PersonId, password: &str) -> Result<(), NotKept>;

    /// The page and person that an acknowledge link was made for.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn acknowledge_link(&self, token: &str) -> Result<Option<(PageId, PersonId)>, Fault>;
}

/// What stands against a configuration, or is worth a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// False for a warning.
    pub is_error: bool,
    /// Where in the configuration: `escalation.web.steps[0]`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A contact's address, on its way to the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactAddress {
    /// The contact's id, as the configuration refers to it.
    pub contact: kernel::ContactId,
    /// Whose it is; `None` for a list or a webhook.
    pub person: Option<PersonId>,
    /// Which channel.
    pub channel: facts::configuration::Channel,
    /// The mail address or URL.
    pub address: String,
    /// What people call it.
    pub name: String,
    /// Where the signing secret of a webhook is.
    pub secret: Option<facts::configuration::SecretRef>,
}

/// A configuration and the addresses that stand apart from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Where it came from.
    pub source: String,
    /// The canonical configuration.
    pub configuration: Configuration,
    /// The addresses of its contacts.
    pub contacts: Vec<ContactAddress>,
}

/// Judges and applies configurations.
pub trait Configurations: Send + Sync {
    /// What stands against it; without an error among them it may be applied.
    fn check(&self, submission: &Submission) -> Vec<Problem>;

    /// Why nothing may be applied from here: the server was started with `--config`, which is then the only way.
    fn read_only(&self) -> Option<String>;

    /// Puts the addresses into the directory and gives the command that applies the rest. The addresses come first:
    /// a configuration never names a contact that the directory does not have.
    ///
    /// # Errors
    /// When the directory cannot be written.
    fn prepare(&self, submission: Submission) -> Result<engine::Command, Fault>;
}

/// Shows Swan's own metrics.
pub trait OwnMetrics: Send + Sync {
    /// Prometheus text, version 0.0.4.
    fn render(&self) -> String;
    /// Counts a request that was answered.
    fn answered(&self, route: &str, status: u16, took: std::time::Duration);
}
