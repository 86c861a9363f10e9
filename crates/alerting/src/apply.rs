//! The fold. Every operation here is total: a fact about something that is not open changes nothing, and whatever it
//! leaves half done has a deadline that is due at once.

mod configured;
mod silences;

use std::collections::BTreeSet;

use facts::alerting::{AlertingFact, FiringAlert, Origin, SuppressReason};
use facts::{Entry, Fact};
use kernel::{Fingerprint, GroupId, Span, Timestamp};

use crate::state::{Alert, Emptied, Group, Pending, Standing, State, key_text};
use crate::{WakeReason, limits};

/// Takes in one entry. Never refuses, and never panics on any recorded fact in any order.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => state.configure(&applied.configuration, entry.at),
        Fact::Alerting(AlertingFact::SilenceCreated { .. }) => state.silence_created(entry),
        Fact::Alerting(fact) => state.alerting(fact, entry.at),
        _ => {}
    }
}

impl State {
    fn alerting(&mut self, fact: &AlertingFact, at: Timestamp) {
        use AlertingFact as A;
        match fact {
            A::AlertPending { fingerprint, labels, origin, since, value } => {
                let (labels, origin, since, value) = (labels.clone(), origin.clone(), *since, value.clone());
                self.alert_pending(*fingerprint, Pending { labels, origin, since, value }, at);
            }
            A::PendingCleared { fingerprint } => self.forget_pending(*fingerprint),
            A::AlertFired(fired) => self.alert_fired(fired, at),
            A::AlertRefreshed { fingerprint, annotations, expires_at } => {
                if let Some(alert) = self.alerts.get_mut(fingerprint) {
                    annotations.clone_into(&mut alert.fired.annotations);
                    let before = std::mem::replace(&mut alert.fired.expires_at, *expires_at);
                    self.move_deadline(before, *expires_at, WakeReason::AlertExpires(*fingerprint));
                }
            }
            A::AlertKeptFiring { fingerprint, since } => self.keep(*fingerprint, Some(*since)),
            A::AlertHeldAgain { fingerprint } => self.keep(*fingerprint, None),
            A::AlertResolved { fingerprint, .. } => self.alert_resolved(*fingerprint, at),
            A::AlertSuppressed { fingerprint, reason } => self.alert_suppressed(*fingerprint, reason, at),
            A::GroupOpened { group, key, priority, service, alert, notify_at } => {
                let (key, service) = (key.clone(), service.clone());
                let members = BTreeSet::new();
                self.group_opened(Group {
                    id: *group,
                    key,
                    priority: *priority,
                    service,
                    opened_at: at,
                    notify_at: *notify_at,
                    notified_at: None,
                    untold: members.clone(),
                    members,
                    emptied: Some(Emptied { at, by_silence: false }),
                    deadline: None,
                });
                self.join(*group, *alert, at);
            }
            A::GroupGrew { group, alert, notify_at } => {
                if let (Some(group), Some(notify_at)) = (self.groups.get_mut(group), notify_at) {
                    group.notify_at = *notify_at;
                }
                self.join(*group, *alert, at);
            }
            A::GroupNotified { group, .. } => {
                if let Some(open) = self.groups.get_mut(group) {
                    open.notified_at = Some(at);
                    open.untold.clear();
                    self.rearm(*group);
                }
            }
            A::GroupResolved { group, .. } => self.group_resolved(*group, at),
            A::SilenceBegan { silence } => self.silence_begins(*silence, at),
            A::SilenceExpired { silence } => self.silence_expired(*silence, at),
            A::LowDaySummed { day, .. } => {
                self.low_days.remove(day);
                self.deadlines.remove(&(*day + Span::from_days(1), WakeReason::LowDayEnds));
            }
            A::SilenceCreated { .. } => {}
        }
    }

    // Alerts.

    fn alert_pending(&mut self, fingerprint: Fingerprint, pending: Pending, at: Timestamp) {
        if self.alerts.contains_key(&fingerprint) {
            return;
        }
        self.forget_pending(fingerprint);
        self.own(fingerprint, &pending.origin, at);
        self.pending.insert(fingerprint, pending);
    }

