//! A disk in memory, under the real SQLite, that fails, stops and forgets (G-6).
//!
//! Writes are volatile until their file is synced. When the machine stops, a prefix of the volatile writes of each
//! file survives, the last of it torn. The disk keeps the order of writes to one file, as `sqlite-vfs` tells SQLite
//! that it does; it keeps none between files.
//!
//! Not modelled: a disk that lies about a sync, rot of what was durable, a directory that forgets a file's name.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kernel::Rng;
use sqlite_vfs::wip::{WalIndex, WalIndexLock};
use sqlite_vfs::{DatabaseHandle, LockKind, OpenAccess, OpenKind, OpenOptions, Vfs};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// This call fails, and later ones work.
    Fails,
    /// This call and every later one fail: the machine has stopped.
    Stops,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, FileOnDisk>,
    calls: u64,
    mishap: Option<(u64, Mishap)>,
    struck: bool,
}

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct FileOnDisk {
    durable: Vec<u8>,
    live: Vec<u8>,
    volatile: Vec<Change>,
}

enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*offset..end].copy_from_slice(bytes);
            }
            Change::Resize(len) => file.resize(*len, 0),
        }
    }

    /// What a stop in the middle of it leaves.
    fn torn(&self, rng: &mut Rng) -> Option<Change> {
        match self {
            Change::Write { offset, bytes } => {
                let kept = rng.below(bytes.len() as u64 + 1) as usize;
                Some(Change::Write { offset: *offset, bytes: bytes[..kept].to_vec() })
            }
            Change::Resize(_) => None,
        }
    }
}

impl Disk {
    /// A disk that SQLite knows by this name.
    pub(crate) fn registered(name: &str) -> Self {
        let disk = Self::default();
        sqlite_vfs::register(name, disk.clone(), false).expect("the name is given once");
        disk
    }

    /// Forgets everything.
    pub(crate) fn format(&self) {
        *self.state() = State::default();
    }

    /// From here on the nth call meets this; 1 is the next.
    pub(crate) fn arrange(&self, nth: u64, mishap: Mishap) {
        let mut state = self.state();
        state.mishap = Some((state.calls + nth, mishap));
        state.struck = false;
    }

    /// Whether what was arranged has come.
    pub(crate) fn struck(&self) -> bool {
        self.state().struck
    }

    /// The machine starts again with what was durable and what happened to become so.
    pub(crate) fn restart(&self, rng: &mut Rng) {
        let mut state = self.state();
        state.mishap = None;
        for file in state.files.values_mut() {
            let volatile = std::mem::take(&mut file.volatile);
            let survive = rng.below(volatile.len() as u64 + 1) as usize;
            volatile[..survive].iter().for_each(|change| change.apply(&mut file.durable));
            if let Some(torn) = volatile.get(survive).and_then(|change| change.torn(rng)) {
                torn.apply(&mut file.durable);
            }
            file.live = file.durable.clone();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the disk")
    }

    /// The state for one call, unless the call meets its mishap.
    fn call(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.calls += 1;
        let fails = match state.mishap {
            Some((at, Mishap::Fails)) => state.calls == at,
            Some((at, Mishap::Stops)) => state.calls >= at,
            None => false,
        };
        if fails {
            state.struck = true;
            return Err(Error::other("the disk failed, as arranged"));
        }
        Ok(state)
    }
}

impl Vfs for Disk {
    type Handle = OpenFile;

    fn open(&self, name: &str, options: OpenOptions) -> Result<OpenFile> {
        let mut state = self.call()?;
        let may_create = matches!(options.access, OpenAccess::Create | OpenAccess::CreateNew);
        if !may_create && !state.files.contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        assert!(!matches!(options.kind, OpenKind::SuperJournal), "one file at a time");
        state.files.entry(name.to_owned()).or_default();
        Ok(OpenFile { disk: self.clone(), name: name.to_owned(), lock: LockKind::None })
    }

