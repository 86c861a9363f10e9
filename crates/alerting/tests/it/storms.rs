use alerting::{Command, Standing, limits};
use std::sync::Arc;

use facts::alerting::AlertingFact;
use serde_json::json;

use crate::play::{Play, labels, posted, shop};

const STORM: usize = 10_000;

fn nodes() -> Vec<(kernel::Labels, f64)> {
    (0..STORM).map(|node| (labels(&format!("service=shop node={node}")), 1.0)).collect()
}

fn judge(play: &mut Play) {
    let command = Command::JudgeRule {
        group: "shop".to_owned(),
        rule: 1,
        at: play.now,
        elements: nodes(),
        outside: Arc::default(),
    };
    play.ask(command).unwrap();
}

#[test]
fn a_storm_is_taken_in_over_a_few_evaluations_and_no_decision_is_too_long() {
    let mut play = Play::new();
    for _ in 0..3 {
        judge(&mut play);
    }
    assert_eq!(play.state.alerts().len(), STORM);
    assert_eq!(play.told().len(), 1, "one page");
    for _ in 0..3 {
        play.holds(1, &[]);
    }
    assert_eq!(play.state.alerts().len(), 0);
    assert_eq!(play.told().len(), 1);
    assert!(play.longest <= limits::FACTS_PER_DECISION_MAX, "{}", play.longest);
}

#[test]
fn a_storm_of_groups_of_one_is_told_of_completely() {
    let mut config = shop();
    config["alerting"] = json!({"group_by": ["..."]});
    let mut play = Play::with(config);
    judge(&mut play);
    assert_eq!(play.told().len(), limits::TRANSITIONS_PER_EVALUATION_MAX);
    let told_at_once = |play: &Play| {
        let told = play.journal.iter().filter(|(_, fact)| matches!(fact, AlertingFact::GroupNotified { .. }));
        told.count()
    };
    assert_eq!(told_at_once(&play), limits::TRANSITIONS_PER_EVALUATION_MAX);
    assert!(play.longest <= limits::FACTS_PER_DECISION_MAX, "{}", play.longest);
}

#[test]
fn one_silence_mutes_a_storm_and_its_end_brings_all_of_it_back() {
    let mut play = Play::new();
    for _ in 0..3 {
        judge(&mut play);
    }
    play.told();
    let silence = play.silence(&["service=shop"], "0", "1h").unwrap();
    assert_eq!(play.told(), ["12:00:00 silenced"]);
    let muted = |play: &Play| {
        play.state.alerts().filter(|alert| alert.standing == Standing::Silenced(silence)).count()
    };
    assert_eq!(muted(&play), STORM);
    play.wait("1h");
    assert_eq!(muted(&play), 0);
    assert_eq!(play.state.groups().map(|group| group.members.len()).sum::<usize>(), STORM);
    assert!(play.longest <= limits::FACTS_PER_DECISION_MAX, "{}", play.longest);
}

#[test]
fn a_page_ends_as_silenced_where_its_last_alert_took_the_last_room() {
    let mut play = Play::new();
    let down = |node: usize| posted(&format!("alertname=Down service=shop priority=critical node={node}"));
    let nodes: Vec<usize> = (1..limits::FACTS_PER_DECISION_MAX).collect();
    for part in nodes.chunks(limits::ALERTS_PER_COMMAND_MAX) {
        play.receives(part.iter().map(|node| down(*node)).collect());
    }
    play.told();
    play.silence(&["service=shop"], "0", "1m").unwrap();
    assert_eq!(play.told(), ["12:00:00 silenced"]);
}

#[test]
fn a_rule_that_is_removed_in_a_storm_resolves_all_of_it() {
    let mut play = Play::new();
    for _ in 0..3 {
        judge(&mut play);
    }
    play.configure(json!({}));
    assert_eq!(play.state.alerts().len(), 0);
    assert_eq!(play.due(), None);
    assert!(play.longest <= limits::FACTS_PER_DECISION_MAX, "{}", play.longest);
}

#[test]
fn a_group_that_is_due_after_an_outage_under_a_silence_is_not_told_of_however_large_it_is() {
    let mut play = Play::new();
    let slow = |node: usize| posted(&format!("alertname=Slow service=shop priority=high node={node}"));
    for part in (0..STORM).collect::<Vec<_>>().chunks(limits::ALERTS_PER_COMMAND_MAX) {
        let alerts = part.iter().map(|node| slow(*node)).collect();
        play.receives(alerts);
    }
    play.silence(&["alertname=Slow"], "1m", "10h").unwrap();
    play.sleep("3m");
    assert_eq!(play.told(), [""; 0]);
    assert_eq!(play.state.groups().len(), 0);
    assert!(play.longest <= limits::FACTS_PER_DECISION_MAX, "{}", play.longest);
}
