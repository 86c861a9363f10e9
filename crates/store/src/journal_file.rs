//! The journal's file: its schema, and how its rows are read, whoever has a connection.

use std::ops::ControlFlow;

use facts::{Seq, Stream};
use journal::{ChainHash, EntryVisitor, Head, LogFault, Snapshot, SnapshotVisitor, StoredRef};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::schema::Schema;

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
