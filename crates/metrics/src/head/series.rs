//! The samples of one series.
//!
//! In-order samples go to the open chunk. A late sample (older than the newest) waits in a small sorted list beside
//! the chunks; there it hides a sample of the same timestamp that a chunk holds, because it was written later. When
//! the list is full it is merged into the chunks that it overlaps.

use crate::chunk::{Chunk, OpenChunk};
use crate::limits::{CHUNK_SAMPLES_MAX, CHUNK_SPAN_MS, LATE_SAMPLES_MAX};

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is stored; a sample of the same timestamp is replaced.
    Stored,
    /// It is older than the late window allows.
    TooOld {
        /// The newest timestamp of the series.
        newest_ms: i64,
    },
}

/// Samples as two columns of the same length; timestamps in milliseconds, strictly increasing.
#[derive(Debug, Default, Clone)]
pub(crate) struct Columns {
    pub(crate) timestamps: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

/// The samples of one series.
#[derive(Debug, Default)]
pub(crate) struct Series {
    closed: Vec<Chunk>,
    /// `None` until the first sample.
    open: Option<OpenChunk>,
    /// Sorted by timestamp. Boxed, because most series never have one.
    #[expect(clippy::box_collection, reason = "8 bytes instead of 24 in each of millions of series")]
    late: Option<Box<Vec<(i64, f64)>>>,
}

/// What a reader takes away from a series under the lock; decoding the closed chunks is done outside it.
#[derive(Debug, Default)]
pub(crate) struct Sighting {
    closed: Vec<Chunk>,
    open: Columns,
    late: Vec<(i64, f64)>,
}

/// What one series holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holdings {
    pub(crate) samples: u64,
    pub(crate) chunks: u64,
    pub(crate) chunk_bytes: u64,
}

impl Columns {
    pub(crate) fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    #[inline]
    pub(crate) fn push(&mut self, at_ms: i64, value: f64) {
        self.timestamps.push(at_ms);
        self.values.push(value);
    }

    fn iter(&self) -> impl Iterator<Item = (i64, f64)> {
        self.timestamps.iter().copied().zip(self.values.iter().copied())
    }

    /// Puts the late samples in, each in place of one of the same timestamp.
    fn merge(&mut self, late: &[(i64, f64)]) {
        if late.is_empty() {
            return;
        }
        let mut merged = Self::default();
        let mut late = late.iter().copied().peekable();
        for (at_ms, value) in self.iter() {
            while let Some((late_ms, late_value)) = late.next_if(|(late_ms, _)| *late_ms < at_ms) {
                merged.push(late_ms, late_value);
            }
            let hidden_by = late.next_if(|(late_ms, _)| *late_ms == at_ms);
            merged.push(at_ms, hidden_by.map_or(value, |(_, late_value)| late_value));
        }
        late.for_each(|(late_ms, late_value)| merged.push(late_ms, late_value));
        *self = merged;
    }
}

