//! What a new configuration makes of the alerts that its rules hold.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use facts::alerting::Origin;
use facts::configuration::{Configuration, Rule, RuleGroup};
use kernel::{Fingerprint, Timestamp};

use crate::state::{RuleSettings, State};

impl State {
    pub(super) fn configure(&mut self, configuration: &Configuration, at: Timestamp) {
        self.settings = configuration.alerting.clone();
        self.services = configuration.services.keys().cloned().collect();
        let mut rules: BTreeMap<String, Vec<RuleSettings>> = BTreeMap::new();
        for group in &configuration.rule_groups {
            let settings = || group.rules.iter().map(|rule| rule_settings(group, rule)).collect();
            rules.entry(group.name.clone()).or_insert_with(settings);
        }
        let before = std::mem::replace(&mut self.rules, rules);
        for (group, places) in std::mem::take(&mut self.by_rule) {
            let old = before.get(&group).map_or(&[][..], Vec::as_slice);
            let new = self.rules.get(&group).map_or(&[][..], Vec::as_slice);
            let moved = places_after(old, new);
            for (place, held) in places {
                self.hand_over(&group, moved.get(&place).copied(), held, at);
            }
        }
    }

    /// Gives what a rule held to the place where it stands after a change, or makes orphans of it.
    fn hand_over(&mut self, group: &str, to: Option<usize>, held: BTreeSet<Fingerprint>, at: Timestamp) {
        let Some(to) = to else {
            for fingerprint in held {
                self.orphan(fingerprint, at);
            }
            return;
        };
        for fingerprint in &held {
            let fired = self.alerts.get_mut(fingerprint).map(|alert| &mut alert.fired.origin);
            let origin =
                fired.or_else(|| self.pending.get_mut(fingerprint).map(|pending| &mut pending.origin));
            if let Some(Origin::Rule { place, .. }) = origin {
                *place = to;
            }
        }
        self.by_rule.entry(group.to_owned()).or_default().insert(to, held);
    }
}

fn rule_settings(group: &RuleGroup, rule: &Rule) -> RuleSettings {
    let mut labels = group.labels.clone();
    labels.extend(rule.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
    RuleSettings {
        alert: rule.alert.clone(),
        hold: rule.hold,
        keep_firing_for: rule.keep_firing_for,
        labels,
        annotations: rule.annotations.clone(),
    }
}

/// Where the alerting rules of a group stand after a change: a rule is the same while its name and labels are, as in
/// Prometheus, and equal ones keep their order.
fn places_after(old: &[RuleSettings], new: &[RuleSettings]) -> BTreeMap<usize, usize> {
    let mut free: BTreeMap<_, VecDeque<usize>> = BTreeMap::new();
    for (place, rule) in new.iter().enumerate().filter(|(_, rule)| rule.alert.is_some()) {
        free.entry((&rule.alert, &rule.labels)).or_default().push_back(place);
    }
    let mut moved = BTreeMap::new();
    for (place, rule) in old.iter().enumerate() {
        if let Some(to) = free.get_mut(&(&rule.alert, &rule.labels)).and_then(VecDeque::pop_front) {
            moved.insert(place, to);
        }
    }
    moved
}
