use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facts::{Seq, Stream};
use journal::{EntryVisitor, Head, LogFault, ReadLog, SnapshotVisitor};
use rusqlite::{Connection, OpenFlags};

use crate::journal_file::{SCHEMA, read, read_head, read_snapshots, read_stream};
use crate::limits::READERS_IDLE_MAX;
use crate::schema::{Disk, OpenFault};

/// Reads the journal's file from any thread, over connections that cannot write. Each call sees the file as of one
/// moment; while its visitor runs, the write-ahead log cannot be started over, so a visitor does not wait for
/// anything.
#[derive(Debug, Clone)]
pub struct SqliteReader(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    disk: Disk,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteReader {
    /// Opens a journal that is there, to audit or export it: nothing is made and no schema changed. Where no
    /// server runs on it, SQLite puts an index of the write-ahead log beside it and takes it away again.
    pub fn open(path: &Path) -> Result<Self, OpenFault> {
        let connection = SCHEMA.open_to_read(path, Disk::MACHINE)?;
        Ok(Self::over(path.to_owned(), Disk::MACHINE, vec![connection]))
    }

    pub(crate) fn over(path: PathBuf, disk: Disk, idle: Vec<Connection>) -> Self {
        let idle = Mutex::new(idle);
        Self(Arc::new(Pool { path, disk, idle }))
    }

    fn with<T>(
        &self,
        fault: impl FnOnce(rusqlite::Error) -> LogFault,
        read: impl FnOnce(&Connection) -> Result<T, LogFault>,
    ) -> Result<T, LogFault> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.disk.connect(&self.0.path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(fault)?,
        };
        let found = read(&connection)?;
        let mut idle = self.idle();
        if idle.len() < READERS_IDLE_MAX {
            idle.push(connection);
        }
        Ok(found)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A connection is in the list only between two reads, so a panic elsewhere leaves none half used.
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadLog for SqliteReader {
    fn head(&self) -> Result<Head, LogFault> {
        self.with(|source| LogFault::ReadHead(Box::new(source)), read_head)
    }

    fn read(&self, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault> {
        let fault = |source| LogFault::Read { from, source: Box::new(source) };
        self.with(fault, |connection| read(connection, from, each))
    }

    fn read_stream(&self, stream: &Stream, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault> {
        let fault = |source| LogFault::ReadStream { stream: stream.clone(), from, source: Box::new(source) };
        self.with(fault, |connection| read_stream(connection, stream, from, each))
    }

    fn read_snapshots(&self, each: SnapshotVisitor<'_>) -> Result<(), LogFault> {
        let fault = |source| LogFault::ReadSnapshots(Box::new(source));
        self.with(fault, |connection| read_snapshots(connection, each))
    }
}