impl Series {
    /// The newest timestamp; `None` before the first sample.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.open.as_ref().map(OpenChunk::newest_ms)
    }

    /// Takes a sample unless it is older than the newest by more than the window.
    #[inline]
    pub(crate) fn push_within(&mut self, at_ms: i64, value: f64, window_ms: i64) -> Taken {
        if let Some(newest_ms) = self.newest_ms()
            && at_ms < newest_ms.saturating_sub(window_ms)
        {
            return Taken::TooOld { newest_ms };
        }
        self.push(at_ms, value);
        Taken::Stored
    }

    /// Takes a sample of any age.
    #[inline]
    pub(crate) fn push(&mut self, at_ms: i64, value: f64) {
        let Some(open) = &mut self.open else {
            self.open = Some(OpenChunk::starting(at_ms, value));
            return;
        };
        if at_ms < open.newest_ms() {
            self.push_late(at_ms, value);
        } else if at_ms == open.newest_ms() {
            open.replace_newest(value);
        } else if open.count() >= CHUNK_SAMPLES_MAX
            || at_ms.div_euclid(CHUNK_SPAN_MS) != open.first_ms().div_euclid(CHUNK_SPAN_MS)
        {
            let chunk = open.cut(at_ms, value);
            // A doubling vector would waste more than the chunks' own headers.
            if self.closed.len() == self.closed.capacity() {
                self.closed.reserve_exact(1 + self.closed.len() / 8);
            }
            self.closed.push(chunk);
        } else {
            open.push(at_ms, value);
        }
    }

    #[cold]
    fn push_late(&mut self, at_ms: i64, value: f64) {
        let late = self.late.get_or_insert_default();
        match late.binary_search_by_key(&at_ms, |(late_ms, _)| *late_ms) {
            Ok(position) => late[position].1 = value,
            Err(position) => late.insert(position, (at_ms, value)),
        }
        if late.len() > LATE_SAMPLES_MAX {
            self.settle();
        }
    }

    /// Merges the late samples into the chunks.
    fn settle(&mut self) {
        let Some(late) = self.late.take() else { return };
        let Some((oldest_late_ms, _)) = late.first().copied() else { return };
        let Some(open) = self.open.take() else { return };
        let overlapped = self.closed.partition_point(|chunk| chunk.last_ms < oldest_late_ms);
        let mut columns = Columns::default();
        for chunk in self.closed.drain(overlapped..) {
            chunk.samples().for_each(|(at_ms, value)| columns.push(at_ms, value));
        }
        open.read(|at_ms, value| columns.push(at_ms, value));
        columns.merge(&late);
        columns.iter().for_each(|(at_ms, value)| self.push(at_ms, value));
    }

    /// Drops chunks and late samples that end before `floor_ms`.
    pub(crate) fn drop_before(&mut self, floor_ms: i64) {
        let gone = self.closed.partition_point(|chunk| chunk.last_ms < floor_ms);
        if gone > 0 {
            self.closed.drain(..gone);
            self.closed.shrink_to_fit();
        }
        if let Some(late) = &mut self.late {
            late.retain(|(late_ms, _)| *late_ms >= floor_ms);
            if late.is_empty() {
                self.late = None;
            }
        }
    }

    /// Whether no sample is at or after `floor_ms`.
    pub(crate) fn is_before(&self, floor_ms: i64) -> bool {
        self.newest_ms().is_none_or(|newest_ms| newest_ms < floor_ms)
    }

    /// Whether a sample lies from `start_ms` to `end_ms`, both included.
    pub(crate) fn has_sample_between(&self, start_ms: i64, end_ms: i64) -> bool {
        let within = |at_ms: i64| start_ms <= at_ms && at_ms <= end_ms;
        let Some(open) = &self.open else { return false };
        if within(open.first_ms()) || within(open.newest_ms()) {
            return true;
        }
        let from = self.closed.partition_point(|chunk| chunk.last_ms < start_ms);
        let until = self.closed.partition_point(|chunk| chunk.first_ms <= end_ms);
        // A chunk's two ends are samples; only one that reaches beyond the range on both sides is looked into.
        let closed = self.closed.get(from..until).unwrap_or(&[]);
        if closed.iter().any(|chunk| {
            within(chunk.first_ms) || within(chunk.last_ms) || chunk.samples().any(|(at_ms, _)| within(at_ms))
        }) {
            return true;
        }
        if self.late.as_ref().is_some_and(|late| late.iter().any(|(late_ms, _)| within(*late_ms))) {
            return true;
        }
        let mut found = false;
        if open.first_ms() < start_ms && open.newest_ms() > end_ms {
            open.read(|at_ms, _| found |= within(at_ms));
        }
        found
    }

    /// Takes away what is needed to read the samples from `start_ms` to `end_ms`, both included.
    pub(crate) fn sight(&self, start_ms: i64, end_ms: i64, sighting: &mut Sighting) {
        sighting.clear();
        let Some(open) = &self.open else { return };
        let from = self.closed.partition_point(|chunk| chunk.last_ms < start_ms);
        let until = self.closed.partition_point(|chunk| chunk.first_ms <= end_ms);
        sighting.closed.extend_from_slice(self.closed.get(from..until).unwrap_or(&[]));
        if open.first_ms() <= end_ms && open.newest_ms() >= start_ms {
            open.read(|at_ms, value| sighting.open.push(at_ms, value));
        }
        if let Some(late) = &self.late {
            sighting.late.extend(late.iter().filter(|(late_ms, _)| (start_ms..=end_ms).contains(late_ms)));
        }
    }

    /// The closed chunks, the open one as it stands, and the late samples.
    pub(crate) fn parts(&self) -> (&[Chunk], Option<Chunk>, &[(i64, f64)]) {
        let late = self.late.as_ref().map_or(&[][..], |late| late.as_slice());
        (&self.closed, self.open.as_ref().map(OpenChunk::to_chunk), late)
    }

    /// Builds a series from what [`parts`](Self::parts) gave.
    pub(crate) fn from_parts(closed: Vec<Chunk>, open: Option<&Chunk>, late: Vec<(i64, f64)>) -> Self {
        let late = (!late.is_empty()).then(|| Box::new(late));
        let mut series = Self { closed, open: None, late };
        if let Some(open) = open {
            open.samples().for_each(|(at_ms, value)| series.push(at_ms, value));
        }
        series
    }

    /// How much there is.
    pub(crate) fn holdings(&self) -> Holdings {
        let closed = self.closed.iter();
        let open = self.open.as_ref();
        let late = self.late.as_ref().map_or(0, |late| late.len()) as u64;
        Holdings {
            samples: closed.clone().map(|chunk| u64::from(chunk.count)).sum::<u64>()
                + open.map_or(0, |open| u64::from(open.count()))
                + late,
            chunks: self.closed.len() as u64 + u64::from(open.is_some()),
            chunk_bytes: closed.map(|chunk| chunk.stream.len() as u64).sum::<u64>()
                + open.map_or(0, |open| open.bytes() as u64),
        }
    }
}

