//! Access logs in the `common` and `combined` formats of Apache httpd and nginx, one line at a time.
//!
//! ```text
//! host ident user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 203023 "referer" "agent"
//! ```
//!
//! The outcome (time and status) stands before the referer. A line that is cut inside its referer or agent, as
//! loggers with a line limit leave them, therefore still counts; `AccessLine::truncated` says so. What follows the
//! agent is ignored, so formats that append fields to `combined` read as well.
//!
//! Servers escape quotes inside fields (`\"` by Apache, `\x22` by nginx). The first `[time] "` in a line is thus
//! the server's own: neither a user name nor a request can forge it.
//!
//! Formats: Apache `mod_log_config` and nginx `ngx_http_log_module`, as their documentation states them.

mod time;

use std::borrow::Cow;
use std::net::IpAddr;

use kernel::Timestamp;
use memchr::memchr_iter;

pub use time::DateCache;

use crate::{Format, Malformed};

/// Length of `[17/May/2015:10:05:03 +0000] `, which stands before the request's quote.
const TIME_AND_BRACKETS: usize = 29;

/// One request, borrowed from its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLine<'a> {
    /// When the request was received (Apache) or finished (nginx).
    pub at: Timestamp,
    /// The HTTP status that was sent, three digits.
    pub status: u16,
    /// Bytes of the body; `None` where the server wrote `-`.
    pub bytes: Option<u64>,
    /// The client's address or name.
    pub host: Field<'a>,
    /// The authenticated user, which may contain spaces.
    pub user: Option<Field<'a>>,
    /// The request line as it arrived, possibly `-` or not HTTP at all.
    pub request: Field<'a>,
    /// The method; `None` where the request line is not HTTP.
    pub method: Option<Field<'a>>,
    /// The request target with its query; `None` where the request line is not HTTP.
    pub path: Option<Field<'a>>,
    /// `HTTP/1.1` and the like; `None` where it was not given.
    pub protocol: Option<Field<'a>>,
    /// The page that linked here; `None` in `common` or where the server wrote `-`.
    pub referer: Option<Field<'a>>,
    /// What the client calls itself; `None` in `common` or where the server wrote `-`.
    pub agent: Option<Field<'a>>,
    /// Whether the line ends inside a quoted field.
    pub truncated: bool,
}

/// A field as it stands in the log, escapes and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a>(&'a [u8]);

/// What a tally needs of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// When the request was logged.
    pub at: Timestamp,
    /// The HTTP status that was sent.
    pub status: u16,
}

/// Reads a whole line, with or without its line end.
///
/// Accepts exactly the lines that [`parse_outcome`] accepts.
pub fn parse(line: &[u8]) -> Result<AccessLine<'_>, Malformed> {
    let line = without_line_end(line);
    let frame = frame(line, &mut DateCache::default()).map_err(|problem| problem.explain(line))?;
    let request = Field(&line[frame.request.clone()]);
    let (method, path, protocol) = split_request(request.0);
    let (host, user) = split_client(&line[..frame.bracket - 1]);
    let (referer, agent, truncated) = split_tail(&line[frame.tail..]);
    Ok(AccessLine {
        at: frame.at,
        status: frame.status,
        bytes: frame.bytes,
        host: Field(host),
        user,
        request,
        method,
        path,
        protocol,
        referer,
        agent,
        truncated,
    })
}

/// Reads time and status only; several million lines per second on one core.
pub fn parse_outcome(line: &[u8], dates: &mut DateCache) -> Result<Outcome, Malformed> {
    let line = without_line_end(line);
    match frame(line, dates) {
        Ok(frame) => Ok(Outcome { at: frame.at, status: frame.status }),
        Err(problem) => Err(problem.explain(line)),
    }
}

