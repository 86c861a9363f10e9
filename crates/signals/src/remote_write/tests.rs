use super::*;

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

fn decode(request: &[u8]) -> Result<(Vec<String>, Decoder), String> {
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(&body(request)).map_err(|error| error.to_string())?;
    let shown = decoded.series().map(|series| {
        let samples =
            series.samples().iter().map(|sample| format!(" {}@{}", sample.value, sample.at.as_millis()));
        format!("{series}{}", samples.collect::<String>())
    });
    Ok((shown.collect(), decoder))
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
    let (shown, _) = decode(&[up(), unsorted].concat()).unwrap();
    assert_eq!(
        shown,
        [r#"{__name__="up", job="shop"} 1@1000"#, r#"{__name__="load", zone="é"} 0.5@-7 inf@8"#]
    );
}

#[test]
fn a_staleness_marker_keeps_its_bits() {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let request = series(&[label(b"__name__", b"up"), sample(stale, 1)]);
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(&body(&request)).unwrap();
    let seen = decoded.series().next().unwrap().samples()[0].value;
    assert_eq!(seen.to_bits(), stale.to_bits());
}

#[test]
fn a_bad_series_is_left_out_and_the_rest_is_kept() {
    let long = vec![b'x'; LABEL_VALUE_BYTES_MAX + 1];
    let many: Vec<Vec<u8>> = (0..=LABELS_MAX).map(|i| label(format!("l{i:02}").as_bytes(), b"v")).collect();
    for (bad, why) in [
        (
            vec![label(b"__name__", b"a"), label(b"b", b"1"), label(b"b", b"2")],
            "a label is given twice: `{__name__=",
        ),
        (vec![label(b"__name__", b"a"), label(b"", b"1")], "a label has an empty name"),
        (vec![label(b"job", b"a")], "no `__name__`: `{job=\"a\"}`"),
        (vec![label(b"__name__", b"a"), label(b"b", b"\xff")], "a label is not UTF-8"),
        (vec![label(b"__name__", b"a"), label(b"b", &long)], "a label of more than 4096 bytes"),
        (many, "more than 64 labels"),
    ] {
        let bad = series(&[bad.concat(), sample(1.0, 1), sample(2.0, 2)]);
        let (shown, decoder) = decode(&[up(), bad, up()].concat()).unwrap();
        assert_eq!(shown.len(), 2, "{why}");
        assert_eq!((decoder.decoded.refused_count, decoder.decoded.samples_refused), (1, 2), "{why}");
        let said = decoder.decoded.refused[0].to_string();
        assert!(said.contains(why), "{said}");
        assert_eq!(decoder.decoded.samples_count(), 2);
    }
}

#[test]
fn histograms_exemplars_and_metadata_are_counted() {
    let histogram = series(&[label(b"__name__", b"h"), bytes(4, b"\x08\x01"), bytes(3, b""), sample(1.0, 1)]);
    let (shown, decoder) = decode(&[histogram, bytes(3, b"\x08\x01")].concat()).unwrap();
    assert_eq!(shown, [r#"{__name__="h"} 1@1"#]);
    let Decoded { histograms, exemplars, metadata, .. } = decoder.decoded;
    assert_eq!((histograms, exemplars, metadata), (1, 1, 1));
}

#[test]
fn unknown_fields_are_passed_over() {
    let odd =
        [bytes(99, b"abc"), varint(98 << 3), varint(u64::MAX), varint(97 << 3 | 5), vec![0; 4]].concat();
    let with_unknown =
        series(&[odd.clone(), label(b"__name__", b"up"), bytes(2, &[odd.clone(), vec![0x10, 5]].concat())]);
    let (shown, _) = decode(&[odd, with_unknown].concat()).unwrap();
    assert_eq!(shown, [r#"{__name__="up"} 0@5"#]);
}

#[test]
fn a_label_with_more_than_name_and_value_reads_as_protobuf_says() {
    let last_wins = bytes(1, &[bytes(1, b"a"), bytes(2, b"b"), bytes(2, b"c")].concat());
    let with_unknown = bytes(1, &[bytes(1, b"d"), bytes(2, b"e"), bytes(9, b"\xff")].concat());
    let request = series(&[last_wins, with_unknown, label(b"__name__", b"up"), sample(1.0, 1)]);
    let (shown, _) = decode(&request).unwrap();
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
        (
            bytes(5, b"x"),
            "byte 2: not supported yet: a request of remote write 2.0 (hint: let the sender use",
        ),
        (
            vec![0x08, 0x01],
            "byte 0: a field has another type than remote write 1.0 gives it: `08 01` (hint: ",
        ),
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
        let error = decoder.decode(sent).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_body_that_says_it_is_huge_is_refused_before_memory_is_taken() {
    let mut bomb = varint(BODY_BYTES_MAX as u64 + 1);
    bomb.extend([0; 10]);
    let mut decoder = Decoder::default();
    assert_eq!(
        decoder.decode(&bomb).map(|_| ()),
        Err(Refusal::TooLarge { bytes: BODY_BYTES_MAX as u64 + 1 })
    );
    assert_eq!(decoder.body.capacity(), 0);
}

#[test]
fn nothing_of_a_request_is_left_in_the_next() {
    let mut decoder = Decoder::default();
    decoder.decode(&body(&[up(), up(), bytes(3, b"")].concat())).unwrap();
    let decoded = decoder.decode(&body(&up())).unwrap();
    assert_eq!((decoded.series().len(), decoded.samples_count(), decoded.metadata), (1, 1, 0));
}
