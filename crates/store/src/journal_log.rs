use std::path::{Path, PathBuf};

use facts::{Seq, Stream};
use journal::{EntryVisitor, Head, Log, LogFault, ReadLog, Snapshot, SnapshotVisitor, Stored};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::journal_file::{SCHEMA, read, read_head, read_snapshots, read_stream};
use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::reader::SqliteReader;
use crate::schema::{Disk, OpenFault, Schema};

/// The journal's log in one SQLite file, `journal.db`; its only writer.
#[derive(Debug)]
pub struct SqliteLog {
    connection: Connection,
    path: PathBuf,
    disk: Disk,
    head: Head,
    ended: bool,
}

impl SqliteLog {
    /// Opens the file, makes it where it is not there, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, OpenFault> {
        Self::open_on(path, Disk::MACHINE)
    }

    pub(crate) fn open_on(path: &Path, disk: Disk) -> Result<Self, OpenFault> {
        let connection = SCHEMA.open(path, disk)?;
        Schema::make_room(&connection, path, disk);
        let head = read_head(&connection)?;
        Ok(Self { connection, path: path.to_owned(), disk, head, ended: false })
    }

    /// A reader for other threads. It sees an entry as soon as its append returned, and never before it is written.
    pub fn reader(&self) -> SqliteReader {
        SqliteReader::over(self.path.clone(), self.disk, Vec::new())
    }

    fn write(&mut self, batch: &[Stored]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut entry =
                transaction.prepare_cached("INSERT INTO entries (seq, hash, bytes) VALUES (?1, ?2, ?3)")?;
            let mut in_stream =
                transaction.prepare_cached("INSERT INTO stream_entries (stream, seq) VALUES (?1, ?2)")?;
            for stored in batch {
                let seq = stored.seq.0 as i64;
                entry.execute(params![seq, stored.hash.0, stored.bytes])?;
                for (at, stream) in stored.streams.iter().enumerate() {
                    if !stored.streams[..at].contains(stream) {
                        in_stream.execute(params![stream.as_str(), seq])?;
                    }
                }
            }
        }
        transaction.commit()
    }

    fn write_snapshot(&mut self, snapshot: &Snapshot) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT OR REPLACE INTO snapshots (seq, hash, version, digest, state) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                snapshot.head.seq.0 as i64,
                snapshot.head.hash.0,
                snapshot.version,
                snapshot.digest.0,
                snapshot.state
            ],
        )?;
        transaction.execute(
            "DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?1)",
            [journal::limits::SNAPSHOTS_KEPT_MAX as i64],
        )?;
        transaction.commit()
    }
}

/// A snapshot past its limit.
#[derive(Debug, thiserror::Error)]
#[error("it has {0} bytes, and at most {SNAPSHOT_BYTES_MAX} are kept")]
struct SnapshotTooLarge(usize);

impl Log for SqliteLog {
    fn append(&mut self, batch: &[Stored]) -> Result<(), LogFault> {
        if self.ended {
            return Err(LogFault::Ended);
        }
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return Ok(());
        };
        assert_eq!(first.seq, self.head.next_seq(), "a batch follows the head");
        self.ended = true;
        self.write(batch).map_err(|source| LogFault::Append {
            first: first.seq,
            last: last.seq,
            source: Box::new(source),
        })?;
        self.ended = false;
        self.head = last.head();
        Ok(())
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), LogFault> {
        let fault = |source| LogFault::SaveSnapshot { at: snapshot.head.seq, source };
        if self.ended {
            return Err(LogFault::Ended);
        }
        if snapshot.state.len() > SNAPSHOT_BYTES_MAX {
            return Err(fault(Box::new(SnapshotTooLarge(snapshot.state.len()))));
        }
        self.write_snapshot(snapshot).map_err(|source| fault(Box::new(source)))
    }
}

impl ReadLog for SqliteLog {
    fn head(&self) -> Result<Head, LogFault> {
        Ok(self.head)
    }

    fn read(&self, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault> {
        read(&self.connection, from, each)
    }

    fn read_stream(&self, stream: &Stream, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault> {
        read_stream(&self.connection, stream, from, each)
    }

    fn read_snapshots(&self, each: SnapshotVisitor<'_>) -> Result<(), LogFault> {
        read_snapshots(&self.connection, each)
    }
}