impl<'a> Field<'a> {
    /// The bytes as they stand in the log.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// What the client sent: escapes undone, invalid UTF-8 replaced.
    pub fn text(self) -> Cow<'a, str> {
        match memchr::memchr(b'\\', self.0) {
            None => String::from_utf8_lossy(self.0),
            Some(_) => Cow::Owned(String::from_utf8_lossy(&unescaped(self.0)).into_owned()),
        }
    }

    /// The client as an address, where it is one and not a name.
    pub fn ip(self) -> Option<IpAddr> {
        std::str::from_utf8(self.0).ok()?.parse().ok()
    }

    fn unless_dash(self) -> Option<Self> {
        (self.0 != b"-").then_some(self)
    }
}

/// What every accepted line has, and where.
struct Frame {
    at: Timestamp,
    bracket: usize,
    request: std::ops::Range<usize>,
    status: u16,
    bytes: Option<u64>,
    /// Where the bytes' field ends.
    tail: usize,
}

/// A problem and the offset at which it stands; explained only when somebody is to read it.
struct Problem(Why, usize);

enum Why {
    NoRequest,
    NoClient,
    BadTime,
    OpenRequest,
    BadStatus,
    BadBytes,
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn frame(line: &[u8], dates: &mut DateCache) -> Result<Frame, Problem> {
    let quote = memchr_iter(b'"', line)
        .find(|&at| {
            at >= TIME_AND_BRACKETS && line[at - TIME_AND_BRACKETS] == b'[' && &line[at - 2..at] == b"] "
        })
        .ok_or(Problem(Why::NoRequest, 0))?;
    let bracket = quote - TIME_AND_BRACKETS;
    if bracket < 2 || line[0] == b' ' || line[bracket - 1] != b' ' {
        return Err(Problem(Why::NoClient, 0));
    }
    let at = dates.read(&line[bracket + 1..quote - 2]).ok_or(Problem(Why::BadTime, bracket + 1))?;
    let start = quote + 1;
    let end = closing_quote(line, start).ok_or(Problem(Why::OpenRequest, start))?;
    let rest = &line[end + 1..];
    let status = status(rest).ok_or(Problem(Why::BadStatus, end + 1))?;
    let (bytes, length) = bytes(&rest[5..]).ok_or(Problem(Why::BadBytes, end + 6))?;
    Ok(Frame { at, bracket, request: start..end, status, bytes, tail: end + 6 + length })
}

/// The first quote from `start` on that no backslash escapes.
fn closing_quote(line: &[u8], start: usize) -> Option<usize> {
    memchr_iter(b'"', &line[start..]).map(|at| start + at).find(|&at| {
        let escapes = line[start..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        escapes % 2 == 0
    })
}

/// Reads ` 200 `: three digits between spaces.
fn status(rest: &[u8]) -> Option<u16> {
    match rest {
        [b' ', a, b, c, b' ', ..] => {
            let [a, b, c] = [a, b, c].map(|digit| u16::from(digit.wrapping_sub(b'0')));
            (a < 10 && b < 10 && c < 10).then_some(a * 100 + b * 10 + c)
        }
        _ => None,
    }
}

/// Reads `123` or `-` up to a space or the end, and says how long it was.
fn bytes(rest: &[u8]) -> Option<(Option<u64>, usize)> {
    let length = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    let digits = &rest[..length];
    if digits == b"-" {
        return Some((None, 1));
    }
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some((Some(number), length))
}

/// Splits `host ident user with spaces`.
fn split_client(client: &[u8]) -> (&[u8], Option<Field<'_>>) {
    let mut words = client.splitn(3, |byte| *byte == b' ');
    let host = words.next().unwrap_or_default();
    let user = words.nth(1).map(Field).and_then(Field::unless_dash);
    (host, user)
}

type Request<'a> = (Option<Field<'a>>, Option<Field<'a>>, Option<Field<'a>>);

/// Splits `GET /path HTTP/1.1`; a path may contain spaces, and HTTP/0.9 has no protocol.
fn split_request(request: &[u8]) -> Request<'_> {
    let nothing = (None, None, None);
    let Some(space) = memchr::memchr(b' ', request) else { return nothing };
    let (method, target) = (&request[..space], &request[space + 1..]);
    if method.is_empty()
        || !method.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'))
    {
        return nothing;
    }
    let (path, protocol) = match memchr::memrchr(b' ', target) {
        Some(at) if target[at + 1..].starts_with(b"HTTP/") => (&target[..at], Some(Field(&target[at + 1..]))),
        _ => (target, None),
    };
    if path.is_empty() { nothing } else { (Some(Field(method)), Some(Field(path)), protocol) }
}

