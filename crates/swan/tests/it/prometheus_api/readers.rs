//! Programs that read from Swan: promtool, another Prometheus, and whoever takes chunks or packed answers.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::peer::Peer;
use super::{Both, recently, service, sorted};
use crate::http::in_a_query;
use crate::prometheus::is_installed;
use crate::remote_write::{field, native_histogram, number, packed, send, write};
use crate::swan::{Ran, SOON, Start, until};

fn promtool(directory: &Path, arguments: &[&str]) -> Ran {
    Ran::of(Command::new("promtool").current_dir(directory).args(arguments).output().expect("promtool runs"))
}

#[test]
fn promtool_asks_swan_as_it_asks_prometheus() {
    let Some(both) = Both::start() else { return };
    let (at, start) = (both.at(), (both.until_ms / 1000 - 60).to_string());
    let peer = format!("http://{}", both.peer.address);
    let sorted = |ran: &Ran| {
        let mut lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let time = format!("--time={at}");
    let (from, to) = (format!("--start={start}"), format!("--end={at}"));
    for arguments in [
        vec!["query", "instant", &time, "URL", "sum by (job) (up)"],
        vec!["query", "range", &from, &to, "--step=15s", "URL", "rate(requests_total[30s])"],
        vec!["query", "series", "--match=up", "--match=odd", "URL"],
        vec!["query", "labels", "URL", "instance"],
    ] {
        let of = |url: &str| {
            let arguments: Vec<&str> =
                arguments.iter().map(|argument| if *argument == "URL" { url } else { argument }).collect();
            promtool(both.directory.path(), &arguments)
        };
        let (swan, peer) = (of(&both.swan.url()), of(&peer));
        assert_eq!(swan.code, Some(0), "{arguments:?}: {swan:?}");
        assert_eq!(sorted(&swan), sorted(&peer), "{arguments:?}");
        assert!(!swan.stdout.trim().is_empty(), "{arguments:?}: {swan:?}");
    }
    for healthy in ["/-/healthy", "/-/ready"] {
        assert_eq!(both.swan.get(healthy).status, 200, "{healthy}");
    }
    // Promtool 2.42 does not check servers.
    let can_check = promtool(both.directory.path(), &["check", "--help"]).stdout.contains("check healthy");
    for check in [["check", "healthy"], ["check", "ready"]].iter().filter(|_| can_check) {
        let url = format!("--url={}", both.swan.url());
        let checked = promtool(both.directory.path(), &[check[0], check[1], &url]);
        assert_eq!(checked.code, Some(0), "{check:?}: {checked:?}");
    }
    both.swan.stop();
}

#[test]
fn another_prometheus_reads_and_federates() {
    if !is_installed("prometheus", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let until_ms = recently();
    write(&swan.caller(), &service(until_ms));
    send(&swan.caller(), &native_histogram(until_ms));
    let configuration = format!(
        "remote_read: [{{ url: \"{url}/api/v1/read\", read_recent: true, required_matchers: {{ job: api }} }}]
scrape_configs:
  - job_name: federate
    scrape_interval: 1s
    scrape_timeout: 1s
    honor_labels: true
    metrics_path: /federate
    params: {{ \"match[]\": [\"latency\", \"tiny\", \"odd\", \"up{{job=\\\"node\\\"}}\"] }}
    static_configs: [{{ targets: [\"{address}\"] }}]
",
        url = swan.url(),
        address = swan.address
    );
    let peer = Peer::start(directory.path(), &configuration);
    let at = until_ms / 1000 + 1;
    // Samples in the range, floats and all, evaluated there.
    let query = format!("/api/v1/query?query={}&time={at}", in_a_query("{job=\"api\"}[2m]"));
    assert_eq!(sorted(peer.caller().get(&query).json()), sorted(swan.read(&query)));
    let federated = |expression: &str| {
        let query = format!("/api/v1/query?query={}", in_a_query(expression));
        let answer = peer.caller().get(&query).json();
        let series = answer["data"]["result"].as_array()?.first()?.clone();
        Some((series["metric"].clone(), series["value"][1].clone()))
    };
    // The labels are Swan's; the scraping job has added what was missing, but for the instance.
    let tiny = until("a federated sample", SOON, || federated("tiny"));
    assert_eq!(tiny, (json!({ "__name__": "tiny", "job": "federate" }), json!("1.35e-08")));
    // Only the protobuf format, which a Prometheus with native histograms prefers, has room for this one; version 2
    // does not read those with fractions.
    let about = peer.caller().get("/api/v1/status/buildinfo").json();
    let is_current = about["data"]["version"].as_str().is_some_and(|version| !version.starts_with("2."));
    let known = [("count", "7"), ("sum", "12.5"), ("quantile(1,", "16")];
    for (of, value) in known.into_iter().filter(|_| is_current) {
        let expression = format!("histogram_{of}{}latency)", if of.ends_with(',') { "" } else { "(" });
        let latency = until("a histogram", SOON, || federated(&expression));
        assert_eq!(latency, (json!({ "job": "federate" }), json!(value)), "{expression}");
    }
    let node = until("another", SOON, || federated("up{instance=\"c:1\"}"));
    assert_eq!(node.0, json!({ "__name__": "up", "instance": "c:1", "job": "node" }));
    let odd = until("another", SOON, || federated("odd"));
    assert_eq!(odd, (json!({ "__name__": "odd", "job": "federate", "path": "a\"b\\c\nd ü" }), json!("+Inf")));
    swan.stop();
}

#[test]
fn chunks_are_streamed_to_who_takes_them() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    write(&swan.caller(), &service(recently()));
    // A query of `up` over all times: __name__="up", and both forms accepted, the stream first.
    let mut matcher = Vec::new();
    field(&mut matcher, 2, b"__name__");
    field(&mut matcher, 3, b"up");
    let mut query = Vec::new();
    number(&mut query, 2, i64::MAX as u64);
    field(&mut query, 3, &matcher);
    let mut request = Vec::new();
    field(&mut request, 1, &query);
    field(&mut request, 2, &[1, 0]);
    let body = packed(&request);
    let answer = swan.caller().post("/api/v1/read", "application/x-protobuf", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
    );
    let frames = answer.body.windows(8).filter(|bytes| *bytes == b"__name__").count();
    assert_eq!(frames, 3, "one for each series");
    let nonsense = swan.caller().post("/api/v1/read", "application/x-protobuf", b"nonsense");
    assert_eq!(nonsense.status, 400, "{nonsense:?}");
    swan.stop();
}

#[test]
fn long_answers_are_packed_for_who_can_unpack_them() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let until_ms = recently();
    write(&swan.caller(), &service(until_ms));
    let query = format!("/api/v1/query?query={}&time={}", in_a_query("{job!=\"\"}[2m]"), until_ms / 1000);
    let plain = swan.get(&query);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = swan.caller().header("Accept-Encoding", "gzip").get(&query);
    assert_eq!(packed.header("content-encoding"), Some("gzip"), "{:?}", packed.headers);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    assert!(packed.body.len() < plain.body.len() / 2);
    swan.stop();
}
