//! Request events: one JSON object per line, each one request or job as the service saw it.
//!
//! ```json
//! {"service":"shop","time":"2026-11-20T09:30:00Z","outcome":"failed","latency_ms":12.3,"route":"/checkout","count":1}
//! {"service":"shop","time":1795167000000,"status":503}
//! ```
//!
//! `service` is required, and so is one of `outcome` (`ok` or `failed`) and `status` (an HTTP status, judged by the
//! service's own predicate); where both are given, `outcome` counts. `time` is RFC 3339 or epoch milliseconds;
//! without it the event happened when it arrived. A line that is not such an object is reported with its number, and
//! the lines around it count.

use std::borrow::Cow;
use std::fmt;

use kernel::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::limits::{EVENT_COUNT_MAX, EVENT_ERRORS_MAX, EVENT_LINE_BYTES_MAX, EVENT_NAME_BYTES_MAX};
use crate::{FailedWhen, Format, Malformed, spelling};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The name under which an SLI counts it.
    pub service: Cow<'a, str>,
    /// When it happened; `None` means when it arrived.
    pub time: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds; finite and not negative.
    pub latency_ms: Option<f64>,
    /// Which part of the service answered.
    pub route: Option<Cow<'a, str>>,
    /// How many requests it stands for, at least 1.
    pub count: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Ok,
    /// Not as it should.
    Failed,
    /// With this HTTP status, from 100 to 599.
    Status(u16),
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Lines that were good.
    pub accepted: u64,
    /// Lines that were not; each is in `errors` up to [`EVENT_ERRORS_MAX`].
    pub refused: u64,
    /// The first of them, with their line numbers.
    pub errors: Vec<Malformed>,
}

impl Outcome {
    /// Whether this counts as failed.
    pub fn is_failed(self, failed: &FailedWhen) -> bool {
        match self {
            Outcome::Ok => false,
            Outcome::Failed => true,
            Outcome::Status(status) => failed.is_failed(status),
        }
    }
}

/// Reads a body line by line and hands over the good ones in their order. Blank lines are skipped.
pub fn parse<'a>(body: &'a [u8], mut event: impl FnMut(Event<'a>)) -> Report {
    let mut report = Report::default();
    let mut start = 0;
    for (end, number) in memchr::memchr_iter(b'\n', body).chain([body.len()]).zip(1..) {
        let line = &body[start..end];
        start = (end + 1).min(body.len());
        if line.trim_ascii().is_empty() {
            continue;
        }
        match parse_line(line) {
            Ok(good) => {
                report.accepted += 1;
                event(good);
            }
            Err(error) => {
                report.refused += 1;
                if report.errors.len() < EVENT_ERRORS_MAX {
                    report.errors.push(error.in_line(number));
                }
            }
        }
    }
    report
}

/// Reads one line.
pub fn parse_line(line: &[u8]) -> Result<Event<'_>, Malformed> {
    if line.len() > EVENT_LINE_BYTES_MAX {
        let what = format!("the line has {} bytes, more than {EVENT_LINE_BYTES_MAX}", line.len());
        return Err(Malformed::new(Format::Events, 0, line, what).hint("each event stands on its own line"));
    }
    let wire: Wire<'_> = serde_json::from_slice(line).map_err(|error| {
        let (what, offset) = json_error(&error);
        Malformed::new(Format::Events, offset, line.get(offset..).unwrap_or_default(), what)
            .hint("a line reads {\"service\":\"shop\",\"time\":\"2026-11-20T09:30:00Z\",\"status\":200}")
    })?;
    wire.judged().map_err(|(text, what, hint)| {
        let offset = match memchr::memmem::find(line, format!("\"{text}\"").as_bytes()) {
            _ if text.is_empty() => None,
            Some(quote) => Some(quote + 1),
            None => memchr::memmem::find(line, text.as_bytes()),
        };
        Malformed::new(Format::Events, offset.unwrap_or(0), text.as_bytes(), what).hint(hint)
    })
}