    fn delete(&self, name: &str) -> Result<()> {
        let removed = self.call()?.files.remove(name);
        removed.map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn exists(&self, name: &str) -> Result<bool> {
        // SQLite asks for existence only; an empty file counts as none, as on a real disk.
        Ok(self.call()?.files.get(name).is_some_and(|file| !file.live.is_empty()))
    }

    fn temporary_name(&self) -> String {
        "temporary".to_owned()
    }

    fn random(&self, buffer: &mut [i8]) {
        let mut rng = Rng::new(buffer.len() as u64);
        buffer.fill_with(|| rng.next_u64() as i8);
    }

    fn sleep(&self, _: Duration) -> Duration {
        Duration::ZERO
    }
}

/// A file that SQLite has open.
pub(crate) struct OpenFile {
    disk: Disk,
    name: String,
    lock: LockKind,
}

impl OpenFile {
    fn change(&self, change: Change) -> Result<()> {
        let mut state = self.disk.call()?;
        let file = state.files.get_mut(&self.name).ok_or(ErrorKind::NotFound)?;
        change.apply(&mut file.live);
        file.volatile.push(change);
        Ok(())
    }
}

impl DatabaseHandle for OpenFile {
    type WalIndex = OneProcess;

    fn size(&self) -> Result<u64> {
        let state = self.disk.call()?;
        Ok(state.files.get(&self.name).ok_or(ErrorKind::NotFound)?.live.len() as u64)
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let state = self.disk.call()?;
        let live = &state.files.get(&self.name).ok_or(ErrorKind::NotFound)?.live;
        let rest = live.get(offset as usize..).unwrap_or_default();
        let there = rest.len().min(buffer.len());
        buffer[..there].copy_from_slice(&rest[..there]);
        // SQLite wants the rest as zeros.
        buffer[there..].fill(0);
        if there < buffer.len() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn write_all_at(&mut self, buffer: &[u8], offset: u64) -> Result<()> {
        self.change(Change::Write { offset: offset as usize, bytes: buffer.to_vec() })
    }

    fn sync(&mut self, _: bool) -> Result<()> {
        let called = self.disk.call().map(drop);
        let mut state = self.disk.state();
        let file = state.files.get_mut(&self.name).ok_or(ErrorKind::NotFound)?;
        // Where a sync fails, Linux forgets that the pages were ever to be written: they stay readable until the
        // machine stops, and no later sync writes them (Rebello et al., "Can Applications Recover from fsync
        // Failures?", 2020).
        let volatile = std::mem::take(&mut file.volatile);
        called?;
        volatile.iter().for_each(|change| change.apply(&mut file.durable));
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> Result<()> {
        self.change(Change::Resize(len as usize))
    }

    fn lock(&mut self, lock: LockKind) -> Result<bool> {
        self.lock = lock;
        Ok(true)
    }

    fn reserved(&mut self) -> Result<bool> {
        Ok(matches!(self.lock, LockKind::Reserved | LockKind::Pending | LockKind::Exclusive))
    }

    fn current_lock(&self) -> Result<LockKind> {
        Ok(self.lock)
    }

    fn wal_index(&self, _: bool) -> Result<OneProcess> {
        Ok(OneProcess)
    }
}

/// The index of the write-ahead log, in memory, for one connection: it is never durable.
pub(crate) struct OneProcess;

impl WalIndex for OneProcess {
    fn map(&mut self, _: u32) -> Result<[u8; 32768]> {
        Ok([0; 32768])
    }

    fn lock(&mut self, _: Range<u8>, _: WalIndexLock) -> Result<bool> {
        Ok(true)
    }

    fn delete(self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use facts::{Entry, Seq};
    use journal::{Head, Journal, Log, LogFault, ReadLog, verify};

    use super::*;
    use crate::journal_log::SqliteLog;
    use crate::night::night;
    use crate::schema;

    /// So small that the write-ahead log is moved into the file several times within one run.
    const CHECKPOINT_PAGES: u32 = 10;
    const BATCH: usize = 2;
    const SEED: u64 = 20_261_120;

    /// What whoever asked was told.
    struct Told {
        /// The head after the last append that was acknowledged.
        acknowledged: Head,
        /// Appends that were tried, with the failed one.
        tried: usize,
    }

    fn open(vfs: &'static str) -> std::result::Result<SqliteLog, crate::OpenFault> {
        let disk = schema::Disk { vfs: Some(vfs), checkpoint_pages: CHECKPOINT_PAGES };
        SqliteLog::open_on(Path::new("journal.db"), disk)
    }

    /// Opens the journal and appends, until it is done or something fails.
    fn run(vfs: &'static str, entries: &[Entry]) -> Told {
        let mut told = Told { acknowledged: Head::START, tried: 0 };
        let Ok(log) = open(vfs) else {
            return told;
        };
        let mut journal = Journal::open(log).unwrap();
        for batch in entries.chunks(BATCH) {
            told.tried += 1;
            match journal.append(batch) {
                Ok(head) => told.acknowledged = head,
                Err(_) => {
                    assert!(journal.append(batch).is_err(), "a journal that failed takes no more");
                    let log = journal.log_mut().append(&[]);
                    assert!(matches!(log, Err(LogFault::Ended)), "nor does its log");
                    return told;
                }
            }
            if told.tried.is_multiple_of(3) {
                // A snapshot that cannot be saved is no reason to stop.
                let _ = journal.save_snapshot(1, told.acknowledged.to_string().into_bytes());
            }
        }
        told
    }

    /// Every acknowledged entry is there, nothing else but whole batches, and the journal goes on.
    fn check(vfs: &'static str, entries: &[Entry], told: &Told, what: &str) {
        let log = open(vfs)
            .unwrap_or_else(|fault| panic!("{what}: {fault}: {:?}", std::error::Error::source(&fault)));
        let exported = Some(told.acknowledged).filter(|head| head.seq > Seq(0));
        let verified = verify(&log, exported).unwrap_or_else(|fault| panic!("{what}: {fault}"));
        let there = verified.entries as usize;
        assert!(there.is_multiple_of(BATCH), "{what}: half a batch: {there} entries");
        assert!(there <= told.tried * BATCH, "{what}: {there} entries");
        log.read_snapshots(&mut |snapshot| {
            assert_eq!(snapshot.state, snapshot.head.to_string().into_bytes(), "{what}");
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        let mut journal = Journal::open(log).unwrap();
        let replayed = journal.replay(Vec::new(), |_| None, Vec::push).unwrap().state;
        assert_eq!(replayed, entries[..there], "{what}");
        journal.append(&entries[there..]).unwrap();
    }

    /// Runs a few times for every call at which something can happen; gives how many calls there are.
    fn at_every_call(vfs: &'static str, mishap: Mishap) -> u64 {
        let disk = Disk::registered(vfs);
        let entries = night(Seq(0), 24 * BATCH);
        let mut rng = Rng::new(SEED);
        for (nth, _) in (1..).flat_map(|nth| [(nth, 0), (nth, 1)]) {
            disk.format();
            disk.arrange(nth, mishap);
            let told = run(vfs, &entries);
            if !disk.struck() {
                assert_eq!(told.acknowledged.seq.0 as usize, entries.len());
                return nth - 1;
            }
            disk.restart(&mut rng);
            check(vfs, &entries, &told, &format!("{mishap:?} at call {nth}"));
        }
        unreachable!("a run has an end")
    }

    #[test]
    fn no_acknowledged_entry_is_lost_and_no_batch_is_torn_whichever_disk_call_fails() {
        let calls = at_every_call("swan-failing-disk", Mishap::Fails);
        println!("{calls} calls, each failed twice, seed {SEED}");
        assert!(calls > 300, "{calls} calls");
    }

    #[test]
    fn no_acknowledged_entry_is_lost_and_no_batch_is_torn_wherever_the_machine_stops() {
        let calls = at_every_call("swan-stopping-disk", Mishap::Stops);
        println!("{calls} calls, the machine stopped twice at each, seed {SEED}");
        assert!(calls > 300, "{calls} calls");
    }
}
