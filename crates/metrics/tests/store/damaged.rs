//! What a crash and bad hardware leave in the files.

use std::path::Path;

use metrics::{Config, OpenFault};

use crate::model_disk::ModelDisk;
use crate::{Contents, append, contents, expected, open};

/// Appends with series that are known and series that are not; after each, the log's bytes and what is in it.
fn history(disk: &ModelDisk) -> Vec<(usize, Contents)> {
    let (store, _) = open(disk, Config::default()).unwrap();
    let mut after = vec![(disk.bytes(&disk.last_segment()).len(), contents(&store))];
    let mut at_ms = 1_700_000_000_000;
    for (round, job) in ["a", "b", "a", "c", "a", "b"].into_iter().enumerate() {
        let samples =
            [(at_ms, round as f64), (at_ms - 1000, 0.1), (at_ms, f64::from_bits(promql::STALE_NAN_BITS))];
        append(&store, job, &samples[..=round % 3]);
        at_ms += 15_000;
        after.push((disk.bytes(&disk.last_segment()).len(), contents(&store)));
    }
    after
}

#[test]
fn cut_at_any_byte_the_log_loses_the_torn_append_and_nothing_before_it() {
    let disk = ModelDisk::default();
    let history = history(&disk);
    let path = disk.last_segment();
    let whole = disk.bytes(&path);
    for cut in 0..=whole.len() {
        let disk = disk.copy();
        disk.put(&path, whole[..cut].to_vec());
        let (store, report) =
            open(&disk, Config::default()).unwrap_or_else(|fault| panic!("{cut}: {fault:?}"));
        let (sound, kept) = history.iter().rev().find(|(bytes, _)| *bytes <= cut).unwrap_or(&history[0]);
        assert_eq!(contents(&store), *kept, "cut at {cut}");
        // An append that makes a series is two records; the first one may be whole.
        match report.torn_end {
            Some(torn) => assert!(
                torn.bytes > 0 && torn.offset + torn.bytes == cut as u64 && (torn.offset as usize) < cut,
                "{torn:?}"
            ),
            None => assert!(cut == 0 || cut >= *sound),
        }
        // What came after goes on from there, and the next start finds both.
        append(&store, "later", &[(1, 1.0)]);
        let both = contents(&store);
        drop(store);
        let (store, report) = open(&disk, Config::default()).unwrap();
        assert_eq!((contents(&store), report.torn_end), (both, None), "cut at {cut}");
    }
}

#[test]
fn a_damaged_byte_before_the_last_sync_is_a_fault_that_names_file_and_offset() {
    let disk = ModelDisk::default();
    let (store, _) = open(&disk, Config::default()).unwrap();
    let path = disk.last_segment();
    let mut records = vec![disk.bytes(&path).len()];
    for (at_ms, job) in [(1, "a"), (2, "a"), (3, "a")] {
        append(&store, job, &[(at_ms, 1.0)]);
        records.push(disk.bytes(&path).len());
    }
    store.sync().unwrap();
    let synced = *records.last().unwrap();
    let marked = disk.bytes(&path).len();
    append(&store, "a", &[(4, 1.0)]);
    drop(store);
    let whole = disk.bytes(&path);
    for at in 0..whole.len() {
        let disk = disk.copy();
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        disk.put(&path, damaged);
        match open(&disk, Config::default()) {
            Err(OpenFault::Corrupt { path: named, offset, .. }) => {
                assert!(at < synced, "{at}");
                assert_eq!(named, path);
                let offset = offset as usize;
                let next = records.iter().find(|record| **record > offset).copied().unwrap_or(synced);
                // The first append is two records, so the offset may lie between its ends.
                assert!(offset <= at && at < next.max(records[0]), "{at} is not in the record at {offset}");
                assert_eq!(
                    (disk.paths().len(), disk.bytes(&path).len()),
                    (1, whole.len()),
                    "a fault changes nothing"
                );
            }
            Err(other) => panic!("{at}: {other:?}"),
            Ok((store, report)) => {
                let torn = report.torn_end.expect("something was damaged");
                assert!(at >= synced && torn.offset as usize <= at, "{at}");
                let kept =
                    if at < marked { 3 } else { 3.min(contents(&store).values().next().unwrap().len()) };
                assert_eq!(contents(&store).values().next().unwrap().len(), kept);
            }
        }
    }
}

