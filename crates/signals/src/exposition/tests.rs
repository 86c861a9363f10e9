use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

use super::*;

const BOTH: Histograms = Histograms { native: true, classic_too: true };

fn read_as(protocol: Protocol, rules: Rules, body: &[u8]) -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    let count = parse(body, protocol, rules, BOTH, |entry| {
        let shown = |labels: &[Label<'_>]| {
            labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect::<Vec<_>>().join(",")
        };
        let example =
            |e: &Exemplar<'_>| format!(" #{{{}}} {} {:?}", shown(&e.labels), e.value, e.timestamp_ms);
        seen.push(match entry {
            Entry::Sample(Sample { name, labels, value, timestamp_ms, exemplar }) => {
                let exemplar = exemplar.map_or_else(String::new, example);
                format!("{name}{{{}}} {value} {timestamp_ms:?}{exemplar}", shown(labels))
            }
            Entry::Histogram(NativeSample { name, labels, histogram, timestamp_ms, exemplars }) => {
                let examples: String = exemplars.iter().map(example).collect();
                format!(
                    "{name}{{{}}} schema {} count {} sum {} {:?} {timestamp_ms:?}{examples}",
                    shown(labels),
                    histogram.schema,
                    histogram.count,
                    histogram.sum,
                    histogram.positive.counts
                )
            }
            other => format!("{other:?}"),
        });
    });
    count.map(|_| seen).map_err(|error| error.to_string())
}

fn read(body: &str) -> Result<Vec<String>, String> {
    read_as(Protocol::Text, Rules::Grammar, body.as_bytes())
}

