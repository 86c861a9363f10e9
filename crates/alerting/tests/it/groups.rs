use alerting::{PriorityReason, priority_of};
use facts::alerting::{AlertingFact as A, Priority};
use kernel::Span;
use serde_json::json;

use crate::play::{Play, labels, noon, posted, shop};
use alerting::PostedAlert;

#[test]
fn what_one_evaluation_finds_is_told_together_and_at_once_when_it_is_critical() {
    let mut play = Play::new();
    play.holds(1, &["service=shop node=a", "service=shop node=b", "service=shop node=c"]);
    assert_eq!(play.told(), ["12:00:00 shop: Down (3 alerts)"]);
}

#[test]
fn a_high_group_gathers_for_its_wait_and_is_told_once() {
    let mut play = Play::new();
    play.holds(2, &["service=shop node=a"]);
    play.wait("20s");
    play.holds(2, &["service=shop node=a", "service=shop node=b"]);
    play.wait("1h");
    assert_eq!(play.told(), ["12:00:30 shop: Slow (2 alerts)"]);
}

#[test]
fn newcomers_of_a_group_that_was_told_of_wait_for_its_interval() {
    let mut play = Play::new();
    play.holds(1, &["service=shop node=a"]);
    play.wait("10m");
    play.holds(1, &["service=shop node=a", "service=shop node=b"]);
    play.wait("1m");
    play.holds(1, &["service=shop node=a", "service=shop node=b", "service=shop node=c"]);
    play.wait("1h");
    assert_eq!(play.told(), ["12:00:00 shop: Down", "12:15:00 again shop: Down (3 alerts)"]);
}

#[test]
fn a_newcomer_that_is_over_before_the_interval_is_not_told_of() {
    let mut play = Play::new();
    play.holds(1, &["service=shop node=a"]);
    play.holds(1, &["service=shop node=a", "service=shop node=b"]);
    play.holds(1, &["service=shop node=a"]);
    play.wait("1h");
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
    assert_eq!(play.due(), None);
}

#[test]
fn a_group_that_is_over_before_it_is_due_tells_nobody() {
    let mut play = Play::new();
    play.holds(2, &["service=shop"]);
    play.wait("29s");
    let facts = play.holds(2, &[]);
    assert!(matches!(facts.last(), Some(A::GroupResolved { was_notified: false, silenced: false, .. })));
    play.wait("1h");
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn an_alert_that_ends_at_the_instant_its_group_is_due_is_not_told_of() {
    let mut play = Play::new();
    let slow = "alertname=Slow service=shop priority=high";
    play.receives(vec![PostedAlert { ends_at: Some(noon() + Span::from_secs(30)), ..posted(slow) }]);
    play.wait("1h");
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn after_an_outage_a_group_is_told_of_with_what_is_left_of_it() {
    let mut play = Play::new();
    let slow = |node: &str, secs: i64| PostedAlert {
        ends_at: Some(noon() + Span::from_secs(secs)),
        ..posted(&format!("alertname=Slow service=shop priority=high node={node}"))
    };
    play.receives(vec![slow("a", 60), slow("b", 7200)]);
    play.sleep("1h");
    assert_eq!(play.told(), ["13:00:00 shop: Slow"]);
}

#[test]
fn a_group_never_mixes_services_or_priorities() {
    let mut config = shop();
    config["alerting"] = json!({"group_by": ["alertname"]});
    let mut play = Play::with(config);
    play.receives(vec![
        posted("alertname=A service=shop priority=critical"),
        posted("alertname=A service=bank priority=critical"),
        posted("alertname=A service=bank priority=high"),
    ]);
    play.wait("1m");
    assert_eq!(play.told(), ["12:00:00 shop: A", "12:00:00 bank: A", "12:00:30 bank: A"]);
}

#[test]
fn grouping_by_three_dots_sets_every_alert_apart() {
    let mut config = shop();
    config["alerting"] = json!({"group_by": ["..."]});
    let mut play = Play::with(config);
    play.holds(1, &["service=shop node=a", "service=shop node=b"]);
    assert_eq!(play.told(), ["12:00:00 shop: Down", "12:00:00 shop: Down"]);
}

#[test]
fn a_reload_in_the_middle_of_a_wait_tells_of_the_whole_group_once() {
    let mut play = Play::new();
    play.holds(2, &["service=shop node=a"]);
    play.wait("10s");
    let mut config = shop();
    config["alerting"] = json!({"high_wait": "1m"});
    play.configure(config);
    play.holds(2, &["service=shop node=a", "service=shop node=b"]);
    play.wait("1h");
    assert_eq!(play.told(), ["12:00:30 shop: Slow (2 alerts)"]);
}

#[test]
fn a_title_says_what_a_person_needs_first() {
    let title = |alerts: Vec<PostedAlert>| {
        let mut config = shop();
        config["alerting"] = json!({"group_by": ["service"]});
        let mut play = Play::with(config);
        play.receives(alerts);
        play.told()[0][9..].to_owned()
    };
    let alert = |text: &str| posted(&format!("{text} priority=critical"));
    let summed = |text: &str, summary: &str| PostedAlert {
        annotations: [("summary".to_owned(), summary.to_owned())].into(),
        ..alert(text)
    };
    assert_eq!(title(vec![alert("alertname=A service=shop")]), "shop: A");
    assert_eq!(title(vec![summed("alertname=A service=shop", "it\n burns ")]), "A: it burns");
    assert_eq!(
        title(vec![alert("alertname=B service=shop"), summed("alertname=A service=shop", "x")]),
        "shop: A, B (2 alerts)"
    );
    assert_eq!(title(vec![alert("job=j")]), "{job=\"j\", priority=\"critical\"}");
    let many = ["A", "B", "C", "D"].map(|name| alert(&format!("alertname={name} service=shop")));
    assert_eq!(title(many.to_vec()), "shop: A, B, C, … (4 alerts)");
    assert_eq!(title(vec![summed("alertname=A", &"long ".repeat(100))]).chars().count(), 200);
}

#[test]
fn priority_follows_the_priority_label_then_the_severity_then_is_high() {
    use Priority::{Critical, High, Low};
    use PriorityReason::{NothingMaps, PriorityLabel, SeverityLabel};
    for (text, expected) in [
        ("priority=critical severity=info", (Critical, PriorityLabel)),
        ("priority=high", (High, PriorityLabel)),
        ("priority=low severity=page", (Low, PriorityLabel)),
        ("priority=urgent severity=page", (Critical, SeverityLabel)),
        ("severity=critical", (Critical, SeverityLabel)),
        ("severity=warning", (High, SeverityLabel)),
        ("severity=error", (High, SeverityLabel)),
        ("severity=info", (Low, SeverityLabel)),
        ("severity=none", (Low, SeverityLabel)),
        ("severity=sev1", (High, NothingMaps)),
        ("a=1", (High, NothingMaps)),
    ] {
        assert_eq!(priority_of(&labels(text)), expected, "{text}");
    }
}
