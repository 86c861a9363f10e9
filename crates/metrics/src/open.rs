//! Opening a store: the checkpoint, then the log after it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use crate::checkpoint::{self, Opening};
use crate::fault::OpenFault;
use crate::head::{Head, Series, place};
use crate::index::{BorrowedLabels, Index};
use crate::limits::SHARDS;
use crate::refusal::RefusedTotals;
use crate::wal::{self, Log};
use crate::{Config, Disk, MetricsStore, SeriesRef};

/// What was found when the store was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// The checkpoint that was read.
    pub checkpoint: Option<PathBuf>,
    /// Segments of the log that were read.
    pub segments: u64,
    /// Samples that were read from those.
    pub samples_replayed: u64,
    /// The end of the log that a crash left half written; it was cut off.
    pub torn_end: Option<TornEnd>,
}

/// Records that were never acknowledged, or never durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornEnd {
    /// The segment.
    pub path: PathBuf,
    /// Where its sound part ends.
    pub offset: u64,
    /// Bytes that were cut off.
    pub bytes: u64,
}

/// What is in the directory.
struct Found {
    checkpoints: BTreeSet<u64>,
    segments: BTreeSet<u64>,
    unfinished: Vec<String>,
}

/// Where records of the log and series of the checkpoint go.
struct Restoring {
    index: Index,
    head: Head,
    floor_ms: i64,
    samples: u64,
}

impl MetricsStore {
    /// Opens the store in this directory, or makes one. The caller sees to it that no second process does the same.
    ///
    /// What a crash left half written at the end of the log is cut off and reported. Damage anywhere else is a fault
    /// that names file and offset, and nothing is changed.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: impl Into<PathBuf>,
        config: Config,
    ) -> Result<(Self, OpenReport), OpenFault> {
        let dir = dir.into();
        disk.create_dir_all(&dir)
            .map_err(|source| OpenFault::CreateDirectory { path: dir.clone(), source })?;
        let found = Found::list(&*disk, &dir)?;
        let mut restoring =
            Restoring { index: Index::default(), head: Head::new(), floor_ms: i64::MIN, samples: 0 };
        let mut report = OpenReport::default();

        let checkpoint = found.checkpoints.last().copied();
        if let Some(number) = checkpoint {
            let path = checkpoint::path(&dir, number);
            let file = disk.open(&path).map_err(|source| OpenFault::Read { path: path.clone(), source })?;
            checkpoint::load(file, &path, number, &mut restoring)?;
            report.checkpoint = Some(path);
        }
        let first = checkpoint.unwrap_or(1);
        let (next, older) = replay_log(&*disk, &dir, &found, first, &mut restoring, &mut report)?;
        report.samples_replayed = restoring.samples;
        found.remove_replaced(&*disk, &dir, first)?;

        let Restoring { index, head, floor_ms, .. } = restoring;
        for shard in 0..SHARDS {
            head.write(shard).values_mut().for_each(|series| series.drop_before(floor_ms));
        }
        let log =
            Log::begin(Arc::clone(&disk), dir.clone(), config.fsync, config.segment_bytes_max, next, older)
                .map_err(OpenFault::Log)?;
        let store = Self {
            config,
            disk,
            dir,
            index: RwLock::new(index),
            head,
            log,
            floor_ms: AtomicI64::new(floor_ms),
            maintenance: Mutex::new(checkpoint.into_iter().collect()),
            stored: AtomicU64::new(0),
            refused: RefusedTotals::default(),
        };
        Ok((store, report))
    }
}