#[test]
fn the_example_of_the_formats_documentation_reads() {
    let body = "\
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000
http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem=\"division by zero\"} +Inf -3982045

rpc_duration_seconds{quantile=\"0.01\",} NaN
";
    assert_eq!(
        read(body).unwrap(),
        [
            r#"Help { name: "http_requests_total", text: "The total number of HTTP requests." }"#,
            r#"Type { name: "http_requests_total", kind: Counter }"#,
            r#"http_requests_total{method="post",code="200"} 1027 Some(1395066363000)"#,
            r#"http_requests_total{method="post",code="400"} 3 Some(1395066363000)"#,
            r#"msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1458255915 None"#,
            r"metric_without_timestamp_and_labels{} 12.47 None",
            r#"something_weird{problem="division by zero"} inf Some(-3982045)"#,
            r#"rpc_duration_seconds{quantile="0.01"} NaN None"#,
        ]
    );
}

#[test]
fn blanks_quoted_names_and_empty_values_read() {
    assert_eq!(
        read(" a\t{ b = \"1\" , c=\"\" }\t2\t3 \r\n{\"a.b\", \"c d\"=\"é\"} -Inf\n{b=\"1\",\"a.b\"} 1\na{} 0x\n")
            .unwrap_err(),
        "line 4, byte 4: not a number: `0x` (hint: a value reads `12.5`, `1e9`, `NaN`, `+Inf` or `-Inf`)"
    );
    assert_eq!(
        read(" a\t{ b = \"1\" , c=\"\" }\t2\t3 \r\n{\"a.b\", \"c d\"=\"é\"} -Inf\n#HELP x \\\\ \\n \\q\n# UNIT x ms\n#")
            .unwrap(),
        [
            r#"a{b="1"} 2 Some(3)"#,
            r#"a.b{c d="é"} -inf None"#,
            r#"Help { name: "x", text: "\\ \n \\q" }"#,
            r#"Unit { name: "x", unit: "ms" }"#
        ]
    );
}

#[test]
fn what_is_wrong_is_said_with_line_place_and_text() {
    for (line, said) in [
        ("9a 1", "line 2, byte 0: not a metric name: `9a 1` (hint: "),
        ("a", "line 2, byte 1: expected a blank or `{` after the name"),
        ("a ", "line 2, byte 2: no value (hint: "),
        ("a-b 1", "line 2, byte 1: expected a blank or `{` after the name: `-b 1`"),
        ("a 1 2 3", "line 2, byte 6: text after the timestamp: `3`"),
        ("a 1 1.5", "line 2, byte 4: not a timestamp: `1.5`"),
        ("a 1 # {x=\"y\"} 1", "line 2, byte 4: an exemplar, which this format does not have"),
        ("a{b=1} 1", "line 2, byte 4: expected a string in double quotes: `1} 1`"),
        ("a{b=\"1} 1", "line 2, byte 4: the string has no closing quote: `\"1} 1`"),
        ("a{b=\"\\t\"} 1", "line 2, byte 5: unknown escape: `\\t\"} 1` (hint: "),
        ("a{b=\"1\" c=\"2\"} 1", "line 2, byte 8: expected `,` or `}` after the label: `c=\"2\"} 1`"),
        ("a{b=\"1\",b=\"2\"} 1", "line 2, byte 14: the label is given twice: `b`"),
        ("a{__name__=\"b\"} 1", "line 2, byte 15: the label is given twice: `__name__`"),
        ("a{b:c=\"1\"} 1", "line 2, byte 3: expected `=` after the label name: `:c=\"1\"} 1`"),
        ("a{,} 1", "line 2, byte 2: not a label name"),
        ("a{b=\"1\"", "line 2, byte 7: expected `,` or `}` after the label"),
        ("{b=\"1\"} 1", "line 2, byte 0: a sample without a metric name"),
        ("\"a\" 1", "line 2, byte 0: a quoted name outside braces"),
        ("# TYPE a rate", "line 2, byte 9: not a metric type: `rate` (hint: "),
        ("# TYPE", "line 2, byte 6: not a metric name"),
    ] {
        let error = read(&format!("ok 1\n{line}\nok 2\n")).unwrap_err();
        assert!(error.starts_with(said), "{line}\n{error}\n{said}");
    }
    let error = read_as(Protocol::Text, Rules::Grammar, b"ok 1\na{b=\"\xff\"} 1\n").unwrap_err();
    assert!(error.starts_with("line 2, byte 5: not UTF-8"), "{error}");
}

#[test]
fn labels_are_limited() {
    let many: Vec<String> = (0..=SERIES_LABELS_MAX).map(|i| format!("l{i}=\"v\"")).collect();
    assert!(read(&format!("a{{{}}} 1", many[1..].join(","))).is_ok());
    assert!(read(&format!("a{{{}}} 1", many.join(","))).unwrap_err().contains("more than 256 labels"));
    let long = "v".repeat(SERIES_LABEL_VALUE_BYTES_MAX + 1);
    assert!(read(&format!("a{{b=\"{long}\"}} 1")).unwrap_err().contains("more than 65536 bytes"));
}

fn strict(body: &str) -> Result<Vec<String>, String> {
    read_as(Protocol::OpenMetrics, Rules::Strict, body.as_bytes())
}

#[test]
fn openmetrics_reads_all_its_types() {
    let body = "\
# TYPE acme_http_router_request_seconds summary
# UNIT acme_http_router_request_seconds seconds
# HELP acme_http_router_request_seconds Latency though \\\"all\\\" of ACME's HTTP \\n request router.
acme_http_router_request_seconds_sum{path=\"/api/v1\",method=\"GET\"} 9036.32
acme_http_router_request_seconds_count{path=\"/api/v1\",method=\"GET\"} 807283.0
acme_http_router_request_seconds{path=\"/api/v1\",method=\"GET\",quantile=\"0.5\"} 1 1395066363.123
# TYPE go_goroutines gauge
go_goroutines 69
# TYPE process_cpu_seconds counter
# UNIT process_cpu_seconds seconds
process_cpu_seconds_total 4.20072246e+06 1.5 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879607.789
process_cpu_seconds_created 1520430000.123 1.5
# TYPE foo histogram
foo_bucket{le=\"1\"} 8 # {} 0.054
foo_bucket{le=\"+Inf\"} 17
foo_count 17
foo_sum 324789.3
# TYPE build info
build_info{version=\"8.2.7\"} 1
# TYPE feature stateset
feature{feature=\"a\"} 1
feature{feature=\"b\"} 0
# TYPE queue gaugehistogram
queue_bucket{le=\"+Inf\"} 2
queue_gcount 2
queue_gsum -7
other{x=\"a\\\\b\\q\"} NaN
# EOF
";
    let grammar = read_as(Protocol::OpenMetrics, Rules::Grammar, body.as_bytes()).unwrap();
    assert!(grammar.contains(&r#"foo_bucket{le="1.0"} 8 None #{} 0.054 None"#.to_owned()), "{grammar:#?}");
    let error = strict(body).unwrap_err();
    assert!(
        error.starts_with("line 6, byte 0: some samples of the metric have a time and some have none"),
        "{error}"
    );
    let body = body.replace(" 1 1395066363.123", " 1");
    let seen = strict(&body).unwrap();
    for line in [
        r#"Help { name: "acme_http_router_request_seconds", text: "Latency though \"all\" of ACME's HTTP \n request router." }"#,
        r#"Unit { name: "process_cpu_seconds", unit: "seconds" }"#,
        r#"process_cpu_seconds_total{} 4200722.46 Some(1500) #{trace_id="KOO5S4vxi0o"} 0.67 Some(1520879607789)"#,
        r#"foo_bucket{le="+Inf"} 17 None"#,
        r#"other{x="a\\b\\q"} NaN None"#,
    ] {
        assert!(seen.contains(&line.to_owned()), "{line}\n{seen:#?}");
    }
}

#[test]
fn what_openmetrics_forbids_is_refused_with_its_place() {
    let mut otherwise = String::new();
    for (body, said) in [
        ("a 1\n", "line 2, byte 0: the body does not end with `# EOF`"),
        ("a 1", "line 1, byte 0: the body does not end with `# EOF`"),
        ("", "line 1, byte 0: the body does not end"),
        ("a 1\n# EOF\na 2\n", "line 3, byte 0: text after `# EOF`"),
        ("a 1\n# EOF\n\n", "line 3, byte 0: text after `# EOF`"),
        ("\na 1\n# EOF\n", "line 1, byte 0: an empty line"),
        ("a  1\n# EOF\n", "line 1, byte 2: expected one space: ` 1`"),
        ("a 1 \n# EOF\n", "line 1, byte 4: not a timestamp"),
        ("a 1 1 x\n# EOF\n", "line 1, byte 5: text after the sample: ` x`"),
        ("a 1 NaN\n# EOF\n", "line 1, byte 4: not a timestamp: `NaN` (hint: "),
        ("a{b=\"1\", c=\"2\"} 1\n# EOF\n", "line 1, byte 8: not a label name"),
        ("# a comment\n# EOF\n", "line 1, byte 0: a comment that is none of"),
        ("# TYPE a rate\n# EOF\n", "line 1, byte 9: not a metric type: `rate`"),
        (
            "# TYPE a counter\na 1\n# EOF\n",
            "line 2, byte 0: the sample's name lacks what its type adds to it: `a` (hint: a counter has _total, _created)",
        ),
        ("# TYPE a counter\na_total -1\n# EOF\n", "line 2, byte 8: a count that is negative"),
        (
            "# TYPE a counter\n# TYPE a counter\n# EOF\n",
            "line 2, byte 7: this is said twice of the metric: `a`",
        ),
        (
            "# TYPE a gauge\na 1\n# HELP a x\n# EOF\n",
            "line 3, byte 7: what a metric means stands after its samples",
        ),
        (
            "# TYPE a gauge\na 1\nb 1\n# TYPE a gauge\n# EOF\n",
            "line 4, byte 7: the metric stands in more than one place",
        ),
        (
            "# UNIT a seconds\n# EOF\n",
            "line 1, byte 9: the unit does not end the metric's name: `seconds` (hint: the metric would be called `a_seconds`)",
        ),
        ("# TYPE a_s info\n# UNIT a_s s\n# EOF\n", "line 2, byte 7: an info or a stateset has no unit"),
        ("# TYPE a info\na_info 2\n# EOF\n", "line 2, byte 7: an info whose value is not 1"),
        ("# TYPE a stateset\na{a=\"x\"} 2\n# EOF\n", "line 2, byte 9: a state that is neither 0 nor 1"),
        ("# TYPE a stateset\na{b=\"x\"} 1\n# EOF\n", "line 2, byte 9: a state without a label"),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_count 1\n# EOF\n",
            "line 4, byte 0: the buckets before this line lack",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n# EOF\n",
            "line 3, byte 20: a bucket with less",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"2\"} 2\na_bucket{le=\"1\"} 2\n# EOF\n",
            "line 3, byte 17: buckets that do not rise",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count 3\n# EOF\n",
            "line 3, byte 8: the count is not that",
        ),
        ("# TYPE a histogram\na_bucket 2\n# EOF\n", "line 2, byte 9: a bucket without an `le`"),
        ("# TYPE a summary\na{quantile=\"2\"} 2\n# EOF\n", "line 2, byte 16: a summary's sample without"),
        ("a 1\na 2\n# EOF\n", "line 2, byte 0: the same series twice: `a`"),
        ("a 2 5\na 1 4\n# EOF\n", "line 2, byte 0: times that go backwards"),
        (
            "a{b=\"1\"} 1\na{b=\"2\"} 1\na{b=\"1\"} 1\n# EOF\n",
            "line 3, byte 0: samples with the same labels do not stand together",
        ),
        ("# TYPE a gauge\na 1 # {b=\"c\"} 1\n# EOF\n", "line 2, byte 3: an exemplar on what is neither"),
        ("# TYPE a counter\na_total 1 # b 1\n# EOF\n", "line 2, byte 12: expected `{`"),
    ] {
        let error = strict(body).err().unwrap_or_default();
        if !error.starts_with(said) {
            otherwise += &format!("{body}{error}\nnot {said}\n");
        }
    }
    assert!(otherwise.is_empty(), "{otherwise}");
    let long = format!("# TYPE a counter\na_total 1 # {{b=\"{}\"}} 1\n# EOF\n", "x".repeat(128));
    assert!(strict(&long).unwrap_err().contains("more than 128 characters"));
}

#[test]
fn text_that_is_imported_has_one_type_before_its_samples() {
    let strict = |body: &str| read_as(Protocol::Text, Rules::Strict, body.as_bytes());
    assert!(strict("# TYPE a gauge\na 1\nb 1\na 2\n").is_ok());
    let error = strict("a 1\n# TYPE a gauge\n").unwrap_err();
    assert!(error.starts_with("line 2, byte 9: the type stands after samples of the metric"), "{error}");
    assert!(strict("# TYPE a gauge\n# TYPE a gauge\n").unwrap_err().contains("has a type already"));
}

#[test]
fn bounds_come_out_in_one_spelling() {
    for (value, spelt) in [
        (1.0, "1.0"),
        (0.0, "0.0"),
        (0.005, "0.005"),
        (2.5, "2.5"),
        (100_000.0, "100000.0"),
        (1e6, "1e+06"),
        (1.5e7, "1.5e+07"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (f64::INFINITY, "+Inf"),
        (-1.0, "-1.0"),
        (f64::NAN, "NaN"),
        (1e100, "1e+100"),
    ] {
        assert_eq!(number::bound(value), spelt);
    }
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\n# TYPE s summary\ns{quantile=\"1\"} 1\n# TYPE g gauge\ng{le=\"1\"} 1\n";
    let seen = read(body).unwrap();
    let samples: Vec<&String> = seen.iter().filter(|line| !line.starts_with("Type")).collect();
    assert_eq!(
        samples,
        [r#"h_bucket{le="1.0"} 1 None"#, r#"s{quantile="1.0"} 1 None"#, r#"g{le="1"} 1 None"#]
    );
}

#[test]
fn rust_alone_reads_some_numbers() {
    for word in ["0x10", "1_000", "infinit", "", "e5", "+-1", "1 "] {
        assert_eq!(number::read(word), None, "{word}");
    }
    assert_eq!(number::read("-.5e1"), Some(-5.0));
    assert_eq!(number::read("+inf"), Some(f64::INFINITY));
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn double(number: u64, value: f64) -> Vec<u8> {
    [varint(number << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn int(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn label(name: &str, value: &str) -> Vec<u8> {
    bytes(1, &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat())
}

fn family(name: &str, kind: u64, metrics: &[Vec<u8>]) -> Vec<u8> {
    let metrics: Vec<u8> = metrics.iter().flat_map(|metric| bytes(4, metric)).collect();
    let message = [bytes(1, name.as_bytes()), bytes(2, b"Help."), int(3, kind), metrics].concat();
    [varint(message.len() as u64), message].concat()
}

#[test]
fn metric_families_read_as_their_series() {
    let exemplar =
        [label("trace_id", "x"), double(2, 0.5), bytes(3, &[int(1, 7), int(2, 9_000_000)].concat())].concat();
    let counter =
        [label("code", "200"), bytes(3, &[double(1, 3.0), bytes(2, &exemplar)].concat()), int(6, 1234)]
            .concat();
    let summary =
        bytes(4, &[int(1, 2), double(2, 5.0), bytes(3, &[double(1, 0.5), double(2, 2.5)].concat())].concat());
    let classic =
        bytes(7, &[int(1, 3), double(2, 6.0), bytes(3, &[int(1, 1), double(2, 1.0)].concat())].concat());
    let native = [
        int(1, 3),
        double(2, 6.0),
        int(5, 0),
        double(6, 1e-9),
        bytes(12, &[int(1, 2), int(2, 2)].concat()),
        bytes(13, &[4, 1]),
        bytes(16, &exemplar),
    ];
    let body = [
        family("requests", 0, &[counter]),
        family("latency", 2, &[summary]),
        family("size", 4, &[classic]),
        family("depth", 4, &[bytes(7, &native.concat())]),
    ]
    .concat();
    let seen = read_as(Protocol::MetricFamilies, Rules::Strict, &body).unwrap();
    assert_eq!(
        seen,
        [
            r#"Type { name: "requests", kind: Counter }"#,
            r#"Help { name: "requests", text: "Help." }"#,
            r#"requests{code="200"} 3 Some(1234) #{trace_id="x"} 0.5 Some(7009)"#,
            r#"Type { name: "latency", kind: Summary }"#,
            r#"Help { name: "latency", text: "Help." }"#,
            "latency_count{} 2 None",
            "latency_sum{} 5 None",
            r#"latency{quantile="0.5"} 2.5 None"#,
            r#"Type { name: "size", kind: Histogram }"#,
            r#"Help { name: "size", text: "Help." }"#,
            "size_count{} 3 None",
            "size_sum{} 6 None",
            r#"size_bucket{le="1.0"} 1 None"#,
            r#"size_bucket{le="+Inf"} 3 None"#,
            r#"Type { name: "depth", kind: Histogram }"#,
            r#"Help { name: "depth", text: "Help." }"#,
            r#"depth{} schema 0 count 3 sum 6 [2.0, 1.0] None #{trace_id="x"} 0.5 Some(7009)"#,
        ]
    );
    for cut in 1..body.len() {
        let whole_families = read_as(Protocol::MetricFamilies, Rules::Strict, &body[..cut]).is_ok();
        let ends: Vec<usize> = [family("requests", 0, &[]).len()].to_vec();
        assert!(!whole_families || cut > ends[0], "cut at {cut}");
    }
    let unnamed = read_as(Protocol::MetricFamilies, Rules::Strict, &family("", 0, &[])).unwrap_err();
    assert!(unnamed.contains("a family without a name"), "{unnamed}");
}

#[test]
fn a_content_type_names_the_format() {
    for (value, protocol) in [
        ("text/plain; version=0.0.4; charset=utf-8", Some(Protocol::Text)),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Some(Protocol::OpenMetrics)),
        (
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            Some(Protocol::MetricFamilies),
        ),
        ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text", None),
        ("text/html", None),
        ("", None),
    ] {
        assert_eq!(Protocol::of_content_type(value), protocol, "{value}");
    }
}
