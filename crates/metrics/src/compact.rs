//! Blocks into larger ones, and old ones away.
//!
//! Windows have levels: six of one level are one of the next. All blocks of a window that has ended are merged into
//! one, with what was deleted and what has become too old left out. Blocks of one window that overlap, because
//! samples came late, are merged too; a few small ones beside a large one wait for more. Where samples are scattered
//! over so much time that there would be more blocks than files may be open, small ones become one of longer windows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::block::{self, Block, BlockFault, Layout, Merging};
use crate::limits::{BLOCKS_WAITING_MAX, WIDE_BLOCK_BYTES_MAX, WINDOWS_MAX};
use crate::{LOCK, MaintenanceFault, MetricsStore};

/// How much is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// What is worth it.
    Due,
    /// All blocks of one window into one, and what was deleted out of all.
    All,
}

/// What [`MetricsStore::compact`] did.
#[derive(Debug, Clone, Default)]
pub struct Compacted {
    /// Blocks that were replaced; 0 when there is nothing more to do.
    pub replaced: u64,
    /// Blocks that took their place; 0 when nothing of them is left.
    pub written: u64,
    /// A block was found to be damaged, and was set aside.
    pub broken: Option<BlockFault>,
}

/// What is merged: the window, and its blocks.
type Plan = ((i64, i64), Vec<Arc<Block>>);
type Windows = BTreeMap<(i64, i64), Vec<Arc<Block>>>;

impl MetricsStore {
    /// Merges the blocks of one window. Appends and queries go on meanwhile. Call it again until nothing is replaced.
    pub fn compact(&self, effort: Effort) -> Result<Compacted, MaintenanceFault> {
        let _blocks = self.blocks.lock().expect(LOCK);
        self.remove_orphans()?;
        let Some((window, parents)) = self.plan(effort) else { return Ok(Compacted::default()) };
        // Before anything that is cut from now on, so that what is written later wins.
        let number = self.take_block_number();
        let path = block::path(&self.dir, number);
        let unfinished = self.unfinished(&path);
        let fault = |source| {
            MaintenanceFault::Block(BlockFault::Write { path: unfinished.clone(), source: Arc::new(source) })
        };
        let file = self.disk.create(&unfinished).map_err(fault)?;
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let merging = Merging { file, path: unfinished.clone(), number, window, floor_ms };
        let written = block::merge(&parents, merging);
        if let Err(fault @ BlockFault::Damaged { .. }) = &written {
            let fault = fault.clone();
            let _ = self.disk.remove(&unfinished);
            self.set_aside(&parents, &fault)?;
            return Ok(Compacted { broken: Some(fault), ..Compacted::default() });
        }
        let merged =
            self.finish_block(&unfinished, &path, number, written).map_err(MaintenanceFault::Block)?;
        let compacted =
            Compacted { replaced: parents.len() as u64, written: u64::from(merged.is_some()), broken: None };
        // Its parents stay until it is certain to stay.
        if let Err(fault) = self.sync_dir() {
            self.orphans.lock().expect(LOCK).paths.push(path);
            return Err(fault);
        }
        self.replace(&parents, merged);
        self.remove_blocks(&parents)?;
        Ok(compacted)
    }

    /// The next window to merge.
    fn plan(&self, effort: Effort) -> Option<Plan> {
        let layout = self.layout();
        let usual = (0..=self.level_max()).find_map(|level| {
            let mut windows = self.windows_of_level(&layout.blocks, level)?.into_iter();
            windows.find(|(window, blocks)| {
                is_worth_it(*window, blocks, effort) && keeps_order(blocks, &layout.blocks)
            })
        });
        if usual.is_some() || layout.blocks.len() <= WINDOWS_MAX {
            return usual;
        }
        self.levels_beyond().find_map(|level| {
            let mut windows = self.windows_of_level(&layout.blocks, level)?.into_iter();
            windows.find(|(_, blocks)| {
                let bytes: u64 = blocks.iter().map(|block| block.footer.bytes).sum();
                blocks.len() > 1 && bytes <= WIDE_BLOCK_BYTES_MAX && keeps_order(blocks, &layout.blocks)
            })
        })
    }

    /// The windows of a level that have ended, each with the blocks in it.
    fn windows_of_level(&self, blocks: &[Arc<Block>], level: u32) -> Option<Windows> {
        let ended_ms = blocks.iter().map(|block| block.footer.window.1).max()?;
        let mut windows = Windows::new();
        for block in blocks {
            let window = self.window_of_level(block.footer.window.0, level);
            if window.1 >= block.footer.window.1 && window.1 <= ended_ms {
                windows.entry(window).or_default().push(Arc::clone(block));
            }
        }
        Some(windows)
    }

