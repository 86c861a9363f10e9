//! The append-only record of every operational fact.
//!
//! The characters: a [`Log`] keeps entries as the bytes in which they were written, and is durable when `append`
//! returns; a [`Journal`] numbers nothing and decides nothing, it encodes entries, links each to the one before,
//! and gives them back in order; [`verify`] is the auditor, who trusts neither.
//!
//! The chain: `hash_n = SHA-256(hash_{n-1} || bytes_n)`, where `hash_0` is 32 zero bytes and `bytes_n` is the JSON
//! text of entry n exactly as it was stored. Whoever keeps one exported [`Head`] outside can find any later change
//! of what it covers.
//!
//! Guaranteed: a batch is in the journal as a whole or not at all; what was appended is read back as the same
//! bytes; after one failed append nothing more is appended. Never done: changing an entry, skipping one that
//! cannot be read.

mod chain;
mod journal;
mod log;
mod memory;
mod verify;

pub use chain::{ChainHash, Head, HeadError, Stored, StoredRef};
pub use journal::{AppendFault, Journal, ReplayFault, Replayed};
pub use log::{EntryVisitor, Log, LogFault, ReadFault, ReadLog, Snapshot, SnapshotVisitor};
pub use memory::{Durability, FailAppend, MemoryLog};
pub use verify::{Damage, Verified, Verifier, VerifyFault, verify};

/// How big anything of the journal may get.
pub mod limits {
    /// Snapshots that a log keeps; an older one is removed when another is saved. The second is there for a
    /// start whose newest snapshot is damaged or of another version.
    pub const SNAPSHOTS_KEPT_MAX: usize = 2;
}
