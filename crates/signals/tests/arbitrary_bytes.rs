//! No input makes a parser panic, and what a parser accepts means what was written.
//! `PROPTEST_CASES=100000` makes a long run of it.

use kernel::{Span, Timestamp};
use proptest::prelude::*;
use signals::access_log::{self, DateCache};
use signals::exposition::{self, Entry, Histograms, Protocol, Rules};
use signals::remote_write::{Batch, Decoder, Version};
use signals::replay::{LogFormat, Replay};
use signals::{FailedWhen, events, nginx_status};

/// Gives these bytes to every parser; a panic is the failure.
fn every_parser(bytes: &[u8]) {
    let whole = access_log::parse(bytes);
    let outcome = access_log::parse_outcome(bytes, &mut DateCache::default());
    assert_eq!(whole.is_ok(), outcome.is_ok(), "the two readers of a line accept the same");
    if let (Ok(line), Ok(outcome)) = (whole, outcome) {
        assert_eq!((line.at, line.status), (outcome.at, outcome.status));
        let fields = [line.user, line.method, line.path, line.protocol, line.referer, line.agent];
        for field in fields.into_iter().flatten().chain([line.host, line.request]) {
            let _ = (field.text(), field.ip());
        }
    }
    let report = events::parse(bytes, |event| assert!(event.count > 0 && !event.service.is_empty()));
    assert!(report.errors.len() as u64 <= report.refused);
    let _ = nginx_status::parse(bytes);
    for protocol in [Protocol::Text, Protocol::OpenMetrics, Protocol::MetricFamilies] {
        for rules in [Rules::Grammar, Rules::Strict] {
            let mut samples = 0;
            let count = exposition::parse(bytes, protocol, rules, BOTH, |entry| {
                samples += u64::from(matches!(entry, Entry::Sample(_) | Entry::Histogram(_)));
            });
            if let Ok(count) = count {
                assert_eq!(count, samples);
            }
        }
    }
    let mut decoder = Decoder::default();
    let wrapped = snap::raw::Encoder::new().compress_vec(bytes).expect("small");
    for version in [Version::V1, Version::V2] {
        let _ = decoder.decode(bytes, version, |_| ());
        let _ = decoder.decode(&wrapped, version, holds_together);
    }
    for format in [LogFormat::Combined, LogFormat::Json, LogFormat::NginxPlusStatus] {
        let mut replay =
            Replay::new(format, Span::from_mins(1), FailedWhen::default()).expect("5xx is a class");
        let (a, b) = bytes.split_at(bytes.len() / 2);
        replay.feed(a);
        replay.feed(b);
        let found = replay.finish();
        let in_slices = found.slices.values().fold(0_u64, |sum, count| sum.saturating_add(count.total()));
        assert_eq!(in_slices, found.requests);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<FailedWhen>();
        let _ = text.parse::<LogFormat>();
    }
}

const BOTH: Histograms = Histograms { native: true, classic_too: true };

fn text(body: &[u8], entry: impl FnMut(Entry<'_, '_>)) -> Result<u64, signals::Malformed> {
    exposition::parse(body, Protocol::Text, Rules::Strict, BOTH, entry)
}

