use std::collections::BTreeSet;

use capacity::{Command, Refusal, State, WakeReason, apply, decide, next_wake};
use facts::capacity::{CapacityFact, Reading};
use facts::configuration::Scalable;
use facts::{Configuration, ConfigurationApplied, Entry, Fact, Seq};
use kernel::{Actor, Ratio, Refuse, ScalableId, Span, Timestamp};
use proptest::prelude::*;

#[derive(Default)]
struct Play {
    now: Timestamp,
    state: State,
    journal: Vec<String>,
}

impl Play {
    /// With these scalables, each told of at 80 % unless it says otherwise.
    fn with(scalables: &[&str]) -> Self {
        let mut play = Self::default();
        play.configure(scalables, Ratio::percent(80));
        play
    }

    fn configure(&mut self, scalables: &[&str], alert_at: Ratio) {
        let scalable = Scalable {
            service: None,
            current: String::new(),
            minimum: None,
            maximum: String::new(),
            alert_at,
            every: Span::from_mins(1),
        };
        let scalables = scalables.iter().map(|name| (ScalableId::from(*name), scalable.clone())).collect();
        let configuration = Configuration { scalables, ..Configuration::default() };
        let applied = ConfigurationApplied { hash: String::new(), source: String::new(), configuration };
        self.record(Fact::ConfigurationApplied(Box::new(applied)));
    }

    fn record(&mut self, fact: Fact) {
        self.now += Span::from_secs(1);
        let seq = Seq(self.journal.len() as u64 + 1);
        let entry = Entry { seq, at: self.now, actor: Actor::Swan, fact };
        apply(&mut self.state, &entry);
        self.journal.push(serde_json::to_string(&entry).unwrap());
    }

    fn submit(&mut self, command: Command) -> Result<Vec<CapacityFact>, Refusal> {
        let facts = decide(&self.state, self.now, &Actor::Swan, command.clone())?;
        for fact in &facts {
            self.record(fact.clone().into());
        }
        assert_eq!(
            decide(&self.state, self.now, &Actor::Swan, command),
            Ok(vec![]),
            "a repeat changes nothing"
        );
        Ok(facts)
    }

    fn read(&mut self, current: f64, minimum: f64, maximum: f64) -> Vec<CapacityFact> {
        let reading = Reading { current, minimum, maximum };
        self.submit(Command::JudgeReading { scalable: "pool".into(), reading }).unwrap()
    }

    fn unreadable(&mut self) -> Vec<CapacityFact> {
        let detail = "the query returned no series".to_owned();
        self.submit(Command::ReportUnreadable { scalable: "pool".into(), detail }).unwrap()
    }

    fn assert_state_is_replay(&self) {
        let mut replayed = State::default();
        for line in &self.journal {
            apply(&mut replayed, &serde_json::from_str(line).unwrap());
        }
        assert_eq!(replayed, self.state);
        let snapshot: State = serde_json::from_str(&serde_json::to_string(&self.state).unwrap()).unwrap();
        assert_eq!(snapshot, self.state);
    }
}

fn near(current: f64, minimum: f64, maximum: f64) -> Vec<CapacityFact> {
    vec![CapacityFact::CeilingNear {
        scalable: "pool".into(),
        reading: Reading { current, minimum, maximum },
    }]
}

fn cleared(current: f64, minimum: f64, maximum: f64) -> Vec<CapacityFact> {
    let reading = Some(Reading { current, minimum, maximum });
    vec![CapacityFact::CeilingCleared { scalable: "pool".into(), reading }]
}

#[test]
fn people_are_told_once_that_a_ceiling_is_near_and_once_that_it_is_not() {
    let mut play = Play::with(&["pool"]);
    assert_eq!(play.read(79.0, 2.0, 100.0), []);
    assert_eq!(play.read(80.0, 2.0, 100.0), near(80.0, 2.0, 100.0));
    assert_eq!(play.read(99.0, 2.0, 100.0), []);
    assert_eq!(play.read(79.9, 2.0, 100.0), cleared(79.9, 2.0, 100.0));
    assert_eq!(play.read(79.9, 2.0, 100.0), []);
    play.assert_state_is_replay();
}

