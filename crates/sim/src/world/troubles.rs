//! What breaks, and who says so: senders that speak Alertmanager's API as Prometheus does, and rules that Swan itself
//! evaluates.

use std::collections::BTreeMap;

use alerting::PostedAlert;
use engine::Refusal;
use kernel::{Actor, Labels, Span, Timestamp};

use super::company::{self, RESOLVE_TIMEOUT, RULE_GROUP, RULE_INTERVAL, RULES};
use super::swan::Asker;
use super::{Event, OperatorAct, World};
use crate::promise::{Promise, Seen};
use crate::reference::told::{Claim, Evaluation};

/// How often a sender repeats itself.
const SENDS_EVERY: Span = Span::from_mins(1);
/// How far ahead a sender puts the end of what fires.
const SENDER_LEAD: Span = Span::from_mins(4);
/// How long a sender repeats that an alert is over.
const REPEATS_RESOLVED_FOR: Span = Span::from_mins(3);
/// How many senders there are.
const SENDERS: u64 = 2;

/// What senders know of, with its severity.
const KINDS: [(&str, &str); 6] = [
    ("Down", "critical"),
    ("Errors", "page"),
    ("Unreachable", "critical"),
    ("Backlog", "warning"),
    ("Certificate", ""),
    ("Deployed", "info"),
];

/// Something that is broken.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// A rule of Swan's own holds for an element.
    Rule { rule: usize, element: Labels },
    /// A sender knows of it.
    Posted { sender: usize, labels: Labels, critical: bool, style: Style },
}

/// How a sender treats an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As Prometheus: every minute with an end ahead, and at last that it is over.
    Prometheus,
    /// The same without an end.
    NamesNoEnd,
    /// Until it was taken once, with an end, and then never again.
    Once { lasts: Span },
}

/// An alert as its sender keeps it.
struct Kept {
    labels: Labels,
    critical: bool,
    style: Style,
    began_at: Timestamp,
    ended_at: Option<Timestamp>,
    is_taken: bool,
}

#[derive(Default)]
pub(super) struct Troubles {
    rules: BTreeMap<usize, BTreeMap<Labels, u32>>,
    senders: BTreeMap<usize, BTreeMap<Labels, Kept>>,
    /// When each sender posts next.
    posts_at: BTreeMap<usize, Timestamp>,
}

impl World {
    pub(super) fn plan_trouble(&mut self) {
        let next = self.about(self.weather.trouble_every);
        self.agenda.add(self.now + next, Event::TroubleBegins);
    }

    pub(super) fn trouble_begins(&mut self) {
        if self.is_calm {
            return;
        }
        self.plan_trouble();
        if self.rng.chance(60) {
            // People change what they declare in the middle of trouble.
            let after = self.between(Span::ZERO, Span::from_secs(30));
            self.agenda.add(self.now + after, Event::OperatorActs(OperatorAct::DeclareAtOnce));
        }
        if self.rng.chance(3) {
            return self.everything_breaks();
        }
        let instances = if self.rng.chance(750) { 1 } else { 2 + self.rng.below(5) };
        let service = company::any_service(&mut self.rng);
        let service = if self.rng.chance(50) { "" } else { service };
        let by_rule = self.rng.chance(350).then(|| self.rng.below(RULES.len() as u64) as usize);
        let kind = *self.rng.pick(&KINDS).expect("there are some");
        for _ in 0..instances {
            let instance = self.rng.below(12);
            self.breaks(service, instance, by_rule, kind);
        }
    }

    /// A hundred alerts in a few seconds.
    fn everything_breaks(&mut self) {
        for service in company::SERVICES {
            for (nth, kind) in (0..).zip(KINDS.into_iter().cycle().take(20)) {
                self.breaks(service, nth, None, kind);
            }
        }
    }

