//! What the journal promises to whoever writes into it and starts from it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod night;

use std::ops::ControlFlow;

use facts::capacity::Reading;
use facts::{CapacityFact, Entry, Seq, Stream};
use journal::{
    AppendFault, ChainHash, Durability, FailAppend, Head, Journal, Log, LogFault, MemoryLog, ReadLog,
    ReplayFault, Snapshot, Stored,
};
use kernel::Timestamp;
use night::night;

fn journal_of(batches: &[&[Entry]]) -> Journal<MemoryLog> {
    let mut journal = Journal::open(MemoryLog::new()).unwrap();
    for batch in batches {
        journal.append(batch).unwrap();
    }
    journal
}

fn replayed(journal: &Journal<MemoryLog>) -> Vec<Entry> {
    journal.replay(Vec::new(), |_| None, Vec::push).unwrap().state
}

fn reopened(mut log: MemoryLog) -> Journal<MemoryLog> {
    log.crash();
    Journal::open(log).unwrap()
}

#[test]
fn what_was_appended_is_replayed_in_order() {
    let entries = night(Seq(0), 500);
    let journal = journal_of(&[&entries[..1], &entries[1..400], &[], &entries[400..]]);
    assert_eq!(replayed(&journal), entries);
    assert_eq!(journal.head().seq, Seq(500));
    assert_eq!(journal.log().head().unwrap(), journal.head());
    assert_eq!(Journal::open(journal.into_log()).unwrap().head().seq, Seq(500));
}

#[test]
fn an_empty_journal_replays_to_nothing() {
    let journal = journal_of(&[]);
    assert_eq!(journal.head(), Head::START);
    assert_eq!(replayed(&journal), []);
}

#[test]
#[should_panic(expected = "entries are numbered without a gap")]
fn a_gap_in_the_numbers_is_a_bug_of_the_caller() {
    let mut entries = night(Seq(0), 3);
    entries.remove(1);
    let _ = journal_of(&[]).append(&entries);
}

#[test]
fn an_entry_that_would_come_back_as_another_is_not_written_and_ends_the_journal() {
    let mut entries = night(Seq(0), 2);
    // Past the last year that has a text.
    entries[1].at = Timestamp::from_millis(i64::MAX);
    let mut journal = journal_of(&[]);
    let fault = journal.append(&entries).unwrap_err();
    assert!(matches!(fault, AppendFault::NotReadable { seq: Seq(2), .. }), "{fault}");
    assert_eq!(journal.log().entries(), []);
    assert!(matches!(journal.append(&night(Seq(0), 1)), Err(AppendFault::Ended)));
}

#[test]
fn readings_come_back_to_the_last_bit() {
    let mut rng = kernel::Rng::new(11);
    let mut entries = night(Seq(0), 2_000);
    for entry in &mut entries {
        let mut finite = || loop {
            let number = f64::from_bits(rng.next_u64());
            if number.is_finite() {
                return number;
            }
        };
        let reading = Reading { current: finite(), minimum: finite(), maximum: finite() };
        entry.fact = CapacityFact::CeilingNear { scalable: "pool".into(), reading }.into();
    }
    assert_eq!(replayed(&journal_of(&[&entries])), entries);
}

#[test]
fn after_a_failed_append_every_further_one_is_refused() {
    let entries = night(Seq(0), 30);
    for at in [FailAppend::BeforeWrite, FailAppend::AfterWrite, FailAppend::AfterSync] {
        let mut journal = journal_of(&[&entries[..10]]);
        let before = journal.head();
        journal.log_mut().fail_append(1, at);
        let fault = journal.append(&entries[10..20]).unwrap_err();
        assert!(matches!(fault, AppendFault::Log(LogFault::Append { first: Seq(11), last: Seq(20), .. })));
        assert!(matches!(journal.append(&entries[10..20]), Err(AppendFault::Ended)));
        assert_eq!(journal.head(), before);
        let known = if at == FailAppend::AfterSync { 20 } else { 10 };
        assert_eq!(replayed(&reopened(journal.into_log())), entries[..known], "{at:?}");
    }
}

#[test]
fn a_crash_takes_what_is_volatile_and_keeps_whole_batches() {
    let entries = night(Seq(0), 60);
    let mut journal = journal_of(&[&entries[..10]]);
    journal.log_mut().set_durability(Durability::OnSyncOnly);
    for batch in entries[10..50].chunks(10) {
        journal.append(batch).unwrap();
    }
    let log = journal.into_log();
    assert_eq!((log.volatile_batches(), log.durable_head().seq), (4, Seq(10)));
    for kept in 0..=4 {
        let mut crashed = log.clone();
        crashed.crash_keeping(kept);
        let mut journal = Journal::open(crashed).unwrap();
        let (there, rest) = entries[..50].split_at(10 + kept * 10);
        assert_eq!(replayed(&journal), there);
        journal.append(rest).unwrap();
        assert_eq!(replayed(&journal), entries[..50]);
        assert_eq!(in_stream(journal.log()), in_stream(&log));
    }
}

