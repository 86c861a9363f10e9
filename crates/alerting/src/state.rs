use std::collections::{BTreeMap, BTreeSet};

use facts::alerting::{FiringAlert, Matcher, Origin, Priority};
use facts::configuration::Alerting;
use kernel::{Actor, Fingerprint, GroupId, Labels, ServiceId, SilenceId, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::WakeReason;
use crate::matching::Compiled;

/// What is open: a fold of the journal. Its JSON is the snapshot.
///
/// A fingerprint is pending or firing, never both. `deadlines` holds every deadline of everything here exactly once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub(crate) settings: Alerting,
    pub(crate) services: BTreeSet<ServiceId>,
    pub(crate) rules: BTreeMap<String, Vec<RuleSettings>>,
    pub(crate) alerts: BTreeMap<Fingerprint, Alert>,
    pub(crate) pending: BTreeMap<Fingerprint, Pending>,
    /// What each rule holds pending or firing, by group and place.
    pub(crate) by_rule: BTreeMap<String, BTreeMap<usize, BTreeSet<Fingerprint>>>,
    /// What Swan's own watch raised.
    pub(crate) raised: BTreeSet<Fingerprint>,
    /// Whose rule is gone, and since when.
    pub(crate) orphans: BTreeMap<Fingerprint, Timestamp>,
    /// What fires and is neither grouped nor suppressed, and since when.
    pub(crate) unsettled: BTreeMap<Fingerprint, Timestamp>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) by_key: BTreeMap<String, GroupId>,
    pub(crate) silences: BTreeMap<SilenceId, Silence>,
    pub(crate) ended_silences: BTreeMap<SilenceId, Silence>,
    pub(crate) low_days: BTreeMap<Timestamp, BTreeMap<String, u64>>,
    pub(crate) last_group: u64,
    pub(crate) last_silence: u64,
    pub(crate) deadlines: BTreeSet<(Timestamp, WakeReason)>,
}

/// What this slice needs of a rule; one without `alert` records a series and only keeps its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuleSettings {
    pub(crate) alert: Option<String>,
    pub(crate) hold: Span,
    pub(crate) keep_firing_for: Span,
    /// The group's labels and, over them, the rule's own.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A rule's element that has not held for long enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Its identity, with the rule's labels.
    pub labels: Labels,
    /// Which rule.
    pub origin: Origin,
    /// Since when it holds.
    pub since: Timestamp,
    /// The reading with which it began.
    pub value: String,
}

/// A firing alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What it says. Its origin's place follows the configuration.
    pub fired: FiringAlert,
    /// When Swan recorded that it fires.
    pub fired_at: Timestamp,
    /// Since when its rule's condition is clear, where it is only kept firing.
    pub kept_since: Option<Timestamp>,
    /// Where it stands on the way to people.
    pub standing: Standing,
}

/// Where a firing alert stands on the way to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not decided yet; a wake that is due at once decides.
    Unsettled,
    /// It is told of with this group.
    Grouped(GroupId),
    /// A silence mutes it.
    Silenced(SilenceId),
    /// It is counted in the low lane.
    Low,
}

/// An open group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The labels that its alerts share.
    pub key: Labels,
    /// The path that it takes.
    pub priority: Priority,
    /// The service that it concerns.
    pub service: Option<ServiceId>,
    /// When its first alert opened it.
    pub opened_at: Timestamp,
    /// When it is told of; in the past where it was told of and nothing was added since.
    pub notify_at: Timestamp,
    /// When it was last told of.
    pub notified_at: Option<Timestamp>,
    /// The alerts that fire and that no silence mutes.
    pub members: BTreeSet<Fingerprint>,
    /// Those among them that nobody was told of.
    pub untold: BTreeSet<Fingerprint>,
    pub(crate) emptied: Option<Emptied>,
    /// Its entry in the index of deadlines.
    pub(crate) deadline: Option<Timestamp>,
}

/// The last alert of a group has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Emptied {
    pub(crate) at: Timestamp,
    pub(crate) by_silence: bool,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    pub(crate) matchers: Vec<Compiled>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// When it ended, by time or by hand.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub comment: String,
    /// The author's name as a foreign client gave it.
    pub created_by: String,
    /// Who was authenticated.
    pub author: Actor,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether its start has been dealt with.
    pub(crate) begun: bool,
    /// The alerts that it mutes.
    pub(crate) muted: BTreeSet<Fingerprint>,
    /// The grouped alerts that it matches and has yet to mute, and since when.
    pub(crate) reaching: BTreeMap<Fingerprint, Timestamp>,
}

impl Silence {
    /// What it matches; all must.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.matchers.iter().map(Compiled::matcher)
    }

    /// Whether it matches an alert with these labels, at whatever time.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether it is in force.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.starts_at <= now && now < self.ends_at
    }
}

impl Group {
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self.emptied {
            Some(emptied) => Some(emptied.at),
            None if self.notified_at.is_none() || !self.untold.is_empty() => Some(self.notify_at),
            None => None,
        }
    }
}

impl State {
    pub(crate) fn rule(&self, group: &str, place: usize) -> Option<&RuleSettings> {
        self.rules.get(group)?.get(place).filter(|rule| rule.alert.is_some())
    }

    /// What a rule holds pending or firing.
    pub(crate) fn held_by(&self, group: &str, place: usize) -> Option<&BTreeSet<Fingerprint>> {
        self.by_rule.get(group)?.get(&place)
    }

    /// How many alerts are pending or firing.
    pub(crate) fn open_alerts(&self) -> usize {
        self.alerts.len() + self.pending.len()
    }

    pub(crate) fn active_silences(&self, now: Timestamp) -> impl Iterator<Item = &Silence> {
        self.silences.values().filter(move |silence| silence.is_active(now))
    }
}

/// A group's identity as a map key. The service is part of it whatever `group_by` says: a page walks one service's
/// policy.
pub(crate) fn key_text(priority: Priority, service: Option<&ServiceId>, key: &Labels) -> String {
    format!("{} {:?} {key}", priority.as_str(), service.map_or("", ServiceId::as_str))
}
