//! The last samples as delimited `io.prometheus.client.MetricFamily` messages, the only form of an exposition that has
//! room for native histograms with exponential buckets.
//!
//! Source: prometheus/client_model, `metrics.proto`. Counts are floating-point numbers; a histogram with custom buckets
//! is the classic one that it stands for.

use kernel::Labels;
use promql::{Histogram, METRIC_NAME};

use super::accept::Names;
use super::last::{Families, Form, Last, Value, cumulative};
use super::read::protobuf::{
    bytes, double, doubles, message, number, tag, write_spans, write_varint, zigzag,
};

/// Numbers of the types of metrics.
const UNTYPED: u64 = 3;
const HISTOGRAM: u64 = 4;
const GAUGE_HISTOGRAM: u64 = 5;
/// Bytes after which a family goes on as another message: scrapers read one message at a time.
const MESSAGE_BYTES: usize = 1 << 20;

/// The messages, each after its length.
pub(super) fn written(all: Families, names: Names) -> impl Iterator<Item = Vec<u8>> + Send {
    all.into_iter().flat_map(move |((name, form), family)| {
        let mut head = Vec::new();
        bytes(&mut head, 1, names.shown(&name).as_bytes());
        // The number of a counter is 0, so what is no counter always says what it is.
        let kind = match form {
            Form::Float => UNTYPED,
            Form::Histogram => HISTOGRAM,
            Form::GaugeHistogram => GAUGE_HISTOGRAM,
        };
        number(&mut head, 3, kind);
        let mut series = family.into_values().peekable();
        std::iter::from_fn(move || {
            series.peek()?;
            let mut family = head.clone();
            while family.len() < MESSAGE_BYTES
                && let Some(last) = series.next()
            {
                message(&mut family, 4, |out| metric(out, &last, names));
            }
            let mut delimited = Vec::with_capacity(family.len() + 10);
            write_varint(&mut delimited, family.len() as u64);
            delimited.append(&mut family);
            Some(delimited)
        })
    })
}

fn metric(out: &mut Vec<u8>, last: &Last, names: Names) {
    labels(out, &last.labels, names);
    match &last.value {
        Value::Float(value) => message(out, 5, |untyped| double(untyped, 1, *value)),
        Value::Histogram(histogram) => message(out, 7, |out| match histogram.has_custom_buckets() {
            true => classic(out, histogram),
            false => native(out, histogram),
        }),
    }
    number(out, 6, last.at_ms as u64);
}

/// A series without `instance` says so: otherwise the reader would give it its own.
fn labels(out: &mut Vec<u8>, labels: &Labels, names: Names) {
    let instance = labels.get("instance").is_none().then_some(("instance", ""));
    for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME).chain(instance) {
        message(out, 1, |pair| {
            bytes(pair, 1, names.shown(name).as_bytes());
            bytes(pair, 2, value.as_bytes());
        });
    }
}

fn classic(out: &mut Vec<u8>, histogram: &Histogram) {
    double(out, 2, histogram.sum);
    fixed(out, 4, histogram.count);
    for (bound, below) in cumulative(histogram) {
        message(out, 3, |bucket| {
            fixed(bucket, 2, bound);
            fixed(bucket, 4, below);
        });
    }
}

fn native(out: &mut Vec<u8>, histogram: &Histogram) {
    double(out, 2, histogram.sum);
    fixed(out, 4, histogram.count);
    number(out, 5, zigzag(i64::from(histogram.schema)));
    double(out, 6, histogram.zero_threshold);
    fixed(out, 8, histogram.zero_count);
    write_spans(out, 9, &histogram.negative.spans);
    doubles(out, 11, &histogram.negative.counts);
    if histogram.positive.spans.is_empty() {
        // An empty span tells a native histogram without a bucket from a classic one.
        message(out, 12, |_| {});
    }
    write_spans(out, 12, &histogram.positive.spans);
    doubles(out, 14, &histogram.positive.counts);
}

