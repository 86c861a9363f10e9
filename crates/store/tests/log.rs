//! What the journal's file promises.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../journal/tests/night/mod.rs"]
mod night;

use std::ops::ControlFlow;
use std::path::Path;

use facts::{Entry, Seq, Stream};
use journal::{Head, Journal, ReadLog, Snapshot, verify};
use night::night;
use store::{Directory, OpenFault, SqliteLog, SqliteReader};

fn open(directory: &Path) -> Journal<SqliteLog> {
    Journal::open(SqliteLog::open(&directory.join("journal.db")).unwrap()).unwrap()
}

fn replayed(journal: &Journal<SqliteLog>) -> Vec<Entry> {
    journal.replay(Vec::new(), |_| None, Vec::push).unwrap().state
}

/// As another program would change the file.
fn by_hand(directory: &Path, sql: &str) -> rusqlite::Result<()> {
    rusqlite::Connection::open(directory.join("journal.db"))?.execute_batch(sql)
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let entries = night(Seq(0), 300);
    assert_eq!(open(directory.path()).head(), Head::START);
    for batch in [&entries[..1], &entries[1..200], &entries[200..]] {
        let mut journal = open(directory.path());
        journal.append(batch).unwrap();
    }
    let journal = open(directory.path());
    assert_eq!(replayed(&journal), entries);
    let verified = verify(journal.log(), Some(journal.head())).unwrap();
    assert_eq!((verified.entries, verified.head), (300, journal.head()));
}

#[test]
fn a_reader_on_another_thread_sees_what_is_durable_while_the_writer_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let entries = night(Seq(0), 400);
    let mut journal = open(directory.path());
    journal.append(&entries[..200]).unwrap();
    let reader = journal.log().reader();
    let head = journal.head();
    let other = reader.clone();
    let seen = std::thread::spawn(move || {
        let verified = verify(&other, None).unwrap();
        let shop = Stream::named("service", "shop");
        let page = other.stream_page(&shop, Seq(1), 1000).unwrap();
        (verified.head, page)
    });
    let (seen_head, page) = seen.join().unwrap();
    assert_eq!(seen_head, head);
    let named = |entry: &&Entry| entry.fact.streams().contains(&Stream::named("service", "shop"));
    assert_eq!(page, entries[..200].iter().filter(named).cloned().collect::<Vec<_>>());
    assert!(page.len() > 10);
    // Even while a reader is in the middle of a read, and that reader goes on seeing one moment.
    let mut count = 0;
    reader
        .read(Seq(1), &mut |_| {
            if count == 0 {
                journal.append(&entries[200..]).unwrap();
            }
            count += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((count, reader.head().unwrap()), (200, journal.head()));
}

#[test]
fn a_journal_is_audited_without_a_server_and_without_a_trace() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    assert!(matches!(SqliteReader::open(&path), Err(OpenFault::Open { .. })));
    assert!(!path.exists());
    let head = open(directory.path()).append(&night(Seq(0), 30)).unwrap();
    let before = std::fs::read(&path).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    assert_eq!(verify(&reader, Some(head)).unwrap().head, head);
    drop(reader);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    by_hand(directory.path(), "PRAGMA user_version = 9").unwrap();
    assert!(matches!(SqliteReader::open(&path), Err(OpenFault::Newer { found: 9, known: 1, .. })));
    let empty = directory.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(SqliteReader::open(&empty), Err(OpenFault::Foreign { kind: "journal", .. })));
}

#[test]
fn a_stream_is_read_from_where_it_was_left() {
    let directory = tempfile::tempdir().unwrap();
    let entries = night(Seq(0), 300);
    let mut journal = open(directory.path());
    journal.append(&entries).unwrap();
    for stream in ["page_7", "service:shop", "inc_1"].map(Stream::of) {
        let expected: Vec<_> =
            entries.iter().filter(|entry| entry.fact.streams().contains(&stream)).cloned().collect();
        assert_eq!(journal.log().stream_page(&stream, Seq(0), 1000).unwrap(), expected);
        let middle = expected.get(expected.len() / 2).map_or(Seq(1), |entry| entry.seq);
        let rest: Vec<_> = expected.iter().filter(|entry| entry.seq >= middle).take(3).cloned().collect();
        assert_eq!(journal.log().stream_page(&stream, middle, 3).unwrap(), rest);
    }
}

