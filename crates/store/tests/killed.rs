//! A process that appends is killed (SIGKILL) at points that nobody chose; what it had acknowledged is there.
//!
//! The process is this test program again, told by an environment variable to append for ever. Every run goes on
//! with the journal that the one before left. `SWAN_KILLS` sets how many there are.
//!
//! SIGKILL takes the process and not the machine: what reached the kernel survives. What a machine that stops
//! takes is tested on a disk in memory (`src/faulty_disk.rs`).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../journal/tests/night/mod.rs"]
mod night;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use facts::Seq;
use journal::{Head, Journal, verify};
use kernel::Rng;
use night::night;
use store::SqliteLog;

const DIRECTORY: &str = "SWAN_TEST_APPEND_IN";
const SEED: &str = "SWAN_TEST_SEED";
const KILLS: u64 = 30;

fn open(directory: &Path) -> Journal<SqliteLog> {
    Journal::open(SqliteLog::open(&directory.join("journal.db")).unwrap()).unwrap()
}

/// Not a test: what the child does. Says each head that was acknowledged.
#[test]
fn append_for_ever_where_told_to() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let mut rng = Rng::new(std::env::var(SEED).unwrap().parse().unwrap());
    let mut journal = open(directory.as_ref());
    loop {
        // Batches begin at multiples of ten, so that half of one can be told.
        let batches = 1 + rng.below(20) as usize;
        let head = journal.append(&night(journal.head().seq, 10 * batches)).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {head} of {batches}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn no_acknowledged_entry_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let kills = std::env::var("SWAN_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = 20_261_120;
    println!("{kills} kills, seed {seed}");
    let mut rng = Rng::new(seed);
    let mut known = Head::START;
    for kill in 0..kills {
        let acknowledged = killed_after(directory.path(), rng.next_u64(), rng.below(6), rng.below(200_000));
        known = acknowledged.unwrap_or(known);
        let journal = open(directory.path());
        let exported = Some(known).filter(|head| head.seq > Seq(0));
        let verified = verify(journal.log(), exported).unwrap_or_else(|fault| panic!("kill {kill}: {fault}"));
        assert!(verified.entries.is_multiple_of(10), "kill {kill}: half a batch");
        known = verified.head;
    }
    let journal = open(directory.path());
    let replayed = journal.replay(0, |_| None, |count, _| *count += 1).unwrap();
    assert!(replayed.state > 0, "something was acknowledged");
    println!("{} entries", replayed.state);
}

/// Lets a child append until it has acknowledged so many batches and a little longer, and kills it. Gives the last
/// head that it acknowledged.
fn killed_after(directory: &Path, seed: u64, acknowledged: u64, spins: u64) -> Option<Head> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "append_for_ever_where_told_to", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heads =
        BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).filter_map(|line| {
            let (head, _) = line.split_once("acknowledged ")?.1.split_once(' ')?;
            Some(head.parse::<Head>().unwrap())
        });
    let mut last = heads.by_ref().take(acknowledged as usize).last();
    (0..spins).for_each(|spin| _ = std::hint::black_box(spin));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it died counts too.
    last = heads.last().or(last);
    last
}
