//! The directory: what belongs to people and must be forgotten on request, so that it can not be in the journal.
//!
//! Secrets that Swan makes (tokens, session ids, links) are random and long, so one SHA-256 of them is stored:
//! there is nothing to guess that a slow hash would protect. Passwords are chosen by people, so argon2id is.
//! Where a secret is looked up, an index finds its hash; how long that takes tells nothing about a secret whose
//! hash the asker cannot steer, and the hash that was found is compared in constant time.

mod contacts;
mod links;
mod sign_in;
mod tokens;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{PersonId, Refuse, Timestamp};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, SECRET_BYTES_MIN, TOKENS_MAX};
use crate::schema::{Disk, OpenFault, Schema};

pub use contacts::{ContactOwner, ContactRow};
pub use links::Link;
pub use sign_in::Session;
pub use tokens::{Token, TokenKind};

const SCHEMA: Schema = Schema {
    kind: "directory",
    application_id: 0x5357_4144, // "SWAD"
    migrations: &["
        CREATE TABLE contacts (
            contact      TEXT PRIMARY KEY,
            owner_kind   TEXT NOT NULL,
            owner        TEXT NOT NULL,
            channel      TEXT NOT NULL,
            address      TEXT NOT NULL,
            display_name TEXT,
            secret       TEXT
        ) STRICT;
        CREATE INDEX contacts_by_owner ON contacts (owner_kind, owner);
        CREATE TABLE tokens (
            name       TEXT PRIMARY KEY,
            kind       TEXT NOT NULL,
            digest     BLOB NOT NULL UNIQUE,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE passwords (
            person TEXT PRIMARY KEY,
            phc    TEXT NOT NULL
        ) STRICT;
        CREATE TABLE sessions (
            digest     BLOB PRIMARY KEY,
            person     TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX sessions_by_person ON sessions (person, expires_at);
        CREATE TABLE links (
            digest     BLOB PRIMARY KEY,
            page       INTEGER NOT NULL,
            person     TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX links_by_person ON links (person);
    "],
};

/// The directory in one SQLite file, `directory.db`. Clones share it; calls from several threads take turns.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Desk>);

#[derive(Debug)]
struct Desk {
    connection: Mutex<Connection>,
    /// Held while a password is hashed: 19 MiB and some 20 ms each, one at a time, however many sign in at once.
    hashing: Mutex<()>,
}

/// An operation on the directory failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the operation that its message names")]
pub enum DirectoryFault {
    #[error("cannot replace the contacts")]
    ReplaceContacts(#[source] rusqlite::Error),
    #[error("cannot read contacts")]
    ReadContacts(#[source] rusqlite::Error),
    #[error("cannot save a token")]
    CreateToken(#[source] rusqlite::Error),
    #[error("cannot read tokens")]
    ReadTokens(#[source] rusqlite::Error),
    #[error("cannot revoke a token")]
    RevokeToken(#[source] rusqlite::Error),
    #[error("cannot hash a password: {0}")]
    HashPassword(argon2::password_hash::Error),
    #[error("cannot make the salt of a password: {0}")]
    MakeSalt(getrandom::Error),
    #[error("cannot save a password")]
    SetPassword(#[source] rusqlite::Error),
    #[error("cannot read a password's hash")]
    ReadPassword(#[source] rusqlite::Error),
    #[error("cannot save a session")]
    CreateSession(#[source] rusqlite::Error),
    #[error("cannot read a session")]
    ReadSession(#[source] rusqlite::Error),
    #[error("cannot end a session")]
    EndSession(#[source] rusqlite::Error),
    #[error("cannot save a link")]
    CreateLink(#[source] rusqlite::Error),
    #[error("cannot read a link")]
    ReadLink(#[source] rusqlite::Error),
    #[error("cannot erase a person")]
    ErasePerson(#[source] rusqlite::Error),
    #[error("cannot remove what has expired")]
    RemoveExpired(#[source] rusqlite::Error),
}

/// The directory said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryRefusal {
    /// Another token has the name.
    TokenNameTaken,
    /// There are [`TOKENS_MAX`] tokens.
    TooManyTokens,
    /// Fewer than [`PASSWORD_CHARS_MIN`] characters.
    PasswordTooShort,
    /// More than [`PASSWORD_BYTES_MAX`] bytes.
    PasswordTooLong,
}

impl Refuse for DirectoryRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TokenNameTaken => "token_name_taken",
            Self::TooManyTokens => "too_many_tokens",
            Self::PasswordTooShort => "password_too_short",
            Self::PasswordTooLong => "password_too_long",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::TokenNameTaken => "another token has this name".to_owned(),
            Self::TooManyTokens => format!("there are {TOKENS_MAX} tokens, and no more are kept"),
            Self::PasswordTooShort => format!("a password has at least {PASSWORD_CHARS_MIN} characters"),
            Self::PasswordTooLong => format!("a password has at most {PASSWORD_BYTES_MAX} bytes"),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::TokenNameTaken => Some("choose another name, or revoke that token first".to_owned()),
            Self::TooManyTokens => Some("revoke tokens that nobody uses".to_owned()),
            Self::PasswordTooShort => Some("several words are easier to keep than a few signs".to_owned()),
            Self::PasswordTooLong => None,
        }
    }
}

/// A refusal or a fault.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The directory said no.
    #[error("{}", .0.sentence())]
    Refused(DirectoryRefusal),
    /// The directory failed.
    #[error(transparent)]
    Fault(#[from] DirectoryFault),
}

/// What was erased about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Their contacts.
    pub contacts: usize,
    /// 1 where they had a password.
    pub passwords: usize,
    /// Their sessions.
    pub sessions: usize,
    /// Links that acknowledged as them.
    pub links: usize,
}

impl Directory {
    /// Opens the file, makes it where it is not there, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, OpenFault> {
        let connection = SCHEMA.open(path, Disk::MACHINE)?;
        let overwrite = || {
            // What is deleted is overwritten with zeros, in the file and in the pages that are used again.
            connection.pragma_update(None, "secure_delete", true)
        };
        overwrite().map_err(|source| OpenFault::Open { path: path.to_owned(), source })?;
        Ok(Self(Arc::new(Desk { connection: Mutex::new(connection), hashing: Mutex::new(()) })))
    }

    /// Forgets a person: contacts, password, sessions, links. The bytes are overwritten in the file, and the
    /// write-ahead log that still has them is emptied. A configuration that still names their addresses brings
    /// those back with the next [`replace_contacts`](Self::replace_contacts).
    pub fn erase_person(&self, person: &PersonId) -> Result<Erased, DirectoryFault> {
        let mut connection = self.connection();
        let mut erase = || {
            let transaction = connection.transaction()?;
            let of_person = |statement| transaction.execute(statement, [person.as_str()]);
            let erased = Erased {
                contacts: of_person("DELETE FROM contacts WHERE owner_kind = 'person' AND owner = ?1")?,
                passwords: of_person("DELETE FROM passwords WHERE person = ?1")?,
                sessions: of_person("DELETE FROM sessions WHERE person = ?1")?,
                links: of_person("DELETE FROM links WHERE person = ?1")?,
            };
            transaction.commit()?;
            let mut busy = false;
            connection.pragma(None, "wal_checkpoint", "TRUNCATE", |row| {
                busy = row.get(0)?;
                Ok(())
            })?;
            if busy {
                // Somebody else reads the file: what was erased is still in the write-ahead log.
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(code, None));
            }
            Ok(erased)
        };
        erase().map_err(DirectoryFault::ErasePerson)
    }

    /// Removes sessions and links whose time is over, and says how many. They count for nothing before that.
    pub fn remove_expired(&self, now: Timestamp) -> Result<usize, DirectoryFault> {
        let connection = self.connection();
        let remove = || {
            let sessions =
                connection.execute("DELETE FROM sessions WHERE expires_at <= ?1", [now.as_millis()])?;
            let made_by = now - crate::limits::LINK_LASTS;
            let links =
                connection.execute("DELETE FROM links WHERE created_at <= ?1", [made_by.as_millis()])?;
            Ok(sessions + links)
        };
        remove().map_err(DirectoryFault::RemoveExpired)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while it was held has rolled its transaction back.
        self.0.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many rows a table has.
    fn count(connection: &Connection, statement: &str) -> rusqlite::Result<usize> {
        let count: i64 = connection.prepare_cached(statement)?.query_row(params![], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}

/// What is stored of a secret that Swan made.
///
/// # Panics
/// Where the secret is too short to be one: that is a bug of the caller.
fn digest_of_new(secret: &str) -> [u8; 32] {
    assert!(secret.len() >= SECRET_BYTES_MIN, "a secret has at least 128 random bits");
    digest_of(secret)
}

fn digest_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn same(stored: [u8; 32], asked: [u8; 32]) -> bool {
    stored.ct_eq(&asked).into()
}