/// Splits ` "referer" "agent"`, as far as it is there.
fn split_tail(tail: &[u8]) -> (Option<Field<'_>>, Option<Field<'_>>, bool) {
    let (referer, tail, cut) = quoted(tail);
    let (agent, _, cut_again) = quoted(tail);
    (referer.and_then(Field::unless_dash), agent.and_then(Field::unless_dash), cut || cut_again)
}

/// A quoted field after a space, what follows it, and whether its closing quote is missing.
fn quoted(tail: &[u8]) -> (Option<Field<'_>>, &[u8], bool) {
    let Some(inside) = tail.strip_prefix(b" \"") else { return (None, &[], false) };
    match closing_quote(inside, 0) {
        Some(end) => (Some(Field(&inside[..end])), &inside[end + 1..], false),
        None => (Some(Field(inside)), &[], true),
    }
}

/// Undoes `\"`, `\\`, `\n`, `\t` and the like, and `\xHH`; anything else after a backslash stays.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (byte, length) = match (first, after) {
            (b'\\', [b'x', high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 4),
                _ => (b'\\', 1),
            },
            (b'\\', [escaped, ..]) => match escaped {
                b'"' | b'\\' => (*escaped, 2),
                b'n' => (b'\n', 2),
                b'r' => (b'\r', 2),
                b't' => (b'\t', 2),
                b'v' => (0x0b, 2),
                b'f' => (0x0c, 2),
                b'b' => (0x08, 2),
                _ => (b'\\', 1),
            },
            _ => (*first, 1),
        };
        out.push(byte);
        rest = &rest[length..];
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

impl Problem {
    #[cold]
    fn explain(self, line: &[u8]) -> Malformed {
        let Problem(why, offset) = self;
        let rest = &line[offset.min(line.len())..];
        let until = |stop: u8| &rest[..memchr::memchr(stop, rest).unwrap_or(rest.len())];
        let error = |text: &[u8], what: &'static str| Malformed::new(Format::AccessLog, offset, text, what);
        match why {
            Why::NoRequest => {
                match memchr::memchr(b'[', line) {
                    Some(open) => {
                        let close =
                            memchr::memchr(b']', &line[open..]).map_or(line.len(), |length| open + length);
                        let text = &line[open + 1..close.max(open + 1)];
                        Malformed::new(Format::AccessLog, open, text, "no time in brackets and quoted request after it")
                        .hint("a line reads `host - user [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 512`")
                    }
                    None => error(rest, "not a line of an access log").hint(
                        "a line reads `host - user [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 512`",
                    ),
                }
            }
            Why::NoClient => {
                error(rest, "no client before the time").hint("a line begins with `host ident user [`")
            }
            Why::BadTime => {
                error(until(b']'), "not a time").hint("a time reads `17/May/2015:10:05:03 +0000`")
            }
            Why::OpenRequest => {
                error(rest, "the line ends inside the request").hint("the logger may have cut it")
            }
            Why::BadStatus => error(rest, "no three-digit status after the request")
                .hint("a quote inside the request must be escaped, as `\\\"` or `\\x22`"),
            Why::BadBytes => {
                error(until(b' '), "not a number of bytes").hint("after the status stands a number or `-`")
            }
        }
    }
}

#[cfg(test)]
mod tests;
