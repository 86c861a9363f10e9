use facts::OncallFact;
use facts::alerting::Priority;
use facts::configuration::{EscalationPolicy, EscalationStep, Target};
use facts::oncall::{AbandonReason, PageEnd, StepReason, Via};
use kernel::{Actor, GroupId, PageId, PolicyId, ServiceId, Timestamp};

use super::Decision;
use super::walk::{Walk, next_step};
use crate::limits::{
    BODY_BYTES_MAX, DETAIL_BYTES_MAX, LAST_RESORT_WAIT, PAGES_BY_HAND_MAX, PENDING_PER_PAGE_MAX,
    TITLE_BYTES_MAX,
};
use crate::words::shortened;
use crate::{Page, Position, Refusal, State};

/// The policy of a service that has none, where there is no default either.
const EVERYBODY: &str = "everybody";

pub(super) struct Opening {
    pub(super) group: Option<GroupId>,
    pub(super) service: Option<ServiceId>,
    pub(super) policy: Option<PolicyId>,
    pub(super) title: String,
    pub(super) body: String,
}

pub(super) fn open(state: &State, now: Timestamp, opening: Opening) -> Decision {
    let Opening { group, service, policy, title, body } = opening;
    if group.is_some_and(|group| state.by_group.contains_key(&group)) {
        return Ok(Vec::new());
    }
    if group.is_none() {
        let by_hand = state.open.values().filter(|page| page.group.is_none()).count();
        if by_hand >= PAGES_BY_HAND_MAX {
            return Err(Refusal::TooManyPages);
        }
        if title.trim().is_empty() {
            return Err(Refusal::EmptyTitle);
        }
    }
    let (policy_id, policy) = choose_policy(state, service.as_ref(), policy, group.is_some())?;
    let page = Page {
        id: PageId(state.last_page.saturating_add(1)),
        group,
        service,
        priority: Priority::Critical,
        title: shortened(title.trim(), TITLE_BYTES_MAX),
        body: shortened(&body, BODY_BYTES_MAX),
        policy_id,
        policy,
        opened_at: now,
        step: None,
        exhausted_at: None,
        acknowledged: None,
        deadline: None,
        notifications: std::collections::BTreeSet::new(),
        position: None,
        reached_somebody: false,
    };
    let opened = OncallFact::PageOpened {
        page: page.id,
        group: page.group,
        service: page.service.clone(),
        priority: page.priority,
        title: page.title.clone(),
        body: page.body.clone(),
        policy_id: page.policy_id.clone(),
        policy: page.policy.clone(),
    };
    let first = Position { round: 0, step: 0 };
    let walked = Walk::new(state, now, &page).go(Some(first), StepReason::Opened);
    Ok(std::iter::once(opened).chain(walked).collect())
}

/// The policy that was asked for, else the service's, else the one named `default`, else everybody at once.
fn choose_policy(
    state: &State,
    service: Option<&ServiceId>,
    asked_for: Option<PolicyId>,
    must_open: bool,
) -> Result<(PolicyId, EscalationPolicy), Refusal> {
    if let Some(asked_for) = &asked_for
        && !must_open
        && !state.policies.contains_key(asked_for)
    {
        return Err(Refusal::NoSuchPolicy(asked_for.clone()));
    }
    let of_service = service.and_then(|service| state.services.get(service)?.policy.clone());
    let candidates = [asked_for, of_service, Some(PolicyId::new("default"))];
    let mut known = candidates.into_iter().flatten().filter_map(|id| {
        let policy = state.policies.get(&id)?.clone();
        Some((id, policy))
    });
    Ok(known.next().unwrap_or_else(|| {
        let notify = state.people.keys().cloned().map(Target::User).collect();
        let step = EscalationStep { notify, wait: LAST_RESORT_WAIT };
        (PolicyId::new(EVERYBODY), EscalationPolicy { steps: vec![step], repeat: 0 })
    }))
}

pub(super) fn acknowledge(state: &State, actor: &Actor, page: PageId, via: Via) -> Decision {
    let open = find_open(state, page)?;
    match actor {
        Actor::Person(_) | Actor::Token(_) => {}
        Actor::Swan | Actor::Configuration => return Err(Refusal::NobodyAnswers),
    }
    if open.acknowledged.is_some() {
        return Ok(Vec::new());
    }
    let acknowledged = OncallFact::PageAcknowledged { page, via };
    Ok(std::iter::once(acknowledged).chain(abandon_pending(state, open)).collect())
}

pub(super) fn escalate(state: &State, now: Timestamp, page: PageId, reason: &str) -> Decision {
    let open = find_open(state, page)?;
    if pending(state, open).count() >= PENDING_PER_PAGE_MAX {
        return Err(Refusal::TooManyPending(page));
    }
    let reason = shortened(reason.trim(), DETAIL_BYTES_MAX);
    let to = next_step(open).unwrap_or_else(|| open.start_again());
    let walked = Walk::new(state, now, open).go(Some(to), StepReason::EscalatedByHand);
    Ok(std::iter::once(OncallFact::PageEscalated { page, reason }).chain(walked).collect())
}

pub(super) fn resolve(state: &State, page: PageId, reason: PageEnd) -> Decision {
    match find_open(state, page) {
        Ok(open) => {
            let resolved = OncallFact::PageResolved { page, reason };
            Ok(std::iter::once(resolved).chain(abandon_pending(state, open)).collect())
        }
        Err(Refusal::PageIsOver(_)) => Ok(Vec::new()),
        Err(refusal) => Err(refusal),
    }
}

/// The page's deadline passed: nobody acknowledged, or its rest is over. However long ago that was, it goes on once.
pub(super) fn go_on(state: &State, now: Timestamp, page: PageId) -> Vec<OncallFact> {
    let Some(open) = state.open.get(&page) else { return Vec::new() };
    let (to, reason) = match open.position {
        None => (Some(open.start_again()), StepReason::Opened),
        Some(_) if open.exhausted_at.is_some() => (Some(open.start_again()), StepReason::NobodyAcknowledged),
        Some(_) => (next_step(open), StepReason::NobodyAcknowledged),
    };
    Walk::new(state, now, open).go(to, reason)
}

fn find_open(state: &State, page: PageId) -> Result<&Page, Refusal> {
    match state.open.get(&page) {
        Some(open) => Ok(open),
        None if page.0 == 0 || page.0 > state.last_page => Err(Refusal::NoSuchPage(page)),
        None => Err(Refusal::PageIsOver(page)),
    }
}

fn pending<'a>(state: &'a State, page: &'a Page) -> impl Iterator<Item = &'a crate::Notification> {
    let known = page.notifications.iter().filter_map(|id| state.notifications.get(id));
    known.filter(|notification| notification.is_pending())
}

fn abandon_pending<'a>(state: &'a State, page: &'a Page) -> impl Iterator<Item = OncallFact> + 'a {
    pending(state, page).map(|notification| OncallFact::NotificationAbandoned {
        notification: notification.id,
        reason: AbandonReason::NoLongerNeeded,
    })
}
