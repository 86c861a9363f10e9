//! A log read from its beginning to its end, as counts for each slice of time.
//!
//! [`Replay`] takes the log in pieces of any size, cut anywhere, and keeps counts only: its memory grows with the
//! time that the log covers and not with its lines (snapshots of NGINX are kept compactly, because they have to be
//! put in order first). Lines may stand in any order. A line that cannot be read is counted, and the first of them
//! are kept with their numbers and what is wrong with them; it never ends the replay.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use kernel::{Span, Timestamp};

use crate::access_log::{self, DateCache};
use crate::limits::{REPLAY_LINE_BYTES_MAX, REPLAY_SLICES_MAX, REPLAY_UNPARSABLE_SHOWN_MAX};
use crate::{Count, FailedWhen, Malformed, events, nginx_status, shortened, spelling};

/// What the lines of a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Access log lines with referer and agent.
    Combined,
    /// Access log lines without them; either is read as the other too.
    Common,
    /// Request events, as `POST /v1/events` takes them, each with its `time`.
    Json,
    /// Snapshots of the NGINX Plus status page.
    NginxPlusStatus,
}

/// A log while it is read.
#[derive(Debug)]
pub struct Replay {
    format: LogFormat,
    failed: FailedWhen,
    /// Failed classes, for the format that counts by class.
    classes: [bool; 5],
    slice: Span,
    only: Option<String>,
    dates: DateCache,
    snapshots: nginx_status::Recording,
    /// The beginning of a line whose end is in the next piece.
    carry: Vec<u8>,
    /// Whether the line in `carry` is too long, so that only its beginning is there.
    overlong: bool,
    /// The slice of the last line: most lines fall into the slice of the line before.
    current: (Timestamp, Count),
    previous: Option<Timestamp>,
    found: Found,
}

