//! Bad input gets a clear error and loses nothing.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::http::Asked;
use crate::remote_write::{message, packed};
use crate::swan::{SOON, Start, Swan, until, verified};
use crate::team::Team;

fn serving() -> (tempfile::TempDir, Swan) {
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(9).write(directory.path());
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    (directory, swan)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn events(count: usize) -> Vec<u8> {
    b"{\"service\":\"shop\",\"status\":200}\n".repeat(count)
}

/// Requests of the shop that Swan counted, over all time.
fn counted(swan: &Swan) -> u64 {
    // Each second's count is a sample.
    let found = swan.query(r#"sum(sum_over_time(swan_requests{source="shop"}[1h]))"#);
    found.first().map_or(0, |count| *count as u64)
}

#[test]
fn a_truncated_gzip_of_events_is_refused_and_counts_nothing() {
    let (_directory, swan) = serving();
    let body = gzip(&events(5_000));
    let send = |body: &[u8]| {
        swan.caller().header("Content-Encoding", "gzip").post("/v1/events", "application/x-ndjson", body)
    };
    let refused = send(&body[..body.len() - 9]);
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(refused.json()["code"], "damaged_gzip");
    insta::assert_snapshot!(refused.pretty(), @r#"
    400 {
      "code": "damaged_gzip",
      "error": "the gzip body is damaged after 160000 unpacked bytes: incomplete deflate stream",
      "hint": "nothing of it was taken; send it again whole"
    }
    "#);
    assert_eq!(counted(&swan), 0);
    let taken = send(&body);
    assert_eq!(
        (taken.status, taken.json()["counted"].clone()),
        (200, json!(5_000)),
        "the same body whole is taken"
    );
    until("the count", SOON, || (counted(&swan) == 5_000).then_some(()));
    swan.stop();
}

#[test]
fn lines_that_cannot_be_read_are_named_and_the_others_count() {
    let (_directory, swan) = serving();
    let body = b"{\"service\":\"shop\",\"status\":200}\n{\"service\":\"shop\",\"status\":\n{\"status\":200}\n{\"service\":\"shop\",\"status\":500}\n";
    let answer = swan.caller().post("/v1/events", "application/x-ndjson", body);
    assert_eq!(answer.status, 400);
    insta::assert_snapshot!(answer.pretty(), @r#"
    400 {
      "counted": 2,
      "early": 0,
      "late": 0,
      "problems": [
        "line 2, byte 27: EOF while parsing a value (hint: a line reads {\"service\":\"shop\",\"time\":\"2026-11-20T09:30:00Z\",\"status\":200})",
        "line 3, byte 0: no `service` (hint: say which service the request was to)"
      ],
      "unreadable": 2
    }
    "#);
    swan.stop();
}

#[test]
fn half_a_protobuf_is_refused_and_the_server_goes_on() {
    let (_directory, swan) = serving();
    let whole = message(&[(vec![("__name__", "up")], vec![(now_ms(), 1.0)])]);
    let send = |message: &[u8]| {
        let body = packed(message);
        let remote = swan.caller().header("Content-Encoding", "snappy");
        remote.post("/api/v1/write", "application/x-protobuf", &body)
    };
    for cut in 1..whole.len() {
        let answer = send(&whole[..cut]);
        assert_eq!(answer.status, 400, "cut at byte {cut}: {answer:?}");
    }
    insta::assert_snapshot!(send(&whole[..whole.len() / 2]).pretty(), @r#"
    400 {
      "code": "malformed_remote_write",
      "error": "byte 2: the body ends inside a field: `0a 0e 0a 08 5f 5f 6e 61`",
      "hint": "offsets count in the decoded body, a prometheus.WriteRequest"
    }
    "#);
    let body = packed(&whole);
    let half = swan.caller().post("/api/v1/write", "application/x-protobuf", &body[..body.len() / 2]);
    assert_eq!(half.status, 400, "half a snappy block: {half:?}");
    assert!(swan.query("up").is_empty(), "nothing of what was refused was kept");
    assert_eq!(send(&whole).status, 204);
    assert_eq!(swan.query("up"), [1.0]);
    swan.stop();
}

#[test]
fn fifty_megabytes_are_too_many() {
    const BYTES: usize = 50 << 20;
    let (_directory, swan) = serving();
    for path in ["/v1/events", "/api/v1/write", "/api/v2/alerts", "/v1/configuration"] {
        let length = BYTES.to_string();
        // It is answered before the body was sent.
        let refused = swan.caller().header("Content-Length", &length).begin("POST", path).answer();
        assert_eq!(
            (refused.status, refused.json()["code"].clone()),
            (413, json!("body_too_large")),
            "{path}"
        );
        // And whoever looks for the answer only afterwards finds it.
        assert_eq!(swan.caller().send("POST", path, &vec![b' '; BYTES]).answer().status, 413, "{path}");
    }
    assert_eq!(in_chunks(&swan, "/v1/events", BYTES).answer().status, 413, "its length was not said");
    let bomb = gzip(&vec![b' '; BYTES]);
    let unpacked =
        swan.caller().header("Content-Encoding", "gzip").post("/v1/events", "application/x-ndjson", &bomb);
    assert_eq!(unpacked.status, 413, "{} bytes that unpack to {BYTES}", bomb.len());
    assert_eq!(swan.get("/healthz").status, 200);
    swan.stop();
}

/// A body whose length nobody says beforehand.
fn in_chunks(swan: &Swan, path: &str, bytes: usize) -> Asked {
    let mut connection = std::net::TcpStream::connect(swan.address).unwrap();
    connection.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: swan\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut chunk = format!("{:x}\r\n", 1 << 20).into_bytes();
    chunk.extend(vec![b' '; 1 << 20]);
    chunk.extend(b"\r\n");
    for _ in 0..bytes >> 20 {
        // The server may answer and close before everything is sent.
        if connection.write_all(&chunk).is_err() {
            break;
        }
    }
    _ = connection.write_all(b"0\r\n\r\n");
    Asked { connection, method: "POST".to_owned(), path: path.to_owned() }
}

#[test]
fn a_body_that_is_no_json_is_answered_with_its_place() {
    let (_directory, swan) = serving();
    let broken = swan.caller().post(
        "/v1/incidents",
        "application/json",
        b"{\"service\": \"shop\",\n  \"titel\": \"x\"}",
    );
    assert_eq!(broken.status, 400);
    insta::assert_snapshot!(broken.pretty(), @r#"
    400 {
      "code": "bad_request",
      "error": "the body: unknown field `titel`, expected one of `service`, `title`, `severity`, `began_at`, `leader`, `page` at line 2 column 9"
    }
    "#);
    let alerts = swan.caller().post("/api/v2/alerts", "application/json", b"{\"labels\": {}}");
    assert_eq!(alerts.status, 400);
    let nested = "[".repeat(50_000);
    assert_eq!(swan.caller().post("/api/v2/alerts", "application/json", nested.as_bytes()).status, 400);
    let deep = format!("/api/v1/query?query={}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(swan.get(&deep).status, 400);
    swan.stop();
}

#[test]
fn an_alert_that_cannot_be_taken_does_not_take_the_others_with_it() {
    let (_directory, swan) = serving();
    let mut alerts: Vec<Value> =
        vec![json!({ "labels": { "alertname": "Good", "severity": "info" } }), json!({ "labels": {} })];
    let answer = swan.post("/api/v2/alerts", &json!(alerts));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("alert 1: "), "{answer:?}");
    assert_eq!(swan.read("/api/v2/alerts")[0]["labels"]["alertname"], "Good");
    alerts = (0..9_000)
        .map(|n| json!({ "labels": { "alertname": "Many", "severity": "info", "n": n.to_string() } }))
        .collect();
    assert_eq!(swan.post("/api/v2/alerts", &json!(alerts)).status, 200, "a large body is taken whole");
    assert_eq!(swan.read("/api/v2/alerts").as_array().unwrap().len(), 9_001);
    swan.stop();
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let (directory, swan) = serving();
    let second = Start::new(directory.path()).fails();
    insta::assert_snapshot!(second.stderr, @r"
    error: `data` is in use by another swan
      hint: stop that one, or name another directory with `--data`
    ");
    assert_eq!(second.code, Some(4));
    assert_eq!(swan.get("/healthz").status, 200, "the first one does not mind");
    swan.stop();
    verified(directory.path());
    Start::new(directory.path()).serve().stop();
}

#[test]
fn an_address_that_is_taken_is_said_with_what_to_do() {
    let (_directory, swan) = serving();
    let elsewhere = tempfile::tempdir().unwrap();
    let address = swan.address.to_string();
    let serve = ["serve", "--data", "data", "--listen", &address];
    let second = crate::swan::run(elsewhere.path(), &serve);
    assert_eq!(second.code, Some(3));
    let said = second.stderr.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(said.replace(&address, "ADDRESS"), @r"
    error: cannot listen on ADDRESS: Address already in use (os error 98)
      hint: choose another address with `--listen`
    ");
    swan.stop();
}

#[expect(clippy::disallowed_methods, reason = "the server compares samples with the wall clock")]
fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}
