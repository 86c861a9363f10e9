use std::collections::{BTreeMap, BTreeSet};

use facts::alerting::{AlertingFact, FiringAlert, Priority, ResolveReason, SuppressReason};
use kernel::{Fingerprint, GroupId, Labels, ServiceId, SilenceId, Timestamp};

use crate::limits;
use crate::state::{Alert, Group, Silence, Standing, State, key_text};
use crate::title::{self, Told};

/// The facts of one decision on their way.
///
/// A handler says which alerts fire, end or are to be settled; [`finish`](Self::finish) then settles them, lets them
/// join their groups together, and tells of or ends the groups that this leads to. What finds no room stays as it is
/// in the state, where it has a deadline that is due at once.
pub(crate) struct Decision<'a> {
    state: &'a State,
    now: Timestamp,
    facts: Vec<AlertingFact>,
    /// How many facts these may lead to, with the reactions.
    weight: usize,
    silences: Vec<&'a Silence>,
    unsettled: Vec<Candidate>,
    drafts: BTreeMap<GroupId, Draft<'a>>,
    opened: BTreeMap<String, GroupId>,
}

/// An alert that fires and has to be settled.
struct Candidate {
    fingerprint: Fingerprint,
    labels: Labels,
    priority: Priority,
    service: Option<ServiceId>,
    summary: Option<String>,
    standing: Standing,
}

/// What this decision does to a group.
#[derive(Default)]
struct Draft<'a> {
    /// `None` where this decision opens it.
    existing: Option<&'a Group>,
    joined: Vec<Candidate>,
    left: BTreeSet<Fingerprint>,
    /// Over or silenced, though there was no room to say so.
    passed_over: BTreeSet<Fingerprint>,
    left_by_silence: bool,
    service: Option<ServiceId>,
    notify_at: Option<Timestamp>,
    is_due: bool,
}

impl<'a> Decision<'a> {
    pub(crate) fn new(state: &'a State, now: Timestamp) -> Self {
        let silences = state.active_silences(now).collect();
        let (facts, unsettled) = (Vec::new(), Vec::new());
        let (drafts, opened) = (BTreeMap::new(), BTreeMap::new());
        Self { state, now, facts, weight: 0, silences, unsettled, drafts, opened }
    }

    /// Whether another fact can be taken in.
    pub(crate) fn has_room(&self) -> bool {
        self.weight < limits::FACTS_PER_DECISION_MAX
    }

    pub(crate) fn push(&mut self, fact: AlertingFact) {
        self.push_heavy(fact, 1);
    }

    fn push_heavy(&mut self, fact: AlertingFact, weight: usize) {
        self.weight += weight;
        self.facts.push(fact);
    }

    /// From here on this silence is in force.
    pub(crate) fn add_silence(&mut self, silence: &'a Silence) {
        self.silences.push(silence);
    }

    /// From here on this silence is over.
    pub(crate) fn end_silence(&mut self, silence: &'a Silence) {
        self.silences.retain(|active| active.id != silence.id);
        self.push(AlertingFact::SilenceExpired { silence: silence.id });
        let muted = silence.muted.iter().filter_map(|fingerprint| self.state.alerts.get(fingerprint));
        let muted = muted.take(limits::FACTS_PER_DECISION_MAX);
        self.unsettled.extend(muted.map(|alert| Candidate::of(&alert.fired, Standing::Unsettled)));
    }

    /// An alert fires that did not fire before.
    pub(crate) fn fire(&mut self, fired: FiringAlert) {
        self.unsettled.push(Candidate::of(&fired, Standing::Unsettled));
        self.push(AlertingFact::AlertFired(Box::new(fired)));
    }

    /// An open alert is to be settled anew.
    pub(crate) fn settle(&mut self, alert: &Alert) {
        self.unsettled.push(Candidate::of(&alert.fired, alert.standing));
    }

    pub(crate) fn resolve(&mut self, alert: &Alert, ended_at: Timestamp, reason: ResolveReason) {
        let fingerprint = alert.fired.fingerprint;
        self.push(AlertingFact::AlertResolved { fingerprint, ended_at, reason });
        self.take_out(fingerprint, alert.standing, false);
    }

