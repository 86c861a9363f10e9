use std::collections::BTreeMap;
use std::ops::ControlFlow;

use facts::{Seq, Stream};

use crate::chain::{Head, Stored};
use crate::limits::SNAPSHOTS_KEPT_MAX;
use crate::log::{EntryVisitor, Log, LogFault, ReadLog, Snapshot, SnapshotVisitor};

/// Where an append fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailAppend {
    /// Nothing is written.
    BeforeWrite,
    /// The batch is written, and lost if the machine stops.
    AfterWrite,
    /// The batch is durable, and the caller is told that it failed.
    AfterSync,
}

/// What an append that succeeds has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The batch is durable, as a [`Log`] promises.
    #[default]
    OnAppend,
    /// The batch is only written, as with SQLite's `synchronous=NORMAL`: a known bug of this field, here so that
    /// a simulation can be seen to find it.
    OnSyncOnly,
}

/// A log in memory, with what is written and what is durable apart. Batches are never torn: a log that tears them
/// is no [`Log`].
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    /// Written; the first `durable` are durable.
    entries: Vec<Stored>,
    durable: usize,
    /// Ends of the written batches that are not durable.
    volatile_ends: Vec<usize>,
    /// Positions in `entries`.
    streams: BTreeMap<Stream, Vec<usize>>,
    snapshots: Vec<Snapshot>,
    durability: Durability,
    appends: u64,
    failing: BTreeMap<u64, FailAppend>,
    ended: bool,
}

/// A failure that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("made to fail {0:?}")]
struct MadeToFail(FailAppend);

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// A log that has these entries, all of them durable, whatever they are: for tests of what finds damage.
    pub fn from_stored(entries: Vec<Stored>) -> Self {
        let mut log = Self::default();
        log.write(&entries);
        log.sync();
        log
    }

    /// Makes the nth append from here on fail; 1 is the next.
    pub fn fail_append(&mut self, nth: u64, at: FailAppend) {
        self.failing.insert(self.appends + nth, at);
    }

    /// What appends do from here on.
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// How many appends were tried.
    pub fn appends(&self) -> u64 {
        self.appends
    }

    /// What is written, in order.
    pub fn entries(&self) -> &[Stored] {
        &self.entries
    }

    /// The last entry that a crash cannot take.
    pub fn durable_head(&self) -> Head {
        self.entries[..self.durable].last().map_or(Head::START, Stored::head)
    }

    /// How many batches are written and not durable.
    pub fn volatile_batches(&self) -> usize {
        self.volatile_ends.len()
    }

    /// Makes everything that is written durable.
    pub fn sync(&mut self) {
        self.durable = self.entries.len();
        self.volatile_ends.clear();
    }

    /// The machine stops: what is volatile is forgotten. The log can then be opened again.
    pub fn crash(&mut self) {
        self.crash_keeping(0);
    }

    /// The machine stops after it happened to make the first so many volatile batches durable.
    pub fn crash_keeping(&mut self, batches: usize) {
        let kept = match batches {
            0 => self.durable,
            n => self.volatile_ends.get(n - 1).copied().unwrap_or(self.entries.len()),
        };
        self.entries.truncate(kept);
        for positions in self.streams.values_mut() {
            positions.truncate(positions.partition_point(|at| *at < kept));
        }
        self.streams.retain(|_, positions| !positions.is_empty());
        self.sync();
        let head = self.durable_head();
        self.snapshots.retain(|snapshot| snapshot.head.seq <= head.seq);
        self.failing.clear();
        self.ended = false;
    }

    fn write(&mut self, batch: &[Stored]) {
        for stored in batch {
            for stream in &stored.streams {
                let positions = self.streams.entry(stream.clone()).or_default();
                positions.push(self.entries.len());
            }
            self.entries.push(stored.clone());
        }
        self.volatile_ends.push(self.entries.len());
    }
}

impl ReadLog for MemoryLog {
    fn head(&self) -> Result<Head, LogFault> {
        Ok(self.entries.last().map_or(Head::START, Stored::head))
    }

    fn read(&self, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault> {
        let mut entries = self.entries.iter().filter(|stored| stored.seq >= from);
        let _ = entries.try_for_each(|stored| each(stored.as_read()));
        Ok(())
    }

    fn read_stream(&self, stream: &Stream, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault> {
        let positions = self.streams.get(stream).into_iter().flatten();
        let mut entries = positions.map(|at| &self.entries[*at]).filter(|stored| stored.seq >= from);
        let _ = entries.try_for_each(|stored| each(stored.as_read()));
        Ok(())
    }

    fn read_snapshots(&self, each: SnapshotVisitor<'_>) -> Result<(), LogFault> {
        for snapshot in self.snapshots.iter().rev() {
            if let ControlFlow::Break(()) = each(snapshot.clone()) {
                break;
            }
        }
        Ok(())
    }
}

impl Log for MemoryLog {
    fn append(&mut self, batch: &[Stored]) -> Result<(), LogFault> {
        if self.ended {
            return Err(LogFault::Ended);
        }
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return Ok(());
        };
        self.appends += 1;
        let failing = self.failing.remove(&self.appends);
        if failing != Some(FailAppend::BeforeWrite) {
            self.write(batch);
        }
        let synced = match failing {
            None => self.durability == Durability::OnAppend,
            Some(at) => at == FailAppend::AfterSync,
        };
        if synced {
            self.sync();
        }
        let Some(at) = failing else {
            return Ok(());
        };
        self.ended = true;
        Err(LogFault::Append { first: first.seq, last: last.seq, source: Box::new(MadeToFail(at)) })
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), LogFault> {
        self.snapshots.retain(|kept| kept.head.seq != snapshot.head.seq);
        self.snapshots.push(snapshot.clone());
        self.snapshots.sort_by_key(|kept| kept.head.seq);
        let excess = self.snapshots.len().saturating_sub(SNAPSHOTS_KEPT_MAX);
        self.snapshots.drain(..excess);
        Ok(())
    }
}