/// What a log said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Lines, the last one with or without its line end.
    pub lines: u64,
    /// Lines without text, which say nothing.
    pub blank: u64,
    /// Lines that could not be read.
    pub unparsable: u64,
    /// The first of them.
    pub unparsable_shown: Vec<Unparsable>,
    /// Lines about another service than the one asked for.
    pub other_services: u64,
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Lines with an earlier time than the line before them.
    pub out_of_order: u64,
    /// The earliest time of a line.
    pub first: Option<Timestamp>,
    /// The latest time of a line.
    pub last: Option<Timestamp>,
    /// Requests by the start of their slice; slices without a request are not there.
    pub slices: BTreeMap<Timestamp, Count>,
    /// Requests by zone and start of their slice, for snapshots of NGINX.
    pub zones: BTreeMap<String, BTreeMap<Timestamp, Count>>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unparsable {
    /// Its number, from 1.
    pub line: u64,
    /// How it begins.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Replay {
    /// Counts requests by slices of this length, aligned to the epoch.
    ///
    /// # Errors
    /// Snapshots of NGINX count by class of status, so a predicate that tells single statuses apart is refused.
    pub fn new(format: LogFormat, slice: Span, failed: FailedWhen) -> Result<Self, String> {
        let classes = match (failed.by_class(), format) {
            (Some(classes), _) => classes,
            (None, LogFormat::NginxPlusStatus) => {
                return Err(format!(
                    "`{failed}` names single statuses, and {format} counts by class only; write classes like `5xx`"
                ));
            }
            (None, _) => [false; 5],
        };
        Ok(Self {
            format,
            failed,
            classes,
            slice,
            only: None,
            dates: DateCache::default(),
            snapshots: nginx_status::Recording::default(),
            carry: Vec::new(),
            overlong: false,
            current: (Timestamp::from_millis(i64::MIN), Count::default()),
            previous: None,
            found: Found::default(),
        })
    }

    /// Counts events of this service only; access logs and snapshots do not name one.
    #[must_use]
    pub fn only_service(mut self, service: impl Into<String>) -> Self {
        self.only = Some(service.into());
        self
    }

    /// Takes the next piece of the log, cut anywhere.
    pub fn feed(&mut self, mut piece: &[u8]) {
        if (!self.carry.is_empty() || self.overlong)
            && let Some(end) = memchr::memchr(b'\n', piece)
        {
            self.keep(&piece[..end]);
            piece = &piece[end + 1..];
            self.end_carried_line();
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', piece) {
            self.line(&piece[start..end]);
            start = end + 1;
        }
        self.keep(&piece[start..]);
    }

    /// A file ends here: a last line without its line end counts, and the next piece begins a line.
    pub fn end_file(&mut self) {
        if !self.carry.is_empty() || self.overlong {
            self.end_carried_line();
        }
    }

    /// How many lines were read so far, for progress.
    pub fn lines(&self) -> u64 {
        self.found.lines
    }

    /// Ends the log; a last line without its line end counts.
    pub fn finish(mut self) -> Found {
        self.end_file();
        let snapshots = std::mem::take(&mut self.snapshots);
        for answer in snapshots.differences() {
            let failed = answer.responses.failed(self.classes);
            let good = answer.responses.total.saturating_sub(failed);
            for (failed, count) in [(false, good), (true, failed)] {
                if count > 0 && self.count(answer.at, failed, count) {
                    let zone = self.found.zones.entry(answer.zone.to_string()).or_default();
                    zone.entry(answer.at.floor(self.slice)).or_default().add(failed, count);
                }
            }
        }
        self.settle();
        self.found
    }

    fn keep(&mut self, part: &[u8]) {
        let room = REPLAY_LINE_BYTES_MAX - self.carry.len();
        self.carry.extend_from_slice(&part[..part.len().min(room)]);
        self.overlong |= part.len() > room;
    }

    fn end_carried_line(&mut self) {
        let mut line = std::mem::take(&mut self.carry);
        if std::mem::take(&mut self.overlong) {
            self.found.lines += 1;
            self.unparsable(&line, || format!("the line has more than {REPLAY_LINE_BYTES_MAX} bytes"));
        } else {
            self.line(&line);
        }
        line.clear();
        self.carry = line;
    }

    /// Takes one line without its `\n`.
    fn line(&mut self, line: &[u8]) {
        self.found.lines += 1;
        if line.len() > REPLAY_LINE_BYTES_MAX {
            return self.unparsable(line, || format!("the line has more than {REPLAY_LINE_BYTES_MAX} bytes"));
        }
        if matches!(line, [] | b"\r") {
            self.found.blank += 1;
            return;
        }
        match self.format {
            LogFormat::Combined | LogFormat::Common => match access_log::parse_outcome(line, &mut self.dates)
            {
                Ok(outcome) => self.read(line, outcome.at, self.failed.is_failed(outcome.status), 1),
                Err(error) => self.malformed(line, &error),
            },
            LogFormat::Json => self.event(line),
            LogFormat::NginxPlusStatus => match nginx_status::parse(line) {
                Ok(snapshot) => {
                    self.seen(snapshot.at);
                    self.snapshots.add(snapshot);
                }
                Err(error) => self.malformed(line, &error),
            },
        }
    }

    fn event(&mut self, line: &[u8]) {
        match events::parse_line(line) {
            Ok(event) if self.only.as_ref().is_some_and(|only| *only != event.service) => {
                self.found.other_services += 1;
            }
            Ok(events::Event { time: Some(at), outcome, count, .. }) => {
                self.read(line, at, outcome.is_failed(&self.failed), count);
            }
            Ok(_) => self.unparsable(line, || "an event in a file needs its `time`".to_owned()),
            Err(error) => self.malformed(line, &error),
        }
    }

    fn read(&mut self, line: &[u8], at: Timestamp, failed: bool, count: u64) {
        if self.count(at, failed, count) {
            self.seen(at);
        } else {
            self.unparsable(line, || {
                format!("its time is in more than {REPLAY_SLICES_MAX} different slices")
            });
        }
    }

    fn seen(&mut self, at: Timestamp) {
        let found = &mut self.found;
        found.out_of_order += u64::from(self.previous.is_some_and(|previous| at < previous));
        self.previous = Some(at);
        found.first = Some(found.first.map_or(at, |first| first.min(at)));
        found.last = Some(found.last.map_or(at, |last| last.max(at)));
    }

    /// Counts requests; false where their slice is one too many.
    fn count(&mut self, at: Timestamp, failed: bool, count: u64) -> bool {
        let start = at.floor(self.slice);
        if start != self.current.0 {
            self.settle();
            if self.found.slices.len() >= REPLAY_SLICES_MAX && !self.found.slices.contains_key(&start) {
                return false;
            }
            self.current.0 = start;
        }
        self.current.1.add(failed, count);
        self.found.requests = self.found.requests.saturating_add(count);
        if failed {
            self.found.failed = self.found.failed.saturating_add(count);
        }
        true
    }

    fn settle(&mut self) {
        let (start, count) = (self.current.0, std::mem::take(&mut self.current.1));
        if count != Count::default() {
            let slice = self.found.slices.entry(start).or_default();
            slice.good = slice.good.saturating_add(count.good);
            slice.bad = slice.bad.saturating_add(count.bad);
        }
    }

    #[cold]
    fn malformed(&mut self, line: &[u8], error: &Malformed) {
        self.unparsable(line, || error.to_string());
    }

    #[cold]
    fn unparsable(&mut self, line: &[u8], reason: impl FnOnce() -> String) {
        self.found.unparsable += 1;
        if self.found.unparsable_shown.len() < REPLAY_UNPARSABLE_SHOWN_MAX {
            let shown = Unparsable { line: self.found.lines, text: shortened(line), reason: reason() };
            self.found.unparsable_shown.push(shown);
        }
    }
}

impl Found {
    /// Slices with a request of which more than this part failed.
    pub fn slices_above(&self, error_ratio: kernel::Ratio) -> usize {
        self.slices.values().filter(|count| error_ratio.is_exceeded_by(count.bad, count.total())).count()
    }
}

