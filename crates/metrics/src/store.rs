//! The store: what its parts share, and how much they hold.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};

use crate::block::{self, BlockFault, Layout};
use crate::checkpoint;
use crate::config::Policy;
use crate::exemplars::Ring;
use crate::head::Head;
use crate::index::{Cardinality, Index};
use crate::limits::SHARDS;
use crate::refusal::{RefusedCounts, RefusedTotals};
use crate::wal::Log;
use crate::{Config, Disk, LOCK};

/// Samples of many series, in memory and in one directory. All methods take `&self` from any thread.
///
/// Locks are taken in this order: blocks, cutting, index, shard, exemplars, log; `layout` only for a moment. Whoever
/// appends holds the index for reading from the look-up of its series until its samples are in the head and handed to
/// the log; so a series leaves, which takes the index for writing, either before a batch or after it.
#[derive(Debug)]
pub struct MetricsStore {
    pub(crate) config: Config,
    pub(crate) policy: RwLock<Arc<Policy>>,
    /// How late samples may come, of the policy, where every sample looks; the greatest is any age.
    pub(crate) late_ms: AtomicI64,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) index: RwLock<Index>,
    pub(crate) head: Head,
    pub(crate) exemplars: Mutex<Ring>,
    pub(crate) log: Log,
    /// Samples before it are gone. Changed under the index's write lock only.
    pub(crate) floor_ms: AtomicI64,
    /// What readers see on disk.
    pub(crate) layout: RwLock<Arc<Layout>>,
    /// Held while memory is cut into blocks, while a checkpoint is written, or while samples in memory go.
    pub(crate) cutting: Mutex<Cutting>,
    /// Held while blocks are replaced or removed.
    pub(crate) blocks: Mutex<()>,
    pub(crate) next_block: AtomicU64,
    pub(crate) attempts: AtomicU64,
    /// Files that could not be removed and must not come back.
    pub(crate) orphans: Mutex<Orphans>,
    /// Layouts that were replaced, as long as somebody reads by them.
    pub(crate) readers: Mutex<Vec<Weak<Layout>>>,
    /// Where memory began when it was cut last.
    pub(crate) cut_end_ms: AtomicI64,
    /// Samples that came since then for what lies before.
    pub(crate) old: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) refused: RefusedTotals,
    /// Blocks that were set aside since the store was opened, and when it was.
    pub(crate) broken: Mutex<Vec<BlockFault>>,
}

/// What is between memory and disk.
#[derive(Debug, Default)]
pub(crate) struct Cutting {
    /// The checkpoints on disk, by their first segment.
    pub(crate) checkpoints: Vec<u64>,
    /// Blocks have what was on its way out of memory, which still has it.
    pub(crate) is_published: bool,
}

/// Files that are to go.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    pub(crate) paths: Vec<PathBuf>,
    /// Some are gone, and it is not certain that they stay so.
    pub(crate) unsynced: bool,
}

/// How much the store holds and has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Series that are known.
    pub series: u64,
    /// Samples in memory; one that waits beside the run that it will replace a sample of counts twice.
    pub samples: u64,
    /// Runs of samples in memory.
    pub chunks: u64,
    /// Bytes of their streams.
    pub chunk_bytes: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Bytes of the lists of series by label.
    pub postings_bytes: u64,
    /// Blocks on disk.
    pub blocks: u64,
    /// Samples in them; one that several have counts for each.
    pub block_samples: u64,
    /// Their bytes.
    pub block_bytes: u64,
    /// Blocks that are damaged and were set aside.
    pub blocks_broken: u64,
    /// The oldest timestamp in memory.
    pub oldest_ms: Option<i64>,
    /// The newest timestamp in memory.
    pub newest_ms: Option<i64>,
    /// Distinct label names and values.
    pub symbols: u64,
    /// Bytes of their texts.
    pub symbol_bytes: u64,
    /// Bytes of the log's segments.
    pub log_bytes: u64,
    /// Samples that were stored since the store was opened.
    pub stored: u64,
    /// Samples that were refused since the store was opened.
    pub refused: RefusedCounts,
    /// Whether the log failed, so that nothing is taken any more.
    pub stopped: bool,
}

