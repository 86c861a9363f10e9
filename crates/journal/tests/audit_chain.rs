//! G-20: every flip, swap, deletion and truncation in 10,000 entries is found against an exported head.
//!
//! Two adversaries. One edits what is stored and stops there: each of their edits is checked from the entry before
//! it, since nothing before it differs. The other also computes every later hash again, so that the chain holds in
//! itself: only the exported head gives them away, and each of their edits is checked to the end.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod night;

use facts::Seq;
use journal::{
    Damage, Head, Journal, Log, MemoryLog, ReadLog, Snapshot, Stored, Verifier, VerifyFault, verify,
};
use kernel::Rng;
use night::night;

const ENTRIES: usize = 10_000;

fn stored(count: usize) -> Vec<Stored> {
    let mut journal = Journal::open(MemoryLog::new()).unwrap();
    for batch in night(Seq(0), count).chunks(256) {
        journal.append(batch).unwrap();
    }
    journal.into_log().entries().to_vec()
}

fn head_before(entries: &[Stored], at: usize) -> Head {
    at.checked_sub(1).map_or(Head::START, |before| entries[before].head())
}

/// Checks `edited`, which follows the first `at` entries of `entries` and is followed by the rest of them from
/// `resume` on; says at which entry the auditor stops.
fn found(entries: &[Stored], at: usize, edited: &[Stored], resume: usize) -> Option<(Seq, Damage)> {
    let exported = entries.last().map(Stored::head);
    let mut verifier = Verifier::new(head_before(entries, at), exported);
    let mut rest = edited.iter().chain(&entries[resume..]);
    let stepped = rest.try_for_each(|stored| verifier.step(stored.as_read()));
    match stepped.and_then(|()| verifier.finish()) {
        Ok(_) => None,
        Err(VerifyFault::Damaged { seq, what }) => Some((seq, what)),
        Err(VerifyFault::Log(fault)) => panic!("{fault}"),
    }
}

#[test]
fn every_edit_of_what_is_stored_is_found_where_it_was_made() {
    let entries = stored(ENTRIES);
    let seed = 20_261_120;
    let mut rng = Rng::new(seed);
    println!("seed {seed}");
    for at in 0..ENTRIES {
        let here = entries[at].seq;
        let one = |change: &mut dyn FnMut(&mut Stored)| {
            let mut edited = entries[at].clone();
            change(&mut edited);
            found(&entries, at, &[edited], at + 1)
        };
        let (byte, bit) = (rng.below(entries[at].bytes.len() as u64) as usize, 1 << rng.below(8));
        let flipped = one(&mut |stored| stored.bytes[byte] ^= bit);
        assert!(matches!(flipped, Some((seq, Damage::ChainBroken)) if seq == here), "byte {byte} of {here}");
        let (byte, bit) = (rng.below(32) as usize, 1 << rng.below(8));
        let flipped = one(&mut |stored| stored.hash.0[byte] ^= bit);
        assert!(matches!(flipped, Some((seq, Damage::ChainBroken)) if seq == here), "hash of {here}");
        let shortened = one(&mut |stored| stored.bytes.truncate(stored.bytes.len() - 1));
        assert!(matches!(shortened, Some((seq, Damage::ChainBroken)) if seq == here), "end of {here}");

        let truncated = found(&entries, at, &[], ENTRIES);
        assert!(matches!(truncated, Some((_, Damage::Truncated { .. }))), "truncation at {here}");
        if at + 1 == ENTRIES {
            break;
        }
        let deleted = found(&entries, at, &[], at + 1);
        assert!(matches!(deleted, Some((seq, Damage::Missing { .. })) if seq == here), "deletion of {here}");
        let renumbered = |from: usize, seq: Seq| Stored { seq, ..entries[from].clone() };
        let closed_up = found(&entries, at, &[renumbered(at + 1, here)], ENTRIES);
        assert!(matches!(closed_up, Some((seq, Damage::ChainBroken)) if seq == here), "deletion of {here}");
        let next = entries[at + 1].seq;
        let swapped = found(&entries, at, &[renumbered(at + 1, here), renumbered(at, next)], at + 2);
        assert!(matches!(swapped, Some((seq, Damage::ChainBroken)) if seq == here), "swap at {here}");
        let twice = found(&entries, at, &[entries[at].clone(), entries[at].clone()], at + 1);
        assert!(matches!(twice, Some((seq, Damage::Missing { .. })) if seq == next), "{here} twice");
    }
    assert!(found(&entries, 0, &[], 0).is_none(), "the untouched journal passes");
}

