use alerting::{BadMatcher, Command, Refusal, SilencePhase};
use facts::alerting::{AlertingFact as A, SuppressReason};
use kernel::{Refuse, SilenceId, Span};

use crate::play::{Play, labels, matcher, posted};

const DOWN: &str = "alertname=Down service=shop priority=critical";

#[test]
fn an_alert_that_a_silence_matches_is_told_of_only_when_the_silence_ends() {
    let mut play = Play::new();
    let silence = play.silence(&["alertname=Down"], "0", "1h").unwrap();
    let facts = play.holds(1, &["service=shop"]);
    let reason = SuppressReason::Silenced(silence);
    assert!(matches!(&facts[1..], [A::AlertSuppressed { reason: r, .. }] if *r == reason), "{facts:?}");
    play.wait("59m");
    assert_eq!(play.told(), [""; 0]);
    play.wait("1m");
    assert_eq!(play.told(), ["13:00:00 shop: Down"]);
    assert_eq!(play.state.silence(silence).unwrap().phase(play.now), SilencePhase::Expired);
}

#[test]
fn an_alert_that_ends_under_a_silence_is_never_told_of() {
    let mut play = Play::new();
    play.silence(&["alertname=Down"], "0", "1h").unwrap();
    play.holds(1, &["service=shop"]);
    play.holds(1, &[]);
    play.wait("2h");
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn a_silence_ends_the_page_of_what_it_takes_whole() {
    let mut play = Play::new();
    play.holds(1, &["service=shop node=a", "service=shop node=b"]);
    play.silence(&["node=a"], "0", "1h").unwrap();
    assert_eq!(play.told(), ["12:00:00 shop: Down (2 alerts)"]);
    play.silence(&["node=b"], "0", "2h").unwrap();
    assert_eq!(play.told(), ["12:00:00 silenced"]);
    play.wait("3h");
    assert_eq!(play.told(), ["13:00:00 shop: Down", "14:05:00 again shop: Down (2 alerts)"]);
}

#[test]
fn the_decision_that_makes_a_silence_ends_the_page_too() {
    let mut play = Play::new();
    play.holds(1, &["service=shop"]);
    let create = Command::CreateSilence {
        replaces: None,
        matchers: vec![matcher("service=shop")],
        starts_at: play.now,
        ends_at: play.now + Span::from_hours(1),
        comment: String::new(),
        created_by: String::new(),
    };
    let facts = play.ask(create).unwrap();
    assert!(matches!(
        facts[..],
        [A::SilenceCreated { .. }, A::AlertSuppressed { .. }, A::GroupResolved { silenced: true, .. }]
    ));
}

#[test]
fn a_group_is_not_told_of_again_for_newcomers_that_are_silenced_by_then() {
    let mut play = Play::new();
    play.holds(1, &["service=shop node=a"]);
    play.holds(1, &["service=shop node=a", "service=shop node=b"]);
    play.silence(&["node=b"], "10m", "10h").unwrap();
    play.sleep("1h");
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
}

#[test]
fn a_silence_made_ahead_begins_and_ends_at_its_times() {
    let mut play = Play::new();
    let silence = play.silence(&["alertname=Down"], "1h", "2h").unwrap();
    play.holds(1, &["service=shop"]);
    assert_eq!(play.state.silence(silence).unwrap().phase(play.now), SilencePhase::Pending);
    play.wait("90m");
    assert_eq!(play.state.silence(silence).unwrap().phase(play.now), SilencePhase::Active);
    play.wait("90m");
    assert_eq!(play.told(), ["12:00:00 shop: Down", "13:00:00 silenced", "14:00:00 shop: Down"]);
}

#[test]
fn a_silence_that_matches_nothing_begins_and_ends_all_the_same() {
    let mut play = Play::new();
    play.silence(&["alertname=Nothing"], "1h", "2h").unwrap();
    play.wait("3h");
    assert_eq!(play.due(), None);
}

#[test]
fn a_group_that_is_due_under_a_silence_is_not_told_of() {
    let mut play = Play::new();
    play.silence(&["alertname=Slow"], "30s", "1h").unwrap();
    play.holds(2, &["service=shop"]);
    play.wait("30m");
    assert_eq!(play.told(), [""; 0], "silence and group at one instant");
    play.holds(2, &[]);
    play.wait("1h");
    play.silence(&["alertname=Slow"], "10m", "20h").unwrap();
    play.holds(2, &["service=bank"]);
    play.sleep("1h");
    assert_eq!(play.told(), [""; 0], "both overdue");
}

#[test]
fn a_silence_that_swan_slept_through_changes_nothing() {
    let mut play = Play::new();
    play.holds(1, &["service=shop"]);
    play.silence(&["alertname=Down"], "10m", "20m").unwrap();
    play.sleep("1h");
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
}

#[test]
fn while_another_silence_matches_the_end_of_one_tells_nobody() {
    let mut play = Play::new();
    play.silence(&["alertname=Down"], "0", "1h").unwrap();
    let other = play.silence(&["service=shop"], "0", "2h").unwrap();
    play.holds(1, &["service=shop"]);
    play.wait("90m");
    assert_eq!(play.told(), [""; 0]);
    let fingerprint = labels(DOWN).fingerprint();
    let alert = play.state.alert(fingerprint).unwrap();
    assert_eq!(play.state.status(alert, play.now).silenced_by, [other]);
    play.wait("30m");
    assert_eq!(play.told(), ["14:00:00 shop: Down"]);
}

#[test]
fn a_silence_that_replaces_another_leaves_no_moment_between_them() {
    let mut play = Play::new();
    let first = play.silence(&["alertname=Down"], "0", "1h").unwrap();
    play.holds(1, &["service=shop"]);
    let second = play.replace(Some(first), &["alertname=Down"], "0", "3h").unwrap();
    play.wait("2h");
    assert_eq!(play.told(), [""; 0]);
    assert_eq!(play.state.silence(first).unwrap().phase(play.now), SilencePhase::Expired);
    play.replace(Some(second), &["alertname=Other"], "0", "3h").unwrap();
    assert_eq!(play.told(), ["14:00:00 shop: Down"]);
    let unknown = SilenceId(99);
    assert_eq!(play.replace(Some(unknown), &["a=b"], "0", "1h"), Err(Refusal::NoSuchSilence(unknown)));
}

#[test]
fn a_silence_ends_by_hand_once() {
    let mut play = Play::new();
    let silence = play.silence(&["alertname=Down"], "0", "1h").unwrap();
    play.holds(1, &["service=shop"]);
    play.ask(Command::ExpireSilence { silence }).unwrap();
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
    assert_eq!(play.ask(Command::ExpireSilence { silence }), Ok(vec![]));
    assert_eq!(play.due(), None);
    let unknown = SilenceId(99);
    assert_eq!(play.ask(Command::ExpireSilence { silence: unknown }), Err(Refusal::NoSuchSilence(unknown)));
}

#[test]
fn matchers_compare_whole_values_and_absent_labels_are_empty() {
    for (matchers, muted) in [
        (&["node=a1"][..], true),
        (&["node=a"], false),
        (&["node=~a."], true),
        (&["node=~a"], false),
        (&["node=~b|a1"], true),
        (&["node!=b", "alertname=Down"], true),
        (&["node!~a.*", "alertname=Down"], false),
        (&["rack=", "alertname=Down"], true),
        (&["rack!=", "alertname=Down"], false),
        (&["rack=~.*", "alertname=Down"], true),
        (&["node=a1", "alertname=Up"], false),
    ] {
        let mut play = Play::new();
        play.silence(matchers, "0", "1h").unwrap();
        play.receives(vec![posted(&format!("{DOWN} node=a1"))]);
        assert_eq!(play.told().is_empty(), muted, "{matchers:?}");
    }
}

#[test]
fn a_silence_that_cannot_be_meant_is_refused() {
    let mut play = Play::new();
    let mut refused =
        |matchers: &[&str], from: &str, until: &str| play.silence(matchers, from, until).unwrap_err();
    assert_eq!(refused(&[], "0", "1h"), Refusal::SilenceWithoutMatchers);
    assert_eq!(refused(&["a=~.*"], "0", "1h"), Refusal::SilenceMatchesEverything);
    assert_eq!(refused(&["a!=b"], "0", "1h"), Refusal::SilenceMatchesEverything);
    assert_eq!(refused(&["a="], "0", "1h"), Refusal::SilenceMatchesEverything);
    assert_eq!(refused(&["=b"], "0", "1h"), Refusal::BadMatcher { index: 0, reason: BadMatcher::NoName });
    assert!(matches!(refused(&["a=b"], "0", "0"), Refusal::SilenceEndsInThePast { .. }));
    assert!(matches!(refused(&["a=b"], "2h", "1h"), Refusal::SilenceEndsBeforeItStarts { .. }));
    let bad = refused(&["a=b", "a=~(b"], "0", "1h");
    assert_eq!(
        bad.sentence(),
        "matcher 1 of the silence has the regular expression `(b`, which does not compile: unclosed group"
    );
    assert!(matches!(refused(&["a=~b)(c"], "0", "1h"), Refusal::BadMatcher { .. }));
    assert!(matches!(refused(&["a=~(x{900}){900}"], "0", "1h"), Refusal::BadMatcher { .. }));
}
