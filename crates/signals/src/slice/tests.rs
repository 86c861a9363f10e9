use std::collections::BTreeSet;

use facts::alerting::Priority;
use facts::configuration::{Check, Heartbeat};
use facts::signals::SignalsFact;
use facts::{Configuration, ConfigurationApplied, Entry, Fact, Seq};
use kernel::{Actor, CheckId, HeartbeatId, Refuse, Span, Timestamp};
use proptest::prelude::*;

use super::*;

/// A journal in memory: commands are decided, their facts recorded as JSON and folded.
#[derive(Default)]
struct Play {
    now: Timestamp,
    state: State,
    journal: Vec<String>,
    /// How many probes in a row passed or failed, as the runtime counts.
    streak: (bool, u32),
}

impl Play {
    /// The check `home`, which two probes decide, and the heartbeat `backup`, every hour with ten minutes of grace.
    fn new() -> Self {
        let mut play = Self { now: at(0), ..Self::default() };
        play.configure(true);
        play
    }

    fn configure(&mut self, declared: bool) {
        self.configure_every(declared.then_some(60));
    }

    fn configure_every(&mut self, minutes: Option<i64>) {
        let mut configuration = Configuration::default();
        if let Some(minutes) = minutes {
            let check = Check {
                http: "https://shop.test/".into(),
                service: "shop".into(),
                every: Span::from_secs(30),
                timeout: Span::from_secs(10),
                status: "2xx".into(),
                body: None,
                after: 2,
                priority: None,
            };
            let heartbeat = Heartbeat {
                service: "shop".into(),
                every: Span::from_mins(minutes),
                grace: Span::from_mins(10),
                priority: Priority::High,
            };
            configuration.checks.insert("home".into(), check);
            configuration.heartbeats.insert("backup".into(), heartbeat);
        }
        let applied = ConfigurationApplied { hash: String::new(), source: String::new(), configuration };
        self.record(Fact::ConfigurationApplied(Box::new(applied)));
    }

    fn record(&mut self, fact: Fact) {
        let seq = Seq(self.journal.len() as u64 + 1);
        let entry = Entry { seq, at: self.now, actor: Actor::Swan, fact };
        apply(&mut self.state, &entry);
        self.journal.push(serde_json::to_string(&entry).unwrap());
    }

