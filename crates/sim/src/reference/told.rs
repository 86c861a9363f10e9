//! What Swan was told, and what it therefore owes.
//!
//! A word that was *said* may have reached Swan or not: it can be lost in a crash, or be durable though nobody heard
//! the answer. A word that was *accepted* binds: its reply was released.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Fingerprint, Labels, PageId, SilenceId, Span, Timestamp};

/// What a sender says of one alert.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) labels: Labels,
    pub(crate) critical: bool,
    /// `None` where the sender names no end.
    pub(crate) ends_at: Option<Timestamp>,
}

/// What one evaluation of a rule says.
#[derive(Debug, Clone)]
pub(crate) struct Evaluation {
    pub(crate) rule: (String, String),
    pub(crate) at: Timestamp,
    pub(crate) hold: Span,
    pub(crate) critical: bool,
    /// Every alert of which the rule holds, by its full labels.
    pub(crate) holds: Vec<Labels>,
}

/// What is believed of one alert.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) labels: Labels,
    pub(crate) critical: bool,
    /// Accepted as firing, and nothing accepted since says otherwise.
    pub(crate) fires: bool,
    /// Since when it is owed attention.
    pub(crate) since: Timestamp,
    /// The end that was accepted last.
    promised_end: Option<Timestamp>,
    /// The earliest end that was said since, and may have been taken.
    said_end: Option<Timestamp>,
    /// Something said since may have ended it.
    pub(crate) may_have_ended: bool,
    rule: Option<(String, String)>,
    held_since: Option<Timestamp>,
}

/// Everything that was said.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) alerts: BTreeMap<Fingerprint, Word>,
    /// Pages that somebody asked to close.
    pub(crate) closed: BTreeSet<PageId>,
    /// Silences that somebody asked to end.
    pub(crate) lifted: BTreeSet<SilenceId>,
}

impl Word {
    fn new(labels: &Labels, critical: bool) -> Self {
        Self {
            labels: labels.clone(),
            critical,
            fires: false,
            since: Timestamp::default(),
            promised_end: None,
            said_end: None,
            may_have_ended: false,
            rule: None,
            held_since: None,
        }
    }

    /// Whether it certainly fires at this time, for all that Swan was told.
    pub(crate) fn certainly_fires(&self, now: Timestamp) -> bool {
        self.fires && !self.may_have_ended && self.earliest_end().is_none_or(|end| now < end)
    }

    /// When it may count as expired; `None` where no end was ever named.
    pub(crate) fn earliest_end(&self) -> Option<Timestamp> {
        self.promised_end.into_iter().chain(self.said_end).min()
    }
}

impl Told {
    /// A post is on its way.
    pub(crate) fn say(&mut self, claims: &[Claim], now: Timestamp, timeout: Span) {
        for claim in claims {
            let word = self.word(&claim.labels, claim.critical);
            let end = claim.ends_at.unwrap_or(now + timeout);
            if end <= now {
                word.may_have_ended = true;
            }
            word.said_end = word.said_end.into_iter().chain([end]).min();
        }
    }

    /// The post was accepted, decided at this time.
    pub(crate) fn accept(&mut self, claims: &[Claim], at: Timestamp, timeout: Span) {
        for claim in claims {
            let word = self.word(&claim.labels, claim.critical);
            let end = claim.ends_at.unwrap_or(at + timeout);
            let fires = end > at;
            if fires && !word.certainly_fires(at) {
                word.since = at;
            }
            (word.fires, word.may_have_ended) = (fires, !fires);
            (word.promised_end, word.said_end) = (Some(end), None);
        }
    }

    /// An evaluation is on its way.
    pub(crate) fn say_evaluated(&mut self, evaluation: &Evaluation) {
        for word in self.alerts.values_mut() {
            if word.rule.as_ref() == Some(&evaluation.rule) && !evaluation.holds.contains(&word.labels) {
                word.may_have_ended = true;
            }
        }
        for labels in &evaluation.holds {
            self.word(labels, evaluation.critical).rule = Some(evaluation.rule.clone());
        }
    }

    /// The evaluation was accepted, decided at this time.
    pub(crate) fn accept_evaluated(&mut self, evaluation: &Evaluation, at: Timestamp) {
        for word in self.alerts.values_mut() {
            if word.rule.as_ref() == Some(&evaluation.rule) && !evaluation.holds.contains(&word.labels) {
                (word.fires, word.held_since) = (false, None);
            }
        }
        for labels in &evaluation.holds {
            let word = self.word(labels, evaluation.critical);
            if word.may_have_ended {
                (word.held_since, word.fires) = (None, false);
            }
            word.may_have_ended = false;
            let held_since = *word.held_since.get_or_insert(evaluation.at);
            if !word.fires && evaluation.at - held_since >= evaluation.hold {
                (word.fires, word.since) = (true, at);
            }
        }
    }

    /// A configuration without this rule took effect.
    pub(crate) fn rule_is_gone(&mut self, is_gone: impl Fn(&(String, String)) -> bool) {
        for word in self.alerts.values_mut() {
            if word.rule.as_ref().is_some_and(&is_gone) {
                (word.fires, word.may_have_ended, word.held_since) = (false, true, None);
            }
        }
    }

    fn word(&mut self, labels: &Labels, critical: bool) -> &mut Word {
        let word = self.alerts.entry(labels.fingerprint());
        word.or_insert_with(|| Word::new(labels, critical))
    }
}