impl LogFormat {
    const NAMES: [(&str, LogFormat); 4] = [
        ("combined", LogFormat::Combined),
        ("common", LogFormat::Common),
        ("json", LogFormat::Json),
        ("nginx-plus-status", LogFormat::NginxPlusStatus),
    ];
}

impl FromStr for LogFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, format)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*format);
        }
        let names = Self::NAMES.map(|(name, _)| name);
        let hint = match spelling::nearest(text, &names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the formats are {}", names.map(|name| format!("`{name}`")).join(", ")),
        };
        Err(format!("`{}` is not a log format; {hint}", shortened(text.as_bytes())))
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, format)| format == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(format: LogFormat) -> Replay {
        Replay::new(format, Span::from_mins(1), FailedWhen::default()).unwrap()
    }

    const LOG: &str = "\
h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5\r
h - - [17/May/2015:10:05:04 +0000] \"GET / HTTP/1.1\" 503 5 \"-\" \"-\"

garbage
h - - [17/May/2015:10:04:59 +0000] \"GET / HTTP/1.1\" 200 5";

    #[test]
    fn a_log_counts_the_same_however_it_is_cut() {
        let mut whole = replay(LogFormat::Combined);
        whole.feed(LOG.as_bytes());
        let whole = whole.finish();
        assert_eq!((whole.lines, whole.blank, whole.unparsable), (5, 1, 1));
        assert_eq!((whole.requests, whole.failed, whole.out_of_order), (3, 1, 1));
        assert_eq!(whole.first.unwrap().to_string(), "2015-05-17T10:04:59Z");
        assert_eq!(whole.last.unwrap().to_string(), "2015-05-17T10:05:04Z");
        let counts: Vec<_> = whole.slices.values().map(|count| (count.good, count.bad)).collect();
        assert_eq!(counts, [(1, 0), (1, 1)]);
        let Unparsable { line, text, reason } = &whole.unparsable_shown[0];
        assert_eq!((*line, text.as_str()), (4, "garbage"));
        assert!(reason.starts_with("byte 0: not a line of an access log"), "{reason}");
        for size in 1..LOG.len() {
            let mut pieces = replay(LogFormat::Common);
            LOG.as_bytes().chunks(size).for_each(|piece| pieces.feed(piece));
            assert_eq!(pieces.finish(), whole, "pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_takes_bounded_memory_and_the_next_line_is_read() {
        let mut replay = replay(LogFormat::Combined);
        for _ in 0..100 {
            replay.feed(&vec![b'x'; 100_000]);
        }
        assert!(replay.carry.len() <= REPLAY_LINE_BYTES_MAX);
        replay.feed(b"\n");
        replay.feed(LOG.lines().next().unwrap().as_bytes());
        let found = replay.finish();
        assert_eq!((found.lines, found.unparsable, found.requests), (2, 1, 1));
        assert!(found.unparsable_shown[0].reason.contains("more than 1048576 bytes"));
    }

    #[test]
    fn only_the_first_unparsable_lines_are_kept() {
        let mut replay = replay(LogFormat::Combined);
        replay.feed("garbage\n".repeat(1000).as_bytes());
        let found = replay.finish();
        assert_eq!((found.unparsable, found.unparsable_shown.len()), (1000, REPLAY_UNPARSABLE_SHOWN_MAX));
    }

    #[test]
    fn events_of_other_services_are_not_counted_and_say_so() {
        let mut replay = replay(LogFormat::Json).only_service("shop");
        replay.feed(b"{\"service\":\"shop\",\"time\":1795167000000,\"status\":500,\"count\":3}\n");
        replay.feed(b"{\"service\":\"mail\",\"time\":1795167000000,\"status\":500}\n");
        replay.feed(b"{\"service\":\"shop\",\"status\":500}\n");
        let found = replay.finish();
        assert_eq!((found.requests, found.failed, found.other_services, found.unparsable), (3, 3, 1, 1));
    }

    #[test]
    fn a_format_is_known_by_its_name() {
        for (name, format) in LogFormat::NAMES {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.to_string(), name);
        }
        assert_eq!(
            "combind".parse::<LogFormat>().unwrap_err(),
            "`combind` is not a log format; did you mean `combined`?"
        );
        let error = "alb".parse::<LogFormat>().unwrap_err();
        assert!(
            error.contains("the formats are `combined`, `common`, `json`, `nginx-plus-status`"),
            "{error}"
        );
    }

    #[test]
    fn nginx_status_cannot_answer_for_single_statuses() {
        let failed: FailedWhen = "5xx,429".parse().unwrap();
        let error = Replay::new(LogFormat::NginxPlusStatus, Span::from_mins(1), failed).unwrap_err();
        assert!(error.contains("write classes like `5xx`"), "{error}");
        assert!(Replay::new(LogFormat::Combined, Span::from_mins(1), failed).is_ok());
    }
}
