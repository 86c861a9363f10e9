//! How samples are kept and which PromQL there is, as `metrics` and `promql` of the configuration say; also while the
//! server runs.

use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::http::{Answer, in_a_query};
use crate::swan::{Start, Swan, run};

fn write(directory: &Path, text: &str) {
    std::fs::write(directory.join("swan.yaml"), text).unwrap();
}

fn import(swan: &Swan, text: &str) -> Answer {
    swan.caller().post("/api/v1/import/prometheus", "text/plain", text.as_bytes())
}

fn ask(swan: &Swan, expression: &str) -> Answer {
    swan.get(&format!("/api/v1/query?query={}", in_a_query(expression)))
}

/// What a query says that is refused.
fn refused(swan: &Swan, expression: &str) -> String {
    let answer = ask(swan, expression);
    assert_eq!(answer.status, 400, "{expression}: {answer:?}");
    answer.json()["error"].as_str().unwrap().to_owned()
}

#[test]
fn samples_of_1970_are_kept_where_any_age_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "metrics: { retention: 0, out_of_order: unlimited }\n");
    let start = Start::new(directory.path()).with(&["--config", "swan.yaml"]);
    let swan = start.serve();
    assert_eq!(import(&swan, "moon 1 60000\nmoon 2 120000\nmoon 0 -60000\n").status, 204);
    let seen = |swan: &Swan| {
        swan.read("/api/v1/query?time=120&query=moon[5m]")["data"]["result"][0]["values"].clone()
    };
    let all = serde_json::json!([[-60, "0"], [60, "1"], [120, "2"]]);
    assert_eq!(seen(&swan), all);
    swan.kill();
    let swan = start.serve();
    assert_eq!(seen(&swan), all);
    swan.stop();
}

#[test]
fn without_a_setting_old_samples_are_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "metrics: { out_of_order: 1h }\n");
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let now = now_ms();
    assert_eq!(import(&swan, &format!("up 1 {now}\n")).status, 204);
    let late = import(&swan, &format!("up 1 {}\n", now - 2 * 3_600_000));
    assert_eq!(late.status, 400, "{late:?}");
    assert!(late.text().contains("at most 1h are allowed"), "{late:?}");
    swan.stop();
}

#[test]
fn a_source_that_sends_too_much_is_refused_and_others_are_not() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "metrics: { sources: { token/loopback: { series: 2, label_value_bytes: 8 } } }\n",
    );
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let much = import(&swan, "a 1\nb 1\nc 1\n");
    assert_eq!(much.status, 400, "{much:?}");
    assert!(much.text().contains("one series more than the 2 that its source may have"), "{much:?}");
    assert_eq!(swan.query("count({__name__=~'a|b|c'})"), [2.0]);
    swan.stop();
}

#[test]
fn another_configuration_takes_effect_without_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let apply = |text: &str| {
        write(directory.path(), text);
        let applied = swan.run(&["apply", "--file", "swan.yaml"]);
        assert_eq!(applied.code, Some(0), "{applied:?}");
    };
    assert_eq!(import(&swan, "up{job=\"a\"} 1\nup{job=\"b\"} 1\n").status, 204);
    assert!(refused(&swan, "limitk(1, up)").contains("experimental"));
    assert!(refused(&swan, "up offset (1 + 1)").contains("`duration_expressions`"));
    apply("promql: { experimental_functions: true, duration_expressions: true }\nmetrics: { series: 2 }\n");
    assert_eq!(swan.query("limitk(1, up)").len(), 1);
    assert_eq!(swan.query("count_over_time(up[1m + 1m])"), [1.0, 1.0]);
    let full = import(&swan, "down 1\n");
    assert_eq!(full.status, 400, "{full:?}");
    apply("metrics: { retention: 30d }\n");
    assert_eq!(import(&swan, "down 1\n").status, 204);
    assert!(refused(&swan, "limitk(1, up)").contains("experimental"));
    let retention = swan.read("/api/v1/status/runtimeinfo")["data"]["storageRetention"].clone();
    assert_eq!(retention, "30d");
    swan.stop();
}

#[test]
fn a_rule_may_use_what_the_configuration_turns_on_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let rules = "groups: [{ name: g, rules: [{ alert: A, expr: 'limitk(1, up) == 0', labels: { priority: low } }] }]\n";
    std::fs::write(directory.path().join("rules.yaml"), rules).unwrap();
    write(directory.path(), "rules: rules.yaml\n");
    let check = || run(directory.path(), &["check", "swan.yaml"]);
    assert!(check().seen().contains("experimental"), "{}", check().seen());
    write(directory.path(), "rules: rules.yaml\npromql: { experimental_functions: true }\n");
    assert_eq!(check().code, Some(0), "{}", check().seen());
}

#[test]
fn what_is_no_span_and_no_size_is_shown_where_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let seen = |text: &str| {
        write(directory.path(), text);
        run(directory.path(), &["check", "swan.yaml"]).seen()
    };
    insta::assert_snapshot!(seen("metrics: { retention: 15 }\n"), @r"
    error: swan.yaml:1:23: `15` is not a span like `15d`, and not 0, which is for ever
    exit code 2
    ");
    insta::assert_snapshot!(seen("metrics: { out_of_order: ever }\n"), @r"
    error: swan.yaml:1:26: `ever` is neither a span like `2h` nor `unlimited`
    exit code 2
    ");
    insta::assert_snapshot!(seen("metrics: { retention_size: lots }\n"), @r"
    error: swan.yaml:1:28: `lots` is not a size like `10MB`
    exit code 2
    ");
    insta::assert_snapshot!(seen("promql: { experimental: true }\n"), @r"
    error: swan.yaml:1:11: unknown key `experimental`
      hint: known here: delayed_name_removal, experimental_functions, duration_expressions, extended_range_selectors, fill_modifiers, type_and_unit_labels, start_timestamps
    exit code 2
    ");
}

/// The time of this machine.
fn now_ms() -> u128 {
    UNIX_EPOCH.elapsed().unwrap().as_millis()
}