    /// Shows readers one block in place of others.
    fn replace(&self, parents: &[Arc<Block>], merged: Option<Block>) {
        let is_replaced = |block: &Arc<Block>| parents.iter().any(|parent| parent.number() == block.number());
        self.change_layout(|layout| {
            let mut blocks: Vec<Arc<Block>> =
                layout.blocks.iter().filter(|block| !is_replaced(block)).cloned().collect();
            blocks.extend(merged.map(Arc::new));
            blocks.sort_by_key(|block| block.number());
            Layout { blocks, covers_leaving: layout.covers_leaving }
        });
    }

    /// Removes the files of blocks that readers do not see any more.
    fn remove_blocks(&self, blocks: &[Arc<Block>]) -> Result<(), MaintenanceFault> {
        {
            let paths = &mut self.orphans.lock().expect(LOCK).paths;
            for block in blocks {
                paths.push(block.path.clone());
                if !block.deleted.is_empty() {
                    paths.push(block::deleted_path(&self.dir, block.number()));
                }
            }
        }
        self.remove_orphans()
    }

    /// A reader met this fault. A damaged block is set aside, so that the next reader has the others.
    pub(crate) fn noticed(&self, fault: BlockFault) -> BlockFault {
        // Where blocks are changing just now, the next reader does it.
        if let Ok(_blocks) = self.blocks.try_lock() {
            let blocks = self.layout().blocks.clone();
            // The fault goes to the reader in any case; a name that cannot be changed is tried again.
            let _ = self.set_aside(&blocks, &fault);
        }
        fault
    }

    /// Takes the damaged one of these blocks away from readers and from the next start.
    fn set_aside(&self, blocks: &[Arc<Block>], fault: &BlockFault) -> Result<(), MaintenanceFault> {
        let BlockFault::Damaged { path, .. } = fault else { return Ok(()) };
        let Some(block) = blocks.iter().find(|block| block.path == *path) else { return Ok(()) };
        self.disk.rename(path, &block::broken_path(path)).map_err(|source| {
            MaintenanceFault::Block(BlockFault::Write { path: path.clone(), source: Arc::new(source) })
        })?;
        self.broken.lock().expect(LOCK).push(fault.clone());
        self.replace(std::slice::from_ref(block), None);
        self.sync_dir()
    }

    /// Removes blocks of nothing but old samples, and the oldest while all are larger than they may be.
    pub(crate) fn retain_blocks(&self) -> Result<u64, MaintenanceFault> {
        let _blocks = self.blocks.lock().expect(LOCK);
        self.remove_orphans()?;
        let layout = self.layout();
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let (mut old, mut kept): (Vec<_>, Vec<_>) =
            layout.blocks.iter().cloned().partition(|block| block.footer.span.1 < floor_ms);
        let bytes_max = self.policy().retention_bytes;
        let mut bytes: u64 = kept.iter().map(|block| block.footer.bytes).sum();
        if bytes_max > 0 {
            kept.sort_by_key(|block| std::cmp::Reverse(block.footer.span.1));
            while bytes > bytes_max
                && let Some(oldest) = kept.pop()
            {
                bytes -= oldest.footer.bytes;
                old.push(oldest);
            }
        }
        if old.is_empty() {
            return Ok(0);
        }
        self.replace(&old, None);
        self.remove_blocks(&old)?;
        Ok(old.len() as u64)
    }
}

/// Whether these can become one block, which is then the newest: no other block that is newer than one of them has
/// samples of its time. Such a block has a longer window, and is merged with them at that.
fn keeps_order(merged: &[Arc<Block>], all: &[Arc<Block>]) -> bool {
    let is_merged = |block: &Block| merged.iter().any(|one| one.number() == block.number());
    let hides = |newer: &Block, older: &Block| {
        newer.number() > older.number() && newer.overlaps(older.footer.span.0, older.footer.span.1)
    };
    let others = all.iter().filter(|block| !is_merged(block));
    !others.into_iter().any(|other| merged.iter().any(|one| hides(other, one)))
}

fn is_worth_it(window: (i64, i64), blocks: &[Arc<Block>], effort: Effort) -> bool {
    let is_of_window = |block: &&Arc<Block>| block.footer.window == window;
    let largest = blocks.iter().max_by_key(|block| block.footer.bytes);
    let rest: u64 = blocks.iter().map(|block| block.footer.bytes).sum::<u64>()
        - largest.map_or(0, |block| block.footer.bytes);
    if blocks.len() < 2 {
        return effort == Effort::All && blocks.iter().any(|block| !block.deleted.is_empty());
    }
    match (effort, largest.as_ref().is_some_and(is_of_window)) {
        // Small ones beside a large one of the same window.
        (Effort::Due, true) => {
            blocks.len() > BLOCKS_WAITING_MAX || largest.is_some_and(|block| rest * 8 >= block.footer.bytes)
        }
        _ => true,
    }
}
