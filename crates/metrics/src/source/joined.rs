//! Reading what blocks have, and memory beside them.
//!
//! First every source says which series it has, by the hash of their labels; those of one hash take one place. Then
//! the places are gone through, and each source is read in step: all blocks are sorted by labels, so mostly forward.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::Labels;
use promql::{LabelView, Matcher};

use super::memory::InMemory;
use super::{Each, lend};
use crate::block::{Block, BlockFault, ChunkReader, PAGE_SERIES, SeriesPage, Values};
use crate::companions::Kind;
use crate::head::{Found, Reading};
use crate::{LOCK, MetricsStore, SeriesRef};

/// The labels of a series of a block.
pub(super) struct InBlock<'a> {
    pub(super) block: &'a Block,
    pub(super) values: &'a Values,
    pub(super) labels: &'a [(u32, u32)],
}

impl LabelView for InBlock<'_> {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn pair(&self, at: usize) -> (&str, &str) {
        let label = self.labels[at];
        let name = self.block.footer.names.get(label.0 as usize).map_or("", |name| &*name.text);
        (name, self.values.text(label))
    }

    fn pair_id(&self, _: usize) -> Option<u32> {
        None
    }
}

/// The keys are hashes already.
#[derive(Debug, Default, Clone)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Which places a source has series for: the place, and the number of the series; by place.
type Places = Vec<(u32, u32)>;

/// A block, as it is read.
struct BlockPart<'a> {
    block: &'a Block,
    places: &'a [(u32, u32)],
    is_dense: bool,
    at: usize,
    page: SeriesPage,
    loaded: Option<usize>,
    values: Values,
    chunks: ChunkReader,
}

/// What every source has.
pub(super) struct Joined {
    /// For each block its series, and whether what is wanted of it lies together.
    blocks: Vec<(Places, bool)>,
    memory: Places,
    /// How many places there are.
    count: u32,
}

impl MetricsStore {
    /// Hands out the series of these places.
    pub(super) fn read_joined(
        &self,
        (blocks, joined): (&[Arc<Block>], &Joined),
        reading: Reading,
        places: std::ops::Range<usize>,
        each: &mut Each<'_>,
    ) -> Result<(), BlockFault> {
        let mut row = Row::new(self, blocks, joined, reading, places.start as u32);
        for place in places {
            if row.hand_out(place as u32, each)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Finds out which series are the same.
    pub(super) fn join(
        &self,
        blocks: &[Arc<Block>],
        in_memory: &[SeriesRef],
        wanted: (&[Matcher], Kind),
        reading: Reading,
    ) -> Result<Joined, BlockFault> {
        let mut by_hash: HashMap<u64, u32, BuildHasherDefault<AsItIs>> = HashMap::default();
        let mut place_of = |hash: u64| {
            let next = by_hash.len() as u32;
            *by_hash.entry(hash).or_insert(next)
        };
        let mut joined = Joined { blocks: Vec::new(), memory: Vec::new(), count: 0 };
        for block in blocks {
            joined.blocks.push(places_in(block, wanted, reading, &mut place_of)?);
        }
        {
            let index = self.index.read().expect(LOCK);
            for series in in_memory {
                if let Some(hash) = index.hash(*series) {
                    joined.memory.push((place_of(hash), series.0));
                }
            }
        }
        joined.memory.sort();
        joined.count = by_hash.len() as u32;
        Ok(joined)
    }
}

/// The series of a block that match and may have a sample in the range.
fn places_in(
    block: &Block,
    (matchers, kind): (&[Matcher], Kind),
    reading: Reading,
    place_of: &mut impl FnMut(u64) -> u32,
) -> Result<(Places, bool), BlockFault> {
    let (mut page, mut loaded) = (SeriesPage::default(), None);
    let (mut places, mut wanted, mut span) = (Places::new(), 0, (u64::MAX, 0));
    for series in block.select(matchers, kind)? {
        let (number, at) = (series as usize / PAGE_SERIES, series as usize % PAGE_SERIES);
        if loaded != Some(number) {
            block.page(number, &mut page)?;
            loaded = Some(number);
        }
        let mut is_present = false;
        for chunk in page.chunks(at) {
            if chunk.first_ms <= reading.end_ms && chunk.last_ms >= reading.start_ms {
                is_present = true;
                wanted += u64::from(chunk.bytes);
                span = (span.0.min(chunk.offset), span.1.max(chunk.offset + u64::from(chunk.bytes)));
            }
        }
        if is_present {
            places.push((place_of(page.hashes[at]), series));
        }
    }
    // Mostly sorted runs, which a stable sort finds and merges.
    places.sort();
    Ok((places, wanted * 4 >= span.1.saturating_sub(span.0)))
}

/// The numbers of blocks, and of a series in each.
type Members = Vec<(usize, u32)>;

/// One series of all sources after the other.
struct Row<'a> {
    store: &'a MetricsStore,
    reading: Reading,
    blocks: Vec<BlockPart<'a>>,
    memory: &'a [(u32, u32)],
    at: usize,
    found: Found,
    own: Found,
}

impl<'a> Row<'a> {
    fn new(
        store: &'a MetricsStore,
        blocks: &'a [Arc<Block>],
        joined: &'a Joined,
        reading: Reading,
        from: u32,
    ) -> Self {
        let parts = blocks.iter().zip(&joined.blocks).map(|(block, (places, is_dense))| BlockPart {
            block,
            places,
            is_dense: *is_dense,
            at: places.partition_point(|(place, _)| *place < from),
            page: SeriesPage::default(),
            loaded: None,
            values: Values::default(),
            chunks: ChunkReader::default(),
        });
        let at = joined.memory.partition_point(|(place, _)| *place < from);
        let (found, own) = (Found::default(), Found::default());
        Self { store, reading, blocks: parts.collect(), memory: &joined.memory, at, found, own }
    }

