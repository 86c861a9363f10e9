use std::ops::ControlFlow;

use facts::{Entry, Seq};

use crate::chain::{ChainHash, Head, Stored, StoredRef};
use crate::log::{Log, LogFault, Snapshot};

/// An append did not succeed. The process is to end: whether the entries are there is seen by replay.
#[derive(Debug, thiserror::Error)]
pub enum AppendFault {
    /// The entry has no JSON text. Nothing was written.
    #[error("cannot encode entry {seq}")]
    Encode {
        /// Which entry.
        seq: Seq,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The entry's text would not be read back as the same entry, so that no start would succeed any more. Nothing
    /// was written.
    #[error("entry {seq} would not be read back as it was written: `{text}`")]
    NotReadable {
        /// Which entry.
        seq: Seq,
        /// Its text, shortened.
        text: String,
        /// Why, where it cannot be read at all.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// The log failed: nobody knows whether the batch is durable.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// An earlier append failed.
    #[error("the journal takes no more entries: an earlier append failed")]
    Ended,
}

/// A replay did not reach the head.
#[derive(Debug, thiserror::Error)]
pub enum ReplayFault {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// An entry is missing.
    #[error("the journal has no entry {expected}: entry {found} follows")]
    Gap {
        /// The number that should come next.
        expected: Seq,
        /// The number that came.
        found: Seq,
    },
    /// An entry's stored bytes do not give its stored hash.
    #[error("entry {0} is not what was written: its hash does not follow from the entry before")]
    Chain(Seq),
    /// An entry's bytes are not an entry that this program knows.
    #[error("cannot decode entry {seq}")]
    Decode {
        /// Which entry.
        seq: Seq,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The log ends before the head that it had when it was opened.
    #[error("the journal ends at entry {found} and not at its head {head}")]
    Short {
        /// The head.
        head: Seq,
        /// The last entry that was read.
        found: Seq,
    },
}

/// What a replay gave.
#[derive(Debug)]
pub struct Replayed<S> {
    /// The state after the last entry.
    pub state: S,
    /// The snapshot from which it began; `None` where it began with the first entry.
    pub from: Option<Head>,
    /// Snapshots that could not be used: damaged, or not restored.
    pub snapshots_passed_over: Vec<Seq>,
    /// Entries that were applied.
    pub entries: u64,
}

/// The journal of a running program: the only writer of its log.
#[derive(Debug)]
pub struct Journal<L> {
    log: L,
    head: Head,
    /// An append failed.
    ended: bool,
}

impl<L: Log> Journal<L> {
    /// Takes the log and reads its head.
    pub fn open(log: L) -> Result<Self, LogFault> {
        let head = log.head()?;
        Ok(Self { log, head, ended: false })
    }

    /// The last durable entry.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The log, for reading.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// The log itself, for a simulation that crashes it or makes it fail.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    /// Gives the log back.
    pub fn into_log(self) -> L {
        self.log
    }

    /// Makes a batch durable and gives the head after it. Before anything is written, every entry's text is read
    /// back: an entry that cannot be replayed would keep the program from ever starting again.
    ///
    /// # Panics
    /// Where the entries are not numbered on from the head without a gap: that is a bug of the caller.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Head, AppendFault> {
        if self.ended {
            return Err(AppendFault::Ended);
        }
        if entries.is_empty() {
            return Ok(self.head);
        }
        // Stays set where the append does not succeed.
        self.ended = true;
        let mut batch = Vec::with_capacity(entries.len());
        let mut head = self.head;
        for entry in entries {
            assert_eq!(entry.seq, head.next_seq(), "entries are numbered without a gap");
            let stored = encode(entry, head.hash)?;
            head = stored.head();
            batch.push(stored);
        }
        self.log.append(&batch)?;
        self.ended = false;
        self.head = head;
        Ok(head)
    }

    /// Keeps the state as it is at the head. A fault leaves the entries and later appends as they are.
    pub fn save_snapshot(&mut self, version: u32, state: Vec<u8>) -> Result<(), LogFault> {
        self.log.save_snapshot(&Snapshot::new(self.head, version, state))
    }

    /// Folds the journal: begins with the newest snapshot that is undamaged and that `restore` takes, or with
    /// `empty`, and gives every later entry to `each`, in order, after its number and its link were checked.
    pub fn replay<S>(
        &self,
        empty: S,
        mut restore: impl FnMut(&Snapshot) -> Option<S>,
        mut each: impl FnMut(&mut S, Entry),
    ) -> Result<Replayed<S>, ReplayFault> {
        let (mut restored, mut passed_over) = (None, Vec::new());
        self.log.read_snapshots(&mut |snapshot| {
            let usable = snapshot.is_intact() && snapshot.head.seq <= self.head.seq;
            if let Some(state) = usable.then(|| restore(&snapshot)).flatten() {
                restored = Some((snapshot.head, state));
                return ControlFlow::Break(());
            }
            passed_over.push(snapshot.head.seq);
            ControlFlow::Continue(())
        })?;
        let (from, mut state) = match restored {
            Some((head, state)) => (Some(head), state),
            None => (None, empty),
        };
        let mut walk = Walk::from(from.unwrap_or(Head::START));
        let mut fault = None;
        // The snapshot's own entry is read too: that the snapshot belongs to this chain is seen there.
        self.log.read(Seq(walk.head.seq.0.max(1)), &mut |stored| {
            if Some(stored.seq) == from.map(|head| head.seq) {
                return walk.check_start(stored, &mut fault);
            }
            match walk.step(stored) {
                Ok(entry) => each(&mut state, entry),
                Err(found) => fault = Some(found),
            }
            if fault.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        if walk.head != self.head || !walk.anchored {
            return Err(ReplayFault::Short { head: self.head.seq, found: walk.head.seq });
        }
        Ok(Replayed { state, from, snapshots_passed_over: passed_over, entries: walk.entries })
    }
}

/// Where a replay is.
struct Walk {
    head: Head,
    /// Whether the entry at which it begins was found to have the hash that the snapshot names.
    anchored: bool,
    entries: u64,
}

impl Walk {
    fn from(head: Head) -> Self {
        Self { head, anchored: head == Head::START, entries: 0 }
    }

    fn check_start(&mut self, stored: StoredRef<'_>, fault: &mut Option<ReplayFault>) -> ControlFlow<()> {
        self.anchored = stored.hash == self.head.hash;
        if self.anchored {
            return ControlFlow::Continue(());
        }
        *fault = Some(ReplayFault::Chain(stored.seq));
        ControlFlow::Break(())
    }

    fn step(&mut self, stored: StoredRef<'_>) -> Result<Entry, ReplayFault> {
        let (expected, found) = (self.head.next_seq(), stored.seq);
        if found != expected {
            return Err(ReplayFault::Gap { expected, found });
        }
        if self.head.hash.next(stored.bytes) != stored.hash {
            return Err(ReplayFault::Chain(found));
        }
        let entry = stored.entry().map_err(|source| ReplayFault::Decode { seq: found, source })?;
        if entry.seq != expected {
            return Err(ReplayFault::Gap { expected, found: entry.seq });
        }
        self.head = stored.head();
        self.entries += 1;
        Ok(entry)
    }
}

fn encode(entry: &Entry, before: ChainHash) -> Result<Stored, AppendFault> {
    let seq = entry.seq;
    let bytes = serde_json::to_vec(entry).map_err(|source| AppendFault::Encode { seq, source })?;
    let hash = before.next(&bytes);
    let stored = Stored { seq, bytes, hash, streams: entry.fact.streams() };
    let not_readable = |source| AppendFault::NotReadable {
        seq,
        text: String::from_utf8_lossy(&stored.bytes).chars().take(200).collect(),
        source,
    };
    match stored.as_read().entry() {
        Ok(read) if read == *entry => Ok(stored),
        Ok(_) => Err(not_readable(None)),
        Err(source) => Err(not_readable(Some(source))),
    }
}
