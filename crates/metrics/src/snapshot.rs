//! A copy of the store as it is at one moment, which can be opened as a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::block;
use crate::cut::last_of;
use crate::head::{Found, Reading, Series};
use crate::maintain::Kept;
use crate::{LOCK, MaintenanceFault, MetricsStore, SeriesRef, checkpoint, wal};

/// What [`MetricsStore::snapshot`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The directory.
    pub path: PathBuf,
    /// Blocks in it.
    pub blocks: u64,
}

impl MetricsStore {
    /// Makes a snapshot in a directory that is made for it. Blocks are linked where the file system can do that, and what
    /// is in memory is written as further blocks. What is appended meanwhile is in it or not. A directory without a checkpoint was not finished and is no snapshot.
    pub fn snapshot(&self, dir: &Path) -> Result<Snapshot, MaintenanceFault> {
        let _blocks = self.blocks.lock().expect(LOCK);
        let cutting = self.cutting.lock().expect(LOCK);
        let fault = |path: &Path| {
            let path = path.to_owned();
            |source| MaintenanceFault::Snapshot { path, source: Arc::new(source) }
        };
        self.disk.create_dir_all(dir).map_err(fault(dir))?;
        let layout = self.layout();
        for block in &layout.blocks {
            let to = block::path(dir, block.number());
            self.disk.link(&block.path, &to).map_err(fault(&to))?;
            if !block.deleted.is_empty() {
                let to = block::deleted_path(dir, block.number());
                let from = block::deleted_path(&self.dir, block.number());
                self.disk.link(&from, &to).map_err(fault(&to))?;
            }
        }
        // A log that begins with its first segment, which is empty.
        let segment = wal::segment_path(dir, 1);
        let begun = self.disk.create(&segment).and_then(|file| {
            crate::disk::write_all(&*file, &wal::segment_header(1))?;
            file.sync()
        });
        begun.map_err(fault(&segment))?;
        let of_memory = self.write_memory(dir, !cutting.is_published)?;
        self.write_checkpoint(1, &checkpoint::path(dir, 1), Kept::Exemplars)?;
        Ok(Snapshot { path: dir.to_owned(), blocks: layout.blocks.len() as u64 + of_memory })
    }

    /// Writes memory into blocks of the directory; how many.
    fn write_memory(&self, dir: &Path, with_leaving: bool) -> Result<u64, MaintenanceFault> {
        let mut blocks = 0;
        for (window, series) in self.windows_in_memory(with_leaving) {
            let number = self.take_block_number();
            let path = block::path(dir, number);
            let unfinished = self.unfinished(&path);
            let reading = Reading { start_ms: window.0, end_ms: last_of(window), with_leaving };
            let read = |samples: &Series, found: &mut Found| samples.read(reading, found);
            let written = self.write_unfinished_block(&unfinished, (number, window), &series, read);
            let block = self.finish_block(&unfinished, &path, number, written);
            blocks += u64::from(block.map_err(MaintenanceFault::Block)?.is_some());
        }
        Ok(blocks)
    }

    /// The windows of which memory has samples, and the series in each.
    fn windows_in_memory(&self, with_leaving: bool) -> BTreeMap<(i64, i64), Vec<SeriesRef>> {
        let reading = Reading { start_ms: i64::MIN, end_ms: i64::MAX, with_leaving };
        let (mut windows, mut found) = (BTreeMap::<_, Vec<SeriesRef>>::new(), Found::default());
        let all: Vec<SeriesRef> = self.index.read().expect(LOCK).all().collect();
        for series in all {
            if self.head.look(series, |samples| samples.read(reading, &mut found)).is_none() {
                continue;
            }
            for timestamps in [&found.floats.timestamps, &found.histograms.timestamps] {
                let mut rest = timestamps.as_slice();
                while let Some(first_ms) = rest.first() {
                    let window = self.window_of_level(*first_ms, 0);
                    rest = &rest[rest.partition_point(|at_ms| *at_ms <= last_of(window))..];
                    let list = windows.entry(window).or_default();
                    if list.last() != Some(&series) {
                        list.push(series);
                    }
                }
            }
        }
        self.in_one_window(windows)
    }

    /// One window of a higher level, where one has all of these: a block of it needs one index.
    fn in_one_window(
        &self,
        windows: BTreeMap<(i64, i64), Vec<SeriesRef>>,
    ) -> BTreeMap<(i64, i64), Vec<SeriesRef>> {
        let Some(((first, _), _)) = windows.first_key_value() else { return windows };
        let holds_all = |window: &(i64, i64)| windows.keys().all(|(_, end)| *end <= window.1);
        let Some(window) =
            (0..=self.level_max()).map(|level| self.window_of_level(*first, level)).find(holds_all)
        else {
            return windows;
        };
        let mut series: Vec<SeriesRef> = windows.into_values().flatten().collect();
        series.sort_unstable();
        series.dedup();
        BTreeMap::from([(window, series)])
    }
}
