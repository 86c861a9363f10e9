//! What the store does with the load of the benches: how fast samples of new and of known series go in, what they
//! weigh in memory and on disk, and how fast they come out.
//!
//! Series, labels and values are those of `loadgen`: 100 series on each host, 8 labels, a sample every 15 s; six of ten
//! are integer counters, two gauges with two decimals, one a sum of fractions, one constant. CPU time is this process's,
//! of the operation only.
//!
//! `cargo run --release -p metrics --example ingest [SERIES] [ROUNDS] [DIRECTORY]`

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kernel::{Span, Timestamp};
use metrics::{Config, Effort, MetricsStore, SeriesSamples, StdDisk};
use promql::{Matcher, Selection, SeriesSource, TimeRange};

/// How often each query is evaluated.
const EVALUATIONS: usize = 21;
/// Series of one request.
const BATCH: usize = 1000;
const STEP_MS: i64 = 15_000;
const END_MS: i64 = 1_700_000_000_000;

/// The series of one request: labels that lend from one text as from a request's body, and the latest values.
struct Request {
    first: usize,
    labels: Vec<[(&'static str, &'static str); 8]>,
    values: Vec<f64>,
}

/// The generator of `loadgen`.
struct Xorshift(u64);

impl Xorshift {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let series: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let rounds: i64 = arguments.next().map_or(Ok(260), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let dir = arguments.next().map_or_else(|| temporary.path().join("metrics"), Into::into);
    let (store, _) = MetricsStore::open(Arc::new(StdDisk), &dir, Config::default())?;

    let mut rng = Xorshift(88_172_645_463_325_252);
    let mut requests: Vec<Request> =
        (0..series.div_ceil(BATCH)).map(|number| Request::new(number * BATCH, series, &mut rng)).collect();
    let memory_before = resident_bytes();
    let (mut first, mut known, mut slowest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for round in 0..rounds {
        let at_ms = END_MS - (rounds - 1 - round) * STEP_MS;
        for request in &mut requests {
            request.advance(&mut rng);
            let wall = Instant::now();
            let spent = request.append(&store, at_ms)?;
            slowest = slowest.max(wall.elapsed());
            *(if round == 0 { &mut first } else { &mut known }) += spent;
        }
    }
    let memory = resident_bytes() - memory_before;
    let stats = store.stats();
    let per_second = |samples: u64, spent: Duration| samples as f64 / spent.as_secs_f64() / 1e6;
    println!("series                      {}", stats.series);
    println!("samples                     {}", stats.samples);
    println!("new series, M/CPU-s         {:.2}", per_second(stats.series, first));
    println!("known series, M/CPU-s       {:.2}", per_second(stats.samples - stats.series, known));
    println!("slowest append, ms          {:.1}", slowest.as_secs_f64() * 1e3);
    println!("memory, MB                  {}", memory >> 20);
    println!("  bytes/series              {}", memory / stats.series);
    println!("  of which runs             {}", stats.chunk_bytes / stats.series);
    println!("  of which postings         {}", stats.postings_bytes / stats.series);
    println!("bytes/sample in memory      {:.2}", stats.chunk_bytes as f64 / stats.samples as f64);
    println!("bytes/sample in the log     {:.2}", stats.log_bytes as f64 / stats.stored as f64);
    read(&store, "memory");
    evaluate(&store, "memory");

    let from = (cpu(), Instant::now());
    let checkpointed = store.checkpoint()?;
    println!("checkpoint                  {} MB in {}", checkpointed.bytes >> 20, since(from));
    let from = (cpu(), Instant::now());
    let cut = store.cut(Timestamp::from_millis(END_MS) + Span::from_hours(4))?;
    println!("cut                         {} blocks in {}", cut.blocks, since(from));
    let from = (cpu(), Instant::now());
    while store.compact(Effort::All)?.replaced > 0 {}
    println!("compact                     {} blocks in {}", store.stats().blocks, since(from));
    let stats = store.stats();
    println!("bytes/sample on disk        {:.3}", stats.block_bytes as f64 / stats.block_samples as f64);
    store.checkpoint()?;
    read(&store, "blocks");
    drop(store);
    let from = (cpu(), Instant::now());
    let (store, _) = MetricsStore::open(Arc::new(StdDisk), &dir, Config::default())?;
    println!("open                        {}", since(from));
    assert_eq!(store.stats().block_samples, stats.block_samples, "everything is there again");
    println!("peak memory, MB             {}", peak_bytes() >> 20);
    Ok(())
}

/// Evaluates what a dashboard asks, over all series and over a thousand; of several times, the middle one.
fn evaluate(store: &MetricsStore, place: &str) {
    let end = Timestamp::from_millis(END_MS);
    let (hour, minute, scrape) = (end - Span::from_hours(1), Span::from_mins(1), Span::from_millis(STEP_MS));
    let all = "sum by(job)(rate(http_requests_total[5m]))";
    let of_hosts = "sum by(job)(rate(http_requests_total{shard=~\"s000.\",grp=~\"g0000.\"}[5m]))";
    for (what, query, from, step) in [
        ("instant, all series", all, end, scrape),
        ("1 h / 60 s, all series", all, hour, minute),
        ("1 h / 15 s, 1,000 series", of_hosts, hour, scrape),
    ] {
        let plan = promql::Plan::parse(query).expect("it is PromQL");
        for parts in [1, 2] {
            let engine = promql::Engine { parts, ..promql::Engine::default() };
            let mut took: Vec<Duration> = (0..EVALUATIONS)
                .map(|_| {
                    let begun = Instant::now();
                    let result =
                        engine.range(&plan, store, TimeRange::new(from, end), step, &promql::never_cancelled);
                    assert!(result.is_ok(), "{result:?}");
                    begun.elapsed()
                })
                .collect();
            took.sort_unstable();
            let middle = took[EVALUATIONS / 2].as_secs_f64() * 1e3;
            println!(
                "{what} of {place}, {parts} parts {middle:.2} ms ({:.2} at best)",
                took[0].as_secs_f64() * 1e3
            );
        }
    }
}

/// Reads what an instant query over 5 minutes, and one over an hour, look at.
fn read(store: &MetricsStore, place: &str) {
    let matchers = [Matcher::equal("__name__", "http_requests_total")];
    for (what, length) in [("5 min", Span::from_mins(5)), ("1 h", Span::from_hours(1))] {
        let end = Timestamp::from_millis(END_MS);
        let selection = Selection::new(&matchers, TimeRange::new(end - length, end));
        for parts in [1, 2] {
            let (series, samples) = (AtomicU64::new(0), AtomicU64::new(0));
            let from = (cpu(), Instant::now());
            let each = |_: usize, lent: promql::Lent<'_>| {
                series.fetch_add(1, Ordering::Relaxed);
                samples.fetch_add(lent.values.len() as u64, Ordering::Relaxed);
                ControlFlow::Continue(())
            };
            store.select_lent(&selection, parts, &each).expect("the files are sound");
            println!(
                "read {what:>5} of {place}, {parts} parts {} ({} series, {} samples)",
                since(from),
                series.into_inner(),
                samples.into_inner()
            );
        }
    }
}

impl Request {
    fn new(first: usize, series: usize, rng: &mut Xorshift) -> Self {
        let numbers = first..(first + BATCH).min(series);
        let mut text = String::new();
        for number in numbers.clone() {
            let (host, kind) = (number / 100, number % 100);
            let labels = [
                ("__name__", "http_requests_total".to_owned()),
                ("code", ["200", "204", "404", "500"][kind % 4].to_owned()),
                ("grp", format!("g{host:05}")),
                ("handler", format!("/api/v1/resource{:02}", kind / 4)),
                ("instance", format!("host-{host:05}.prod.example.internal:9100")),
                ("job", format!("job-{:02}", host % 20)),
                ("region", ["eu-west-1", "us-east-1", "ap-south-1"][host % 3].to_owned()),
                ("shard", format!("s{:04}", number / 1000)),
            ];
            labels.iter().for_each(|(name, value)| text.extend([name, " ", value, "\n"]));
        }
        // Leaked, because a struct cannot lend from itself; the process ends soon.
        let mut lines = text.leak().lines().map(|line| line.split_once(' ').expect("a name and a value"));
        let labels =
            numbers.clone().map(|_| std::array::from_fn(|_| lines.next().expect("eight lines each")));
        let labels = labels.collect();
        Self { first, labels, values: numbers.map(|_| (rng.next() % 1_000_000) as f64).collect() }
    }

