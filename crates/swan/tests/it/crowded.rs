//! Sources at their limit, labels that are many or long, samples that come twice, and what senders say of metrics.

use serde_json::json;

use crate::http::in_a_query;
use crate::noticeboard::Noticeboard;
use crate::swan::{SOON, Start, Swan, until};

const TEXT: &str = "text/plain; version=0.0.4";

fn serve(directory: &std::path::Path, configuration: &str) -> Swan {
    std::fs::write(directory.join("swan.yaml"), configuration).unwrap();
    Start::new(directory).with(&["--config", "swan.yaml"]).serve()
}

fn becomes(swan: &Swan, expression: &str, values: &[f64]) {
    until(&format!("{expression} to be {values:?}"), SOON, || {
        (swan.query(expression) == values).then_some(())
    });
}

fn scraping(target: &Noticeboard, more: &str) -> String {
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: pods
    static_configs: [{{ targets: ['{}'] }}]
{more}",
        target.address
    )
}

#[test]
fn a_target_past_its_limit_is_still_said_to_be_up() {
    let directory = tempfile::tempdir().unwrap();
    let target = Noticeboard::put_up(TEXT, "a 1\nb 2\nc 3\n");
    let limits = "metrics: { sources: { job/pods: { series: 2 } } }\n";
    let swan = serve(directory.path(), &scraping(&target, limits));
    becomes(&swan, "up", &[1.0]);
    becomes(&swan, "scrape_samples_scraped", &[3.0]);
    assert_eq!(swan.query("count({__name__=~'a|b|c'})"), [2.0]);
    target.says("no metrics");
    becomes(&swan, "up", &[0.0]);
    swan.stop();
}

#[test]
fn a_series_may_have_many_labels_and_long_ones_and_of_two_samples_the_first_counts() {
    let directory = tempfile::tempdir().unwrap();
    let many: Vec<String> = (0..200).map(|i| format!("label_{i:03}=\"v\"")).collect();
    let (many, long) = (many.join(","), "x".repeat(60_000));
    let exposed = format!("pods{{{many}}} 1\nnote{{text=\"{long}\"}} 2\ntwice 3\ntwice 4\n");
    let target = Noticeboard::put_up(TEXT, exposed);
    let swan = serve(directory.path(), &scraping(&target, ""));
    for (expression, value) in [("up", 1.0), ("pods{label_199='v'}", 1.0), ("note", 2.0), ("twice", 3.0)] {
        becomes(&swan, expression, &[value]);
    }
    swan.stop();
}

#[test]
fn what_a_sender_said_of_its_metrics_is_known_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let start = Start::new(directory.path());
    let swan = start.serve();
    let said = "# HELP a_total How many.\n# TYPE a_total counter\na_total 1\n";
    assert_eq!(swan.caller().post("/api/v1/import/prometheus", TEXT, said.as_bytes()).status, 204);
    let known = json!({ "a_total": [{ "type": "counter", "help": "How many.", "unit": "" }] });
    assert_eq!(swan.read("/api/v1/metadata")["data"], known);
    swan.kill();
    let swan = start.serve();
    assert_eq!(swan.read("/api/v1/metadata")["data"], known);
    swan.stop();
}

#[test]
fn what_is_too_old_for_one_configuration_is_taken_under_a_longer_retention() {
    let directory = tempfile::tempdir().unwrap();
    let import =
        |swan: &Swan| swan.caller().post("/api/v1/import/prometheus", TEXT, b"moon 1 60000\n").status;
    let swan = serve(directory.path(), "{}\n");
    assert_eq!(import(&swan), 400);
    swan.stop();
    let swan = serve(directory.path(), "metrics: { retention: 0, out_of_order: unlimited }\n");
    assert_eq!(import(&swan), 204);
    let found = swan.read(&format!("/api/v1/query?time=60&query={}", in_a_query("moon")));
    assert_eq!(found["data"]["result"][0]["value"][1], "1");
    swan.stop();
}
