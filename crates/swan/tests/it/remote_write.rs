//! Requests of remote write, as senders write them: Protocol Buffers field by field
//! (prometheus.io/docs/specs/prw/remote_write_spec, protobuf.dev/programming-guides/encoding).

use crate::http::Caller;

/// One series with its samples, each with its time in milliseconds.
pub(crate) type Series = (Vec<(&'static str, &'static str)>, Vec<(i64, f64)>);

/// The message of a request of version 1.0, not yet packed.
pub(crate) fn message(all: &[Series]) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, samples) in all {
        let mut series = Vec::new();
        for (name, value) in labels {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut series, 1, &label);
        }
        for (at, value) in samples {
            let mut sample = Vec::new();
            double(&mut sample, 1, *value);
            number(&mut sample, 2, at.cast_unsigned());
            field(&mut series, 2, &sample);
        }
        field(&mut request, 1, &series);
    }
    request
}

/// The message of one native histogram, `latency`, with its buckets from 1 to 2 and from 8 to 16.
pub(crate) fn native_histogram(at_ms: i64) -> Vec<u8> {
    let mut label = Vec::new();
    field(&mut label, 1, b"__name__");
    field(&mut label, 2, b"latency");
    let mut histogram = Vec::new();
    double(&mut histogram, 2, 7.0);
    double(&mut histogram, 3, 12.5);
    // Signed numbers alternate: 1, the second bucket, is 2.
    for (offset, length) in [(2, 1), (4, 1)] {
        field(&mut histogram, 11, &[1 << 3, offset, 2 << 3, length]);
    }
    field(&mut histogram, 13, &[3.0_f64.to_le_bytes(), 4.0_f64.to_le_bytes()].concat());
    number(&mut histogram, 15, at_ms.cast_unsigned());
    let (mut series, mut request) = (Vec::new(), Vec::new());
    field(&mut series, 1, &label);
    field(&mut series, 4, &histogram);
    field(&mut request, 1, &series);
    request
}

/// Sends a request of version 1.0 that has to be taken.
pub(crate) fn write(to: &Caller, all: &[Series]) {
    send(to, &message(all));
}

/// Sends a message of version 1.0 that has to be taken.
pub(crate) fn send(to: &Caller, message: &[u8]) {
    let writer =
        to.clone().header("Content-Encoding", "snappy").header("X-Prometheus-Remote-Write-Version", "0.1.0");
    let answer = writer.post("/api/v1/write", "application/x-protobuf", &packed(message));
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// As one block of snappy.
pub(crate) fn packed(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

pub(crate) fn double(message: &mut Vec<u8>, place: u64, value: f64) {
    varint(message, place << 3 | 1);
    message.extend(value.to_le_bytes());
}

pub(crate) fn number(message: &mut Vec<u8>, place: u64, value: u64) {
    varint(message, place << 3);
    varint(message, value);
}

pub(crate) fn field(message: &mut Vec<u8>, place: u64, bytes: &[u8]) {
    varint(message, place << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

pub(crate) fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
