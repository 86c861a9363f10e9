//! Writing: the queue of records, the file at its end, and who writes for whom.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::segment::{self, HEADER_BYTES};
use super::{Fsync, LOCK};
use crate::disk::{Disk, DiskFile, write_all};
use crate::fault::LogFault;

/// The end of the log.
#[derive(Debug)]
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    fsync: Fsync,
    segment_bytes_max: u64,
    queue: Mutex<Queue>,
    /// Signals that a round of writing ended.
    written: Condvar,
    tail: Mutex<Tail>,
}

/// Records on their way to the file.
#[derive(Debug, Default)]
struct Queue {
    pending: Vec<u8>,
    /// The buffer of the last round, to be used again.
    spare: Vec<u8>,
    /// Bytes that were ever handed over.
    enqueued: u64,
    /// Bytes of those that were written.
    written: u64,
    /// Somebody is writing.
    writing: bool,
    stopped: Option<LogFault>,
}

/// The segment that is written.
#[derive(Debug)]
struct Tail {
    number: u64,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    bytes: u64,
    /// Offset after the last record that is no mark.
    data_end: u64,
    /// Bytes that are durable.
    synced: u64,
    /// What the last mark says of `synced`.
    marked: u64,
    /// Older segments with their sizes.
    older: Vec<(u64, u64)>,
}

/// What was handed over up to here.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Ticket(u64);

/// Largest buffer that is kept for the next round.
const SPARE_BYTES_MAX: usize = 4 << 20;

impl Log {
    /// Begins the segment `number`, after older segments of these numbers and sizes.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        fsync: Fsync,
        segment_bytes_max: u64,
        number: u64,
        older: Vec<(u64, u64)>,
    ) -> Result<Self, LogFault> {
        let tail = Tail::begin(&*disk, &dir, number, older)?;
        let (queue, written) = (Mutex::default(), Condvar::new());
        Ok(Self { disk, dir, fsync, segment_bytes_max, queue, written, tail: Mutex::new(tail) })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect(LOCK)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().expect(LOCK)
    }

    /// The fault that stopped the log.
    pub(crate) fn stopped(&self) -> Option<LogFault> {
        self.queue().stopped.clone()
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        let tail = self.tail();
        tail.bytes + tail.older.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }

    /// Hands records over; they will stand in the log in the order of these calls.
    pub(crate) fn enqueue(&self, records: &[u8]) -> Result<Ticket, LogFault> {
        let mut queue = self.queue();
        if let Some(fault) = &queue.stopped {
            return Err(fault.clone());
        }
        queue.pending.extend_from_slice(records);
        queue.enqueued += records.len() as u64;
        Ok(Ticket(queue.enqueued))
    }

    /// Returns once everything up to the ticket is written.
    pub(crate) fn wait(&self, ticket: Ticket) -> Result<(), LogFault> {
        let mut queue = self.queue();
        loop {
            if queue.written >= ticket.0 {
                return Ok(());
            }
            if let Some(fault) = &queue.stopped {
                return Err(fault.clone());
            }
            if !queue.writing {
                return self.write_round(queue, false).map(|_| ());
            }
            queue = self.written.wait(queue).expect(LOCK);
        }
    }

    /// Returns once everything that was handed over is written.
    pub(crate) fn rest(&self) -> Result<(), LogFault> {
        let ticket = Ticket(self.queue().enqueued);
        self.wait(ticket)
    }

    /// Ends the segment and begins the next one, unless it is empty; gives the number of the segment into which goes
    /// what is handed over from here on.
    pub(crate) fn rotate(&self) -> Result<u64, LogFault> {
        let queue = self.turn()?;
        self.write_round(queue, true)
    }

    /// Makes everything durable that was written before.
    pub(crate) fn sync(&self) -> Result<(), LogFault> {
        if let Some(fault) = self.stopped() {
            return Err(fault);
        }
        let (number, path, file, bytes) = {
            let tail = self.tail();
            if tail.data_end <= tail.synced {
                return Ok(());
            }
            (tail.number, tail.path.clone(), Arc::clone(&tail.file), tail.bytes)
        };
        // Without a lock, because a disk may take long and appends only need its cache.
        if let Err(source) = file.sync() {
            let fault = LogFault::Sync { path, source: Arc::new(source) };
            return Err(self.queue().stopped.get_or_insert(fault).clone());
        }
        {
            let mut tail = self.tail();
            if tail.number == number {
                tail.synced = tail.synced.max(bytes);
            }
        }
        let queue = self.turn()?;
        self.write_round(queue, false).map(|_| ())
    }

    /// Whether everything that was handed over is durable, as far as that is seen without waiting for anybody.
    pub(crate) fn is_at_rest(&self) -> bool {
        let is_written = self
            .queue
            .try_lock()
            .is_ok_and(|queue| queue.pending.is_empty() && !queue.writing && queue.stopped.is_none());
        is_written && self.tail.try_lock().is_ok_and(|tail| tail.data_end <= tail.synced)
    }

    /// Removes the segments before this one.
    pub(crate) fn forget_before(&self, number: u64) -> Result<(), (PathBuf, std::io::Error)> {
        let older: Vec<u64> =
            self.tail().older.iter().map(|(older, _)| *older).filter(|older| *older < number).collect();
        // The oldest first, so that a crash in between leaves no gap.
        for gone in older {
            let path = segment::path(&self.dir, gone);
            self.disk.remove(&path).map_err(|source| (path, source))?;
            self.tail().older.retain(|(older, _)| *older != gone);
        }
        self.disk.sync_dir(&self.dir).map_err(|source| (self.dir.clone(), source))
    }

    /// Waits until nobody writes.
    fn turn(&self) -> Result<MutexGuard<'_, Queue>, LogFault> {
        let mut queue = self.queue();
        while queue.writing {
            queue = self.written.wait(queue).expect(LOCK);
        }
        match &queue.stopped {
            Some(fault) => Err(fault.clone()),
            None => Ok(queue),
        }
    }

    /// Writes what is pending, for all who wait for it; gives the number of the segment after it.
    fn write_round(&self, mut queue: MutexGuard<'_, Queue>, rotate: bool) -> Result<u64, LogFault> {
        assert!(!queue.writing, "two threads would write");
        queue.writing = true;
        let spare = std::mem::take(&mut queue.spare);
        let mut round = std::mem::replace(&mut queue.pending, spare);
        let upto = queue.enqueued;
        drop(queue);

        let result = self.write(&round, rotate);

        round.clear();
        let mut queue = self.queue();
        queue.writing = false;
        if round.capacity() <= SPARE_BYTES_MAX {
            queue.spare = round;
        }
        let result = match (&queue.stopped, result) {
            // A sync that failed meanwhile may have been about these very bytes.
            (Some(fault), _) => Err(fault.clone()),
            (None, Err(fault)) => {
                queue.stopped = Some(fault.clone());
                Err(fault)
            }
            (None, Ok(number)) => {
                queue.written = upto;
                Ok(number)
            }
        };
        self.written.notify_all();
        result
    }

    fn write(&self, records: &[u8], rotate: bool) -> Result<u64, LogFault> {
        let mut tail = self.tail();
        tail.mark()?;
        if !records.is_empty() {
            tail.append(records)?;
            tail.data_end = tail.bytes;
            if self.fsync == Fsync::EachAppend {
                tail.sync()?;
            }
        }
        let has_data = tail.data_end > HEADER_BYTES as u64;
        if has_data && (rotate || tail.bytes >= self.segment_bytes_max) {
            tail.sync()?;
            let mut older = std::mem::take(&mut tail.older);
            older.push((tail.number, tail.bytes));
            *tail = Tail::begin(&*self.disk, &self.dir, tail.number + 1, older)?;
        }
        Ok(tail.number)
    }
}