#[test]
fn a_damaged_or_missing_earlier_segment_is_a_fault() {
    let disk = ModelDisk::default();
    let config = Config { segment_bytes_max: 200, ..Config::default() };
    let (store, _) = open(&disk, &config).unwrap();
    for at_ms in 0..40 {
        append(&store, "a", &[(at_ms, 0.5)]);
    }
    drop(store);
    let first = Path::new("/metrics/00000001.wal");
    let second = Path::new("/metrics/00000002.wal");
    assert!(disk.paths().len() > 3);

    let torn = disk.copy();
    let mut bytes = torn.bytes(second);
    bytes.pop();
    torn.put(second, bytes);
    assert!(matches!(open(&torn, &config), Err(OpenFault::Corrupt { path, .. }) if path == second));

    for missing in [first, second] {
        let holed = ModelDisk::default();
        disk.paths()
            .iter()
            .filter(|path| *path != missing)
            .for_each(|path| holed.put(path, disk.bytes(path)));
        assert!(matches!(open(&holed, &config), Err(OpenFault::SegmentMissing { path }) if path == missing));
    }
}

#[test]
fn a_checkpoint_that_is_damaged_at_any_byte_is_a_fault_and_never_less_than_all() {
    let disk = ModelDisk::default();
    let (store, _) = open(&disk, Config::default()).unwrap();
    for job in ["a", "b"] {
        append(&store, job, &(0..300).map(|i| (i * 60_000, i as f64 / 3.0)).collect::<Vec<_>>());
        append(&store, job, &[(280 * 60_000 + 1, 7.0)]);
    }
    let path = store.checkpoint().unwrap().path;
    drop(store);
    let whole = disk.bytes(&path);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x01;
        for bytes in [damaged, whole[..at].to_vec()] {
            let disk = disk.copy();
            disk.put(&path, bytes);
            let fault = open(&disk, Config::default()).unwrap_err();
            assert!(
                matches!(&fault, OpenFault::Corrupt { path: named, .. } if *named == path),
                "{at}: {fault:?}"
            );
        }
    }
}

#[test]
fn a_label_that_spells_a_mark_of_the_log_cannot_make_a_torn_end_a_fault() {
    let disk = ModelDisk::default();
    let (store, _) = open(&disk, Config::default()).unwrap();
    append(&store, "a", &[(1, 1.0)]);
    drop(store);
    let path = disk.last_segment();
    let whole = disk.bytes(&path);
    // What the log writes to say that all before `synced` is durable.
    let mark = |at: usize, synced: usize| {
        let body = [&[5], &(at as u64).to_le_bytes()[..], &(synced as u64).to_le_bytes()[..]].concat();
        let length = (body.len() as u32).to_le_bytes();
        [&length[..], &crc32fast::hash(&[&length[..], &body].concat()).to_le_bytes(), &body].concat()
    };
    let torn_at = whole.len();
    let place = torn_at + 4;
    for (at, synced, is_fault) in [
        (place, place, true),
        (place, torn_at + 1, true),
        (place, torn_at, false),
        (place + 1, place, false),
        (0, usize::MAX, false),
    ] {
        disk.put(&path, [&whole[..], b"torn", &mark(at, synced)].concat());
        let copy = disk.copy();
        match open(&copy, Config::default()) {
            Err(OpenFault::Corrupt { offset, .. }) => assert!(is_fault && offset as usize == torn_at),
            Err(other) => panic!("{other:?}"),
            Ok((store, report)) => {
                assert!(!is_fault, "{at} {synced}");
                assert_eq!(report.torn_end.unwrap().offset as usize, torn_at);
                assert_eq!(contents(&store), expected([("a", &[(1, 1.0)][..])]));
            }
        }
    }
}
