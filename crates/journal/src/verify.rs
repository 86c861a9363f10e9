use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use facts::Seq;

use crate::chain::{ChainHash, Head, StoredRef};
use crate::log::{LogFault, ReadLog};

/// What is wrong with a journal.
#[derive(Debug)]
pub enum Damage {
    /// Another entry stands where this one belongs.
    Missing {
        /// The number that stands there.
        found: Seq,
    },
    /// The stored bytes and the hash before do not give the stored hash.
    ChainBroken,
    /// The bytes are not an entry.
    NotAnEntry(serde_json::Error),
    /// The bytes say another number.
    Misnumbered {
        /// Which.
        says: Seq,
    },
    /// The exported head is past the journal's end.
    Truncated {
        /// Where the journal ends.
        ends_at: Seq,
    },
    /// The entry has another hash than the exported head: it, or one before it, was rewritten.
    HeadDiffers,
    /// A snapshot that names this entry is not of this chain.
    SnapshotOffChain,
    /// A snapshot at this entry is not what was saved.
    SnapshotDamaged,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Missing { found } => write!(f, "is missing: entry {found} stands in its place"),
            Damage::ChainBroken => f.write_str("was changed: its hash does not follow from its bytes"),
            Damage::NotAnEntry(_) => f.write_str("is not an entry that this program can read"),
            Damage::Misnumbered { says } => write!(f, "was moved: it says that it is entry {says}"),
            Damage::Truncated { ends_at } => write!(f, "was cut off: the journal ends at entry {ends_at}"),
            Damage::HeadDiffers => f.write_str("or one before it was rewritten: it is not the exported head"),
            Damage::SnapshotOffChain => f.write_str("has a snapshot that belongs to another journal"),
            Damage::SnapshotDamaged => f.write_str("has a snapshot that is not what was saved"),
        }
    }
}

impl std::error::Error for Damage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Damage::NotAnEntry(source) => Some(source),
            _ => None,
        }
    }
}

/// A journal did not pass.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFault {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// The first thing that is wrong.
    #[error("entry {seq} {what}")]
    Damaged {
        /// The entry that it concerns.
        seq: Seq,
        /// What it is.
        what: Damage,
    },
}

/// A journal passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// Its head, to be exported.
    pub head: Head,
    /// How many snapshots it has.
    pub snapshots: usize,
}

/// Checks a log from its first entry to its last: numbers, links over the stored bytes, that each entry can be
/// read, and that each snapshot is whole and of this chain. With a head that was exported before, also that
/// nothing up to there was rewritten or cut off.
///
/// Entries are not written again and compared: an entry of an older version has fewer fields than this program
/// would write, and its bytes are covered by the chain.
pub fn verify(log: &dyn ReadLog, exported: Option<Head>) -> Result<Verified, VerifyFault> {
    let mut verifier = Verifier::new(Head::START, exported);
    let mut snapshots = 0;
    let mut damaged = None;
    log.read_snapshots(&mut |snapshot| {
        snapshots += 1;
        verifier.expect_snapshot(snapshot.head);
        if !snapshot.is_intact() {
            damaged = Some(snapshot.head.seq);
        }
        ControlFlow::Continue(())
    })?;
    let mut fault = None;
    log.read(Seq(1), &mut |stored| match verifier.step(stored) {
        Ok(()) => ControlFlow::Continue(()),
        Err(found) => {
            fault = Some(found);
            ControlFlow::Break(())
        }
    })?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    let head = verifier.finish()?;
    if let Some(seq) = damaged {
        let what = Damage::SnapshotDamaged;
        return Err(VerifyFault::Damaged { seq, what });
    }
    Ok(Verified { entries: head.seq.0, head, snapshots })
}

/// [`verify`], entry by entry: for a journal that comes in parts.
#[derive(Debug)]
pub struct Verifier {
    head: Head,
    exported: Option<Head>,
    snapshots: BTreeMap<Seq, ChainHash>,
}

impl Verifier {
    /// Goes on after an entry that is trusted; [`Head::START`] where none is.
    pub fn new(after: Head, exported: Option<Head>) -> Self {
        Self { head: after, exported, snapshots: BTreeMap::new() }
    }

    /// The chain is to have this head on its way.
    pub fn expect_snapshot(&mut self, head: Head) {
        self.snapshots.insert(head.seq, head.hash);
    }

    /// Checks the next entry.
    pub fn step(&mut self, stored: StoredRef<'_>) -> Result<(), VerifyFault> {
        let seq = self.head.next_seq();
        self.check(seq, stored).map_err(|what| VerifyFault::Damaged { seq, what })?;
        self.head = stored.head();
        Ok(())
    }

    fn check(&self, seq: Seq, stored: StoredRef<'_>) -> Result<(), Damage> {
        if stored.seq != seq {
            return Err(Damage::Missing { found: stored.seq });
        }
        if self.head.hash.next(stored.bytes) != stored.hash {
            return Err(Damage::ChainBroken);
        }
        let says = stored.entry().map_err(Damage::NotAnEntry)?.seq;
        if says != seq {
            return Err(Damage::Misnumbered { says });
        }
        if self.snapshots.get(&seq).is_some_and(|hash| *hash != stored.hash) {
            return Err(Damage::SnapshotOffChain);
        }
        match self.exported {
            Some(exported) if exported.seq == seq && exported.hash != stored.hash => Err(Damage::HeadDiffers),
            _ => Ok(()),
        }
    }

    /// Checks that the journal may end here, and gives its head.
    pub fn finish(self) -> Result<Head, VerifyFault> {
        let ends_at = self.head.seq;
        if let Some(exported) = self.exported.filter(|exported| exported.seq > ends_at) {
            return Err(VerifyFault::Damaged { seq: exported.seq, what: Damage::Truncated { ends_at } });
        }
        match self.snapshots.last_key_value() {
            Some((&seq, _)) if seq > ends_at => {
                Err(VerifyFault::Damaged { seq, what: Damage::SnapshotOffChain })
            }
            _ => Ok(self.head),
        }
    }
}
