use std::fmt;

use facts::alerting::{FiringAlert, Priority};
use kernel::{Fingerprint, GroupId, Labels, SilenceId, Timestamp};

use crate::state::{Alert, Group, Pending, Silence, Standing, State};

/// What Alertmanager's API says of a firing alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertStatus<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// Whether nobody is told of it: a silence mutes it, or its priority is low.
    pub is_suppressed: bool,
    /// Every silence in force that matches it.
    pub silenced_by: Vec<SilenceId>,
}

/// The phase of a silence, in Alertmanager's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilencePhase {
    /// It has yet to begin.
    Pending,
    /// It is in force.
    Active,
    /// It is over.
    Expired,
}

/// What a rule holds.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleState<'a> {
    /// The strongest condition of its alerts.
    pub condition: RuleCondition,
    /// Those that have not held for long enough.
    pub pending: Vec<(Fingerprint, &'a Pending)>,
    /// Those that fire.
    pub firing: Vec<&'a Alert>,
}

/// The condition of a rule, in Prometheus's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleCondition {
    /// It holds for nothing.
    Inactive,
    /// It holds for something, for no `for` long enough.
    Pending,
    /// It fires.
    Firing,
}

/// One reason why somebody is, or is not, told of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The condition holds, and has to for a while.
    Pending {
        /// Since when it holds.
        since: Timestamp,
        /// When it fires if it still holds at an evaluation; `None` where the rule is gone.
        fires_at: Option<Timestamp>,
    },
    /// It fires.
    Fires {
        /// Since when the condition holds.
        since: Timestamp,
    },
    /// The condition is clear, and the rule keeps it firing.
    KeptFiring {
        /// Since when the condition is clear.
        since: Timestamp,
    },
    /// Low priority is counted.
    LowPriority,
    /// A silence mutes it.
    Silenced {
        /// Which.
        silence: SilenceId,
        /// Until when.
        until: Timestamp,
    },
    /// Its group gathers alerts before it is told of.
    GroupWaits {
        /// Which group.
        group: GroupId,
        /// Until when.
        until: Timestamp,
    },
    /// It was told of with its group.
    Told {
        /// Which group.
        group: GroupId,
        /// When.
        at: Timestamp,
    },
    /// It is about to be settled.
    Unsettled,
}