    fn breaks(
        &mut self,
        service: &str,
        instance: u64,
        by_rule: Option<usize>,
        (name, severity): (&str, &str),
    ) {
        let element =
            Labels::new([("service", service.to_owned()), ("instance", format!("host-{instance}"))]);
        let element = element.expect("two names");
        let trouble = match by_rule {
            Some(rule) => Trouble::Rule { rule, element },
            None => {
                let sender = self.rng.below(SENDERS) as usize;
                // Senders that disagree about one alert are another story.
                let replica = format!("prometheus-{sender}");
                let labels =
                    element.with("alertname", name).with("severity", severity).with("replica", &replica);
                let style = match self.rng.below(10) {
                    0..7 => Style::Prometheus,
                    7..9 => Style::NamesNoEnd,
                    _ => Style::Once { lasts: self.between(Span::from_mins(2), Span::from_mins(25)) },
                };
                Trouble::Posted { sender, labels, critical: matches!(severity, "critical" | "page"), style }
            }
        };
        self.trouble_strikes(trouble);
    }

    pub(super) fn trouble_strikes(&mut self, trouble: Trouble) {
        if self.is_calm || !self.begins(&trouble) {
            return;
        }
        let lasts = match self.rng.below(10) {
            0..3 => self.between(Span::from_secs(20), Span::from_mins(3)),
            3..8 => self.between(Span::from_mins(3), Span::from_mins(30)),
            _ => self.between(Span::from_mins(30), Span::from_mins(150)),
        };
        self.agenda.add(self.now + lasts, Event::TroubleEnds(trouble));
    }

    /// False where the same is broken already.
    fn begins(&mut self, trouble: &Trouble) -> bool {
        match trouble {
            Trouble::Rule { rule, element } => {
                let elements = self.troubles.rules.entry(*rule).or_default();
                elements.insert(element.clone(), 1).is_none()
            }
            Trouble::Posted { sender, labels, critical, style } => {
                let kept = self.troubles.senders.entry(*sender).or_default();
                if kept.get(labels).is_some_and(|kept| kept.ended_at.is_none()) {
                    return false;
                }
                let (labels, critical, style) = (labels.clone(), *critical, *style);
                let (began_at, ended_at, is_taken) = (self.now, None, false);
                kept.insert(labels.clone(), Kept { labels, critical, style, began_at, ended_at, is_taken });
                let soon = self.between(Span::ZERO, Span::from_secs(20));
                self.sender_posts_at(*sender, self.now + soon);
                true
            }
        }
    }

    pub(super) fn trouble_ends(&mut self, trouble: Trouble) {
        match &trouble {
            Trouble::Rule { rule, element } => {
                self.troubles.rules.entry(*rule).or_default().remove(element);
            }
            Trouble::Posted { sender, labels, .. } => {
                if let Some(kept) = self.troubles.senders.entry(*sender).or_default().get_mut(labels) {
                    kept.ended_at = Some(self.now);
                }
                let soon = self.between(Span::ZERO, Span::from_secs(20));
                self.sender_posts_at(*sender, self.now + soon);
            }
        }
        if self.rng.chance(180) {
            let again = self.between(Span::from_millis(1), Span::from_secs(100));
            self.agenda.add(self.now + again, Event::TroubleReturns(trouble));
        }
    }

    fn sender_posts_at(&mut self, sender: usize, at: Timestamp) {
        if self.troubles.posts_at.get(&sender).is_none_or(|planned| at < *planned || *planned < self.now) {
            self.troubles.posts_at.insert(sender, at);
            self.agenda.add(at, Event::SenderPosts { sender });
        }
    }

    /// A sender posts what fires and what is over, as Prometheus does in each of its rounds.
    pub(super) fn sender_posts(&mut self, sender: usize) {
        let now = self.now;
        if self.troubles.posts_at.get(&sender).is_some_and(|planned| *planned <= now) {
            self.troubles.posts_at.remove(&sender);
        }
        let Some(kept) = self.troubles.senders.get_mut(&sender) else { return };
        kept.retain(|_, alert| alert.ended_at.is_none_or(|ended| now - ended < REPEATS_RESOLVED_FOR));
        let due: Vec<(Claim, PostedAlert)> = kept.values().filter_map(|alert| alert.post(now)).collect();
        let is_empty = kept.is_empty();
        if !is_empty {
            self.sender_posts_at(sender, now + SENDS_EVERY);
        }
        if due.is_empty() {
            return;
        }
        let (claims, alerts): (Vec<Claim>, Vec<PostedAlert>) = due.into_iter().unzip();
        if self.swan.is_up() {
            self.auditor.told.say(&claims, now, RESOLVE_TIMEOUT);
        }
        let actor = Actor::Token("prometheus".to_owned());
        self.ask(actor, alerting::Command::ReceiveAlerts(alerts), Asker::Sender { sender, claims });
    }

