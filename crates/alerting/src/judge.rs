use std::cell::OnceCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use facts::alerting::{AlertingFact, FiringAlert, Origin, ResolveReason};
use kernel::{Fingerprint, Labels, Span, Timestamp};

use crate::decision::Decision;
use crate::reading::{self, Annotations, Element, Reading};
use crate::receive::service_of;
use crate::state::{RuleSettings, State};
use crate::templates::{self, Outside};
use crate::{Refusal, limits, priority_of};

/// One evaluation of a rule: its result against what the rule holds pending and firing. The semantics are those of
/// Prometheus's alerting rules.
pub(crate) fn judge_rule(
    state: &State,
    now: Timestamp,
    rule: (String, usize),
    reading: Reading,
) -> Result<Vec<AlertingFact>, Refusal> {
    let mut judgement = Judgement::begin(state, now, rule, &reading)?;
    let (elements, seen) = judgement.labelled(reading.elements)?;
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
    reading: Reading,
) -> Result<Vec<AlertingFact>, Refusal> {
    let mut judgement = Judgement::begin(state, now, rule, &reading)?;
    if judgement.rule.hold > Span::ZERO {
        return Ok(Vec::new());
    }
    let (elements, _) = judgement.labelled(reading.elements)?;
    let news = elements.into_iter().filter(|element| !state.alerts.contains_key(&element.fingerprint));
    for element in news.take(limits::TRANSITIONS_PER_EVALUATION_MAX) {
        judgement.holds(element);
    }
    Ok(judgement.decision.finish())
}

struct Judgement<'a> {
    state: &'a State,
    rule: &'a RuleSettings,
    origin: Origin,
    held: &'a BTreeSet<Fingerprint>,
    at: Timestamp,
    outside: Arc<Outside>,
    /// Parsed when the first alert fires.
    annotations: OnceCell<Annotations<'a>>,
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
        reading: &Reading,
    ) -> Result<Self, Refusal> {
        let Some(rule) = state.rule(&group, place) else {
            return Err(Refusal::NoSuchRule { group, rule: place });
        };
        let held = state.held_by(&group, place).unwrap_or(&NOTHING);
        let name = rule.alert.clone().unwrap_or_default();
        let origin = Origin::Rule { group, rule: name, place };
        let (at, outside) = (reading.at, Arc::clone(&reading.outside));
        let (annotations, decision) = (OnceCell::new(), Decision::new(state, now));
        Ok(Self { state, rule, origin, held, at, outside, annotations, decision, begun: 0 })
    }

    fn labelled(
        &self,
        elements: Vec<(Labels, f64)>,
    ) -> Result<(Vec<Element>, HashSet<Fingerprint>), Refusal> {
        reading::labelled(self.rule, elements, self.at, &self.outside)
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
        let annotations = self.annotations.get_or_init(|| Annotations::of(self.rule));
        FiringAlert {
            fingerprint: element.fingerprint,
            priority: priority_of(&element.labels).0,
            service: service_of(self.state, &element.labels),
            annotations: annotations.expanded(&element, self.at, &self.outside),
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
