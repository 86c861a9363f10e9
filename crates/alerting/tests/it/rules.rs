use std::sync::Arc;

use alerting::templates::{Answers, Outside, Sample, SampleValue};
use alerting::{Command, Reading, Refusal};
use facts::alerting::{AlertingFact as A, Origin, Priority, ResolveReason};
use kernel::{Refuse, Timestamp};
use serde_json::{Value, json};

use crate::play::{Play, labels, noon, shop};

fn at(text: &str) -> Timestamp {
    format!("2026-11-20T{text}Z").parse().unwrap()
}

#[test]
fn a_condition_fires_once_it_has_held_for_long_enough() {
    let mut play = Play::new();
    let began = play.holds(0, &["service=shop"]);
    assert!(matches!(&began[..], [A::AlertPending { since, .. }] if *since == noon()), "{began:?}");
    play.wait("4m59s");
    assert_eq!(play.holds(0, &["service=shop"]), []);
    play.wait("1s");
    play.holds(0, &["service=shop"]);
    assert_eq!(play.told(), ["12:05:00 shop: HighErrorRate"]);
    let fired = play.fired();
    assert_eq!((fired[0].starts_at, fired[0].value.as_deref()), (noon(), Some("0.25")));
    assert_eq!(fired[0].labels, labels("alertname=HighErrorRate priority=critical service=shop"));
    assert!(matches!(&fired[0].origin, Origin::Rule { rule, place: 0, .. } if rule == "HighErrorRate"));
}

#[test]
fn a_condition_that_needs_not_hold_fires_at_once_and_is_never_pending() {
    let mut play = Play::new();
    let facts = play.holds(1, &["service=shop"]);
    assert!(matches!(facts[0], A::AlertFired(_)), "{facts:?}");
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
}