/// Links `entries[at..]` again, as somebody does who wants their edit to stand.
fn linked_again(entries: &[Stored], at: usize, edited: Vec<Vec<u8>>) -> Vec<Stored> {
    let mut head = head_before(entries, at);
    let link = |bytes: Vec<u8>| {
        head = Head { seq: head.next_seq(), hash: head.hash.next(&bytes) };
        Stored { seq: head.seq, bytes, hash: head.hash, streams: Vec::new() }
    };
    edited.into_iter().map(link).collect()
}

#[test]
fn a_chain_that_was_computed_again_is_found_against_the_exported_head() {
    let entries = stored(1_000);
    let mut rng = Rng::new(3);
    for _ in 0..40 {
        let at = rng.below(998) as usize;
        let bytes = || entries[at..].iter().map(|stored| stored.bytes.clone()).collect::<Vec<_>>();
        let mut reworded = bytes();
        // Another second of the day: the text stays an entry, and only the chain tells.
        let digit = reworded[0].iter().position(|byte| *byte == b'T').unwrap() + 8;
        reworded[0][digit] = if reworded[0][digit] == b'1' { b'2' } else { b'1' };
        let mut swapped = bytes();
        swapped.swap(0, 1);
        let mut deleted = bytes();
        deleted.remove(0);
        let mut cut = bytes();
        cut.truncate(1);
        for (edit, texts) in [("rewording", reworded), ("swap", swapped), ("deletion", deleted), ("cut", cut)]
        {
            let edited = linked_again(&entries, at, texts);
            let (_, what) =
                found(&entries, at, &edited, entries.len()).unwrap_or_else(|| panic!("{edit} at {at}"));
            let by_number = matches!(what, Damage::Misnumbered { .. });
            let by_head = matches!(what, Damage::HeadDiffers | Damage::Truncated { .. });
            assert!(if edit == "swap" || edit == "deletion" { by_number } else { by_head }, "{edit}: {what}");
        }
    }
    let reworded_last = {
        let mut text = entries[999].bytes.clone();
        let digit = text.iter().position(|byte| *byte == b'T').unwrap() + 8;
        text[digit] = if text[digit] == b'1' { b'2' } else { b'1' };
        linked_again(&entries, 999, vec![text])
    };
    assert!(matches!(found(&entries, 999, &reworded_last, 1_000), Some((Seq(1_000), Damage::HeadDiffers))));
    let mut journal = entries[..999].to_vec();
    journal.extend(reworded_last);
    assert!(verify(&MemoryLog::from_stored(journal), None).is_ok(), "nothing but the exported head tells");
}

#[test]
fn a_journal_passes_that_only_grew_since_its_head_was_exported() {
    let entries = stored(300);
    let log = MemoryLog::from_stored(entries.clone());
    for exported in [None, Some(Head::START), Some(entries[0].head()), Some(entries[299].head())] {
        let verified = verify(&log, exported).unwrap();
        assert_eq!((verified.entries, verified.head), (300, entries[299].head()));
    }
    let empty = verify(&MemoryLog::new(), None).unwrap();
    assert_eq!((empty.entries, empty.head), (0, Head::START));
    assert!(verify(&MemoryLog::new(), Some(entries[0].head())).is_err());
}

#[test]
fn a_snapshot_is_checked_against_the_chain() {
    let entries = stored(300);
    let with = |snapshot: Snapshot| {
        let mut log = MemoryLog::from_stored(entries.clone());
        log.save_snapshot(&snapshot).unwrap();
        verify(&log, None).map_err(|fault| fault.to_string())
    };
    let sound = Snapshot::new(entries[99].head(), 1, b"state".to_vec());
    assert_eq!(with(sound.clone()).unwrap().snapshots, 1);
    let mut damaged = sound.clone();
    damaged.state[0] ^= 1;
    assert_eq!(with(damaged).unwrap_err(), "entry 100 has a snapshot that is not what was saved");
    let foreign = "entry 100 has a snapshot that belongs to another journal";
    let elsewhere = Head { seq: Seq(100), ..entries[98].head() };
    assert_eq!(with(Snapshot::new(elsewhere, 1, vec![])).unwrap_err(), foreign);
    let past_the_end = Head { seq: Seq(301), ..entries[98].head() };
    assert!(with(Snapshot::new(past_the_end, 1, vec![])).is_err());
    assert!(MemoryLog::from_stored(entries).latest_snapshot().unwrap().is_none());
}
