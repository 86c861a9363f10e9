//! Many worlds, each run twice, on several threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kernel::{Span, Timestamp};

use crate::{Broken, Counts, Outcome, Promise, Weather, run};

/// Which worlds to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The first seed; the others follow it.
    pub seed: u64,
    /// Simulated hours in all; the last world may be shorter.
    pub hours: u64,
    /// Simulated hours of each world.
    pub hours_per_world: u64,
    /// Threads to run on.
    pub threads: usize,
}

/// Runs all worlds of a plan, each twice, and adds up what there was. Stops at the first broken promise.
///
/// # Errors
/// The broken promise; of several that were found at once, the one of the lowest seed.
pub fn run_plan(plan: Plan) -> Result<Counts, Broken> {
    let worlds = plan.hours.div_ceil(plan.hours_per_world.max(1));
    let (next, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut counts = Counts::default();
        while !stopped.load(Ordering::Relaxed) {
            let world = next.fetch_add(1, Ordering::Relaxed);
            if world >= worlds {
                break;
            }
            let hours = plan.hours_per_world.min(plan.hours - world * plan.hours_per_world);
            let weather = Weather::stormy(Span::from_hours(hours as i64));
            match run_twice(plan.seed + world, weather) {
                Ok(outcome) => counts += outcome.counts,
                Err(broken) => {
                    stopped.store(true, Ordering::Relaxed);
                    return Err(broken);
                }
            }
        }
        Ok(counts)
    };
    let results: Vec<Result<Counts, Broken>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a world's panic is caught")).collect()
    });
    let mut broken: Vec<&Broken> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    broken.sort_by_key(|broken| broken.seed);
    if let Some(first) = broken.first() {
        return Err((*first).clone());
    }
    let mut all = Counts::default();
    results.into_iter().flatten().for_each(|counts| all += counts);
    Ok(all)
}

fn run_twice(seed: u64, weather: Weather) -> Result<Outcome, Broken> {
    let first = run(seed, weather)?;
    // What the first run compared with its replay is the same journal here, or the heads differ.
    let second = run(seed, Weather { checkpoints: 0, ..weather })?;
    if first.head == second.head {
        return Ok(first);
    }
    let what = format!("one run ends at {}, the other at {}", first.head, second.head);
    Err(Broken { promise: Promise::G7, seed, at: Timestamp::default(), what })
}

/// An assertion of the production code counts as a broken promise of its own.
pub(crate) fn caught(seed: u64, run: impl FnOnce() -> Result<Outcome, Broken>) -> Result<Outcome, Broken> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let what =
            text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned();
        Err(Broken { promise: Promise::Bug, seed, at: Timestamp::default(), what })
    })
}
