//! A day of load in a fast clock, with kill -9 every minute: nothing acknowledged is missing, memory and disk stay flat.
//!
//! The server sees a clock that libfaketime makes fast, so that a day passes in 20 minutes. Two senders give it the
//! samples of that clock, each request again until it is acknowledged. Every minute the server is killed and started
//! again over its directory, and some of the series are compared with what was acknowledged, value by value; at the
//! end all of them are. The value of a sample follows from its series and its time, so nothing is remembered but how
//! far each sender came.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::http::Caller;
use crate::process::disk_bytes;
use crate::server::{FastClock, Kind, Programs, Server, Wishes};
use crate::wire::{Body, Value, labels};
use crate::{Outcome, clock};

/// Between two samples of a series, by the server's clock.
const STEP_S: i64 = 15;
/// Series that a query compares at once.
const SLICE: i64 = 100;
/// Series of one request.
const BATCH: i64 = 5000;
/// Senders.
const LANES: usize = 2;
/// What the server keeps, and how much of that is compared.
const RETENTION_H: i64 = 8;
const COMPARED_S: i64 = 7 * 3600;
/// Slices that are compared after each start.
const COMPARED_SLICES: i64 = 3;
/// How much larger the peak of the last third of the time may be than that of the second one.
const FLAT: f64 = 1.25;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long it takes
    #[arg(long, default_value_t = 20)]
    minutes: u32,
    /// How fast the server's clock is
    #[arg(long, default_value_t = 72)]
    speed: u32,
    /// Series
    #[arg(long, default_value_t = 10_000)]
    series: i64,
    /// Seconds between two kills
    #[arg(long, default_value_t = 60)]
    kill_every: u32,
    /// Where the server keeps its data; emptied first and removed after a run that went well
    #[arg(long, default_value = "target/soak", value_name = "DIRECTORY")]
    directory: PathBuf,
}

/// What senders and the one who kills share.
struct Stage {
    begun: Instant,
    starts_at_s: i64,
    speed: u32,
    series: i64,
    address: Mutex<SocketAddr>,
    /// For each sender, how many rounds are acknowledged.
    acknowledged: [AtomicI64; LANES],
    is_over: AtomicBool,
}

impl Stage {
    /// The server's clock, in seconds since 1970.
    fn now_s(&self) -> i64 {
        self.starts_at_s + (self.begun.elapsed().as_secs_f64() * f64::from(self.speed)) as i64
    }

