//! Reading what only memory has.

use promql::LabelView;

use super::{Each, lend};
use crate::head::{Found, Reading, place};
use crate::index::{Index, Pair};
use crate::limits::{SELECT_SERIES_PER_LOCK, SELECT_SERIES_PER_SHARD_LOCK};
use crate::{LOCK, MetricsStore, SeriesRef};

/// The labels of a series in memory.
pub(super) struct InMemory<'a> {
    pub(super) index: &'a Index,
    pub(super) pairs: &'a [Pair],
}

impl LabelView for InMemory<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.pairs.len()
    }

    #[inline]
    fn pair(&self, at: usize) -> (&str, &str) {
        self.index.pair_texts(self.pairs[at])
    }

    #[inline]
    fn pair_id(&self, at: usize) -> Option<u32> {
        Some(self.pairs[at])
    }
}

impl MetricsStore {
    /// Hands out series of memory. No shard is locked meanwhile: appends do not wait for whoever reads.
    pub(super) fn read_memory(&self, series: &[SeriesRef], reading: Reading, each: &mut Each<'_>) {
        let mut found: [Found; SELECT_SERIES_PER_SHARD_LOCK] = Default::default();
        for some in series.chunks(SELECT_SERIES_PER_LOCK) {
            // Held while they are lent: a pair whose series left could come to mean another.
            let index = self.index.read().expect(LOCK);
            index.touch(some);
            for of_shard in some.chunk_by(|a, b| place(*a).0 == place(*b).0) {
                self.head.touch(of_shard, reading);
                for few in of_shard.chunks(found.len()) {
                    self.head.read_series(few, reading, &mut found);
                    for (series, found) in few.iter().zip(found.iter_mut()) {
                        let pairs = index.pairs_of(*series);
                        if pairs.is_empty() || found.is_empty() {
                            continue;
                        }
                        let labels = InMemory { index: &index, pairs };
                        if each(lend(&labels, found)).is_break() {
                            return;
                        }
                    }
                }
            }
        }
    }
}
