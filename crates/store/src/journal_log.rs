use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use facts::{Seq, Stream};
use journal::{
    ChainHash, EntryVisitor, Head, Log, LogFault, ReadLog, Snapshot, SnapshotVisitor, Stored, StoredRef,
};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::reader::SqliteReader;
use crate::schema::{Disk, OpenFault, Schema};

/// The journal's file. A stream is stored by its name in each of its rows: a row costs some bytes more than with
/// interned names, and a commit touches one tree less.
pub(crate) const SCHEMA: Schema = Schema {
    kind: "journal",
    application_id: 0x5357_414A, // "SWAJ"
    migrations: &["
        CREATE TABLE entries (
            seq   INTEGER PRIMARY KEY,
            hash  BLOB NOT NULL CHECK (length(hash) = 32),
            bytes BLOB NOT NULL
        ) STRICT;
        CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
            BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        CREATE TRIGGER entries_are_not_removed BEFORE DELETE ON entries
            BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        CREATE TABLE stream_entries (
            stream TEXT NOT NULL,
            seq    INTEGER NOT NULL,
            PRIMARY KEY (stream, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE snapshots (
            seq     INTEGER PRIMARY KEY,
            hash    BLOB NOT NULL CHECK (length(hash) = 32),
            version INTEGER NOT NULL,
            digest  BLOB NOT NULL CHECK (length(digest) = 32),
            state   BLOB NOT NULL
        ) STRICT;
    "],
};

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

pub(crate) fn read_head(connection: &Connection) -> Result<Head, LogFault> {
    let last = || {
        connection
            .prepare_cached("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")?
            .query_row([], head_of)
            .optional()
    };
    let head = last().map_err(|source| LogFault::ReadHead(Box::new(source)))?;
    Ok(head.unwrap_or(Head::START))
}

pub(crate) fn read(connection: &Connection, from: Seq, each: EntryVisitor<'_>) -> Result<(), LogFault> {
    let mut all = || {
        let mut statement =
            connection.prepare_cached("SELECT seq, hash, bytes FROM entries WHERE seq >= ?1 ORDER BY seq")?;
        visit(statement.query([clamped(from)])?, each)
    };
    all().map_err(|source| LogFault::Read { from, source: Box::new(source) })
}

pub(crate) fn read_stream(
    connection: &Connection,
    stream: &Stream,
    from: Seq,
    each: EntryVisitor<'_>,
) -> Result<(), LogFault> {
    let mut all = || {
        let mut statement = connection.prepare_cached(
            "SELECT seq, hash, bytes FROM stream_entries JOIN entries USING (seq)
             WHERE stream = ?1 AND seq >= ?2 ORDER BY seq",
        )?;
        visit(statement.query(params![stream.as_str(), clamped(from)])?, each)
    };
    all().map_err(|source| LogFault::ReadStream { stream: stream.clone(), from, source: Box::new(source) })
}

pub(crate) fn read_snapshots(connection: &Connection, each: SnapshotVisitor<'_>) -> Result<(), LogFault> {
    let mut all = || {
        let mut statement = connection
            .prepare_cached("SELECT seq, hash, version, digest, state FROM snapshots ORDER BY seq DESC")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let snapshot = Snapshot {
                head: head_of(row)?,
                version: row.get(2)?,
                digest: ChainHash(row.get(3)?),
                state: row.get(4)?,
            };
            if let ControlFlow::Break(()) = each(snapshot) {
                break;
            }
        }
        Ok(())
    };
    all().map_err(|source: rusqlite::Error| LogFault::ReadSnapshots(Box::new(source)))
}

fn visit(mut rows: rusqlite::Rows<'_>, each: EntryVisitor<'_>) -> rusqlite::Result<()> {
    while let Some(row) = rows.next()? {
        let head = head_of(row)?;
        let bytes = row.get_ref(2)?.as_blob()?;
        if let ControlFlow::Break(()) = each(StoredRef { seq: head.seq, bytes, hash: head.hash }) {
            break;
        }
    }
    Ok(())
}

/// From the first two columns: number and hash.
fn head_of(row: &Row<'_>) -> rusqlite::Result<Head> {
    let seq: i64 = row.get(0)?;
    Ok(Head { seq: Seq(seq.unsigned_abs()), hash: ChainHash(row.get(1)?) })
}

/// SQLite's numbers are signed; no journal reaches the largest.
fn clamped(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}