#[test]
fn the_stated_part_is_reached_exactly() {
    for percent in 1..=100 {
        let mut play = Play::with(&[]);
        play.configure(&["pool"], Ratio::percent(percent));
        let mut told = (1..=100).map(f64::from).filter(|current| !play.read(*current, 0.0, 100.0).is_empty());
        assert_eq!(told.next(), Some(f64::from(percent)));
    }
}

#[test]
fn what_is_pinned_is_left_alone() {
    let mut play = Play::with(&["pool"]);
    assert_eq!(play.read(4.0, 4.0, 4.0), []);
    assert_eq!(play.read(4.0, 2.0, 4.0), near(4.0, 2.0, 4.0));
    assert_eq!(play.read(4.0, 4.0, 4.0), cleared(4.0, 4.0, 4.0));
}

#[test]
fn without_a_minimum_nothing_is_pinned() {
    let mut play = Play::with(&["pool"]);
    assert_eq!(play.read(4.0, f64::NAN, 4.0), near(4.0, f64::NAN, 4.0));
    // The sign of a computed NaN differs from machine to machine; what is read again is the same reading.
    assert_eq!(play.read(1.0, -f64::NAN, 4.0), cleared(1.0, f64::NAN, 4.0));
    assert_eq!(play.read(4.0, -f64::NAN, 4.0).len(), 1);
    play.assert_state_is_replay();
}

#[test]
fn what_has_no_ceiling_is_never_near_it() {
    let mut play = Play::with(&["pool"]);
    for maximum in [0.0, -0.0, -5.0, f64::INFINITY, f64::NEG_INFINITY] {
        for current in [0.0, 1.0, -1.0, 1e308, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(play.read(current, 0.5, maximum), [], "{current} of {maximum}");
        }
    }
    play.configure(&["pool"], Ratio::percent(0));
    assert_eq!(play.read(1.0, 0.5, f64::INFINITY), []);
    play.configure(&["pool"], Ratio::percent(80));
    assert_eq!(play.read(f64::NEG_INFINITY, 0.0, 10.0), []);
    assert_eq!(play.read(f64::INFINITY, 0.0, 10.0), near(f64::INFINITY, 0.0, 10.0));
    play.assert_state_is_replay();
}

#[test]
fn not_knowing_is_told_once_and_clears_nothing() {
    let mut play = Play::with(&["pool"]);
    play.read(90.0, 0.0, 100.0);
    assert_eq!(play.unreadable().len(), 1);
    let nan = play.read(f64::NAN, 0.0, 100.0);
    assert_eq!((nan, play.unreadable()), (vec![], vec![]));
    assert!(play.state.near(&"pool".into()).is_some());
    let reading = Some(Reading { current: 91.0, minimum: 0.0, maximum: 100.0 });
    let readable = CapacityFact::CapacityReadable { scalable: "pool".into(), reading };
    assert_eq!(play.read(91.0, 0.0, 100.0), [readable]);
    let nan = play.read(91.0, 0.0, f64::NAN);
    let detail = "`maximum` is NaN".to_owned();
    assert_eq!(nan, [CapacityFact::CapacityUnreadable { scalable: "pool".into(), detail }]);
    assert_eq!(play.read(1.0, 0.0, 100.0).len(), 2, "readable, and cleared");
    play.assert_state_is_replay();
}

