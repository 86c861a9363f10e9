//! Reading what only memory has.

use promql::LabelView;

use super::{Each, lend};
use crate::head::{Found, Reading};
use crate::index::{Index, Pair};
use crate::limits::SELECT_SERIES_PER_LOCK;
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
    /// Hands out series of memory.
    pub(super) fn read_memory(&self, series: &[SeriesRef], reading: Reading, each: &mut Each<'_>) {
        let mut found = Found::default();
        for some in series.chunks(SELECT_SERIES_PER_LOCK) {
            // Held while they are lent: a pair whose series left could come to mean another.
            let index = self.index.read().expect(LOCK);
            for series in some {
                let pairs = index.pairs_of(*series);
                let looked = self.head.look(*series, |samples| samples.read(reading, &mut found));
                if pairs.is_empty() || looked.is_none() || found.is_empty() {
                    continue;
                }
                let labels = InMemory { index: &index, pairs };
                if each(lend(&labels, &mut found)).is_break() {
                    return;
                }
            }
        }
    }
}
