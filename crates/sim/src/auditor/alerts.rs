//! G-1 as far as the journal: every alert that certainly fires and that no silence covers belongs to a group that was
//! told of and has its page; and every reason that the journal gives for not paging is true.

use std::collections::BTreeSet;

use facts::alerting::{AlertingFact, Matcher, Priority, ResolveReason, SuppressReason};
use facts::oncall::PageEnd;
use facts::{Entry, Seq};
use kernel::{Fingerprint, GroupId, Labels, PageId, SilenceId, Span, Timestamp};

use super::{Auditor, Found, LATE_MAX, Look, Probe, has_rule};
use crate::promise::{Promise, Seen};
use crate::reference::told::Claim;

/// A firing alert in the journal.
pub(super) struct Alert {
    labels: Labels,
    group: Option<(GroupId, Seq)>,
    suppressed: Option<SuppressReason>,
}

/// An open group in the journal.
#[derive(Default)]
pub(super) struct Group {
    critical: bool,
    notified: bool,
    pub(super) page: Option<PageId>,
    pub(super) over: Option<bool>,
}

/// A silence in the journal.
pub(super) struct Silence {
    matchers: Vec<Matcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    is_over: bool,
}

impl Silence {
    /// The company writes its expressions as alternatives of plain words.
    fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| {
            let value = labels.get(&matcher.name).unwrap_or("");
            let same = match matcher.is_regex {
                true => matcher.value.split('|').any(|word| word == value),
                false => matcher.value == value,
            };
            same == matcher.is_equal
        })
    }

    fn is_in_force(&self, at: Timestamp) -> bool {
        !self.is_over && self.starts_at <= at && at < self.ends_at
    }
}

impl Auditor {
    /// A post was accepted: what it says fires stands in the journal as firing.
    pub(crate) fn accepted(&mut self, claims: &[Claim], at: Timestamp, timeout: Span) -> Result<(), Seen> {
        self.told.accept(claims, at, timeout);
        for claim in claims {
            let fingerprint = claim.labels.fingerprint();
            if self.told.alerts[&fingerprint].certainly_fires(at) {
                self.stands_as_firing(fingerprint, at)?;
            }
        }
        Ok(())
    }

    /// The alert is in the journal, and from here on somebody has to be paged for it.
    pub(crate) fn stands_as_firing(&mut self, fingerprint: Fingerprint, now: Timestamp) -> Result<(), Seen> {
        let word = &self.told.alerts[&fingerprint];
        if !self.alerts.contains_key(&fingerprint) {
            let what = format!("{} was accepted as firing, and the journal does not have it", word.labels);
            return Err((Promise::G1, what));
        }
        if word.critical {
            let due = word.since + self.group_wait() + LATE_MAX;
            self.probe(due.max(now), Probe::AlertIsPaged(fingerprint));
        }
        Ok(())
    }

    /// The silences that stand in the journal and are not over.
    pub(crate) fn open_silences(&self) -> impl Iterator<Item = SilenceId> {
        self.silences.iter().filter(|(_, silence)| !silence.is_over).map(|(id, _)| *id)
    }

