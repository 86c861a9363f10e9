use std::collections::BTreeMap;
use std::sync::Arc;

use facts::alerting::Matcher;
use kernel::{Fingerprint, GroupId, Labels, SilenceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::templates::Outside;

/// What the alerting slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A rule was evaluated: these are all the label sets for which its expression holds.
    JudgeRule {
        /// The rule group's name.
        group: String,
        /// The rule's place in its group.
        rule: usize,
        /// The logical time of the evaluation.
        at: Timestamp,
        /// Every element of the result, with the rule's own labels not yet added.
        elements: Vec<(Labels, f64)>,
        /// What the rule's templates see beside them, with the answers to what they ask.
        outside: Arc<Outside>,
    },
    /// Samples arrived that prove a rule true before its interval comes round: these are all the label sets for which
    /// its expression holds. Alerts of a rule without `for` fire; nothing else changes, because only the interval
    /// says what is over or has held for long enough.
    ProveRule {
        /// The rule group's name.
        group: String,
        /// The rule's place in its group.
        rule: usize,
        /// The logical time: that of the samples.
        at: Timestamp,
        /// Every element of the result, with the rule's own labels not yet added.
        elements: Vec<(Labels, f64)>,
        /// What the rule's templates see beside them, with the answers to what they ask.
        outside: Arc<Outside>,
    },
    /// Alerts from elsewhere, as Alertmanager's `POST /api/v2/alerts` takes them.
    ReceiveAlerts(Vec<PostedAlert>),
    /// Swan's own watch saw something: a ceiling, a missed heartbeat, a failing check.
    RaiseAlert {
        /// Its identity; `alertname` is among them, and `priority` chooses its path.
        labels: Labels,
        /// For people.
        annotations: BTreeMap<String, String>,
    },
    /// What Swan's own watch saw is over. Harmless where nothing fires.
    ClearAlert {
        /// Its identity.
        labels: Labels,
    },
    /// Do not notify for matching alerts between two times.
    CreateSilence {
        /// An earlier silence that this one takes the place of.
        replaces: Option<SilenceId>,
        /// All must match; at least one must not match the empty string.
        matchers: Vec<Matcher>,
        /// From when; earlier than now counts as now.
        starts_at: Timestamp,
        /// Until when.
        ends_at: Timestamp,
        /// Why.
        comment: String,
        /// The author's name as a foreign client gives it.
        created_by: String,
    },
    /// End a silence.
    ExpireSilence {
        /// Which.
        silence: SilenceId,
    },
    /// A deadline passed.
    Wake(WakeReason),
}

/// One alert of `POST /api/v2/alerts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedAlert {
    /// Its identity.
    pub labels: Labels,
    /// For people.
    pub annotations: BTreeMap<String, String>,
    /// Since when; absent means now.
    pub starts_at: Option<Timestamp>,
    /// In the past it says "resolved"; absent means now plus the resolve timeout.
    pub ends_at: Option<Timestamp>,
    /// Where the sender explains it.
    pub generator_url: Option<String>,
}

/// Why the slice wakes. At one instant the earlier variant comes first: what is over or silenced is settled before
/// anybody is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// A silence ends.
    SilenceEnds(SilenceId),
    /// A silence begins: what it matches leaves its groups.
    SilenceBegins(SilenceId),
    /// A silence matches more alerts than one decision takes in; this one is next.
    SilenceReaches(SilenceId, Fingerprint),
    /// An alert from elsewhere was not sent again in the time that its sender promised.
    AlertExpires(Fingerprint),
    /// The rule of an alert is no longer in the configuration.
    RuleGone(Fingerprint),
    /// An alert fires and is in no group yet: one decision takes in only so many.
    AlertUnsettled(Fingerprint),
    /// A group has waited for its other alerts long enough, or none of its alerts is left.
    GroupDue(GroupId),
    /// A day of the low lane is over.
    LowDayEnds,
}
