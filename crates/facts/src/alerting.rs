//! Alerts, their groups, and silences. Low-priority occurrences are samples; one fact a day sums them.

use std::collections::BTreeMap;

use kernel::{Fingerprint, GroupId, Labels, ServiceId, SilenceId, Timestamp};
use serde::{Deserialize, Serialize};

/// What an alert leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Recorded and trended.
    Low,
    /// Mails a list and opens a ticket due in 24 hours.
    High,
    /// Pages a person.
    Critical,
}

impl Priority {
    /// The word that people and programs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::High => "high",
            Priority::Critical => "critical",
        }
    }
}

/// Where an alert comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A rule that Swan evaluates.
    Rule {
        /// The rule group's name.
        group: String,
        /// The rule's alert name.
        rule: String,
        /// The rule's place in its group, counted from 0, when this was recorded.
        #[serde(default)]
        place: usize,
    },
    /// A sender that speaks Alertmanager's API.
    Alertmanager,
    /// Swan's own watch over checks, heartbeats, ceilings and budgets.
    Swan,
}

/// A label matcher as Alertmanager has it; the regular expressions are anchored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// The value or expression.
    pub value: String,
    /// Whether `value` is a regular expression.
    #[serde(default)]
    pub is_regex: bool,
    /// False turns the match around.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

/// Why an alert stopped firing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolveReason {
    /// The rule's condition no longer holds.
    ConditionCleared,
    /// Its sender said so.
    SaidBySender,
    /// Its sender fell silent past the time that it had promised.
    Expired,
    /// The rule is no longer in the configuration.
    RuleRemoved,
}

/// Why an alert did not notify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressReason {
    /// A silence matches it.
    Silenced(SilenceId),
    /// Low priority is counted, not notified.
    LowPriority,
}

/// Everything about one firing alert that people are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FiringAlert {
    /// Hash of the labels.
    pub fingerprint: Fingerprint,
    /// Its identity.
    pub labels: Labels,
    /// For people; templates are expanded.
    pub annotations: BTreeMap<String, String>,
    /// The path that it takes.
    pub priority: Priority,
    /// The service that it concerns: its `service` label where that names one.
    pub service: Option<ServiceId>,
    /// Since when the condition holds.
    pub starts_at: Timestamp,
    /// When it counts as resolved unless it is sent again; only for alerts from elsewhere.
    pub expires_at: Option<Timestamp>,
    /// The reading on which it rests, as text, so that NaN and infinities keep their names.
    pub value: Option<String>,
    /// Who says so.
    pub origin: Origin,
    /// Where the sender explains it.
    pub generator_url: Option<String>,
}

/// About alerts, groups and silences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertingFact {
    /// A rule's condition holds, not yet for long enough.
    AlertPending {
        /// Hash of the labels.
        fingerprint: Fingerprint,
        /// Its identity.
        labels: Labels,
        /// Which rule.
        origin: Origin,
        /// Since when.
        since: Timestamp,
        /// The reading.
        value: String,
    },
    /// A pending alert's condition cleared before its time.
    PendingCleared {
        /// Which alert.
        fingerprint: Fingerprint,
    },
    /// An alert fires.
    AlertFired(Box<FiringAlert>),
    /// A firing alert was sent again with other annotations or another end.
    AlertRefreshed {
        /// Which alert.
        fingerprint: Fingerprint,
        /// What people are shown.
        annotations: BTreeMap<String, String>,
        /// When it counts as resolved unless it is sent again.
        expires_at: Option<Timestamp>,
    },
    /// A firing rule's condition cleared; it keeps firing for the rule's `keep_firing_for`.
    AlertKeptFiring {
        /// Which alert.
        fingerprint: Fingerprint,
        /// When the condition cleared.
        since: Timestamp,
    },
    /// The condition of an alert that was being kept firing holds again.
    AlertHeldAgain {
        /// Which alert.
        fingerprint: Fingerprint,
    },
    /// An alert stopped firing.
    AlertResolved {
        /// Which alert.
        fingerprint: Fingerprint,
        /// When.
        ended_at: Timestamp,
        /// Why.
        reason: ResolveReason,
    },
    /// An alert fires and nobody is told, for this reason.
    AlertSuppressed {
        /// Which alert.
        fingerprint: Fingerprint,
        /// Why.
        reason: SuppressReason,
    },
    /// Alerts that belong together began to gather; they are notified at `notify_at`.
    GroupOpened {
        /// Its id.
        group: GroupId,
        /// The labels that its alerts share.
        key: Labels,
        /// The path that it takes.
        priority: Priority,
        /// The service that it concerns.
        service: Option<ServiceId>,
        /// The first alert.
        alert: Fingerprint,
        /// When the group is notified.
        notify_at: Timestamp,
    },
    /// An alert joined a group.
    GroupGrew {
        /// Which group.
        group: GroupId,
        /// Which alert.
        alert: Fingerprint,
        /// When the newcomers are told, where the group was notified before.
        notify_at: Option<Timestamp>,
    },
    /// The group was due to be told of: its critical page or high mail follows in the same batch.
    GroupNotified {
        /// Which group.
        group: GroupId,
        /// The alerts that fire, and that it is told of.
        alerts: Vec<Fingerprint>,
        /// What to call it.
        title: String,
        /// Whether it was told of before.
        again: bool,
    },
    /// No alert of the group fires any more.
    GroupResolved {
        /// Which group.
        group: GroupId,
        /// False where it was over before anybody was told.
        was_notified: bool,
        /// Whether a silence took its last alert, which still fires.
        #[serde(default)]
        silenced: bool,
    },
    /// Matching alerts do not notify between two times.
    SilenceCreated {
        /// Its id.
        silence: SilenceId,
        /// All must match.
        matchers: Vec<Matcher>,
        /// From when.
        starts_at: Timestamp,
        /// Until when.
        ends_at: Timestamp,
        /// Why.
        comment: String,
        /// The author's name as a foreign client gave it; the entry's actor is who was authenticated.
        created_by: String,
    },
    /// The start of a silence that was made ahead of its time has come.
    SilenceBegan {
        /// Which silence.
        silence: SilenceId,
    },
    /// A silence ended: by time or by hand (then the actor is a person or a token).
    SilenceExpired {
        /// Which silence.
        silence: SilenceId,
    },
    /// What the low lane counted on one day (UTC), by alert name.
    LowDaySummed {
        /// Start of the day.
        day: Timestamp,
        /// How often each fired.
        counts: BTreeMap<String, u64>,
    },
}
