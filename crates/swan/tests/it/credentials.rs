//! Who may come in.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::http::Caller;
use crate::mail_delivery::critical;
use crate::swan::{Start, Swan, run};
use crate::team::Team;

/// A server that trusts nobody, in a directory that is configured.
fn guarded() -> (tempfile::TempDir, Swan) {
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(9).write(directory.path());
    let swan = Start::new(directory.path()).trusting_nobody().with(&["--config", "swan.yaml"]).serve();
    (directory, swan)
}

/// Somebody with a token that was made on the command line.
fn with_token(swan: &Swan, name: &str, role: &str) -> (String, Caller) {
    let made = swan.run(&["token", "create", name, "--role", role]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let token = made.stdout.trim().to_owned();
    let caller = swan.caller().bearer(&token);
    (token, caller)
}

#[test]
fn without_credentials_only_public_pages_and_health_answer() {
    let (directory, swan) = guarded();
    for open in ["/healthz", "/status", "/api/v2/summary.json", "/api/v2/status.json", "/-/ready"] {
        assert_eq!(swan.get(open).status, 200, "{open}");
    }
    let closed =
        ["/v1/pages", "/v1/incidents", "/v1/journal", "/v1/configuration", "/v1/oncall", "/v1/services"];
    for closed in
        closed.into_iter().chain(["/metrics", "/api/v2/alerts", "/api/v1/query?query=up", "/v1/live"])
    {
        let answer = swan.get(closed);
        assert_eq!(answer.status, 401, "{closed}: {answer:?}");
    }
    for door in [
        "/api/v2/alerts",
        "/v1/events",
        "/api/v1/write",
        "/v1/heartbeats/x",
        "/v1/incidents",
        "/v1/configuration",
    ] {
        assert_eq!(swan.post(door, &critical("Stuck")).status, 401, "{door}");
    }
    assert_eq!(swan.caller().bearer("guessed").get("/v1/pages").status, 401);
    insta::assert_snapshot!(swan.get("/v1/pages").pretty(), @r#"
    401 {
      "code": "no_credentials",
      "error": "this needs a token or a session",
      "hint": "send `Authorization: Bearer TOKEN`; `admin.token` in the data directory is the first one"
    }
    "#);
    let journal = swan.journal_as_admin(directory.path());
    let came_in = |entry: &&Value| entry["by"] != "swan" && entry["by"] != "configuration";
    assert_eq!(journal.iter().find(came_in), None, "nothing came in");
    swan.stop();
}

#[test]
fn who_may_only_send_cannot_look() {
    let (directory, swan) = guarded();
    let (token, agent) = with_token(&swan, "agent", "ingest");
    let event = br#"{"service":"shop","status":200}"#;
    assert_eq!(agent.post("/v1/events", "application/x-ndjson", event).status, 200);
    let low = json!([{ "labels": { "alertname": "Noise", "severity": "info" } }]);
    assert_eq!(agent.post("/api/v2/alerts", "application/json", low.to_string().as_bytes()).status, 200);
    for (closed, key) in [
        ("/v1/pages", "code"),
        ("/v1/journal", "code"),
        ("/metrics", "code"),
        ("/api/v2/alerts", "code"),
        ("/api/v1/query?query=up", "errorType"),
    ] {
        let answer = agent.get(closed);
        assert_eq!((answer.status, answer.json()[key].clone()), (403, json!("forbidden")), "{closed}");
        let stranger = swan.get(closed);
        assert_eq!((stranger.status, stranger.header("WWW-Authenticate").is_some()), (401, true), "{closed}");
    }
    let incident = json!({ "service": "shop", "title": "x", "severity": "minor" }).to_string();
    assert_eq!(agent.post("/v1/incidents", "application/json", incident.as_bytes()).status, 403);
    // Senders that know only Basic authentication send the token as its password.
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("agent:{token}"));
    let basic = swan.caller().header("Authorization", &format!("Basic {basic}"));
    assert_eq!(basic.post("/v1/events", "application/x-ndjson", event).status, 200);
    assert_eq!(swan.run(&["token", "revoke", "agent"]).code, Some(0));
    assert_eq!(agent.post("/v1/events", "application/x-ndjson", event).status, 401, "it was taken back");
    insta::assert_snapshot!(swan.run(&["token", "revoke", "agent"]).seen(), @r"
    error: there is no token `agent`
    exit code 1
    ");
    assert_kept_nowhere(directory.path(), &swan, &token);
    swan.stop();
}

/// A token is stored as a hash only, and is in no fact, log line or metric.
fn assert_kept_nowhere(directory: &std::path::Path, swan: &Swan, token: &str) {
    assert!(!swan.said().contains(token), "no token is logged");
    assert!(!swan.journal_as_admin(directory).iter().any(|entry| entry.to_string().contains(token)));
    for file in ["journal.db", "journal.db-wal", "directory.db", "directory.db-wal"] {
        // A file that is not there holds nothing.
        let bytes = std::fs::read(directory.join("data").join(file)).unwrap_or_default();
        assert!(
            !bytes.windows(token.len()).any(|found| found == token.as_bytes()),
            "{file} has a token in it"
        );
    }
}

#[test]
fn who_may_act_cannot_configure() {
    let (_directory, swan) = guarded();
    let (_, responder) = with_token(&swan, "chat-bot", "responder");
    assert_eq!(responder.get("/v1/pages").status, 200);
    for (method, path) in
        [("POST", "/v1/configuration"), ("POST", "/v1/tokens"), ("DELETE", "/v1/tokens/chat-bot")]
    {
        let answer =
            responder.clone().header("Content-Type", "application/json").send(method, path, b"{}").answer();
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    let (_, admin) = with_token(&swan, "deputy", "admin");
    let low = json!({ "name": "third", "role": "ingest" }).to_string();
    assert_eq!(admin.post("/v1/tokens", "application/json", low.as_bytes()).status, 200);
    swan.stop();
}

#[test]
fn the_command_line_finds_the_administrators_token() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, swan) = guarded();
    let token = directory.path().join("data/admin.token");
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(swan.run(&["oncall", "who"]).code, Some(0));
    let elsewhere = tempfile::tempdir().unwrap();
    let url = swan.url();
    let who = ["oncall", "who", "--server", &url];
    let stranger = run(elsewhere.path(), &who);
    insta::assert_snapshot!(stranger.seen(), @r"
    error: this needs a token or a session
      hint: send `Authorization: Bearer TOKEN`; `admin.token` in the data directory is the first one
    exit code 1
    ");
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
    insta::assert_snapshot!(run(directory.path(), &serve).seen(), @r"
    error: `--trust-loopback` with `--listen 0.0.0.0:0` would let in whoever reaches a proxy on this machine
      hint: listen on 127.0.0.1, or use tokens
    exit code 2
    ");
}

#[test]
fn a_proxy_on_this_machine_is_not_somebody_on_this_machine() {
    let directory = tempfile::tempdir().unwrap();
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