/// What serde_json says, without its place, and the bytes before that place in a text of one line.
pub(crate) fn json_error(error: &serde_json::Error) -> (String, usize) {
    let said = error.to_string();
    let what = match said.rfind(" at line ") {
        Some(end) => said[..end].to_owned(),
        None => said,
    };
    // serde_json repeats values of any length.
    (crate::shortened(what.as_bytes()), error.column().saturating_sub(usize::from(!error.is_eof())))
}

const KEYS: [&str; 7] = ["service", "time", "outcome", "status", "latency_ms", "route", "count"];

/// A line as it stands, before its values are judged.
#[derive(Default)]
struct Wire<'a> {
    service: Option<Cow<'a, str>>,
    time: Option<Moment<'a>>,
    outcome: Option<Cow<'a, str>>,
    status: Option<i64>,
    latency_ms: Option<f64>,
    route: Option<Cow<'a, str>>,
    count: Option<i64>,
    unknown: Option<String>,
}

enum Moment<'a> {
    Millis(f64),
    Text(Cow<'a, str>),
}

/// The offending text, what is wrong with it, and what to write.
type Wrong = (String, Cow<'static, str>, Cow<'static, str>);

fn wrong(text: impl fmt::Display, what: &'static str, hint: impl Into<Cow<'static, str>>) -> Wrong {
    (text.to_string(), what.into(), hint.into())
}

impl<'a> Wire<'a> {
    fn judged(self) -> Result<Event<'a>, Wrong> {
        if let Some(key) = self.unknown {
            let hint = match spelling::nearest(&key, &KEYS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys are {}", KEYS.map(|key| format!("`{key}`")).join(", ")),
            };
            return Err(wrong(key, "unknown key", hint));
        }
        let service =
            self.service.ok_or_else(|| wrong("", "no `service`", "say which service the request was to"))?;
        let service = name(service, "a service name")?;
        let outcome = match (self.outcome.as_deref(), self.status) {
            (Some("ok"), _) => Outcome::Ok,
            (Some("failed"), _) => Outcome::Failed,
            (Some(other), _) => {
                return Err(wrong(other, "unknown outcome", "write `ok` or `failed`, or give `status`"));
            }
            (None, Some(status)) => match u16::try_from(status) {
                Ok(status @ 100..=599) => Outcome::Status(status),
                _ => return Err(wrong(status, "not an HTTP status", "a status is from 100 to 599")),
            },
            (None, None) => {
                return Err(wrong(
                    "",
                    "neither `outcome` nor `status`",
                    "give \"outcome\":\"ok\" or \"status\":200",
                ));
            }
        };
        if let Some(latency) = self.latency_ms.filter(|ms| !ms.is_finite() || *ms < 0.0) {
            return Err(wrong(
                latency,
                "not a latency",
                "`latency_ms` is a number of milliseconds from 0 on",
            ));
        }
        let count = match self.count.map(u64::try_from) {
            None => 1,
            Some(Ok(count @ 1..=EVENT_COUNT_MAX)) => count,
            Some(_) => {
                let hint = format!("`count` is from 1 to {EVENT_COUNT_MAX}");
                return Err(wrong(self.count.unwrap_or(0), "not a count", hint));
            }
        };
        Ok(Event {
            service,
            time: self.time.map(Moment::judged).transpose()?,
            outcome,
            latency_ms: self.latency_ms,
            route: self.route.map(|route| name(route, "a route")).transpose()?,
            count,
        })
    }
}

fn name<'a>(name: Cow<'a, str>, what: &'static str) -> Result<Cow<'a, str>, Wrong> {
    if name.is_empty() || name.len() > EVENT_NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let hint = format!("{what} has 1 to {EVENT_NAME_BYTES_MAX} bytes and no control characters");
        return Err(wrong(name, "not a name", hint));
    }
    Ok(name)
}

