//! Scraping and remote write with real parts: client_python's exporter, a Prometheus that writes and is scraped, and
//! discovery that changes while Swan runs.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use crate::mail::python;
use crate::noticeboard::Noticeboard;
use crate::prometheus::{Prometheus, is_installed};
use crate::swan::{SOON, Start, Swan, run, until};

/// `py/exporter.py`. It ends when it is dropped.
struct Exporter {
    child: Child,
    orders: ChildStdin,
    port: u16,
}

impl Exporter {
    fn start(arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/py/exporter.py");
        let mut command = Command::new(python());
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python runs");
        let orders = child.stdin.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("it says where it is");
        let listening: Value = serde_json::from_str(&line).expect("it tells JSON");
        let port = listening["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Self { child, orders, port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn forgets(&mut self, zone: &str) {
        writeln!(self.orders, "{}", json!({ "forget": zone })).expect("it takes orders");
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn serve(directory: &Path, configuration: &str) -> Swan {
    std::fs::write(directory.join("swan.yaml"), configuration).expect("the directory can be written");
    Start::new(directory).with(&["--config", "swan.yaml"]).serve()
}

/// Waits until an expression has these values.
fn becomes(swan: &Swan, expression: &str, values: &[f64]) {
    until(&format!("{expression} to be {values:?}"), SOON, || {
        let mut seen = swan.query(expression);
        seen.sort_by(f64::total_cmp);
        (seen == values).then_some(())
    });
}

#[test]
fn an_exporter_is_scraped_relabelled_and_its_series_end_when_they_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let mut exporter = Exporter::start(&["--user", "swan:secret"]);
    let swan = serve(
        directory.path(),
        &format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: app
    basic_auth: {{ username: swan, password: secret }}
    scrape_protocols: [OpenMetricsText1.0.0]
    extra_scrape_metrics: true
    static_configs:
      - {{ targets: ['{0}'], labels: {{ zone: outside }} }}
      - {{ targets: ['{0}'], labels: {{ zone: nowhere }} }}
    relabel_configs:
      - {{ source_labels: [zone], regex: nowhere, action: drop }}
      - {{ source_labels: [__address__], regex: '(.*):.*', target_label: host }}
    metric_relabel_configs:
      - {{ source_labels: [__name__], regex: '.*_created', action: drop }}
      - {{ source_labels: [exported_zone], target_label: zone_in_capitals, action: uppercase }}
  - job_name: locked-out
    basic_auth: {{ username: swan, password: wrong }}
    static_configs: [{{ targets: ['{0}'] }}]
",
            exporter.address()
        ),
    );
    becomes(&swan, "up{job=\"app\"}", &[1.0]);
    becomes(&swan, "up{job=\"locked-out\"}", &[0.0]);
    becomes(
        &swan,
        "load{host=\"127.0.0.1\",zone=\"outside\",exported_zone=\"a\",zone_in_capitals=\"A\"}",
        &[1.5],
    );
    becomes(&swan, "requests_total", &[3.0]);
    becomes(&swan, "latency_seconds_bucket{le=\"1.0\"}", &[2.0]);
    becomes(&swan, "state{state=\"busy\"}", &[1.0]);
    becomes(&swan, "build_info{version=\"1.2\"}", &[1.0]);
    becomes(&swan, "requests_created", &[]);
    becomes(&swan, "scrape_timeout_seconds{job=\"app\"}", &[1.0]);
    becomes(
        &swan,
        "scrape_samples_scraped{job=\"app\"} > bool scrape_samples_post_metric_relabeling",
        &[1.0],
    );

    exporter.forgets("a");
    becomes(&swan, "load", &[2.5]);
    drop(exporter);
    becomes(&swan, "up{job=\"app\"}", &[0.0]);
    becomes(&swan, "load", &[]);
    becomes(&swan, "requests_total", &[]);
}

#[test]
fn targets_come_and_go_with_files_and_web_servers() {
    let directory = tempfile::tempdir().unwrap();
    let exporters = [Exporter::start(&[]), Exporter::start(&[])];
    let list =
        |exporter: &Exporter| json!([{ "targets": [exporter.address()], "labels": { "from": "list" } }]);
    let board = Noticeboard::put_up("application/json", list(&exporters[0]));
    let targets = directory.path().join("targets.yml");
    std::fs::write(&targets, format!("- targets: ['{}']\n", exporters[0].address())).unwrap();
    let swan = serve(
        directory.path(),
        &format!(
            "scrape_configs:
  - job_name: file
    scrape_interval: 1s
    file_sd_configs: [{{ files: ['targets*.yml'] }}]
  - job_name: web
    scrape_interval: 1s
    http_sd_configs: [{{ url: 'http://{}/targets', refresh_interval: 1s }}]
",
            board.address
        ),
    );
    let up =
        |job: &str, exporter: &Exporter| format!("up{{job=\"{job}\",instance=\"{}\"}}", exporter.address());
    becomes(&swan, &up("file", &exporters[0]), &[1.0]);
    becomes(&swan, &up("web", &exporters[0]), &[1.0]);
    becomes(&swan, "load{job=\"web\",from=\"list\",zone=\"b\"}", &[2.5]);

    // A file that is being written is no reason to lose targets.
    std::fs::write(&targets, "- targets: [").unwrap();
    swan.wait_for_line("a discovery failed; its targets stay as they were");
    becomes(&swan, &up("file", &exporters[0]), &[1.0]);
    std::fs::write(&targets, format!("- targets: ['{}']\n", exporters[1].address())).unwrap();
    board.says(list(&exporters[1]));
    for job in ["file", "web"] {
        becomes(&swan, &up(job, &exporters[1]), &[1.0]);
        becomes(&swan, &up(job, &exporters[0]), &[]);
    }
    becomes(&swan, "count(load{zone=\"b\"})", &[2.0]);
}

#[test]
fn a_target_behind_tls_is_trusted_by_its_own_authority() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["exporter.internal".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = file("certificate.pem", made.cert.pem());
    let key = file("key.pem", made.signing_key.serialize_pem());
    let exporter = Exporter::start(&["--certificate", &certificate, "--key", &key]);
    let mut configuration =
        "global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n".to_owned();
    for (job, tls) in [
        ("trusted", "{ ca_file: certificate.pem, server_name: exporter.internal }"),
        ("wrong-name", "{ ca_file: certificate.pem }"),
        ("unknown", "{}"),
        ("unverified", "{ insecure_skip_verify: true }"),
    ] {
        configuration += &format!(
            "  - {{ job_name: {job}, scheme: https, tls_config: {tls}, static_configs: [{{ targets: ['{}'] }}] }}\n",
            exporter.address()
        );
    }
    let swan = serve(directory.path(), &configuration);
    for (job, up) in [("trusted", 1.0), ("wrong-name", 0.0), ("unknown", 0.0), ("unverified", 1.0)] {
        becomes(&swan, &format!("up{{job=\"{job}\"}}"), &[up]);
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn a_real_prometheus_is_scraped_as_protobuf_and_writes_what_it_scraped() {
    if !is_installed("prometheus", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let swan = serve(
        directory.path(),
        &format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: as-protobuf
    scrape_protocols: [PrometheusProto]
    static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]
  - job_name: as-text
    scrape_protocols: [PrometheusText0.0.4]
    static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]
"
        ),
    );
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs: [{{ job_name: itself, static_configs: [{{ targets: ['127.0.0.1:{port}'] }}] }}]
remote_write: [{{ url: '{}/api/v1/write', queue_config: {{ batch_send_deadline: 1s }} }}]
",
        swan.url()
    );
    let _prometheus = Prometheus::start_at(directory.path(), port, &configuration, "groups: []\n");
    for job in ["as-protobuf", "as-text", "itself"] {
        becomes(&swan, &format!("up{{job=\"{job}\"}}"), &[1.0]);
    }
    // The same exporter has the same series in both formats, by the same names and bounds.
    let names = |job: &str| {
        let path = format!("/api/v1/query?query={}", crate::http::in_a_query(&format!("{{job=\"{job}\"}}")));
        let answer = swan.read(&path);
        let result = answer["data"]["result"].as_array().expect("a vector").clone();
        let series = result.into_iter().map(|mut element| {
            let labels = element["metric"].as_object_mut().expect("labels");
            labels.remove("job");
            (Value::Object(labels.clone()).to_string(), ())
        });
        series.filter(|(labels, ())| !labels.contains("\"handler\"")).collect::<BTreeMap<_, _>>()
    };
    until("both formats to have the same series", SOON, || {
        let (protobuf, text) = (names("as-protobuf"), names("as-text"));
        (protobuf == text && protobuf.len() > 200).then_some(())
    });
}

