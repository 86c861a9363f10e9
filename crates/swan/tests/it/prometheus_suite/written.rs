//! What a script loads, as a sender of remote write 2.0 says it
//! (prometheus.io/docs/specs/prw/remote_write_spec_2_0, `io.prometheus.write.v2.Request`).

use kernel::Timestamp;
use promql::{Buckets, CounterResetHint, Histogram};

use super::script::{Loaded, LoadedSample, Written};
use crate::http::Caller;
use crate::remote_write::{double, field, number, packed, varint};

/// Sends the series, all of which have to be taken.
pub(crate) fn send(to: &Caller, all: &[Loaded]) -> Result<(), String> {
    let body = packed(&request(all));
    let sender =
        to.clone().header("Content-Encoding", "snappy").header("X-Prometheus-Remote-Write-Version", "2.0.0");
    let proto = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let answer = sender.post("/api/v1/write", proto, &body);
    if answer.status == 204 { Ok(()) } else { Err(format!("{answer:?}")) }
}

fn request(all: &[Loaded]) -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut place = |text: &str| match symbols.iter().position(|symbol| symbol == text) {
        Some(place) => place as u64,
        None => {
            symbols.push(text.to_owned());
            symbols.len() as u64 - 1
        }
    };
    let mut request = Vec::new();
    for loaded in all {
        let mut labels = Vec::new();
        for (name, value) in loaded.labels.iter() {
            varint(&mut labels, place(name));
            varint(&mut labels, place(value));
        }
        let mut series = Vec::new();
        field(&mut series, 1, &labels);
        for sample in &loaded.samples {
            match &sample.value {
                Written::Omitted => {}
                Written::Float(value) => field(&mut series, 2, &float(sample, *value)),
                Written::Histogram(value, _) => field(&mut series, 3, &histogram(sample, value)),
            }
        }
        if loaded.samples.iter().any(|sample| !matches!(sample.value, Written::Omitted)) {
            field(&mut request, 5, &series);
        }
    }
    symbols.iter().for_each(|symbol| field(&mut request, 4, symbol.as_bytes()));
    request
}

fn start(sample: &LoadedSample) -> u64 {
    sample.start.map_or(0, Timestamp::as_millis).cast_unsigned()
}

fn float(sample: &LoadedSample, value: f64) -> Vec<u8> {
    let mut message = Vec::new();
    double(&mut message, 1, value);
    number(&mut message, 2, sample.at.as_millis().cast_unsigned());
    number(&mut message, 3, start(sample));
    message
}

/// Of floats, as scripts have them.
fn histogram(sample: &LoadedSample, value: &Histogram) -> Vec<u8> {
    let mut message = Vec::new();
    double(&mut message, 2, value.count);
    double(&mut message, 3, value.sum);
    number(&mut message, 4, zigzag(value.schema.into()));
    double(&mut message, 5, value.zero_threshold);
    double(&mut message, 7, value.zero_count);
    side(&mut message, (8, 10), &value.negative);
    side(&mut message, (11, 13), &value.positive);
    let hint = match value.counter_reset_hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    };
    number(&mut message, 14, hint);
    number(&mut message, 15, sample.at.as_millis().cast_unsigned());
    doubles(&mut message, 16, &value.custom_bounds);
    number(&mut message, 17, start(sample));
    message
}

/// Spans and counts, each at its place.
fn side(message: &mut Vec<u8>, (spans, counts): (u64, u64), side: &Buckets) {
    for span in &side.spans {
        let mut one = Vec::new();
        number(&mut one, 1, zigzag(span.offset.into()));
        number(&mut one, 2, span.length.into());
        field(message, spans, &one);
    }
    doubles(message, counts, &side.counts);
}

fn doubles(message: &mut Vec<u8>, place: u64, values: &[f64]) {
    if !values.is_empty() {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        field(message, place, &bytes);
    }
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}
