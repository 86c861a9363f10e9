//! Samples in memory: shards of pages of series.
//!
//! The characters: a [`Series`] keeps the samples of one series; a [`Head`] is all series by their [`SeriesRef`], in
//! shards, each behind a lock of its own, with the memory that packing takes.
//!
//! Series that came together live together: a page holds consecutive refs, and a shard takes whole pages, so that
//! a scrape touches few shards and adjacent memory.

mod histograms;
mod late;
mod series;
mod slots;

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) use histograms::HistogramRun;
pub(crate) use series::{Found, Newest, Part, Parts, Reading, Series, Taken};
pub(crate) use slots::Slots;

use crate::chunk::Packer;
use crate::paged::{PAGE, Paged};
use crate::{LOCK, SeriesRef, limits::SHARDS};

/// The series of one shard, and memory for packing them.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) series: Paged<Series>,
    pub(crate) packer: Packer,
    pub(crate) slots: Slots,
}

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

/// The series at a place of a shard.
pub(crate) const fn at_place(shard: usize, at: u32) -> SeriesRef {
    let (page, item) = (at as usize / PAGE, at as usize % PAGE);
    SeriesRef(((page * SHARDS + shard) * PAGE + item) as u32)
}

impl Head {
    /// Without any series; runs end with their slot of so many milliseconds.
    pub(crate) fn new(slot_ms: i64) -> Self {
        let shard = |_| {
            RwLock::new(Shard { series: Paged::new(), packer: Packer::default(), slots: Slots::new(slot_ms) })
        };
        Self { shards: std::array::from_fn(shard) }
    }

    /// One shard, to read.
    pub(crate) fn read(&self, shard: usize) -> RwLockReadGuard<'_, Shard> {
        self.shards[shard].read().expect(LOCK)
    }

    /// One shard, to change.
    pub(crate) fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[shard].write().expect(LOCK)
    }

    /// Touches what reading series of one shard needs, pointer by pointer. A reader that came to it series by series
    /// would wait for memory each time; so these waits overlap.
    pub(crate) fn touch(&self, series: &[SeriesRef], reading: Reading) {
        let Some(first) = series.first() else { return };
        let shard = self.read(place(*first).0);
        for depth in 0..3 {
            let found = series.iter().filter_map(|series| shard.series.get(place(*series).1));
            let sum = found.fold(0, |sum: u64, series| sum.wrapping_add(series.touch(depth, reading)));
            std::hint::black_box(sum);
        }
    }

    /// Reads series of one shard, at most as many as there are buffers; a buffer stays empty where one has left.
    pub(crate) fn read_series(&self, series: &[SeriesRef], reading: Reading, found: &mut [Found]) {
        let Some(first) = series.first() else { return };
        let shard = self.read(place(*first).0);
        for (series, found) in series.iter().zip(found) {
            match shard.series.get(place(*series).1) {
                Some(samples) => samples.read(reading, found),
                None => found.clear(),
            }
        }
    }

    /// Calls `look` with a series, under its shard's lock; `None` where the series has left.
    #[inline]
    pub(crate) fn look<R>(&self, series: SeriesRef, look: impl FnOnce(&Series) -> R) -> Option<R> {
        let (shard, at) = place(series);
        self.read(shard).series.get(at).map(look)
    }

    /// Calls `change` with a series, under its shard's lock. A series without samples is made where there is none.
    pub(crate) fn change<R>(
        &self,
        series: SeriesRef,
        change: impl FnOnce(&mut Series, &mut Packer, &mut Slots) -> R,
    ) -> R {
        let (shard, at) = place(series);
        let mut shard = self.write(shard);
        let Shard { series, packer, slots } = &mut *shard;
        change(series.get_or_insert_with(at, Series::default), packer, slots)
    }

    /// Calls `change` with every series, shard by shard.
    pub(crate) fn change_all(&self, mut change: impl FnMut(SeriesRef, &mut Series, &mut Packer, &mut Slots)) {
        for number in 0..SHARDS {
            let mut shard = self.write(number);
            let Shard { series, packer, slots } = &mut *shard;
            for (at, series) in series.iter_mut() {
                change(at_place(number, at), series, packer, slots);
            }
        }
    }
}
