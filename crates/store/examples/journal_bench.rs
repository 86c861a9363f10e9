//! How fast the journal is on this machine's disk.
//!
//! `cargo run --release -p store --example journal_bench [DIRECTORY]`; without a directory, a temporary one.
//!
//! 1. Facts a second in durable batches.
//! 2. p99 of one durable fact beside p99 of a bare 4 KiB append and fsync. The two take turns, so that both see
//!    the same disk.
//! 3. Facts a second replayed: read, chain checked, decoded.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

#[path = "../../journal/tests/night/mod.rs"]
mod night;

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use facts::{Entry, Seq};
use journal::{Journal, ReadLog, StoredRef, verify};
use night::night;
use store::SqliteLog;

const FACTS: usize = 400_000;
const PAIRS: usize = 3_000;

fn main() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = std::env::args().nth(1).map_or(temporary.path().to_owned(), Into::into);
    let bytes: usize =
        night(Seq(0), 11_000).iter().map(|entry| serde_json::to_vec(entry).unwrap().len()).sum();
    println!("one fact has {} bytes of JSON on average", bytes / 11_000);
    for batch in [64, 256, 1024] {
        appends(&directory.join(format!("batches-{batch}.db")), batch);
    }
    single_appends(&directory);
    replay(&directory.join("batches-256.db"));
}

fn open(path: &Path) -> Journal<SqliteLog> {
    Journal::open(SqliteLog::open(path).unwrap()).unwrap()
}

fn appends(path: &Path, batch: usize) {
    let mut journal = open(path);
    let entries = night(journal.head().seq, FACTS);
    let mut times = Vec::new();
    let rate = rate(|| {
        for batch in entries.chunks(batch) {
            times.push(timed(|| append(&mut journal, batch)));
        }
        entries.len() as u64
    });
    println!("append, batches of {batch}: {rate}; one batch {}", quantiles(&mut times));
}

fn single_appends(directory: &Path) {
    let mut journal = open(&directory.join("single.db"));
    let bare_path = directory.join("bare");
    let mut bare = OpenOptions::new().create(true).append(true).open(&bare_path).unwrap();
    let (mut journal_times, mut bare_times) = (Vec::new(), Vec::new());
    for entry in night(journal.head().seq, PAIRS) {
        journal_times.push(timed(|| append(&mut journal, std::slice::from_ref(&entry))));
        bare_times.push(timed(|| append_bare(&mut bare)));
    }
    println!("append, one fact: {}", quantiles(&mut journal_times));
    println!("append, bare 4 KiB: {}", quantiles(&mut bare_times));
    for (name, at) in [("p50", 0.5), ("p99", 0.99)] {
        let ratio = quantile(&journal_times, at).as_secs_f64() / quantile(&bare_times, at).as_secs_f64();
        println!("{name} of one fact is {ratio:.2} times that of the bare append");
    }
}

fn append(journal: &mut Journal<SqliteLog>, batch: &[Entry]) {
    journal.append(batch).unwrap();
}

fn append_bare(file: &mut File) {
    file.write_all(&[b'x'; 4096]).unwrap();
    file.sync_all().unwrap();
}

fn replay(path: &Path) {
    for _ in 0..3 {
        let journal = open(path);
        let fold = || journal.replay(0_u64, |_| None, |count, _| *count += 1).unwrap().state;
        println!("replay, chain checked: {}", rate(fold));
    }
    let log = SqliteLog::open(path).unwrap();
    println!("verify: {}", rate(|| verify(&log, None).unwrap().entries));
    let read = |each: &mut dyn FnMut(StoredRef<'_>)| {
        let mut count = 0;
        log.read(Seq(1), &mut |stored| {
            each(stored);
            count += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
        count
    };
    let reading = rate(|| read(&mut |stored| _ = black_box(stored)));
    let hashing = rate(|| read(&mut |stored| _ = black_box(stored.hash.next(stored.bytes))));
    let decoding = rate(|| read(&mut |stored| _ = black_box(stored.entry())));
    println!("reading: {reading}\nreading and hashing: {hashing}\nreading and decoding: {decoding}");
}

/// By the clock, and by the processor time of this thread, which other programs on the machine do not change.
fn rate(work: impl FnOnce() -> u64) -> String {
    let (begun, processor) = (Instant::now(), processor_time());
    let facts = work() as f64;
    let by_clock = facts / begun.elapsed().as_secs_f64();
    match processor.zip(processor_time()) {
        Some((before, after)) => {
            let by_processor = facts / (after - before).as_secs_f64();
            format!("{by_clock:.0} facts/s, {by_processor:.0} facts per second of processor time")
        }
        None => format!("{by_clock:.0} facts/s"),
    }
}

/// As Linux counts it for this thread; `None` elsewhere.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Sorts the times.
fn quantiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|at| quantile(times, at).as_secs_f64() * 1000.0);
    format!("p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms")
}

fn quantile(sorted: &[Duration], at: f64) -> Duration {
    let last = sorted.len() - 1;
    sorted[(last as f64 * at) as usize]
}
