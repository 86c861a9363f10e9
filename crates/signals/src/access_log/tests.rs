use super::*;

const COMBINED: &str = r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 200 203023 "http://s.com/" "Mozilla/5.0""#;

fn read(line: &str) -> AccessLine<'_> {
    parse(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn text(field: Option<Field<'_>>) -> Option<String> {
    field.map(|field| field.text().into_owned())
}

#[test]
fn a_combined_line_reads_into_its_fields() {
    let line = read(COMBINED);
    assert_eq!(line.at.to_string(), "2015-05-17T10:05:03Z");
    assert_eq!((line.status, line.bytes), (200, Some(203_023)));
    assert_eq!(line.host.ip(), Some("83.149.9.216".parse().unwrap()));
    assert_eq!(line.user, None);
    assert_eq!(text(line.method).as_deref(), Some("GET"));
    assert_eq!(text(line.path).as_deref(), Some("/a?b=c"));
    assert_eq!(text(line.protocol).as_deref(), Some("HTTP/1.1"));
    assert_eq!(text(line.referer).as_deref(), Some("http://s.com/"));
    assert_eq!(text(line.agent).as_deref(), Some("Mozilla/5.0"));
    assert!(!line.truncated);
}

#[test]
fn a_common_line_has_no_referer_and_may_have_no_bytes() {
    let line = read("h - - [17/May/2015:10:05:03 +0000] \"HEAD / HTTP/1.0\" 304 -\r\n");
    assert_eq!((line.status, line.bytes, line.referer, line.agent), (304, None, None, None));
    assert_eq!(line.host.ip(), None);
}

#[test]
fn users_with_spaces_and_ipv6_clients_read() {
    let line = read(r#"2001:db8::1 - John Q. [x] Doe [17/May/2015:10:05:03 -0700] "GET / HTTP/1.1" 200 1"#);
    assert_eq!(line.host.ip(), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(text(line.user).as_deref(), Some("John Q. [x] Doe"));
    assert_eq!(line.at.to_string(), "2015-05-17T17:05:03Z");
}

#[test]
fn escaped_quotes_stay_inside_their_field() {
    let line = read(
        r#"::1 - a [17/May/2015:10:05:03 +0000] "GET /\"x\" \\ HTTP/1.1" 404 7 "\\" "a \"b\" \x41\xc3\xa9 \q""#,
    );
    assert_eq!(text(line.path).as_deref(), Some(r#"/"x" \"#));
    assert_eq!(text(line.referer).as_deref(), Some("\\"));
    assert_eq!(text(line.agent).as_deref(), Some(r#"a "b" Aé \q"#));
    assert_eq!(line.status, 404);
}

#[test]
fn a_request_that_is_not_http_still_has_an_outcome() {
    for request in ["-", "", r"\x16\x03\x01", " ", "GET", "GET ", "\u{1}/ x HTTP/1.1"] {
        let text = format!("h - - [17/May/2015:10:05:03 +0000] \"{request}\" 400 0 \"-\" \"-\"");
        let line = read(&text);
        assert_eq!((line.status, line.method, line.path), (400, None, None), "{request:?}");
        assert_eq!(line.request.raw(), request.as_bytes());
    }
    let old = read(r#"h - - [17/May/2015:10:05:03 +0000] "GET /old page" 200 0"#);
    assert_eq!((text(old.path).as_deref(), old.protocol), (Some("/old page"), None));
}

#[test]
fn a_line_that_was_cut_in_its_agent_counts() {
    let line = read(r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 235 "-" "Mozilla/5.0 (comp"#);
    assert!(line.truncated);
    assert_eq!(text(line.agent).as_deref(), Some("Mozilla/5.0 (comp"));
}

#[test]
fn neither_user_nor_request_can_forge_time_or_status() {
    let line = read(
        r#"h - x [01/Jan/2000:00:00:00 +0000] \"GET / H\" 500 1 [17/May/2015:10:05:03 +0000] "GET /\" 503 1 \"[01/Jan/2000:00:00:00 +0000] HTTP/1.1" 200 5"#,
    );
    assert_eq!((line.status, line.at.to_string().as_str()), (200, "2015-05-17T10:05:03Z"));
    let line = read(
        r#"h - [01/Jan/2000:00:00:00 +0000]\" 500 1 " [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5"#,
    );
    assert_eq!((line.status, line.at.to_string().as_str()), (200, "2015-05-17T10:05:03Z"));
}

#[test]
fn what_is_wrong_is_said_with_place_text_and_hint() {
    let time = "h - - [17/May/2015:10:05:03 +0000]";
    for (line, said) in [
        (String::new(), "byte 0: not a line of an access log (hint: a line reads"),
        ("hello".into(), "byte 0: not a line of an access log: `hello` (hint: "),
        (
            r#"h - - [17/May/2015:10:05 +0000] "GET / HTTP/1.1" 200 1"#.into(),
            "byte 6: no time in brackets and quoted request after it: `17/May/2015:10:05 +0000` (hint: ",
        ),
        (
            r#"h - - [37/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1"#.into(),
            "byte 7: not a time: `37/May/2015:10:05:03 +0000` (hint: a time reads `17/May/2015:10:05:03 +0000`)",
        ),
        (
            r#"[17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1"#.into(),
            "byte 0: no client before the time",
        ),
        (format!("{time} \"GET / HTT"), "byte 36: the line ends inside the request: `GET / HTT`"),
        (format!("{time} \"GET / H\" 20 1"), "byte 44: no three-digit status after the request: ` 20 1`"),
        (format!("{time} \"GET / H\" 20: 1"), "byte 44: no three-digit status after the request: ` 20: 1`"),
        (format!("{time} \"GET / H\" 2x0 1"), "byte 44: no three-digit status after the request: ` 2x0 1`"),
        (format!("{time} \"GET / H\" 200"), "byte 44: no three-digit status after the request: ` 200`"),
        (format!("{time} \"GET / H\" 200 1k \"-\""), "byte 49: not a number of bytes: `1k` (hint: "),
        (format!("{time} \"GET / H\" 200 9999999999999999999"), "byte 49: not a number of bytes: `9999"),
    ] {
        let error = parse(line.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(said), "{line}\n{error}\n{said}");
    }
}