    /// A group's time has come: those of its alerts that are over or silenced leave it, and the others are told of.
    pub(crate) fn notify(&mut self, group: &'a Group) {
        self.draft(group).is_due = true;
        for fingerprint in &group.members {
            let Some(alert) = self.state.alerts.get(fingerprint) else { continue };
            let over = self.is_expired(&alert.fired);
            let muting = if over { None } else { self.muting(&alert.fired.labels) };
            if !over && muting.is_none() {
                continue;
            }
            // Half the room is left for what the group itself leads to: this decision must move its deadline.
            if self.weight > limits::FACTS_PER_DECISION_MAX / 2 {
                let draft = self.draft(group);
                draft.passed_over.insert(*fingerprint);
                draft.left_by_silence = !over;
                continue;
            }
            match muting {
                Some(silence) => self.suppress(*fingerprint, alert.standing, silence.id),
                None => self.expire(alert),
            }
        }
    }

    /// The facts, once everything that they unsettle is settled as far as there is room.
    pub(crate) fn finish(mut self) -> Vec<AlertingFact> {
        for candidate in std::mem::take(&mut self.unsettled) {
            if !self.has_room() {
                break;
            }
            self.settle_one(candidate);
        }
        for (id, draft) in std::mem::take(&mut self.drafts) {
            if !self.has_room() {
                break;
            }
            self.finish_group(id, &draft);
        }
        self.facts
    }

    fn settle_one(&mut self, candidate: Candidate) {
        let fingerprint = candidate.fingerprint;
        let open = self.state.alerts.get(&fingerprint);
        if let Some(open) = open.filter(|open| self.is_expired(&open.fired)) {
            self.expire(open);
        } else if candidate.priority == Priority::Low {
            let reason = SuppressReason::LowPriority;
            self.push(AlertingFact::AlertSuppressed { fingerprint, reason });
        } else if let Some(silence) = self.muting(&candidate.labels) {
            self.suppress(fingerprint, candidate.standing, silence.id);
        } else if !matches!(candidate.standing, Standing::Grouped(_)) {
            self.join(candidate);
        }
    }

    fn suppress(&mut self, fingerprint: Fingerprint, standing: Standing, silence: SilenceId) {
        let reason = SuppressReason::Silenced(silence);
        self.push(AlertingFact::AlertSuppressed { fingerprint, reason });
        self.take_out(fingerprint, standing, true);
    }

    fn expire(&mut self, alert: &Alert) {
        let ended_at = alert.fired.expires_at.unwrap_or(self.now);
        self.resolve(alert, ended_at, ResolveReason::Expired);
    }

    fn is_expired(&self, alert: &FiringAlert) -> bool {
        alert.expires_at.is_some_and(|expires_at| expires_at <= self.now)
    }