impl MetricsStore {
    /// How much the store holds. Looks at every series, shard by shard.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            log_bytes: self.log.bytes(),
            stored: self.stored.load(Ordering::Relaxed),
            refused: self.refused.counts(),
            stopped: self.log.stopped().is_some(),
            ..Stats::default()
        };
        {
            let index = self.index.read().expect(LOCK);
            stats.series = index.len() as u64;
            (stats.symbols, stats.symbol_bytes) = index.symbols().size();
            stats.postings_bytes = index.postings_bytes();
        }
        stats.exemplars = self.exemplars.lock().expect(LOCK).len() as u64;
        stats.blocks_broken = self.broken.lock().expect(LOCK).len() as u64;
        for block in &self.layout().blocks {
            stats.blocks += 1;
            stats.block_samples += block.footer.samples;
            stats.block_bytes += block.footer.bytes;
        }
        for shard in 0..SHARDS {
            for (_, series) in self.head.read(shard).series.iter() {
                let holdings = series.holdings();
                stats.oldest_ms = stats.oldest_ms.into_iter().chain(series.oldest_ms()).min();
                stats.newest_ms = stats.newest_ms.max(series.newest_ms());
                stats.samples += holdings.samples;
                stats.chunks += holdings.chunks;
                stats.chunk_bytes += holdings.chunk_bytes;
            }
        }
        stats
    }

    /// Takes another policy. It holds from the next append and the next upkeep on.
    pub fn adopt(&self, policy: Policy) {
        let mut in_force = self.policy.write().expect(LOCK);
        self.late_ms.store(policy.late_ms(), Ordering::Relaxed);
        *in_force = Arc::new(policy);
    }

    /// How late samples may come, in milliseconds; `None` is any age.
    #[inline]
    pub(crate) fn window_ms(&self) -> Option<i64> {
        let late_ms = self.late_ms.load(Ordering::Relaxed);
        (late_ms != i64::MAX).then_some(late_ms)
    }

    /// Bytes of all blocks.
    pub(crate) fn block_bytes(&self) -> u64 {
        self.layout().blocks.iter().map(|block| block.footer.bytes).sum()
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().expect(LOCK))
    }

    /// Which labels and metrics in memory cost what, the first `limit` of each kind.
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        self.index.read().expect(LOCK).cardinality(limit)
    }

    /// Blocks that are damaged and were set aside, with what is wrong with them.
    pub fn broken_blocks(&self) -> Vec<BlockFault> {
        self.broken.lock().expect(LOCK).clone()
    }

    /// The path of a file while it is written. No two attempts share one, so that none meets what another left behind.
    pub(crate) fn unfinished(&self, path: &Path) -> PathBuf {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{attempt}.unfinished"));
        name.into()
    }

    /// What readers see on disk.
    pub(crate) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout.read().expect(LOCK))
    }

    /// Shows readers something else. Those that are under way keep what they have.
    pub(crate) fn change_layout(&self, change: impl FnOnce(&Layout) -> Layout) {
        let mut layout = self.layout.write().expect(LOCK);
        let changed = Arc::new(change(&layout));
        let before = std::mem::replace(&mut *layout, changed);
        self.readers.lock().expect(LOCK).push(Arc::downgrade(&before));
    }

    /// Whether somebody reads by a layout that was replaced.
    pub(crate) fn has_earlier_readers(&self) -> bool {
        let mut readers = self.readers.lock().expect(LOCK);
        readers.retain(|reader| reader.strong_count() > 0);
        !readers.is_empty()
    }
}

/// Whether the file name is one that [`MetricsStore::unfinished`] gave to a file of this store.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let finished =
        name.strip_suffix(".unfinished").and_then(|rest| rest.rsplit_once('.')).map(|(name, _)| name);
    finished.is_some_and(|name| {
        block::number(name).or(block::deleted_number(name)).or(checkpoint::number(name)).is_some()
    })
}
