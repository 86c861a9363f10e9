//! Writes small files of every kind that the store has, each with every kind of sample: what fuzzing begins with.
//!
//! `cargo run --package metrics --example sample_files -- DIRECTORY` makes `DIRECTORY/log`, `DIRECTORY/checkpoint` and
//! `DIRECTORY/block`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use metrics::{
    Config, Exemplar, MetricsStore, OutOfOrder, Policy, SeriesExemplars, SeriesHistograms, SeriesSamples,
    StdDisk,
};
use promql::{BucketSpan, Buckets, CounterResetHint, Histogram, TimeRange};

const MINUTE_MS: i64 = 60_000;

fn histogram(round: i64) -> Histogram {
    let positive = Buckets {
        spans: vec![BucketSpan { offset: 0, length: 2 }, BucketSpan { offset: 3, length: 1 }],
        counts: vec![1.0 + round as f64, 2.0, 3.0],
    };
    Histogram {
        counter_reset_hint: CounterResetHint::Unknown,
        schema: 1,
        zero_threshold: 1e-128,
        zero_count: 1.0,
        count: 7.0 + round as f64,
        sum: 20.5 + round as f64,
        positive,
        negative: Buckets { spans: Vec::new(), counts: Vec::new() },
        custom_bounds: [].as_slice().into(),
    }
}

fn fill(store: &MetricsStore) -> Result<(), Box<dyn Error>> {
    for round in 0..200 {
        let at_ms = 1_700_000_000_000 + round * MINUTE_MS;
        let values =
            [round as f64, (round as f64).sin(), if round % 50 == 49 { promql::STALE_NAN } else { 1.0 }];
        for (number, value) in values.into_iter().enumerate() {
            let job = number.to_string();
            let labels = [("__name__", "seed"), ("job", job.as_str())];
            let samples = [(at_ms, value), (at_ms - 90_000, value / 3.0)];
            store.append_from("tenant", &[SeriesSamples { labels: &labels, samples: &samples }])?;
        }
        let labels = [("__name__", "seeds")];
        store.append_histograms(
            "",
            &[SeriesHistograms { labels: &labels, histograms: &[(at_ms, histogram(round))] }],
        )?;
        if round % 40 == 0 {
            let exemplars = [Exemplar { labels: &[("trace", "1f")], value: 0.25, at_ms }];
            store.append_exemplars(&[SeriesExemplars { labels: &labels, exemplars: &exemplars }])?;
        }
    }
    let matchers = promql::Matcher::parse_selector("seed{job=\"1\"}")?;
    let early = kernel::Timestamp::from_millis(1_700_000_000_000 + 5 * MINUTE_MS);
    store.delete(&matchers, TimeRange::new(kernel::Timestamp::from_millis(0), early))?;
    Ok(())
}

/// Copies the files whose name ends so.
fn keep(from: &Path, ending: &str, to: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == ending) {
            std::fs::copy(&path, to.join(path.file_name().ok_or("a file has a name")?))?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let to = std::env::args().nth(1).ok_or("the directory is missing")?;
    let to = Path::new(&to);
    let directory = tempfile::tempdir()?;
    let policy =
        Policy { retention: kernel::Span::ZERO, out_of_order: OutOfOrder::Unlimited, ..Policy::default() };
    let config = Config { policy, ..Config::default() };
    let (store, _) = MetricsStore::open(Arc::new(StdDisk), directory.path(), config)?;
    fill(&store)?;
    keep(directory.path(), "wal", &to.join("log"))?;
    store.checkpoint()?;
    keep(directory.path(), "checkpoint", &to.join("checkpoint"))?;
    store.cut_all()?;
    keep(directory.path(), "block", &to.join("block"))?;
    Ok(())
}
