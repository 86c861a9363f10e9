//! Just enough protobuf for remote read: the request's fields in, the answer's messages out.
//!
//! Format: protobuf.dev, "Encoding"; the messages are those of Prometheus, `prompb/remote.proto` and
//! `prompb/types.proto`.

use kernel::Labels;
use promql::{BucketSpan, CounterResetHint, Histogram, MatchOp, Matcher, TimeRange};

pub(in super::super) use super::bits::zigzag;
use super::chunk::Chunk;

/// Queries in one request.
const QUERIES_MAX: usize = 1_000;
/// Matchers of one query.
const MATCHERS_MAX: usize = 1_000;

/// What is asked.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) queries: Vec<Query>,
    /// Forms of the answer that the client takes, the one that it likes best first, by their numbers.
    pub(super) accepted: Vec<u64>,
}

/// Series in a range.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) matchers: Vec<Matcher>,
    pub(super) range: TimeRange,
}

type Read<T> = Result<T, String>;

impl Request {
    pub(super) fn read(message: &[u8]) -> Read<Self> {
        let mut request = Self::default();
        for field in fields(message) {
            match field? {
                (1, Value::Bytes(query)) => request.queries.push(Query::read(query)?),
                (2, Value::Number(kind)) => request.accepted.push(kind),
                (2, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        request.accepted.push(varint(&mut packed)?);
                    }
                }
                _ => {}
            }
            if request.queries.len() > QUERIES_MAX || request.accepted.len() > QUERIES_MAX {
                return Err(format!("more than {QUERIES_MAX} queries in one request"));
            }
        }
        Ok(request)
    }
}

impl Query {
    fn read(message: &[u8]) -> Read<Self> {
        let (mut start, mut end, mut matchers) = (0, 0, Vec::new());
        for field in fields(message) {
            match field? {
                (1, Value::Number(ms)) => start = ms as i64,
                (2, Value::Number(ms)) => end = ms as i64,
                (3, Value::Bytes(matcher)) if matchers.len() < MATCHERS_MAX => {
                    matchers.push(read_matcher(matcher)?);
                }
                (3, Value::Bytes(_)) => {
                    return Err(format!("more than {MATCHERS_MAX} matchers in one query"));
                }
                // Hints of what the samples are for change nothing about which they are.
                _ => {}
            }
        }
        let at = kernel::Timestamp::from_millis;
        Ok(Self { matchers, range: TimeRange::new(at(start), at(end)) })
    }
}

fn read_matcher(message: &[u8]) -> Read<Matcher> {
    let (mut kind, mut name, mut value) = (0, "", "");
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| "a matcher is not UTF-8".to_owned());
    for field in fields(message) {
        match field? {
            (1, Value::Number(number)) => kind = number,
            (2, Value::Bytes(bytes)) => name = text(bytes)?,
            (3, Value::Bytes(bytes)) => value = text(bytes)?,
            _ => {}
        }
    }
    let op = match kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        other => return Err(format!("there is no matcher of type {other}")),
    };
    Matcher::new(name, op, value).map_err(|error| error.to_string())
}

enum Value<'m> {
    Number(u64),
    Bytes(&'m [u8]),
    Fixed,
}

/// The fields of a message, each with its number.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Read<(u64, Value<'_>)>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn next_field<'m>(rest: &mut &'m [u8]) -> Read<(u64, Value<'m>)> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Value::Fixed)?,
        2 => {
            let length = varint(rest)?;
            Value::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Value::Fixed)?,
        other => return Err(format!("there is no wire type {other}")),
    };
    Ok((tag >> 3, value))
}

fn take<'m>(rest: &mut &'m [u8], length: u64) -> Read<&'m [u8]> {
    let length = usize::try_from(length).ok().filter(|length| *length <= rest.len());
    let (taken, after) = rest.split_at(length.ok_or("the message ends within a field")?);
    *rest = after;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Read<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number has more than 64 bits".to_owned())
}

/// `QueryResult.timeseries`: one series with its samples.
pub(super) fn write_series(
    out: &mut Vec<u8>,
    labels: &Labels,
    floats: (&[i64], &[f64]),
    histograms: (&[i64], &[Histogram]),
) {
    let mut series = Vec::new();
    write_labels(&mut series, labels);
    for (at, value) in floats.0.iter().zip(floats.1) {
        message(&mut series, 2, |sample| {
            double(sample, 1, *value);
            number(sample, 2, *at as u64);
        });
    }
    for (at, histogram) in histograms.0.iter().zip(histograms.1) {
        message(&mut series, 4, |out| write_histogram(out, *at, histogram));
    }
    bytes(out, 1, &series);
}

