//! SQLite: the journal's log, and the directory. The only SQL of the program.
//!
//! The characters: [`SqliteLog`] is the one writer of `journal.db`, and durable when `append` returns;
//! [`SqliteReader`] gives other threads what is durable; [`Directory`] keeps what a hash chain must not keep,
//! because it has to be forgotten on request: addresses, tokens, passwords, sessions and links.
//!
//! Two files, so that each can be what it is. `journal.db` only ever grows, holds nothing but facts, and may be
//! copied, audited and archived as a whole. `directory.db` is overwritten where something is erased
//! (`secure_delete`), and a copy of the journal carries no secret and no address.
//!
//! Guaranteed: both files are opened in WAL mode with `synchronous=FULL`, which is read back; a file of a newer
//! schema, or of another program, is refused; after one failed append the log takes no more. A second process is
//! kept out by the lock of the data directory, not here.

mod directory;
mod journal_file;
mod journal_log;
mod reader;
mod schema;

#[cfg(test)]
mod faulty_disk;
#[cfg(test)]
#[path = "../../journal/tests/night/mod.rs"]
mod night;

pub use directory::{
    ContactOwner, ContactRow, Directory, DirectoryError, DirectoryFault, DirectoryRefusal, Erased, Link,
    Session, Token, TokenKind,
};
pub use journal_log::SqliteLog;
pub use reader::SqliteReader;
pub use schema::OpenFault;

/// How big anything in the store may get.
pub mod limits {
    use kernel::Span;

    /// Pages of the write-ahead log (of 4 KiB) after which a commit moves them into the file. The log's file keeps
    /// that size and is written over, so that most commits do not have to make a file grow.
    pub const CHECKPOINT_PAGES: u32 = 4000;
    /// Bytes of one snapshot; a larger one is not saved, and the start replays more.
    pub const SNAPSHOT_BYTES_MAX: usize = 512 << 20;
    /// Connections that readers leave open; a reader past them opens its own and closes it.
    pub const READERS_IDLE_MAX: usize = 4;
    /// Tokens; more are refused.
    pub const TOKENS_MAX: usize = 1000;
    /// Shortest secret of a token, session or link, in bytes of text: 128 random bits in hexadecimal.
    pub const SECRET_BYTES_MIN: usize = 32;
    /// Longest password; argon2 hashes anything, but a body that long is not a password.
    pub const PASSWORD_BYTES_MAX: usize = 1024;
    /// Shortest password (NIST SP 800-63B-4, section 3.1.1.2, for a password that is the only factor).
    pub const PASSWORD_CHARS_MIN: usize = 15;
    /// Sessions of one person; the one that expires first gives way to another.
    pub const SESSIONS_PER_PERSON_MAX: usize = 20;
    /// How long the link of a notification is good: longer than any page should be open.
    pub const LINK_LASTS: Span = Span::from_days(30);
}
