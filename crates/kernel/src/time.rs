use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::utc_text;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in facts and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A length of time in milliseconds, possibly negative. Written as Prometheus does: `1h30m`, `15s`, `250ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Timestamp {
    /// So many milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// So many seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1000)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The start of the slice of this length that contains this instant; slices are aligned to the epoch.
    #[must_use]
    pub fn floor(self, slice: Span) -> Self {
        let slice = slice.0.max(1);
        Self(self.0.div_euclid(slice) * slice)
    }

    /// The instant as jiff sees it; clamped to the years that jiff knows.
    pub fn to_jiff(self) -> jiff::Timestamp {
        // Whole seconds: jiff's bounds in milliseconds are outside what it takes back.
        let (min, max) = (jiff::Timestamp::MIN.as_second() * 1000, jiff::Timestamp::MAX.as_second() * 1000);
        let clamped = self.0.clamp(min, max);
        jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(instant: jiff::Timestamp) -> Self {
        Self(instant.as_millisecond())
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }
    /// So many seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1000)
    }
    /// So many minutes.
    pub const fn from_mins(mins: i64) -> Self {
        Self(mins * 60_000)
    }
    /// So many hours.
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours * 3_600_000)
    }
    /// So many days of 24 hours.
    pub const fn from_days(days: i64) -> Self {
        Self(days * 86_400_000)
    }
    /// Milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
    /// Seconds, with their fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
    /// For timers; zero where the span is negative.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
    /// This span so many times; stays at the largest span rather than overflow.
    #[must_use]
    pub const fn times(self, factor: i64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}
impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}
impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}
impl AddAssign<Span> for Timestamp {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}
impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}
impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}
impl Neg for Span {
    type Output = Span;
    fn neg(self) -> Span {
        Span(self.0.saturating_neg())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match utc_text::write(self.0) {
            Some(text) => f.write_str(text.as_str()),
            None if self.0.rem_euclid(1000) != 0 => write!(f, "{:.3}", self.to_jiff()),
            None => write!(f, "{:.0}", self.to_jiff()),
        }
    }
}

impl FromStr for Timestamp {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(ms) = utc_text::read(text.as_bytes()) {
            return Ok(Self(ms));
        }
        text.parse::<jiff::Timestamp>()
            .map(Self::from)
            .map_err(|_| format!("`{text}` is not a time like `2026-11-20T09:30:00Z`"))
    }
}

/// A span's text was not of the form `1h30m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanError(String);

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a duration like `30s`, `5m` or `1h30m`", self.0)
    }
}

impl std::error::Error for SpanError {}

/// Units from the largest, in milliseconds; a year is 365 days, as in Prometheus.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let error = || SpanError(text.chars().take(60).collect());
        if text == "0" {
            return Ok(Self::ZERO);
        }
        let (sign, written) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (mut rest, mut total, mut smallest) = (written, 0_i64, i64::MAX);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
            let count: i64 = rest[..digits].parse().map_err(|_| error())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = UNITS.iter().find(|(name, _)| *name == &rest[..letters]).ok_or_else(error)?.1;
            if unit >= smallest {
                return Err(error());
            }
            smallest = unit;
            total = count.checked_mul(unit).and_then(|ms| total.checked_add(ms)).ok_or_else(error)?;
            rest = &rest[letters..];
        }
        let fits = smallest != i64::MAX && total <= SPAN_MAX.0;
        if fits { Ok(Self(sign * total)) } else { Err(error()) }
    }
}

/// The longest span that can be read. A time plus such a span can still be written as RFC 3339, whose years have four
/// digits: a fact that could not be read back would keep the program from starting.
const SPAN_MAX: Span = Span(1000 * 365 * 86_400_000);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        // Weeks and years are read, and written as days: people count outages in days.
        for (name, unit) in &UNITS[2..] {
            let unit = unit.unsigned_abs();
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a string")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                // A visitor, because `Cow<str>` is always read as an owned string.
                deserializer.deserialize_str(Text)
            }
        }
    };
}
serde_as_text!(Timestamp);
serde_as_text!(Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_prometheus_writes_them() {
        for (text, ms) in
            [("0", 0), ("15s", 15_000), ("1h30m", 5_400_000), ("250ms", 250), ("1w", 604_800_000)]
        {
            assert_eq!(text.parse::<Span>(), Ok(Span::from_millis(ms)), "{text}");
        }
        assert_eq!((-Span::from_secs(90)).to_string().parse(), Ok(-Span::from_secs(90)));
        for text in ["", "s", "1", "1m1h", "1m1m", "--1s", "-", "1.5h", "1001y", "99999999999999y"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!(Span::from_millis(90_061_250).to_string(), "1d1h1m1s250ms");
    }

    #[test]
    fn instants_read_and_write_as_jiff_does_in_every_year() {
        let mut rng = crate::Rng::new(7);
        let year_0 = -62_167_219_200_000_i64;
        let jiff_max = jiff::Timestamp::MAX.as_second() * 1000;
        let width = (jiff_max - year_0) as u64;
        let mut instants: Vec<i64> = (0..20_000).map(|_| year_0 + rng.below(width) as i64).collect();
        let days = (0..40_000).map(|day| day * 86_400_000 - 1 + i64::from(day % 2 == 0));
        instants.extend(days.chain([year_0 - 1, year_0, jiff_max, 0, -1]));
        for ms in instants {
            let instant = Timestamp::from_millis(ms);
            let whole = instant.floor(Span::from_secs(1));
            assert_eq!(whole.to_string(), format!("{:.0}", whole.to_jiff()));
            if instant != whole {
                assert_eq!(instant.to_string(), format!("{:.3}", instant.to_jiff()));
            }
            assert_eq!(instant.to_string().parse(), Ok(instant));
        }
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn only_instants_that_exist_are_read() {
        for text in ["2024-02-29T00:00:00Z", "2000-02-29T23:59:59Z", "2026-11-20T10:30:00.5+01:00"] {
            let by_jiff = Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
            assert_eq!(text.parse(), Ok(by_jiff), "{text}");
        }
        for text in [
            "",
            "2026-11-20",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-04-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.12xZ",
            "2026x01-01T00:00:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn instants_round_trip_and_floor_before_the_epoch() {
        let instant: Timestamp = "2026-11-20T09:30:07.125Z".parse().unwrap();
        assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        assert_eq!(instant.floor(Span::from_mins(1)).to_string(), "2026-11-20T09:30:00Z");
        assert_eq!(Timestamp::from_millis(-1).floor(Span::from_secs(1)).as_millis(), -1000);
    }
}