fn in_stream(log: &MemoryLog) -> Vec<Seq> {
    let mut seqs = Vec::new();
    let stream = Stream::named("service", "shop");
    log.read_stream(&stream, Seq(2), &mut |stored| {
        seqs.push(stored.seq);
        ControlFlow::Continue(())
    })
    .unwrap();
    seqs
}

#[test]
fn a_stream_has_the_entries_that_name_it_and_no_other() {
    let entries = night(Seq(0), 200);
    let journal = journal_of(&[&entries]);
    let stream = Stream::named("service", "shop");
    let named = entries.iter().filter(|entry| entry.fact.streams().contains(&stream));
    let expected: Vec<Seq> = named.map(|entry| entry.seq).filter(|seq| *seq >= Seq(2)).collect();
    assert!(expected.len() > 10);
    assert_eq!(in_stream(journal.log()), expected);
    let page = journal.log().stream_page(&stream, expected[3], 2).unwrap();
    assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), expected[3..5]);
}

/// A state that is only how many entries it has seen.
fn count_from_snapshot(journal: &Journal<MemoryLog>, version: u32) -> (u64, Option<u64>, Vec<Seq>) {
    let restore = |snapshot: &Snapshot| {
        let state: [u8; 8] = snapshot.state.as_slice().try_into().ok()?;
        (snapshot.version == version).then(|| u64::from_be_bytes(state))
    };
    let replayed = journal.replay(0, restore, |count, _| *count += 1).unwrap();
    (replayed.state, replayed.from.map(|head| head.seq.0), replayed.snapshots_passed_over)
}

fn with_snapshots(entries: &[Entry]) -> Journal<MemoryLog> {
    let mut journal = journal_of(&[]);
    for batch in entries.chunks(10) {
        journal.append(batch).unwrap();
        journal.save_snapshot(1, journal.head().seq.0.to_be_bytes().to_vec()).unwrap();
    }
    journal.append(&night(journal.head().seq, 5)).unwrap();
    journal
}

#[test]
fn a_start_begins_at_the_newest_snapshot_that_it_can_use() {
    let entries = night(Seq(0), 40);
    let mut journal = with_snapshots(&entries);
    assert_eq!(count_from_snapshot(&journal, 1), (45, Some(40), vec![]));
    assert_eq!(count_from_snapshot(&journal, 2), (45, None, vec![Seq(40), Seq(30)]));
    let mut damaged = journal.log().latest_snapshot().unwrap().unwrap();
    damaged.state[7] ^= 1;
    journal.log_mut().save_snapshot(&damaged).unwrap();
    assert_eq!(count_from_snapshot(&journal, 1), (45, Some(30), vec![Seq(40)]));
}

#[test]
fn a_snapshot_of_another_journal_stops_the_start() {
    let mut journal = with_snapshots(&night(Seq(0), 40));
    let head = Head { hash: ChainHash([7; 32]), ..journal.log().latest_snapshot().unwrap().unwrap().head };
    journal.log_mut().save_snapshot(&Snapshot::new(head, 1, vec![0; 8])).unwrap();
    let fault = journal.replay((), |_| Some(()), |(), _| ()).unwrap_err();
    assert!(matches!(fault, ReplayFault::Chain(Seq(40))), "{fault}");
}

#[test]
fn a_start_stops_at_an_entry_that_is_not_what_was_written() {
    let entries = night(Seq(0), 20);
    let stored = journal_of(&[&entries]).into_log().entries().to_vec();
    let fault = |change: fn(&mut Vec<Stored>)| {
        let mut stored = stored.clone();
        change(&mut stored);
        let journal = Journal::open(MemoryLog::from_stored(stored)).unwrap();
        journal.replay((), |_| None, |(), _| ()).unwrap_err()
    };
    assert!(matches!(fault(|stored| stored[7].bytes[30] ^= 1), ReplayFault::Chain(Seq(8))));
    assert!(matches!(fault(|stored| stored[7].hash.0[31] ^= 1), ReplayFault::Chain(Seq(8))));
    let gap = fault(|stored| drop(stored.remove(7)));
    assert!(matches!(gap, ReplayFault::Gap { expected: Seq(8), found: Seq(9) }), "{gap}");
    let unknown = fault(|stored| {
        stored[19].bytes =
            br#"{"seq":20,"at":"2026-11-20T09:30:00Z","actor":"swan","fact":{"later":1}}"#.to_vec();
        stored[19].hash = stored[18].hash.next(&stored[19].bytes);
    });
    assert!(matches!(unknown, ReplayFault::Decode { seq: Seq(20), .. }), "{unknown}");
}
