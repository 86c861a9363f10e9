use std::collections::BTreeMap;
use std::sync::Arc;

use alerting::{Command, PostedAlert, Refusal, Standing, State, WakeReason, apply, decide, next_wake};
use facts::alerting::{AlertingFact, FiringAlert, Matcher, Priority};
use facts::{Configuration, ConfigurationApplied, Entry, Fact, Seq};
use kernel::{Actor, Fingerprint, Labels, SilenceId, Span, Timestamp};
use serde_json::{Value, json};

/// Drives the slice as the engine does: decides, applies, and decides whatever is due.
pub(crate) struct Play {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    /// Everything that was recorded, with its time.
    pub(crate) journal: Vec<(Timestamp, AlertingFact)>,
    /// The longest decision, in facts.
    pub(crate) longest: usize,
    seen: usize,
    seq: u64,
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// `a=1 b=2` as labels.
pub(crate) fn labels(text: &str) -> Labels {
    Labels::new(text.split_whitespace().map(|pair| pair.split_once('=').expect("a pair"))).unwrap()
}

/// `a=1`, `a!=1`, `a=~x.*` or `a!~x.*` as a matcher.
pub(crate) fn matcher(text: &str) -> Matcher {
    for (sign, is_regex, is_equal) in
        [("!~", true, false), ("=~", true, true), ("!=", false, false), ("=", false, true)]
    {
        if let Some((name, value)) = text.split_once(sign) {
            return Matcher { name: name.to_owned(), value: value.to_owned(), is_regex, is_equal };
        }
    }
    panic!("`{text}` is no matcher");
}

pub(crate) fn posted(text: &str) -> PostedAlert {
    let annotations = BTreeMap::new();
    PostedAlert { labels: labels(text), annotations, starts_at: None, ends_at: None, generator_url: None }
}

/// The rules of most tests: group `shop` with HighErrorRate (5m, critical), Down (at once, critical), Slow (at once,
/// high) and Untidy (at once, low).
pub(crate) fn shop() -> Value {
    json!({
        "services": {"shop": {}, "bank": {}},
        "rule_groups": [{"name": "shop", "rules": [
            {"alert": "HighErrorRate", "expr": "x", "for": "5m", "labels": {"priority": "critical"}},
            {"alert": "Down", "expr": "x", "labels": {"priority": "critical"}},
            {"alert": "Slow", "expr": "x", "labels": {"priority": "high"}},
            {"alert": "Untidy", "expr": "x", "labels": {"priority": "low"}},
        ]}],
    })
}

impl Play {
    pub(crate) fn new() -> Self {
        Self::with(shop())
    }

    pub(crate) fn with(configuration: Value) -> Self {
        let state = State::default();
        let mut play = Self { state, now: noon(), journal: Vec::new(), longest: 0, seen: 0, seq: 0 };
        play.configure(configuration);
        play
    }

    pub(crate) fn configure(&mut self, configuration: Value) {
        let configuration: Configuration = serde_json::from_value(configuration).unwrap();
        let applied = ConfigurationApplied { hash: String::new(), source: String::new(), configuration };
        self.record(Fact::ConfigurationApplied(Box::new(applied)));
        self.settle();
    }

    fn record(&mut self, fact: Fact) {
        self.seq += 1;
        let entry = Entry { seq: Seq(self.seq), at: self.now, actor: Actor::Swan, fact };
        apply(&mut self.state, &entry);
    }

    pub(crate) fn record_all(&mut self, facts: Vec<AlertingFact>) {
        self.longest = self.longest.max(facts.len());
        for fact in facts {
            self.journal.push((self.now, fact.clone()));
            self.record(Fact::Alerting(fact));
        }
    }

    /// Decides everything that is due, as the engine does, and fails where a wake does not move.
    pub(crate) fn settle(&mut self) {
        while let Some(wake) = next_wake(&self.state).filter(|wake| wake.at <= self.now) {
            let why = Command::Wake(wake.why.clone());
            let facts = decide(&self.state, self.now, &Actor::Swan, why).unwrap();
            assert!(!facts.is_empty(), "{wake:?} gave no fact");
            self.record_all(facts);
            assert_ne!(next_wake(&self.state), Some(wake), "the wake did not move");
        }
        self.check();
    }

    pub(crate) fn ask(&mut self, command: Command) -> Result<Vec<AlertingFact>, Refusal> {
        let facts = decide(&self.state, self.now, &Actor::Swan, command)?;
        self.record_all(facts.clone());
        self.settle();
        Ok(facts)
    }