#[test]
fn what_is_imported_is_stored_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let import =
        |content_type: &str, body: &[u8]| swan.caller().post("/api/v1/import/prometheus", content_type, body);
    let bad = "# TYPE a counter\na_total 1\na_total{x=\"1\"} -1\n# EOF\n";
    let answer = import("application/openmetrics-text; version=1.0.0", bad.as_bytes());
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(
        answer.json()["error"].as_str().unwrap().starts_with("line 3, byte 15: a count that is negative"),
        "{answer:?}"
    );
    becomes(&swan, "a_total", &[]);
    let good = "# TYPE a counter\na_total 1\na_total{x=\"1\"} 2\n# EOF\n";
    let answer = import("application/openmetrics-text; version=1.0.0", good.as_bytes());
    assert_eq!(answer.status, 204, "{answer:?}");
    becomes(&swan, "a_total", &[1.0, 2.0]);
    let packed = {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"b{x=\"1\"} 7\n").unwrap();
        packer.finish().unwrap()
    };
    let path = "/api/v1/import/prometheus?extra_label=env%3Dprod&extra_label=x%3D2";
    let answer = swan.caller().header("Content-Encoding", "gzip").post(path, "text/plain", &packed);
    assert_eq!(answer.status, 204, "{answer:?}");
    becomes(&swan, "b{x=\"2\",env=\"prod\"}", &[7.0]);
}

