use std::collections::BTreeMap;

use facts::alerting::{AlertingFact, FiringAlert, Origin, ResolveReason};
use kernel::limits::{LABEL_VALUE_BYTES_MAX, LABELS_MAX, TEXT_BYTES_MAX};
use kernel::{Fingerprint, Labels, ServiceId, Span, Timestamp};

use crate::decision::Decision;
use crate::state::{Alert, State};
use crate::{BadAlert, PostedAlert, Refusal, limits, priority_of};

/// Whether a posted alert is well formed. Label names may be any UTF-8 text, as Alertmanager takes them since 0.27.
///
/// # Errors
/// What is wrong with it. A command that contains such an alert is refused as a whole, so an edge that wants to keep
/// the good ones asks here first.
pub fn validate(alert: &PostedAlert) -> Result<(), BadAlert> {
    if alert.labels.is_empty() {
        return Err(BadAlert::NoLabels);
    }
    if alert.labels.len() > LABELS_MAX {
        return Err(BadAlert::TooManyLabels(alert.labels.len()));
    }
    let too_long = |text: &str| text.len() > LABEL_VALUE_BYTES_MAX;
    if let Some((name, _)) = alert.labels.iter().find(|(name, value)| too_long(name) || too_long(value)) {
        return Err(BadAlert::LabelTooLong(name.chars().take(60).collect()));
    }
    if alert.annotations.len() > limits::ANNOTATIONS_MAX {
        return Err(BadAlert::TooManyAnnotations(alert.annotations.len()));
    }
    let too_long = |text: &str| text.len() > TEXT_BYTES_MAX;
    if let Some((name, _)) = alert.annotations.iter().find(|(name, value)| too_long(name) || too_long(value))
    {
        return Err(BadAlert::TextTooLong(name.chars().take(60).collect()));
    }
    if alert.generator_url.as_deref().is_some_and(too_long) {
        return Err(BadAlert::TextTooLong("generatorURL".to_owned()));
    }
    match (alert.starts_at, alert.ends_at) {
        (Some(starts_at), Some(ends_at)) if ends_at < starts_at => Err(BadAlert::EndsBeforeStart),
        _ => Ok(()),
    }
}

pub(crate) fn receive_alerts(
    state: &State,
    now: Timestamp,
    alerts: Vec<PostedAlert>,
) -> Result<Vec<AlertingFact>, Refusal> {
    if alerts.len() > limits::ALERTS_PER_COMMAND_MAX {
        return Err(Refusal::TooManyAtOnce { given: alerts.len() });
    }
    let mut last: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    for (index, alert) in alerts.iter().enumerate() {
        validate(alert).map_err(|reason| Refusal::BadAlert { index, reason })?;
        last.insert(alert.labels.fingerprint(), index);
    }
    let unknown = last.keys().filter(|fingerprint| !state.alerts.contains_key(fingerprint)).count();
    if unknown > 0 && state.open_alerts() + unknown > limits::OPEN_ALERTS_MAX {
        return Err(Refusal::TooManyOpen);
    }
    let mut decision = Decision::new(state, now);
    for (index, posted) in alerts.into_iter().enumerate() {
        let fingerprint = posted.labels.fingerprint();
        // What a request says last of an alert counts.
        if last.get(&fingerprint) != Some(&index) {
            continue;
        }
        let says_resolved = posted.ends_at.is_some_and(|ends_at| ends_at <= now);
        match state.alerts.get(&fingerprint) {
            None if says_resolved => {}
            None => decision.fire(fired(state, now, posted)),
            Some(alert) if alert.fired.origin != Origin::Alertmanager => {}
            Some(alert) if says_resolved => said_resolved(&mut decision, now, alert, &posted),
            Some(alert) => said_again(&mut decision, state, now, alert, posted),
        }
    }
    Ok(decision.finish())
}

