use alerting::{BadAlert, Command, PostedAlert, Refusal, validate};
use facts::alerting::{AlertingFact as A, Origin, ResolveReason};
use kernel::{Labels, Refuse, Span};

use crate::play::{Play, labels, noon, posted};

const DOWN: &str = "alertname=Down service=shop priority=critical";

fn until(play: &Play, span: &str, text: &str) -> PostedAlert {
    PostedAlert { ends_at: Some(play.now + span.parse::<Span>().unwrap()), ..posted(text) }
}

#[test]
fn an_alert_from_elsewhere_ends_when_its_sender_falls_silent_and_not_before() {
    let mut play = Play::new();
    play.receives(vec![until(&play, "4m", DOWN)]);
    play.wait("3m59s");
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
    play.wait("1s");
    assert_eq!(play.told(), ["12:04:00 over"]);
    let (_, last) = &play.journal[play.journal.len() - 2];
    assert!(matches!(last, A::AlertResolved { reason: ResolveReason::Expired, .. }), "{last:?}");
}

#[test]
fn an_alert_that_names_no_end_lasts_for_the_resolve_timeout() {
    let mut play = Play::new();
    play.receives(vec![posted(DOWN)]);
    play.wait("1h");
    assert_eq!(play.told(), ["12:00:00 shop: Down", "12:05:00 over"]);
}

#[test]
fn an_alert_that_is_sent_again_every_minute_goes_on_and_is_seldom_recorded() {
    let mut play = Play::new();
    for _ in 0..60 {
        play.receives(vec![until(&play, "4m", DOWN)]);
        play.wait("1m");
    }
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
    let refreshed = play.journal.iter().filter(|(_, fact)| matches!(fact, A::AlertRefreshed { .. })).count();
    assert!(refreshed <= 20, "{refreshed} facts for 59 repetitions");
    // The last promise was made at 12:59 and holds until 13:03.
    play.wait("2m59s");
    assert_eq!(play.told(), [""; 0]);
    play.wait("2m1s");
    assert_eq!(play.told().len(), 1);
}

#[test]
fn no_pattern_of_repetitions_ends_an_alert_before_its_last_promise() {
    let mut rng = kernel::Rng::new(11);
    for _ in 0..200 {
        let mut play = Play::new();
        let mut promised = noon();
        for _ in 0..40 {
            let lead = Span::from_secs(1 + rng.below(600) as i64);
            promised = promised.max(play.now + lead);
            let alert = PostedAlert { ends_at: Some(promised), ..posted(DOWN) };
            play.receives(vec![alert]);
            let step = (promised - play.now).as_millis().min(rng.below(120_000) as i64);
            play.wait(&format!("{step}ms"));
            if play.now < promised {
                assert_eq!(play.state.alerts().len(), 1, "at {} before {promised}", play.now);
            }
        }
    }
}

#[test]
fn a_sender_that_takes_its_promise_back_is_believed() {
    let mut play = Play::new();
    play.receives(vec![until(&play, "10h", DOWN)]);
    play.receives(vec![until(&play, "1m", DOWN)]);
    play.wait("1m");
    assert_eq!(play.told(), ["12:00:00 shop: Down", "12:01:00 over"]);
}

#[test]
fn a_sender_ends_its_own_alert_and_an_unknown_end_is_nothing() {
    let mut play = Play::new();
    assert_eq!(play.receives(vec![until(&play, "0", DOWN)]), []);
    play.receives(vec![posted(DOWN)]);
    play.wait("1m");
    let facts = play.receives(vec![until(&play, "0", DOWN)]);
    assert!(matches!(facts[0], A::AlertResolved { reason: ResolveReason::SaidBySender, .. }));
    assert_eq!(play.told(), ["12:00:00 shop: Down", "12:01:00 over"]);
}

#[test]
fn the_end_of_an_earlier_episode_does_not_end_the_one_that_followed() {
    let mut play = Play::new();
    let episode = |from: i64, to: Option<i64>| PostedAlert {
        starts_at: Some(noon() + Span::from_secs(from)),
        ends_at: to.map(|to| noon() + Span::from_secs(to)),
        ..posted(DOWN)
    };
    play.wait("10m");
    play.receives(vec![episode(500, None)]);
    assert_eq!(play.receives(vec![episode(100, Some(200))]), [], "delayed on its way");
    play.receives(vec![episode(500, Some(600))]);
    assert_eq!(play.told(), ["12:10:00 shop: Down", "12:10:00 over"]);
}

#[test]
fn what_a_request_says_last_of_an_alert_counts() {
    let mut play = Play::new();
    play.receives(vec![until(&play, "0", DOWN), posted(DOWN)]);
    assert_eq!(play.state.alerts().len(), 1);
    play.receives(vec![posted(DOWN), until(&play, "0", DOWN)]);
    assert_eq!(play.state.alerts().len(), 0);
}

