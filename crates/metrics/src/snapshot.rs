//! A copy of the store as it is at one moment, which can be opened as a store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::block;
use crate::{LOCK, MaintenanceFault, MetricsStore, checkpoint, wal};

/// What [`MetricsStore::snapshot`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The directory.
    pub path: PathBuf,
    /// Blocks in it.
    pub blocks: u64,
    /// Bytes of what was in memory.
    pub memory_bytes: u64,
}

impl MetricsStore {
    /// Makes a snapshot in a directory that is made for it. Blocks are linked where the file system can do that. What is
    /// appended meanwhile is in it or not. A directory without a checkpoint was not finished and is no snapshot.
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
        let memory_bytes = self.write_checkpoint(1, &checkpoint::path(dir, 1), cutting.is_published)?;
        Ok(Snapshot { path: dir.to_owned(), blocks: layout.blocks.len() as u64, memory_bytes })
    }
}