impl Moment<'_> {
    fn judged(self) -> Result<Timestamp, Wrong> {
        /// 9999-12-31T23:59:59.999Z, the last time that RFC 3339 can write.
        const LAST_MS: f64 = 253_402_300_799_999.0;
        /// As milliseconds this is in March 1973, as seconds in the year 5138.
        const SECONDS_BELOW: f64 = 1e11;
        match self {
            Moment::Millis(ms) if (SECONDS_BELOW..=LAST_MS).contains(&ms) => {
                Ok(Timestamp::from_millis(ms.floor() as i64))
            }
            Moment::Millis(ms) if (0.0..SECONDS_BELOW).contains(&ms) => Err(wrong(
                ms,
                "a time before 1973",
                "a numeric `time` is in milliseconds; this looks like seconds",
            )),
            Moment::Millis(ms) => {
                Err(wrong(ms, "not a time", "a numeric `time` is in milliseconds since 1970"))
            }
            Moment::Text(text) => match text.parse() {
                Ok(at) => Ok(at),
                Err(_) => {
                    Err(wrong(text, "not a time", "write `2026-11-20T09:30:00Z` or epoch milliseconds"))
                }
            },
        }
    }
}

impl<'de> Deserialize<'de> for Wire<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Wire<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a request event, which is a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wire<'de>, A::Error> {
                let mut wire = Wire::default();
                while let Some(Text(key)) = map.next_key()? {
                    match &*key {
                        "service" => once("service", &mut wire.service, map.next_value::<Text<'_>>()?.0)?,
                        "time" => once("time", &mut wire.time, map.next_value()?)?,
                        "outcome" => once("outcome", &mut wire.outcome, map.next_value::<Text<'_>>()?.0)?,
                        "status" => once("status", &mut wire.status, map.next_value()?)?,
                        "latency_ms" => once("latency_ms", &mut wire.latency_ms, map.next_value()?)?,
                        "route" => once("route", &mut wire.route, map.next_value::<Text<'_>>()?.0)?,
                        "count" => once("count", &mut wire.count, map.next_value()?)?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            wire.unknown.get_or_insert_with(|| key.into_owned());
                        }
                    }
                }
                Ok(wire)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

fn once<T, E: serde::de::Error>(key: &str, place: &mut Option<T>, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom(format_args!("`{key}` is given twice"))),
    }
}

/// A string that is borrowed where JSON escapes nothing in it.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Str;
        impl<'de> Visitor<'de> for Str {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Str)
    }
}