    fn caller(&self) -> Caller {
        Caller::new(*self.address.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Rounds that every sender has had acknowledged.
    fn rounds(&self) -> i64 {
        self.acknowledged.iter().map(|rounds| rounds.load(Ordering::SeqCst)).min().unwrap_or(0)
    }

    const fn at_s(&self, round: i64) -> i64 {
        self.starts_at_s + round * STEP_S
    }
}

/// Pieces of at most `size` that make up `all`.
const fn pieces(all: i64, size: i64) -> i64 {
    (all + size - 1) / size
}

/// The value of a series in a round: six of ten are counters, the others gauges with two decimals.
fn value(series: i64, round: i64) -> f64 {
    let seed = (series.cast_unsigned() << 32) ^ round.cast_unsigned() ^ 0x9e37_79b9_7f4a_7c15;
    let mut chance = Chance::new(seed);
    chance.draw();
    if series % 10 < 6 {
        (round * 100) as f64 + chance.below(100) as f64
    } else {
        chance.below(200_000) as f64 / 100.0
    }
}

fn send(stage: &Stage, lane: usize) -> Outcome<()> {
    let all: Vec<Vec<u8>> = (0..stage.series).map(series_labels).collect();
    let mut caller = stage.caller();
    for round in 0.. {
        while stage.now_s() < stage.at_s(round) {
            if stage.is_over.load(Ordering::SeqCst) {
                return Ok(());
            }
            clock::pause(Duration::from_millis(5));
        }
        for batch in (0..pieces(stage.series, BATCH)).filter(|batch| *batch as usize % LANES == lane) {
            let mut body = Body::default();
            for series in batch * BATCH..((batch + 1) * BATCH).min(stage.series) {
                let sample = (stage.at_s(round) * 1000, Value::Float(value(series, round)));
                body.series(&all[usize::try_from(series)?], &[sample]);
            }
            let body = body.compressed()?;
            loop {
                match caller.remote_write("/api/v1/write", &body) {
                    Ok(answer) if answer.status == 204 => break,
                    Ok(answer) if answer.status != 503 => {
                        return Err(
                            format!("a write was refused: {} {}", answer.status, answer.text()).into()
                        );
                    }
                    // It is being killed, or starts.
                    _ if stage.is_over.load(Ordering::SeqCst) => return Ok(()),
                    _ => {
                        clock::pause(Duration::from_millis(20));
                        caller = stage.caller();
                    }
                }
            }
        }
        stage.acknowledged[lane].store(round + 1, Ordering::SeqCst);
    }
    Ok(())
}

fn series_labels(series: i64) -> Vec<u8> {
    labels([
        ("__name__", "load"),
        ("host", &format!("host-{:03}.prod.example.internal", series / SLICE)),
        ("number", &series.to_string()),
        ("slice", &(series / SLICE).to_string()),
    ])
}

/// Compares the samples of a slice with what was acknowledged; how many there were.
fn compare(stage: &Stage, caller: &mut Caller, slice: i64, rounds: i64) -> Outcome<u64> {
    let first = (rounds - COMPARED_S / STEP_S).max(0);
    let target = format!(
        "/api/v1/query?time={}&query=load%7Bslice%3D%22{slice}%22%7D%5B{}s%5D",
        stage.at_s(rounds - 1),
        (rounds - first) * STEP_S,
    );
    let answer = caller.get(&target)?.successful("a comparison")?.json()?;
    let result = answer["data"]["result"].as_array().ok_or("a result is no list")?;
    let expected = SLICE.min(stage.series - slice * SLICE);
    if i64::try_from(result.len())? != expected {
        return Err(format!("slice {slice} has {} of {expected} series", result.len()).into());
    }
    let mut compared = 0;
    for found in result {
        let series: i64 = found["metric"]["number"].as_str().ok_or("a series without a number")?.parse()?;
        let values = found["values"].as_array().ok_or("a series without values")?;
        let mut values = values.iter();
        for round in first..rounds {
            let Some(sample) = values.next() else {
                return Err(format!("series {series} has nothing from round {round} of {rounds} on").into());
            };
            let at_s = sample[0].as_f64().ok_or("a sample without a time")?;
            let found: f64 = sample[1].as_str().ok_or("a sample without a value")?.parse()?;
            let wanted = value(series, round);
            if at_s as i64 != stage.at_s(round) || found.to_bits() != wanted.to_bits() {
                return Err(format!(
                    "series {series} has {found} at {at_s}, and not {wanted} at {}",
                    stage.at_s(round)
                )
                .into());
            }
            compared += 1;
        }
    }
    Ok(compared)
}

/// What was measured between two kills.
#[derive(Debug, Clone, Copy)]
struct Minute {
    rss_bytes: u64,
    disk_bytes: u64,
}

/// The largest of a third of the minutes, counted from 0.
fn peak(minutes: &[Minute], third: usize, of: impl Fn(&Minute) -> u64) -> f64 {
    let size = minutes.len() / 3;
    minutes[third * size..(third + 1) * size].iter().map(of).max().unwrap_or(0) as f64
}

fn is_flat(what: &str, minutes: &[Minute], of: impl Fn(&Minute) -> u64 + Copy) -> bool {
    let (before, after) = (peak(minutes, 1, of), peak(minutes, 2, of));
    println!("{what}: peak of the second third {:.0} MB, of the last {:.0} MB", before / 1e6, after / 1e6);
    after <= before * FLAT
}

/// Debian's libfaketime.
fn libfaketime() -> Outcome<PathBuf> {
    let found =
        std::fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path().join("faketime/libfaketime.so.1"));
    let mut found = found.filter(|path| path.is_file());
    found.next().ok_or_else(|| "there is no libfaketime (apt-get install -y libfaketime)".into())
}

pub(crate) fn run(wanted: &Arguments, programs: &Programs) -> Outcome<bool> {
    _ = std::fs::remove_dir_all(&wanted.directory);
    let directory = wanted.directory.as_path();
    // A day that ends about now would do as well; a round time is easier to read in a log.
    let starts_at_s = clock::now_ms() / 1000 / 3600 * 3600;
    let wishes = |starts_at_s| -> Outcome<Wishes> {
        let clock = FastClock { library: libfaketime()?, starts_at_s, speed: wanted.speed };
        let configuration = format!("metrics: {{ retention: {RETENTION_H}h }}\n");
        Ok(Wishes { configuration, clock: Some(clock), ..Wishes::default() })
    };
    let server = Server::start(programs, Kind::Swan, directory, &wishes(starts_at_s)?)?;
    let stage = Stage {
        begun: Instant::now(),
        starts_at_s,
        speed: wanted.speed,
        series: wanted.series,
        address: Mutex::new(server.address),
        acknowledged: std::array::from_fn(|_| AtomicI64::new(0)),
        is_over: AtomicBool::new(false),
    };
    let lived = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..LANES)
            .map(|lane| {
                scope.spawn({
                    let stage = &stage;
                    move || send(stage, lane)
                })
            })
            .collect();
        let start = |at_s| Server::start(programs, Kind::Swan, directory, &wishes(at_s)?);
        let lived = live(&stage, wanted, server, directory, &start);
        stage.is_over.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().map_err(|_| "a sender panicked")??;
        }
        lived
    })?;
    if lived {
        std::fs::remove_dir_all(directory)?;
    }
    Ok(lived)
}