/// A number that is there also where it is 0: which of two fields is there says what the other numbers are.
fn fixed(out: &mut Vec<u8>, field: u64, value: f64) {
    tag(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use promql::{BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint};
    use signals::exposition::{Entry, Histograms, Protocol, Rules, parse};

    use super::*;

    fn histogram(schema: i8, spans: Vec<BucketSpan>, counts: Vec<f64>) -> Histogram {
        Histogram {
            counter_reset_hint: CounterResetHint::Unknown,
            schema,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: counts.iter().fold(0.0, |sum, count| sum + count),
            sum: 12.5,
            positive: Buckets { spans, counts },
            negative: Buckets::default(),
            custom_bounds: [].into(),
        }
    }

    /// What Swan's own reader of the format makes of the messages.
    fn read(series: Vec<(&[(&str, &str)], Value)>, names: Names) -> Vec<String> {
        let mut all = Families::new();
        for (labels, value) in series {
            let labels = Labels::new(labels.iter().copied()).unwrap();
            let name = labels.get(METRIC_NAME).unwrap().to_owned();
            let family = all.entry((name, value.form())).or_default();
            family.insert(labels.clone(), Last { labels, at_ms: 1500, value });
        }
        let body: Vec<u8> = written(all, names).flatten().collect();
        let mut said = Vec::new();
        let native = Histograms { native: true, classic_too: false };
        let tell = |entry: Entry<'_, '_>| {
            said.push(match entry {
                Entry::Type { name, kind } => format!("{name} is {kind:?}"),
                Entry::Sample(sample) => {
                    assert_eq!(sample.timestamp_ms, Some(1500));
                    format!("{}{:?} {}", sample.name, sample.labels, sample.value)
                }
                Entry::Histogram(sample) => {
                    assert_eq!(sample.timestamp_ms, Some(1500));
                    format!("{}{:?} {:?}", sample.name, sample.labels, sample.histogram)
                }
                other => format!("{other:?}"),
            })
        };
        parse(&body, Protocol::MetricFamilies, Rules::Grammar, native, tell).unwrap();
        said
    }

    #[test]
    fn numbers_and_names_are_read_back() {
        let series: Vec<(&[(&str, &str)], Value)> = vec![
            (&[("__name__", "up"), ("instance", "a:1")], Value::Float(1.0)),
            (&[("__name__", "up"), ("job", "b")], Value::Float(0.0)),
            (&[("__name__", "load.avg"), ("a b", "1"), ("instance", "x")], Value::Float(f64::INFINITY)),
        ];
        let said = read(series, Names::Any);
        assert_eq!(
            said,
            [
                "load.avg is Unknown",
                r#"load.avg[("a b", "1"), ("instance", "x")] inf"#,
                "up is Unknown",
                r#"up[("instance", "a:1")] 1"#,
                r#"up[("job", "b")] 0"#,
            ]
        );
        let series: Vec<(&[(&str, &str)], Value)> =
            vec![(&[("__name__", "a.b"), ("c d", "1")], Value::Float(-1.5))];
        assert_eq!(read(series, Names::Old), ["a_b is Unknown", r#"a_b[("c_d", "1")] -1.5"#]);
    }

    #[test]
    fn native_histograms_are_read_back_whole() {
        let spans = vec![BucketSpan { offset: -2, length: 1 }, BucketSpan { offset: 3, length: 2 }];
        let mut full = histogram(3, spans, vec![1.0, 4.5, 2.0]);
        (full.zero_threshold, full.zero_count) = (0.001, 2.0);
        full.negative = Buckets { spans: vec![BucketSpan { offset: 1, length: 1 }], counts: vec![0.5] };
        full.count = 10.0;
        let mut gauge = histogram(-4, Vec::new(), Vec::new());
        gauge.counter_reset_hint = CounterResetHint::Gauge;
        let said = read(
            vec![
                (&[("__name__", "d"), ("instance", "a")], Value::Histogram(full)),
                (&[("__name__", "d"), ("instance", "b")], Value::Histogram(gauge)),
            ],
            Names::Any,
        );
        assert_eq!(said[0], "d is Histogram");
        for part in [
            "schema: 3, zero_threshold: 0.001, zero_count: 2.0, count: 10.0, sum: 12.5",
            "[Span { offset: -2, length: 1 }, Span { offset: 3, length: 2 }], counts: [1.0, 4.5, 2.0]",
            "[Span { offset: 1, length: 1 }], counts: [0.5]",
        ] {
            assert!(said[1].contains(part), "{}", said[1]);
        }
        assert_eq!(said[2], "d is GaugeHistogram");
        assert!(
            said[3].contains("schema: -4, zero_threshold: 0.0, zero_count: 0.0, count: 0.0, sum: 12.5"),
            "{}",
            said[3]
        );
    }

    #[test]
    fn custom_buckets_are_a_classic_histogram() {
        let mut custom =
            histogram(CUSTOM_BUCKETS_SCHEMA, vec![BucketSpan { offset: 0, length: 3 }], vec![1.0, 4.0, 2.0]);
        custom.custom_bounds = [0.5, 1.0].into();
        let said =
            read(vec![(&[("__name__", "d"), ("instance", "a")], Value::Histogram(custom))], Names::Any);
        let instance = r#"("instance", "a")"#;
        let bucket = |bound: &str, count: u32| format!(r#"d_bucket[{instance}, ("le", "{bound}")] {count}"#);
        assert_eq!(
            said,
            [
                "d is Histogram".to_owned(),
                format!("d_count[{instance}] 7"),
                format!("d_sum[{instance}] 12.5"),
                bucket("0.5", 1),
                bucket("1.0", 5),
                bucket("+Inf", 7),
            ]
        );
    }
}
