//! Keeping the store bounded: samples that are old go, and a checkpoint takes the place of the log.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::Timestamp;

use crate::checkpoint::{self, CheckpointWriter, Opening};
use crate::head::{Series, place};
use crate::store::Cutting;
use crate::wal::{dropped_record, floor_record};
use crate::{Cut, Effort};
use crate::{LOCK, MaintenanceFault, MetricsStore, SeriesRef};

/// What went with [`MetricsStore::retain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Series that left memory, because all their samples were old.
    pub series_dropped: u64,
    /// Blocks that were removed.
    pub blocks_removed: u64,
}

/// What [`MetricsStore::checkpoint`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpointed {
    /// The file.
    pub path: PathBuf,
    /// Its size; 0 when nothing came since the last checkpoint, which stays.
    pub bytes: u64,
}

/// What of memory goes into a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Everything; what is on its way into a block only where it is said.
    Samples { with_leaving: bool },
    /// Series that have exemplars, without their samples: blocks have those.
    Exemplars,
}

/// By how much the floor moves at once.
const RETAIN_EVERY_MS: u64 = 600_000;
/// Series that leave under one lock.
const DROPPED_PER_LOCK: usize = 4096;
/// Series that a checkpoint reads under one lock.
const SERIES_PER_LOCK: u32 = 256;

impl MetricsStore {
    /// Makes everything durable that was appended before. With [`Fsync::EverySecond`](crate::Fsync::EverySecond)
    /// the runtime calls this every second.
    pub fn sync(&self) -> Result<(), MaintenanceFault> {
        self.log.sync().map_err(MaintenanceFault::Log)
    }

    /// Whether [`sync`](Self::sync) would find nothing to do. It waits for nobody, and may say no where it would.
    pub fn is_at_rest(&self) -> bool {
        self.log.is_at_rest()
    }

    /// Lets samples go that are older than the retention at this time, series in memory without any other, and blocks
    /// of nothing else; and the oldest blocks while all are larger than they may be. From here on older samples are
    /// neither read nor taken.
    ///
    /// A longer retention, or a clock that was ahead and is put right, moves that back: older samples are taken again,
    /// and of those that were there before, what no file has lost yet is read.
    pub fn retain(&self, now: Timestamp) -> Result<Retained, MaintenanceFault> {
        let series_dropped = self.retain_memory(self.floor_at(now))?;
        Ok(Retained { series_dropped, blocks_removed: self.retain_blocks()? })
    }

    /// Before when samples are too old at this time; the least timestamp where none is.
    fn floor_at(&self, now: Timestamp) -> i64 {
        let retention = self.policy().retention;
        if retention.as_millis() > 0 { (now - retention).as_millis() } else { i64::MIN }
    }

    /// Does what is due beside [`sync`](Self::sync): lets go what is old, cuts memory into blocks and merges those, and
    /// bounds the log. It can take long; one thread does it at a time, and appends, queries and syncs go on meanwhile.
    pub fn tidy(&self, now: Timestamp) -> Result<(), MaintenanceFault> {
        let policy = self.policy();
        let moved_ms = self.floor_at(now).abs_diff(self.floor_ms.load(Ordering::Relaxed));
        let is_larger = policy.retention_bytes > 0 && self.block_bytes() > policy.retention_bytes;
        if is_larger || moved_ms >= RETAIN_EVERY_MS {
            self.retain(now)?;
        }
        let cut = if self.is_cut_due(now) { self.cut(now)? } else { Cut::default() };
        if cut.blocks > 0 || self.is_checkpoint_due() {
            self.checkpoint()?;
        }
        while self.compact(Effort::Due)?.replaced > 0 {}
        Ok(())
    }

    fn retain_memory(&self, floor_ms: i64) -> Result<u64, MaintenanceFault> {
        let _cutting = self.cutting.lock().expect(LOCK);
        {
            let _index = self.index.write().expect(LOCK);
            if floor_ms == self.floor_ms.load(Ordering::Relaxed) {
                return Ok(0);
            }
            let _ = self.log.enqueue(&floor_record(floor_ms)).map_err(MaintenanceFault::Log)?;
            self.floor_ms.store(floor_ms, Ordering::Relaxed);
        }
        self.head.change_all(|_, series, _, _| series.drop_before(floor_ms));
        let dropped = self.drop_series_where(|series| series.is_before(floor_ms))?;
        self.log.rest().map_err(MaintenanceFault::Log)?;
        Ok(dropped)
    }

    /// Drops the series in memory of which this holds. Held meanwhile: `cutting`.
    pub(crate) fn drop_series_where(
        &self,
        is_gone: impl Fn(&Series) -> bool,
    ) -> Result<u64, MaintenanceFault> {
        let is_gone = |series: &SeriesRef| self.head.look(*series, &is_gone).unwrap_or(true);
        let mut old: Vec<SeriesRef> = self.index.read().expect(LOCK).all().collect();
        old.retain(is_gone);
        let mut dropped = 0;
        for part in old.chunks_mut(DROPPED_PER_LOCK) {
            let mut index = self.index.write().expect(LOCK);
            // Looked at again: samples may have come since.
            let gone: Vec<SeriesRef> = part.iter().copied().filter(is_gone).collect();
            if gone.is_empty() {
                continue;
            }
            let _ = self.log.enqueue(&dropped_record(&gone)).map_err(MaintenanceFault::Log)?;
            index.remove(&gone);
            for series in &gone {
                let (shard, at) = place(*series);
                self.head.write(shard).series.remove(at);
            }
            self.exemplars.lock().expect(LOCK).forget(&gone);
            dropped += gone.len() as u64;
        }
        Ok(dropped)
    }