impl<'de> Deserialize<'de> for Moment<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Instant;
        impl<'de> Visitor<'de> for Instant {
            type Value = Moment<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time like \"2026-11-20T09:30:00Z\" or epoch milliseconds")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Moment<'de>, E> {
                Ok(Moment::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Moment<'de>, E> {
                Ok(Moment::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E>(self, ms: u64) -> Result<Moment<'de>, E> {
                Ok(Moment::Millis(ms as f64))
            }
            fn visit_i64<E>(self, ms: i64) -> Result<Moment<'de>, E> {
                Ok(Moment::Millis(ms as f64))
            }
            fn visit_f64<E>(self, ms: f64) -> Result<Moment<'de>, E> {
                Ok(Moment::Millis(ms))
            }
        }
        deserializer.deserialize_any(Instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> String {
        parse_line(line.as_bytes()).map(|event| format!("{event:?}")).unwrap_err().to_string()
    }

    #[test]
    fn an_event_reads_with_all_that_it_says() {
        let line = br#"{"service":"shop","time":"2026-11-20T09:30:00Z","outcome":"failed","latency_ms":12.3,"route":"/checkout","count":4}"#;
        let event = parse_line(line).unwrap();
        assert!(matches!(event.service, Cow::Borrowed("shop")));
        assert_eq!(event.time.map(|at| at.to_string()).as_deref(), Some("2026-11-20T09:30:00Z"));
        assert_eq!((event.outcome, event.latency_ms, event.count), (Outcome::Failed, Some(12.3), 4));
        assert_eq!(event.route.as_deref(), Some("/checkout"));
    }

    #[test]
    fn epoch_milliseconds_and_a_status_are_enough() {
        let event = parse_line(br#"{"service":"sh\u006fp","time":1795167000123,"status":503}"#).unwrap();
        assert_eq!(event.service, "shop");
        assert_eq!(event.time, Some(Timestamp::from_millis(1_795_167_000_123)));
        assert!(event.outcome.is_failed(&FailedWhen::default()));
        assert_eq!(event.count, 1);
        let event = parse_line(br#"{"service":"shop","outcome":"ok","status":503}"#).unwrap();
        assert!(!event.outcome.is_failed(&FailedWhen::default()), "an outcome counts before a status");
        assert_eq!(event.time, None);
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number_and_the_others_count() {
        let body = b"{\"service\":\"a\",\"status\":200}\n\nnot json\r\n{\"service\":\"b\",\"status\":200}\r\n{\"service\":\"c\"";
        let mut services = Vec::new();
        let report = parse(body, |event| services.push(event.service));
        assert_eq!(services, ["a", "b"]);
        assert_eq!(report.errors[0].offset, 1, "`n` may begin `null`, `o` does not continue it");
        assert_eq!((report.accepted, report.refused), (2, 2));
        assert_eq!(report.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 5]);
    }

    #[test]
    fn what_is_wrong_is_said_with_place_text_and_hint() {
        for (line, said) in [
            (
                r#"{"service":"a","statsu":200}"#,
                "byte 16: unknown key: `statsu` (hint: did you mean `status`?)",
            ),
            (
                r#"{"service":"a","shoe":[{}]}"#,
                "byte 16: unknown key: `shoe` (hint: the keys are `service`, `time`,",
            ),
            (r#"{"status":200}"#, "byte 0: no `service` (hint: "),
            (r#"{"service":"a"}"#, "byte 0: neither `outcome` nor `status` (hint: "),
            (r#"{"service":"","status":200}"#, "byte 0: not a name (hint: a service name has 1 to 256 bytes"),
            (r#"{"service":"a","outcome":"fine"}"#, "byte 26: unknown outcome: `fine` (hint: write `ok` or"),
            (r#"{"service":"a","status":99}"#, "byte 24: not an HTTP status: `99`"),
            (r#"{"service":"a","status":-1}"#, "byte 24: not an HTTP status: `-1`"),
            (r#"{"service":"a","status":200,"count":0}"#, "byte 25: not a count: `0`"),
            (r#"{"service":"a","status":200,"latency_ms":-1}"#, "byte 41: not a latency: `-1`"),
            (r#"{"service":"a","status":200,"time":"noon"}"#, "byte 36: not a time: `noon`"),
            (
                r#"{"service":"a","status":200,"time":1795167000}"#,
                "byte 35: a time before 1973: `1795167000` (hint: a num",
            ),
            (r#"{"service":"a","service":"b"}"#, "`service` is given twice"),
            (r#"{"service":7}"#, "byte 11: invalid type: integer `7`, expected a string: `7}`"),
            (r#"["shop"]"#, "expected a request event, which is a JSON object"),
            (r#"{"service":"a","status":200} x"#, "byte 29: trailing characters: `x`"),
            (r#"{"service":"a","#, "EOF while parsing"),
        ] {
            let error = refusal(line);
            assert!(error.contains(said), "{line}\n{error}\n{said}");
        }
    }

    #[test]
    fn errors_and_lines_are_limited() {
        let body = "nonsense\n".repeat(1000);
        let report = parse(body.as_bytes(), |_| {});
        assert_eq!((report.refused, report.errors.len()), (1000, EVENT_ERRORS_MAX));
        let long = format!("{{\"service\":\"a\",\"route\":\"{}\"}}", "r".repeat(EVENT_LINE_BYTES_MAX));
        let error = refusal(&long);
        assert!(error.contains("more than 65536"), "{error}");
        assert!(error.len() < 400, "{error}");
        let nested = format!("{{\"x\":{}", "[".repeat(60_000));
        assert!(parse_line(nested.as_bytes()).is_err());
    }
}