#[test]
fn a_condition_that_clears_before_its_time_tells_nobody_and_begins_anew() {
    let mut play = Play::new();
    play.holds(0, &["service=shop"]);
    play.wait("4m");
    let cleared = play.holds(0, &[]);
    assert!(matches!(cleared[..], [A::PendingCleared { .. }]));
    play.wait("1m");
    play.holds(0, &["service=shop"]);
    play.wait("4m");
    play.holds(0, &["service=shop"]);
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn an_evaluation_that_changes_nothing_records_nothing() {
    let mut play = Play::new();
    play.holds(1, &["service=shop"]);
    let command = Command::JudgeRule {
        group: "shop".to_owned(),
        rule: 1,
        at: play.now,
        elements: vec![(labels("service=shop"), 17.0)],
        outside: Arc::default(),
    };
    assert_eq!(play.ask(command), Ok(vec![]));
}

#[test]
fn a_cleared_condition_resolves_its_alert_and_ends_what_people_were_told() {
    let mut play = Play::new();
    play.holds(1, &["service=shop"]);
    play.wait("1m");
    let facts = play.holds(1, &[]);
    let reason = ResolveReason::ConditionCleared;
    assert!(
        matches!(&facts[0], A::AlertResolved { ended_at, reason: r, .. } if *ended_at == at("12:01:00") && *r == reason)
    );
    assert_eq!(play.told(), ["12:00:00 shop: Down", "12:01:00 over"]);
    assert_eq!(play.due(), None);
}

fn keeping() -> Value {
    let rule =
        json!({"alert": "Flaps", "expr": "x", "keep_firing_for": "5m", "labels": {"priority": "critical"}});
    json!({"rule_groups": [{"name": "shop", "rules": [rule]}]})
}

#[test]
fn a_rule_that_keeps_firing_resolves_only_after_its_time_and_at_an_evaluation() {
    let mut play = Play::with(keeping());
    play.holds(0, &["a=1"]);
    play.wait("1m");
    assert!(matches!(play.holds(0, &[])[..], [A::AlertKeptFiring { .. }]));
    play.wait("4m");
    assert_eq!(play.holds(0, &[]), []);
    play.wait("1m");
    play.holds(0, &[]);
    assert_eq!(play.told(), ["12:00:00 Flaps", "12:06:00 over"]);
}

#[test]
fn a_kept_alert_whose_condition_returns_was_never_over() {
    let mut play = Play::with(keeping());
    play.holds(0, &["a=1"]);
    play.holds(0, &[]);
    play.wait("4m");
    assert!(matches!(play.holds(0, &["a=1"])[..], [A::AlertHeldAgain { .. }]));
    play.wait("4m");
    play.holds(0, &[]);
    play.wait("4m");
    play.holds(0, &[]);
    assert_eq!(play.told(), ["12:00:00 Flaps"]);
}

#[test]
fn a_rule_that_leaves_the_configuration_resolves_what_it_held() {
    let mut play = Play::new();
    play.holds(0, &["service=bank"]);
    play.holds(1, &["service=shop"]);
    play.told();
    let mut less = shop();
    less["rule_groups"][0]["rules"].as_array_mut().unwrap().drain(..2);
    play.configure(less);
    let last: Vec<&A> = play.journal.iter().map(|(_, fact)| fact).collect();
    assert!(last.iter().any(|fact| matches!(fact, A::PendingCleared { .. })), "{last:?}");
    let removed = |fact: &&&A| matches!(fact, A::AlertResolved { reason: ResolveReason::RuleRemoved, .. });
    assert_eq!(last.iter().filter(removed).count(), 1);
    assert_eq!(play.told(), ["12:00:00 over"]);
    assert_eq!(play.state.pending().len() + play.state.alerts().len(), 0);
}

#[test]
fn a_reload_neither_tells_again_nor_forgets_what_a_rule_held() {
    let mut play = Play::new();
    play.holds(0, &["service=shop"]);
    play.holds(1, &["service=shop"]);
    play.told();
    let mut turned = shop();
    turned["rule_groups"][0]["rules"].as_array_mut().unwrap().reverse();
    turned["rule_groups"][0]["rules"][2]["expr"] = "y".into();
    play.configure(turned);
    play.wait("5m");
    assert_eq!(play.holds(2, &["service=shop"]), [], "Down still fires");
    play.holds(3, &["service=shop"]);
    assert_eq!(play.told(), ["12:05:00 shop: HighErrorRate"]);
    play.holds(2, &[]);
    assert_eq!(play.told(), ["12:05:00 over"]);
}

#[test]
fn rules_of_one_name_keep_their_own_alerts() {
    let rule = |severity: &str| json!({"alert": "Full", "expr": "x", "labels": {"severity": severity}});
    let mut play =
        Play::with(json!({"rule_groups": [{"name": "shop", "rules": [rule("page"), rule("error")]}]}));
    play.holds(0, &["disk=a"]);
    play.holds(1, &["disk=a"]);
    assert_eq!(play.state.alerts().len(), 2);
    play.holds(0, &[]);
    let left: Vec<Priority> = play.state.alerts().map(|alert| alert.fired.priority).collect();
    assert_eq!(left, [Priority::High]);
}

#[test]
fn an_alert_that_fires_again_after_it_was_over_is_told_of_anew() {
    let mut play = Play::new();
    for _ in 0..2 {
        play.holds(1, &["service=shop"]);
        play.wait("10s");
        play.holds(1, &[]);
        play.wait("10s");
    }
    let told = play.told();
    assert_eq!(told, ["12:00:00 shop: Down", "12:00:10 over", "12:00:20 shop: Down", "12:00:30 over"]);
}

#[test]
fn labels_are_the_elements_then_the_groups_then_the_rules() {
    let config = json!({"rule_groups": [{
        "name": "shop",
        "labels": {"team": "web", "env": "prod"},
        "rules": [{
            "alert": "Hot",
            "expr": "x",
            "labels": {"env": "test", "job": "", "host": "{{ $labels.instance | stripPort }}", "alertname": "no"},
            "annotations": {"summary": "{{ $labels.instance }} in {{ $labels.env }} is at {{ $value | humanizePercentage }}"},
        }],
    }]});
    let mut play = Play::with(config);
    play.holds(0, &["__name__=up env=x instance=db:1 job=j"]);
    let fired = play.fired()[0];
    assert_eq!(fired.labels, labels("alertname=Hot env=test host=db instance=db:1 team=web"));
    assert_eq!(fired.annotations["summary"], "db:1 in x is at 25%");
}

#[test]
fn series_that_become_the_same_alert_are_refused_and_named() {
    let rule = json!({"alert": "Down", "expr": "x", "labels": {"instance": "any"}});
    let mut play = Play::with(json!({"rule_groups": [{"name": "shop", "rules": [rule]}]}));
    let elements = vec![(labels("instance=a"), 1.0), (labels("instance=b"), 1.0)];
    let judge = Command::JudgeRule {
        group: "shop".to_owned(),
        rule: 0,
        at: play.now,
        elements,
        outside: Arc::default(),
    };
    let refusal = play.ask(judge).unwrap_err();
    assert_eq!(
        refusal.sentence(),
        "rule `Down` yields several series with the same labels after its own are added: \
         {alertname=\"Down\", instance=\"any\"}"
    );
    assert_eq!(play.journal, []);
}

#[test]
fn a_rule_that_is_not_there_or_records_a_series_is_not_judged() {
    let mut config = shop();
    config["rule_groups"][0]["rules"][0] = json!({"record": "a:b", "expr": "x"});
    let mut play = Play::with(config);
    for (group, rule) in [("shop", 9), ("bank", 0), ("shop", 0)] {
        let judge = Command::JudgeRule {
            group: group.to_owned(),
            rule,
            at: play.now,
            elements: vec![],
            outside: Arc::default(),
        };
        let group = group.to_owned();
        assert_eq!(play.ask(judge), Err(Refusal::NoSuchRule { group, rule }));
    }
}

#[test]
fn a_template_that_fails_says_so_where_people_look() {
    let rule = json!({"alert": "Odd", "expr": "x", "annotations": {"summary": "{{ query \"up\" }}", "d": "{{ len $value }}"}});
    let mut play = Play::with(json!({"rule_groups": [{"name": "shop", "rules": [rule]}]}));
    play.holds(0, &["a=1"]);
    let annotations = &play.fired()[0].annotations;
    assert_eq!(annotations["summary"], "<error expanding template: query: nobody answered `up`>");
    assert_eq!(annotations["d"], "<error expanding template: len: a float64 has no length>");
}

/// The answer `up{job="a"} 3` to the query `up`, and an external label.
fn outside() -> Outside {
    let mut answers = Answers::default();
    let up = Sample { labels: labels("job=a"), value: SampleValue::Float(3.0) };
    answers.find("up", || Ok(vec![up])).unwrap();
    Outside { labels: labels("region=eu"), url: "https://swan.example".to_owned(), answers }
}

#[test]
fn labels_and_annotations_say_what_came_with_the_evaluation() {
    let rule = json!({"alert": "Odd", "expr": "x",
        "labels": {"up": "{{ query \"up\" | first | value }}", "region": "{{ $externalLabels.region }}"},
        "annotations": {"summary": "{{ range query \"up\" }}{{ .Labels.job }}{{ end }} at {{ $externalURL }}"}});
    let mut play = Play::with(json!({"rule_groups": [{"name": "shop", "rules": [rule]}]}));
    let outside = Arc::new(outside());
    let elements = vec![(labels("a=1"), 1.0)];
    play.ask(Command::JudgeRule { group: "shop".to_owned(), rule: 0, at: play.now, elements, outside })
        .unwrap();
    assert_eq!(play.fired()[0].labels, labels("a=1 alertname=Odd region=eu up=3"));
    assert_eq!(play.fired()[0].annotations["summary"], "a at https://swan.example");
}

#[test]
fn what_a_rule_says_of_a_firing_alert_follows_its_readings_and_its_facts_do_not() {
    let rule = json!({"alert": "Odd", "expr": "x", "labels": {"b": "{{ $labels.a }}"},
        "annotations": {"summary": "{{ $labels.a }} is at {{ $value }}"}});
    let mut play = Play::with(json!({"rule_groups": [{"name": "shop", "rules": [rule]}]}));
    play.holds(0, &["a=1"]);
    let elements = vec![(labels("a=1"), 9.0), (labels("a=2"), 8.0)];
    let reading = Reading { at: play.now, elements, outside: Arc::default() };
    let said = play.state.wording("shop", 0).unwrap().said(&reading);
    let fired = play.fired()[0].clone();
    assert_eq!(fired.annotations["summary"], "1 is at 0.25");
    let now = &said[&fired.fingerprint];
    assert_eq!((now.value, &now.annotations["summary"][..]), (9.0, "1 is at 9"));
    assert_eq!(said.len(), 2);
    assert!(play.state.wording("shop", 1).is_none());
}

fn proves(play: &mut Play, rule: usize, elements: &[&str]) -> Vec<A> {
    let elements = elements.iter().map(|text| (labels(text), 1.0)).collect();
    let command = Command::ProveRule {
        group: "shop".to_owned(),
        rule,
        at: play.now,
        elements,
        outside: Arc::default(),
    };
    play.ask(command).unwrap()
}

#[test]
fn a_sample_that_proves_a_rule_fires_its_alert_and_ends_none() {
    let mut play = Play::new();
    let facts = proves(&mut play, 1, &["service=shop"]);
    assert!(matches!(facts[0], A::AlertFired(_)), "{facts:?}");
    assert_eq!(proves(&mut play, 1, &["service=shop"]), [], "it fires already");
    assert_eq!(proves(&mut play, 1, &[]), [], "only the interval says what is over");
    assert_eq!(play.holds(1, &["service=shop"]), [], "the interval finds it as it left it");
    let over = play.holds(1, &[]);
    assert!(matches!(over[0], A::AlertResolved { reason: ResolveReason::ConditionCleared, .. }), "{over:?}");
}

#[test]
fn a_sample_proves_nothing_of_what_has_to_hold_for_a_while() {
    let mut play = Play::new();
    assert_eq!(proves(&mut play, 0, &["service=shop"]), []);
    play.holds(0, &["service=shop"]);
    play.wait("4m");
    assert_eq!(proves(&mut play, 0, &["service=shop"]), []);
}