#[test]
fn new_annotations_are_recorded_and_the_same_ones_are_not() {
    let mut play = Play::new();
    let noted = |play: &Play, text: &str| PostedAlert {
        annotations: [("summary".to_owned(), text.to_owned())].into(),
        ..until(play, "4m", DOWN)
    };
    play.receives(vec![noted(&play, "one")]);
    assert_eq!(play.receives(vec![noted(&play, "one")]), []);
    assert!(
        matches!(&play.receives(vec![noted(&play, "two")])[..], [A::AlertRefreshed { annotations, .. }] if annotations["summary"] == "two")
    );
}

#[test]
fn one_bad_alert_is_named_by_its_place_and_refuses_the_command() {
    let mut play = Play::new();
    let nameless = PostedAlert { labels: Labels::default(), ..posted(DOWN) };
    let refusal = play.ask(Command::ReceiveAlerts(vec![posted(DOWN), nameless])).unwrap_err();
    assert_eq!(refusal.sentence(), "alert 1 of the request has no label with a value");
    assert_eq!(play.state.alerts().len(), 0);
    let backwards =
        PostedAlert { starts_at: Some(noon()), ends_at: Some(noon() - Span::from_secs(1)), ..posted(DOWN) };
    assert_eq!(validate(&backwards), Err(BadAlert::EndsBeforeStart));
    let long = PostedAlert { labels: labels("a=1").with("b", &"x".repeat(5000)), ..posted(DOWN) };
    assert_eq!(validate(&long), Err(BadAlert::LabelTooLong("b".to_owned())));
    assert_eq!(validate(&posted("köln=1")), Ok(()));
    let many = vec![posted(DOWN); 4001];
    assert_eq!(play.ask(Command::ReceiveAlerts(many)), Err(Refusal::TooManyAtOnce { given: 4001 }));
}

#[test]
fn a_sender_does_not_end_what_a_rule_of_ours_holds() {
    let mut play = Play::new();
    play.holds(1, &["service=shop"]);
    assert_eq!(play.receives(vec![until(&play, "0", DOWN),]), []);
    assert_eq!(play.receives(vec![posted(DOWN)]), []);
    play.wait("1h");
    assert_eq!(play.told(), ["12:00:00 shop: Down"]);
}

#[test]
fn a_rule_of_ours_takes_up_what_a_sender_dropped() {
    let mut play = Play::new();
    play.receives(vec![posted(DOWN)]);
    assert_eq!(play.holds(1, &["service=shop"]), []);
    play.receives(vec![until(&play, "0", DOWN)]);
    play.holds(1, &["service=shop"]);
    assert_eq!(play.told(), ["12:00:00 shop: Down", "12:00:00 over", "12:00:00 shop: Down"]);
    assert!(matches!(play.fired()[1].origin, Origin::Rule { .. }));
}

#[test]
fn swans_own_alert_stays_until_swan_clears_it_whoever_said_it_first() {
    let mut play = Play::new();
    play.receives(vec![posted(DOWN)]);
    let raise = || Command::RaiseAlert { labels: labels(DOWN), annotations: Default::default() };
    play.ask(raise()).unwrap();
    assert_eq!(play.ask(raise()), Ok(vec![]));
    assert_eq!(play.receives(vec![until(&play, "0", DOWN)]), []);
    play.wait("1h");
    assert_eq!(play.state.raised_by_swan().collect::<Vec<_>>(), [&labels(DOWN)]);
    play.ask(Command::ClearAlert { labels: labels(DOWN) }).unwrap();
    assert_eq!(play.ask(Command::ClearAlert { labels: labels(DOWN) }), Ok(vec![]));
    assert_eq!(play.told(), ["12:00:00 shop: Down", "13:00:00 over"]);
    assert_eq!(play.state.raised_by_swan().count(), 0);
}

#[test]
fn after_an_outage_nobody_is_told_of_what_expired_meanwhile() {
    let mut play = Play::new();
    play.receives(vec![until(&play, "4m", "alertname=Slow service=shop priority=high")]);
    play.sleep("1h");
    assert_eq!(play.told(), [""; 0]);
    assert_eq!(play.state.groups().len(), 0);
}

#[test]
fn only_a_configured_service_is_an_alerts_service() {
    let mut play = Play::new();
    play.receives(vec![posted("alertname=A service=shop"), posted("alertname=B service=nosuch")]);
    let services: Vec<Option<&str>> =
        play.fired().iter().map(|fired| fired.service.as_ref().map(|service| service.as_str())).collect();
    assert_eq!(services, [Some("shop"), None]);
}
