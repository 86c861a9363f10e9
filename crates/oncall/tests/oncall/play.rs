//! A small team in virtual time: commands are decided and applied, deadlines come when time passes.

use facts::configuration::{
    Channel, ContactRef, EscalationPolicy, EscalationStep, Handoff, Person, Rotation, Service, Target,
};
use facts::oncall::Purpose;
use facts::{Configuration, ConfigurationApplied, Entry, Fact, OncallFact, Seq};
use kernel::{Actor, ContactId, NotificationId, PageId, Span, Timestamp};
use oncall::{Attempt, Command, Outcome, Refusal, State, apply, attempt_of, decide, next_wake};

pub(crate) struct Play {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) seq: u64,
    /// What a delivery worker was asked to hand over, in order.
    pub(crate) sent: Vec<Attempt>,
    /// Every fact with its time.
    pub(crate) journal: Vec<(Timestamp, OncallFact)>,
}

pub(crate) fn contact(id: &str) -> ContactRef {
    ContactRef { id: ContactId::new(id), channel: Channel::Email }
}

pub(crate) fn step(notify: Vec<Target>, minutes: i64) -> EscalationStep {
    EscalationStep { notify, wait: Span::from_mins(minutes) }
}

pub(crate) fn rotation(members: &[&str], handoff: &str, timezone: &str) -> Rotation {
    Rotation {
        members: members.iter().map(|name| (*name).into()).collect(),
        handoff: handoff.parse::<Handoff>().unwrap(),
        timezone: timezone.to_owned(),
        start: None,
    }
}

pub(crate) fn user(name: &str) -> Target {
    Target::User(name.into())
}

/// Ana in the first rotation, Bo in the second; Chi in the team `web`; Dee has no contact. `shop` walks `web`:
/// first, second, then the team, five minutes each, once again.
pub(crate) fn team() -> Configuration {
    let mut config = Configuration::default();
    for name in ["ana", "bo", "chi"] {
        let contacts = vec![contact(&format!("{name}/email/0"))];
        config.people.insert(name.into(), Person { contacts });
    }
    config.people.insert("dee".into(), Person::default());
    config.rotations.insert("first".into(), rotation(&["ana"], "Mon 10:00", "Europe/Dublin"));
    config.rotations.insert("second".into(), rotation(&["bo"], "Mon 10:00", "Europe/Dublin"));
    config.rotations.insert("unstaffed".into(), rotation(&[], "Mon 10:00", "UTC"));
    config.teams.insert("web".into(), vec!["ana".into(), "chi".into()]);
    config.lists.insert("default".into(), contact("list/default"));
    config.webhooks.insert("chat".into(), contact("webhook/chat"));
    let steps = vec![
        step(vec![Target::Rotation("first".into())], 5),
        step(vec![Target::Rotation("second".into())], 5),
        step(vec![Target::Team("web".into())], 5),
    ];
    config.escalation.insert("web".into(), EscalationPolicy { steps, repeat: 1 });
    config.services.insert("shop".into(), Service { escalation: Some("web".into()), ..Service::default() });
    config
}

impl Play {
    pub(crate) fn new(configuration: Configuration) -> Self {
        let now: Timestamp = "2026-11-20T09:30:00Z".parse().unwrap();
        let (state, sent, journal) = (State::default(), Vec::new(), Vec::new());
        let mut play = Self { state, now, seq: 0, sent, journal };
        play.configure(configuration);
        play
    }

    pub(crate) fn configure(&mut self, configuration: Configuration) {
        let applied = ConfigurationApplied { hash: "h".into(), source: "test".into(), configuration };
        self.record(Fact::ConfigurationApplied(Box::new(applied)), Actor::Configuration);
    }

    pub(crate) fn record(&mut self, fact: Fact, actor: Actor) {
        self.seq += 1;
        apply(&mut self.state, &Entry { seq: Seq(self.seq), at: self.now, actor, fact });
    }

    pub(crate) fn take(&mut self, actor: Actor, command: Command) -> Result<Vec<OncallFact>, Refusal> {
        let facts = decide(&self.state, self.now, &actor, command)?;
        for fact in &facts {
            self.journal.push((self.now, fact.clone()));
            self.record(fact.clone().into(), actor.clone());
        }
        let attempts = facts.iter().filter_map(|fact| attempt_of(fact, &self.state));
        self.sent.extend(attempts.collect::<Vec<_>>());
        Ok(facts)
    }

    pub(crate) fn swan(&mut self, command: Command) -> Vec<OncallFact> {
        self.take(Actor::Swan, command).unwrap()
    }

    pub(crate) fn person(&mut self, name: &str, command: Command) -> Result<Vec<OncallFact>, Refusal> {
        self.take(Actor::Person(name.into()), command)
    }

    pub(crate) fn open(&mut self, policy: Option<&str>) -> PageId {
        let command = Command::OpenPage {
            group: None,
            service: Some("shop".into()),
            policy: policy.map(Into::into),
            title: "HighErrorRate".into(),
            body: "7% of requests fail".into(),
        };
        match &self.person("ana", command).unwrap()[0] {
            OncallFact::PageOpened { page, .. } => *page,
            other => panic!("{other:?}"),
        }
    }

    /// The provider takes everything that was sent and not answered yet.
    pub(crate) fn deliver(&mut self) {
        for attempt in oncall::due_attempts(&self.state).collect::<Vec<_>>() {
            self.report(attempt.notification, attempt.attempt, taken());
        }
    }

    pub(crate) fn report(
        &mut self,
        notification: NotificationId,
        attempt: u32,
        outcome: Outcome,
    ) -> Vec<OncallFact> {
        self.swan(Command::RecordOutcome { notification, attempt, outcome })
    }

    /// Lets time pass; deadlines come when they are due.
    pub(crate) fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(wake) = next_wake(&self.state).filter(|wake| wake.at <= end) {
            self.now = self.now.max(wake.at);
            let facts = self.swan(Command::Wake(wake.why.clone()));
            assert!(!facts.is_empty(), "{wake:?} led to nothing");
            assert_ne!(next_wake(&self.state), Some(wake), "the deadline did not move");
        }
        self.now = end;
    }

    /// Like `pass`, with providers that take everything.
    pub(crate) fn pass_delivering(&mut self, span: Span) {
        let end = self.now + span;
        while self.now < end {
            self.deliver();
            let next = next_wake(&self.state).map_or(end, |wake| wake.at.min(end));
            self.pass(next - self.now);
        }
    }

    /// The contacts that something was sent to since the last look, in order.
    pub(crate) fn rung(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent).iter().map(|attempt| attempt.contact.to_string()).collect()
    }

    pub(crate) fn said(&self, matches: impl Fn(&OncallFact) -> bool) -> usize {
        self.journal.iter().filter(|(_, fact)| matches(fact)).count()
    }
}

pub(crate) fn taken() -> Outcome {
    Outcome::HandedOver { receipt: "250 queued".into() }
}

pub(crate) fn refused(for_good: bool) -> Outcome {
    Outcome::Refused { detail: "451 later".into(), for_good, retry_at: None }
}

pub(crate) fn page_of(purpose: &Purpose) -> Option<PageId> {
    match purpose {
        Purpose::Page { page, .. } => Some(*page),
        _ => None,
    }
}
