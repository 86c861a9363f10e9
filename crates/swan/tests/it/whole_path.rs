//! The whole loop with real parts: a service that fails, a Prometheus that scrapes it and writes to Swan, a mail server.
//!
//! Nobody tells Swan that the service fails. The first engineer sleeps.

use serde_json::{Value, json};

use crate::http::in_a_query;
use crate::mail::{Mail, MailServer};
use crate::prometheus::{Prometheus, is_installed};
use crate::shop::Shop;
use crate::swan::{SOON, Start, Swan, until, verified};
use crate::team::Team;

const OBJECTIVE: &str = "      - name: availability
        sli:
          total: sum(increase(http_requests_total[5s]))
          bad: sum(increase(http_requests_total{code=~\"5..\"}[5s]))
          slice: 5s
        target: 99.9%
        window: 28d
";

/// As a team would hand it to Prometheus.
const RULES: &str = "groups:
  - name: shop
    interval: 1s
    rules:
      - alert: ShopFails
        expr: |
          sum(rate(http_requests_total{code=~\"5..\"}[10s])) / sum(rate(http_requests_total[10s])) > 0.2
        for: 2s
        labels: { severity: critical, service: shop }
        annotations:
          summary: \"{{ $value | humanizePercentage }} of requests fail\"
";

fn prometheus(directory: &std::path::Path, swan: &Swan, shop: &Shop) -> Prometheus {
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: shop
    static_configs: [{{ targets: [\"{}\"] }}]
remote_write:
  - url: {}/api/v1/write
    queue_config: {{ batch_send_deadline: 1s }}
",
        shop.address,
        swan.url()
    );
    Prometheus::start(directory, &configuration, "groups: []\n")
}

#[test]
fn one_disturbance_travels_the_whole_loop() {
    if !is_installed("prometheus", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    let shop = Shop::open();
    Team::with_mail_at(mail.port).judged_by(OBJECTIVE).and("rules: rules.yaml\n").write(directory.path());
    std::fs::write(directory.path().join("rules.yaml"), RULES).unwrap();
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let _prometheus = prometheus(directory.path(), &swan, &shop);

    measured(&swan);
    shop.breaks();
    let link = paged(&swan, &mut mail);
    answered(&swan, &link);
    customers_are_told(&swan);
    recovered(&swan, &shop);
    let outage = judged(&swan, &shop);
    attributed(&swan, &outage);
    reviewed(&swan);
    let mails: Vec<(String, String)> =
        mail.arrived().iter().map(|mail| (mail.to.clone(), mail.subject.clone())).collect();
    assert_eq!(mails.len(), 2, "two engineers were mailed, each once: {mails:#?}");
    let entries = swan.journal().len() as u64;
    swan.stop();
    assert!(verified(directory.path()) >= entries);
}

fn the_shop(swan: &Swan) -> Value {
    swan.read("/v1/services")[0].clone()
}

/// Measure: what Prometheus wrote is there, and slices of it are judged up.
fn measured(swan: &Swan) {
    until("samples of the shop", SOON, || (!swan.query("http_requests_total").is_empty()).then_some(()));
    let shop = until("a judged slice", SOON, || {
        Some(the_shop(swan)).filter(|shop| !shop["judged_through"].is_null())
    });
    assert_eq!((&shop["id"], &shop["is_down"]), (&json!("shop"), &json!(false)), "{shop}");
}

/// Alert and page: the rule fires, the first engineer is mailed, and after the wait the second. Gives the path of the
/// second mail's link.
fn paged(swan: &Swan, mail: &mut MailServer) -> String {
    let first = mail.wait_for_mail("the first engineer's mail", |_| true);
    assert_eq!(first.to, "ana@shop.example");
    assert!(first.subject.contains("ShopFails"), "{first:?}");
    assert!(first.text.contains("% of requests fail"), "{first:?}");
    assert_eq!(swan.read("/v1/pages")[0]["state"], "walking");
    let to_bo = |mail: &Mail| mail.to == "bo@shop.example";
    let second = mail.wait_for_mail("the second engineer's mail", to_bo);
    assert_ne!(first.message_id, second.message_id);
    let steps: Vec<Value> = facts(swan, "oncall", "step_started");
    assert_eq!(steps.len(), 2, "{steps:#?}");
    assert_eq!(steps[1]["reason"], "nobody_acknowledged");
    let waited = milliseconds(swan, "step_started", 1) - milliseconds(swan, "step_started", 0);
    assert!(waited >= 10_000, "the first engineer had {waited} ms of 10 s");
    second.acknowledge_path().expect("the mail has a link")
}

/// Respond: fetching the link acknowledges nothing, its button does, and declares an incident.
fn answered(swan: &Swan, link: &str) {
    for _ in 0..3 {
        let page = swan.get(link);
        assert_eq!(page.status, 200, "{page:?}");
        assert!(
            page.text().contains("<form method=\"post\"") || page.text().contains("<form method=post"),
            "{}",
            page.text()
        );
        assert!(!page.text().contains("<script"), "it works without JavaScript");
    }
    assert_eq!(
        swan.caller().send("HEAD", link, b"").answer_if_any().map_or(200, |answer| answer.status),
        200
    );
    assert_eq!(swan.read("/v1/pages")[0]["state"], "walking", "nobody pressed the button");
    assert_eq!(swan.read("/v1/incidents"), json!([]));

    let pressed = swan.caller().post(link, "application/x-www-form-urlencoded", b"declare=yes");
    assert_eq!(pressed.status, 303, "{pressed:?}");
    let page = swan.read("/v1/pages")[0].clone();
    assert_eq!((&page["state"], &page["acknowledged_by"]), (&json!("acknowledged"), &json!("bo")), "{page}");
    let incident = swan.read("/v1/incidents")[0].clone();
    assert_eq!((&incident["service"], &incident["leader"]), (&json!("shop"), &json!("bo")), "{incident}");
    assert_eq!(incident["id"], "inc_1");
    assert!(swan.get(link).text().contains("inc_1"), "the page says what it led to");
}

/// Inform: a public update is on the status page, and in Statuspage's JSON.
fn customers_are_told(swan: &Swan) {
    let all_is_well = swan.read("/api/v2/status.json")["status"].clone();
    assert_eq!(all_is_well["indicator"], "none", "nothing was published yet");
    assert_eq!(swan.read("/api/v2/incidents.json")["incidents"], json!([]));
    let internal = json!({ "text": "the till, again", "phase": "investigating", "audience": "internal" });
    swan.tell("/v1/incidents/inc_1/updates", &internal);
    assert_eq!(swan.read("/api/v2/incidents.json")["incidents"], json!([]), "what is internal stays inside");
    let public =
        json!({ "text": "You cannot pay at the moment.", "phase": "identified", "audience": "public" });
    swan.tell("/v1/incidents/inc_1/updates", &public);

    let summary = swan.read("/api/v2/summary.json");
    assert_eq!(summary["status"]["indicator"], "critical", "{summary}");
    assert_eq!(swan.read("/api/v2/status.json")["status"], summary["status"]);
    let components = summary["components"].as_array().unwrap();
    let checkout =
        components.iter().find(|component| component["id"] == "shop.checkout").expect("it is shown");
    assert_eq!(checkout["status"], "major_outage");
    let incident = &summary["incidents"][0];
    assert_eq!(
        (&incident["status"], &incident["impact"]),
        (&json!("identified"), &json!("critical")),
        "{incident}"
    );
    assert_eq!(incident["incident_updates"][0]["body"], "You cannot pay at the moment.");
    assert_eq!(swan.read("/api/v2/incidents/unresolved.json")["incidents"].as_array().unwrap().len(), 1);
    let page = swan.get("/status");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("You cannot pay at the moment."), "{}", page.text());
    assert!(!page.text().contains("the till, again"), "what is internal stays inside");
    assert!(page.body.len() < 30_000, "{} bytes are too many on a bad line", page.body.len());
}

/// The service recovers: the alert resolves by itself, the page is over, and the leader says that it is resolved.
fn recovered(swan: &Swan, shop: &Shop) {
    assert_eq!(swan.read("/api/v2/alerts").as_array().unwrap().len(), 1);
    shop.recovers();
    until("the alert to resolve", SOON, || (swan.read("/api/v2/alerts") == json!([])).then_some(()));
    assert_eq!(swan.read("/v1/pages")[0]["state"], "over");
    assert_eq!(swan.read("/v1/incidents")[0]["phase"], "identified", "people resolve incidents");
    swan.tell("/v1/incidents/inc_1/resolve", &json!({ "text": "The till is plugged in again." }));
    let summary = swan.read("/api/v2/summary.json");
    assert_eq!(
        (&summary["status"]["indicator"], &summary["incidents"]),
        (&json!("none"), &json!([])),
        "{summary}"
    );
    let past = swan.read("/api/v2/incidents.json")["incidents"][0].clone();
    assert_eq!((&past["status"], past["resolved_at"].is_string()), (&json!("resolved"), true), "{past}");
}

/// Judge: the ledger has the down slices, in one outage that is over.
fn judged(swan: &Swan, shop: &Shop) -> Value {
    let ledger = until("the outage to be over in the ledger", SOON, || {
        let ledger = swan.read("/v1/services/shop/ledger");
        let up_again = the_shop(swan)["is_down"] == false;
        (up_again && ledger["outages"].as_array().is_some_and(|outages| !outages.is_empty()))
            .then_some(ledger)
    });
    let (rows, outages) = (ledger["rows"].as_array().unwrap(), ledger["outages"].as_array().unwrap());
    assert_eq!(outages.len(), 1, "{ledger:#}");
    assert!(rows.len() >= 2, "it was down for more than ten seconds: {ledger:#}");
    assert!(
        rows.iter().all(|row| row["verdict"] == "down" && row["outage"] == outages[0]["id"]),
        "{ledger:#}"
    );
    assert_eq!(outages[0]["slices"], rows.len());
    let failed: u64 = rows.iter().map(|row| row["tally"]["bad"].as_u64().unwrap()).sum();
    // `increase` extrapolates to its window's ends, so what it counts comes close to what happened.
    let happened = shop.failed();
    assert!(
        failed.abs_diff(happened) * 4 <= happened,
        "{failed} of {happened} failed requests are in the ledger"
    );
    let availability = &ledger["availability"];
    assert_ne!(availability["availability"], "100%", "{availability}");
    assert_eq!(availability["causes"][0]["cause"], Value::Null, "nobody has said why: {availability}");
    outages[0].clone()
}

/// A person says why.
fn attributed(swan: &Swan, outage: &Value) {
    let id = outage["id"].as_str().unwrap();
    let why = json!({ "cause": "power", "note": "somebody pulled the plug", "incident": "inc_1" });
    swan.tell(&format!("/v1/outages/{id}/attribution"), &why);
    let report = swan.run(&["report", "availability", "--json"]).json();
    assert_eq!(report[0]["causes"][0]["cause"], "power", "{report}");
    assert_eq!(report[0]["causes"][0]["outages"], 1);
    assert!(swan.run(&["report", "availability"]).stdout.contains("power"));
}

/// Learn: the draft has the impact from the ledger and the timeline from the journal, and is complete when each why
/// ends in an action or an accepted risk.
fn reviewed(swan: &Swan) {
    let review = swan.read("/v1/post-mortems")[0].clone();
    assert_eq!((&review["incident"], &review["service"]), (&json!("inc_1"), &json!("shop")), "{review}");
    let path = format!("/v1/post-mortems/{}", review["id"].as_str().unwrap());
    let whole = until("the impact to be what the ledger says", SOON, || {
        Some(swan.read(&path))
            .filter(|whole| whole["impact"]["failed"].as_u64().is_some_and(|failed| failed > 0))
    });
    assert_ne!(whole["impact"]["down"], "0s", "{whole:#}");

    swan.tell(&format!("{path}/whys"), &json!({ "text": "The till had no power." }));
    let refused = swan.post(&format!("{path}/complete"), &json!({}));
    assert_eq!(refused.status, 409, "a why is open: {refused:?}");
    let why = swan.read(&path)["whys"].as_object().unwrap().keys().next().unwrap().clone();
    let due = "2027-01-31T00:00:00Z";
    let action =
        json!({ "why": why, "title": "Tape the plug", "priority": "high", "owner": "ana", "due": due });
    swan.tell(&format!("{path}/actions"), &action);
    swan.tell(&format!("{path}/judgements"), &json!({ "text": "bo knew the till", "person": "bo" }));
    swan.tell(&format!("{path}/complete"), &json!({}));

    let markdown = swan.get(&format!("{path}/markdown"));
    assert_eq!(markdown.header("content-type"), Some("text/markdown; charset=utf-8"));
    let text = markdown.text();
    for part in [
        "## Impact",
        "| Failed requests while down |",
        "The till had no power.",
        "Tape the plug",
        "bo knew the till",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let (_, timeline) = text.split_once("## Timeline").expect("it has one");
    let story = [
        "ShopFails",
        "ana",
        "acknowledged",
        "You cannot pay at the moment.",
        "The till is plugged in again.",
    ];
    let places: Vec<Option<usize>> = story.iter().map(|part| timeline.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} of {story:?} in\n{text}");
}

fn facts(swan: &Swan, slice: &str, kind: &str) -> Vec<Value> {
    let journal = swan.journal().into_iter();
    journal.map(|entry| entry["fact"][slice][kind].clone()).filter(|fact| !fact.is_null()).collect()
}

/// When the n-th fact of this kind was decided.
fn milliseconds(swan: &Swan, kind: &str, nth: usize) -> i64 {
    let journal = swan.journal();
    let mut found = journal.iter().filter(|entry| !entry["fact"]["oncall"][kind].is_null());
    let at = found.nth(nth).and_then(|entry| entry["at"].as_str()).expect("it happened");
    at.parse::<kernel::Timestamp>().expect("a time").as_millis()
}

#[test]
fn what_the_query_api_cannot_answer_it_says() {
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(9).write(directory.path());
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let ask = |expression: &str| swan.get(&format!("/api/v1/query?query={}", in_a_query(expression)));
    let unknown = ask("limitk(1, up)");
    assert_eq!(unknown.status, 400, "{unknown:?}");
    assert!(unknown.text().contains("experimental"), "{unknown:?}");
    assert_eq!(ask("1 + 1").json()["data"]["result"][1], "2");
    swan.stop();
}
