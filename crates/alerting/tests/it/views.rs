use alerting::{Command, RuleCondition, Why};
use kernel::Timestamp;

use crate::play::{Play, labels, noon};

fn reasons(play: &Play, text: &str) -> Vec<String> {
    play.state.why(labels(text).fingerprint()).iter().map(Why::to_string).collect()
}

#[test]
fn everybody_can_see_why_they_are_told_or_not() {
    let mut play = Play::new();
    play.holds(0, &["service=shop"]);
    play.holds(1, &["service=shop"]);
    play.holds(2, &["service=shop"]);
    play.holds(3, &["service=shop"]);
    play.silence(&["service=bank"], "0", "1h").unwrap();
    play.holds(1, &["service=shop", "service=bank"]);
    assert_eq!(
        reasons(&play, "alertname=HighErrorRate service=shop priority=critical"),
        ["holds since 2026-11-20T12:00:00Z, and fires from 2026-11-20T12:05:00Z on if it still holds"]
    );
    let second = |text: &str| reasons(&play, text)[1].clone();
    assert_eq!(
        second("alertname=Down service=shop priority=critical"),
        "told of with grp_1 at 2026-11-20T12:00:00Z"
    );
    assert_eq!(
        second("alertname=Slow service=shop priority=high"),
        "grp_2 waits for more alerts until 2026-11-20T12:00:30Z"
    );
    assert_eq!(second("alertname=Untidy service=shop priority=low"), "low priority: counted, nobody is told");
    assert_eq!(
        second("alertname=Down service=bank priority=critical"),
        "sil_1 mutes it until 2026-11-20T13:00:00Z"
    );
    assert_eq!(reasons(&play, "alertname=Nothing"), [""; 0]);
}

#[test]
fn a_rule_shows_the_strongest_condition_of_what_it_holds() {
    let mut play = Play::new();
    let condition = |play: &Play| play.state.rule_state("shop", 0).unwrap().condition;
    assert_eq!(condition(&play), RuleCondition::Inactive);
    play.holds(0, &["node=a"]);
    assert_eq!(condition(&play), RuleCondition::Pending);
    play.wait("5m");
    play.holds(0, &["node=a", "node=b"]);
    let state = play.state.rule_state("shop", 0).unwrap();
    assert_eq!((state.condition, state.pending.len(), state.firing.len()), (RuleCondition::Firing, 1, 1));
    assert_eq!(play.state.rule_state("shop", 9), None);
}

#[test]
fn a_group_began_when_its_first_alert_did() {
    let mut play = Play::new();
    play.holds(0, &["node=a"]);
    play.wait("5m");
    play.holds(0, &["node=a"]);
    let group = play.state.groups().next().unwrap().id;
    let began: Option<Timestamp> = play.state.group_began_at(group);
    assert_eq!(began, Some(noon()));
    assert_eq!(play.state.alerts_of(group).count(), 1);
}

#[test]
fn low_alerts_and_silenced_ones_are_suppressed_in_alertmanagers_words() {
    let mut play = Play::new();
    play.holds(1, &["node=a"]);
    play.holds(3, &["node=a"]);
    play.ask(Command::RaiseAlert { labels: labels("alertname=Own"), annotations: Default::default() })
        .unwrap();
    let suppressed: Vec<(&str, bool)> = play
        .state
        .alerts()
        .map(|alert| {
            (alert.fired.labels.get("alertname").unwrap(), play.state.status(alert, play.now).is_suppressed)
        })
        .collect();
    for (name, is_suppressed) in suppressed {
        assert_eq!(is_suppressed, name == "Untidy", "{name}");
    }
}