    fn muting(&self, labels: &Labels) -> Option<&'a Silence> {
        self.silences.iter().copied().find(|silence| silence.matches(labels))
    }

    fn join(&mut self, candidate: Candidate) {
        let settings = &self.state.settings;
        let by_all = settings.group_by.iter().any(|name| name == "...");
        let key = candidate.labels.only(|name| by_all || settings.group_by.iter().any(|by| by == name));
        let text = key_text(candidate.priority, candidate.service.as_ref(), &key);
        let open = self.state.by_key.get(&text).and_then(|id| self.state.groups.get(id));
        let alert = candidate.fingerprint;
        if let Some(group) = open {
            let newcomers_at = self.now + settings.group_interval;
            let draft = self.draft(group);
            if group.notified_at.is_some() && draft.notify_at.is_none() {
                let already_set = (!group.untold.is_empty()).then_some(group.notify_at);
                draft.notify_at = Some(already_set.unwrap_or(newcomers_at));
            }
            let notify_at = draft.notify_at;
            draft.joined.push(candidate);
            return self.push(AlertingFact::GroupGrew { group: group.id, alert, notify_at });
        }
        if let Some(id) = self.opened.get(&text).copied() {
            self.drafts.entry(id).or_default().joined.push(candidate);
            return self.push(AlertingFact::GroupGrew { group: id, alert, notify_at: None });
        }
        let group = GroupId(self.state.last_group + 1 + self.opened.len() as u64);
        let wait = match candidate.priority {
            Priority::Critical => settings.critical_wait,
            Priority::High | Priority::Low => settings.high_wait,
        };
        let (priority, service, notify_at) = (candidate.priority, candidate.service.clone(), self.now + wait);
        let draft = Draft { service: service.clone(), is_due: notify_at <= self.now, ..Draft::default() };
        let draft = Draft { joined: vec![candidate], ..draft };
        self.opened.insert(text, group);
        self.drafts.insert(group, draft);
        self.push(AlertingFact::GroupOpened { group, key, priority, service, alert, notify_at });
    }

    fn draft(&mut self, group: &'a Group) -> &mut Draft<'a> {
        let fresh = || Draft {
            existing: Some(group),
            service: group.service.clone(),
            left_by_silence: group.emptied.is_some_and(|emptied| emptied.by_silence),
            ..Draft::default()
        };
        self.drafts.entry(group.id).or_insert_with(fresh)
    }

    fn take_out(&mut self, fingerprint: Fingerprint, standing: Standing, by_silence: bool) {
        let Standing::Grouped(id) = standing else { return };
        let Some(group) = self.state.groups.get(&id) else { return };
        let draft = self.draft(group);
        draft.left.insert(fingerprint);
        draft.left_by_silence = by_silence;
    }

    fn finish_group(&mut self, group: GroupId, draft: &Draft<'_>) {
        let was_notified = draft.existing.is_some_and(|existing| existing.notified_at.is_some());
        let staying = || {
            let members = draft.existing.into_iter().flat_map(|existing| &existing.members);
            members.filter(|alert| !draft.left.contains(alert) && !draft.passed_over.contains(alert))
        };
        let joined = || draft.joined.iter().map(|candidate| candidate.fingerprint);
        let alerts: Vec<Fingerprint> = staying().copied().chain(joined()).collect();
        if alerts.is_empty() {
            let ended = AlertingFact::GroupResolved { group, was_notified, silenced: draft.left_by_silence };
            return self.push_heavy(ended, limits::FACTS_PER_GROUP_END);
        }
        let told_all = draft.existing.is_some_and(|existing| {
            let untold_stays = staying().any(|alert| existing.untold.contains(alert));
            was_notified && draft.joined.is_empty() && draft.passed_over.is_empty() && !untold_stays
        });
        if !draft.is_due || told_all {
            return;
        }
        let open =
            staying().filter_map(|alert| self.state.alerts.get(alert)).map(|alert| Told::of(&alert.fired));
        let fresh = draft.joined.iter().map(Candidate::told);
        let title = title::of_group(draft.service.as_ref(), alerts.len(), open.chain(fresh));
        let notified = AlertingFact::GroupNotified { group, alerts, title, again: was_notified };
        self.push_heavy(notified, limits::FACTS_PER_NOTIFICATION);
    }
}

impl Candidate {
    fn of(fired: &FiringAlert, standing: Standing) -> Self {
        Self {
            fingerprint: fired.fingerprint,
            labels: fired.labels.clone(),
            priority: fired.priority,
            service: fired.service.clone(),
            summary: fired.annotations.get("summary").cloned(),
            standing,
        }
    }

    fn told(&self) -> Told<'_> {
        Told { name: self.labels.get("alertname"), summary: self.summary.as_deref(), labels: &self.labels }
    }
}

/// What is due under `next`, and with it what waits for the same reason.
pub(crate) fn from_next(
    waiting: &BTreeMap<Fingerprint, Timestamp>,
    next: Fingerprint,
) -> impl Iterator<Item = Fingerprint> {
    let first = waiting.contains_key(&next).then_some(next);
    first.into_iter().chain(waiting.keys().copied().filter(move |other| *other != next))
}
