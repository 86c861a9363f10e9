//! Several blocks of one window into one.
//!
//! All are sorted by labels, so their series are met in step. What the numbers of names and values of each block are
//! in the new one is worked out first; the order of numbers is that of texts, in the old ones and in the new one.

use std::sync::Arc;

use super::page::SeriesPage;
use super::write::Dictionary;
use super::{Block, BlockFault, BlockWriter, ChunkReader, PAGE_SERIES};
use crate::disk::DiskFile;
use crate::head::Found;

use super::Footer;

/// A block as its series are met.
struct Parent<'a> {
    block: &'a Block,
    /// For each name its new number, and for each of its values theirs.
    numbers: Vec<(u32, Vec<u32>)>,
    page: SeriesPage,
    next: u32,
    /// The labels of the next series, in new numbers.
    labels: Vec<(u32, u32)>,
    chunks: ChunkReader,
}

/// What a merge makes.
pub(crate) struct Merging {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) path: std::path::PathBuf,
    pub(crate) number: u64,
    pub(crate) window: (i64, i64),
    /// Samples before it go.
    pub(crate) floor_ms: i64,
}

/// Merges blocks, which are sorted by number, and makes the result durable.
pub(crate) fn merge(blocks: &[Arc<Block>], merging: Merging) -> Result<Footer, BlockFault> {
    let Merging { file, path, number, window, floor_ms } = merging;
    let (dictionary, numbers) = dictionary(blocks)?;
    let mut parents = Vec::new();
    for (block, numbers) in blocks.iter().zip(numbers) {
        let (page, chunks) = (SeriesPage::default(), ChunkReader::default());
        let mut parent = Parent { block, numbers, page, next: 0, labels: Vec::new(), chunks };
        parent.look()?;
        parents.push(parent);
    }
    let fault = |source| BlockFault::Write { path: path.clone(), source: Arc::new(source) };
    let replaced = blocks.iter().map(|block| block.number()).collect();
    let mut writer = BlockWriter::begin(file, number, window, replaced, dictionary);
    let mut found = Found::default();
    while let Some(first) = (0..parents.len())
        .filter(|at| !parents[*at].is_done())
        .min_by(|a, b| parents[*a].labels.cmp(&parents[*b].labels))
    {
        let labels = parents[first].labels.clone();
        let hash = parents[first].hash();
        found.clear();
        // In the order of their numbers, so that what was written later takes the place of what was before.
        for parent in &mut parents {
            if !parent.is_done() && parent.labels == labels {
                parent.read(floor_ms, &mut found)?;
                parent.next += 1;
                parent.look()?;
            }
        }
        found.settle();
        writer.series(&labels, hash, &found).map_err(fault)?;
    }
    writer.finish().map_err(fault)
}

impl Parent<'_> {
    fn is_done(&self) -> bool {
        self.next >= self.block.footer.series
    }

    fn place(&self) -> usize {
        self.next as usize % PAGE_SERIES
    }

    fn hash(&self) -> u64 {
        self.page.hashes[self.place()]
    }

    /// Looks at the next series.
    fn look(&mut self) -> Result<(), BlockFault> {
        if self.is_done() {
            return Ok(());
        }
        if self.place() == 0 {
            self.block.page(self.next as usize / PAGE_SERIES, &mut self.page)?;
        }
        self.labels.clear();
        for (name, value) in self.page.labels(self.place()) {
            let numbers = self
                .numbers
                .get(*name as usize)
                .and_then(|(name, values)| Some((*name, *values.get(*value as usize)?)));
            let numbers =
                numbers.ok_or_else(|| self.block.damaged("a series has a label that it does not have"))?;
            self.labels.push(numbers);
        }
        Ok(())
    }

    fn read(&mut self, floor_ms: i64, found: &mut Found) -> Result<(), BlockFault> {
        let chunks = self.page.chunks(self.next as usize % PAGE_SERIES);
        self.chunks.read(self.block, (self.next, chunks), (floor_ms, i64::MAX), true, found)
    }
}

/// The numbers of one block's names, and of the values of each.
type Numbers = Vec<(u32, Vec<u32>)>;

/// All names and values, and what the numbers of each block are among them.
fn dictionary(blocks: &[Arc<Block>]) -> Result<(Dictionary, Vec<Numbers>), BlockFault> {
    let mut names: Vec<&str> =
        blocks.iter().flat_map(|block| block.footer.names.iter().map(|name| &*name.text)).collect();
    names.sort_unstable();
    names.dedup();
    let mut dictionary = Dictionary::new();
    let mut numbers: Vec<Numbers> = blocks.iter().map(|_| Vec::new()).collect();
    for (number, text) in names.iter().enumerate() {
        let mut of_blocks = Vec::new();
        let mut all: Vec<Box<str>> = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            let Some(name) = block.name(text) else { continue };
            let values = block.all_values(name)?;
            all.extend(values.iter().cloned());
            of_blocks.push((at, values));
        }
        // Sorted runs, which a stable sort merges.
        all.sort();
        all.dedup();
        for (at, values) in of_blocks {
            let mut place = 0;
            let places = values.iter().map(|value| {
                while all[place] != *value {
                    place += 1;
                }
                place as u32
            });
            numbers[at].push((number as u32, places.collect()));
        }
        dictionary.push(((*text).into(), all));
    }
    Ok((dictionary, numbers))
}