    pub(super) fn alerting(&mut self, entry: &Entry, fact: &AlertingFact) -> Result<(), Seen> {
        use AlertingFact as A;
        match fact {
            A::AlertFired(fired) => {
                self.tally.alerts += 1;
                let critical = self.told.alerts.get(&fired.fingerprint).is_some_and(|word| word.critical);
                if critical != (fired.priority == Priority::Critical) {
                    return Err((Promise::G1, format!("{} became {:?}", fired.labels, fired.priority)));
                }
                let alert = Alert { labels: fired.labels.clone(), group: None, suppressed: None };
                self.alerts.insert(fired.fingerprint, alert);
                Ok(())
            }
            A::AlertResolved { fingerprint, reason, .. } => self.resolved(entry, *fingerprint, reason),
            A::AlertSuppressed { fingerprint, reason } => self.suppressed(entry, *fingerprint, reason),
            A::GroupOpened { group, priority, alert, .. } => {
                let critical = *priority == Priority::Critical;
                self.groups.insert(*group, Group { critical, ..Group::default() });
                self.joined(entry, *group, *alert);
                Ok(())
            }
            A::GroupGrew { group, alert, .. } => {
                self.joined(entry, *group, *alert);
                Ok(())
            }
            A::GroupNotified { group, .. } => {
                self.batch.groups.insert(*group);
                self.groups.entry(*group).or_default().notified = true;
                Ok(())
            }
            A::GroupResolved { group, silenced, .. } => self.group_resolved(*group, *silenced),
            A::SilenceCreated { silence, matchers, starts_at, ends_at, .. } => {
                let (matchers, starts_at, ends_at) = (matchers.clone(), *starts_at, *ends_at);
                self.silences.insert(*silence, Silence { matchers, starts_at, ends_at, is_over: false });
                self.probe(ends_at + LATE_MAX, Probe::SilenceEnds(*silence));
                Ok(())
            }
            A::SilenceExpired { silence } => self.silence_expired(entry.at, *silence),
            _ => Ok(()),
        }
    }

    fn joined(&mut self, entry: &Entry, group: GroupId, alert: Fingerprint) {
        if let Some(alert) = self.alerts.get_mut(&alert) {
            (alert.group, alert.suppressed) = (Some((group, entry.seq)), None);
        }
    }

    fn resolved(&mut self, entry: &Entry, alert: Fingerprint, reason: &ResolveReason) -> Result<(), Seen> {
        let Some(found) = self.alerts.remove(&alert) else { return Ok(()) };
        let word = self.told.alerts.get(&alert);
        let is_so = word.is_none_or(|word| match reason {
            ResolveReason::SaidBySender | ResolveReason::ConditionCleared => word.may_have_ended,
            ResolveReason::Expired => word.earliest_end().is_some_and(|end| end <= entry.at),
            ResolveReason::RuleRemoved => !word.fires,
        });
        if is_so {
            return Ok(());
        }
        Err((Promise::G1, format!("{} fires, and was resolved as {reason:?}", found.labels)))
    }

    fn suppressed(&mut self, entry: &Entry, alert: Fingerprint, reason: &SuppressReason) -> Result<(), Seen> {
        let Some(found) = self.alerts.get_mut(&alert) else { return Ok(()) };
        (found.group, found.suppressed) = (None, Some(reason.clone()));
        let is_so = match reason {
            SuppressReason::LowPriority => !self.told.alerts.get(&alert).is_some_and(|word| word.critical),
            SuppressReason::Silenced(id) => {
                let silence = self.silences.get(id);
                silence.is_some_and(|silence| silence.is_in_force(entry.at) && silence.matches(&found.labels))
            }
        };
        if is_so {
            return Ok(());
        }
        Err((Promise::G1, format!("{} was suppressed as {reason:?}, which is not so", found.labels)))
    }

    fn group_resolved(&mut self, group: GroupId, silenced: bool) -> Result<(), Seen> {
        self.groups.entry(group).or_default().over = Some(silenced);
        let mut left = self.alerts.values().filter(|alert| alert.group.is_some_and(|(id, _)| id == group));
        match left.next() {
            Some(alert) => Err((Promise::G1, format!("{group} was resolved while {} fires", alert.labels))),
            None => Ok(()),
        }
    }

    fn silence_expired(&mut self, at: Timestamp, id: SilenceId) -> Result<(), Seen> {
        let Some(silence) = self.silences.get_mut(&id) else { return Ok(()) };
        silence.is_over = true;
        if at < silence.ends_at && !self.told.lifted.contains(&id) {
            return Err((Promise::G1, format!("{id} ended before its time, and nobody asked for it")));
        }
        let silence = &self.silences[&id];
        let words =
            self.told.alerts.iter().filter(|(_, word)| word.critical && silence.matches(&word.labels));
        let heard: Vec<Fingerprint> = words.map(|(fingerprint, _)| *fingerprint).collect();
        let due = at + self.group_wait() + LATE_MAX;
        for fingerprint in heard {
            self.heard_since.insert(fingerprint, at);
            self.probe(due, Probe::AlertIsPaged(fingerprint));
        }
        Ok(())
    }

