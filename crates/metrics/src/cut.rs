//! From memory into blocks.
//!
//! What lies before the end of a window is put on its way: it stays in memory, apart from what comes, and readable.
//! Blocks are written from it, made durable, and shown to readers; once no reader is left that does not see them,
//! memory lets it go. A crash in between leaves samples both in a block and in the log; they are the same samples, and
//! the later write wins as ever, so reading them twice shows them once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::Timestamp;

use crate::block::{self, Block, BlockFault, BlockWriter, Dictionary, Layout};
use crate::head::{Found, Series};
use crate::index::Pair;
use crate::limits::{LEVEL_FACTOR, LEVELS, LEVELS_WIDE, WINDOWS_MAX};
use crate::store::Cutting;
use crate::{LOCK, MaintenanceFault, MetricsStore, SeriesRef};

/// What [`MetricsStore::cut`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// Blocks that were written.
    pub blocks: u64,
    /// Samples in them.
    pub samples: u64,
    /// Series that left memory, because all their samples are in blocks.
    pub series_dropped: u64,
    /// Nothing was done, because a reader is under way that must end first; try again soon.
    pub is_postponed: bool,
}

/// The series that have something for each window.
type Windows = BTreeMap<(i64, i64), Vec<SeriesRef>>;

/// A series on its way: the numbers of its labels in the block, its hash, and itself.
type Leaving = (Vec<(u32, u32)>, u64, SeriesRef);

/// Samples for windows that had ended before, after which a cut is due.
const OLD_SAMPLES_MAX: u64 = 8_000_000;

/// The last timestamp of a window. The end of time is in its window.
pub(crate) const fn last_of(window: (i64, i64)) -> i64 {
    if window.1 == i64::MAX { i64::MAX } else { window.1 - 1 }
}

impl MetricsStore {
    /// Whether a window ended since memory was cut last, or many samples came for windows that had ended before.
    pub fn is_cut_due(&self, now: Timestamp) -> bool {
        self.cut_end(now) > self.cut_end_ms.load(Ordering::Relaxed)
            || self.old.load(Ordering::Relaxed) >= OLD_SAMPLES_MAX
    }

    /// Where memory begins once it is cut at this time.
    fn cut_end(&self, now: Timestamp) -> i64 {
        let (now_ms, after_ms) = (now.as_millis(), self.config.cut_after.as_millis());
        let span_ms = self.config.block_span.as_millis().max(1);
        let end_ms = now_ms.saturating_sub(after_ms);
        end_ms.saturating_sub(end_ms.rem_euclid(span_ms))
    }

    /// Writes what lies before the newest window that ended [`cut_after`](crate::Config::cut_after) ago into blocks.
    /// Appends and queries go on meanwhile. A checkpoint after it removes the samples from the log.
    pub fn cut(&self, now: Timestamp) -> Result<Cut, MaintenanceFault> {
        self.cut_before(self.cut_end(now))
    }

    /// Writes all of memory into blocks, whatever its age.
    pub fn cut_all(&self) -> Result<Cut, MaintenanceFault> {
        self.cut_before(i64::MAX)
    }

    fn cut_before(&self, end_ms: i64) -> Result<Cut, MaintenanceFault> {
        let mut cutting = self.cutting.lock().expect(LOCK);
        if !self.let_go(&mut cutting) {
            return Ok(Cut { is_postponed: true, ..Cut::default() });
        }
        let windows = self.depart(end_ms);
        let mut cut = Cut::default();
        if !windows.is_empty() {
            let mut blocks = Vec::new();
            let written = self.write_blocks(windows, &mut blocks);
            for block in &blocks {
                cut.blocks += 1;
                cut.samples += block.footer.samples;
            }
            // What was written is shown even where the rest failed: what is deleted from now on must be deleted there.
            self.publish(&mut cutting, blocks, written.is_ok());
            written?;
            self.let_go(&mut cutting);
        }
        self.old.store(0, Ordering::Relaxed);
        self.cut_end_ms.fetch_max(if end_ms == i64::MAX { i64::MIN } else { end_ms }, Ordering::Relaxed);
        if !cutting.is_published {
            cut.series_dropped = self.drop_series_where(crate::head::Series::is_empty)?;
        }
        Ok(cut)
    }

    /// Lets memory forget what blocks have, once every reader sees those; tells whether nothing is on its way and
    /// every reader would look for it.
    fn let_go(&self, cutting: &mut Cutting) -> bool {
        if self.has_earlier_readers() {
            return false;
        }
        if !cutting.is_published {
            return true;
        }
        self.head.change_all(|_, series, _, _| series.departed());
        cutting.is_published = false;
        self.change_layout(|layout| Layout { blocks: layout.blocks.clone(), covers_leaving: false });
        !self.has_earlier_readers()
    }

