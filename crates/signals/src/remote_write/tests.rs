use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

use super::*;
use crate::histogram::{Buckets, Histogram};

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

fn label(name: &[u8], value: &[u8]) -> Vec<u8> {
    bytes(1, &[bytes(1, name), bytes(2, value)].concat())
}

fn sample(value: f64, ms: i64) -> Vec<u8> {
    bytes(2, &[vec![0x09], value.to_le_bytes().to_vec(), vec![0x10], varint(ms as u64)].concat())
}

fn series(parts: &[Vec<u8>]) -> Vec<u8> {
    bytes(1, &parts.concat())
}

fn body(request: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(request).unwrap()
}

/// What a request says, in words, with what was left out.
#[derive(Debug, Default)]
struct Said {
    series: Vec<String>,
    metadata: Vec<String>,
    refused: Vec<String>,
    refused_count: u64,
    samples_refused: u64,
}

fn decode_as(version: Version, request: &[u8]) -> Result<Said, String> {
    Decoder::default().decode(&body(request), version, said).map_err(|error| error.to_string())
}

fn decode(request: &[u8]) -> Result<Said, String> {
    decode_as(Version::V1, request)
}

fn said(batch: &Batch<'_>) -> Said {
    let series = batch.series().map(|series| {
        let samples = series.samples().iter().enumerate().map(|(place, (at, value))| {
            let start = series.start_ms(place).map_or_else(String::new, |start| format!(" since {start}"));
            format!(" {value}@{at}{start}")
        });
        let histograms = series.histograms().iter().map(|stamped| {
            let Stamped { at_ms, start_ms, histogram } = stamped;
            let Histogram { schema, count, sum, zero_count, reset, .. } = histogram;
            let side = |side: &Buckets| format!("{:?}", side.counts);
            format!(
                " histogram@{at_ms} since {start_ms}: schema {schema}, {count} of {sum}, zero {zero_count}, \
                 {reset:?}, {} {} {:?}",
                side(&histogram.positive),
                side(&histogram.negative),
                histogram.custom_bounds
            )
        });
        let exemplars = series.exemplars().map(|e| format!(" #{:?} {}@{}", e.labels, e.value, e.at_ms));
        let parts: String = samples.chain(histograms).chain(exemplars).collect();
        format!("{series}{parts}")
    });
    Said {
        series: series.collect(),
        metadata: batch
            .metadata
            .iter()
            .map(|m| format!("{} {} {:?} {:?}", m.metric, m.kind, m.help, m.unit))
            .collect(),
        refused: batch.refused.iter().map(ToString::to_string).collect(),
        refused_count: batch.refused_count,
        samples_refused: batch.samples_refused,
    }
}

fn up() -> Vec<u8> {
    series(&[label(b"__name__", b"up"), label(b"job", b"shop"), sample(1.0, 1000)])
}