fn holds_together(batch: &Batch<'_>) {
    for series in batch.series() {
        let names: Vec<&str> = series.labels().iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted_by(|a, b| a < b) && names.contains(&"__name__"));
        assert!(series.labels().iter().all(|(name, value)| !name.is_empty() && !value.is_empty()));
        assert!(series.histograms().iter().all(|stamped| stamped.histogram.check().is_ok()));
        for exemplar in series.exemplars() {
            assert!(exemplar.labels.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
    let samples: usize = batch.series().map(|series| series.samples().len()).sum();
    assert_eq!(samples, batch.samples_count());
}

const GOOD: [&[u8]; 6] = [
    br#"::1 - a b [17/May/2015:10:05:03 +0000] "GET /\"x\" HTTP/1.1" 404 7 "\\" "a \"b\" \x41""#,
    br#"{"service":"shop","time":"2026-11-20T09:30:00Z","outcome":"failed","latency_ms":12.3,"route":"/c","count":4}"#,
    br#"{"version":6,"address":"a","generation":1,"load_timestamp":1,"timestamp":2,"server_zones":{"a":{"responses":{"1xx":0,"2xx":1,"3xx":0,"4xx":0,"5xx":1,"total":2}}}}"#,
    b"# HELP a b\\n\n# TYPE a counter\na{b=\"c\\\"\",d=\"e\"} 1e9 1795167000000\n{\"x.y\",\"z\"=\"1\"} NaN\n",
    b"\x0a\x2a\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x06\x0a\x01j\x12\x01s\x12\x10\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07\x1a\x00\x22\x00",
    b"5xx,429,100",
];

#[derive(Debug, Clone)]
enum Edit {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Double(prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(&b" \"\\[]{}:,-0159\n\x00\x7f\x80\xff"[..])];
    let edit = (any::<prop::sample::Index>(), byte, 0..5).prop_map(|(at, byte, kind)| match kind {
        0 => Edit::Replace(at, byte),
        1 => Edit::Insert(at, byte),
        2 => Edit::Remove(at),
        3 => Edit::Cut(at),
        _ => Edit::Double(at),
    });
    prop::collection::vec(edit, 1..6)
}

fn edited(good: &[u8], edits: Vec<Edit>) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for edit in edits {
        if bytes.is_empty() {
            break;
        }
        match edit {
            Edit::Replace(at, byte) => *at.get_mut(&mut bytes) = byte,
            Edit::Insert(at, byte) => bytes.insert(at.index(bytes.len()), byte),
            Edit::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Edit::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Edit::Double(at) => bytes.extend_from_within(at.index(bytes.len())..),
        }
    }
    bytes
}

#[test]
fn the_good_examples_are_good() {
    assert!(access_log::parse(GOOD[0]).is_ok());
    assert!(events::parse_line(GOOD[1]).is_ok());
    assert!(nginx_status::parse(GOOD[2]).is_ok());
    assert_eq!(text(GOOD[3], |_| {}), Ok(2));
    let mut decoder = Decoder::default();
    let body = snap::raw::Encoder::new().compress_vec(GOOD[4]).unwrap();
    assert_eq!(decoder.decode(&body, Version::V1, |batch| batch.samples_count()), Ok(1));
    assert!(std::str::from_utf8(GOOD[5]).unwrap().parse::<FailedWhen>().is_ok());
    GOOD.iter().for_each(|good| every_parser(good));
}

/// A length-delimited protobuf field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut out = vec![number << 3 | 2];
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

/// A label as senders write it, or value first, as protobuf allows.
fn label(name: &str, value: &str, value_first: bool) -> Vec<u8> {
    let (name, value) = (field(1, name.as_bytes()), field(2, value.as_bytes()));
    field(1, &if value_first { [value, name] } else { [name, value] }.concat())
}

proptest! {
    #[test]
    fn no_parser_panics_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        every_parser(&bytes);
    }

    #[test]
    fn no_parser_panics_on_a_good_input_with_a_few_edits(good in prop::sample::select(&GOOD[..]), edits in edits()) {
        every_parser(&edited(good, edits));
    }

    #[test]
    fn an_access_log_line_reads_as_it_was_written(
        secs in -62_000_000_000_i64..253_000_000_000,
        offset_minutes in -14 * 60..14 * 60_i64,
        status in 100..600_u16,
        bytes in prop::option::of(0..u64::from(u32::MAX)),
        user in "[a-z\\[\\] ]{0,12}[a-z]",
        path in "/[ -~é]{0,40}",
        agent in "[ -~]{0,40}",
    ) {
        let civil = jiff::Timestamp::from_second(secs + offset_minutes * 60).unwrap().strftime("%d/%b/%Y:%H:%M:%S").to_string();
        let sign = if offset_minutes < 0 { '-' } else { '+' };
        let minutes = offset_minutes.abs();
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let written_bytes = bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
        let line = format!(
            "2001:db8::1 - {user} [{civil} {sign}{:02}{:02}] \"GET {} HTTP/1.1\" {status} {written_bytes} \"-\" \"{}\"\n",
            minutes / 60, minutes % 60, escaped(&path), escaped(&agent),
        );
        let read = access_log::parse(line.as_bytes()).unwrap();
        prop_assert_eq!(read.at, Timestamp::from_secs(secs));
        prop_assert_eq!((read.status, read.bytes), (status, bytes));
        let user_read = read.user.unwrap().text();
        prop_assert_eq!(user_read.as_ref(), user.as_str());
        let path_read = read.path.unwrap().text();
        prop_assert_eq!(path_read.as_ref(), path.as_str());
        if agent != "-" {
            let agent_read = read.agent.unwrap().text();
            prop_assert_eq!(agent_read.as_ref(), agent.as_str());
        }
    }

    #[test]
    fn a_sample_reads_as_it_was_written(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,10}",
        value in any::<f64>(),
        at in prop::option::of(any::<i64>()),
        label_values in prop::collection::vec("[ -~é\\\\\"\n]{1,20}", 0..5),
    ) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            label_values.iter().enumerate().map(|(i, value)| format!("l{i}=\"{}\"", escaped(value))).collect();
        let at_text = at.map_or(String::new(), |at| format!(" {at}"));
        let line = format!("{name}{{{}}} {value:?}{at_text}\n", labels.join(","));
        let mut seen = None;
        let count = text(line.as_bytes(), |entry| {
            if let Entry::Sample(sample) = entry {
                let values: Vec<String> = sample.labels.iter().map(|(_, value)| value.to_string()).collect();
                seen = Some((sample.name.to_owned(), values, sample.value.to_bits(), sample.timestamp_ms));
            }
        });
        prop_assert_eq!(count, Ok(1));
        prop_assert_eq!(seen, Some((name, label_values, value.to_bits(), at)));
    }

    #[test]
    fn an_event_reads_as_it_was_written(
        service in "[a-z\"\\\\é]{1,20}",
        ms in 100_000_000_000_i64..253_000_000_000_000,
        status in 100..600_u16,
        count in 1..1_000_000_u64,
        latency in 0.0..1e6_f64,
    ) {
        let line = serde_json::json!({
            "service": service, "time": ms, "status": status, "count": count, "latency_ms": latency,
        }).to_string();
        let event = events::parse_line(line.as_bytes()).unwrap();
        prop_assert_eq!(event.service.as_ref(), service.as_str());
        prop_assert_eq!(event.time, Some(Timestamp::from_millis(ms)));
        prop_assert_eq!(event.outcome, events::Outcome::Status(status));
        prop_assert_eq!((event.count, event.latency_ms), (count, Some(latency)));
    }

    #[test]
    fn a_series_reads_as_it_was_sent(
        labels in prop::collection::btree_map("[a-zé_]{1,9}", ("[a-zé]{1,9}|[a-zé]{60,70}|[a-z]{120,300}", any::<bool>()), 0..8),
        order in any::<u64>(),
        samples in prop::collection::vec((any::<f64>(), any::<i64>()), 0..5),
    ) {
        let mut parts: Vec<Vec<u8>> =
            labels.iter().map(|(name, (value, value_first))| label(name, value, *value_first)).collect();
        parts.push(label("__name__", "up", false));
        parts.extend(samples.iter().map(|(value, at)| {
            let mut message = vec![0x09];
            message.extend(value.to_le_bytes());
            message.push(0x10);
            let mut at = at.cast_unsigned();
            while at >= 0x80 {
                message.push((at & 0x7f) as u8 | 0x80);
                at >>= 7;
            }
            message.push(at as u8);
            field(2, &message)
        }));
        // Rotated, so that labels come after samples too; samples keep their order within the rotation.
        let turn = (order % (labels.len() as u64 + 1)) as usize;
        parts.rotate_left(turn);
        let series = field(1, &parts.concat());
        let body = snap::raw::Encoder::new().compress_vec(&[series.clone(), series].concat()).unwrap();
        let mut decoder = Decoder::default();
        let mut expected: Vec<(&str, &str)> =
            labels.iter().map(|(name, (value, _))| (name.as_str(), value.as_str())).collect();
        expected.push(("__name__", "up"));
        expected.sort_unstable();
        let read = decoder.decode(&body, Version::V1, |batch| {
            prop_assert_eq!((batch.series().len(), batch.refused_count), (2, 0));
            for series in batch.series() {
                prop_assert_eq!(series.labels(), expected.as_slice());
                let read: Vec<_> = series.samples().iter().map(|(at, value)| (value.to_bits(), *at)).collect();
                prop_assert_eq!(read, samples.iter().map(|(v, at)| (v.to_bits(), *at)).collect::<Vec<_>>());
            }
            Ok(())
        });
        read.expect("it is well-formed")?;
    }
}
