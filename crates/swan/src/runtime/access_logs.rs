//! Access logs that are followed: each line is a request, and how far a file was read is written in the same append
//! as the counts, so that a restart neither counts a line twice nor leaves one out.
//!
//! A file is known by its inode: when another file appears under its name, the rest of the old one is read first.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use facts::configuration::{AccessLog, LogFormat};
use kernel::Span;
use promql::{Matcher, Selection, TimeRange};
use signals::FailedWhen;
use signals::access_log::{self, DateCache};
use signals::nginx_status::{self, Differences, Followed};
use web::ports::{Fault, RequestEvents};

use super::instruments::{Instruments, Rhythm};
use super::requests::Alongside;

/// How often a file is looked at.
const ROUND: Span = Span::from_secs(1);
/// Bytes that one round reads; the rest comes with the next.
const ROUND_BYTES_MAX: usize = 8 << 20;
/// The longest line; a longer one is skipped and counted as unreadable.
const LINE_BYTES_MAX: usize = 64 << 10;
/// The series of how far files were read.
const READ_TO: &str = "swan_access_log_read_bytes";
/// How far back a restart looks for where it was.
const MEMORY: Span = Span::from_days(7);

/// Follows a file until the task is dropped.
pub(crate) async fn follow(tools: Instruments, name: String, log: AccessLog) {
    let failed: FailedWhen = match log.failed.parse() {
        Ok(failed) => failed,
        Err(problem) => {
            tracing::warn!(log = name, problem, "an access log cannot be followed");
            return;
        }
    };
    let mut rhythm = Rhythm::new(ROUND, tools.clock.now());
    let mut follower = Follower {
        tools,
        name,
        log,
        failed,
        open: None,
        dates: DateCache::default(),
        zones: Differences::default(),
    };
    loop {
        rhythm.tick(&*follower.tools.clock.clone()).await;
        if let Err(problem) = follower.round() {
            tracing::info!(
                log = follower.name,
                problem,
                "an access log could not be read; the next round tries again"
            );
        }
    }
}

struct Follower {
    tools: Instruments,
    name: String,
    log: AccessLog,
    failed: FailedWhen,
    open: Option<Open>,
    dates: DateCache,
    zones: Differences,
}

struct Open {
    file: File,
    inode: u64,
    read_to: u64,
    /// The beginning of a line whose end has not been written yet.
    rest: Vec<u8>,
}

impl Follower {
    fn round(&mut self) -> Result<(), String> {
        if self.open.is_none() {
            self.open = self.open_file()?;
        }
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let more = self.read(&mut open)?;
        let replaced = std::fs::metadata(&self.log.path).is_ok_and(|found| found.ino() != open.inode);
        let cut = open.file.metadata().is_ok_and(|found| found.len() < open.read_to);
        if cut {
            open.read_to = 0;
            open.rest.clear();
        }
        // Another file has the name: this one is at its end, unless there was more than a round reads.
        if more || !replaced {
            self.open = Some(open);
        }
        Ok(())
    }

    fn open_file(&self) -> Result<Option<Open>, String> {
        let path = Path::new(&self.log.path);
        let Ok(file) = File::open(path) else { return Ok(None) };
        let found = file.metadata().map_err(|error| format!("{}: {error}", self.log.path))?;
        let known = self.read_before(found.ino()).map_err(|fault| fault.to_string())?;
        // A file that is seen for the first time is followed from its beginning.
        let read_to = known.filter(|read_to| *read_to <= found.len()).unwrap_or(0);
        Ok(Some(Open { file, inode: found.ino(), read_to, rest: Vec::new() }))
    }

    fn read_before(&self, inode: u64) -> Result<Option<u64>, Fault> {
        let inode = inode.to_string();
        let matchers = [
            Matcher::equal("__name__", READ_TO),
            Matcher::equal("inode", inode.as_str()),
            Matcher::equal("log", self.name.as_str()),
        ];
        let now = self.tools.clock.now();
        let range = TimeRange::new(now - MEMORY, now + Span::from_hours(1));
        let mut last = None;
        let selected = self.tools.series.select(&Selection::new(&matchers, range), &mut |found| {
            last = found.values.last().copied();
            std::ops::ControlFlow::Continue(())
        });
        selected.map_err(|fault| Fault { doing: "read an access log's place", detail: fault.to_string() })?;
        Ok(last.map(|bytes| bytes as u64))
    }

    /// Reads what was appended; whether there is more.
    fn read(&mut self, open: &mut Open) -> Result<bool, String> {
        let at = |error: std::io::Error| format!("{}: {error}", self.log.path);
        open.file.seek(SeekFrom::Start(open.read_to + open.rest.len() as u64)).map_err(at)?;
        let mut bytes = std::mem::take(&mut open.rest);
        let before = bytes.len();
        let limit = ROUND_BYTES_MAX as u64;
        (&mut open.file).take(limit).read_to_end(&mut bytes).map_err(at)?;
        let more = bytes.len() - before == ROUND_BYTES_MAX;
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1);
        if whole > 0 {
            let read_to = open.read_to + whole as u64;
            // What was not acknowledged is read again in the next round, from where this one began.
            self.count(&bytes[..whole], open.inode, read_to).map_err(|fault| fault.to_string())?;
            open.read_to = read_to;
        }
        open.rest = bytes.split_off(whole);
        if open.rest.len() > LINE_BYTES_MAX {
            open.read_to += open.rest.len() as u64;
            open.rest.clear();
        }
        Ok(more)
    }

    fn count(&mut self, lines: &[u8], inode: u64, read_to: u64) -> Result<(), Fault> {
        let source = self.log.requests.clone();
        let mut events = Vec::new();
        let mut unreadable = 0_u64;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if !self.events_of(line, &source, &mut events) {
                unreadable += 1;
            }
        }
        if unreadable > 0 {
            tracing::info!(log = self.name, unreadable, "lines of an access log could not be read");
        }
        let inode = inode.to_string();
        let labels = [("__name__", READ_TO), ("inode", inode.as_str()), ("log", self.name.as_str())];
        let sample = (self.tools.clock.now().as_millis(), read_to as f64);
        let alongside = Alongside { labels: &labels, sample };
        let uncounted = self.tools.requests.record_alongside(&events, Some(alongside))?;
        if uncounted.late > 0 {
            tracing::debug!(
                log = self.name,
                late = uncounted.late,
                "lines are older than late events may be"
            );
        }
        Ok(())
    }

    fn events_of<'s>(&mut self, line: &[u8], source: &'s str, events: &mut Vec<RequestEvents<'s>>) -> bool {
        match self.log.format {
            LogFormat::Combined | LogFormat::Common => {
                let Ok(outcome) = access_log::parse_outcome(line, &mut self.dates) else { return false };
                let failed = self.failed.is_failed(outcome.status);
                events.push(RequestEvents { source, at: outcome.at, failed, count: 1 });
            }
            LogFormat::NginxPlusStatus => {
                let Ok(snapshot) = nginx_status::parse(line) else { return false };
                let Followed::Answers(answers) = self.zones.follow(&snapshot) else { return true };
                let classes = self.failed.by_class().unwrap_or([false, false, false, false, true]);
                for answer in answers {
                    let bad = answer.responses.failed(classes);
                    let good = answer.responses.total.saturating_sub(bad);
                    let event = |failed, count| RequestEvents { source, at: answer.at, failed, count };
                    events.extend([event(false, good), event(true, bad)].into_iter().filter(|e| e.count > 0));
                }
            }
        }
        true
    }
}