    /// Whether the log has grown past [`Config::checkpoint_log_bytes`](crate::Config::checkpoint_log_bytes).
    pub fn is_checkpoint_due(&self) -> bool {
        self.log.bytes() >= self.config.checkpoint_log_bytes
    }

    /// Writes everything in memory that no block has to a checkpoint, and removes the log before it. Appends go on
    /// meanwhile.
    pub fn checkpoint(&self) -> Result<Checkpointed, MaintenanceFault> {
        let mut cutting = self.cutting.lock().expect(LOCK);
        let first_segment = self.log.rotate().map_err(MaintenanceFault::Log)?;
        let path = checkpoint::path(&self.dir, first_segment);
        let mut bytes = 0;
        if !cutting.checkpoints.contains(&first_segment) {
            let kept = Kept::Samples { with_leaving: !cutting.is_published };
            bytes = self.write_checkpoint(first_segment, &path, kept)?;
            cutting.checkpoints.push(first_segment);
        }
        self.remove_replaced(&mut cutting, first_segment)
            .map_err(|(path, source)| MaintenanceFault::Remove { path, source: Arc::new(source) })?;
        Ok(Checkpointed { path, bytes })
    }

    /// Writes a checkpoint to this path. Held meanwhile: `cutting`.
    pub(crate) fn write_checkpoint(
        &self,
        first_segment: u64,
        path: &std::path::Path,
        kept: Kept,
    ) -> Result<u64, MaintenanceFault> {
        let dir = path.parent().unwrap_or(&self.dir);
        let unfinished = self.unfinished(path);
        let written = self.write_unfinished(&unfinished, first_segment, kept).and_then(|bytes| {
            self.disk.rename(&unfinished, path)?;
            self.disk.sync_dir(dir)?;
            Ok(bytes)
        });
        written.map_err(|source| {
            // What stays behind is removed when the store is opened; a full disk wants it gone now.
            let _ = self.disk.remove(&unfinished);
            MaintenanceFault::Checkpoint { path: path.to_owned(), source: Arc::new(source) }
        })
    }

    fn write_unfinished(
        &self,
        path: &std::path::Path,
        first_segment: u64,
        kept: Kept,
    ) -> std::io::Result<u64> {
        let file = self.disk.create(path)?;
        // A ref that is given from here on is defined in `first_segment` or later.
        let next_ref = self.index.read().expect(LOCK).next();
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let mut writer = CheckpointWriter::begin(file, Opening { first_segment, next_ref, floor_ms });
        let exemplars = self.exemplars.lock().expect(LOCK).clone();
        let with_exemplars: BTreeSet<SeriesRef> = exemplars.iter().map(|(series, _)| *series).collect();
        let is_kept = |series: SeriesRef| kept != Kept::Exemplars || with_exemplars.contains(&series);
        let mut at = 0;
        while at < next_ref {
            let end = at.saturating_add(SERIES_PER_LOCK).min(next_ref);
            at = self.write_page(&mut writer, (at, end), kept, &is_kept);
            writer.write()?;
        }
        writer.exemplars(&exemplars);
        writer.finish()
    }

    /// Adds the series from `at` on until `end`, or until the page is full; gives where it ended.
    fn write_page(
        &self,
        writer: &mut CheckpointWriter,
        (at, end): (u32, u32),
        kept: Kept,
        is_kept: &impl Fn(SeriesRef) -> bool,
    ) -> u32 {
        let index = self.index.read().expect(LOCK);
        for number in at..end {
            let series = SeriesRef(number);
            if index.pairs_of(series).is_empty() || !is_kept(series) {
                continue;
            }
            let written = match kept {
                Kept::Exemplars => None,
                Kept::Samples { with_leaving } => {
                    self.head.look(series, |samples| writer.series(series, &index, samples, with_leaving))
                }
            };
            if written.is_none() {
                writer.series(series, &index, &Series::default(), true);
            }
            if writer.is_page_full() {
                writer.end_page();
                return number + 1;
            }
        }
        writer.end_page();
        end
    }

    fn remove_replaced(
        &self,
        cutting: &mut Cutting,
        first_segment: u64,
    ) -> Result<(), (PathBuf, std::io::Error)> {
        let checkpoints = &mut cutting.checkpoints;
        while let Some(at) = checkpoints.iter().position(|number| *number < first_segment) {
            let path = checkpoint::path(&self.dir, checkpoints[at]);
            self.disk.remove(&path).map_err(|source| (path, source))?;
            checkpoints.swap_remove(at);
        }
        self.log.forget_before(first_segment)
    }
}
