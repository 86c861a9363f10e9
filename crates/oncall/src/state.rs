use std::collections::{BTreeMap, BTreeSet};

use facts::Configuration;
use facts::configuration::{ContactRef, EscalationPolicy, Rotation};
use kernel::{
    GroupId, NotificationId, OverrideId, PageId, PersonId, PolicyId, RotationId, ServiceId, TeamId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::calendar::Override;
use crate::limits::{CLOSED_HEADERS_MAX, LATE_REPORTS_MAX, NOTIFICATIONS_KEPT_PER_PAGE_MAX};
use crate::{Header, Notification, Page, WakeReason};

/// Open pages, notifications on their way, overrides, and what of the configuration says who is on call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    pub(crate) people: BTreeMap<PersonId, Vec<ContactRef>>,
    pub(crate) lists: BTreeMap<String, ContactRef>,
    pub(crate) webhooks: BTreeMap<String, ContactRef>,
    pub(crate) teams: BTreeMap<TeamId, Vec<PersonId>>,
    pub(crate) rotations: BTreeMap<RotationId, Rotation>,
    pub(crate) policies: BTreeMap<PolicyId, EscalationPolicy>,
    pub(crate) services: BTreeMap<ServiceId, Way>,
    pub(crate) overrides: BTreeMap<OverrideId, Override>,
    pub(crate) last_page: u64,
    pub(crate) last_notification: u64,
    pub(crate) last_override: u64,
    pub(crate) open: BTreeMap<PageId, Page>,
    pub(crate) by_group: BTreeMap<GroupId, PageId>,
    pub(crate) closed: BTreeMap<PageId, Header>,
    pub(crate) notifications: BTreeMap<NotificationId, Notification>,
    /// Keys of pending notifications that are not of a page, so that telling the same again is recognised.
    pub(crate) telling: BTreeMap<String, NotificationId>,
    /// Abandoned notifications of pages that are over, whose attempt was on its way.
    pub(crate) late: BTreeSet<NotificationId>,
    /// The deadline of every page and notification that has one.
    pub(crate) wakes: BTreeSet<(Timestamp, WakeReason)>,
}

/// Which way a service's alerts take.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Way {
    pub(crate) policy: Option<PolicyId>,
    pub(crate) list: Option<String>,
}

impl State {
    pub(crate) fn take_configuration(&mut self, configuration: &Configuration) {
        let Configuration { people, lists, webhooks, teams, rotations, escalation, services, .. } =
            configuration;
        self.people = people.iter().map(|(id, person)| (id.clone(), person.contacts.clone())).collect();
        self.lists.clone_from(lists);
        self.webhooks.clone_from(webhooks);
        self.teams.clone_from(teams);
        self.rotations.clone_from(rotations);
        self.policies.clone_from(escalation);
        self.services = services
            .iter()
            .map(|(id, service)| {
                let way = Way { policy: service.escalation.clone(), list: service.list.clone() };
                (id.clone(), way)
            })
            .collect();
    }

    /// Puts a page in and its deadline with it; in the place of one with the same id.
    pub(crate) fn insert_page(&mut self, page: Page) {
        self.remove_page(page.id);
        self.wakes.extend(page.due());
        if let Some(group) = page.group {
            self.by_group.insert(group, page.id);
        }
        self.open.insert(page.id, page);
    }

    /// Takes a page out with its deadline and with all of its notifications that nothing can follow for.
    pub(crate) fn remove_page(&mut self, id: PageId) -> Option<Page> {
        let page = self.open.remove(&id)?;
        if let Some(due) = page.due() {
            self.wakes.remove(&due);
        }
        if let Some(group) = page.group.filter(|group| self.by_group.get(group) == Some(&id)) {
            self.by_group.remove(&group);
        }
        for notification in &page.notifications {
            self.drop_settled(*notification);
        }
        Some(page)
    }

    pub(crate) fn change_page(&mut self, id: PageId, change: impl FnOnce(&mut Page)) {
        let Some(page) = self.open.get_mut(&id) else { return };
        let before = page.due();
        change(page);
        let after = page.due();
        if before != after {
            before.iter().for_each(|due| _ = self.wakes.remove(due));
            self.wakes.extend(after);
        }
    }

    pub(crate) fn insert_notification(&mut self, notification: Notification) {
        let id = notification.id;
        self.remove_notification(id);
        self.wakes.extend(notification.due());
        match notification.page() {
            Some(page) => self.change_page(page, |open| _ = open.notifications.insert(id)),
            None => _ = self.telling.insert(notification.idempotency_key.clone(), id),
        }
        self.notifications.insert(id, notification);
        self.trim_notifications_of(self.notifications[&id].page());
    }

    pub(crate) fn change_notification(&mut self, id: NotificationId, change: impl FnOnce(&mut Notification)) {
        let Some(notification) = self.notifications.get_mut(&id) else { return };
        let before = notification.due();
        change(notification);
        let (after, settled) = (notification.due(), !notification.is_pending());
        if settled {
            // Nothing is sent any more, so the text is only in the journal.
            notification.subject = String::new();
            notification.body = String::new();
        }
        let of_open_page = notification.page().is_some_and(|page| self.open.contains_key(&page));
        if before != after {
            before.iter().for_each(|due| _ = self.wakes.remove(due));
            self.wakes.extend(after);
        }
        if settled && !of_open_page {
            self.drop_settled(id);
        }
    }

    /// Forgets a notification for which nothing can follow. One whose attempt was on its way when it was abandoned is
    /// kept among the late ones: that it arrived after all belongs in the journal.
    fn drop_settled(&mut self, id: NotificationId) {
        let Some(notification) = self.notifications.get(&id) else { return };
        if notification.is_pending() {
            return;
        }
        if !matches!(notification.status, crate::Status::Abandoned { in_flight: true, .. }) {
            self.remove_notification(id);
            return;
        }
        self.late.insert(id);
        if self.late.len() > LATE_REPORTS_MAX
            && let Some(oldest) = self.late.first().copied()
        {
            self.remove_notification(oldest);
        }
    }

    fn remove_notification(&mut self, id: NotificationId) {
        self.late.remove(&id);
        let Some(notification) = self.notifications.remove(&id) else { return };
        if let Some(due) = notification.due() {
            self.wakes.remove(&due);
        }
        match notification.page() {
            Some(page) => self.change_page(page, |open| _ = open.notifications.remove(&id)),
            None if self.telling.get(&notification.idempotency_key) == Some(&id) => {
                self.telling.remove(&notification.idempotency_key);
            }
            None => {}
        }
    }

    fn trim_notifications_of(&mut self, page: Option<PageId>) {
        let Some(open) = page.and_then(|page| self.open.get(&page)) else { return };
        if open.notifications.len() <= NOTIFICATIONS_KEPT_PER_PAGE_MAX {
            return;
        }
        let settled =
            |id: &&NotificationId| self.notifications.get(id).is_none_or(|found| !found.is_pending());
        if let Some(oldest) = open.notifications.iter().find(settled).copied() {
            self.remove_notification(oldest);
        }
    }

    pub(crate) fn close(&mut self, header: Header) {
        self.closed.insert(header.id, header);
        while self.closed.len() > CLOSED_HEADERS_MAX {
            self.closed.pop_first();
        }
    }

    /// Overrides of a rotation whose people the configuration still knows, in the order of their ids.
    pub(crate) fn overrides_of(&self, rotation: &RotationId) -> Vec<Override> {
        let counts =
            |found: &&Override| found.rotation == *rotation && self.people.contains_key(&found.person);
        self.overrides.values().filter(counts).cloned().collect()
    }
}
