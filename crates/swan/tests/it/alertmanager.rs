//! Swan in Alertmanager's place: a real Prometheus sends its alerts here, and amtool asks and silences.

use serde_json::{Value, json};

use crate::mail::MailServer;
use crate::mail_delivery::critical;
use crate::prometheus::{Prometheus, amtool, is_installed};
use crate::shop::Shop;
use crate::swan::{SOON, Start, Swan, until};
use crate::team::Team;

const RULES: &str = "groups:
  - name: shop
    rules:
      - alert: ShopFails
        expr: increase(http_requests_total{code=\"500\"}[10s]) > 0
        labels: { severity: critical, service: shop }
        annotations: { summary: \"requests fail\" }
";

#[test]
fn a_real_prometheus_takes_swan_for_its_alertmanager() {
    if !is_installed("prometheus", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    let shop = Shop::open();
    Team::with_mail_at(mail.port).waiting("1h").write(directory.path());
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
rule_files: [rules.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{{ targets: [\"{}\"] }}]
alerting:
  alertmanagers:
    - static_configs: [{{ targets: [\"{}\"] }}]
",
        shop.address, swan.address
    );
    let _prometheus = Prometheus::start(directory.path(), &configuration, RULES);
    shop.breaks();
    let page = mail.wait_for_mail("the page", |_| true);
    assert!(page.to == "ana@shop.example" && page.text.contains("requests fail"), "{page:?}");
    let alert = swan.read("/api/v2/alerts")[0].clone();
    assert_eq!(alert["labels"]["alertname"], "ShopFails");
    assert_eq!(alert["labels"]["job"], "shop");
    assert!(alert["generatorURL"].as_str().unwrap().contains("/graph?"), "{alert}");
    shop.recovers();
    until("the alert to resolve", SOON, || (swan.read("/api/v2/alerts") == json!([])).then_some(()));
    until("the page to be over", SOON, || (swan.read("/v1/pages")[0]["state"] == "over").then_some(()));
    swan.stop();
}

fn alert_names(swan: &Swan, directory: &std::path::Path, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["alert", "query", "-o", "json"];
    all.extend(arguments);
    let found = amtool(directory, &swan.url(), &all).json();
    let name = |alert: &Value| alert["labels"]["alertname"].as_str().expect("a name").to_owned();
    found.as_array().expect("a list").iter().map(name).collect()
}

#[test]
fn amtool_asks_silences_and_lets_speak_again() {
    if !is_installed("amtool", "prometheus-alertmanager") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    Team::with_mail_at(mail.port).waiting("1h").write(directory.path());
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let ask = |arguments: &[&str]| amtool(directory.path(), &swan.url(), arguments);

    let silence = ask(&[
        "silence",
        "add",
        "alertname=Known",
        "--comment",
        "we know",
        "--author",
        "ana",
        "--duration",
        "1h",
    ]);
    assert_eq!(silence.code, Some(0), "{silence:?}");
    let id = silence.stdout.trim().to_owned();
    let listed = ask(&["silence", "query", "-o", "json"]).json();
    assert_eq!((&listed[0]["id"], &listed[0]["createdBy"]), (&json!(id), &json!("ana")), "{listed}");

    swan.tell_alert("Known");
    swan.tell_alert("Stuck");
    mail.wait_for_mail("the page", |mail| mail.subject.contains("Stuck"));
    let names = |arguments: &[&str]| alert_names(&swan, directory.path(), arguments);
    assert_eq!(names(&["--active"]), ["Stuck"]);
    assert_eq!(names(&["--silenced"]), ["Known"]);
    assert_eq!(names(&["alertname=Stuck"]), ["Stuck"]);
    assert_eq!(names(&["alertname=~S.*", "service!=bakery"]), ["Stuck"]);
    assert_eq!(names(&["alertname=Missing"]), Vec::<String>::new());
    assert!(!mail.arrived().iter().any(|mail| mail.subject.contains("Known")), "a silence is kept");

    assert_eq!(ask(&["silence", "expire", &id]).code, Some(0));
    assert_eq!(ask(&["silence", "query", "-o", "json"]).json(), json!([]));
    mail.wait_for_mail("the page of what is no longer silenced", |mail| mail.subject.contains("Known"));
    swan.stop();
}

impl Swan {
    fn tell_alert(&self, name: &str) {
        assert_eq!(self.post("/api/v2/alerts", &critical(name)).status, 200);
    }
}