#[test]
fn what_leaves_the_configuration_is_cleared_at_once() {
    let mut play = Play::with(&["pool", "disk"]);
    play.read(90.0, 0.0, 100.0);
    play.unreadable();
    assert_eq!(next_wake(&play.state), None);
    play.configure(&["disk"], Ratio::percent(80));
    let wake = next_wake(&play.state).unwrap();
    assert_eq!(wake.at, play.now);
    assert_eq!(wake.why, WakeReason::NoLongerConfigured("pool".into()));
    let scalable = ScalableId::from("pool");
    assert_eq!(
        play.submit(Command::Wake(wake.why)).unwrap(),
        [
            CapacityFact::CeilingCleared { scalable: scalable.clone(), reading: None },
            CapacityFact::CapacityReadable { scalable, reading: None },
        ]
    );
    assert_eq!(next_wake(&play.state), None);
    play.assert_state_is_replay();
}

#[test]
fn what_comes_back_before_it_was_cleared_stays_near() {
    let mut play = Play::with(&["pool"]);
    play.read(90.0, 0.0, 100.0);
    play.configure(&[], Ratio::percent(80));
    play.configure(&["pool"], Ratio::percent(80));
    assert_eq!(next_wake(&play.state), None);
    assert_eq!(play.read(90.0, 0.0, 100.0), []);
}

#[test]
fn what_is_not_configured_is_refused_by_name() {
    let mut play = Play::with(&["disk"]);
    let command = Command::ReportUnreadable { scalable: "pool".into(), detail: String::new() };
    let refused = play.submit(command).unwrap_err();
    assert_eq!(refused.sentence(), "the configuration has no scalable `pool`");
}

#[test]
fn a_long_detail_is_cut_between_characters() {
    let mut play = Play::with(&["pool"]);
    let command =
        Command::ReportUnreadable { scalable: "pool".into(), detail: format!("x{}", "é".repeat(999)) };
    let facts = play.submit(command).unwrap();
    assert!(matches!(&facts[..], [CapacityFact::CapacityUnreadable { detail, .. }] if detail.len() == 499));
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(1.0), Just(0.0), 0.0..2.0]
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let scalable = || prop_oneof![Just("pool"), Just("disk")].prop_map(ScalableId::from);
    let reading = || {
        (any_number(), any_number(), any_number()).prop_map(|(current, minimum, maximum)| Reading {
            current,
            minimum,
            maximum,
        })
    };
    prop_oneof![
        (scalable(), reading()).prop_map(|(scalable, reading)| CapacityFact::CeilingNear {
            scalable,
            reading
        }
        .into()),
        (scalable(), prop::option::of(reading()))
            .prop_map(|(scalable, reading)| CapacityFact::CeilingCleared { scalable, reading }.into()),
        scalable()
            .prop_map(|scalable| CapacityFact::CapacityUnreadable { scalable, detail: "x".into() }.into()),
        scalable().prop_map(|scalable| CapacityFact::CapacityReadable { scalable, reading: None }.into()),
    ]
}

proptest! {
    #[test]
    fn any_journal_folds_the_same_twice_and_every_wake_moves_on(
        facts in prop::collection::vec((any_fact(), any::<bool>()), 0..30),
    ) {
        let mut play = Play::default();
        for (fact, configured) in facts {
            play.configure(if configured { &["pool"] } else { &[] }, Ratio::percent(80));
            play.record(fact);
        }
        play.assert_state_is_replay();
        let mut woken = BTreeSet::new();
        while let Some(wake) = next_wake(&play.state) {
            prop_assert!(wake.at <= play.now);
            prop_assert!(woken.insert(wake.why.clone()), "a wake does not come twice");
            prop_assert!(!play.submit(Command::Wake(wake.why)).unwrap().is_empty());
        }
        play.assert_state_is_replay();
    }

    #[test]
    fn any_reading_is_judged_without_a_panic(readings in prop::collection::vec((any_number(), any_number(), any_number()), 1..20)) {
        let mut play = Play::with(&["pool"]);
        for (current, minimum, maximum) in readings {
            play.read(current, minimum, maximum);
            let is_near = play.state.near(&"pool".into()).is_some();
            if is_near && play.state.unreadable(&"pool".into()).is_none() {
                prop_assert!(current >= maximum * 0.799 && minimum != maximum);
            }
        }
        play.assert_state_is_replay();
    }
}