/// Reads the segments from `first` on; gives the number of the segment to begin, and the older ones with their sizes.
fn replay_log(
    disk: &dyn Disk,
    dir: &Path,
    found: &Found,
    first: u64,
    restoring: &mut Restoring,
    report: &mut OpenReport,
) -> Result<(u64, Vec<(u64, u64)>), OpenFault> {
    let mut older = Vec::new();
    let Some(last) = found.segments.last().copied().filter(|last| *last >= first) else {
        // A checkpoint is written after its first segment was begun.
        return match found.checkpoints.is_empty() {
            true => Ok((first, older)),
            false => Err(OpenFault::SegmentMissing { path: wal::segment_path(dir, first) }),
        };
    };
    for number in first..=last {
        let path = wal::segment_path(dir, number);
        if !found.segments.contains(&number) {
            return Err(OpenFault::SegmentMissing { path });
        }
        let mut segment = Vec::new();
        disk.open(&path)
            .and_then(|mut file| file.read_to_end(&mut segment))
            .map_err(|source| OpenFault::Read { path: path.clone(), source })?;
        let sound = wal::replay(&segment, number, &path, number == last, restoring)?;
        report.segments += 1;
        if sound < segment.len() {
            let (offset, bytes) = (sound as u64, (segment.len() - sound) as u64);
            report.torn_end = Some(TornEnd { path: path.clone(), offset, bytes });
        }
        if number == last {
            // Made durable before the next segment is begun, torn or not: only the last one may ever end torn.
            let offset = sound as u64;
            disk.truncate(&path, offset).map_err(|source| OpenFault::Cut { path, offset, source })?;
        }
        // A segment without records, which can only be the last, is begun again.
        if sound > wal::SEGMENT_HEADER_BYTES {
            older.push((number, sound as u64));
        }
    }
    Ok((older.last().map_or(first, |(number, _)| number + 1), older))
}

impl Found {
    fn list(disk: &dyn Disk, dir: &Path) -> Result<Self, OpenFault> {
        let names = disk.list(dir).map_err(|source| OpenFault::List { path: dir.to_owned(), source })?;
        let mut found =
            Self { checkpoints: BTreeSet::new(), segments: BTreeSet::new(), unfinished: Vec::new() };
        for name in names {
            found.checkpoints.extend(checkpoint::number(&name));
            found.segments.extend(wal::segment_number(&name));
            if checkpoint::is_unfinished(&name) {
                found.unfinished.push(name);
            }
        }
        Ok(found)
    }

    /// Removes what a crash kept a checkpoint from removing.
    fn remove_replaced(&self, disk: &dyn Disk, dir: &Path, first: u64) -> Result<(), OpenFault> {
        let checkpoints = self.checkpoints.range(..first).map(|number| checkpoint::path(dir, *number));
        let segments = self.segments.range(..first).map(|number| wal::segment_path(dir, *number));
        let unfinished = self.unfinished.iter().map(|name| dir.join(name));
        for path in checkpoints.chain(segments).chain(unfinished) {
            disk.remove(&path).map_err(|source| OpenFault::Remove { path, source })?;
        }
        Ok(())
    }
}

const REF_TAKEN: &str = "a series is defined twice";

impl checkpoint::Audience for Restoring {
    fn opening(&mut self, opening: Opening) {
        self.index.begin_at(opening.next_ref);
        self.floor_ms = opening.floor_ms;
    }

    fn series(
        &mut self,
        series: SeriesRef,
        labels: &BorrowedLabels<'_>,
        samples: Series,
    ) -> Result<(), &'static str> {
        self.index.restore(series, labels).map_err(|_| REF_TAKEN)?;
        self.head.change(series, |place| *place = samples);
        Ok(())
    }
}

impl wal::Audience for Restoring {
    fn series(&mut self, series: SeriesRef, labels: &BorrowedLabels<'_>) -> Result<(), &'static str> {
        self.index.restore(series, labels).map_err(|_| REF_TAKEN)
    }

    fn samples(&mut self, series: SeriesRef, samples: &[(i64, f64)]) -> Result<(), &'static str> {
        if self.index.symbols_of(series).is_empty() {
            return Err("samples of a series that is not defined");
        }
        self.samples += samples.len() as u64;
        // What was taken once is taken again, whatever its age beside a checkpoint that may be ahead of it.
        self.head
            .change(series, |place| samples.iter().for_each(|(at_ms, value)| place.push(*at_ms, *value)));
        Ok(())
    }

    fn floor(&mut self, floor_ms: i64) {
        self.floor_ms = self.floor_ms.max(floor_ms);
    }

    fn dropped(&mut self, series: &[SeriesRef]) {
        self.index.remove(series);
        for series in series {
            let (shard, at) = place(*series);
            self.head.write(shard).remove(at);
        }
    }
}
