//! Keeping the store bounded: samples that are old go, and a checkpoint takes the place of the log.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::Timestamp;

use crate::checkpoint::{self, CheckpointWriter, Opening};
use crate::head::{Series, place};
use crate::limits::SHARDS;
use crate::wal::{dropped_record, floor_record};
use crate::{LOCK, MaintenanceFault, MetricsStore, SeriesRef};

/// What went with [`MetricsStore::retain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Series that left, because all their samples were old.
    pub series_dropped: u64,
}

/// What [`MetricsStore::checkpoint`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpointed {
    /// The file.
    pub path: PathBuf,
    /// Its size; 0 when nothing came since the last checkpoint, which stays.
    pub bytes: u64,
}

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

    /// Lets samples go that are older than the retention at this time, and series without any other. From here on
    /// older samples are neither read nor taken. An earlier time than before does nothing.
    pub fn retain(&self, now: Timestamp) -> Result<Retained, MaintenanceFault> {
        let _maintenance = self.maintenance.lock().expect(LOCK);
        let floor_ms = (now - self.config.retention).as_millis();
        {
            let _index = self.index.write().expect(LOCK);
            if floor_ms <= self.floor_ms.load(Ordering::Relaxed) {
                return Ok(Retained::default());
            }
            let _ = self.log.enqueue(&floor_record(floor_ms)).map_err(MaintenanceFault::Log)?;
            self.floor_ms.store(floor_ms, Ordering::Relaxed);
        }
        for shard in 0..SHARDS {
            self.head.write(shard).values_mut().for_each(|series| series.drop_before(floor_ms));
        }
        let all: Vec<SeriesRef> = self.index.read().expect(LOCK).all().collect();
        let mut old: Vec<SeriesRef> =
            all.into_iter().filter(|series| self.is_before(*series, floor_ms)).collect();
        let mut retained = Retained::default();
        for part in old.chunks_mut(DROPPED_PER_LOCK) {
            retained.series_dropped += self.drop_series(part, floor_ms)?;
        }
        self.log.rest().map_err(MaintenanceFault::Log)?;
        Ok(retained)
    }

    fn is_before(&self, series: SeriesRef, floor_ms: i64) -> bool {
        self.head.look(series, |samples| samples.is_before(floor_ms)).unwrap_or(true)
    }

    fn drop_series(&self, candidates: &[SeriesRef], floor_ms: i64) -> Result<u64, MaintenanceFault> {
        let mut index = self.index.write().expect(LOCK);
        // Looked at again: samples may have come since.
        let gone: Vec<SeriesRef> =
            candidates.iter().copied().filter(|series| self.is_before(*series, floor_ms)).collect();
        let _ = self.log.enqueue(&dropped_record(&gone)).map_err(MaintenanceFault::Log)?;
        index.remove(&gone);
        for series in &gone {
            let (shard, at) = place(*series);
            self.head.write(shard).remove(at);
        }
        Ok(gone.len() as u64)
    }

    /// Whether the log has grown past [`Config::checkpoint_log_bytes`](crate::Config::checkpoint_log_bytes).
    pub fn is_checkpoint_due(&self) -> bool {
        self.log.bytes() >= self.config.checkpoint_log_bytes
    }

    /// Writes all series and samples to a checkpoint, and removes the log before it. Appends go on meanwhile.
    pub fn checkpoint(&self) -> Result<Checkpointed, MaintenanceFault> {
        let mut checkpoints = self.maintenance.lock().expect(LOCK);
        let first_segment = self.log.rotate().map_err(MaintenanceFault::Log)?;
        let path = checkpoint::path(&self.dir, first_segment);
        let mut bytes = 0;
        if !checkpoints.contains(&first_segment) {
            bytes = self.write_checkpoint(first_segment)?;
            checkpoints.push(first_segment);
        }
        self.remove_replaced(&mut checkpoints, first_segment)
            .map_err(|(path, source)| MaintenanceFault::Remove { path, source: Arc::new(source) })?;
        Ok(Checkpointed { path, bytes })
    }

    fn write_checkpoint(&self, first_segment: u64) -> Result<u64, MaintenanceFault> {
        let unfinished = checkpoint::unfinished_path(&self.dir, first_segment);
        let path = checkpoint::path(&self.dir, first_segment);
        let written = self.write_unfinished(&unfinished, first_segment).and_then(|bytes| {
            self.disk.rename(&unfinished, &path)?;
            self.disk.sync_dir(&self.dir)?;
            Ok(bytes)
        });
        written.map_err(|source| {
            // What stays behind is removed when the store is opened; a full disk wants it gone now.
            let _ = self.disk.remove(&unfinished);
            MaintenanceFault::Checkpoint { path, source: Arc::new(source) }
        })
    }

    fn write_unfinished(&self, path: &std::path::Path, first_segment: u64) -> std::io::Result<u64> {
        let file = self.disk.create(path)?;
        // A ref that is given from here on is defined in `first_segment` or later.
        let next_ref = self.index.read().expect(LOCK).next();
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let mut writer = CheckpointWriter::begin(file, Opening { first_segment, next_ref, floor_ms });
        let mut at = 0;
        while at < next_ref {
            let end = at.saturating_add(SERIES_PER_LOCK).min(next_ref);
            at = self.write_page(&mut writer, at, end);
            writer.write()?;
        }
        writer.finish()
    }

    /// Adds the series from `at` on until `end`, or until the page is full; gives where it ended.
    fn write_page(&self, writer: &mut CheckpointWriter, at: u32, end: u32) -> u32 {
        let index = self.index.read().expect(LOCK);
        for number in at..end {
            let series = SeriesRef(number);
            if index.symbols_of(series).is_empty() {
                continue;
            }
            let written = self.head.look(series, |samples| writer.series(series, &index, samples));
            if written.is_none() {
                writer.series(series, &index, &Series::default());
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
        checkpoints: &mut Vec<u64>,
        first_segment: u64,
    ) -> Result<(), (PathBuf, std::io::Error)> {
        while let Some(at) = checkpoints.iter().position(|number| *number < first_segment) {
            let path = checkpoint::path(&self.dir, checkpoints[at]);
            self.disk.remove(&path).map_err(|source| (path, source))?;
            checkpoints.swap_remove(at);
        }
        self.log.forget_before(first_segment)
    }
}
