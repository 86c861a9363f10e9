//! What a back-test costs: one rule over 100 series for a week at 15 s, which is 40,320 evaluations, against the real
//! metrics store. CPU time is this thread's, user and system, of the course only: evaluation, transitions, and the
//! engine that decides them.
//!
//! `cargo run --release -p swan --example backtest [SERIES] [DAYS] [ROUNDS]`

#![expect(
    dead_code,
    reason = "the example takes the parts that a course needs, and not all that these can do"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use facts::Configuration;
use facts::configuration::{Rule, RuleGroup};
use kernel::{Rng, Span, Timestamp};
use metrics::{Config, MetricsStore, Policy, SeriesSamples, StdDisk};
use promql::never_cancelled;

#[path = "../src/backtest/course.rs"]
mod course;
#[path = "../src/backtest/evaluate.rs"]
mod evaluate;
#[path = "../src/backtest/limits.rs"]
mod limits;
#[path = "../src/backtest/moments.rs"]
mod moments;
#[path = "../src/backtest/planned.rs"]
mod planned;
#[path = "../src/backtest/recorded.rs"]
mod recorded;
#[path = "../src/backtest/rehearsal.rs"]
mod rehearsal;
#[path = "../src/backtest/stopped.rs"]
mod stopped;
#[path = "../src/backtest/tally.rs"]
mod tally;

use course::{Course, Over};
use planned::planned;
use rehearsal::Rehearsal;
use stopped::Stopped;
use tally::Tally;

const STEP: Span = Span::from_secs(15);
const START: Timestamp = Timestamp::from_secs(1_790_000_400);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: i64| arguments.next().map_or(Ok(or), |text| text.parse());
    let (series, days, rounds) = (number(100)?, number(7)?, number(3)?);
    let directory = tempfile::tempdir()?;
    let config = Config {
        policy: Policy { retention: Span::from_days(100_000), ..Policy::default() },
        ..Config::default()
    };
    let (store, _) = MetricsStore::open(Arc::new(StdDisk), directory.path().join("metrics"), config)?;
    let steps = days * 86_400_000 / STEP.as_millis();
    fill(&store, series, steps)?;
    let rules = [
        ("a gauge over a threshold", "load > 95", Span::ZERO),
        ("the rate of a counter", "rate(errors_total[5m]) > 0.3", Span::from_mins(2)),
        ("a sum", "sum by (job) (rate(errors_total[5m])) > 12", Span::ZERO),
        ("what always fires", "load >= 0", Span::from_mins(1)),
    ];
    for (name, expr, hold) in rules {
        for _ in 0..rounds {
            measure(&store, name, &group(expr, hold), steps)?;
        }
    }
    Ok(())
}

fn fill(store: &MetricsStore, series: i64, steps: i64) -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = (0..series).map(|number| format!("host-{number}")).collect();
    let mut rng = Rng::new(1);
    let mut counters = vec![0.0; names.len()];
    for step in 0..steps {
        let at = (START + STEP.times(step)).as_millis();
        let mut samples = Vec::with_capacity(names.len());
        for counter in &mut counters {
            *counter += if rng.chance(20) { 30.0 } else { 1.0 };
            // Over 95 about once in 2,000 samples.
            let load = if rng.chance(1) { 97.0 } else { 40.0 + rng.below(50) as f64 };
            samples.push(([(at, load)], [(at, *counter)]));
        }
        let labels: Vec<_> = names
            .iter()
            .map(|host| {
                let of = |name| [("__name__", name), ("instance", host.as_str()), ("job", "shop")];
                (of("load"), of("errors_total"))
            })
            .collect();
        let batch: Vec<SeriesSamples<'_>> = labels
            .iter()
            .zip(&samples)
            .flat_map(|((gauge, counter), (load, errors))| {
                [
                    SeriesSamples { labels: gauge, samples: load },
                    SeriesSamples { labels: counter, samples: errors },
                ]
            })
            .collect();
        store.append(&batch)?;
    }
    Ok(())
}

fn group(expr: &str, hold: Span) -> Vec<RuleGroup> {
    let rule = Rule {
        alert: Some("Tested".to_owned()),
        record: None,
        expr: expr.to_owned(),
        hold,
        keep_firing_for: Span::ZERO,
        labels: BTreeMap::from([("severity".to_owned(), "critical".to_owned())]),
        annotations: BTreeMap::new(),
    };
    let (name, labels) = ("tested".to_owned(), BTreeMap::new());
    vec![RuleGroup {
        name,
        file: String::new(),
        interval: STEP,
        query_offset: Span::ZERO,
        limit: 0,
        labels,
        rules: vec![rule],
    }]
}

fn measure(store: &MetricsStore, name: &str, groups: &[RuleGroup], steps: i64) -> Result<(), Box<dyn Error>> {
    let end = START + STEP.times(steps - 1);
    let begun = cpu_ms()?;
    let over = Over { start: START, end, skip: &[], source: store, is_cancelled: &never_cancelled };
    let mut course = Course::new(
        planned(groups, promql::Settings::default()).map_err(|refusal| refusal.to_string())?,
        over,
    );
    let mut rehearsal = Rehearsal::new(groups, &Configuration::default(), &[], START);
    let mut tally = Tally::new(START);
    let run = course.run(&mut rehearsal, &mut |entry| {
        tally.hear(entry);
        Ok(())
    });
    run.map_err(|stopped: Stopped| format!("{stopped:?}"))?;
    tally.end();
    let took = cpu_ms()? - begun;
    let (evaluations, fired, pages) = (course.rules[0].evaluations, tally.fired.len(), tally.pages.len());
    println!("{took:7.1} ms of CPU, {evaluations} evaluations, fired {fired}, {pages} pages: {name}");
    Ok(())
}

/// What this thread has used so far.
fn cpu_ms() -> Result<f64, Box<dyn Error>> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = statistics.split(' ').next().unwrap_or("0").parse()?;
    Ok(nanoseconds / 1e6)
}