impl Tail {
    fn begin(
        disk: &dyn Disk,
        dir: &std::path::Path,
        number: u64,
        older: Vec<(u64, u64)>,
    ) -> Result<Self, LogFault> {
        let path = segment::path(dir, number);
        let begun = disk.create(&path).and_then(|file| {
            write_all(&*file, &segment::header(number))?;
            disk.sync_dir(dir)?;
            Ok(file)
        });
        let bytes = HEADER_BYTES as u64;
        match begun {
            Ok(file) => Ok(Self { number, path, file, bytes, data_end: bytes, synced: 0, marked: 0, older }),
            Err(source) => Err(LogFault::Begin { path, source: Arc::new(source) }),
        }
    }

    fn append(&mut self, records: &[u8]) -> Result<(), LogFault> {
        write_all(&*self.file, records)
            .map_err(|source| LogFault::Write { path: self.path.clone(), source: Arc::new(source) })?;
        self.bytes += records.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), LogFault> {
        if self.synced < self.bytes {
            self.file
                .sync()
                .map_err(|source| LogFault::Sync { path: self.path.clone(), source: Arc::new(source) })?;
            self.synced = self.bytes;
        }
        Ok(())
    }

    /// Writes down how much is durable, so that damage there is never taken for a torn end.
    fn mark(&mut self) -> Result<(), LogFault> {
        if self.marked < self.synced {
            self.append(&segment::mark(self.bytes, self.synced))?;
            self.marked = self.synced;
        }
        Ok(())
    }
}
