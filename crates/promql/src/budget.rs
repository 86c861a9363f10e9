//! What one query may use up, and whether anybody still waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::QueryRefusal;

/// Whether nobody waits for the query any more.
pub(crate) type IsCancelled<'q> = dyn Fn() -> bool + Sync + 'q;

pub(crate) struct Budget<'q> {
    pub(crate) samples_max: usize,
    pub(crate) points_max: usize,
    pub(crate) series_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) is_cancelled: &'q IsCancelled<'q>,
    samples: AtomicUsize,
    points: AtomicUsize,
    series: AtomicUsize,
    bytes: AtomicUsize,
}

/// Series and bytes that are held until this is dropped.
pub(crate) struct Held<'b> {
    budget: &'b Budget<'b>,
    series: usize,
    bytes: usize,
}

/// Bytes of a series' labels and lists beside its values, estimated.
const SERIES_BYTES: usize = 200;

/// What there is after so much more; nobody counts far enough for it to overflow.
fn add(to: &AtomicUsize, more: usize) -> usize {
    to.fetch_add(more, Ordering::Relaxed).wrapping_add(more)
}

impl<'q> Budget<'q> {
    pub(crate) fn new(
        samples_max: usize,
        points_max: usize,
        series_max: usize,
        bytes_max: usize,
        is_cancelled: &'q IsCancelled<'q>,
    ) -> Self {
        let zero = || AtomicUsize::new(0);
        let (samples, points, series, bytes) = (zero(), zero(), zero(), zero());
        Self { samples_max, points_max, series_max, bytes_max, is_cancelled, samples, points, series, bytes }
    }

    pub(crate) fn check_cancelled(&self) -> Result<(), QueryRefusal> {
        if (self.is_cancelled)() { Err(QueryRefusal::Cancelled) } else { Ok(()) }
    }

    pub(crate) fn use_samples(&self, count: usize) -> Result<(), QueryRefusal> {
        let used = add(&self.samples, count);
        if used > self.samples_max {
            return Err(QueryRefusal::TooManySamples { limit: self.samples_max });
        }
        self.check_cancelled()
    }

    pub(crate) fn use_points(&self, count: usize) -> Result<(), QueryRefusal> {
        let used = add(&self.points, count);
        if used > self.points_max {
            return Err(QueryRefusal::TooManyPoints { limit: self.points_max });
        }
        self.check_cancelled()
    }

    /// Samples and points so far.
    pub(crate) fn used(&self) -> (usize, usize) {
        (self.samples.load(Ordering::Relaxed), self.points.load(Ordering::Relaxed))
    }

    /// Forgets what was used since, because it is done again.
    pub(crate) fn set_used(&self, (samples, points): (usize, usize)) {
        self.samples.store(samples, Ordering::Relaxed);
        self.points.store(points, Ordering::Relaxed);
    }

    pub(crate) fn hold(&'q self) -> Held<'q> {
        Held { budget: self, series: 0, bytes: 0 }
    }
}

impl Held<'_> {
    /// What the other holds is held by this from now on.
    pub(crate) fn take_over(&mut self, mut other: Self) {
        self.series += std::mem::take(&mut other.series);
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// One more series that takes so many bytes beside its labels.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), QueryRefusal> {
        let bytes = bytes.saturating_add(SERIES_BYTES);
        let budget = self.budget;
        self.series += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if add(&budget.series, 1) > budget.series_max {
            return Err(QueryRefusal::TooManySeries { limit: budget.series_max });
        }
        if add(&budget.bytes, bytes) > budget.bytes_max {
            return Err(QueryRefusal::TooMuchMemory { limit: budget.bytes_max });
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let budget = self.budget;
        budget.series.fetch_sub(self.series, Ordering::Relaxed);
        budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