fn fired(state: &State, now: Timestamp, posted: PostedAlert) -> FiringAlert {
    FiringAlert {
        fingerprint: posted.labels.fingerprint(),
        priority: priority_of(&posted.labels).0,
        service: service_of(state, &posted.labels),
        labels: posted.labels,
        annotations: posted.annotations,
        starts_at: posted.starts_at.unwrap_or(now),
        expires_at: Some(posted.ends_at.unwrap_or(now + state.settings.resolve_timeout)),
        value: None,
        origin: Origin::Alertmanager,
        generator_url: posted.generator_url,
    }
}

/// The end of an earlier episode, arriving late, does not end the alert that has fired since.
fn said_resolved(decision: &mut Decision<'_>, now: Timestamp, alert: &Alert, posted: &PostedAlert) {
    let (ended_at, began_at) = (posted.ends_at.unwrap_or(now), alert.fired.starts_at);
    let of_earlier = posted.starts_at.is_some_and(|starts_at| starts_at < began_at) && ended_at < began_at;
    if !of_earlier {
        decision.resolve(alert, ended_at, ResolveReason::SaidBySender);
    }
}

/// A sender repeats a firing alert about every minute, each time with a later end. So that not every repetition is a
/// fact, the end of a repeated alert is recorded with half its lead on top, and repetitions under that end change
/// nothing: an alert never ends before the end that was promised last, and at most half a lead, or the resolve
/// timeout where that is shorter, after it. One that is sent once ends when its sender said.
fn said_again(
    decision: &mut Decision<'_>,
    state: &State,
    now: Timestamp,
    alert: &Alert,
    posted: PostedAlert,
) {
    let timeout = state.settings.resolve_timeout;
    let promised = posted.ends_at.unwrap_or(now + timeout);
    let ahead = Span::from_millis((promised - now).as_millis() / 2).min(timeout);
    let expires_at = match alert.fired.expires_at {
        Some(recorded) if promised > recorded => Some(promised + ahead),
        Some(recorded) if promised + ahead < recorded => Some(promised),
        recorded => recorded,
    };
    if expires_at != alert.fired.expires_at || posted.annotations != alert.fired.annotations {
        let (fingerprint, annotations) = (alert.fired.fingerprint, posted.annotations);
        decision.push(AlertingFact::AlertRefreshed { fingerprint, annotations, expires_at });
    }
}

/// Swan's own watch says that something is wrong. Whoever said the same before, it is Swan's from here on.
pub(crate) fn raise_alert(
    state: &State,
    now: Timestamp,
    labels: Labels,
    annotations: BTreeMap<String, String>,
) -> Result<Vec<AlertingFact>, Refusal> {
    if labels.is_empty() {
        return Err(Refusal::RaisedWithoutLabels);
    }
    let fingerprint = labels.fingerprint();
    let fired = FiringAlert {
        fingerprint,
        priority: priority_of(&labels).0,
        service: service_of(state, &labels),
        labels,
        annotations,
        starts_at: now,
        expires_at: None,
        value: None,
        origin: Origin::Swan,
        generator_url: None,
    };
    let mut decision = Decision::new(state, now);
    match state.alerts.get(&fingerprint) {
        None => decision.fire(fired),
        Some(alert) if alert.fired.origin != Origin::Swan => {
            let starts_at = alert.fired.starts_at;
            decision.push(AlertingFact::AlertFired(Box::new(FiringAlert { starts_at, ..fired })));
        }
        Some(alert) if alert.fired.annotations != fired.annotations => {
            let annotations = fired.annotations;
            decision.push(AlertingFact::AlertRefreshed { fingerprint, annotations, expires_at: None });
        }
        Some(_) => {}
    }
    Ok(decision.finish())
}

pub(crate) fn clear_alert(state: &State, now: Timestamp, labels: &Labels) -> Vec<AlertingFact> {
    let mut decision = Decision::new(state, now);
    let raised = state.alerts.get(&labels.fingerprint());
    if let Some(alert) = raised.filter(|alert| alert.fired.origin == Origin::Swan) {
        decision.resolve(alert, now, ResolveReason::ConditionCleared);
    }
    decision.finish()
}

/// The service that an alert names, where the configuration has it.
pub(crate) fn service_of(state: &State, labels: &Labels) -> Option<ServiceId> {
    state.services.get(&ServiceId::new(labels.get("service")?)).cloned()
}
