//! Who may come in.

use kernel::Timestamp;
use serde_json::json;
use store::{Directory, TokenKind};

use crate::mail_delivery::critical;
use crate::swan::{Start, run};
use crate::team::Team;

const INGEST: &str = "an-ingest-token-of-at-least-32-bytes";

/// A configured directory in which an agent has a token that may only send.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(9).write(directory.path());
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let tokens = Directory::open(&directory.path().join("data/directory.db")).unwrap();
    tokens.create_token("agent", TokenKind::Ingest, INGEST, Timestamp::from_secs(0)).unwrap();
    directory
}

#[test]
fn without_credentials_only_public_pages_and_health_answer() {
    let directory = directory();
    let swan = Start::new(directory.path()).trusting_nobody().with(&["--config", "swan.yaml"]).serve();
    for open in ["/healthz", "/status", "/api/v2/summary.json", "/api/v2/status.json", "/-/ready"] {
        assert_eq!(swan.get(open).status, 200, "{open}");
    }
    let closed = ["/v1/pages", "/v1/incidents", "/v1/journal", "/v1/configuration", "/v1/oncall", "/v1/services"];
    for closed in closed.into_iter().chain(["/metrics", "/api/v2/alerts", "/api/v1/query?query=up", "/v1/live"]) {
        let answer = swan.get(closed);
        assert_eq!(answer.status, 401, "{closed}: {answer:?}");
    }
    for door in ["/api/v2/alerts", "/v1/events", "/api/v1/write", "/v1/heartbeats/x", "/v1/incidents", "/v1/configuration"] {
        assert_eq!(swan.post(door, &critical("Stuck")).status, 401, "{door}");
    }
    assert_eq!(swan.caller().bearer("guessed").get("/v1/pages").status, 401);
    let answer = swan.get("/v1/pages").json();
    insta::assert_json_snapshot!(answer, @"");
    assert!(swan.journal_as_admin(directory.path()).len() == 1, "nothing came in but the configuration");
    swan.stop();
}

#[test]
fn who_may_only_send_cannot_look() {
    let directory = directory();
    let swan = Start::new(directory.path()).trusting_nobody().with(&["--config", "swan.yaml"]).serve();
    let agent = swan.caller().bearer(INGEST);
    let event = br#"{"service":"shop","status":200}"#;
    assert_eq!(agent.post("/v1/events", "application/x-ndjson", event).status, 200);
    let low = json!([{ "labels": { "alertname": "Noise", "severity": "info" } }]);
    assert_eq!(agent.post("/api/v2/alerts", "application/json", low.to_string().as_bytes()).status, 200);
    for closed in ["/v1/pages", "/v1/journal", "/metrics", "/api/v2/alerts", "/api/v1/query?query=up"] {
        let answer = agent.get(closed);
        assert_eq!((answer.status, answer.json()["code"].clone()), (403, json!("forbidden")), "{closed}");
    }
    let incident = json!({ "service": "shop", "title": "x", "severity": "minor" }).to_string();
    assert_eq!(agent.post("/v1/incidents", "application/json", incident.as_bytes()).status, 403);
    // Senders that know only Basic authentication send the token as its password.
    let basic = swan.caller().header("Authorization", "Basic YWdlbnQ6YW4taW5nZXN0LXRva2VuLW9mLWF0LWxlYXN0LTMyLWJ5dGVz");
    assert_eq!(basic.post("/v1/events", "application/x-ndjson", event).status, 200);
    swan.stop();
}

#[test]
fn the_command_line_finds_the_administrators_token() {
    use std::os::unix::fs::PermissionsExt;
    let directory = directory();
    let swan = Start::new(directory.path()).trusting_nobody().with(&["--config", "swan.yaml"]).serve();
    let token = directory.path().join("data/admin.token");
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(swan.run(&["oncall", "who"]).code, Some(0));
    let elsewhere = tempfile::tempdir().unwrap();
    let url = swan.url();
    let who = ["oncall", "who", "--server", &url];
    let stranger = run(elsewhere.path(), &who);
    insta::assert_snapshot!(stranger.seen(), @"");
    let path = token.display().to_string();
    assert_eq!(run(elsewhere.path(), &[&who[..], &["--token-file", &path]].concat()).code, Some(0));
    let text = std::fs::read_to_string(&token).unwrap();
    let mut command = crate::swan::command(elsewhere.path(), &who);
    assert!(command.env("SWAN_TOKEN", text.trim()).output().unwrap().status.success());
    assert!(!swan.said().contains(text.trim()), "no token is logged");
    swan.stop();
}

#[test]
fn trust_in_loopback_is_refused_with_another_listen_address() {
    let directory = tempfile::tempdir().unwrap();
    let serve = ["serve", "--data", "data", "--listen", "0.0.0.0:0", "--trust-loopback"];
    insta::assert_snapshot!(run(directory.path(), &serve).seen(), @"");
}

#[test]
fn a_proxy_on_this_machine_is_not_somebody_on_this_machine() {
    let directory = directory();
    let swan = Start::new(directory.path()).serve();
    assert_eq!(swan.get("/v1/pages").status, 200);
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"] {
        assert_eq!(swan.caller().header(header, "198.51.100.7").get("/v1/pages").status, 401, "{header}");
    }
    let foreign = swan.caller().header("Origin", "https://evil.example");
    let incident = json!({ "service": "shop", "title": "x", "severity": "minor" }).to_string();
    assert_eq!(foreign.post("/v1/incidents", "application/json", incident.as_bytes()).status, 403);
    swan.stop();
}