    fn submit(&mut self, command: Command) -> Result<Vec<SignalsFact>, Refusal> {
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

    fn probe(&mut self, minute: i64, result: Result<(), &str>) -> Vec<SignalsFact> {
        self.now = at(minute);
        let in_a_row = if self.streak.0 == result.is_ok() { self.streak.1 + 1 } else { 1 };
        self.streak = (result.is_ok(), in_a_row);
        let result = result.map_err(str::to_owned);
        let command =
            Command::JudgeProbe { check: "home".into(), probed_at: self.now, result, streak: in_a_row };
        self.submit(command).unwrap()
    }

    fn look(&mut self, minute: i64, last: Option<i64>) -> Vec<SignalsFact> {
        self.now = at(minute);
        self.submit(Command::JudgeHeartbeat { heartbeat: "backup".into(), last: last.map(at) }).unwrap()
    }

    fn fail(&mut self, minute: i64) -> Vec<SignalsFact> {
        self.now = at(minute);
        self.submit(Command::FailHeartbeat { heartbeat: "backup".into(), detail: "disk full".into() })
            .unwrap()
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

fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + minute * 60)
}

fn missed(last: Option<i64>, expected_by: i64) -> Vec<SignalsFact> {
    let (last, expected_by) = (last.map(at), at(expected_by));
    vec![SignalsFact::HeartbeatMissed { heartbeat: "backup".into(), last, expected_by }]
}

fn returned(arrived: i64) -> Vec<SignalsFact> {
    vec![SignalsFact::HeartbeatReturned { heartbeat: "backup".into(), arrived: at(arrived) }]
}

fn failed(arrived: i64) -> Vec<SignalsFact> {
    let detail = "disk full".into();
    vec![SignalsFact::HeartbeatFailed { heartbeat: "backup".into(), arrived: at(arrived), detail }]
}

#[test]
fn one_bad_probe_tells_nobody_and_two_in_a_row_do() {
    let mut play = Play::new();
    assert_eq!(play.probe(1, Err("status 503, expected 2xx")), []);
    assert_eq!(play.probe(2, Ok(())), []);
    assert_eq!(play.probe(3, Err("status 503, expected 2xx")), []);
    let detail = "status 500, expected 2xx".to_owned();
    assert_eq!(
        play.probe(4, Err(&detail)),
        [SignalsFact::CheckFailed { check: "home".into(), probed_at: at(4), detail: detail.clone() }]
    );
    assert_eq!(play.probe(5, Err("timeout")), []);
    assert_eq!(play.state.failing(&"home".into()), Some(&Failing { since: at(4), detail }));
    play.assert_state_is_replay();
}

#[test]
fn a_check_recovers_after_as_many_good_probes() {
    let mut play = Play::new();
    play.probe(1, Err("x"));
    play.probe(2, Err("x"));
    assert_eq!(play.probe(3, Ok(())), []);
    assert_eq!(play.probe(4, Err("x")), []);
    assert_eq!(play.probe(5, Ok(())), []);
    assert_eq!(
        play.probe(6, Ok(())),
        [SignalsFact::CheckRecovered {
            check: "home".into(),
            probed_at: at(6),
            failed_for: Span::from_mins(4)
        }]
    );
    assert_eq!(play.probe(7, Ok(())), []);
    play.assert_state_is_replay();
}

#[test]
fn a_probe_from_before_the_failure_does_not_end_it() {
    let mut play = Play::new();
    play.probe(1, Err("x"));
    play.probe(2, Err("x"));
    let command = Command::JudgeProbe { check: "home".into(), probed_at: at(1), result: Ok(()), streak: 9 };
    assert_eq!(play.submit(command), Ok(vec![]));
}

#[test]
fn a_heartbeat_is_missed_once_when_interval_and_grace_have_passed() {
    let mut play = Play::new();
    assert_eq!(play.look(70, None), [], "it was configured at minute 0");
    assert_eq!(play.look(71, None), missed(None, 70));
    assert_eq!(play.look(90, None), []);
    assert_eq!(play.look(91, Some(91)), returned(91));
    assert_eq!(play.look(161, Some(91)), []);
    assert_eq!(play.look(162, Some(91)), missed(Some(91), 161));
    assert_eq!(play.look(163, Some(92)), [], "what arrived late is late already, and stays one miss");
    assert_eq!(play.look(300, Some(300)), returned(300));
    play.assert_state_is_replay();
}

#[test]
fn what_arrived_before_it_was_configured_is_not_counted_against_it() {
    let mut play = Play::new();
    assert_eq!(play.look(70, Some(-5_000)), []);
    assert_eq!(play.look(71, Some(-5_000)), missed(None, 70));
    assert_eq!(play.look(72, Some(-5_000)), []);
    assert_eq!(play.look(73, Some(73)), returned(73));
}

#[test]
fn a_longer_interval_does_not_bring_a_missed_heartbeat_back_but_an_arrival_does() {
    let mut play = Play::new();
    play.look(30, Some(30));
    assert_eq!(play.look(101, Some(30)), missed(Some(30), 100));
    play.configure_every(Some(600));
    assert_eq!(play.look(102, Some(30)), []);
    assert!(play.state.missed(&"backup".into()).is_some());
    assert_eq!(play.look(103, Some(103)), returned(103));
}

#[test]
fn a_configuration_that_is_applied_again_does_not_start_the_clock_again() {
    let mut play = Play::new();
    play.now = at(60);
    play.configure(true);
    assert_eq!(play.look(71, None), missed(None, 70));
    assert_eq!(expected_by(&play.state, &"backup".into(), Some(at(100))), Some(at(170)));
    assert_eq!(expected_by(&play.state, &"other".into(), None), None);
}

#[test]
fn a_job_that_failed_returns_with_its_next_success() {
    let mut play = Play::new();
    play.look(30, Some(30));
    assert_eq!(play.fail(90), failed(90));
    assert_eq!(play.look(91, Some(30)), []);
    assert_eq!(play.look(92, Some(90)), [], "what arrived with the report is not a success");
    assert_eq!(play.look(150, Some(150)), returned(150));
    assert_eq!(play.look(151, Some(150)), []);
    play.assert_state_is_replay();
}

#[test]
fn a_job_that_says_that_it_fails_is_not_silent_until_it_is() {
    let mut play = Play::new();
    assert_eq!(play.fail(60), failed(60));
    assert_eq!(play.fail(61), [], "a job that repeats itself is heard once");
    assert_eq!(play.look(120, None), []);
    assert_eq!(play.fail(120), failed(120));
    assert_eq!(play.look(190, None), []);
    assert_eq!(play.look(191, None), missed(None, 190));
    assert_eq!(play.fail(200), failed(200));
    assert_eq!(play.look(201, None), []);
    assert!(play.state.missed(&"backup".into()).is_some() && play.state.failed(&"backup".into()).is_some());
    assert_eq!(play.look(202, Some(202)), returned(202));
    assert!(play.state.missed(&"backup".into()).is_none() && play.state.failed(&"backup".into()).is_none());
    play.assert_state_is_replay();
}

#[test]
fn what_leaves_the_configuration_in_trouble_is_retired_at_once() {
    let mut play = Play::new();
    play.probe(1, Err("x"));
    play.probe(2, Err("x"));
    play.fail(50);
    assert_eq!(next_wake(&play.state), None);
    play.now = at(60);
    play.configure(false);
    let mut retired = Vec::new();
    while let Some(wake) = next_wake(&play.state) {
        assert_eq!(wake.at, at(60));
        retired.extend(play.submit(Command::Wake(wake.why)).unwrap());
    }
    assert_eq!(
        retired,
        [
            SignalsFact::CheckRetired { check: "home".into() },
            SignalsFact::HeartbeatRetired { heartbeat: "backup".into() }
        ]
    );
    play.configure(true);
    assert_eq!(play.look(61, None), [], "its clock starts again");
    play.assert_state_is_replay();
}

#[test]
fn what_comes_back_before_it_was_retired_stays_as_it_was() {
    let mut play = Play::new();
    play.fail(50);
    play.configure(false);
    play.configure(true);
    assert_eq!(next_wake(&play.state), None);
    assert!(play.state.failed(&"backup".into()).is_some());
}

#[test]
fn what_is_not_configured_is_refused_by_name() {
    let mut play = Play::new();
    let probe = Command::JudgeProbe { check: "away".into(), probed_at: at(0), result: Ok(()), streak: 1 };
    assert_eq!(play.submit(probe).unwrap_err().sentence(), "the configuration has no check `away`");
    for command in [
        Command::JudgeHeartbeat { heartbeat: "away".into(), last: None },
        Command::FailHeartbeat { heartbeat: "away".into(), detail: String::new() },
    ] {
        assert_eq!(play.submit(command).unwrap_err().code(), "no_such_heartbeat");
    }
}

#[test]
fn a_job_cannot_fill_the_journal() {
    let mut play = Play::new();
    let command =
        Command::FailHeartbeat { heartbeat: "backup".into(), detail: format!("x{}", "é".repeat(9_999)) };
    let facts = play.submit(command).unwrap();
    assert!(matches!(&facts[..], [SignalsFact::HeartbeatFailed { detail, .. }] if detail.len() == 999));
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let minute = || (0..200_i64).prop_map(at);
    let check = || prop_oneof![Just("home"), Just("away")].prop_map(CheckId::from);
    let heartbeat = || prop_oneof![Just("backup"), Just("away")].prop_map(HeartbeatId::from);
    let fact = prop_oneof![
        (check(), minute()).prop_map(|(check, probed_at)| SignalsFact::CheckFailed {
            check,
            probed_at,
            detail: "x".into()
        }),
        (check(), minute()).prop_map(|(check, probed_at)| SignalsFact::CheckRecovered {
            check,
            probed_at,
            failed_for: Span::ZERO
        }),
        check().prop_map(|check| SignalsFact::CheckRetired { check }),
        (heartbeat(), prop::option::of(minute()), minute()).prop_map(|(heartbeat, last, expected_by)| {
            SignalsFact::HeartbeatMissed { heartbeat, last, expected_by }
        }),
        (heartbeat(), minute())
            .prop_map(|(heartbeat, arrived)| SignalsFact::HeartbeatReturned { heartbeat, arrived }),
        (heartbeat(), minute()).prop_map(|(heartbeat, arrived)| SignalsFact::HeartbeatFailed {
            heartbeat,
            arrived,
            detail: "x".into()
        }),
        heartbeat().prop_map(|heartbeat| SignalsFact::HeartbeatRetired { heartbeat }),
    ];
    fact.prop_map(Fact::from)
}

proptest! {
    #[test]
    fn any_journal_folds_the_same_twice_and_every_wake_moves_on(
        facts in prop::collection::vec((any_fact(), any::<bool>()), 0..30),
        last in prop::option::of(0..300_i64),
    ) {
        let mut play = Play::new();
        for (fact, declared) in facts {
            play.now += Span::from_mins(7);
            play.configure(declared);
            play.record(fact);
        }
        play.assert_state_is_replay();
        let mut woken = BTreeSet::new();
        while let Some(wake) = next_wake(&play.state) {
            prop_assert!(wake.at <= play.now);
            prop_assert!(woken.insert(wake.why.clone()), "a wake does not come twice");
            prop_assert!(!play.submit(Command::Wake(wake.why)).unwrap().is_empty());
        }
        play.configure(true);
        play.look(300, last);
        play.fail(300);
        play.look(9_000, last);
        prop_assert_eq!(play.look(9_000, Some(9_000)).len(), 1);
        play.assert_state_is_replay();
    }

    /// Whatever is heard when: it is missed exactly while the deadline of what was last heard has passed.
    #[test]
    fn a_heartbeat_is_missed_exactly_while_it_is_late(waits in prop::collection::vec(1..200_i64, 1..20)) {
        let mut play = Play::new();
        let (mut last, mut now) = (None, 0);
        for (i, wait) in waits.into_iter().enumerate() {
            now += wait;
            if i % 3 == 0 {
                last = Some(now);
            }
            play.look(now, last);
            let late = now > last.unwrap_or(0) + 70;
            prop_assert_eq!(play.state.missed(&"backup".into()).is_some(), late);
        }
    }
}
