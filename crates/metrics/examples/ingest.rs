//! How fast samples of known series go in, what they weigh, and how fast they come out.
//!
//! 100,000 series of 10 labels on 100 targets, scraped every 15 s for an hour of virtual time; a batch is what one
//! target exposes. A third are counters, a third gauges with two decimals, the rest constants, counters that stand
//! still, and binary fractions. CPU time is this thread's, user and system, of appending only.
//!
//! `cargo run --release -p metrics --example ingest [SERIES] [ROUNDS] [DIRECTORY]`

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::Rng;
use metrics::{Config, MetricsStore, SeriesSamples, StdDisk};
use promql::{Matcher, Selection, SeriesSource, TimeRange};

const SERIES_PER_TARGET: usize = 1000;

/// One target: its series' labels, which lend from one text as from a request's body, and their latest values.
struct Target {
    labels: Vec<[(&'static str, &'static str); 10]>,
    values: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let series: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let rounds: i64 = arguments.next().map_or(Ok(240), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let dir = arguments.next().map_or_else(|| temporary.path().join("metrics"), Into::into);
    let (store, _) = MetricsStore::open(Arc::new(StdDisk), &dir, Config::default())?;

    let memory_before = resident_bytes();
    let mut targets: Vec<Target> = (0..series / SERIES_PER_TARGET).map(target).collect();
    let memory_of_load = resident_bytes() - memory_before;
    let mut rng = Rng::new(1);
    let (mut first, mut known, mut samples) = (Duration::ZERO, Duration::ZERO, 0_u64);
    for round in 0..rounds {
        for (number, target) in targets.iter_mut().enumerate() {
            target.advance(&mut rng);
            let at_ms = 1_700_000_000_000 + round * 15_000 + number as i64 * 150 + rng.below(3) as i64;
            let spent = target.append(&store, at_ms)?;
            if round == 0 {
                first += spent;
            } else {
                known += spent;
                samples += target.values.len() as u64;
            }
        }
    }
    let memory = resident_bytes() - memory_before - memory_of_load;
    let stats = store.stats();
    let per_second = |samples: u64, spent: Duration| samples as f64 / spent.as_secs_f64() / 1e6;
    println!("series                      {}", stats.series);
    println!("samples                     {}", stats.samples);
    println!("first round, M/CPU-s        {:.2}", per_second(stats.series, first));
    println!("known series, M/CPU-s       {:.2}", per_second(samples, known));
    println!("chunk bytes/sample          {:.2}", stats.chunk_bytes as f64 / stats.samples as f64);
    println!("log bytes/sample            {:.2}", stats.log_bytes as f64 / stats.stored as f64);
    println!("resident bytes/series       {}", memory / stats.series);
    println!("  of which chunks           {}", stats.chunk_bytes / stats.series);

    let from = cpu();
    let checkpointed = store.checkpoint()?;
    println!(
        "checkpoint                  {} MB in {:.2} CPU-s",
        checkpointed.bytes >> 20,
        (cpu() - from).as_secs_f64()
    );
    let from = cpu();
    let mut read = 0;
    store.select(&Selection::new(&[Matcher::equal("job", "api")], TimeRange::ALL), &mut |selected| {
        read += selected.values.len() as u64;
        ControlFlow::Continue(())
    })?;
    println!("read, M samples/CPU-s       {:.2}", per_second(read, cpu() - from));
    drop(store);
    let from = (cpu(), Instant::now());
    let (store, _) = MetricsStore::open(Arc::new(StdDisk), &dir, Config::default())?;
    println!(
        "open, s                     {:.2} ({:.2} CPU-s)",
        from.1.elapsed().as_secs_f64(),
        (cpu() - from.0).as_secs_f64()
    );
    assert_eq!(store.stats().samples, stats.samples, "everything is there again");
    Ok(())
}

fn target(number: usize) -> Target {
    let mut text = String::new();
    for series in 0..SERIES_PER_TARGET {
        let labels = [
            ("__name__", format!("http_request_duration_seconds_{}", series % 50)),
            ("code", [200, 301, 404, 500, 503][series % 5].to_string()),
            ("datacenter", "eu-west-1".to_owned()),
            ("environment", "production".to_owned()),
            ("handler", format!("/api/v1/resource/{}", series / 50)),
            ("instance", format!("10.0.{}.{}:9100", number / 250, number % 250)),
            ("job", ["api", "web", "worker"][number % 3].to_owned()),
            ("le", format!("{}", series % 10)),
            ("method", ["GET", "POST"][series % 2].to_owned()),
            ("pod", format!("checkout-6f7d9c{number:04x}-x2x{:x}", number * 7919 % 4096)),
        ];
        labels.iter().for_each(|(name, value)| text.extend([name, " ", value, "\n"]));
    }
    // Leaked, because a struct cannot lend from itself; the process ends soon.
    let mut lines = text.leak().lines().map(|line| line.split_once(' ').expect("a name and a value"));
    let labels =
        (0..SERIES_PER_TARGET).map(|_| std::array::from_fn(|_| lines.next().expect("ten lines each")));
    Target { labels: labels.collect(), values: vec![0.0; SERIES_PER_TARGET] }
}

impl Target {
    fn advance(&mut self, rng: &mut Rng) {
        for (series, value) in self.values.iter_mut().enumerate() {
            match series % 9 {
                0..=2 => *value += (rng.below(60) + 970) as f64,
                3..=5 => *value = (5000 + rng.below(400)) as f64 / 100.0,
                6 => *value = 1.0,
                7 => *value += (rng.below(10) == 0) as u8 as f64,
                _ => *value = rng.below(1 << 53) as f64 / (1_u64 << 53) as f64,
            }
        }
    }

    fn append(&self, store: &MetricsStore, at_ms: i64) -> Result<Duration, Box<dyn Error>> {
        let samples: Vec<_> = self.values.iter().map(|value| [(at_ms, *value)]).collect();
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
