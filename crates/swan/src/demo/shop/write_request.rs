//! A Prometheus remote write 1.0 request: one snappy block around one `prometheus.WriteRequest`.
//!
//! Format: prometheus.io, "Prometheus Remote-Write 1.0 specification"; protobuf.dev, "Encoding".

use kernel::Timestamp;

/// A series with its value of this moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series {
    pub(super) name: &'static str,
    /// One label beside the name and the job.
    pub(super) label: Option<(&'static str, &'static str)>,
    pub(super) value: u64,
}

/// The value of the `job` label of all series.
const JOB: &str = "agent";

/// A field of bytes: strings and messages.
const LENGTH_DELIMITED: u32 = 2;

/// The request's body.
pub(super) fn encode(series: &[Series], at: Timestamp) -> Vec<u8> {
    let mut request = Vec::new();
    for one in series {
        field(&mut request, 1, &time_series(*one, at));
    }
    snap::raw::Encoder::new()
        .compress_vec(&request)
        .expect("a few series are shorter than what snappy can hold")
}

fn time_series(series: Series, at: Timestamp) -> Vec<u8> {
    let mut labels = vec![("__name__", series.name), ("job", JOB)];
    labels.extend(series.label);
    labels.sort_unstable();
    let mut message = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        field(&mut label, 1, name.as_bytes());
        field(&mut label, 2, value.as_bytes());
        field(&mut message, 1, &label);
    }
    let mut sample = vec![1 << 3 | 1];
    sample.extend((series.value as f64).to_le_bytes());
    sample.push(2 << 3);
    // A negative int64 travels as its two's complement.
    varint(&mut sample, at.as_millis() as u64);
    field(&mut message, 2, &sample);
    message
}

fn field(message: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    varint(message, u64::from(number << 3 | LENGTH_DELIMITED));
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swans_decoder_reads_what_the_agent_writes() {
        let at: Timestamp = "2026-11-20T09:30:00.123Z".parse().unwrap();
        let series = [
            Series { name: "receipts_total", label: Some(("outcome", "sent")), value: 1_234_567 },
            Series { name: "search_workers", label: None, value: 0 },
        ];
        let body = encode(&series, at);
        let mut decoder = signals::remote_write::Decoder::default();
        let say = |series: signals::remote_write::Series<'_, '_>| {
            let labels: Vec<String> =
                series.labels().iter().map(|(name, value)| format!("{name}={value}")).collect();
            let sample = |(at, value): &(i64, f64)| format!("{value}@{}", Timestamp::from_millis(*at));
            let samples: Vec<String> = series.samples().iter().map(sample).collect();
            format!("{} {}", labels.join(","), samples.join(","))
        };
        let version = signals::remote_write::Version::V1;
        let decoded = decoder.decode(&body, version, |batch| {
            assert_eq!(batch.refused_count, 0);
            batch.series().map(say).collect::<Vec<String>>()
        });
        let read = decoded.unwrap();
        assert_eq!(
            read,
            [
                "__name__=receipts_total,job=agent,outcome=sent 1234567@2026-11-20T09:30:00.123Z",
                "__name__=search_workers,job=agent 0@2026-11-20T09:30:00.123Z",
            ]
        );
    }
}
