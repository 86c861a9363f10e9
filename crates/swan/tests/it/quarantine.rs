//! A page whose deadline stops the process must not silence the others.

use serde_json::json;

use crate::mail::MailServer;
use crate::mail_delivery::critical;
use crate::swan::{SOON, Start, until};
use crate::team::Team;

/// What a process leaves behind that ends while it decides the deadline of the first page.
const DEADLINE: &str = r#"{"oncall":{"step_timeout":"page_1"}}"#;

#[test]
fn after_three_crashes_at_one_deadline_the_fallback_is_told_and_everybody_else_is_still_paged() {
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    let team = Team::with_mail_at(mail.port).waiting("1h").and("fallback: bo\n");
    team.write(directory.path());
    let start = Start::new(directory.path())
        .with(&["--config", "swan.yaml"])
        .expecting("the process before this one ended while it decided this deadline")
        .expecting("a deadline stops the process and is left alone");
    let swan = start.serve();
    assert_eq!(swan.post("/api/v2/alerts", &critical("Poisoned")).status, 200);
    mail.wait_for_mail("the page", |mail| mail.subject.contains("Poisoned"));
    swan.kill();
    for _ in 0..2 {
        std::fs::write(directory.path().join("data/at-work"), format!("{DEADLINE}\n")).unwrap();
        let swan = start.serve();
        assert_eq!(swan.read("/v1/quarantine"), json!([]), "twice may be chance");
        swan.kill();
    }
    std::fs::write(directory.path().join("data/at-work"), format!("{DEADLINE}\n")).unwrap();

    let swan = start.serve();
    let told = mail.wait_for_mail("the fallback's mail", |mail| mail.subject.contains("leaves it alone"));
    assert_eq!(told.to, "bo@shop.example");
    assert!(told.text.contains(DEADLINE), "{}", told.text);
    assert_eq!(swan.read("/v1/quarantine"), json!([DEADLINE]));
    let other = json!([{ "labels": { "alertname": "Other", "severity": "critical" } }]);
    assert_eq!(swan.post("/api/v2/alerts", &other).status, 200);
    mail.wait_for_mail("the other page", |mail| mail.subject.contains("Other"));

    swan.tell("/v1/quarantine/release", &json!({ "deadline": DEADLINE }));
    until("the release", SOON, || (swan.read("/v1/quarantine") == json!([])).then_some(()));
    swan.stop();
}