#[test]
fn series_arrive_with_sorted_labels_and_their_samples() {
    let unsorted = series(&[
        sample(0.5, -7),
        label(b"zone", "é".as_bytes()),
        label(b"empty", b""),
        label(b"__name__", b"load"),
        sample(f64::INFINITY, 8),
    ]);
    let shown = decode(&[up(), unsorted].concat()).unwrap().series;
    assert_eq!(
        shown,
        [r#"{__name__="up", job="shop"} 1@1000"#, r#"{__name__="load", zone="é"} 0.5@-7 inf@8"#]
    );
}

#[test]
fn a_staleness_marker_keeps_its_bits() {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let request = series(&[label(b"__name__", b"up"), sample(stale, 1)]);
    let seen = Decoder::default()
        .decode(&body(&request), Version::V1, |batch| batch.series().next().unwrap().samples()[0].1)
        .unwrap();
    assert_eq!(seen.to_bits(), stale.to_bits());
}

#[test]
fn a_bad_series_is_left_out_and_the_rest_is_kept() {
    let long = vec![b'x'; SERIES_LABEL_VALUE_BYTES_MAX + 1];
    let many: Vec<Vec<u8>> =
        (0..=SERIES_LABELS_MAX).map(|i| label(format!("l{i:02}").as_bytes(), b"v")).collect();
    for (bad, why) in [
        (
            vec![label(b"__name__", b"a"), label(b"b", b"1"), label(b"b", b"2")],
            "a label is given twice: `{__name__=",
        ),
        (vec![label(b"__name__", b"a"), label(b"", b"1")], "a label has an empty name"),
        (vec![label(b"job", b"a")], "no `__name__`: `{job=\"a\"}`"),
        (vec![label(b"__name__", b"a"), label(b"b", b"\xff")], "a label is not UTF-8"),
        (vec![label(b"__name__", b"a"), label(b"b", &long)], "a label of more than 65536 bytes"),
        (many, "more than 256 labels"),
    ] {
        let bad = series(&[bad.concat(), sample(1.0, 1), sample(2.0, 2)]);
        let said = decode(&[up(), bad, up()].concat()).unwrap();
        assert_eq!(said.series, [r#"{__name__="up", job="shop"} 1@1000"#; 2], "{why}");
        assert_eq!((said.refused_count, said.samples_refused), (1, 2), "{why}");
        assert!(said.refused[0].contains(why), "{:?}", said.refused);
    }
}

#[test]
fn unknown_fields_are_passed_over() {
    let odd =
        [bytes(99, b"abc"), varint(98 << 3), varint(u64::MAX), varint(97 << 3 | 5), vec![0; 4]].concat();
    let with_unknown =
        series(&[odd.clone(), label(b"__name__", b"up"), bytes(2, &[odd.clone(), vec![0x10, 5]].concat())]);
    let shown = decode(&[odd, with_unknown].concat()).unwrap().series;
    assert_eq!(shown, [r#"{__name__="up"} 0@5"#]);
}

#[test]
fn a_label_with_more_than_name_and_value_reads_as_protobuf_says() {
    let last_wins = bytes(1, &[bytes(1, b"a"), bytes(2, b"b"), bytes(2, b"c")].concat());
    let with_unknown = bytes(1, &[bytes(1, b"d"), bytes(2, b"e"), bytes(9, b"\xff")].concat());
    let request = series(&[last_wins, with_unknown, label(b"__name__", b"up"), sample(1.0, 1)]);
    let shown = decode(&request).unwrap().series;
    assert_eq!(shown, [r#"{__name__="up", a="c", d="e"} 1@1"#]);
}

#[test]
fn half_a_request_is_an_error_at_every_length() {
    let whole = [up(), up()].concat();
    for length in 0..whole.len() {
        let read = decode(&whole[..length]);
        if length == 0 || length == up().len() {
            assert!(read.is_ok());
            continue;
        }
        let said = read.map(|_| ()).unwrap_err();
        assert!(said.contains("the body ends inside a field"), "{length}: {said}");
    }
}

#[test]
fn what_is_not_remote_write_is_refused() {
    for (request, said) in [
        (bytes(5, b"x"), "byte 2: this is a message of remote write 2.0, sent as one of 1.0 (hint: say"),
        (vec![0x08, 0x01], "byte 0: a field has another type than its message gives it: `08 01` (hint: "),
        (vec![0x0b], "byte 0: not a protobuf field: unknown wire type: `0b`"),
        (vec![0x02, 0x00], "byte 0: not a protobuf field: number 0"),
        (bytes(1, &[0x0a, 0x7f]), "byte 4: the body ends inside a field"),
        ([bytes(1, &[0x0a, 0x7f]), up()].concat(), "byte 4: a field is longer than its message"),
        (vec![0xff; 20], "byte 0: a varint of more than 64 bits"),
    ] {
        let error = decode(&request).map(|_| ()).unwrap_err();
        assert!(error.starts_with(said), "{error}\n{said}");
    }
    let mut decoder = Decoder::default();
    for (sent, said) in [
        (&b""[..], "not a snappy block"),
        (b"\xff\x06\x00\x00sNaPpY", "not the framed format"),
        (b"\x1f\x8b\x08", "this is gzip"),
    ] {
        let error = decoder.decode(sent, Version::V1, |_| ()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_body_that_says_it_is_huge_is_refused_before_memory_is_taken() {
    let mut bomb = varint(BODY_BYTES_MAX as u64 + 1);
    bomb.extend([0; 10]);
    let mut decoder = Decoder::default();
    assert_eq!(
        decoder.decode(&bomb, Version::V1, |_| ()),
        Err(Refusal::TooLarge { bytes: BODY_BYTES_MAX as u64 + 1 })
    );
    assert_eq!(decoder.body.capacity(), 0);
}

#[test]
fn nothing_of_a_request_is_left_in_the_next() {
    let mut decoder = Decoder::default();
    let full = [up(), histogram_of_v1(), bytes(3, &metadata_of_v1()), series(&[])].concat();
    decoder.decode(&body(&full), Version::V1, |batch| assert_eq!(batch.refused_count, 1)).unwrap();
    let said = decoder.decode(&body(&up()), Version::V1, said).unwrap();
    assert_eq!(said.series, [r#"{__name__="up", job="shop"} 1@1000"#]);
    assert_eq!((said.metadata.len(), said.refused_count, said.samples_refused), (0, 0, 0));
}

fn double(number: u64, value: f64) -> Vec<u8> {
    [varint(number << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn number(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value.cast_unsigned())].concat()
}

fn zigzag(value: i64) -> i64 {
    (value << 1) ^ (value >> 63)
}

fn packed(number: u64, values: &[i64]) -> Vec<u8> {
    bytes(number, &values.iter().flat_map(|value| varint(value.cast_unsigned())).collect::<Vec<u8>>())
}

fn doubles(number: u64, values: &[f64]) -> Vec<u8> {
    bytes(number, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// Observations -1.5, 0, 1, 1, 3 in schema 0.
fn integer_histogram() -> Vec<u8> {
    let span = |offset: i64, length: i64| [number(1, zigzag(offset)), number(2, length)].concat();
    [
        number(1, 5),
        double(3, 3.5),
        number(4, zigzag(0)),
        double(5, 1e-9),
        number(6, 1),
        bytes(8, &span(1, 1)),
        packed(9, &[zigzag(1)]),
        bytes(11, &span(0, 1)),
        bytes(11, &span(1, 1)),
        packed(12, &[zigzag(2), zigzag(-1)]),
        number(14, 2),
        number(15, 7000),
    ]
    .concat()
}

fn float_histogram_of_custom_buckets() -> Vec<u8> {
    let span = [number(1, zigzag(0)), number(2, 3)].concat();
    [
        double(2, 6.5),
        double(3, 9.0),
        number(4, zigzag(-53)),
        bytes(11, &span),
        doubles(13, &[1.5, 2.0, 3.0]),
        number(15, 8000),
        doubles(16, &[0.5, 2.5]),
        number(17, 5),
    ]
    .concat()
}

fn histogram_of_v1() -> Vec<u8> {
    let exemplar = [label(b"trace_id", b"abc"), double(2, 1.25), number(3, 6999)].concat();
    series(&[bytes(3, &exemplar), bytes(4, &integer_histogram()), label(b"__name__", b"latency")])
}

fn metadata_of_v1() -> Vec<u8> {
    [number(1, 3), bytes(2, b"latency"), bytes(4, b"How long."), bytes(5, b"seconds")].concat()
}

#[test]
fn version_1_brings_histograms_exemplars_and_metadata() {
    let said = decode(&[histogram_of_v1(), bytes(3, &metadata_of_v1())].concat()).unwrap();
    assert_eq!(
        said.series,
        [
            r#"{__name__="latency"} histogram@7000 since 0: schema 0, 5 of 3.5, zero 1, No, [2.0, 1.0] [1.0] [] #[("trace_id", "abc")] 1.25@6999"#
        ]
    );
    assert_eq!(said.metadata, [r#"latency histogram "How long." "seconds""#]);
    assert_eq!(said.refused_count, 0);
}

const SYMBOLS: [&str; 12] = [
    "",
    "__name__",
    "up",
    "job",
    "shop",
    "latency",
    "trace_id",
    "abc",
    "How long.",
    "seconds",
    "é",
    "latency_sum",
];

fn request_of_v2(symbols: &[&str], all: &[Vec<u8>]) -> Vec<u8> {
    let table: Vec<u8> = symbols.iter().flat_map(|symbol| bytes(4, symbol.as_bytes())).collect();
    let series: Vec<u8> = all.iter().flat_map(|series| bytes(5, series)).collect();
    // The table may stand behind what refers to it.
    [series, table].concat()
}

fn sample_of_v2(value: f64, at: i64, start: i64) -> Vec<u8> {
    bytes(2, &[double(1, value), number(2, at), number(3, start)].concat())
}

#[test]
fn version_2_brings_everything_through_its_table() {
    let meaning = bytes(5, &[number(1, 3), number(3, 8), number(4, 9)].concat());
    let exemplar = bytes(4, &[packed(1, &[6, 7]), double(2, 1.25), number(3, 6999)].concat());
    let request = request_of_v2(
        &SYMBOLS,
        &[
            [packed(1, &[3, 4, 1, 2]), sample(1.0, 1000), sample_of_v2(2.0, 2000, 500)].concat(),
            [packed(1, &[1, 5]), bytes(3, &integer_histogram()), exemplar, meaning.clone()].concat(),
            [number(1, 1), number(1, 11), bytes(3, &float_histogram_of_custom_buckets()), meaning].concat(),
        ],
    );
    let said = decode_as(Version::V2, &request).unwrap();
    assert_eq!(
        said.series,
        [
            r#"{__name__="up", job="shop"} 1@1000 2@2000 since 500"#,
            r#"{__name__="latency"} histogram@7000 since 0: schema 0, 5 of 3.5, zero 1, No, [2.0, 1.0] [1.0] [] #[("trace_id", "abc")] 1.25@6999"#,
            r#"{__name__="latency_sum"} histogram@8000 since 5: schema -53, 6.5 of 9, zero 0, Unknown, [1.5, 2.0, 3.0] [] [0.5, 2.5]"#,
        ]
    );
    assert_eq!(said.metadata, [r#"latency histogram "How long." "seconds""#], "said twice, kept once");
}

#[test]
fn what_is_no_series_of_version_2_is_left_out_and_the_rest_is_kept() {
    let good = [packed(1, &[1, 2]), sample(1.0, 1000)].concat();
    let long = "x".repeat(SERIES_LABEL_VALUE_BYTES_MAX + 1);
    let mut symbols = SYMBOLS.to_vec();
    symbols.push(&long);
    let many: Vec<i64> = std::iter::repeat_n([1, 2], SERIES_LABELS_MAX + 1).flatten().collect();
    for (references, why) in [
        (&[1, 2, 3][..], "an odd number of references to labels"),
        (&[1, 2, 3, 13], "a label refers past the table of symbols"),
        (&[1, 2, 3, i64::MAX], "a label refers past the table of symbols"),
        (&[3, 4], "no `__name__`: `{job=\"shop\"}`"),
        (&[1, 2, 3, 4, 3, 10], "a label is given twice"),
        (&[1, 2, 0, 4], "a label has an empty name"),
        (&[1, 12], "a label of more than 65536 bytes"),
        (&many, "more than 256 labels"),
    ] {
        let bad = [packed(1, references), sample(1.0, 1)].concat();
        let said =
            decode_as(Version::V2, &request_of_v2(&symbols, &[good.clone(), bad, good.clone()])).unwrap();
        assert_eq!(said.series, [r#"{__name__="up"} 1@1000"#; 2], "{why}");
        assert_eq!((said.refused_count, said.samples_refused), (1, 1), "{why}");
        assert!(said.refused[0].contains(why), "{:?}", said.refused);
    }
    let empty = request_of_v2(&symbols, &[packed(1, &[1, 2]), good]);
    let said = decode_as(Version::V2, &empty).unwrap();
    assert!(
        said.refused[0].contains("a series without samples and histograms: `{__name__=\"up\"}`"),
        "{said:?}"
    );
    assert_eq!(said.series.len(), 1);
}

#[test]
fn a_bad_histogram_or_exemplar_is_left_out_and_its_series_is_kept() {
    let short = [number(1, 4), integer_histogram()[2..].to_vec()].concat();
    let schema = [integer_histogram(), number(4, zigzag(-7))].concat();
    let long = [packed(1, &[6, 12]), double(2, 1.0)].concat();
    let symbols = [&SYMBOLS[..], &["x".repeat(200).leak()]].concat();
    for (part, why) in [
        (bytes(3, &short), "the buckets of a histogram do not add up to its count: `{__name__=\"up\"}`"),
        (bytes(3, &schema), "the schema of a histogram is -4 to 8, or -53"),
        (bytes(4, &long), "an exemplar with more than 128 characters of labels"),
        (bytes(4, &packed(1, &[6])), "an odd number of references"),
        (bytes(5, &number(3, 99)), "metadata refers past the table"),
    ] {
        let series = [packed(1, &[1, 2]), sample(1.0, 1000), part].concat();
        let said = decode_as(Version::V2, &request_of_v2(&symbols, &[series])).unwrap();
        assert_eq!(said.series, [r#"{__name__="up"} 1@1000"#], "{why}");
        assert!(said.refused[0].contains(why), "{:?}", said.refused);
    }
}

#[test]
fn a_message_of_the_other_version_is_told_from_an_empty_one() {
    let of_v2 = request_of_v2(&SYMBOLS, &[[packed(1, &[1, 2]), sample(1.0, 1)].concat()]);
    let error = decode_as(Version::V1, &of_v2).unwrap_err();
    assert!(error.contains("remote write 2.0, sent as one of 1.0"), "{error}");
    let error = decode_as(Version::V2, &up()).unwrap_err();
    assert!(error.contains("remote write 1.0, sent as one of 2.0"), "{error}");
    let error = decode_as(Version::V2, &bytes(4, b"up")).unwrap_err();
    assert!(error.contains("the first symbol is not the empty string: `up`"), "{error}");
}

#[test]
fn a_content_type_names_the_message() {
    for (value, version) in [
        (None, Some(Version::V1)),
        (Some("application/x-protobuf"), Some(Version::V1)),
        (Some("application/x-protobuf;proto=prometheus.WriteRequest"), Some(Version::V1)),
        (Some("application/x-protobuf;proto=io.prometheus.write.v2.Request"), Some(Version::V2)),
        (
            Some("Application/X-Protobuf ; charset=x; proto=\"io.prometheus.write.v2.Request\""),
            Some(Version::V2),
        ),
        (Some("application/x-protobuf;proto=io.prometheus.write.v3.Request"), None),
        (Some("application/json"), None),
        (Some("text/plain; proto=prometheus.WriteRequest"), None),
    ] {
        assert_eq!(Version::of_content_type(value), version, "{value:?}");
    }
}

proptest::proptest! {
    #[test]
    fn what_a_series_shares_with_the_one_before_it_changes_nothing(
        all in proptest::collection::vec(proptest::collection::vec((0_usize..6, 0_usize..6), 0..6), 1..12),
    ) {
        const NAMES: [&str; 6] = ["__name__", "a", "code", "instance", "", "zone"];
        const VALUES: [&[u8]; 6] = [b"x", b"", b"api.example.internal:9100", b"api.example.internal:9101", b"\xff", b"y"];
        let long = vec![b'v'; 200];
        let all: Vec<Vec<u8>> = all.iter().map(|labels| {
            let mut labels = labels.clone();
            // Mostly in order, and with a name.
            labels.sort_by_key(|(name, _)| NAMES[*name]);
            let mut parts = vec![label(b"__name__", b"up")];
            parts.extend(labels.iter().map(|(name, value)| {
                let value = if (*name, *value) == (5, 5) { &long } else { VALUES[*value] };
                label(NAMES[*name].as_bytes(), value)
            }));
            parts.push(sample(1.0, 2));
            series(&parts)
        }).collect();
        let together = decode(&all.concat()).unwrap();
        let mut alone = Said::default();
        for one in &all {
            let said = decode(one).unwrap();
            alone.series.extend(said.series);
            alone.refused_count += said.refused_count;
            alone.samples_refused += said.samples_refused;
        }
        proptest::prop_assert_eq!(together.series, alone.series);
        proptest::prop_assert_eq!(together.refused_count, alone.refused_count);
        proptest::prop_assert_eq!(together.samples_refused, alone.samples_refused);
    }
}
