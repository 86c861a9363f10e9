//! Opening a store: the blocks, the checkpoint, then the log after it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use promql::Histogram;

use crate::block::{self, Block, BlockFault, Deleted, Layout};
use crate::checkpoint::{self, Opening};
use crate::exemplars::{Exemplar, Ring};
use crate::fault::OpenFault;
use crate::head::{Head, Parts, Series, place};
use crate::index::{BorrowedLabels, Index};
use crate::refusal::RefusedTotals;
use crate::store::{Cutting, is_unfinished};
use crate::wal::{self, Log};
use crate::{Config, Disk, MetricsStore, SeriesRef};

/// What was found when the store was opened.
#[derive(Debug, Clone, Default)]
pub struct OpenReport {
    /// The checkpoint that was read.
    pub checkpoint: Option<PathBuf>,
    /// Segments of the log that were read.
    pub segments: u64,
    /// Samples that were read from those.
    pub samples_replayed: u64,
    /// The end of the log that a crash left half written; it was cut off.
    pub torn_end: Option<TornEnd>,
    /// Blocks that were read.
    pub blocks: u64,
    /// Blocks that are damaged: they were renamed to `….broken`, and their samples are missing until they are restored.
    pub broken_blocks: Vec<BlockFault>,
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
#[derive(Default)]
struct Found {
    checkpoints: BTreeSet<u64>,
    segments: BTreeSet<u64>,
    blocks: BTreeSet<u64>,
    deleted: BTreeSet<u64>,
    /// The highest number of a block that was found to be damaged.
    set_aside: Option<u64>,
    unfinished: Vec<String>,
}

/// Where records of the log and series of the checkpoint go.
struct Restoring {
    index: Index,
    head: Head,
    exemplars: Ring,
    exemplars_max: usize,
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
        let mut restoring = Restoring {
            index: Index::default(),
            head: Head::new(config.block_span.as_millis().max(1)),
            exemplars: Ring::default(),
            exemplars_max: config.policy.exemplars_max,
            floor_ms: i64::MIN,
            samples: 0,
        };
        let mut report = OpenReport::default();
        let layout = load_blocks(&*disk, &dir, &found, &mut report)?;

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

