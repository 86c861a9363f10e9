//! Slots of time: a run lies in one, so that a block takes whole runs.

use super::late::merge_into;
use crate::chunk::{Columns, Packer, Run};
use crate::limits::RUN_SAMPLES_MAX;

/// Slots of one length, aligned to the epoch; remembers the last one that was asked for, because samples that come
/// together are mostly of one.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    length_ms: i64,
    from_ms: i64,
    until_ms: i64,
}

impl Slots {
    pub(crate) const fn new(length_ms: i64) -> Self {
        Self { length_ms, from_ms: 0, until_ms: 0 }
    }

    /// The first instant of the slot of this timestamp.
    pub(crate) const fn start(&self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(at_ms.rem_euclid(self.length_ms))
    }

    /// Whether two timestamps, the second not before the first, are in one slot.
    #[inline]
    pub(super) fn is_one(&mut self, first_ms: i64, at_ms: i64) -> bool {
        if self.from_ms <= first_ms && at_ms < self.until_ms {
            return true;
        }
        self.from_ms = self.start(first_ms);
        self.until_ms = self.from_ms.saturating_add(self.length_ms);
        at_ms < self.until_ms
    }

    /// Runs of which a later one hides an earlier one, as sorted and disjoint runs, each in one slot. The slots may have
    /// been longer when they were packed.
    pub(super) fn restore(&mut self, parts: Vec<Run>, packer: &mut Packer) -> Vec<Run> {
        let in_order = parts.windows(2).all(|pair| pair[0].last_ms < pair[1].first_ms);
        if in_order && parts.iter().all(|part| self.is_one(part.first_ms, part.last_ms)) {
            return parts;
        }
        let mut runs = Vec::new();
        for part in parts {
            let mut columns = Columns::default();
            part.read(&mut columns, &mut Vec::new());
            merge_into(&mut runs, &columns, packer, self);
        }
        runs
    }

    /// Packs samples into runs, each in one slot and none too long.
    pub(super) fn pack(&mut self, columns: &Columns, packer: &mut Packer, runs: &mut Vec<Run>) {
        let mut start = 0;
        while start < columns.len() {
            let first_ms = columns.timestamps[start];
            let most = (start + usize::from(RUN_SAMPLES_MAX)).min(columns.len());
            let mut end = start + 1;
            while end < most && self.is_one(first_ms, columns.timestamps[end]) {
                end += 1;
            }
            runs.push(packer.run(&columns.timestamps[start..end], &columns.values[start..end]));
            start = end;
        }
    }
}
