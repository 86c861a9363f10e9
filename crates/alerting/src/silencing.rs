use std::collections::{BTreeMap, BTreeSet};

use facts::alerting::{AlertingFact, Matcher};
use kernel::limits::{LABEL_VALUE_BYTES_MAX, TEXT_BYTES_MAX};
use kernel::{Actor, Fingerprint, SilenceId, Timestamp};

use crate::decision::{Decision, from_next};
use crate::matching::{self, Compiled};
use crate::state::{Silence, Standing, State};
use crate::{BadMatcher, Refusal, limits};

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) replaces: Option<SilenceId>,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) comment: String,
    pub(crate) created_by: String,
}

pub(crate) fn create_silence(
    state: &State,
    now: Timestamp,
    actor: &Actor,
    asked: Asked,
) -> Result<Vec<AlertingFact>, Refusal> {
    let starts_at = asked.starts_at.max(now);
    check(state, now, starts_at, &asked)?;
    let replaced = asked.replaces.and_then(|id| state.silences.get(&id));
    let silence = Silence {
        id: SilenceId(state.last_silence + 1),
        matchers: asked.matchers.iter().cloned().map(Compiled::from).collect(),
        starts_at,
        ends_at: asked.ends_at,
        ended_at: None,
        comment: String::new(),
        created_by: String::new(),
        author: actor.clone(),
        updated_at: now,
        begun: true,
        muted: BTreeSet::new(),
        reaching: BTreeMap::new(),
    };
    let mut decision = Decision::new(state, now);
    decision.push(AlertingFact::SilenceCreated {
        silence: silence.id,
        matchers: asked.matchers,
        starts_at,
        ends_at: asked.ends_at,
        comment: asked.comment,
        created_by: asked.created_by,
    });
    // The new one is in force before the old one ends, so that what both match is never told of in between.
    if starts_at <= now {
        decision.add_silence(&silence);
        mute(&mut decision, state, &silence);
    }
    if let Some(replaced) = replaced {
        decision.end_silence(replaced);
    }
    Ok(decision.finish())
}

fn check(state: &State, now: Timestamp, starts_at: Timestamp, asked: &Asked) -> Result<(), Refusal> {
    let ends_at = asked.ends_at;
    if let Some(id) = asked.replaces {
        let known = state.silences.contains_key(&id) || state.ended_silences.contains_key(&id);
        if !known {
            return Err(Refusal::NoSuchSilence(id));
        }
    }
    if asked.comment.len() > TEXT_BYTES_MAX || asked.created_by.len() > TEXT_BYTES_MAX {
        return Err(Refusal::TextTooLong);
    }
    if ends_at <= now {
        return Err(Refusal::SilenceEndsInThePast { ends_at });
    }
    if ends_at <= starts_at {
        return Err(Refusal::SilenceEndsBeforeItStarts { starts_at, ends_at });
    }
    if asked.matchers.is_empty() {
        return Err(Refusal::SilenceWithoutMatchers);
    }
    if asked.matchers.len() > limits::MATCHERS_PER_SILENCE_MAX {
        return Err(Refusal::TooManyMatchers { given: asked.matchers.len() });
    }
    for (index, matcher) in asked.matchers.iter().enumerate() {
        check_matcher(matcher).map_err(|reason| Refusal::BadMatcher { index, reason })?;
    }
    if asked.matchers.iter().all(|matcher| Compiled::from(matcher.clone()).matches_value("")) {
        return Err(Refusal::SilenceMatchesEverything);
    }
    if state.silences.len() >= limits::OPEN_SILENCES_MAX {
        return Err(Refusal::TooManySilences);
    }
    Ok(())
}

fn check_matcher(matcher: &Matcher) -> Result<(), BadMatcher> {
    if matcher.name.is_empty() {
        return Err(BadMatcher::NoName);
    }
    if matcher.name.len() > LABEL_VALUE_BYTES_MAX || matcher.value.len() > LABEL_VALUE_BYTES_MAX {
        return Err(BadMatcher::TooLong);
    }
    if matcher.is_regex {
        let expression = matcher.value.clone();
        matching::compile(&matcher.value).map_err(|because| BadMatcher::BadRegex { expression, because })?;
    }
    Ok(())
}

fn mute<'a>(decision: &mut Decision<'a>, state: &'a State, silence: &'a Silence) {
    let grouped = state.alerts.values().filter(|alert| matches!(alert.standing, Standing::Grouped(_)));
    let matched = grouped.filter(|alert| silence.matches(&alert.fired.labels));
    matched.take(limits::FACTS_PER_DECISION_MAX).for_each(|alert| decision.settle(alert));
}

/// Ends a silence by hand. One that has ended stays ended.
pub(crate) fn expire_silence(
    state: &State,
    now: Timestamp,
    id: SilenceId,
) -> Result<Vec<AlertingFact>, Refusal> {
    let Some(silence) = state.silences.get(&id) else {
        let ended = state.ended_silences.contains_key(&id);
        return if ended { Ok(Vec::new()) } else { Err(Refusal::NoSuchSilence(id)) };
    };
    Ok(end(state, now, silence))
}

pub(crate) fn silence_ends(state: &State, now: Timestamp, id: SilenceId) -> Vec<AlertingFact> {
    let over = state.silences.get(&id).filter(|silence| silence.ends_at <= now);
    over.map_or_else(Vec::new, |silence| end(state, now, silence))
}

fn end(state: &State, now: Timestamp, silence: &Silence) -> Vec<AlertingFact> {
    let mut decision = Decision::new(state, now);
    decision.end_silence(silence);
    decision.finish()
}

/// A silence made ahead of its time begins, unless Swan slept through it.
pub(crate) fn silence_begins(state: &State, now: Timestamp, id: SilenceId) -> Vec<AlertingFact> {
    let Some(silence) = state.silences.get(&id) else { return Vec::new() };
    if silence.begun || now < silence.starts_at {
        return Vec::new();
    }
    if silence.ends_at <= now {
        return end(state, now, silence);
    }
    let mut decision = Decision::new(state, now);
    decision.push(AlertingFact::SilenceBegan { silence: id });
    mute(&mut decision, state, silence);
    decision.finish()
}

/// The next of the alerts for which there was no room when the silence began.
pub(crate) fn silence_reaches(
    state: &State,
    now: Timestamp,
    id: SilenceId,
    next: Fingerprint,
) -> Vec<AlertingFact> {
    let Some(silence) = state.silences.get(&id).filter(|silence| !silence.reaching.is_empty()) else {
        return Vec::new();
    };
    if silence.ends_at <= now {
        return end(state, now, silence);
    }
    let mut decision = Decision::new(state, now);
    let reached = from_next(&silence.reaching, next).take(limits::FACTS_PER_DECISION_MAX);
    reached.filter_map(|open| state.alerts.get(&open)).for_each(|alert| decision.settle(alert));
    decision.finish()
}
