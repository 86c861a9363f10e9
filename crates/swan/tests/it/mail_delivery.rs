//! What a page's mail goes through: providers that refuse, lose the line, or want encryption and a name.

use serde_json::{Value, json};

use crate::mail::{Mail, MailServer, Point};
use crate::swan::{SOON, Start, Swan, until};
use crate::team::Team;

/// A critical alert of the shop, as a Prometheus posts it.
pub(crate) fn critical(name: &str) -> Value {
    json!([{
        "labels": { "alertname": name, "service": "shop", "severity": "critical" },
        "annotations": { "summary": "the till is stuck" },
    }])
}

fn alerted(team: &Team, mail_is_at: &tempfile::TempDir) -> Swan {
    team.write(mail_is_at.path());
    let swan = Start::new(mail_is_at.path()).with(&["--config", "swan.yaml"]).serve();
    assert_eq!(swan.post("/api/v2/alerts", &critical("Stuck")).status, 200);
    swan
}

fn to_ana(mail: &Mail) -> bool {
    mail.to == "ana@shop.example"
}

/// Waits until the page's story says that something happened, and gives that fact.
fn until_told(swan: &Swan, kind: &str) -> Value {
    until(kind, SOON, || {
        let story = swan.read("/v1/pages/page_1");
        let facts = story["timeline"].as_array().expect("a timeline").iter();
        facts.map(|entry| entry["fact"]["oncall"][kind].clone()).find(|fact| !fact.is_null())
    })
}

#[test]
fn a_page_is_mailed_with_what_is_wrong_and_a_link_that_acknowledges() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    let swan = alerted(&Team::with_mail_at(server.port), &directory);
    let mail = server.wait_for_mail("the page", to_ana);
    assert!(mail.subject.contains("Stuck"), "{}", mail.subject);
    assert!(mail.text.contains("the till is stuck"), "{}", mail.text);
    assert!(mail.text.contains(&format!("Acknowledge: {}/ack/", swan.url())), "{}", mail.text);
    assert!(!mail.tls && mail.user.is_none());
    let told = until_told(&swan, "notification_handed_over");
    assert!(told["receipt"].as_str().unwrap().contains("2.0.0 taken"), "{told}");
    swan.stop();
}

#[test]
fn what_the_provider_refuses_for_now_is_sent_again_under_the_same_key() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    server.misdeed("refuse");
    server.misdeed("drop_before_dot");
    let swan = alerted(&Team::with_mail_at(server.port).waiting("1h"), &directory);
    let refused = until_told(&swan, "notification_refused");
    assert!(refused["detail"].as_str().unwrap().contains("come back later"), "{refused}");
    server.wait_for_mail("the third attempt", to_ana);
    until_told(&swan, "notification_handed_over");
    assert_eq!(server.arrived().len(), 1, "it arrived once");
    swan.stop();
}

#[test]
fn a_mail_whose_receipt_was_lost_is_sent_again_under_the_same_key() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    server.misdeed("drop_after_dot");
    let swan = alerted(&Team::with_mail_at(server.port).waiting("1h"), &directory);
    until_told(&swan, "notification_outcome_unknown");
    until_told(&swan, "notification_handed_over");
    let keys: Vec<&str> = server.arrived().iter().map(|mail| mail.message_id.as_str()).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_eq!(keys[0], keys[1], "a mailbox can tell that it is the same mail");
    swan.stop();
}

#[test]
fn who_cannot_be_reached_for_good_is_passed_over_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    server.misdeed("refuse_for_good");
    let swan = alerted(&Team::with_mail_at(server.port).waiting("1h"), &directory);
    let mail = server.wait_for_mail("the next engineer's mail", |_| true);
    assert_eq!(mail.to, "bo@shop.example", "an hour's wait is not waited for somebody who cannot hear");
    assert_eq!(until_told(&swan, "notification_abandoned")["reason"], "refused_for_good");
    swan.stop();
}

#[test]
fn who_acknowledges_while_the_mail_waits_is_not_mailed() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    server.misdeed("refuse");
    server.hold(Point::Recipient, 2);
    let swan = alerted(&Team::with_mail_at(server.port), &directory);
    until_told(&swan, "notification_refused");
    swan.tell("/v1/pages/page_1/acknowledge", &json!({}));
    assert_eq!(until_told(&swan, "notification_abandoned")["reason"], "no_longer_needed");
    swan.stop();
    assert!(server.arrived().is_empty(), "{:?}", server.mails);
}

#[test]
fn mail_goes_over_starttls_to_a_server_that_wants_a_name_and_password() {
    let directory = tempfile::tempdir().unwrap();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("mail.pem"), cert.pem()).unwrap();
    std::fs::write(path("mail.key"), signing_key.serialize_pem()).unwrap();
    std::fs::write(path("password"), "correct horse\n").unwrap();
    let mut server = MailServer::with(&[
        "--certificate",
        &path("mail.pem"),
        "--key",
        &path("mail.key"),
        "--user",
        "swan",
        "--password",
        "correct horse",
    ]);
    let email = format!(
        "smtp: \"localhost:{}\", from: swan@shop.example, username: swan, password: {{ file: \"{}\" }}, ca_file: \"{}\"",
        server.port,
        path("password"),
        path("mail.pem"),
    );
    let swan = alerted(&Team::with_mail_at(server.port).mailing(&email), &directory);
    let mail = server.wait_for_mail("the page", to_ana);
    assert!(mail.tls, "it was encrypted");
    assert_eq!(mail.user.as_deref(), Some("swan"));
    until_told(&swan, "notification_handed_over");
    assert!(!swan.said().contains("correct horse"), "no secret is logged");
    swan.stop();
}

#[test]
fn without_the_encryption_that_is_required_nothing_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    let email = format!("smtp: \"127.0.0.1:{}\", from: swan@shop.example", server.port);
    let swan = alerted(&Team::with_mail_at(server.port).mailing(&email), &directory);
    until_told(&swan, "notification_refused");
    assert!(server.arrived().is_empty(), "{:?}", server.mails);
    swan.stop();
}
