//! The store: what its parts share, and how much they hold.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use crate::head::Head;
use crate::index::Index;
use crate::limits::SHARDS;
use crate::refusal::{RefusedCounts, RefusedTotals};
use crate::wal::Log;
use crate::{Config, Disk, LOCK};

/// Samples of many series, in memory and in one directory. All methods take `&self` from any thread.
///
/// Locks are taken in this order: maintenance, index, shard, log. Whoever appends holds the index for reading from
/// the look-up of its series until its samples are in the head and handed to the log; so a series leaves, which
/// takes the index for writing, either before a batch or after it.
#[derive(Debug)]
pub struct MetricsStore {
    pub(crate) config: Config,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) index: RwLock<Index>,
    pub(crate) head: Head,
    pub(crate) log: Log,
    /// Samples before it are gone. Changed under the index's write lock only.
    pub(crate) floor_ms: AtomicI64,
    /// The checkpoints on disk, by their first segment. Held while a checkpoint is written or samples go.
    pub(crate) maintenance: Mutex<Vec<u64>>,
    pub(crate) stored: AtomicU64,
    pub(crate) refused: RefusedTotals,
}

/// How much the store holds and has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Series that are known.
    pub series: u64,
    /// Samples in memory; one that waits beside the chunk that it will replace a sample of counts twice.
    pub samples: u64,
    /// Chunks in memory.
    pub chunks: u64,
    /// Bytes of their streams.
    pub chunk_bytes: u64,
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
        }
        for shard in 0..SHARDS {
            for (_, series) in self.head.read(shard).iter() {
                let holdings = series.holdings();
                stats.samples += holdings.samples;
                stats.chunks += holdings.chunks;
                stats.chunk_bytes += holdings.chunk_bytes;
            }
        }
        stats
    }
}
