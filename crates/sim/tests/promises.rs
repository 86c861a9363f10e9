//! The promises of GUARANTEES.md, held to in a simulated world.

use std::io::Write;

use journal::Durability;
use kernel::Span;
use sim::{Counts, CrashPoint, Plan, Promise, Weather, run, run_plan};

/// Says something that is seen although the test succeeds: figures belong to every run.
fn tell(what: &str, counts: &Counts) {
    writeln!(std::io::stderr(), "\n{what}\n{counts}").expect("standard error can be written to");
}

#[test]
fn two_thousand_hours_of_storm_keep_every_promise_and_every_seed_gives_one_journal() {
    let plan = Plan { seed: 1, hours: 2000, hours_per_world: 10, threads: 2 };
    let counts = run_plan(plan).unwrap_or_else(|broken| panic!("{broken}"));
    tell("2,000 simulated hours, each run twice:", &counts);
    assert_eq!(counts.minutes, 2000 * 60);
    assert!(counts.per_hour(counts.alerts) >= 20.0, "too few alerts for a storm");
    assert!(counts.per_hour(counts.crashes) >= 5.0, "too few crashes for a storm");
    assert!(counts.per_hour(counts.provider_faults) >= 10.0, "too few provider faults for a storm");
}

#[test]
fn a_crash_at_any_point_of_any_write_keeps_every_promise() {
    let weather =
        Weather { trouble_every: Span::from_mins(2), checkpoints: 0, ..Weather::fair(Span::from_mins(15)) };
    let weather = Weather { faults: true, ..weather };
    let mut all = Counts::default();
    for point in CrashPoint::ALL {
        for nth in 1.. {
            let crash_at = Some((nth, point));
            let outcome = run(7, Weather { crash_at, ..weather }).unwrap_or_else(|broken| {
                panic!("with a crash at append {nth}, {point:?}: {broken}");
            });
            if outcome.counts.crashes == 0 {
                break;
            }
            all += outcome.counts;
        }
    }
    tell("A quarter of an hour, with a crash at each point of each of its writes:", &all);
    assert!(all.crashes > 100, "the scenario writes too little");
}

#[test]
fn without_a_crash_and_with_honest_providers_nothing_is_sent_twice() {
    let outcome = run(3, Weather::fair(Span::from_hours(24))).unwrap_or_else(|broken| panic!("{broken}"));
    tell("A day of fair weather:", &outcome.counts);
    assert_eq!(outcome.counts.duplicates, 0);
    assert!(outcome.counts.notifications > 100);
}

#[test]
fn a_log_that_loses_what_it_acknowledged_is_found_out() {
    let weather = Weather { durability: Durability::OnSyncOnly, ..Weather::stormy(Span::from_hours(2)) };
    let broken = run(1, weather).expect_err("what was answered is not durable");
    assert_eq!(broken.promise, Promise::G6, "{broken}");
}