impl Sighting {
    fn clear(&mut self) {
        self.closed.clear();
        self.open.clear();
        self.late.clear();
    }

    /// Writes the samples from `start_ms` to `end_ms`, both included, to the columns.
    pub(crate) fn decode(&self, start_ms: i64, end_ms: i64, columns: &mut Columns) {
        columns.clear();
        for chunk in &self.closed {
            if chunk.first_ms >= start_ms && chunk.last_ms <= end_ms {
                chunk.samples().for_each(|(at_ms, value)| columns.push(at_ms, value));
            } else {
                let wanted = chunk.samples().skip_while(|(at_ms, _)| *at_ms < start_ms);
                wanted
                    .take_while(|(at_ms, _)| *at_ms <= end_ms)
                    .for_each(|(at_ms, value)| columns.push(at_ms, value));
            }
        }
        for (at_ms, value) in self.open.iter().filter(|(at_ms, _)| (start_ms..=end_ms).contains(at_ms)) {
            columns.push(at_ms, value);
        }
        columns.merge(&self.late);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(series: &Series) -> Vec<(i64, f64)> {
        let (mut sighting, mut columns) = (Sighting::default(), Columns::default());
        series.sight(i64::MIN, i64::MAX, &mut sighting);
        sighting.decode(i64::MIN, i64::MAX, &mut columns);
        columns.iter().collect()
    }

    #[test]
    fn late_samples_hide_earlier_ones_before_and_after_they_are_merged() {
        let mut series = Series::default();
        for at_ms in 0..1000 {
            series.push(at_ms * 60_000, 1.0);
        }
        for round in 2..4 {
            for at_ms in (0..1000).step_by(7) {
                series.push(at_ms * 60_000, f64::from(round));
                series.push(at_ms * 60_000 + 1, f64::from(round));
            }
        }
        let read = samples(&series);
        assert_eq!(read.len(), 1000 + 143);
        assert!(read.is_sorted_by_key(|(at_ms, _)| *at_ms));
        assert!(read.iter().all(|(at_ms, value)| *value == if at_ms / 60_000 % 7 == 0 { 3.0 } else { 1.0 }));
        assert_eq!(series.newest_ms(), Some(999 * 60_000));
    }

    #[test]
    fn chunks_end_with_their_slice_of_time_and_at_their_size() {
        let mut series = Series::default();
        for at_ms in (-CHUNK_SPAN_MS..CHUNK_SPAN_MS).step_by(15_000) {
            series.push(at_ms, 0.5);
        }
        let (closed, open, _) = series.parts();
        let ends: Vec<_> = closed.iter().chain(&open).map(|chunk| (chunk.first_ms, chunk.count)).collect();
        let half = CHUNK_SPAN_MS / 2;
        assert_eq!(ends, [(-2 * half, 240), (-half, 240), (0, 240), (half, 240)]);
    }

    #[test]
    fn whether_there_is_a_sample_is_exact_inside_of_chunks() {
        let mut series = Series::default();
        for at_ms in (0..CHUNK_SPAN_MS * 2).step_by(60_000) {
            series.push(at_ms, 0.5);
        }
        assert!(!series.has_sample_between(60_001, 119_999));
        assert!(series.has_sample_between(60_001, 120_000));
        assert!(!series.has_sample_between(CHUNK_SPAN_MS + 1, CHUNK_SPAN_MS + 2));
        series.push(60_500, 1.0);
        assert!(series.has_sample_between(60_001, 119_999));
        assert!(
            !series.has_sample_between(i64::MIN, -1)
                && !series.has_sample_between(CHUNK_SPAN_MS * 3, i64::MAX)
        );
    }

    #[test]
    fn what_ended_before_the_floor_goes_and_the_newest_chunk_stays() {
        let mut series = Series::default();
        for at_ms in (0..CHUNK_SPAN_MS * 4).step_by(60_000) {
            series.push(at_ms, 0.5);
        }
        series.drop_before(CHUNK_SPAN_MS * 2 + 1);
        assert_eq!(samples(&series).first().unwrap().0, CHUNK_SPAN_MS * 2);
        assert!(series.is_before(CHUNK_SPAN_MS * 4) && !series.is_before(CHUNK_SPAN_MS * 4 - 60_000));
    }
}
