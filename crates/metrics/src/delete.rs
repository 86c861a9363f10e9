//! Deleting samples by matchers and range.
//!
//! In memory they go at once, and the log says so. In blocks they are marked beside the block, and go when it is
//! merged next. Starts go with their samples. A delete that is acknowledged survives what an acknowledged sample does; one that failed may have
//! been done in part, and can be repeated.

use std::sync::Arc;

use promql::{Matcher, TimeRange};

use crate::block::{self, Block, BlockFault, Layout};
use crate::companions::Kind;
use crate::disk::write_all;
use crate::wal::deleted_record;
use crate::{LOCK, MaintenanceFault, MetricsStore};

/// What [`MetricsStore::delete`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeletedCounts {
    /// Series in memory of which samples in the range are gone.
    pub memory_series: u64,
    /// Series in blocks, counted for each block.
    pub block_series: u64,
}

impl MetricsStore {
    /// Deletes the samples in the range of all series that match. Those that are appended meanwhile may stay.
    pub fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<DeletedCounts, MaintenanceFault> {
        let _blocks = self.blocks.lock().expect(LOCK);
        let _cutting = self.cutting.lock().expect(LOCK);
        self.remove_orphans()?;
        let (start_ms, end_ms) = (range.start.as_millis(), range.end.as_millis());
        let mut counts = DeletedCounts::default();
        if start_ms > end_ms {
            return Ok(counts);
        }
        {
            // Appends hold the index until the log has their samples, so the log's order is that of memory.
            let index = self.index.write().expect(LOCK);
            let series = index.select(matchers, Kind::All);
            let _ = self
                .log
                .enqueue(&deleted_record(&series, start_ms, end_ms))
                .map_err(MaintenanceFault::Log)?;
            for series in &series {
                self.head.change(*series, |samples, packer, slots| {
                    samples.delete(start_ms, end_ms, packer, slots);
                });
            }
            counts.memory_series = series.len() as u64;
        }
        self.log.rest().map_err(MaintenanceFault::Log)?;
        for block in &self.layout().blocks {
            if block.overlaps(start_ms, end_ms) {
                counts.block_series += self.delete_in(block, matchers, (start_ms, end_ms))?;
            }
        }
        Ok(counts)
    }

    fn delete_in(
        &self,
        block: &Arc<Block>,
        matchers: &[Matcher],
        (start_ms, end_ms): (i64, i64),
    ) -> Result<u64, MaintenanceFault> {
        let series = block.select(matchers, Kind::All).map_err(MaintenanceFault::Block)?;
        if series.is_empty() {
            return Ok(0);
        }
        let mut deleted = (*block.deleted).clone();
        series.iter().for_each(|series| deleted.add(*series, start_ms, end_ms));
        let path = block::deleted_path(&self.dir, block.number());
        let unfinished = self.unfinished(&path);
        let written = self.disk.create(&unfinished).and_then(|file| {
            write_all(&*file, &deleted.to_bytes())?;
            file.sync()?;
            self.disk.rename(&unfinished, &path)?;
            self.disk.sync_dir(&self.dir)
        });
        written.map_err(|source| {
            MaintenanceFault::Block(BlockFault::Write { path, source: Arc::new(source) })
        })?;
        let marked = Arc::new(block.with_deleted(deleted));
        self.change_layout(|layout| {
            let blocks = layout
                .blocks
                .iter()
                .map(|other| Arc::clone(if other.number() == block.number() { &marked } else { other }));
            Layout { blocks: blocks.collect(), covers_leaving: layout.covers_leaving }
        });
        Ok(series.len() as u64)
    }
}