    pub(super) fn sender_is_answered(
        &mut self,
        sender: usize,
        claims: &[Claim],
        refusal: Option<Refusal>,
    ) -> Result<(), Seen> {
        if let Some(refusal) = refusal {
            return Err((Promise::G1, format!("well-formed alerts were refused: {refusal}")));
        }
        for claim in claims {
            let kept = self.troubles.senders.get_mut(&sender).and_then(|kept| kept.get_mut(&claim.labels));
            if let Some(kept) = kept {
                kept.is_taken = true;
            }
        }
        self.auditor.accepted(claims, self.now, RESOLVE_TIMEOUT)
    }

    /// Swan's own rules are evaluated, while it is up.
    pub(super) fn rules_are_evaluated(&mut self) {
        self.agenda.add(self.now + RULE_INTERVAL, Event::RulesAreEvaluated);
        for (rule, declared) in RULES.iter().enumerate() {
            let name = (RULE_GROUP.to_owned(), declared.name.to_owned());
            if !self.swan.is_up() || !self.auditor.knows_rule(&name) {
                continue;
            }
            let elements: Vec<Labels> =
                self.troubles.rules.get(&rule).into_iter().flat_map(BTreeMap::keys).cloned().collect();
            let evaluation = Evaluation {
                rule: name,
                at: self.now,
                hold: declared.hold,
                critical: declared.is_critical(),
                holds: elements.iter().map(|element| declared.alert(element)).collect(),
            };
            self.auditor.told.say_evaluated(&evaluation);
            let judge = alerting::Command::JudgeRule {
                group: RULE_GROUP.to_owned(),
                rule,
                at: self.now,
                elements: elements.into_iter().map(|element| (element, 1.0)).collect(),
                outside: std::sync::Arc::default(),
            };
            self.ask(Actor::Swan, judge, Asker::Rules(evaluation));
        }
    }

    pub(super) fn rule_is_answered(
        &mut self,
        evaluation: &Evaluation,
        is_accepted: bool,
    ) -> Result<(), Seen> {
        // A declaration without the rule may have come first.
        if !is_accepted || !self.auditor.knows_rule(&evaluation.rule) {
            return Ok(());
        }
        self.auditor.told.accept_evaluated(evaluation, self.now);
        for labels in &evaluation.holds {
            let fingerprint = labels.fingerprint();
            if self.auditor.told.alerts[&fingerprint].certainly_fires(self.now) {
                self.auditor.stands_as_firing(fingerprint, self.now)?;
            }
        }
        Ok(())
    }
}

impl Kept {
    fn post(&self, now: Timestamp) -> Option<(Claim, PostedAlert)> {
        let ends_at = match (self.ended_at, self.style) {
            (_, Style::Once { .. }) if self.is_taken => return None,
            (_, Style::Once { lasts }) => Some(self.began_at + lasts),
            (Some(ended), _) => Some(ended),
            (None, Style::Prometheus) => Some(now + SENDER_LEAD),
            (None, Style::NamesNoEnd) => None,
        };
        let claim = Claim { labels: self.labels.clone(), critical: self.critical, ends_at };
        // Some teams write at length, and not in ASCII.
        let about = if self.began_at.as_millis() % 10 == 0 {
            "всё очень плохо, ".repeat(20)
        } else {
            String::new()
        };
        let summary = format!("{about}since {}", self.began_at);
        let posted = PostedAlert {
            labels: self.labels.clone(),
            annotations: BTreeMap::from([("summary".to_owned(), summary)]),
            starts_at: Some(self.began_at),
            ends_at,
            generator_url: None,
        };
        Some((claim, posted))
    }
}
