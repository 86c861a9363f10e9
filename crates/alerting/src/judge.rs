use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use facts::alerting::{AlertingFact, FiringAlert, Origin, ResolveReason};
use kernel::{Fingerprint, Labels, Span, Timestamp, limits as kernel_limits};

use crate::decision::Decision;
use crate::receive::service_of;
use crate::state::{RuleSettings, State};
use crate::templates::{self, Template};
use crate::{Refusal, limits, priority_of};

/// One evaluation of a rule: its result against what the rule holds pending and firing. The semantics are those of
/// Prometheus's alerting rules.
pub(crate) fn judge_rule(
    state: &State,
    now: Timestamp,
    rule: (String, usize),
    at: Timestamp,
    elements: Vec<(Labels, f64)>,
) -> Result<Vec<AlertingFact>, Refusal> {
    let mut judgement = Judgement::begin(state, now, rule, at)?;
    let (elements, seen) = judgement.labelled(elements)?;
    let mut transitions = 0;
    for element in elements {
        if transitions == limits::TRANSITIONS_PER_EVALUATION_MAX {
            break;
        }
        transitions += usize::from(judgement.holds(element));
    }
    for gone in judgement.held.iter().filter(|held| !seen.contains(held)) {
        if transitions == limits::TRANSITIONS_PER_EVALUATION_MAX {
            break;
        }
        transitions += usize::from(judgement.clears(*gone));
    }
    Ok(judgement.decision.finish())
}

/// An evaluation off the rule's grid: what its samples prove fires, and all else stays as it is.
pub(crate) fn prove_rule(
    state: &State,
    now: Timestamp,
    rule: (String, usize),
    at: Timestamp,
    elements: Vec<(Labels, f64)>,
) -> Result<Vec<AlertingFact>, Refusal> {
    let mut judgement = Judgement::begin(state, now, rule, at)?;
    if judgement.rule.hold > Span::ZERO {
        return Ok(Vec::new());
    }
    let (elements, _) = judgement.labelled(elements)?;
    let news = elements.into_iter().filter(|element| !state.alerts.contains_key(&element.fingerprint));
    for element in news.take(limits::TRANSITIONS_PER_EVALUATION_MAX) {
        judgement.holds(element);
    }
    Ok(judgement.decision.finish())
}

/// An element of the result with the rule's labels.
struct Element {
    fingerprint: Fingerprint,
    labels: Labels,
    /// The labels that the result had, which templates see.
    source: Labels,
    value: f64,
}

struct Judgement<'a> {
    state: &'a State,
    rule: &'a RuleSettings,
    origin: Origin,
    held: &'a BTreeSet<Fingerprint>,
    at: Timestamp,
    decision: Decision<'a>,
    /// How many alerts this evaluation begins to hold open.
    begun: usize,
}

static NOTHING: BTreeSet<Fingerprint> = BTreeSet::new();

impl<'a> Judgement<'a> {
    fn begin(
        state: &'a State,
        now: Timestamp,
        (group, place): (String, usize),
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        let Some(rule) = state.rule(&group, place) else {
            return Err(Refusal::NoSuchRule { group, rule: place });
        };
        let held = state.held_by(&group, place).unwrap_or(&NOTHING);
        let name = rule.alert.clone().unwrap_or_default();
        let origin = Origin::Rule { group, rule: name, place };
        Ok(Self { state, rule, origin, held, at, decision: Decision::new(state, now), begun: 0 })
    }

    fn labelled(
        &self,
        elements: Vec<(Labels, f64)>,
    ) -> Result<(Vec<Element>, HashSet<Fingerprint>), Refusal> {
        labelled(self.rule, self.rule.alert.as_deref().unwrap_or_default(), elements)
    }

