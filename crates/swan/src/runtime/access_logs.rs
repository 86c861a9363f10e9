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
    let mut rhythm = Rhythm::new(ROUND, tools.clock.now());
    let mut follower = match Follower::new(tools, name, log) {
        Ok(follower) => follower,
        Err(problem) => {
            tracing::warn!(problem, "an access log cannot be followed");
            return;
        }
    };
    loop {
        rhythm.tick(&*follower.tools.clock.clone()).await;
        if let Err(problem) = follower.round() {
            let log = &follower.name;
            tracing::info!(log, problem, "an access log could not be read; the next round tries again");
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
    fn new(tools: Instruments, name: String, log: AccessLog) -> Result<Self, String> {
        let failed: FailedWhen = log.failed.parse()?;
        let (dates, zones) = (DateCache::default(), Differences::default());
        Ok(Self { tools, name, log, failed, open: None, dates, zones })
    }

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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use facts::objectives::Tally;
    use kernel::Timestamp;

    use super::*;
    use crate::runtime::requests::tallies_of;
    use crate::runtime::stage::{SetClock, instruments};

    fn noon() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn line(status: u16) -> String {
        format!("192.0.2.1 - - [20/Nov/2026:12:00:07 +0000] \"GET / HTTP/1.1\" {status} 5 \"-\" \"-\"\n")
    }

    struct Play {
        dir: tempfile::TempDir,
        follower: Follower,
    }

    impl Play {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let follower = Self::start(dir.path());
            Self { dir, follower }
        }

        fn start(dir: &Path) -> Follower {
            let path = dir.join("access.log").display().to_string();
            let format = LogFormat::Combined;
            let log = AccessLog { path, format, requests: "site".to_owned(), failed: "5xx".to_owned() };
            let tools = instruments(&dir.join("metrics"), &SetClock::at(noon() + Span::from_secs(10)));
            Follower::new(tools, "site".to_owned(), log).unwrap()
        }

        fn write(&self, text: &str) {
            let path = self.dir.path().join("access.log");
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn counted(&mut self) -> Option<Tally> {
            self.follower.round().unwrap();
            let series = &*self.follower.tools.series;
            tallies_of(series, "site", noon(), Span::from_mins(1), 1).unwrap()[0]
        }

        fn restart(self) -> Self {
            let Self { dir, follower } = self;
            drop(follower);
            let follower = Self::start(dir.path());
            Self { dir, follower }
        }
    }

    #[test]
    fn a_line_counts_once_it_is_whole() {
        let mut play = Play::new();
        assert_eq!(play.counted(), None);
        let (first, second) = (line(200), line(503));
        play.write(&first);
        play.write(&second[..20]);
        assert_eq!(play.counted(), Some(Tally { good: 1, bad: 0 }));
        play.write(&second[20..]);
        assert_eq!(play.counted(), Some(Tally { good: 1, bad: 1 }));
    }

    #[test]
    fn a_restart_neither_counts_a_line_twice_nor_leaves_one_out() {
        let mut play = Play::new();
        play.write(&line(200));
        play.write(&line(200)[..30]);
        assert_eq!(play.counted(), Some(Tally { good: 1, bad: 0 }));
        let mut play = play.restart();
        play.write(&line(200)[30..]);
        assert_eq!(play.counted(), Some(Tally { good: 2, bad: 0 }));
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_beginning() {
        let mut play = Play::new();
        play.write(&line(200));
        assert_eq!(play.counted(), Some(Tally { good: 1, bad: 0 }));
        play.write(&line(500));
        let path = play.dir.path().join("access.log");
        std::fs::rename(&path, path.with_extension("1")).unwrap();
        play.write(&line(200));
        play.counted();
        assert_eq!(play.counted(), Some(Tally { good: 2, bad: 1 }));
    }

    #[test]
    fn a_file_that_was_cut_is_read_from_its_beginning() {
        let mut play = Play::new();
        play.write(&line(200).repeat(3));
        assert_eq!(play.counted(), Some(Tally { good: 3, bad: 0 }));
        std::fs::write(play.dir.path().join("access.log"), line(500)).unwrap();
        play.counted();
        assert_eq!(play.counted(), Some(Tally { good: 3, bad: 1 }));
    }
}
