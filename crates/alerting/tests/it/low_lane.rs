use facts::alerting::{AlertingFact as A, SuppressReason};

use crate::play::{Play, posted};

#[test]
fn low_alerts_are_counted_by_name_and_summed_once_a_day() {
    let mut play = Play::new();
    for _ in 0..3 {
        play.holds(3, &["service=shop"]);
        play.holds(3, &[]);
    }
    play.receives(vec![posted("alertname=Disk severity=info")]);
    assert!(matches!(play.journal[1].1, A::AlertSuppressed { reason: SuppressReason::LowPriority, .. }));
    play.wait("36h");
    assert_eq!(play.told(), [""; 0]);
    let sums: Vec<_> = play
        .journal
        .iter()
        .filter_map(|(at, fact)| match fact {
            A::LowDaySummed { day, counts } => Some((at.to_string(), day.to_string(), counts.clone())),
            _ => None,
        })
        .collect();
    let counts = [("Disk".to_owned(), 1), ("Untidy".to_owned(), 3)].into();
    assert_eq!(sums, [("2026-11-21T00:00:00Z".to_owned(), "2026-11-20T00:00:00Z".to_owned(), counts)]);
    assert_eq!(play.due(), None);
}

#[test]
fn days_that_swan_slept_through_are_summed_when_it_is_back() {
    let mut play = Play::new();
    play.holds(3, &["service=shop"]);
    play.sleep("72h");
    play.holds(3, &[]);
    play.holds(3, &["service=shop"]);
    play.sleep("72h");
    let sums = play.journal.iter().filter(|(_, fact)| matches!(fact, A::LowDaySummed { .. })).count();
    assert_eq!(sums, 2);
}
