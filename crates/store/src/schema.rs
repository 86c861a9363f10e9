use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::limits::CHECKPOINT_PAGES;

/// How many times the room of a write-ahead log has to be free before it is taken.
const PLENTY: u64 = 32;

/// A file of the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The file is not there and cannot be made.
    #[error("cannot create `{path}`")]
    Create {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite cannot open it.
    #[error("cannot open `{path}`")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A setting on which durability rests does not hold.
    #[error("`{path}` has {pragma} = {found}, and {wanted} is needed for a write to be durable")]
    NotDurable {
        /// Which file.
        path: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// Another program's file.
    #[error("`{path}` is not a {kind} of Swan")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What was expected there.
        kind: &'static str,
    },
    /// A later version of Swan wrote it.
    #[error(
        "`{path}` has schema {found}, and this version of Swan knows schemas up to {known}\n\
         hint: start the version of Swan that last ran on this data directory, or a later one"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The schema that it has.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The schema cannot be brought up to date. The file is as it was.
    #[error("cannot bring `{path}` to schema {to}")]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// To which schema.
        to: u32,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// It opens, and its journal's head cannot be read.
    #[error(transparent)]
    Head(#[from] journal::LogFault),
}

/// What one file holds, version by version.
pub(crate) struct Schema {
    /// For messages.
    pub(crate) kind: &'static str,
    /// SQLite's `application_id`, by which the file is known.
    pub(crate) application_id: i32,
    /// Statement n brings schema n to n + 1.
    pub(crate) migrations: &'static [&'static str],
}

/// On which disk a file is, and when its write-ahead log is moved into it. Tests have others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk {
    /// SQLite's name for it; `None` is the machine's own.
    pub(crate) vfs: Option<&'static str>,
    /// Pages of the write-ahead log after which a commit moves them into the file.
    pub(crate) checkpoint_pages: u32,
}

impl Disk {
    pub(crate) const MACHINE: Self = Self { vfs: None, checkpoint_pages: CHECKPOINT_PAGES };

    pub(crate) fn connect(self, path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
            None => Connection::open_with_flags(path, flags),
        }
    }
}

impl Schema {
    /// Opens the writer's connection: durable, and at the newest schema.
    pub(crate) fn open(&self, path: &Path, disk: Disk) -> Result<Connection, OpenFault> {
        if disk.vfs.is_none() {
            create_private(path)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let (mut connection, version) = self.connect(path, disk, flags)?;
        self.make_durable(&connection, path, disk)?;
        self.migrate(&mut connection, path, version)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    /// Opens a connection that cannot write, to a file that is there.
    pub(crate) fn open_to_read(&self, path: &Path, disk: Disk) -> Result<Connection, OpenFault> {
        let (connection, version) = self.connect(path, disk, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if version == 0 {
            return Err(OpenFault::Foreign { path: path.to_owned(), kind: self.kind });
        }
        Ok(connection)
    }

    /// A connection, and the schema that the file has.
    fn connect(&self, path: &Path, disk: Disk, flags: OpenFlags) -> Result<(Connection, u32), OpenFault> {
        let open = || {
            let connection = disk.connect(path, flags)?;
            let found = self.found(&connection)?;
            Ok((connection, found))
        };
        let (connection, found) =
            open().map_err(|source| OpenFault::Open { path: path.to_owned(), source })?;
        let version = self.known(path, found)?;
        Ok((connection, version))
    }

    /// Application id, schema version, and whether the file has anything in it.
    fn found(&self, connection: &Connection) -> rusqlite::Result<(i32, u32, bool)> {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((pragma("application_id")? as i32, pragma("user_version")? as u32, tables > 0))
    }

    fn known(
        &self,
        path: &Path,
        (application_id, version, in_use): (i32, u32, bool),
    ) -> Result<u32, OpenFault> {
        let path = path.to_owned();
        let fresh = application_id == 0 && version == 0 && !in_use;
        if !fresh && application_id != self.application_id {
            return Err(OpenFault::Foreign { path, kind: self.kind });
        }
        let known = self.migrations.len() as u32;
        if version > known {
            return Err(OpenFault::Newer { path, found: version, known });
        }
        Ok(version)
    }

    fn make_durable(&self, connection: &Connection, path: &Path, disk: Disk) -> Result<(), OpenFault> {
        let set = || {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            // Where the system's fsync does not reach the disk (macOS), the call that does.
            connection.pragma_update(None, "fullfsync", true)?;
            connection.pragma_update(None, "wal_autocheckpoint", disk.checkpoint_pages)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            Ok((mode, synchronous))
        };
        let (mode, synchronous) =
            set().map_err(|source| OpenFault::Open { path: path.to_owned(), source })?;
        let not_durable =
            |pragma, found, wanted| OpenFault::NotDurable { path: path.to_owned(), pragma, found, wanted };
        if mode != "wal" {
            return Err(not_durable("journal_mode", mode, "wal"));
        }
        if synchronous != 2 {
            return Err(not_durable("synchronous", synchronous.to_string(), "2 (FULL)"));
        }
        Ok(())
    }

    /// Has the write-ahead log take the room that it needs until it is moved into the file, on a disk that has plenty.
    /// A commit into a log that grows waits for the file system's own journal, too; one into room that is there waits
    /// for its pages alone.
    pub(crate) fn make_room(connection: &Connection, path: &Path, disk: Disk) {
        // What does not fit into a cache is written to the log, and what is rolled back leaves its room behind. Where
        // this fails, commits take longer and nothing else changes.
        let cache: Result<i64, _> = connection.pragma_query_value(None, "cache_size", |row| row.get(0));
        let page: Result<i64, _> = connection.pragma_query_value(None, "page_size", |row| row.get(0));
        let (Ok(cache), Ok(page)) = (cache, page) else { return };
        let bytes = page * i64::from(disk.checkpoint_pages);
        let has_plenty = |free: u64| free / PLENTY >= bytes.unsigned_abs();
        let on_its_disk = path.parent().filter(|_| disk.vfs.is_none());
        if on_its_disk.is_some_and(|directory| !fs4::available_space(directory).is_ok_and(has_plenty)) {
            return;
        }
        _ = connection.pragma_update(None, "cache_size", 1);
        _ = connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; CREATE TABLE room (bytes BLOB); INSERT INTO room VALUES (zeroblob({bytes}));"
        ));
        _ = connection.execute_batch("ROLLBACK");
        _ = connection.pragma_update(None, "cache_size", cache);
    }

    fn migrate(&self, connection: &mut Connection, path: &Path, version: u32) -> Result<(), OpenFault> {
        for (to, statements) in (1..).zip(self.migrations).skip(version as usize) {
            let mut step = || {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                transaction.execute_batch(statements)?;
                transaction.pragma_update(None, "application_id", self.application_id)?;
                transaction.pragma_update(None, "user_version", to)?;
                transaction.commit()
            };
            step().map_err(|source| OpenFault::Migrate { path: path.to_owned(), to, source })?;
        }
        Ok(())
    }
}

/// Makes the file, where it is not there, for its owner only; SQLite gives its log the same permissions.
fn create_private(path: &Path) -> Result<(), OpenFault> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| OpenFault::Create { path: path.to_owned(), source })
}
