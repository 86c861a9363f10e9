//! Rules and alerts.

use serde_json::{Value, json};

use super::peer::Peer;
use super::{recently, service};
use crate::http::Caller;
use crate::prometheus::is_installed;
use crate::remote_write::write;
use crate::swan::{SOON, Start, until};
use crate::team::Team;

const RULES: &str = "groups:
  - name: service
    interval: 1s
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up{job=\"node\"} == 0
        labels: { severity: info }
        annotations: { summary: \"{{ $labels.instance }} is down\" }
      - alert: DownForLong
        expr: up{job=\"node\"} == 0
        for: 1h
        labels: { severity: info }
      - alert: Never
        expr: up > 1
        labels: { severity: info }
";

/// What does not depend on when a rule was evaluated.
fn timeless(mut answer: Value) -> Value {
    let mut all =
        answer["data"]["groups"].as_array_mut().map_or_else(Vec::new, |groups| groups.iter_mut().collect());
    for group in &mut all {
        for name in ["evaluationTime", "lastEvaluation", "file"] {
            group.as_object_mut().unwrap().remove(name);
        }
        for rule in group["rules"].as_array_mut().unwrap() {
            for name in ["evaluationTime", "lastEvaluation", "health", "keepFiringFor"] {
                rule.as_object_mut().unwrap().remove(name);
            }
            // Prometheus 2 leaves out what is empty.
            rule.as_object_mut().unwrap().retain(|_, value| *value != json!({}));
            for alert in rule["alerts"].as_array_mut().unwrap_or(&mut Vec::new()) {
                alert.as_object_mut().unwrap().remove("activeAt");
            }
        }
    }
    answer
}

#[test]
fn rules_and_alerts_are_shown_as_by_prometheus() {
    if !is_installed("prometheus", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(9).and("rules: rules.yaml\n").write(directory.path());
    std::fs::write(directory.path().join("rules.yaml"), RULES).unwrap();
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let peer = Peer::start(directory.path(), "rule_files: [../rules.yaml]\n");
    let samples = service(recently());
    write(&swan.caller(), &samples);
    write(&peer.caller(), &samples);
    let rules = |of: &Caller, query: &str| timeless(of.get(&format!("/api/v1/rules{query}")).json());
    let settled = |of: &Caller| {
        let shown = rules(of, "");
        let states: Vec<Value> = shown["data"]["groups"][0]["rules"]
            .as_array()?
            .iter()
            .map(|rule| rule["state"].clone())
            .collect();
        (states == [Value::Null, json!("firing"), json!("pending"), json!("inactive")]).then_some(shown)
    };
    let expected = until("prometheus to judge", SOON, || settled(&peer.caller()));
    let shown = until("swan to judge", SOON, || settled(&swan.caller()));
    assert_eq!(shown, expected, "{shown:#}");
    for query in ["?type=record", "?type=alert"] {
        assert_eq!(rules(&swan.caller(), query), rules(&peer.caller(), query), "{query}");
    }
    // Prometheus 2.42 does not have these.
    let shown = |query: &str| swan.read(&format!("/api/v1/rules?{query}"))["data"]["groups"].clone();
    assert_eq!(shown("rule_group[]=other"), json!([]));
    assert_eq!(shown("rule_group[]=service&rule_name[]=Never")[0]["rules"][0]["name"], "Never");
    assert_eq!(shown("group_limit=1").as_array().unwrap().len(), 1);
    let without = swan.read("/api/v1/rules?exclude_alerts=true&rule_name[]=Down");
    assert_eq!(without["data"]["groups"][0]["rules"][0]["alerts"], Value::Null, "{without}");
    let matching = swan.read("/api/v1/rules?match[]={severity=%22info%22}");
    assert_eq!(matching["data"]["groups"][0]["rules"].as_array().unwrap().len(), 3);
    let alerts = |of: &Caller| {
        let mut alerts: Vec<(String, String)> = of.get("/api/v1/alerts").json()["data"]["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| (alert["labels"].to_string(), alert["state"].to_string()))
            .collect();
        alerts.sort();
        alerts
    };
    assert_eq!(alerts(&swan.caller()), alerts(&peer.caller()));
    swan.stop();
}
