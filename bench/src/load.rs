//! The load: the series, labels and values of `loadgen`, encoded beforehand into a file, so that sending costs next to
//! nothing.
//!
//! 100 series on each host, 8 labels, a sample every 15 s at an offset of the host's own; six of ten are integer
//! counters with steps of 0 to 99, two are gauges with two decimals, one is a counter with three decimals, one is
//! constant. Its entropy is near 1.0 bytes a sample.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::chance::Chance;
use crate::server::Server;
use crate::wire::{Body, Value, labels};

/// Between two samples of a series.
pub(crate) const STEP_MS: i64 = 15_000;
/// Series of one request.
const BATCH: usize = 5000;
/// Series of one host.
pub(crate) const HOST: usize = 100;
/// The seed of `loadgen`.
const SEED: u64 = 88_172_645_463_325_252;
/// Connections over which it is sent.
const CONNECTIONS: usize = 2;

/// What to encode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) metric: &'a str,
    pub(crate) series: usize,
    /// Samples of each series.
    pub(crate) rounds: usize,
    /// When the last round begins; hosts are up to 15 s later.
    pub(crate) end_ms: i64,
}

/// An encoded load.
pub(crate) struct Load {
    file: File,
    requests: Vec<Request>,
    /// Requests of one round; a connection always sends the same series.
    slices: usize,
    pub(crate) samples: u64,
}

#[derive(Debug, Clone, Copy)]
struct Request {
    offset: u64,
    bytes: usize,
    slice: usize,
}

/// What became of a load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) cpu_s: f64,
    pub(crate) wall_s: f64,
    /// How long requests took, sorted.
    pub(crate) took: Vec<Duration>,
}

impl Sent {
    /// The time within which this share of the requests was answered, in milliseconds.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        let index = ((last as f64) * share).round() as usize;
        self.took.get(index).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}

impl Load {
    /// Encodes into `path`.
    pub(crate) fn encode(path: &Path, plan: Plan<'_>) -> Outcome<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let all: Vec<Vec<u8>> = (0..plan.series).map(|series| series_labels(plan.metric, series)).collect();
        let mut chance = Chance::new(SEED);
        let mut values: Vec<f64> = (0..plan.series).map(|_| (chance.draw() % 1_000_000) as f64).collect();
        let (mut requests, mut offset) = (Vec::new(), 0);
        for round in 0..plan.rounds {
            let at_ms = plan.end_ms - i64::try_from(plan.rounds - 1 - round)? * STEP_MS;
            for slice in 0..plan.series.div_ceil(BATCH) {
                let mut body = Body::default();
                for series in slice * BATCH..((slice + 1) * BATCH).min(plan.series) {
                    advance(&mut values[series], series, chance.draw());
                    let host = i64::try_from(series / HOST)?;
                    let at_ms = at_ms + host * 7919 % STEP_MS;
                    body.series(&all[series], &[(at_ms, Value::Float(values[series]))]);
                }
                let body = body.compressed()?;
                out.write_all(&body)?;
                requests.push(Request { offset, bytes: body.len(), slice });
                offset += body.len() as u64;
            }
        }
        out.flush()?;
        let samples = plan.series as u64 * plan.rounds as u64;
        Ok(Self { file: File::open(path)?, requests, slices: plan.series.div_ceil(BATCH), samples })
    }

    /// Sends everything over two connections, as fast as it is taken.
    pub(crate) fn send(&self, server: &Server) -> Outcome<Sent> {
        let (before, begun) = (server.weight()?, Instant::now());
        let mut took = std::thread::scope(|scope| -> Outcome<Vec<Duration>> {
            let lanes: Vec<_> =
                (0..CONNECTIONS).map(|lane| scope.spawn(move || self.send_lane(server, lane))).collect();
            let mut all = Vec::new();
            for lane in lanes {
                all.extend(lane.join().map_err(|_| "a sender panicked")??);
            }
            Ok(all)
        })?;
        let wall_s = begun.elapsed().as_secs_f64();
        took.sort_unstable();
        Ok(Sent { cpu_s: server.weight()?.cpu_s - before.cpu_s, wall_s, took })
    }

    fn send_lane(&self, server: &Server, lane: usize) -> Outcome<Vec<Duration>> {
        let (mut caller, mut body, mut took) = (server.caller(), Vec::new(), Vec::new());
        for request in
            self.requests.iter().filter(|request| request.slice % self.slices % CONNECTIONS == lane)
        {
            body.resize(request.bytes, 0);
            self.file.read_exact_at(&mut body, request.offset)?;
            let begun = Instant::now();
            caller.remote_write(server.write_path(), &body)?.successful(server.kind.name())?;
            took.push(begun.elapsed());
        }
        Ok(took)
    }
}

fn advance(value: &mut f64, series: usize, drawn: u64) {
    match series % 10 {
        0..=5 => *value += (drawn % 100) as f64,
        6 | 7 => *value = (*value * 100.0 + (drawn % 2001) as f64 - 1000.0).round() / 100.0,
        8 => *value += (drawn % 100_000) as f64 / 1000.0,
        _ => {}
    }
}

fn series_labels(metric: &str, series: usize) -> Vec<u8> {
    let (host, of_host) = (series / HOST, series % HOST);
    labels([
        ("__name__", metric),
        ("code", ["200", "204", "404", "500"][of_host % 4]),
        ("grp", &format!("g{host:05}")),
        ("handler", &format!("/api/v1/resource{:02}", of_host / 4)),
        ("instance", &format!("host-{host:05}.prod.example.internal:9100")),
        ("job", &format!("job-{:02}", host % 20)),
        ("region", ["eu-west-1", "us-east-1", "ap-south-1"][host % 3]),
        ("shard", &format!("s{:04}", series / 1000)),
    ])
}