    /// True where a fact came of it.
    fn holds(&mut self, element: Element) -> bool {
        let fingerprint = element.fingerprint;
        let is_held = self.held.contains(&fingerprint);
        if let Some(alert) = self.state.alerts.get(&fingerprint) {
            let returns = is_held && alert.kept_since.is_some();
            if returns {
                self.decision.push(AlertingFact::AlertHeldAgain { fingerprint });
            }
            return returns;
        }
        let since = match self.state.pending.get(&fingerprint) {
            Some(pending) if is_held => pending.since,
            _ if self.state.open_alerts() + self.begun >= limits::OPEN_ALERTS_MAX => return false,
            _ => self.at,
        };
        if self.at - since >= self.rule.hold {
            self.begun += 1;
            let alert = self.firing(element, since);
            self.decision.fire(alert);
            return true;
        }
        let begins = !self.state.pending.contains_key(&fingerprint);
        if begins {
            self.begun += 1;
            self.decision.push(AlertingFact::AlertPending {
                fingerprint,
                labels: element.labels,
                origin: self.origin.clone(),
                since,
                value: templates::go_float(element.value),
            });
        }
        begins
    }

    fn firing(&self, element: Element, since: Timestamp) -> FiringAlert {
        let annotations = self.rule.annotations.iter().map(|(name, text)| {
            let template = Template::parse(text);
            let text = match &template {
                Ok(template) => template.expand(&element.source, element.value),
                Err(error) => Cow::Owned(templates::as_text(error)),
            };
            (name.clone(), bounded(text, kernel_limits::TEXT_BYTES_MAX).into_owned())
        });
        FiringAlert {
            fingerprint: element.fingerprint,
            priority: priority_of(&element.labels).0,
            service: service_of(self.state, &element.labels),
            annotations: annotations.collect(),
            labels: element.labels,
            starts_at: since,
            expires_at: None,
            value: Some(templates::go_float(element.value)),
            origin: self.origin.clone(),
            generator_url: None,
        }
    }

    /// True where a fact came of it.
    fn clears(&mut self, fingerprint: Fingerprint) -> bool {
        if self.state.pending.contains_key(&fingerprint) {
            self.decision.push(AlertingFact::PendingCleared { fingerprint });
            return true;
        }
        let Some(alert) = self.state.alerts.get(&fingerprint) else { return false };
        let since = alert.kept_since.unwrap_or(self.at);
        if self.at - since >= self.rule.keep_firing_for {
            self.decision.resolve(alert, self.at, ResolveReason::ConditionCleared);
            return true;
        }
        let is_kept = alert.kept_since.is_some();
        if !is_kept {
            self.decision.push(AlertingFact::AlertKeptFiring { fingerprint, since });
        }
        !is_kept
    }
}

/// Adds the rule's labels to each element; these win over the element's own, as in Prometheus.
fn labelled(
    rule: &RuleSettings,
    name: &str,
    elements: Vec<(Labels, f64)>,
) -> Result<(Vec<Element>, HashSet<Fingerprint>), Refusal> {
    let added: BTreeMap<&str, Result<Template, String>> = rule
        .labels
        .iter()
        .filter(|(label, _)| !label.is_empty() && *label != "alertname")
        .map(|(label, text)| (label.as_str(), Template::parse(text).map_err(templates::as_text)))
        .collect();
    let mut seen = HashSet::with_capacity(elements.len());
    let mut all = Vec::with_capacity(elements.len());
    for (source, value) in elements {
        let own = |label: &str| label == "__name__" || label == "alertname" || added.contains_key(label);
        let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(source.len() + added.len() + 1);
        let kept = source.iter().filter(|(label, _)| !own(label));
        pairs.extend(kept.map(|(label, value)| (label, Cow::Borrowed(value))));
        pairs.push(("alertname", Cow::Borrowed(name)));
        pairs.extend(added.iter().map(|(label, template)| {
            let text = match template {
                Ok(template) => template.expand(&source, value),
                Err(said_instead) => Cow::Borrowed(said_instead.as_str()),
            };
            (*label, bounded(text, kernel_limits::LABEL_VALUE_BYTES_MAX))
        }));
        let labels = Labels::new(pairs).expect("each name is left out of the others and none is empty");
        let fingerprint = labels.fingerprint();
        if !seen.insert(fingerprint) {
            return Err(Refusal::SameLabelsTwice { alert: name.to_owned(), labels });
        }
        all.push(Element { fingerprint, labels, source, value });
    }
    Ok((all, seen))
}

/// Cuts at the last whole character that fits.
fn bounded(text: Cow<'_, str>, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return text;
    }
    Cow::Owned(text[..text.floor_char_boundary(bytes_max)].to_owned())
}