    fn forget_pending(&mut self, fingerprint: Fingerprint) {
        if let Some(pending) = self.pending.remove(&fingerprint) {
            self.disown(fingerprint, &pending.origin);
        }
    }

    /// An alert that fires already changes hands and keeps its standing.
    fn alert_fired(&mut self, fired: &FiringAlert, at: Timestamp) {
        let fingerprint = fired.fingerprint;
        self.forget_pending(fingerprint);
        let before = self.alerts.remove(&fingerprint);
        if let Some(before) = &before {
            self.disown(fingerprint, &before.fired.origin);
        }
        self.own(fingerprint, &fired.origin, at);
        let expired_before = before.as_ref().and_then(|alert| alert.fired.expires_at);
        self.move_deadline(expired_before, fired.expires_at, WakeReason::AlertExpires(fingerprint));
        let standing = before.as_ref().map_or(Standing::Unsettled, |alert| alert.standing);
        let fired_at = before.map_or(at, |alert| alert.fired_at);
        let alert = Alert { fired: fired.clone(), fired_at, kept_since: None, standing };
        self.alerts.insert(fingerprint, alert);
        if standing == Standing::Unsettled {
            self.unsettle(fingerprint, at);
        }
    }

    fn keep(&mut self, fingerprint: Fingerprint, since: Option<Timestamp>) {
        if let Some(alert) = self.alerts.get_mut(&fingerprint) {
            alert.kept_since = since;
        }
    }

    fn alert_resolved(&mut self, fingerprint: Fingerprint, at: Timestamp) {
        self.leave(fingerprint, at, false);
        let Some(alert) = self.alerts.remove(&fingerprint) else { return };
        self.disown(fingerprint, &alert.fired.origin);
        self.move_deadline(alert.fired.expires_at, None, WakeReason::AlertExpires(fingerprint));
    }

    fn alert_suppressed(&mut self, fingerprint: Fingerprint, reason: &SuppressReason, at: Timestamp) {
        if !self.alerts.contains_key(&fingerprint) {
            return;
        }
        self.leave(fingerprint, at, matches!(reason, SuppressReason::Silenced(_)));
        let standing = match reason {
            SuppressReason::LowPriority => {
                self.count_low(fingerprint, at);
                Standing::Low
            }
            SuppressReason::Silenced(id) => match self.silences.get_mut(id) {
                Some(silence) => {
                    silence.muted.insert(fingerprint);
                    Standing::Silenced(*id)
                }
                None => return self.unsettle(fingerprint, at),
            },
        };
        self.stand(fingerprint, standing);
    }

    fn stand(&mut self, fingerprint: Fingerprint, standing: Standing) {
        if let Some(alert) = self.alerts.get_mut(&fingerprint) {
            alert.standing = standing;
        }
    }

    /// Takes an alert out of wherever it stands, before it stands somewhere else or is gone.
    fn leave(&mut self, fingerprint: Fingerprint, at: Timestamp, by_silence: bool) {
        let Some(standing) = self.alerts.get(&fingerprint).map(|alert| alert.standing) else { return };
        if let Some(since) = self.unsettled.remove(&fingerprint) {
            self.deadlines.remove(&(since, WakeReason::AlertUnsettled(fingerprint)));
        }
        for silence in self.silences.values_mut().filter(|silence| !silence.reaching.is_empty()) {
            if let Some(since) = silence.reaching.remove(&fingerprint) {
                self.deadlines.remove(&(since, WakeReason::SilenceReaches(silence.id, fingerprint)));
            }
        }
        match standing {
            Standing::Unsettled | Standing::Low => {}
            Standing::Silenced(silence) => {
                if let Some(silence) = self.silences.get_mut(&silence) {
                    silence.muted.remove(&fingerprint);
                }
            }
            Standing::Grouped(id) => {
                if let Some(group) = self.groups.get_mut(&id) {
                    group.members.remove(&fingerprint);
                    group.untold.remove(&fingerprint);
                    if group.members.is_empty() {
                        group.emptied = Some(Emptied { at, by_silence });
                    }
                    self.rearm(id);
                }
            }
        }
    }

