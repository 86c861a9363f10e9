//! An alert does not wait for its rule's interval when a sample proves the rule true.

use serde_json::Value;

use crate::mail::MailServer;
use crate::shop::Shop;
use crate::swan::{SOON, Start, Swan, until};
use crate::team::Team;

/// The interval never comes in the time of a test; only samples can prove these rules.
const RULES: &str = "groups:
  - name: arrivals
    interval: 12h
    rules:
      - alert: ShopFails
        expr: increase(http_requests_total{code=\"500\"}[10s]) > 0
        labels: { severity: critical, service: shop }
      - alert: ShopFailsForLong
        expr: increase(http_requests_total{code=\"500\"}[10s]) > 0
        for: 1ms
        labels: { severity: critical, service: shop }
";

fn alerts(swan: &Swan) -> Vec<String> {
    let alerts = swan.read("/api/v2/alerts");
    let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap().to_owned();
    alerts.as_array().unwrap().iter().map(name).collect()
}

#[test]
fn a_sample_that_proves_a_rule_pages_hours_before_the_rules_interval() {
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    let shop = Shop::open();
    let scrape = format!("scrape: [{{ job: shop, targets: [\"{}\"], every: 1s }}]\n", shop.address);
    Team::with_mail_at(mail.port).and("rules: rules.yaml\n").and(&scrape).write(directory.path());
    std::fs::write(directory.path().join("rules.yaml"), RULES).unwrap();
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    until("a scrape", SOON, || {
        let found = swan.read("/api/v1/query?query=http_requests_total");
        (found["data"]["result"] != serde_json::json!([])).then_some(())
    });
    assert_eq!(alerts(&swan), [""; 0]);

    shop.breaks();
    mail.wait_for_mail("the page", |mail| mail.subject.contains("ShopFails"));
    assert_eq!(alerts(&swan), ["ShopFails"], "what has to hold for a while waits for the interval");
    swan.stop();
}