    fn write_blocks(&self, windows: Windows, blocks: &mut Vec<Block>) -> Result<(), MaintenanceFault> {
        for (window, series) in windows {
            blocks.extend(self.write_block(window, &series).map_err(MaintenanceFault::Block)?);
        }
        self.sync_dir()
    }

    /// Shows blocks to readers; all of what is on its way, or a part.
    fn publish(&self, cutting: &mut Cutting, blocks: Vec<Block>, is_all: bool) {
        self.change_layout(|layout| Layout {
            blocks: layout.blocks.iter().cloned().chain(blocks.into_iter().map(Arc::new)).collect(),
            covers_leaving: is_all,
        });
        cutting.is_published = is_all;
    }

    /// Puts everything before `end_ms` on its way; gives the windows of it and the series in each.
    fn depart(&self, end_ms: i64) -> Windows {
        let mut windows = Windows::new();
        let mut last = None;
        self.head.change_all(|number, series, packer, slots| {
            series.depart(end_ms, packer, slots);
            series.leaving(|first_ms| {
                let window = match last {
                    Some(window @ (start, end)) if start <= first_ms && first_ms < end => window,
                    _ => self.window_of(first_ms, end_ms),
                };
                last = Some(window);
                let list = windows.entry(window).or_default();
                if list.last() != Some(&number) {
                    list.push(number);
                }
            });
        });
        let mut windows = self.widened(windows, end_ms);
        for list in windows.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        windows
    }

    /// Windows that are too many, as fewer and longer ones: samples that are scattered over a century are few in each.
    fn widened(&self, mut windows: Windows, end_ms: i64) -> Windows {
        for level in self.levels_beyond() {
            if windows.len() <= WINDOWS_MAX {
                break;
            }
            let mut wider = Windows::new();
            for (window, series) in windows {
                let wide = self.window_of_level(window.0, level);
                wider.entry(if wide.1 <= end_ms { wide } else { window }).or_default().extend(series);
            }
            windows = wider;
        }
        windows
    }

    /// The longest window of this timestamp that ended before `end_ms`.
    fn window_of(&self, at_ms: i64, end_ms: i64) -> (i64, i64) {
        let mut window = self.window_of_level(at_ms, 0);
        for level in 1..=self.level_max() {
            let longer = self.window_of_level(at_ms, level);
            if longer.1 > end_ms || end_ms == i64::MAX {
                break;
            }
            window = longer;
        }
        window
    }

    /// The window of a level that this timestamp is in.
    pub(crate) fn window_of_level(&self, at_ms: i64, level: u32) -> (i64, i64) {
        let span_ms = self.config.block_span.as_millis().max(1).saturating_mul(LEVEL_FACTOR.pow(level));
        let start = at_ms.saturating_sub(at_ms.rem_euclid(span_ms));
        (start, start.saturating_add(span_ms))
    }

    /// The highest level of windows: a quarter of the retention, so that what is old goes in time.
    pub(crate) fn level_max(&self) -> u32 {
        (0..=LEVELS).rev().find(|level| self.goes_in_time(*level)).unwrap_or(0)
    }

    /// The levels after that, for what is scattered.
    pub(crate) fn levels_beyond(&self) -> impl Iterator<Item = u32> {
        (self.level_max() + 1..=LEVELS_WIDE).take_while(|level| self.goes_in_time(*level))
    }

    fn goes_in_time(&self, level: u32) -> bool {
        let retention_ms = self.policy().retention.as_millis();
        let span_ms = self.config.block_span.as_millis().max(1);
        retention_ms <= 0 || span_ms.saturating_mul(LEVEL_FACTOR.pow(level)) <= retention_ms / 4
    }

    /// Writes the block of a window; `None` where all its samples are gone.
    fn write_block(&self, window: (i64, i64), series: &[SeriesRef]) -> Result<Option<Block>, BlockFault> {
        let number = self.take_block_number();
        let path = block::path(&self.dir, number);
        let unfinished = self.unfinished(&path);
        let read = |samples: &Series, found: &mut Found| {
            samples.read_leaving(window.0, last_of(window), found);
        };
        let written = self.write_unfinished_block(&unfinished, (number, window), series, read);
        self.finish_block(&unfinished, &path, number, written)
    }