#[test]
fn remote_write_says_what_it_took_and_what_it_does_not_know() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let write = |content_type: &str, message: &[u8]| {
        let body = snap::raw::Encoder::new().compress_vec(message).unwrap();
        swan.caller().header("Content-Encoding", "snappy").post("/api/v1/write", content_type, &body)
    };
    let v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    // Symbols "", __name__, up; a series up with one sample of value 1 at 1 s, and one without a name.
    let symbols = b"\x22\x00\x22\x08__name__\x22\x02up";
    let now = (swan.query("vector(time())")[0] * 1000.0) as u64;
    let mut time = Vec::new();
    let mut rest = now;
    while rest >= 0x80 {
        time.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    time.push(rest as u8);
    let sample = [b"\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10".as_slice(), &time].concat();
    let series = |references: &[u8]| {
        let inside =
            [&[0x0a, references.len() as u8], references, &[0x12, sample.len() as u8], &sample].concat();
        [&[0x2a, inside.len() as u8], inside.as_slice()].concat()
    };
    let good = [symbols.as_slice(), &series(&[1, 2])].concat();
    let answer = write(v2, &good);
    assert_eq!(answer.status, 204, "{answer:?}");
    let written = |answer: &crate::http::Answer, what: &str| {
        answer.header(&format!("X-Prometheus-Remote-Write-{what}-Written")).map(str::to_owned)
    };
    assert_eq!(written(&answer, "Samples").as_deref(), Some("1"));
    assert_eq!(written(&answer, "Histograms").as_deref(), Some("0"));
    assert_eq!(written(&answer, "Exemplars").as_deref(), Some("0"));
    becomes(&swan, "up", &[1.0]);
    let partly = [good.as_slice(), &series(&[2, 1])].concat();
    let answer = write(v2, &partly);
    assert_eq!((answer.status, written(&answer, "Samples").as_deref()), (400, Some("1")), "{answer:?}");
    assert!(answer.text().contains("no `__name__`"), "{answer:?}");
    // A histogram of schema 0 with one observation in (0.5, 1], whose exemplar is that observation.
    let histogram = [
        b"\x08\x01\x19\x00\x00\x00\x00\x00\x00\xf0\x3f\x20\x00\x5a\x04\x08\x00\x10\x01\x62\x01\x02\x78"
            .as_slice(),
        &time,
    ]
    .concat();
    let exemplar = [b"\x0a\x02\x01\x02\x11\x00\x00\x00\x00\x00\x00\xf0\x3f\x18".as_slice(), &time].concat();
    let parts = [
        b"\x0a\x02\x01\x03\x1a".as_slice(),
        &[histogram.len() as u8],
        &histogram,
        b"\x22",
        &[exemplar.len() as u8],
        &exemplar,
    ]
    .concat();
    let native = [symbols.as_slice(), b"\x22\x07latency\x2a", &[parts.len() as u8], &parts].concat();
    let answer = write(v2, &native);
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(written(&answer, "Samples").as_deref(), Some("0"));
    assert_eq!(written(&answer, "Histograms").as_deref(), Some("1"));
    assert_eq!(written(&answer, "Exemplars").as_deref(), Some("1"));
    becomes(&swan, "histogram_count(latency)", &[1.0]);
    becomes(&swan, "histogram_fraction(0.5, 1, latency)", &[1.0]);
    let asked = "/api/v1/query_exemplars?query=latency&start=0&end=99999999999";
    let found = swan.read(asked);
    assert_eq!(found["data"][0]["exemplars"][0]["labels"]["__name__"], "up", "{found}");
    assert_eq!(write("application/x-protobuf;proto=io.prometheus.write.v3.Request", &good).status, 415);
    assert_eq!(write("application/json", &good).status, 415);
    assert_eq!(write("application/x-protobuf", &good).status, 400, "a message of the other version");
    let framed = swan.caller().header("Content-Encoding", "gzip").post("/api/v1/write", v2, b"");
    assert_eq!(framed.status, 415);
}

#[test]
fn a_prometheus_configuration_is_checked_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let text = "global: { scrape_interval: 15s }
rule_files: []
remote_write: [{ url: 'http://elsewhere/api/v1/write' }]
scrape_configs:
  - job_name: prometheus
    static_configs: [{ targets: ['localhost:9090'] }]
  - job_name: pods
    kubernetes_sd_configs: [{ role: pod }]
";
    std::fs::write(directory.path().join("prometheus.yml"), text).unwrap();
    let refused = run(directory.path(), &["check", "prometheus.yml"]);
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.seen().contains("prometheus.yml:8:5: not supported yet: `kubernetes_sd_configs`"),
        "{}",
        refused.seen()
    );
    let known = text.split("  - job_name: pods").next().unwrap();
    std::fs::write(directory.path().join("prometheus.yml"), known).unwrap();
    let taken = run(directory.path(), &["check", "prometheus.yml"]);
    assert_eq!(taken.code, Some(0), "{}", taken.seen());
    assert!(
        taken.seen().contains("prometheus.yml:3:1: warning: not used: `remote_write`"),
        "{}",
        taken.seen()
    );
}
