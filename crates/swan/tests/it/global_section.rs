//! What `global` of a `prometheus.yml` says of more than jobs: external labels, and how rules are evaluated that do not
//! say so themselves.

use std::path::Path;
use std::time::UNIX_EPOCH;

use kernel::{Labels, Timestamp};
use serde_json::{Value, json};

use crate::http::Answer;
use crate::prometheus_suite::script::{Loaded, LoadedSample, Written};
use crate::prometheus_suite::written::send;
use crate::remote_write::{field, varint};
use crate::swan::{SOON, Start, Swan, run, until};

const PROMETHEUS: &str = "global:
  evaluation_interval: 1s
  rule_query_offset: 1s
  query_log_file: queries.log
  external_labels: { site: x, host: 'a-${SWAN_TEST_HOST}', cost: $$5 }
rule_files: [rules.yaml]
scrape_configs: []
";

const RULES: &str = "groups:
  - name: plain
    rules:
      - alert: Full
        expr: fill > 1
        labels: { severity: info, seen_at: '{{ $externalLabels.site }}' }
        annotations: { where: '{{ .ExternalLabels.host }}' }
  - name: own
    interval: 7s
    query_offset: 0s
    rules: [{ record: r, expr: fill }]
  - name: none
    interval: 0s
    rules: [{ record: s, expr: fill }]
";

fn write(directory: &Path) {
    std::fs::write(directory.join("prometheus.yml"), PROMETHEUS).unwrap();
    std::fs::write(directory.join("rules.yaml"), RULES).unwrap();
}

fn serve(directory: &Path) -> Swan {
    write(directory);
    let start = Start::new(directory).with(&["--config", "prometheus.yml"]).env("SWAN_TEST_HOST", "b");
    let swan = start.serve();
    let at = Timestamp::from_secs(i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap() - 1);
    let sample = |labels: &[(&str, &str)]| Loaded {
        labels: Labels::new(labels.iter().copied()).unwrap(),
        samples: vec![LoadedSample { at, start: None, value: Written::Float(2.0) }],
    };
    let all = [
        sample(&[("__name__", "fill"), ("disk", "a")]),
        sample(&[("__name__", "fill"), ("disk", "b"), ("instance", "i"), ("site", "own")]),
    ];
    send(&swan.caller(), &all).unwrap();
    swan
}

#[test]
fn series_that_leave_have_the_external_labels_that_they_do_not_have() {
    let directory = tempfile::tempdir().unwrap();
    let swan = serve(directory.path());
    let federated = swan.get("/federate?match[]=fill").text();
    let series: Vec<&str> =
        federated.lines().filter_map(|line| line.rsplit_once(" 2 ")).map(|it| it.0).collect();
    assert_eq!(
        series,
        [
            "fill{cost=\"$5\",disk=\"a\",host=\"a-b\",site=\"x\",instance=\"\"}",
            "fill{cost=\"$5\",disk=\"b\",host=\"a-b\",instance=\"i\",site=\"own\"}",
        ]
    );
    // Whoever reads asks for what was written, too.
    let read = |site: &[u8]| remote_read(&swan, &[(b"__name__", b"fill"), (b"site", site)]);
    assert_eq!(labels_in(&read(b"x")), ["a-b", "x"].map(str::to_owned), "as every series of this server");
    assert_eq!(labels_in(&read(b"y")), [""; 0]);
    swan.stop();
}

/// `POST /api/v1/read` of everything that has these labels.
fn remote_read(swan: &Swan, matchers: &[(&[u8], &[u8])]) -> Answer {
    let mut query = vec![2 << 3];
    varint(&mut query, i64::MAX as u64);
    for (name, value) in matchers {
        let mut matcher = Vec::new();
        field(&mut matcher, 2, name);
        field(&mut matcher, 3, value);
        field(&mut query, 3, &matcher);
    }
    let mut request = Vec::new();
    field(&mut request, 1, &query);
    let body = snap::raw::Encoder::new().compress_vec(&request).unwrap();
    let answer = swan.caller().post("/api/v1/read", "application/x-protobuf", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Which of these values stand in an answer.
fn labels_in(answer: &Answer) -> Vec<String> {
    let body = snap::raw::Decoder::new().decompress_vec(&answer.body).unwrap();
    let stands = |value: &&&str| {
        let mut field = vec![2 << 3 | 2, value.len() as u8];
        field.extend(value.as_bytes());
        body.windows(field.len()).any(|bytes| bytes == field)
    };
    ["a-b", "x"].iter().filter(stands).map(|value| (*value).to_owned()).collect()
}

#[test]
fn rules_are_evaluated_as_the_section_says_and_see_external_labels() {
    let directory = tempfile::tempdir().unwrap();
    let swan = serve(directory.path());
    let rules = swan.read("/api/v1/rules")["data"]["groups"].clone();
    let groups: Vec<(&Value, &Value)> =
        rules.as_array().unwrap().iter().map(|group| (&group["name"], &group["interval"])).collect();
    assert_eq!(
        groups,
        [(&json!("none"), &json!(1)), (&json!("own"), &json!(7)), (&json!("plain"), &json!(1))]
    );
    let of_file = |file: &str| swan.read(&format!("/api/v1/rules?file[]={file}"))["data"]["groups"].clone();
    assert_eq!(of_file("rules.yaml"), rules);
    assert_eq!((&rules[0]["file"], of_file("prometheus.yml")), (&json!("rules.yaml"), json!([])));
    let applied = swan.journal().into_iter().find_map(|entry| {
        let groups = entry["fact"]["configuration_applied"]["configuration"]["rule_groups"].clone();
        (!groups.is_null()).then_some(groups)
    });
    let offsets: Vec<Value> =
        applied.unwrap().as_array().unwrap().iter().map(|group| group["query_offset"].clone()).collect();
    assert_eq!(offsets, [json!("1s"), Value::Null, json!("1s")]);
    let alert = until("the alert", SOON, || {
        let alerts = swan.read("/api/v1/alerts")["data"]["alerts"].clone();
        alerts.as_array().unwrap().iter().find(|alert| alert["labels"]["disk"] == "a").cloned()
    });
    assert_eq!(
        alert["labels"],
        json!({ "alertname": "Full", "disk": "a", "seen_at": "x", "severity": "info" })
    );
    assert_eq!(alert["annotations"]["where"], "a-b");
    swan.stop();
}

#[test]
fn what_has_no_effect_is_said() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path());
    insta::assert_snapshot!(run(directory.path(), &["check", "prometheus.yml"]).seen(), @r"
    prometheus.yml:4:3: warning: not used: `global.query_log_file`
    prometheus.yml: 0 services, 3 rules, 0 people; 0 errors, 1 warnings
    exit code 0
    ");
    let own = "global: { query_log_file: q, external_labels: { '': x } }\nservices: {}\n";
    std::fs::write(directory.path().join("swan.yaml"), own).unwrap();
    insta::assert_snapshot!(run(directory.path(), &["check", "swan.yaml"]).seen(), @r"
    swan.yaml:1:30: a label has an empty name
    swan.yaml:1:11: warning: not used: `global.query_log_file`
    swan.yaml: 0 services, 0 rules, 0 people; 1 errors, 1 warnings
    exit code 1
    ");
}