#[test]
fn the_two_newest_snapshots_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    let mut saved = Vec::new();
    for batch in night(Seq(0), 40).chunks(10) {
        let head = journal.append(batch).unwrap();
        let state = vec![head.seq.0 as u8; 100_000];
        journal.save_snapshot(3, state.clone()).unwrap();
        saved.insert(0, Snapshot::new(head, 3, state));
    }
    let journal = open(directory.path());
    let mut kept = Vec::new();
    let each = &mut |snapshot| {
        kept.push(snapshot);
        ControlFlow::Continue(())
    };
    journal.log().reader().read_snapshots(each).unwrap();
    assert_eq!(kept, saved[..2]);
    assert_eq!(journal.log().latest_snapshot().unwrap().as_ref(), saved.first());
    assert_eq!(verify(journal.log(), None).unwrap().snapshots, 2);
}

#[test]
fn entries_can_be_neither_changed_nor_removed_with_sql() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).append(&night(Seq(0), 3)).unwrap();
    for sql in ["UPDATE entries SET bytes = x'00' WHERE seq = 2", "DELETE FROM entries WHERE seq = 3"] {
        let refused = by_hand(directory.path(), sql).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(replayed(&open(directory.path())).len(), 3);
}

#[test]
fn an_edit_of_the_file_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    let exported = Some(journal.append(&night(Seq(0), 9)).unwrap());
    drop(journal);
    by_hand(directory.path(), "DROP TRIGGER entries_are_not_removed; DELETE FROM entries WHERE seq = 9")
        .unwrap();
    let log = SqliteLog::open(&directory.path().join("journal.db")).unwrap();
    assert!(verify(&log, None).is_ok(), "a chain that only lost its end holds");
    let fault = verify(&log, exported).unwrap_err().to_string();
    assert_eq!(fault, "entry 9 was cut off: the journal ends at entry 8");
}

#[test]
fn a_file_of_a_newer_schema_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).append(&night(Seq(0), 3)).unwrap();
    by_hand(directory.path(), "PRAGMA user_version = 9").unwrap();
    let fault = SqliteLog::open(&directory.path().join("journal.db")).unwrap_err();
    assert!(matches!(fault, OpenFault::Newer { found: 9, known: 1, .. }), "{fault}");
    assert!(fault.to_string().contains("hint: start the version of Swan"), "{fault}");
    by_hand(directory.path(), "PRAGMA user_version = 1").unwrap();
    assert_eq!(open(directory.path()).head().seq, Seq(3));
}

#[test]
fn a_file_of_another_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    by_hand(directory.path(), "CREATE TABLE songs (title TEXT)").unwrap();
    assert!(matches!(SqliteLog::open(&path), Err(OpenFault::Foreign { kind: "journal", .. })));
    std::fs::write(&path, "Dear diary, this is no database at all, but it is long enough to be read as one.")
        .unwrap();
    assert!(matches!(SqliteLog::open(&path), Err(OpenFault::Open { .. })));
    let other = directory.path().join("directory.db");
    drop(Directory::open(&other).unwrap());
    assert!(matches!(SqliteLog::open(&other), Err(OpenFault::Foreign { kind: "journal", .. })));
    let missing = directory.path().join("not-there").join("journal.db");
    assert!(matches!(SqliteLog::open(&missing), Err(OpenFault::Create { .. })));
}

#[cfg(unix)]
#[test]
fn the_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    journal.append(&night(Seq(0), 3)).unwrap();
    let people = Directory::open(&directory.path().join("directory.db")).unwrap();
    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 4, "both have a write-ahead log: {files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    drop(people);
}

#[test]
fn commits_do_not_make_the_write_ahead_log_grow() {
    let directory = tempfile::tempdir().unwrap();
    let room = || std::fs::metadata(directory.path().join("journal.db-wal")).unwrap().len();
    let mut journal = open(directory.path());
    let taken = room();
    assert!(taken >= u64::from(store::limits::CHECKPOINT_PAGES) * 4096, "{taken} bytes");
    for entry in night(Seq(0), 300) {
        journal.append(&[entry]).unwrap();
    }
    assert_eq!(room(), taken);
    drop(journal);
    assert_eq!(replayed(&open(directory.path())).len(), 300);
}