    fn advance(&mut self, rng: &mut Xorshift) {
        for (place, value) in self.values.iter_mut().enumerate() {
            let x = rng.next();
            match (self.first + place) % 10 {
                0..=5 => *value += (x % 100) as f64,
                6 | 7 => *value = (*value * 100.0 + (x % 2001) as f64 - 1000.0).round() / 100.0,
                8 => *value += (x % 100_000) as f64 / 1000.0,
                _ => {}
            }
        }
    }

    fn append(&self, store: &MetricsStore, at_ms: i64) -> Result<Duration, Box<dyn Error>> {
        let at = |place: usize| at_ms + ((self.first + place) as i64 / 100 * 7919) % STEP_MS;
        let samples: Vec<_> =
            self.values.iter().enumerate().map(|(place, value)| [(at(place), *value)]).collect();
        let batch: Vec<_> = self
            .labels
            .iter()
            .zip(&samples)
            .map(|(labels, samples)| SeriesSamples { labels, samples })
            .collect();
        let from = cpu();
        let appended = store.append(&batch)?;
        let spent = cpu() - from;
        assert_eq!(appended.stored, batch.len() as u64, "{:?}", appended.first_refused);
        Ok(spent)
    }
}

fn since((cpu_from, wall_from): (Duration, Instant)) -> String {
    let wall = wall_from.elapsed();
    format!("{:.1} ms ({:.1} ms of CPU)", wall.as_secs_f64() * 1e3, (cpu() - cpu_from).as_secs_f64() * 1e3)
}

/// CPU time of this thread, from Linux's `/proc/thread-self/schedstat` (Documentation/scheduler/sched-stats.rst).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this example runs on Linux");
    let nanos = stat.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("the first field is nanoseconds"))
}

/// Resident memory of this process, from Linux's `/proc/self/statm`, in pages of 4 KiB.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("this example runs on Linux");
    let pages: Option<u64> = statm.split(' ').nth(1).and_then(|field| field.parse().ok());
    pages.expect("the second field is a number of pages") * 4096
}

/// The most memory that was ever resident, from Linux's `/proc/self/status`.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this example runs on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: Option<u64> =
        line.and_then(|line| line.split_whitespace().next()).and_then(|field| field.parse().ok());
    kilobytes.expect("the field is a number of kilobytes") * 1024
}
