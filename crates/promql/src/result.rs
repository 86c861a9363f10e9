//! What a query gives, and how the Prometheus HTTP API writes it.

use std::io::Write;
use std::sync::Arc;

use kernel::{Labels, Timestamp};

use crate::{Annotations, Histogram, ValueType, number};

/// What a query gives, with what is worth knowing of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The values.
    pub result: QueryResult,
    /// Warnings and hints.
    pub annotations: Annotations,
}

/// A number or a distribution.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// A series with its points, sorted by time. No instant is in both lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Points {
    /// All labels.
    pub labels: Labels,
    /// Numbers.
    pub floats: Vec<(Timestamp, f64)>,
    /// Native histograms.
    pub histograms: Vec<(Timestamp, Arc<Histogram>)>,
}

/// What a query gives.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryResult {
    /// One number.
    Scalar(Timestamp, f64),
    /// A text.
    String(Timestamp, String),
    /// One value per series at the evaluated instant: sorted by labels, or as `sort` and `topk` have it.
    Vector(Vec<(Labels, Timestamp, Value)>),
    /// The values of each series at the steps at which it has one; sorted by labels.
    Matrix(Vec<Points>),
}

impl QueryResult {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            QueryResult::Scalar(..) => ValueType::Scalar,
            QueryResult::String(..) => ValueType::String,
            QueryResult::Vector(_) => ValueType::Vector,
            QueryResult::Matrix(_) => ValueType::Matrix,
        }
    }

    /// Appends the `data` object of a query's answer in the Prometheus HTTP API:
    /// `{"resultType":"vector","result":[{"metric":{…},"value":[1435781451.781,"1"]}]}`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"resultType\":\"");
        out.extend_from_slice(self.value_type().as_str().as_bytes());
        out.extend_from_slice(b"\",\"result\":");
        match self {
            // A scalar has no exponent here, however many digits that takes; values of series may.
            QueryResult::Scalar(at, value) => {
                out.push(b'[');
                write_timestamp(out, *at);
                out.push(b',');
                write_text(out, &number::decimal(*value));
                out.push(b']');
            }
            QueryResult::String(at, text) => {
                out.push(b'[');
                write_timestamp(out, *at);
                out.push(b',');
                write_text(out, text);
                out.push(b']');
            }
            QueryResult::Vector(samples) => {
                write_list(out, b'[', b']', samples, |out, (labels, at, value)| {
                    out.extend_from_slice(b"{\"metric\":");
                    write_labels(out, labels);
                    match value {
                        Value::Float(value) => {
                            out.extend_from_slice(b",\"value\":");
                            write_point(out, *at, *value);
                        }
                        Value::Histogram(histogram) => {
                            out.extend_from_slice(b",\"histogram\":");
                            write_histogram_point(out, *at, histogram);
                        }
                    }
                    out.push(b'}');
                })
            }
            QueryResult::Matrix(all) => {
                write_list(out, b'[', b']', all, |out, points| points.write_json(out))
            }
        }
        out.push(b'}');
    }
}

impl Points {
    /// Appends one series of a matrix: `{"metric":{…},"values":[[1435781451.781,"1"]],"histograms":[…]}`, each list
    /// only where it has something.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"metric\":");
        write_labels(out, &self.labels);
        if !self.floats.is_empty() {
            out.extend_from_slice(b",\"values\":");
            write_list(out, b'[', b']', &self.floats, |out, (at, value)| write_point(out, *at, *value));
        }
        if !self.histograms.is_empty() {
            out.extend_from_slice(b",\"histograms\":");
            write_list(out, b'[', b']', &self.histograms, |out, (at, histogram)| {
                write_histogram_point(out, *at, histogram);
            });
        }
        out.push(b'}');
    }
}

fn write_histogram_point(out: &mut Vec<u8>, at: Timestamp, histogram: &Histogram) {
    out.push(b'[');
    write_timestamp(out, at);
    out.push(b',');
    write_histogram(out, histogram);
    out.push(b']');
}