    fn unsettle(&mut self, fingerprint: Fingerprint, at: Timestamp) {
        self.stand(fingerprint, Standing::Unsettled);
        let before = self.unsettled.insert(fingerprint, at);
        self.move_deadline(before, Some(at), WakeReason::AlertUnsettled(fingerprint));
    }

    /// Enters an alert under whoever says it.
    fn own(&mut self, fingerprint: Fingerprint, origin: &Origin, at: Timestamp) {
        match origin {
            Origin::Rule { group, place, .. } if self.rule(group, *place).is_some() => {
                let places = self.by_rule.entry(group.clone()).or_default();
                places.entry(*place).or_default().insert(fingerprint);
            }
            Origin::Rule { .. } => self.orphan(fingerprint, at),
            Origin::Swan => {
                self.raised.insert(fingerprint);
            }
            Origin::Alertmanager => {}
        }
    }

    fn disown(&mut self, fingerprint: Fingerprint, origin: &Origin) {
        if let Some(since) = self.orphans.remove(&fingerprint) {
            self.deadlines.remove(&(since, WakeReason::RuleGone(fingerprint)));
        }
        self.raised.remove(&fingerprint);
        let Origin::Rule { group, place, .. } = origin else { return };
        if let Some(places) = self.by_rule.get_mut(group) {
            if let Some(held) = places.get_mut(place) {
                held.remove(&fingerprint);
                if held.is_empty() {
                    places.remove(place);
                }
            }
            if places.is_empty() {
                self.by_rule.remove(group);
            }
        }
    }

    fn orphan(&mut self, fingerprint: Fingerprint, at: Timestamp) {
        let before = self.orphans.insert(fingerprint, at);
        self.move_deadline(before, Some(at), WakeReason::RuleGone(fingerprint));
    }

    fn count_low(&mut self, fingerprint: Fingerprint, at: Timestamp) {
        let Some(alert) = self.alerts.get(&fingerprint) else { return };
        let name = alert.fired.labels.get("alertname").unwrap_or("").to_owned();
        let day = at.floor(Span::from_days(1));
        let counts = self.low_days.entry(day).or_default();
        let known = counts.contains_key(&name) || counts.len() < limits::LOW_NAMES_PER_DAY_MAX;
        let name = if known { name } else { limits::OTHER_NAMES.to_owned() };
        *counts.entry(name).or_default() += 1;
        self.deadlines.insert((day + Span::from_days(1), WakeReason::LowDayEnds));
    }

    // Groups.

    fn group_opened(&mut self, group: Group) {
        self.group_resolved(group.id, group.opened_at);
        self.last_group = self.last_group.max(group.id.0);
        self.by_key.insert(key_text(group.priority, group.service.as_ref(), &group.key), group.id);
        let id = group.id;
        self.groups.insert(id, group);
        self.rearm(id);
    }

    fn join(&mut self, id: GroupId, fingerprint: Fingerprint, at: Timestamp) {
        if !self.groups.contains_key(&id) || !self.alerts.contains_key(&fingerprint) {
            return;
        }
        self.leave(fingerprint, at, false);
        self.stand(fingerprint, Standing::Grouped(id));
        if let Some(group) = self.groups.get_mut(&id) {
            group.members.insert(fingerprint);
            group.untold.insert(fingerprint);
            group.emptied = None;
        }
        self.rearm(id);
    }

    fn group_resolved(&mut self, id: GroupId, at: Timestamp) {
        let Some(group) = self.groups.remove(&id) else { return };
        self.move_deadline(group.deadline, None, WakeReason::GroupDue(id));
        let key = key_text(group.priority, group.service.as_ref(), &group.key);
        if self.by_key.get(&key) == Some(&id) {
            self.by_key.remove(&key);
        }
        for fingerprint in group.members {
            self.leave(fingerprint, at, false);
            self.unsettle(fingerprint, at);
        }
    }

    fn rearm(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let due = group.due();
        let before = std::mem::replace(&mut group.deadline, due);
        self.move_deadline(before, due, WakeReason::GroupDue(id));
    }

    fn move_deadline(&mut self, from: Option<Timestamp>, to: Option<Timestamp>, why: WakeReason) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            self.deadlines.remove(&(from, why.clone()));
        }
        if let Some(to) = to {
            self.deadlines.insert((to, why));
        }
    }
}