    /// Hands out the series of a place.
    fn hand_out(&mut self, place: u32, each: &mut Each<'_>) -> Result<ControlFlow<()>, BlockFault> {
        let mut members: Members = Vec::with_capacity(self.blocks.len());
        for (number, part) in self.blocks.iter_mut().enumerate() {
            while let Some((_, series)) = part.places.get(part.at).filter(|(at, _)| *at == place) {
                members.push((number, *series));
                part.at += 1;
            }
        }
        let mut in_memory = Vec::new();
        while let Some((_, series)) = self.memory.get(self.at).filter(|(at, _)| *at == place) {
            in_memory.push(SeriesRef(*series));
            self.at += 1;
        }
        if members.is_sorted_by(|a, b| a.0 < b.0)
            && in_memory.len() <= 1
            && self.is_one(&members, &in_memory)?
        {
            return self.hand_out_one(&members, in_memory.first().copied(), each);
        }
        // Different labels of one hash.
        let mut groups: BTreeMap<Labels, (Members, Option<SeriesRef>)> = BTreeMap::new();
        for (number, series) in members {
            let labels = self.blocks[number].look(series)?.to_labels();
            groups.entry(labels).or_default().0.push((number, series));
        }
        for series in in_memory {
            let labels = self.store.index.read().expect(LOCK).labels(series);
            if let Some(labels) = labels {
                groups.entry(labels).or_default().1 = Some(series);
            }
        }
        for (members, in_memory) in groups.into_values() {
            if self.hand_out_one(&members, in_memory, each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether all of these have the same labels.
    fn is_one(&mut self, members: &[(usize, u32)], in_memory: &[SeriesRef]) -> Result<bool, BlockFault> {
        if members.len() + in_memory.len() < 2 {
            return Ok(true);
        }
        for (number, series) in members {
            self.blocks[*number].look(*series)?;
        }
        let view = |(number, series): &(usize, u32)| self.blocks[*number].view(*series);
        let Some(first) = members.first().map(view) else { return Ok(false) };
        let same = |other: &dyn LabelView| {
            first.len() == other.len() && (0..first.len()).all(|at| first.pair(at) == other.pair(at))
        };
        if !members[1..].iter().all(|member| same(&view(member))) {
            return Ok(false);
        }
        let index = self.store.index.read().expect(LOCK);
        // A series that left memory meanwhile has nothing there.
        Ok(in_memory
            .iter()
            .map(|series| index.pairs_of(*series))
            .all(|pairs| pairs.is_empty() || same(&InMemory { index: &index, pairs })))
    }

    fn hand_out_one(
        &mut self,
        members: &[(usize, u32)],
        in_memory: Option<SeriesRef>,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, BlockFault> {
        self.found.clear();
        for (number, series) in members {
            let part = &mut self.blocks[*number];
            part.look(*series)?;
            let chunks = (*series, part.page.chunks(*series as usize % PAGE_SERIES));
            let range = (self.reading.start_ms, self.reading.end_ms);
            part.chunks.read(part.block, chunks, range, part.is_dense, &mut self.found)?;
        }
        let index = in_memory.map(|series| (series, self.store.index.read().expect(LOCK)));
        if let Some((series, _)) = &index {
            let reading = self.reading;
            let own = &mut self.own;
            if self.store.head.look(*series, |samples| samples.read(reading, own)).is_some() {
                self.found.floats.merge_from(0, &self.own.floats);
                self.found.histograms.merge(std::mem::take(&mut self.own.histograms));
            }
        }
        if self.found.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.found.settle();
        if let Some((number, series)) = members.first() {
            return Ok(each(lend(&self.blocks[*number].view(*series), &mut self.found)));
        }
        let Some((series, index)) = &index else { return Ok(ControlFlow::Continue(())) };
        let pairs = index.pairs_of(*series);
        if pairs.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(each(lend(&InMemory { index, pairs }, &mut self.found)))
    }
}

impl Joined {
    /// How many places there are.
    pub(super) const fn count(&self) -> usize {
        self.count as usize
    }
}

impl BlockPart<'_> {
    /// Loads what is needed to look at the labels and the chunks of a series.
    fn look(&mut self, series: u32) -> Result<InBlock<'_>, BlockFault> {
        let number = series as usize / PAGE_SERIES;
        if self.loaded != Some(number) {
            self.loaded = None;
            self.block.page(number, &mut self.page)?;
            self.loaded = Some(number);
        }
        self.values.load(self.block, self.page.labels(series as usize % PAGE_SERIES))?;
        Ok(self.view(series))
    }

    /// The labels of a series that was looked at last.
    fn view(&self, series: u32) -> InBlock<'_> {
        let labels = self.page.labels(series as usize % PAGE_SERIES);
        InBlock { block: self.block, values: &self.values, labels }
    }
}
