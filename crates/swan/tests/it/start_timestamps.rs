//! Since when samples count: a sender says so by remote write 2.0, and queries use it where the configuration says so.

use std::path::Path;
use std::time::UNIX_EPOCH;

use kernel::{Labels, Timestamp};

use crate::http::in_a_query;
use crate::prometheus_suite::script::{Loaded, LoadedSample, Written};
use crate::prometheus_suite::written::send;
use crate::swan::{Start, Swan};

/// This minute.
fn now_s() -> i64 {
    let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    now - now % 60
}

/// One sample, and the second since which it counts.
fn sample(labels: &[(&str, &str)], at_s: i64, start_s: i64) -> Loaded {
    let sample = LoadedSample {
        at: Timestamp::from_secs(at_s),
        start: Some(Timestamp::from_secs(start_s)),
        value: Written::Float(1.0),
    };
    Loaded { labels: Labels::new(labels.iter().copied()).unwrap(), samples: vec![sample] }
}

fn apply(swan: &Swan, directory: &Path, text: &str) {
    std::fs::write(directory.join("swan.yaml"), text).unwrap();
    let applied = swan.run(&["apply", "--file", "swan.yaml"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
}

/// The values of a query at this second, as JSON has them.
fn ask(swan: &Swan, expression: &str, at_s: i64) -> Vec<String> {
    let answer = swan.read(&format!("/api/v1/query?time={at_s}&query={}", in_a_query(expression)));
    let result = answer["data"]["result"].as_array().unwrap();
    result.iter().map(|element| element["value"][1].as_str().unwrap().to_owned()).collect()
}

#[test]
fn they_are_kept_while_the_configuration_says_so_and_survive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let start = Start::new(directory.path());
    let swan = start.serve();
    let (jobs, end) = ([("__name__", "jobs_total")], now_s());
    send(&swan.caller(), &[sample(&jobs, end - 180, end - 240)]).unwrap();
    let settings = "promql: { experimental_functions: true, start_timestamps: true }\n";
    apply(&swan, directory.path(), settings);
    assert_eq!(ask(&swan, "start_timestamp(jobs_total)", end - 180), ["0"], "it was off then");
    // Deltas: each counts since the one before. What the first one counts since is not known, so it may be the same.
    send(&swan.caller(), &[sample(&jobs, end - 120, end - 180)]).unwrap();
    send(&swan.caller(), &[sample(&jobs, end - 60, end - 120)]).unwrap();
    let seen = |swan: &Swan| {
        assert_eq!(ask(swan, "start_timestamp(jobs_total)", end - 60), [(end - 120).to_string()]);
        assert_eq!(ask(swan, "resets(jobs_total[5m])", end - 60), ["1"]);
        assert_eq!(ask(swan, "count({__name__=~'jobs.*'})", end - 60), ["1"]);
        let labels = swan.read("/api/v1/labels?match[]=jobs_total")["data"].clone();
        assert_eq!(labels, serde_json::json!(["__name__"]));
        let series = swan.read("/api/v1/series?match[]=jobs_total")["data"].clone();
        assert_eq!(series, serde_json::json!([{ "__name__": "jobs_total" }]));
        assert_eq!(swan.get("/federate?match[]=jobs_total").text().matches("jobs_total").count(), 2);
    };
    seen(&swan);
    swan.kill();
    let swan = start.serve();
    seen(&swan);
    apply(&swan, directory.path(), "promql: { experimental_functions: true }\n");
    assert_eq!(ask(&swan, "resets(jobs_total[5m])", end - 60), ["0"]);
    swan.stop();
}

#[test]
fn nobody_sends_the_label_that_they_are_kept_under() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    apply(&swan, directory.path(), "promql: { start_timestamps: true }\n");
    let (labels, end) = ([("\0", "f"), ("__name__", "jobs_total")], now_s());
    let refused = |answer: Result<(), String>| {
        let answer = answer.unwrap_err();
        assert!(answer.contains("400") && answer.contains("which the store keeps for itself"), "{answer}");
    };
    refused(send(&swan.caller(), &[sample(&labels, end - 60, end - 120)]));
    // Also where there is such a series.
    send(&swan.caller(), &[sample(&labels[1..], end - 60, end - 120)]).unwrap();
    refused(send(&swan.caller(), &[sample(&labels, end - 60, end - 90)]));
    assert_eq!(ask(&swan, "{__name__='jobs_total'}", end), ["1"]);
    let text = "jobs_total{\"\0\"=\"f\"} 1\n";
    let imported = swan.caller().post("/api/v1/import/prometheus", "text/plain", text.as_bytes());
    assert_eq!(imported.status, 400, "{imported:?}");
    swan.stop();
}
