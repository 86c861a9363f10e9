use alerting::{Command, PostedAlert, State, WakeReason, apply, decide, next_wake};
use std::sync::Arc;

use facts::alerting::{AlertingFact as A, FiringAlert, Origin, Priority, ResolveReason, SuppressReason};
use facts::{Entry, Fact, Seq};
use kernel::{Actor, Fingerprint, GroupId, Labels, SilenceId, Span, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::play::{Play, matcher, noon, shop};

#[derive(Debug, Clone)]
enum Step {
    Judge { rule: usize, nodes: Vec<u8> },
    Receive { nodes: Vec<(u8, u8, Option<i64>)> },
    Raise(u8),
    Clear(u8),
    Silence { replaces: Option<u64>, matcher: usize, from: i64, until: i64 },
    Expire(u64),
    Configure(usize),
    Wait(i64),
    Sleep(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let nodes = || prop::collection::vec(0..4_u8, 0..4);
    prop_oneof![
        4 => (0..4_usize, nodes()).prop_map(|(rule, nodes)| Step::Judge { rule, nodes }),
        3 => prop::collection::vec((0..4_u8, 0..3_u8, prop::option::of(-60..600_i64)), 0..4)
            .prop_map(|nodes| Step::Receive { nodes }),
        1 => (0..4_u8).prop_map(Step::Raise),
        1 => (0..4_u8).prop_map(Step::Clear),
        2 => (prop::option::of(0..4_u64), 0..4_usize, 0..300_i64, 1..900_i64)
            .prop_map(|(replaces, matcher, from, until)| Step::Silence { replaces, matcher, from, until }),
        1 => (0..6_u64).prop_map(Step::Expire),
        1 => (0..4_usize).prop_map(Step::Configure),
        4 => (0..400_i64).prop_map(Step::Wait),
        2 => (0..4000_i64).prop_map(Step::Sleep),
    ]
}

fn named(node: u8, kind: u8) -> Labels {
    let (alert, priority) = [("Down", "critical"), ("Slow", "high"), ("Untidy", "low")][usize::from(kind)];
    let service = ["shop", "bank"][usize::from(node % 2)];
    let node = node.to_string();
    Labels::new([("alertname", alert), ("priority", priority), ("service", service), ("node", &node)])
        .unwrap()
}

fn configuration(which: usize) -> serde_json::Value {
    let mut config = shop();
    let rules = config["rule_groups"][0]["rules"].as_array_mut().unwrap();
    match which {
        0 => {}
        1 => rules.reverse(),
        2 => {
            rules.remove(1);
            rules[0]["keep_firing_for"] = "5m".into();
            config["alerting"] = json!({"group_by": ["service"], "critical_wait": "10s"});
        }
        _ => config["alerting"] = json!({"group_by": ["..."], "high_wait": "0s", "resolve_timeout": "0s"}),
    }
    config
}

fn take(play: &mut Play, step: Step) {
    let element = |node: &u8| (named(*node, 0).only(|name| name == "node" || name == "service"), 1.0);
    let command = match step {
        Step::Judge { rule, nodes } => {
            let nodes: std::collections::BTreeSet<u8> = nodes.into_iter().collect();
            let elements = nodes.iter().map(element).collect();
            Command::JudgeRule {
                group: "shop".to_owned(),
                rule,
                at: play.now,
                elements,
                outside: Arc::default(),
            }
        }
        Step::Receive { nodes } => {
            let alerts = nodes.into_iter().map(|(node, kind, ends)| PostedAlert {
                labels: named(node, kind),
                annotations: Default::default(),
                starts_at: None,
                ends_at: ends.map(|secs| play.now + Span::from_secs(secs)),
                generator_url: None,
            });
            Command::ReceiveAlerts(alerts.collect())
        }
        Step::Raise(node) => Command::RaiseAlert { labels: named(node, 1), annotations: Default::default() },
        Step::Clear(node) => Command::ClearAlert { labels: named(node, 1) },
        Step::Silence { replaces, matcher: which, from, until } => Command::CreateSilence {
            replaces: replaces.map(SilenceId),
            matchers: vec![matcher(["service=shop", "node=~[01]", "alertname=Down", "priority!="][which])],
            starts_at: play.now + Span::from_secs(from),
            ends_at: play.now + Span::from_secs(until),
            comment: String::new(),
            created_by: String::new(),
        },
        Step::Expire(id) => Command::ExpireSilence { silence: SilenceId(id) },
        Step::Configure(which) => return play.configure(configuration(which)),
        Step::Wait(secs) => {
            play.wait(&format!("{}ms", secs * 1000));
            return play.check();
        }
        Step::Sleep(secs) => {
            play.sleep(&format!("{}ms", secs * 1000));
            return;
        }
    };
    // A refusal is an answer too.
    let _ = play.ask(command);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// `Play` checks after each step that wakes move and that each firing alert is in exactly the place it should be.
    #[test]
    fn whatever_is_asked_every_alert_has_its_place_and_the_state_survives_its_snapshot(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut play = Play::new();
        for step in steps {
            take(&mut play, step);
            let snapshot = serde_json::to_string(&play.state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<State>(&snapshot).unwrap(), &play.state);
        }
        play.sleep("100h");
        let quiet = play.due().is_none_or(|(at, _)| at > play.now);
        prop_assert!(quiet);
    }

    /// Facts in any order, about anything: a journal is never too odd to open, and what it leaves is settled.
    #[test]
    fn no_order_of_facts_breaks_the_fold_and_wakes_put_it_right(facts in prop::collection::vec(any_fact(), 0..80)) {
        let mut state = State::default();
        let mut seq = 0;
        let mut record = |state: &mut State, at: Timestamp, fact: A| {
            seq += 1;
            apply(state, &Entry { seq: Seq(seq), at, actor: Actor::Swan, fact: Fact::Alerting(fact) });
        };
        for (place, fact) in facts.into_iter().enumerate() {
            record(&mut state, noon() + Span::from_secs(place as i64), fact);
        }
        let late = noon() + Span::from_days(40);
        let mut steps = 0;
        while let Some(wake) = next_wake(&state).filter(|wake| wake.at <= late) {
            let facts = decide(&state, late, &Actor::Swan, Command::Wake(wake.why.clone())).unwrap();
            prop_assert!(!facts.is_empty(), "{:?} gave no fact", wake);
            for fact in facts {
                record(&mut state, late, fact);
            }
            prop_assert_ne!(next_wake(&state), Some(wake));
            steps += 1;
            prop_assert!(steps < 1000);
        }
        prop_assert!(state.groups().all(|group| !group.members.is_empty()));
    }
}

fn any_fact() -> impl Strategy<Value = A> {
    let fingerprint = || (0..4_u8).prop_map(|node| named(node, 0).fingerprint());
    let group = || (1..4_u64).prop_map(GroupId);
    let silence = || (1..4_u64).prop_map(SilenceId);
    let time = || (0..200_i64).prop_map(|secs| noon() + Span::from_secs(secs));
    prop_oneof![
        (0..4_u8, time()).prop_map(|(node, since)| A::AlertPending {
            fingerprint: named(node, 0).fingerprint(),
            labels: named(node, 0),
            origin: Origin::Rule { group: "g".to_owned(), rule: "r".to_owned(), place: 0 },
            since,
            value: "1".to_owned(),
        }),
        fingerprint().prop_map(|fingerprint| A::PendingCleared { fingerprint }),
        (0..4_u8, 0..3_u8, prop::option::of(time())).prop_map(fired),
        (fingerprint(), prop::option::of(time())).prop_map(|(fingerprint, expires_at)| A::AlertRefreshed {
            fingerprint,
            annotations: Default::default(),
            expires_at,
        }),
        (fingerprint(), time()).prop_map(|(fingerprint, ended_at)| A::AlertResolved {
            fingerprint,
            ended_at,
            reason: ResolveReason::Expired,
        }),
        (fingerprint(), silence()).prop_map(|(fingerprint, id)| A::AlertSuppressed {
            fingerprint,
            reason: SuppressReason::Silenced(id)
        }),
        fingerprint()
            .prop_map(|fingerprint| A::AlertSuppressed { fingerprint, reason: SuppressReason::LowPriority }),
        (group(), fingerprint(), time()).prop_map(|(group, alert, notify_at)| A::GroupOpened {
            group,
            key: Labels::default(),
            priority: Priority::High,
            service: None,
            alert,
            notify_at,
        }),
        (group(), fingerprint(), prop::option::of(time()))
            .prop_map(|(group, alert, notify_at)| A::GroupGrew { group, alert, notify_at }),
        group().prop_map(|group| A::GroupNotified {
            group,
            alerts: vec![],
            title: String::new(),
            again: false
        }),
        group().prop_map(|group| A::GroupResolved { group, was_notified: true, silenced: false }),
        (silence(), time(), time()).prop_map(|(silence, starts_at, ends_at)| A::SilenceCreated {
            silence,
            matchers: vec![matcher("node=~[01]")],
            starts_at,
            ends_at,
            comment: String::new(),
            created_by: String::new(),
        }),
        silence().prop_map(|silence| A::SilenceBegan { silence }),
        silence().prop_map(|silence| A::SilenceExpired { silence }),
    ]
}

fn fired((node, from, expires_at): (u8, u8, Option<Timestamp>)) -> A {
    let labels = named(node, 0);
    let rule = || Origin::Rule { group: "g".to_owned(), rule: "r".to_owned(), place: 0 };
    let origin = match from {
        0 => Origin::Swan,
        1 => Origin::Alertmanager,
        _ => rule(),
    };
    A::AlertFired(Box::new(FiringAlert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: Default::default(),
        priority: Priority::High,
        service: None,
        starts_at: noon(),
        expires_at,
        value: None,
        origin,
        generator_url: None,
    }))
}

#[test]
fn a_wake_for_what_is_gone_or_not_yet_due_is_nothing() {
    let mut play = Play::new();
    play.holds(2, &["service=shop"]);
    play.silence(&["a=b"], "1h", "2h").unwrap();
    let nothing = Fingerprint(1);
    for why in [
        WakeReason::GroupDue(GroupId(1)),
        WakeReason::GroupDue(GroupId(9)),
        WakeReason::SilenceBegins(SilenceId(1)),
        WakeReason::SilenceEnds(SilenceId(1)),
        WakeReason::SilenceReaches(SilenceId(1), nothing),
        WakeReason::AlertExpires(nothing),
        WakeReason::AlertUnsettled(nothing),
        WakeReason::RuleGone(nothing),
        WakeReason::LowDayEnds,
    ] {
        assert_eq!(decide(&play.state, play.now, &Actor::Swan, Command::Wake(why)), Ok(vec![]));
    }
}
