//! Judging on arrival against complete data: whatever the order in which samples come.

use std::collections::BTreeMap;

use alerting::watermark::Watermark;
use kernel::{Labels, Rng, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{Engine, METRIC_NAME, Plan, QueryResult, never_cancelled};

const GRACE: Span = Span::from_secs(2);
const GRID: Span = Span::from_secs(10);
const ROUNDS: i64 = 12;
const SEEDS: u64 = 300;

/// What rules ask; each is true at some instants and not at others.
const RULES: [&str; 6] = [
    "sum(rate(errors[1m])) / sum(rate(totals[1m])) > 0.5",
    "errors > 50",
    "sum by (host) (errors) > on (host) sum by (host) (totals)",
    "count(totals) < 3 or absent(errors)",
    "max_over_time(totals[30s]) - min_over_time(totals[30s]) > 60",
    "errors unless on (host) totals > 40",
];

struct Sample {
    series: usize,
    at: Timestamp,
    value: f64,
    arrives: Timestamp,
}

struct Story {
    labels: Vec<Labels>,
    /// In the order of their arrival.
    samples: Vec<Sample>,
}

fn start() -> Timestamp {
    Timestamp::from_secs(1_000_000)
}

/// Hosts, each scraped on its own interval and phase, with a jitter of two milliseconds at most. A scrape's series may
/// arrive apart from each other, and none later than the grace.
fn story(rng: &mut Rng) -> Story {
    let mut story = Story { labels: Vec::new(), samples: Vec::new() };
    for host in 0..2 + rng.below(3) {
        let every = *rng.pick(&[5_i64, 10, 15]).expect("there are three") * 1000;
        let phase = rng.below(every as u64) as i64;
        let at: Vec<i64> = (0..ROUNDS).map(|round| phase + round * every + rng.below(3) as i64).collect();
        for metric in ["errors", "totals"] {
            let host = host.to_string();
            story.labels.push(Labels::new([(METRIC_NAME, metric), ("host", &host)]).unwrap());
            let mut earliest = start();
            for at in at.iter().map(|ms| start() + Span::from_millis(*ms)) {
                let delay = if rng.chance(300) { rng.below(2_000) } else { rng.below(20) };
                let arrives = (at + Span::from_millis(delay as i64)).max(earliest);
                earliest = arrives;
                let value = rng.below(100) as f64;
                story.samples.push(Sample { series: story.labels.len() - 1, at, value, arrives });
            }
        }
    }
    story.samples.sort_by_key(|sample| sample.arrives);
    story
}

fn holds(plan: &Plan, source: &InMemory, at: Timestamp) -> BTreeMap<Labels, String> {
    match Engine::default().instant(plan, source, at, &never_cancelled).unwrap() {
        QueryResult::Vector(elements) => {
            elements.into_iter().map(|(labels, _, value)| (labels, format!("{value:?}"))).collect()
        }
        other => panic!("a rule gives a vector, not {other:?}"),
    }
}

/// What was judged on the way: at the interval's instants, and off them.
#[derive(Debug, Default)]
struct Judged {
    on_grid: u64,
    proven: u64,
    waited: u64,
}

/// Lives through the story as a group's task does, and compares each judgement with the complete data.
fn live_through(story: &Story, rule: &str) -> Judged {
    let plan = Plan::parse(rule).unwrap();
    let mut complete = InMemory::new();
    for sample in &story.samples {
        complete.push(&story.labels[sample.series], sample.at, sample.value);
    }
    let (mut watermark, mut here, mut judged) = (Watermark::default(), InMemory::new(), Judged::default());
    let mut instant = start() + GRID;
    // Until every series is known with its interval, new ones may still come.
    let known_from = start() + Span::from_secs(32);
    let mut arriving = story.samples.iter().peekable();
    let mut now = start() - GRID;
    while let Some(next) = arriving.peek().map(|sample| sample.arrives) {
        let deadlines = watermark.next_wake(GRACE).into_iter().chain([instant, instant + GRACE]);
        now = deadlines.filter(|deadline| *deadline > now).fold(next, Timestamp::min);
        while let Some(sample) = arriving.next_if(|sample| sample.arrives <= now) {
            here.push(&story.labels[sample.series], sample.at, sample.value);
            watermark.arrived(now, sample.series as u64, sample.at);
        }
        while instant <= now && (watermark.covers(instant) || now >= instant + GRACE) {
            if instant >= known_from {
                assert_eq!(
                    holds(&plan, &here, instant),
                    holds(&plan, &complete, instant),
                    "{rule} at {instant}"
                );
                judged.on_grid += 1;
            }
            judged.waited += u64::from(now > instant);
            instant += GRID;
        }
        if let Some((at, _)) = watermark.next(now, GRACE) {
            watermark.judged(at);
            if at >= known_from {
                assert_eq!(
                    holds(&plan, &here, at),
                    holds(&plan, &complete, at),
                    "{rule} proven at {at}, seen {now}"
                );
                judged.proven += 1;
            }
        }
    }
    judged
}

#[test]
fn what_is_judged_on_arrival_and_on_the_interval_is_what_complete_data_say() {
    let mut all = Judged::default();
    for seed in 0..SEEDS {
        let story = story(&mut Rng::new(seed));
        for rule in RULES {
            let judged = live_through(&story, rule);
            all.on_grid += judged.on_grid;
            all.proven += judged.proven;
            all.waited += judged.waited;
        }
    }
    // A story in which nothing waits, or nothing is off the grid, would prove nothing.
    assert!(all.on_grid > 10_000 && all.proven > 10_000 && all.waited > 1_000, "{all:?}");
}
