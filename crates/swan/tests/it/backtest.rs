//! `swan backtest` and `POST /v1/backtest`: what a rule file would have done, from a server and from its directory.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::mail::MailServer;
use crate::swan::{Start, Swan, run};
use crate::team::Team;

const IN_FORCE: &str = "groups:
  - name: shop
    interval: 15s
    rules:
      - { alert: Slow, expr: 'latency > 1', labels: { severity: critical, service: shop } }
";

/// Waits for two minutes, and records first.
const PROPOSED: &str = "groups:
  - name: shop
    interval: 15s
    rules:
      - { record: 'shop:latency:max', expr: 'max by (service) (latency)' }
      - { alert: Slow, expr: 'shop:latency:max > 1', for: 2m, labels: { severity: critical } }
";

/// A server with two hours of history: slow for ten minutes an hour ago, and for one minute half an hour ago. An
/// incident began a minute after the first, another one long before both.
struct Past {
    directory: tempfile::TempDir,
    swan: Swan,
    _mail: MailServer,
    now: i64,
}

impl Past {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mail = MailServer::start();
        Team::with_mail_at(mail.port).and("rules: rules.yaml\n").write(directory.path());
        write(directory.path(), "rules.yaml", IN_FORCE);
        write(directory.path(), "proposed.yaml", PROPOSED);
        let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
        // On the grid of the rules, so that what happens at which instant is known.
        let now = swan.query("floor(vector(time()) / 60) * 60")[0] as i64;
        let mut text = String::new();
        for step in 0..480 {
            let at = now - 7200 + step * 15;
            let minutes_ago = (now - at) as f64 / 60.0;
            let slow =
                (50.0 < minutes_ago && minutes_ago <= 60.0) || (29.0 < minutes_ago && minutes_ago <= 30.0);
            let value = if slow { 2 } else { 0 };
            writeln!(text, "latency{{service=\"shop\"}} {value} {at}000").unwrap();
        }
        let answer = swan.caller().post("/api/v1/import/prometheus", "text/plain", text.as_bytes());
        assert!((200..300).contains(&answer.status), "{answer:?}");
        for (began, title) in [(now - 59 * 60, "slow"), (now - 100 * 60, "something else")] {
            let began_at = instant(began);
            let body =
                json!({ "service": "shop", "title": title, "severity": "critical", "began_at": began_at });
            swan.tell("/v1/incidents", &body);
            let id = if title == "slow" { "inc_1" } else { "inc_2" };
            swan.tell(&format!("/v1/incidents/{id}/resolve"), &json!({ "text": "over" }));
        }
        Self { directory, swan, _mail: mail, now }
    }

    fn bounds(&self) -> [String; 4] {
        ["--from".to_owned(), instant(self.now - 7000), "--to".to_owned(), instant(self.now - 300)]
    }

    fn backtest(&self, more: &[&str]) -> crate::swan::Ran {
        let bounds = self.bounds();
        let arguments = ["backtest", "proposed.yaml"].into_iter().chain(bounds.iter().map(String::as_str));
        let arguments: Vec<&str> = arguments.chain(more.iter().copied()).collect();
        run(self.directory.path(), &arguments)
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).unwrap();
}

/// RFC 3339, which the tested program writes for every time.
fn instant(secs: i64) -> String {
    kernel::Timestamp::from_secs(secs).to_string()
}

fn check(report: &Value) {
    let pages = |of: &str| report[of]["pages"].as_u64().unwrap();
    assert_eq!((pages("proposed"), pages("in_force"), &report["difference"]["pages"]), (1, 2, &json!(-1)));
    let rule = &report["proposed"]["rules"][0];
    assert_eq!((&rule["alert"], &rule["fired"]), (&json!("Slow"), &json!(1)));
    assert_eq!(rule["cleared_in_time"], 1, "the minute was over before `for` had passed");
    assert_eq!((&rule["firing_time"], &report["in_force"]["firing_time"]), (&json!("8m"), &json!("11m")));
    let incidents = report["incidents"].as_array().unwrap();
    let late = |incident: &Value, of: &str| incident[of]["seconds_late"].as_f64();
    let caught: Vec<_> = incidents.iter().map(|it| (late(it, "proposed"), late(it, "in_force"))).collect();
    assert_eq!(caught, [(None, None), (Some(60.0), Some(-60.0))]);
}