    /// The longest that a critical group waits, whatever configuration was in force when it opened.
    fn group_wait(&self) -> Span {
        crate::world::company::CRITICAL_WAIT_MAX
    }

    pub(super) fn silence_ends(&self, id: SilenceId, look: Look) -> Found {
        match self.silences.get(&id) {
            Some(silence) if !silence.is_over => {
                look.judge(silence.ends_at, || (Promise::G1, format!("{id} does not end")))
            }
            _ => Found::Fine,
        }
    }

    pub(super) fn alert_is_paged(&self, alert: Fingerprint, look: Look) -> Found {
        let Some(word) = self.told.alerts.get(&alert).filter(|word| word.certainly_fires(look.now)) else {
            return Found::Fine;
        };
        // Looked at again when the silence ends.
        if self
            .silences
            .values()
            .any(|silence| silence.is_in_force(look.now) && silence.matches(&word.labels))
            || self.is_paged(alert)
        {
            return Found::Fine;
        }
        let heard_since = self.heard_since.get(&alert).copied().unwrap_or_default();
        let gathers = match self.alerts.get(&alert).and_then(|found| self.groups.get(&found.group?.0)) {
            Some(group) if group.notified => self.group_interval(),
            _ => self.group_wait(),
        };
        let due = word.since.max(heard_since) + gathers;
        look.judge(due, || (Promise::G1, format!("{} fires, and nobody is paged for it", word.labels)))
    }

    fn group_interval(&self) -> Span {
        self.configuration.as_ref().map_or(Span::ZERO, |config| config.alerting.group_interval)
    }

    /// Whether the alert's group has a page that was there for this alert too.
    fn is_paged(&self, alert: Fingerprint) -> bool {
        let Some((group, joined)) = self.alerts.get(&alert).and_then(|found| found.group) else {
            return false;
        };
        let page = self.groups.get(&group).filter(|group| group.notified).and_then(|group| group.page);
        page.is_some_and(|page| self.pages[&page].over.is_none_or(|(over, _)| over > joined))
    }

    /// A critical group that was told of has an open page.
    pub(super) fn groups_are_told(&self, groups: &BTreeSet<GroupId>) -> Result<(), Seen> {
        for id in groups {
            let Some(group) = self.groups.get(id) else { continue };
            let open = group.page.is_some_and(|page| self.pages[&page].over.is_none());
            if group.critical && group.over.is_none() && !open {
                return Err((Promise::G1, format!("{id} was told of, and has no page")));
            }
        }
        Ok(())
    }

    /// A page that ends because its alerts did: they have.
    pub(super) fn page_may_end(&self, group: Option<GroupId>, reason: &PageEnd) -> bool {
        let over = group.and_then(|group| self.groups.get(&group)).and_then(|group| group.over);
        match reason {
            PageEnd::AlertsResolved => over == Some(false),
            PageEnd::Silenced => over == Some(true),
            PageEnd::IncidentResolved | PageEnd::ClosedByHand => false,
        }
    }

    pub(super) fn every_alert_is_paged(&self, now: Timestamp) -> Result<(), Seen> {
        let look = Look { now, up_since: Timestamp::default(), is_busy: false };
        for fingerprint in self.told.alerts.iter().filter(|(_, word)| word.critical).map(|(id, _)| *id) {
            if let Found::Late(seen) = self.alert_is_paged(fingerprint, look) {
                return Err(seen);
            }
        }
        Ok(())
    }

    /// Rules that the journal's configuration has, for the world that evaluates them.
    pub(crate) fn knows_rule(&self, rule: &(String, String)) -> bool {
        self.configuration.as_ref().is_some_and(|configuration| has_rule(configuration, rule))
    }
}