/// `ChunkedReadResponse`: some chunks of one series.
pub(super) fn chunked(labels: &Labels, chunks: &[Chunk], query: usize) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, 1, |series| {
        write_labels(series, labels);
        for chunk in chunks {
            message(series, 2, |out| {
                number(out, 1, chunk.from_ms as u64);
                number(out, 2, chunk.to_ms as u64);
                number(out, 3, chunk.encoding as u64);
                bytes(out, 4, &chunk.data);
            });
        }
    });
    number(&mut out, 2, query as u64);
    out
}

fn write_labels(out: &mut Vec<u8>, labels: &Labels) {
    for (name, value) in labels.iter() {
        message(out, 1, |label| {
            bytes(label, 1, name.as_bytes());
            bytes(label, 2, value.as_bytes());
        });
    }
}

/// A `Histogram` of floating-point counts.
fn write_histogram(out: &mut Vec<u8>, at_ms: i64, histogram: &Histogram) {
    // Of a choice between two fields, the one that is there counts, also where it is 0.
    tag(out, 2, 1);
    out.extend_from_slice(&histogram.count.to_le_bytes());
    double(out, 3, histogram.sum);
    number(out, 4, zigzag(i64::from(histogram.schema)));
    double(out, 5, histogram.zero_threshold);
    tag(out, 7, 1);
    out.extend_from_slice(&histogram.zero_count.to_le_bytes());
    write_spans(out, 8, &histogram.negative.spans);
    doubles(out, 10, &histogram.negative.counts);
    write_spans(out, 11, &histogram.positive.spans);
    doubles(out, 13, &histogram.positive.counts);
    let hint = match histogram.counter_reset_hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    };
    number(out, 14, hint);
    number(out, 15, at_ms as u64);
    doubles(out, 16, &histogram.custom_bounds);
}

pub(in super::super) fn write_spans(out: &mut Vec<u8>, field: u64, spans: &[BucketSpan]) {
    for span in spans {
        message(out, field, |out| {
            number(out, 1, zigzag(i64::from(span.offset)));
            number(out, 2, u64::from(span.length));
        });
    }
}

/// A field with bytes, also where there are none.
pub(in super::super) fn bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    tag(out, field, 2);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(in super::super) fn message(out: &mut Vec<u8>, field: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes(out, field, &inner);
}

/// A field with a number; 0 is left out, which means 0.
pub(in super::super) fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        tag(out, field, 0);
        write_varint(out, value);
    }
}

pub(in super::super) fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    if value.to_bits() != 0 {
        tag(out, field, 1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

pub(in super::super) fn doubles(out: &mut Vec<u8>, field: u64, values: &[f64]) {
    if !values.is_empty() {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes(out, field, &packed);
    }
}

pub(in super::super) fn tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    write_varint(out, field << 3 | wire_type);
}

pub(in super::super) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Vec<u8> {
        let mut out = Vec::new();
        message(&mut out, 1, |query| {
            number(query, 1, (-5_i64) as u64);
            number(query, 2, 1_000);
            for (kind, name, value) in [(0, "__name__", "up"), (3, "job", "a|b.*")] {
                message(query, 3, |matcher| {
                    number(matcher, 1, kind);
                    bytes(matcher, 2, name.as_bytes());
                    bytes(matcher, 3, value.as_bytes());
                });
            }
            message(query, 4, |hints| number(hints, 1, 15_000));
        });
        bytes(&mut out, 2, &[1, 0]);
        out
    }

    #[test]
    fn a_request_is_read() {
        let request = Request::read(&request()).unwrap();
        assert_eq!(request.accepted, [1, 0]);
        let query = &request.queries[0];
        assert_eq!((query.range.start.as_millis(), query.range.end.as_millis()), (-5, 1_000));
        assert_eq!(query.matchers[0], Matcher::equal("__name__", "up"));
        assert_eq!(query.matchers[1], Matcher::new("job", MatchOp::NotRegex, "a|b.*").unwrap());
    }

    #[test]
    fn half_a_request_is_none_and_nothing_panics() {
        let whole = request();
        for end in 0..whole.len() {
            // Whatever comes of it: a field may end where the bytes do.
            _ = Request::read(&whole[..end]);
            let mut broken = whole.clone();
            broken[end] ^= 0xff;
            _ = Request::read(&broken);
        }
        assert!(Request::read(&whole[..5]).is_err());
        assert!(Request::read(&[0x0b]).is_err(), "groups are no part of it");
    }
}
