//! What the engine's facts say of pages and firings.

use std::collections::{BTreeMap, BTreeSet};

use facts::alerting::{AlertingFact, FiringAlert, Origin, Priority};
use facts::oncall::OncallFact;
use facts::{Entry, Fact};
use kernel::{Fingerprint, GroupId, Labels, Timestamp};

use super::limits::FIRINGS_MAX;

/// A rule, by its group and its place there.
pub(crate) type RuleKey = (String, usize);

/// One alert while it fires.
#[derive(Debug, Clone)]
pub(crate) struct Fired {
    pub(crate) rule: RuleKey,
    pub(crate) alert: String,
    pub(crate) labels: Labels,
    pub(crate) priority: Priority,
    pub(crate) since: Timestamp,
    pub(crate) fired_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

/// What one rule led to.
#[derive(Debug, Default, Clone)]
pub(crate) struct OfRule {
    pub(crate) cleared_in_time: u64,
    pub(crate) pages: u64,
}

/// The counts of a set of rules, from one instant on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    from: Timestamp,
    /// When each page was opened.
    pub(crate) pages: Vec<Timestamp>,
    pub(crate) mails: u64,
    pub(crate) low: u64,
    pub(crate) silenced: u64,
    /// Everything that fired after that instant, in the order in which it fired.
    pub(crate) fired: Vec<Fired>,
    pub(crate) by_rule: BTreeMap<RuleKey, OfRule>,
    firing: BTreeMap<Fingerprint, Fired>,
    pending: BTreeMap<Fingerprint, RuleKey>,
    told: BTreeMap<GroupId, Vec<Fingerprint>>,
    opened: BTreeMap<GroupId, Priority>,
}

impl Tally {
    pub(crate) fn new(from: Timestamp) -> Self {
        Self { from, ..Self::default() }
    }

    /// Whether more fired than is remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.fired.len() + self.firing.len() > FIRINGS_MAX
    }

    pub(crate) fn hear(&mut self, entry: &Entry) {
        match &entry.fact {
            Fact::Alerting(fact) => self.alerting(entry.at, fact),
            Fact::Oncall(OncallFact::PageOpened { group: Some(group), .. }) => self.page(entry.at, *group),
            _ => {}
        }
    }

    /// What still fires at the end counts too.
    pub(crate) fn end(&mut self) {
        self.fired.extend(std::mem::take(&mut self.firing).into_values());
        self.fired.sort_by_key(|fired| fired.fired_at);
    }

    fn alerting(&mut self, at: Timestamp, fact: &AlertingFact) {
        let counts = u64::from(at >= self.from);
        match fact {
            AlertingFact::AlertPending { fingerprint, origin: Origin::Rule { group, place, .. }, .. } => {
                self.pending.insert(*fingerprint, (group.clone(), *place));
            }
            AlertingFact::PendingCleared { fingerprint } => {
                if let Some(rule) = self.pending.remove(fingerprint) {
                    self.by_rule.entry(rule).or_default().cleared_in_time += counts;
                }
            }
            AlertingFact::AlertFired(fired) => self.alert_fired(at, fired),
            AlertingFact::AlertResolved { fingerprint, ended_at, .. } => {
                let ended = self.firing.remove(fingerprint).filter(|_| *ended_at >= self.from);
                self.fired.extend(ended.map(|fired| Fired { ended_at: Some(*ended_at), ..fired }));
            }
            AlertingFact::AlertSuppressed { reason, .. } => match reason {
                facts::alerting::SuppressReason::LowPriority => self.low += counts,
                facts::alerting::SuppressReason::Silenced(_) => self.silenced += counts,
            },
            AlertingFact::GroupOpened { group, priority, .. } => {
                self.opened.insert(*group, *priority);
            }
            AlertingFact::GroupNotified { group, alerts, again, .. } => {
                let priority = self.opened.get(group).copied();
                self.mails += u64::from(priority == Some(Priority::High) && !again) * counts;
                self.told.insert(*group, alerts.clone());
            }
            AlertingFact::GroupResolved { group, .. } => {
                self.told.remove(group);
                self.opened.remove(group);
            }
            _ => {}
        }
    }

    fn alert_fired(&mut self, at: Timestamp, fired: &FiringAlert) {
        self.pending.remove(&fired.fingerprint);
        let Origin::Rule { group, rule, place } = &fired.origin else { return };
        let fired = Fired {
            rule: (group.clone(), *place),
            alert: rule.clone(),
            labels: fired.labels.clone(),
            priority: fired.priority,
            since: fired.starts_at,
            fired_at: at,
            ended_at: None,
        };
        self.firing.insert(fired.labels.fingerprint(), fired);
    }

    fn page(&mut self, at: Timestamp, group: GroupId) {
        if at < self.from {
            return;
        }
        self.pages.push(at);
        let alerts = self.told.get(&group).map(Vec::as_slice).unwrap_or_default();
        let fired = alerts.iter().filter_map(|alert| self.firing.get(alert));
        let rules: BTreeSet<RuleKey> = fired.map(|fired| fired.rule.clone()).collect();
        for rule in rules {
            self.by_rule.entry(rule).or_default().pages += 1;
        }
    }
}