    /// Time passes, and every deadline is met on time.
    pub(crate) fn wait(&mut self, span: &str) -> &mut Self {
        let until = self.now + span.parse::<Span>().unwrap();
        while let Some(wake) = next_wake(&self.state).filter(|wake| wake.at <= until) {
            self.now = self.now.max(wake.at);
            self.settle();
        }
        self.now = until;
        self
    }

    /// Time passes while Swan is not there; then it meets what is overdue.
    pub(crate) fn sleep(&mut self, span: &str) -> &mut Self {
        self.now += span.parse::<Span>().unwrap();
        self.settle();
        self
    }

    /// A rule of group `shop` is evaluated and holds for these label sets.
    pub(crate) fn holds(&mut self, rule: usize, elements: &[&str]) -> Vec<AlertingFact> {
        let elements = elements.iter().map(|text| (labels(text), 0.25)).collect();
        self.ask(Command::JudgeRule {
            group: "shop".to_owned(),
            rule,
            at: self.now,
            elements,
            outside: Arc::default(),
        })
        .unwrap()
    }

    pub(crate) fn receives(&mut self, alerts: Vec<PostedAlert>) -> Vec<AlertingFact> {
        self.ask(Command::ReceiveAlerts(alerts)).unwrap()
    }

    pub(crate) fn silence(
        &mut self,
        matchers: &[&str],
        from: &str,
        until: &str,
    ) -> Result<SilenceId, Refusal> {
        self.replace(None, matchers, from, until)
    }

    /// `from` and `until` count from now.
    pub(crate) fn replace(
        &mut self,
        replaces: Option<SilenceId>,
        matchers: &[&str],
        from: &str,
        until: &str,
    ) -> Result<SilenceId, Refusal> {
        let from_now = |span: &str| self.now + span.parse::<Span>().unwrap();
        let (starts_at, ends_at) = (from_now(from), from_now(until));
        let matchers = matchers.iter().map(|text| matcher(text)).collect();
        let (comment, created_by) = ("why not".to_owned(), "ana".to_owned());
        let facts =
            self.ask(Command::CreateSilence { replaces, matchers, starts_at, ends_at, comment, created_by })?;
        let made = facts.iter().find_map(|fact| match fact {
            AlertingFact::SilenceCreated { silence, .. } => Some(*silence),
            _ => None,
        });
        Ok(made.expect("a silence was made"))
    }

    /// Whom people were told of since the last time this was asked: when, and the title.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let news = &self.journal[self.seen..];
        let told = news.iter().filter_map(|(at, fact)| {
            let clock = at.to_string()[11..19].to_owned();
            match fact {
                AlertingFact::GroupNotified { title, again: false, .. } => Some(format!("{clock} {title}")),
                AlertingFact::GroupNotified { title, again: true, .. } => {
                    Some(format!("{clock} again {title}"))
                }
                AlertingFact::GroupResolved { was_notified: true, silenced: false, .. } => {
                    Some(format!("{clock} over"))
                }
                AlertingFact::GroupResolved { was_notified: true, silenced: true, .. } => {
                    Some(format!("{clock} silenced"))
                }
                _ => None,
            }
        });
        let told = told.collect();
        self.seen = self.journal.len();
        told
    }

    pub(crate) fn fired(&self) -> Vec<&FiringAlert> {
        let fired = self.journal.iter().filter_map(|(_, fact)| match fact {
            AlertingFact::AlertFired(fired) => Some(&**fired),
            _ => None,
        });
        fired.collect()
    }

    /// What must hold whenever nothing is due: every firing alert has its place, and everything agrees on it.
    pub(crate) fn check(&self) {
        let mut grouped: BTreeMap<Fingerprint, usize> = BTreeMap::new();
        for group in self.state.groups() {
            assert!(!group.members.is_empty(), "{} is open and empty", group.id);
            assert!(group.untold.is_subset(&group.members));
            for alert in group.alerts() {
                *grouped.entry(alert).or_default() += 1;
                let standing = self.state.alert(alert).expect("a member fires").standing;
                assert_eq!(standing, Standing::Grouped(group.id));
            }
        }
        for alert in self.state.alerts() {
            let groups = grouped.get(&alert.fired.fingerprint).copied().unwrap_or(0);
            let status = self.state.status(alert, self.now);
            let is_told = alert.fired.priority != Priority::Low && status.silenced_by.is_empty();
            assert_eq!(groups, usize::from(is_told), "{} stands at {:?}", alert.fired.labels, alert.standing);
            assert!(alert.fired.expires_at.is_none_or(|expires_at| expires_at > self.now));
        }
    }

    pub(crate) fn due(&self) -> Option<(Timestamp, WakeReason)> {
        next_wake(&self.state).map(|wake| (wake.at, wake.why))
    }
}