    /// Gives a written block its name and opens it; `None` for one without series, which is removed.
    pub(crate) fn finish_block(
        &self,
        unfinished: &Path,
        path: &Path,
        number: u64,
        written: Result<block::Footer, BlockFault>,
    ) -> Result<Option<Block>, BlockFault> {
        let fault = |source| BlockFault::Write { path: path.to_owned(), source: Arc::new(source) };
        let footer = written.inspect_err(|_| {
            // What stays behind is removed when the store is opened; a full disk wants it gone now.
            let _ = self.disk.remove(unfinished);
        })?;
        if footer.series == 0 {
            self.disk.remove(unfinished).map_err(fault)?;
            return Ok(None);
        }
        let renamed = self.disk.rename(unfinished, path);
        let opened = renamed.and_then(|()| self.disk.open_block(path)).map_err(fault);
        let block = opened.and_then(|file| Block::open(file, path.to_owned(), number));
        if block.is_err() && self.disk.remove(path).is_err() {
            // It must not come back after something of it was deleted.
            self.orphans.lock().expect(LOCK).paths.push(path.to_owned());
        }
        block.map(Some)
    }

    /// Removes files that must not come back. Before this succeeds nothing is deleted or replaced.
    pub(crate) fn remove_orphans(&self) -> Result<(), MaintenanceFault> {
        let mut orphans = self.orphans.lock().expect(LOCK);
        // Blocks first, and for good: what was deleted of one stays deleted as long as it is there.
        for are_blocks in [true, false] {
            let is_next = |path: &PathBuf| path.extension().is_some_and(|name| name == "block") == are_blocks;
            while let Some(at) = orphans.paths.iter().position(is_next) {
                match self.disk.remove(&orphans.paths[at]) {
                    Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                        let path = orphans.paths[at].clone();
                        return Err(MaintenanceFault::Remove { path, source: Arc::new(source) });
                    }
                    _ => drop(orphans.paths.swap_remove(at)),
                }
                orphans.unsynced = true;
            }
            if orphans.unsynced {
                self.sync_dir()?;
                orphans.unsynced = false;
            }
        }
        Ok(())
    }

    /// The next number of a block.
    pub(crate) fn take_block_number(&self) -> u64 {
        self.next_block.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a block of what `read` finds of these series.
    pub(crate) fn write_unfinished_block(
        &self,
        path: &Path,
        (number, window): (u64, (i64, i64)),
        series: &[SeriesRef],
        read: impl Fn(&Series, &mut Found),
    ) -> Result<block::Footer, BlockFault> {
        let fault = |source| BlockFault::Write { path: path.to_owned(), source: Arc::new(source) };
        let (dictionary, leaving) = self.sorted_by_labels(series);
        let file = self.disk.create(path).map_err(fault)?;
        let mut writer = BlockWriter::begin(file, number, window, Vec::new(), dictionary);
        let mut found = Found::default();
        for (labels, hash, series) in leaving {
            // A series that left meanwhile has nothing.
            found.clear();
            self.head.look(series, |samples| read(samples, &mut found));
            writer.series(&labels, hash, &found).map_err(fault)?;
        }
        writer.finish().map_err(fault)
    }

    /// The labels of these series as a block has them, and the series in the order of their labels.
    fn sorted_by_labels(&self, series: &[SeriesRef]) -> (Dictionary, Vec<Leaving>) {
        let index = self.index.read().expect(LOCK);
        let mut pairs: Vec<Pair> = Vec::new();
        let mut is_met = vec![false; index.pairs_end() as usize];
        for pair in series.iter().flat_map(|series| index.pairs_of(*series)) {
            if !std::mem::replace(&mut is_met[*pair as usize], true) {
                pairs.push(*pair);
            }
        }
        pairs.sort_unstable_by_key(|pair| index.pair_texts(*pair));
        let mut dictionary = Dictionary::new();
        let mut numbers = vec![(0, 0); is_met.len()];
        for pair in pairs {
            let (name, value) = index.pair_texts(pair);
            if dictionary.last().is_none_or(|(last, _)| **last != *name) {
                dictionary.push((name.into(), Vec::new()));
            }
            let place = dictionary.len() - 1;
            let values = &mut dictionary[place].1;
            numbers[pair as usize] = (place as u32, values.len() as u32);
            values.push(value.into());
        }
        let mut leaving: Vec<Leaving> = series
            .iter()
            .filter_map(|series| {
                let labels = index.pairs_of(*series).iter().map(|pair| numbers[*pair as usize]).collect();
                Some((labels, index.hash(*series)?, *series))
            })
            .collect();
        leaving.sort_unstable();
        (dictionary, leaving)
    }

    /// Makes the names in the directory durable.
    pub(crate) fn sync_dir(&self) -> Result<(), MaintenanceFault> {
        self.disk.sync_dir(&self.dir).map_err(|source| MaintenanceFault::SyncDirectory {
            path: self.dir.clone(),
            source: Arc::new(source),
        })
    }
}