impl State {
    /// A firing alert.
    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint)
    }

    /// What a firing alert says.
    pub fn firing(&self, fingerprint: Fingerprint) -> Option<&FiringAlert> {
        self.alerts.get(&fingerprint).map(|alert| &alert.fired)
    }

    /// All firing alerts by fingerprint.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = &Alert> {
        self.alerts.values()
    }

    /// A firing alert with its status.
    pub fn status<'a>(&self, alert: &'a Alert, now: Timestamp) -> AlertStatus<'a> {
        let matching = self.active_silences(now).filter(|silence| silence.matches(&alert.fired.labels));
        let silenced_by: Vec<SilenceId> = matching.map(|silence| silence.id).collect();
        let is_suppressed = !silenced_by.is_empty() || alert.fired.priority == Priority::Low;
        AlertStatus { alert, is_suppressed, silenced_by }
    }

    /// All pending alerts by fingerprint.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = (Fingerprint, &Pending)> {
        self.pending.iter().map(|(fingerprint, pending)| (*fingerprint, pending))
    }

    /// What Swan's own watch raised and has not cleared.
    pub fn raised_by_swan(&self) -> impl Iterator<Item = &Labels> {
        self.raised
            .iter()
            .filter_map(|fingerprint| self.alerts.get(fingerprint))
            .map(|alert| &alert.fired.labels)
    }

    /// An open group.
    pub fn group(&self, group: GroupId) -> Option<&Group> {
        self.groups.get(&group)
    }

    /// All open groups, the oldest first.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.values()
    }

    /// The alerts of an open group.
    pub fn alerts_of(&self, group: GroupId) -> impl Iterator<Item = &FiringAlert> {
        let members = self.groups.get(&group).into_iter().flat_map(Group::alerts);
        members.filter_map(|fingerprint| self.firing(fingerprint))
    }

    /// Since when the longest firing alert of an open group fires.
    pub fn group_began_at(&self, group: GroupId) -> Option<Timestamp> {
        self.alerts_of(group).map(|alert| alert.starts_at).min()
    }

    /// A silence, open or ended.
    pub fn silence(&self, silence: SilenceId) -> Option<&Silence> {
        self.silences.get(&silence).or_else(|| self.ended_silences.get(&silence))
    }

    /// All open silences and the last ended ones.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values().chain(self.ended_silences.values())
    }

    /// What a rule holds pending and firing; `None` where there is no such alerting rule.
    pub fn rule_state(&self, group: &str, rule: usize) -> Option<RuleState<'_>> {
        self.rule(group, rule)?;
        let held = || self.held_by(group, rule).into_iter().flatten();
        let pending: Vec<_> = held().filter_map(|held| Some((*held, self.pending.get(held)?))).collect();
        let firing: Vec<&Alert> = held().filter_map(|held| self.alerts.get(held)).collect();
        let condition = match (firing.is_empty(), pending.is_empty()) {
            (false, _) => RuleCondition::Firing,
            (true, false) => RuleCondition::Pending,
            (true, true) => RuleCondition::Inactive,
        };
        Some(RuleState { condition, pending, firing })
    }

    /// What the low lane has counted on the days that are not summed yet, by the day's start and alert name.
    pub fn low_counts(&self) -> impl Iterator<Item = (Timestamp, &str, u64)> {
        let days = self.low_days.iter();
        days.flat_map(|(day, counts)| counts.iter().map(move |(name, count)| (*day, name.as_str(), *count)))
    }

    /// Why somebody is, or is not, told of an open alert; empty where it is not open: then its journal stream tells.
    pub fn why(&self, fingerprint: Fingerprint) -> Vec<Why> {
        if let Some(pending) = self.pending.get(&fingerprint) {
            let rule = match &pending.origin {
                facts::alerting::Origin::Rule { group, place, .. } => self.rule(group, *place),
                _ => None,
            };
            let rule = rule.filter(|_| !self.orphans.contains_key(&fingerprint));
            let fires_at = rule.map(|rule| pending.since + rule.hold);
            return vec![Why::Pending { since: pending.since, fires_at }];
        }
        let Some(alert) = self.alerts.get(&fingerprint) else { return Vec::new() };
        let mut why = vec![Why::Fires { since: alert.fired.starts_at }];
        why.extend(alert.kept_since.map(|since| Why::KeptFiring { since }));
        why.push(match alert.standing {
            Standing::Unsettled => Why::Unsettled,
            Standing::Low => Why::LowPriority,
            Standing::Silenced(silence) => {
                let until = self.silences.get(&silence).map_or(alert.fired_at, |found| found.ends_at);
                Why::Silenced { silence, until }
            }
            Standing::Grouped(id) => match self.groups.get(&id) {
                Some(group) if group.untold.contains(&fingerprint) => {
                    Why::GroupWaits { group: id, until: group.notify_at }
                }
                found => {
                    let at = found.and_then(|group| group.notified_at);
                    Why::Told { group: id, at: at.unwrap_or(alert.fired_at) }
                }
            },
        });
        why
    }
}

impl Group {
    /// The alerts that fire and that no silence mutes.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = Fingerprint> {
        self.members.iter().copied()
    }
}

impl Silence {
    /// Its phase at a time.
    pub fn phase(&self, now: Timestamp) -> SilencePhase {
        if self.ended_at.is_some() || self.ends_at <= now {
            SilencePhase::Expired
        } else if self.starts_at <= now {
            SilencePhase::Active
        } else {
            SilencePhase::Pending
        }
    }
}

impl SilencePhase {
    /// Alertmanager's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            SilencePhase::Pending => "pending",
            SilencePhase::Active => "active",
            SilencePhase::Expired => "expired",
        }
    }
}

impl RuleCondition {
    /// Prometheus's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleCondition::Inactive => "inactive",
            RuleCondition::Pending => "pending",
            RuleCondition::Firing => "firing",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Pending { since, fires_at: Some(at) } => {
                write!(f, "holds since {since}, and fires from {at} on if it still holds")
            }
            Why::Pending { since, fires_at: None } => write!(f, "holds since {since}; its rule is gone"),
            Why::Fires { since } => write!(f, "fires since {since}"),
            Why::KeptFiring { since } => {
                write!(f, "its condition is clear since {since}, and its rule keeps it firing")
            }
            Why::LowPriority => f.write_str("low priority: counted, nobody is told"),
            Why::Silenced { silence, until } => write!(f, "{silence} mutes it until {until}"),
            Why::GroupWaits { group, until } => write!(f, "{group} waits for more alerts until {until}"),
            Why::Told { group, at } => write!(f, "told of with {group} at {at}"),
            Why::Unsettled => f.write_str("about to be settled"),
        }
    }
}