        let Restoring { index, head, exemplars, floor_ms, .. } = restoring;
        head.change_all(|_, series, _, _| series.drop_before(floor_ms));
        let log =
            Log::begin(Arc::clone(&disk), dir.clone(), config.fsync, config.segment_bytes_max, next, older)
                .map_err(OpenFault::Log)?;
        let store = Self {
            late_ms: AtomicI64::new(config.policy.late_ms()),
            policy: RwLock::new(Arc::new(config.policy.clone())),
            config,
            disk,
            dir,
            index: RwLock::new(index),
            head,
            exemplars: Mutex::new(exemplars),
            log,
            floor_ms: AtomicI64::new(floor_ms),
            layout: RwLock::new(Arc::new(layout)),
            cutting: Mutex::new(Cutting {
                checkpoints: checkpoint.into_iter().collect(),
                ..Cutting::default()
            }),
            blocks: Mutex::default(),
            next_block: AtomicU64::new(found.blocks.last().copied().max(found.set_aside).unwrap_or(0) + 1),
            attempts: AtomicU64::new(0),
            orphans: Mutex::default(),
            readers: Mutex::default(),
            cut_end_ms: AtomicI64::new(i64::MIN),
            old: AtomicU64::new(0),
            broken: Mutex::new(report.broken_blocks.clone()),
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

/// Opens the blocks; removes those that others replaced, and sets damaged ones aside.
fn load_blocks(
    disk: &dyn Disk,
    dir: &Path,
    found: &Found,
    report: &mut OpenReport,
) -> Result<Layout, OpenFault> {
    let mut blocks = Vec::new();
    for number in &found.blocks {
        match load_block(disk, dir, *number, found.deleted.contains(number)) {
            Ok(block) => blocks.push(block),
            Err(fault @ BlockFault::Damaged { .. }) => {
                let path = block::path(dir, *number);
                let mut aside = vec![path];
                aside.extend(found.deleted.contains(number).then(|| block::deleted_path(dir, *number)));
                for path in aside {
                    disk.rename(&path, &block::broken_path(&path))
                        .map_err(|source| OpenFault::Remove { path, source })?;
                }
                report.broken_blocks.push(fault);
            }
            Err(BlockFault::Read { path, source } | BlockFault::Write { path, source }) => {
                let source = std::io::Error::new(source.kind(), source);
                return Err(OpenFault::Read { path, source });
            }
        }
    }
    // A crash kept these from being removed; what replaced them is sound.
    let replaced: BTreeSet<u64> =
        blocks.iter().flat_map(|block| block.footer.parents.iter().copied()).collect();
    let orphans = found.deleted.iter().filter(|number| !found.blocks.contains(number));
    let mut gone: Vec<PathBuf> = orphans.map(|number| block::deleted_path(dir, *number)).collect();
    for block in blocks.iter().filter(|block| replaced.contains(&block.number())) {
        gone.push(block.path.clone());
        if found.deleted.contains(&block.number()) {
            gone.push(block::deleted_path(dir, block.number()));
        }
    }
    let is_changed = !gone.is_empty() || !report.broken_blocks.is_empty();
    for path in gone {
        disk.remove(&path).map_err(|source| OpenFault::Remove { path, source })?;
    }
    if is_changed {
        disk.sync_dir(dir).map_err(|source| OpenFault::Remove { path: dir.to_owned(), source })?;
    }
    blocks.retain(|block| !replaced.contains(&block.number()));
    report.blocks = blocks.len() as u64;
    Ok(Layout { blocks: blocks.into_iter().map(Arc::new).collect(), covers_leaving: false })
}

fn load_block(disk: &dyn Disk, dir: &Path, number: u64, has_deleted: bool) -> Result<Block, BlockFault> {
    let path = block::path(dir, number);
    let fault = |path: &Path, source| BlockFault::Read { path: path.to_owned(), source: Arc::new(source) };
    let file = disk.open_block(&path).map_err(|source| fault(&path, source))?;
    let block = Block::open(file, path, number)?;
    if !has_deleted {
        return Ok(block);
    }
    let path = block::deleted_path(dir, number);
    let mut bytes = Vec::new();
    disk.open(&path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|source| fault(&path, source))?;
    let what = "what was deleted of it is not what its checksum says";
    let deleted = Deleted::parse(&bytes).ok_or_else(|| block.damaged(what))?;
    Ok(block.with_deleted(deleted))
}

impl Found {
    fn list(disk: &dyn Disk, dir: &Path) -> Result<Self, OpenFault> {
        let names = disk.list(dir).map_err(|source| OpenFault::List { path: dir.to_owned(), source })?;
        let mut found = Self::default();
        for name in names {
            found.checkpoints.extend(checkpoint::number(&name));
            found.segments.extend(wal::segment_number(&name));
            found.blocks.extend(block::number(&name));
            let set_aside = name.strip_suffix(".broken").and_then(block::number);
            found.set_aside = found.set_aside.max(set_aside);
            found.deleted.extend(block::deleted_number(&name));
            if is_unfinished(&name) {
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

const REF_TAKEN: &str = "a series is defined twice, or under a number that none is given";

impl checkpoint::Audience for Restoring {
    fn opening(&mut self, opening: Opening) {
        self.index.begin_at(opening.next_ref);
        self.floor_ms = opening.floor_ms;
    }

    fn series(
        &mut self,
        series: SeriesRef,
        labels: &BorrowedLabels<'_>,
        source: &str,
        parts: Parts,
    ) -> Result<(), &'static str> {
        self.index.restore(series, labels, source).map_err(|_| REF_TAKEN)?;
        self.head.change(series, |place, packer, slots| *place = Series::restore(parts, packer, slots));
        Ok(())
    }

    fn exemplar(&mut self, series: SeriesRef, exemplar: &Exemplar<'_>) {
        self.exemplars.push(series, exemplar, self.exemplars_max);
    }
}

const UNDEFINED: &str = "samples of a series that is not defined";

impl wal::Audience for Restoring {
    fn series(
        &mut self,
        series: SeriesRef,
        labels: &BorrowedLabels<'_>,
        source: &str,
    ) -> Result<(), &'static str> {
        self.index.restore(series, labels, source).map_err(|_| REF_TAKEN)
    }

    fn samples(&mut self, series: SeriesRef, samples: &[(i64, f64)]) -> Result<(), &'static str> {
        if self.index.pairs_of(series).is_empty() {
            return Err(UNDEFINED);
        }
        self.samples += samples.len() as u64;
        // What was taken once is taken again, whatever its age beside a checkpoint that may be ahead of it.
        self.head.change(series, |place, packer, slots| {
            samples.iter().for_each(|(at_ms, value)| place.push(*at_ms, *value, packer, slots));
        });
        Ok(())
    }

    fn histogram(
        &mut self,
        series: SeriesRef,
        at_ms: i64,
        histogram: &Histogram,
    ) -> Result<(), &'static str> {
        if self.index.pairs_of(series).is_empty() {
            return Err(UNDEFINED);
        }
        self.samples += 1;
        self.head.change(series, |place, _, slots| {
            place.push_histogram(at_ms, histogram, None, slots);
        });
        Ok(())
    }

    fn exemplar(&mut self, series: SeriesRef, exemplar: &Exemplar<'_>) {
        self.exemplars.push(series, exemplar, self.exemplars_max);
    }

    fn deleted(&mut self, series: &[SeriesRef], start_ms: i64, end_ms: i64) {
        for series in series.iter().filter(|series| !self.index.pairs_of(**series).is_empty()) {
            self.head.change(*series, |place, packer, slots| place.delete(start_ms, end_ms, packer, slots));
        }
    }

    fn floor(&mut self, floor_ms: i64) {
        if floor_ms < self.floor_ms {
            // What had gone by then stays away.
            let gone_ms = self.floor_ms;
            self.head.change_all(|_, series, _, _| series.drop_before(gone_ms));
        }
        self.floor_ms = floor_ms;
    }

    fn dropped(&mut self, series: &[SeriesRef]) {
        self.index.remove(series);
        for series in series {
            let (shard, at) = place(*series);
            self.head.write(shard).series.remove(at);
        }
        let mut gone = series.to_vec();
        gone.sort_unstable();
        self.exemplars.forget(&gone);
    }
}
