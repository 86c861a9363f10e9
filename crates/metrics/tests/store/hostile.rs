//! Files that anybody may have written, with checksums that fit: opening and reading them gives samples or a fault. What
//! `make fuzz` searches with the checksums off is tried here with a few thousand changes, sealed again.

use std::ops::Range;
use std::path::{Path, PathBuf};

use kernel::{Rng, Span};
use metrics::{Config, OutOfOrder, Policy, SeriesSamples};
use promql::{Selection, SeriesSource, TimeRange};

use crate::model_disk::ModelDisk;
use crate::open;

const CHANGES: u64 = 3000;
/// Bytes of a segment's header.
const SEGMENT_HEADER: usize = 20;
/// Bytes after a block's footer: its length, its checksum, the magic.
const TRAILER: usize = 16;

fn config() -> Config {
    let policy = Policy { retention: Span::ZERO, out_of_order: OutOfOrder::Unlimited, ..Policy::default() };
    Config { policy, ..Config::default() }
}

/// A log, a checkpoint and a block of the same few series, each with the disk that it is on.
fn files() -> Vec<(ModelDisk, PathBuf)> {
    let disk = ModelDisk::default();
    let (store, _) = open(&disk, config()).unwrap();
    for round in 0..300_i64 {
        for job in ["a", "b"] {
            let labels = [("__name__", "up"), ("job", job)];
            let late = if round % 7 == 0 { 200_000 } else { 0 };
            let samples = [(round * 15_000 - late, (round as f64).sqrt())];
            store.append(&[SeriesSamples { labels: &labels, samples: &samples }]).unwrap();
        }
    }
    let with = |ending: &str| {
        let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == ending);
        (disk.copy(), disk.paths().into_iter().find(is_one).unwrap())
    };
    let log = with("wal");
    store.checkpoint().unwrap();
    let checkpoint = with("checkpoint");
    store.cut_all().unwrap();
    vec![log, checkpoint, with("block")]
}

/// Where the records after a header are, without their first eight bytes.
fn records(bytes: &[u8], header: usize) -> Vec<Range<usize>> {
    let (mut all, mut at) = (Vec::new(), header);
    while let Some(head) = bytes.get(at..at + 4) {
        let length = u32::from_le_bytes(head.try_into().unwrap()) as usize;
        all.push(at + 8..at + 8 + length);
        at += 8 + length;
    }
    all
}

/// Changes one sealed part of a file, and seals it again.
fn changed(path: &Path, bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let end = bytes.len();
    let is_block = path.extension().is_some_and(|ending| ending == "block");
    let part = if is_block {
        let length = u32::from_le_bytes(bytes[end - TRAILER..end - TRAILER + 4].try_into().unwrap()) as usize;
        end - TRAILER - length..end - TRAILER
    } else {
        let header = if path.extension().is_some_and(|ending| ending == "wal") { SEGMENT_HEADER } else { 0 };
        rng.pick(&records(&bytes, header)).unwrap().clone()
    };
    for _ in 0..1 + rng.below(3) {
        let at = part.start + rng.below(part.len() as u64) as usize;
        bytes[at] = *rng.pick(&[0, 1, 0x7f, 0x80, 0xff, other_byte(at)]).unwrap();
    }
    let body = &bytes[part.clone()];
    if is_block {
        let sum = crc32fast::hash(body).to_le_bytes();
        bytes[end - TRAILER + 4..end - TRAILER + 8].copy_from_slice(&sum);
    } else {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&(body.len() as u32).to_le_bytes());
        hasher.update(body);
        let sum = hasher.finalize().to_le_bytes();
        bytes[part.start - 4..part.start].copy_from_slice(&sum);
    }
    bytes
}

const fn other_byte(at: usize) -> u8 {
    (at % 251) as u8
}

#[test]
fn whatever_a_sealed_file_says_it_is_read_or_refused() {
    for (disk, path) in files() {
        let (whole, mut read, mut refused) = (disk.bytes(&path), 0, 0);
        for seed in 0..CHANGES {
            let disk = disk.copy();
            disk.put(&path, changed(&path, &whole, &mut Rng::new(seed)));
            let Ok((store, _)) = open(&disk, config()) else {
                refused += 1;
                continue;
            };
            let all = Selection::new(&[], TimeRange::ALL);
            match store.select(&all, &mut |_| std::ops::ControlFlow::Continue(())) {
                Ok(()) => read += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(read > 0 && refused > 0, "{}: {read} read, {refused} refused", path.display());
    }
}
