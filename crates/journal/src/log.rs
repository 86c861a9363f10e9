use std::error::Error;
use std::ops::ControlFlow;

use facts::{Entry, Seq, Stream};
use sha2::{Digest, Sha256};

use crate::chain::{ChainHash, Head, Stored, StoredRef};

/// The cause of a fault, whatever the log is made of.
type Source = Box<dyn Error + Send + Sync>;

/// A log failed.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// Nobody knows whether the batch is durable: the process is to end and to start by replay.
    #[error("cannot append entries {first} to {last} to the journal")]
    Append {
        /// The batch's first entry.
        first: Seq,
        /// The batch's last entry.
        last: Seq,
        /// Why.
        #[source]
        source: Source,
    },
    /// An append failed before; the log takes no more until it is opened again.
    #[error("the journal takes no more entries: an earlier write failed")]
    Ended,
    /// The log's end cannot be read.
    #[error("cannot read the journal's head")]
    ReadHead(#[source] Source),
    /// Entries cannot be read.
    #[error("cannot read the journal from entry {from}")]
    Read {
        /// The first entry that was asked for.
        from: Seq,
        /// Why.
        #[source]
        source: Source,
    },
    /// A stream's entries cannot be read.
    #[error("cannot read the stream `{stream}` from entry {from}")]
    ReadStream {
        /// Which stream.
        stream: Stream,
        /// The first entry that was asked for.
        from: Seq,
        /// Why.
        #[source]
        source: Source,
    },
    /// A snapshot cannot be saved. The entries are not affected.
    #[error("cannot save the snapshot at entry {at}")]
    SaveSnapshot {
        /// The last entry that it covers.
        at: Seq,
        /// Why.
        #[source]
        source: Source,
    },
    /// Snapshots cannot be read.
    #[error("cannot read the journal's snapshots")]
    ReadSnapshots(#[source] Source),
}

/// Takes one entry after the other; breaks off when it has enough.
pub type EntryVisitor<'a> = &'a mut dyn FnMut(StoredRef<'_>) -> ControlFlow<()>;

/// Takes one snapshot after the other; breaks off when it has enough.
pub type SnapshotVisitor<'a> = &'a mut dyn FnMut(Snapshot) -> ControlFlow<()>;

/// The reading half of a log; what views, exports and the auditor need.
pub trait ReadLog {
    /// The last entry.
    fn head(&self) -> Result<Head, LogFault>;

    /// Every entry from this one on, in order, as of one moment. Numbers are as stored: the reader checks them.
    fn read(&self, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault>;

    /// Every entry of one stream from this one on, in order, as of one moment.
    fn read_stream(&self, stream: &Stream, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault>;

    /// The snapshots that are kept, newest first.
    fn read_snapshots(&self, each: SnapshotVisitor<'_>) -> Result<(), LogFault>;

    /// The newest snapshot.
    fn latest_snapshot(&self) -> Result<Option<Snapshot>, LogFault> {
        let mut latest = None;
        self.read_snapshots(&mut |snapshot| {
            latest = Some(snapshot);
            ControlFlow::Break(())
        })?;
        Ok(latest)
    }

    /// At most so many entries of one stream, from this one on: a page of a timeline.
    fn stream_page(&self, stream: &Stream, from: Seq, at_most: usize) -> Result<Vec<Entry>, ReadFault> {
        let mut page = Vec::new();
        let mut fault = None;
        self.read_stream(stream, from, &mut |stored| {
            if page.len() == at_most {
                return ControlFlow::Break(());
            }
            match stored.entry() {
                Ok(entry) => page.push(entry),
                Err(source) => fault = Some(ReadFault::Decode { seq: stored.seq, source }),
            }
            if fault.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        fault.map_or(Ok(page), Err)
    }
}

/// Entries cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// An entry's bytes are not an entry that this program knows.
    #[error("cannot decode entry {seq}")]
    Decode {
        /// Which entry.
        seq: Seq,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Keeps entries and snapshots. One writer owns it; a log of a program that ended is opened again.
pub trait Log: ReadLog {
    /// Adds a batch that follows the head: the whole of it is durable when this returns `Ok`. After an error the
    /// batch is durable as a whole or not at all, nobody knows which, and every further append is refused.
    fn append(&mut self, batch: &[Stored]) -> Result<(), LogFault>;

    /// Keeps a snapshot durably, and at most [`SNAPSHOTS_KEPT_MAX`](crate::limits::SNAPSHOTS_KEPT_MAX) of them.
    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), LogFault>;
}

/// State as it was after an entry, so that a start need not replay what came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last entry that it covers.
    pub head: Head,
    /// Version of the state's form; a program restores only what it knows.
    pub version: u32,
    /// The state, in that form.
    pub state: Vec<u8>,
    /// Over everything above, so that a damaged state is never restored.
    pub digest: ChainHash,
}

impl Snapshot {
    /// Seals a state.
    pub fn new(head: Head, version: u32, state: Vec<u8>) -> Self {
        let digest = Self::digest_of(head, version, &state);
        Self { head, version, state, digest }
    }

    /// Whether it is still what was sealed.
    pub fn is_intact(&self) -> bool {
        self.digest == Self::digest_of(self.head, self.version, &self.state)
    }

    fn digest_of(head: Head, version: u32, state: &[u8]) -> ChainHash {
        let digest = Sha256::new()
            .chain_update(head.seq.0.to_be_bytes())
            .chain_update(head.hash.0)
            .chain_update(version.to_be_bytes())
            .chain_update(state)
            .finalize();
        ChainHash(digest.into())
    }
}