/// Kills and starts the server until the time is over, and compares.
fn live(
    stage: &Stage,
    wanted: &Arguments,
    mut server: Server,
    directory: &Path,
    start: &dyn Fn(i64) -> Outcome<Server>,
) -> Outcome<bool> {
    let (slices, mut chance) = (pieces(stage.series, SLICE), Chance::new(7));
    let kills = wanted.minutes * 60 / wanted.kill_every.max(1);
    let mut minutes = Vec::new();
    for kill in 1..=kills {
        let due = Duration::from_secs(u64::from(kill * wanted.kill_every));
        clock::pause(due.saturating_sub(stage.begun.elapsed()));
        let weight = server.weight()?;
        minutes.push(Minute {
            rss_bytes: weight.rss_peak_bytes,
            disk_bytes: disk_bytes(&directory.join("data"))?,
        });
        drop(server);
        let (dead_at, rounds) = (Instant::now(), stage.rounds());
        server = start(stage.now_s())?;
        *stage.address.lock().unwrap_or_else(PoisonError::into_inner) = server.address;
        let (down, mut caller, mut compared) = (dead_at.elapsed(), stage.caller(), 0);
        for _ in 0..COMPARED_SLICES {
            let slice = i64::try_from(chance.below(slices.cast_unsigned()))?;
            compared += compare(stage, &mut caller, slice, rounds)?;
        }
        let minute = minutes[minutes.len() - 1];
        println!(
            "kill {kill} of {kills}: {:.1} h in, back after {:.2} s, {compared} samples compared, peak {:.0} MB, disk {:.0} MB",
            (stage.at_s(rounds) - stage.starts_at_s) as f64 / 3600.0,
            down.as_secs_f64(),
            minute.rss_bytes as f64 / 1e6,
            minute.disk_bytes as f64 / 1e6,
        );
    }
    stage.is_over.store(true, Ordering::SeqCst);
    let (rounds, mut caller, mut compared) = (stage.rounds(), stage.caller(), 0);
    for slice in 0..slices {
        compared += compare(stage, &mut caller, slice, rounds)?;
    }
    println!(
        "{rounds} rounds of {} series acknowledged; {compared} samples compared, each as it was sent",
        stage.series
    );
    let is_behind = rounds < (stage.now_s() - stage.starts_at_s) / STEP_S * 9 / 10;
    if is_behind {
        println!("the load fell behind: this machine is too slow for the figures to mean anything");
    }
    let flat = [
        is_flat("memory", &minutes, |minute| minute.rss_bytes),
        is_flat("disk", &minutes, |minute| minute.disk_bytes),
    ];
    Ok(!is_behind && flat.into_iter().all(|flat| flat))
}
