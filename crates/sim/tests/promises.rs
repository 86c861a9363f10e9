//! The promises, held in every test run: thousands of simulated hours of crashes, failing providers and sleeping
//! people. `cargo run -p sim -- --hours N --seed S` runs more; the seed of a broken promise is in its message.

use sim::{Plan, run_plan};

/// Hours that every test run simulates.
const HOURS: u64 = 2_000;

#[test]
fn every_promise_holds_through_thousands_of_hours_of_crashes_and_faults() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Plan { seed: 1, hours: HOURS, hours_per_world: 4, threads };
    let counts = run_plan(plan).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{counts}");
    assert_eq!(counts.hours, HOURS);
    // A calm world would prove nothing.
    assert!(counts.alerts >= 20 * HOURS, "{counts}");
    assert!(counts.crashes >= 5 * HOURS, "{counts}");
    assert!(counts.provider_faults >= 10 * HOURS, "{counts}");
    assert!(counts.checkpoints > 0 && counts.duplicates > 0 && counts.empty_steps > 0, "{counts}");
}
