//! A deadline that stops the process is left alone, and everything else goes on.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;

use engine::turn::Turn;
use engine::{Engine, QuarantineCommand, WakeReason, World};
use facts::configuration::{Channel, Configuration, ConfigurationApplied, ContactRef, Person};
use facts::oncall::Purpose;
use facts::{EngineFact, Entry, Fact, OncallFact};
use kernel::{Actor, ContactId, PersonId, Timestamp};

fn person(id: &str) -> (PersonId, Person) {
    let contact = ContactRef { id: ContactId::new(format!("{id}/email/0")), channel: Channel::Email };
    (PersonId::new(id), Person { contacts: vec![contact] })
}

/// Ana and Bo are paged at once, and one of them may be the fallback.
fn company(fallback: Option<&str>) -> Engine {
    let configuration = Configuration {
        people: BTreeMap::from([person("ana"), person("bo")]),
        fallback: fallback.map(PersonId::new),
        ..Configuration::default()
    };
    let applied = ConfigurationApplied { hash: "1".to_owned(), source: "test".to_owned(), configuration };
    let mut engine = Engine::default();
    engine
        .decide(at(0), &Actor::Configuration, engine::Command::ApplyConfiguration(Box::new(applied)))
        .unwrap();
    engine
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn open_page(engine: &mut Engine, secs: i64) {
    let (title, body) = ("look".to_owned(), String::new());
    let open = oncall::Command::OpenPage { group: None, service: None, policy: None, title, body };
    engine.decide(at(secs), &Actor::Swan, open.into()).unwrap();
}

fn quarantine(engine: &mut Engine, deadline: &WakeReason) -> Vec<Entry> {
    let command = QuarantineCommand::Quarantine { deadline: deadline.clone(), crashes: 3 };
    engine.decide(at(60), &Actor::Swan, command.into()).unwrap()
}

fn told(entries: &[Entry]) -> Vec<&str> {
    let about_it = |entry: &'_ Entry| match &entry.fact {
        Fact::Oncall(OncallFact::NotificationIntended {
            purpose: Purpose::DeadlineQuarantined { .. },
            person,
            ..
        }) => person.clone(),
        _ => None,
    };
    let people = entries.iter().filter_map(about_it);
    people.map(|person| if person.as_str() == "ana" { "ana" } else { "bo" }).collect()
}

#[test]
fn the_next_deadline_comes_and_the_quarantined_one_does_not() {
    let mut engine = company(None);
    open_page(&mut engine, 0);
    open_page(&mut engine, 1);
    let poisoned = engine.next_wake().unwrap().why;
    quarantine(&mut engine, &poisoned);
    assert_ne!(engine.next_wake().unwrap().why, poisoned);

    let mut turn = Turn::default();
    let woken = turn.wake(&mut engine, at(1_000_000), &mut |deadline| assert_ne!(*deadline, poisoned));
    assert!(!woken.is_empty());
}

#[test]
fn the_fallback_is_told_and_without_one_everybody() {
    for (fallback, expected) in [(Some("bo"), vec!["bo"]), (None, vec!["ana", "bo"])] {
        let mut engine = company(fallback);
        open_page(&mut engine, 0);
        let poisoned = engine.next_wake().unwrap().why;
        assert_eq!(told(&quarantine(&mut engine, &poisoned)), expected);
        assert_eq!(quarantine(&mut engine, &poisoned), [], "once is enough");
    }
}

#[test]
fn a_released_deadline_is_decided_again() {
    let mut engine = company(None);
    open_page(&mut engine, 0);
    let poisoned = engine.next_wake().unwrap().why;
    quarantine(&mut engine, &poisoned);
    let release = QuarantineCommand::Release { deadline: poisoned.as_text() };
    engine.decide(at(61), &Actor::Swan, release.clone().into()).unwrap();
    assert_eq!(engine.next_wake().unwrap().why, poisoned);
    let again = engine.decide(at(62), &Actor::Swan, release.into()).unwrap_err();
    assert_eq!(kernel::Refuse::code(&again), "not_quarantined");
}

#[test]
fn a_snapshot_remembers_and_a_replay_gives_the_same() {
    let mut engine = company(None);
    open_page(&mut engine, 0);
    let poisoned = engine.next_wake().unwrap().why;
    let entries = quarantine(&mut engine, &poisoned);
    assert!(matches!(entries[0].fact, Fact::Engine(EngineFact::DeadlineQuarantined { crashes: 3, .. })));
    let kept: World = serde_json::from_slice(&serde_json::to_vec(engine.world()).unwrap()).unwrap();
    assert_eq!(&kept, engine.world());
    assert!(kept.quarantined().contains(&poisoned));
}
