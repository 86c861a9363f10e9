//! Samples in memory: shards of pages of series.
//!
//! The characters: a [`Series`] keeps the chunks of one series and the late samples beside them; a [`Head`] is all
//! series by their [`SeriesRef`], in shards, each behind a lock of its own.
//!
//! Series that came together live together: a page holds consecutive refs, and a shard takes whole pages, so that
//! a scrape touches few shards and adjacent memory.

mod series;

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) use series::{Columns, Series, Sighting, Taken};

use crate::limits::SHARDS;
use crate::paged::{PAGE, Paged};
use crate::{LOCK, SeriesRef};

/// The series of one shard.
pub(crate) type Shard = Paged<Series>;

/// All series.
#[derive(Debug)]
pub(crate) struct Head {
    shards: [RwLock<Shard>; SHARDS],
}

/// Where a series lives: the shard, and the place in it.
#[inline]
pub(crate) const fn place(series: SeriesRef) -> (usize, u32) {
    let (page, item) = (series.0 as usize / PAGE, series.0 as usize % PAGE);
    (page % SHARDS, (page / SHARDS * PAGE + item) as u32)
}

impl Head {
    /// Without any series.
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::new(Paged::new())) }
    }

    /// One shard, to read.
    pub(crate) fn read(&self, shard: usize) -> RwLockReadGuard<'_, Shard> {
        self.shards[shard].read().expect(LOCK)
    }

    /// One shard, to change.
    pub(crate) fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[shard].write().expect(LOCK)
    }

    /// Calls `look` with a series, under its shard's lock; `None` where the series has left.
    pub(crate) fn look<R>(&self, series: SeriesRef, look: impl FnOnce(&Series) -> R) -> Option<R> {
        let (shard, at) = place(series);
        self.read(shard).get(at).map(look)
    }

    /// Calls `change` with a series, under its shard's lock. A series without samples is made where there is none.
    pub(crate) fn change<R>(&self, series: SeriesRef, change: impl FnOnce(&mut Series) -> R) -> R {
        let (shard, at) = place(series);
        change(self.write(shard).get_or_insert_with(at, Series::default))
    }
}
