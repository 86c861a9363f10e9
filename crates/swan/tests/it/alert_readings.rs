//! What a firing alert says follows each evaluation of its rule, and what people were told does not. Its templates ask
//! queries.

use std::time::UNIX_EPOCH;

use kernel::{Labels, Timestamp};
use serde_json::{Value, json};

use crate::http::Caller;
use crate::prometheus_suite::script::{Loaded, LoadedSample, Written};
use crate::prometheus_suite::written::send;
use crate::swan::{SOON, Start, until};
use crate::team::Team;

/// `for: 0s` and no threshold: it fires at once, and stays so.
const RULES: &str = "groups:
  - name: readings
    interval: 1s
    rules:
      - alert: Full
        expr: fill > -100
        labels: { severity: info, most: '{{ with query \"max(other)\" }}{{ . | first | value }}{{ end }}' }
        annotations:
          summary: '{{ $labels.disk }} is at {{ $value }}'
          others: '{{ range query \"other\" | sortByLabel \"n\" }}{{ .Labels.n }}={{ .Value }} {{ end }}'
          waits: '{{ .ExternalURL }}{{ externalURL }}{{ $externalLabels.none }}'
      - alert: Plain
        expr: fill > -100
        for: 1ms
        labels: { severity: info }
        annotations: { summary: 'plainly at {{ $value }}' }
      - alert: Waits
        expr: fill > -100
        for: 1h
        labels: { severity: info }
        annotations: { summary: 'waits at {{ $value }}' }
";

fn sample(labels: &[(&str, &str)], value: f64) -> Loaded {
    let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let sample = LoadedSample { at: Timestamp::from_millis(now), start: None, value: Written::Float(value) };
    Loaded { labels: Labels::new(labels.iter().copied()).unwrap(), samples: vec![sample] }
}

fn send_all(to: &Caller, fill: f64, others: [f64; 2]) {
    let all = [
        sample(&[("__name__", "fill"), ("disk", "a")], fill),
        sample(&[("__name__", "other"), ("n", "a")], others[0]),
        sample(&[("__name__", "other"), ("n", "b")], others[1]),
    ];
    send(to, &all).unwrap();
}

/// The alerts by name, without what depends on when and where they are asked for.
fn shown(of: &Caller) -> Vec<Value> {
    let mut alerts = of.get("/api/v1/alerts").json()["data"]["alerts"].as_array().unwrap().clone();
    for alert in &mut alerts {
        alert.as_object_mut().unwrap().remove("activeAt");
        alert["annotations"].as_object_mut().unwrap().remove("waits");
    }
    alerts.sort_by_key(|alert| alert["labels"]["alertname"].to_string());
    alerts
}

fn expected(value: &str, plain: &str, others: &str) -> Vec<Value> {
    vec![
        json!({
            "labels": { "alertname": "Full", "disk": "a", "severity": "info", "most": "4" },
            "annotations": { "summary": format!("a is at {plain}"), "others": others },
            "state": "firing", "value": value,
        }),
        json!({
            "labels": { "alertname": "Plain", "disk": "a", "severity": "info" },
            "annotations": { "summary": format!("plainly at {plain}") },
            "state": "firing", "value": value,
        }),
        json!({
            "labels": { "alertname": "Waits", "disk": "a", "severity": "info" },
            "annotations": { "summary": format!("waits at {plain}") },
            "state": "pending", "value": value,
        }),
    ]
}

#[test]
fn what_an_alert_says_follows_its_readings_and_the_journal_keeps_how_it_fired() {
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(9).and("rules: rules.yaml\n").write(directory.path());
    std::fs::write(directory.path().join("rules.yaml"), RULES).unwrap();
    let start = Start::new(directory.path()).with(&["--config", "swan.yaml"]);
    let swan = start.serve();
    let says = |of: &Caller, expected: &[Value]| (shown(of) == expected).then_some(());
    send_all(&swan.caller(), 1.0, [3.0, 4.0]);
    let first = expected("1e+00", "1", "a=3 b=4 ");
    until("both alerts as they began", SOON, || says(&swan.caller(), &first));
    // Minutes are judged meanwhile, too.
    let of_alerts = || swan.journal().into_iter().filter(|entry| !entry["fact"]["alerting"].is_null());
    let entries: Vec<Value> = of_alerts().collect();
    assert!(!entries.is_empty());
    send_all(&swan.caller(), 9.5, [2.0, 4.0]);
    let second = expected("9.5e+00", "9.5", "a=2 b=4 ");
    until("the alerts as they are now", SOON, || says(&swan.caller(), &second));
    send_all(&swan.caller(), 9.5, [1.0, 4.0]);
    let again = expected("9.5e+00", "9.5", "a=1 b=4 ");
    until("the alerts of nothing new", SOON, || says(&swan.caller(), &again));
    send_all(&swan.caller(), -3.0, [1.0, 4.0]);
    let third = expected("-3e+00", "-3", "a=1 b=4 ");
    until("the alerts as they are at last", SOON, || says(&swan.caller(), &third));
    let rules = swan.read("/api/v1/rules?rule_name[]=Full");
    let alert = &rules["data"]["groups"][0]["rules"][0]["alerts"][0];
    assert_eq!((&alert["value"], &alert["annotations"]["summary"]), (&json!("-3e+00"), &json!("a is at -3")));
    let waits = alert["annotations"]["waits"].as_str().unwrap();
    let url = waits.get(..waits.len() / 2).unwrap();
    assert!(url.starts_with("http://") && waits == format!("{url}{url}"), "{waits}");
    assert_eq!(of_alerts().collect::<Vec<Value>>(), entries, "a reading is no fact");
    let told = swan.read("/api/v2/alerts").as_array().unwrap().clone();
    let full = told.iter().find(|alert| alert["labels"]["alertname"] == "Full").unwrap();
    assert_eq!(full["annotations"]["summary"], "a is at 1", "what people are told is as it fired");
    swan.stop();
}