/// `{"count":"42","sum":"3.5","buckets":[[0,"0.25","0.5","12"]]}`: of each populated bucket which bounds belong to it
/// (0 the upper, 1 the lower, 2 none, 3 both), its bounds and its count.
pub(crate) fn write_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    let quoted = |out: &mut Vec<u8>, value: f64| {
        out.push(b'"');
        number::write(out, value);
        out.push(b'"');
    };
    out.extend_from_slice(b"{\"count\":");
    quoted(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    quoted(out, histogram.sum);
    let populated: Vec<_> = histogram.buckets().filter(|bucket| bucket.count != 0.0).collect();
    if !populated.is_empty() {
        out.extend_from_slice(b",\"buckets\":");
        write_list(out, b'[', b']', populated, |out, bucket| {
            let rule = match (bucket.has_lower, bucket.has_upper) {
                (false, true) => b'0',
                (true, false) => b'1',
                (false, false) => b'2',
                (true, true) => b'3',
            };
            out.extend_from_slice(&[b'[', rule]);
            for value in [bucket.lower, bucket.upper, bucket.count] {
                out.push(b',');
                quoted(out, value);
            }
            out.push(b']');
        });
    }
    out.push(b'}');
}

impl ValueType {
    /// As the API names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::String => "string",
            ValueType::Vector => "vector",
            ValueType::Matrix => "matrix",
        }
    }
}

pub(crate) fn write_list<T>(
    out: &mut Vec<u8>,
    open: u8,
    close: u8,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(close);
}

fn write_point(out: &mut Vec<u8>, at: Timestamp, value: f64) {
    out.push(b'[');
    write_timestamp(out, at);
    out.extend_from_slice(b",\"");
    number::write(out, value);
    out.extend_from_slice(b"\"]");
}

/// Seconds, with three decimals where there is a fraction.
fn write_timestamp(out: &mut Vec<u8>, at: Timestamp) {
    let ms = at.as_millis();
    let (secs, fraction) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    if ms < 0 {
        out.push(b'-');
    }
    number::write_integer(out, secs);
    if fraction > 0 {
        let digit = |place: u64| b'0' + (fraction / place % 10) as u8;
        out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
    }
}

fn write_labels(out: &mut Vec<u8>, labels: &Labels) {
    write_list(out, b'{', b'}', labels.iter(), |out, (name, value)| {
        write_text(out, name);
        out.push(b':');
        write_text(out, value);
    });
}

pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => write!(out, "\\u{byte:04x}").expect("a Vec takes all that is written to it"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(result: &QueryResult) -> String {
        let mut out = Vec::new();
        result.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn results_are_written_as_the_prometheus_api_does() {
        let at = Timestamp::from_millis;
        let labels = Labels::new([("__name__", "up"), ("job", "a\"\n\u{1}ü")]).unwrap();
        assert_eq!(
            json(&QueryResult::Vector(vec![(labels, at(1_435_781_451_781), Value::Float(1.0))])),
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a\"\n\u0001ü"},"value":[1435781451.781,"1"]}]}"#
        );
        assert_eq!(
            json(&QueryResult::Matrix(vec![Points {
                floats: vec![(at(-1500), 0.5), (at(60_000), f64::INFINITY), (at(60_005), f64::NAN)],
                ..Points::default()
            }])),
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[-1.500,"0.5"],[60,"+Inf"],[60.005,"NaN"]]}]}"#
        );
        for (value, written) in [
            (1e21, "1000000000000000000000"),
            (1e-10, "0.0000000001"),
            (123_456_789_012_345_678.0, "123456789012345680"),
            (0.1 + 0.2, "0.30000000000000004"),
            (-0.0, "-0"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(
                json(&QueryResult::Scalar(at(0), value)),
                format!(r#"{{"resultType":"scalar","result":[0,"{written}"]}}"#)
            );
        }
        assert_eq!(
            json(&QueryResult::String(at(1000), "a".into())),
            r#"{"resultType":"string","result":[1,"a"]}"#
        );
        assert_eq!(json(&QueryResult::Vector(vec![])), r#"{"resultType":"vector","result":[]}"#);
    }
}