#[test]
fn a_server_and_its_directory_tell_the_same_of_a_rule_file() {
    let past = Past::new();
    let url = past.swan.url();
    let from_server = past.backtest(&["--server", &url, "--json"]).json();
    check(&from_server);
    assert_eq!(past.backtest(&[]).code, Some(4), "the server has its directory");
    let Past { directory, swan, _mail, now } = past;
    swan.stop();
    let (from, to) = (instant(now - 7000), instant(now - 300));
    let arguments = ["backtest", "proposed.yaml", "--from", &from, "--to", &to];
    let json: Vec<&str> = arguments.into_iter().chain(["--json"]).collect();
    assert_eq!(run(directory.path(), &json).json(), from_server);

    let seen = run(directory.path(), &arguments).seen();
    for expected in
        ["THIS FILE", "incidents caught", "Slow (shop): fired 1 times for 8m, 1 pages", "1m late", "1m early"]
    {
        assert!(seen.contains(expected), "`{expected}` is not in\n{seen}");
    }
    let same: Vec<&str> =
        json.iter().copied().map(|it| if it == "proposed.yaml" { "rules.yaml" } else { it }).collect();
    let same = run(directory.path(), &same).json();
    assert_eq!((&same["difference"]["pages"], &same["difference"]["firings"]), (&json!(0), &json!(0)));
}

#[test]
fn what_cannot_be_tested_is_refused_in_its_place() {
    let past = Past::new();
    let asked = |body: &Value| past.swan.post("/v1/backtest", body);
    let (from, to) = (instant(past.now - 7000), instant(past.now));
    let rule = json!({ "alert": "A", "expr": "up ==" });
    let wrong = json!({ "groups": [{ "name": "g", "rules": [rule] }], "from": from, "to": to });
    let answer = asked(&wrong);
    assert_eq!(answer.status, 400);
    let said = answer.json();
    assert_eq!(said["code"], "bad_backtest");
    assert!(said["error"].as_str().unwrap().contains("rules[0].expr"), "{said}");
    let backwards = json!({ "groups": [], "from": to, "to": from });
    assert_eq!(asked(&backwards).status, 400);

    write(
        past.directory.path(),
        "proposed.yaml",
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        exprr: up\n",
    );
    insta::assert_snapshot!(past.backtest(&[]).seen(), @r"
    error: proposed.yaml:5:9: unknown key `exprr`
      hint: did you mean `expr`?
    exit code 2
    ");
    write(
        past.directory.path(),
        "proposed.yaml",
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: up ==\n",
    );
    let seen = past.backtest(&[]).seen();
    assert!(seen.starts_with("error: proposed.yaml:5:9: "), "{seen}");
    past.swan.stop();
}

#[test]
fn only_those_who_may_look_may_test() {
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(25).write(directory.path());
    let swan = Start::new(directory.path()).trusting_nobody().with(&["--config", "swan.yaml"]).serve();
    let body = json!({ "groups": [], "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z" });
    let body = body.to_string();
    let post =
        |caller: crate::http::Caller| caller.post("/v1/backtest", "application/json", body.as_bytes()).status;
    assert_eq!(post(swan.caller()), 401);
    let admin = std::fs::read_to_string(directory.path().join("data/admin.token")).unwrap();
    let made = swan.caller().bearer(admin.trim()).post(
        "/v1/tokens",
        "application/json",
        br#"{"name":"sender","role":"ingest"}"#,
    );
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(post(swan.caller().bearer(&token)), 403);
    swan.stop();
}
