use std::collections::BTreeMap;

use facts::alerting::{AlertingFact, ResolveReason};
use kernel::{Actor, Fingerprint, GroupId, Span, Timestamp, Wake};

use crate::decision::{Decision, from_next};
use crate::reading::Reading;
use crate::receive::{clear_alert, raise_alert, receive_alerts};
use crate::silencing::{self, Asked};
use crate::state::State;
use crate::{Command, Refusal, WakeReason, judge, limits};

/// Decides one command. Nothing is mutated; a repeat of what is so already gives no fact.
///
/// # Errors
/// The rule that stands against it; then nothing happened.
pub fn decide(
    state: &State,
    now: Timestamp,
    actor: &Actor,
    command: Command,
) -> Result<Vec<AlertingFact>, Refusal> {
    match command {
        Command::JudgeRule { group, rule, at, elements, outside } => {
            judge::judge_rule(state, now, (group, rule), Reading { at, elements, outside })
        }
        Command::ProveRule { group, rule, at, elements, outside } => {
            judge::prove_rule(state, now, (group, rule), Reading { at, elements, outside })
        }
        Command::ReceiveAlerts(alerts) => receive_alerts(state, now, alerts),
        Command::RaiseAlert { labels, annotations } => raise_alert(state, now, labels, annotations),
        Command::ClearAlert { labels } => Ok(clear_alert(state, now, &labels)),
        Command::CreateSilence { replaces, matchers, starts_at, ends_at, comment, created_by } => {
            let asked = Asked { replaces, matchers, starts_at, ends_at, comment, created_by };
            silencing::create_silence(state, now, actor, asked)
        }
        Command::ExpireSilence { silence } => silencing::expire_silence(state, now, silence),
        Command::Wake(why) => Ok(wake(state, now, &why)),
    }
}

/// The earliest deadline and why it exists.
pub fn next_wake(state: &State) -> Option<Wake<WakeReason>> {
    wakes(state).next()
}

/// All deadlines, the earliest first.
pub fn wakes(state: &State) -> impl Iterator<Item = Wake<WakeReason>> {
    state.deadlines.iter().map(|(at, why)| Wake { at: *at, why: why.clone() })
}

/// Decides from the state as it is at `now`, however late. Woken before its time, or for what is gone, it gives no
/// fact.
fn wake(state: &State, now: Timestamp, why: &WakeReason) -> Vec<AlertingFact> {
    match why {
        WakeReason::SilenceEnds(id) => silencing::silence_ends(state, now, *id),
        WakeReason::SilenceBegins(id) => silencing::silence_begins(state, now, *id),
        WakeReason::SilenceReaches(id, next) => silencing::silence_reaches(state, now, *id, *next),
        WakeReason::AlertExpires(fingerprint) => {
            let mut decision = Decision::new(state, now);
            let alert = state.alerts.get(fingerprint);
            let expired = alert.and_then(|alert| Some((alert, alert.fired.expires_at?)));
            if let Some((alert, expires_at)) = expired.filter(|(_, expires_at)| *expires_at <= now) {
                decision.resolve(alert, expires_at, ResolveReason::Expired);
            }
            decision.finish()
        }
        WakeReason::RuleGone(next) => rules_gone(state, now, *next),
        WakeReason::AlertUnsettled(next) => {
            let mut decision = Decision::new(state, now);
            let unsettled = from_next(&state.unsettled, *next).take(limits::FACTS_PER_DECISION_MAX);
            unsettled.filter_map(|open| state.alerts.get(&open)).for_each(|alert| decision.settle(alert));
            decision.finish()
        }
        WakeReason::GroupDue(group) => group_due(state, now, *group),
        WakeReason::LowDayEnds => low_day_ends(state, now),
    }
}

fn rules_gone(state: &State, now: Timestamp, next: Fingerprint) -> Vec<AlertingFact> {
    let mut decision = Decision::new(state, now);
    for fingerprint in from_next(&state.orphans, next).take(limits::TRANSITIONS_PER_EVALUATION_MAX) {
        match state.alerts.get(&fingerprint) {
            Some(alert) => decision.resolve(alert, now, ResolveReason::RuleRemoved),
            None => decision.push(AlertingFact::PendingCleared { fingerprint }),
        }
    }
    decision.finish()
}

fn group_due(state: &State, now: Timestamp, id: GroupId) -> Vec<AlertingFact> {
    let mut decision = Decision::new(state, now);
    let group = state.groups.get(&id);
    if let Some(group) = group.filter(|group| group.due().is_some_and(|due| due <= now)) {
        decision.notify(group);
    }
    decision.finish()
}

fn low_day_ends(state: &State, now: Timestamp) -> Vec<AlertingFact> {
    let Some((day, counts)) = state.low_days.first_key_value() else { return Vec::new() };
    if now < *day + Span::from_days(1) {
        return Vec::new();
    }
    let counts: BTreeMap<String, u64> = counts.clone();
    vec![AlertingFact::LowDaySummed { day: *day, counts }]
}
