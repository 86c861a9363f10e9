//! The command line against a server that runs.

use std::io::Write;

use serde_json::json;

use crate::mail::MailServer;
use crate::swan::{Start, Swan, run, verified};
use crate::team::Team;

fn team() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    // Nobody is mailed in these tests, so nobody listens there.
    Team::with_mail_at(9).write(directory.path());
    directory
}

fn configured(directory: &tempfile::TempDir) -> Swan {
    Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve()
}

#[test]
fn apply_shows_the_difference_and_then_applies_it() {
    let directory = team();
    let swan = Start::new(directory.path()).serve();
    assert_eq!(swan.get("/v1/configuration").status, 404);

    let dry = swan.run(&["apply", "-f", "swan.yaml", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.stdout.ends_with("not applied, because of --dry-run\n"), "{}", dry.stdout);
    assert!(dry.stdout.contains("+ rotations: "), "{}", dry.stdout);
    assert_eq!(swan.get("/v1/configuration").status, 404, "a dry run changes nothing");

    let answered = swan.run(&["apply", "-f", "swan.yaml", "--json"]).json();
    assert_eq!(answered["answer"]["applied"], true);
    assert_eq!(swan.read("/v1/configuration")["configuration"]["services"]["shop"]["owner"], "web");
    let again = swan.run(&["apply", "-f", "swan.yaml"]);
    insta::assert_snapshot!(again.seen(), @r"
    nothing changes
    exit code 0
    ");

    Team::with_mail_at(9).waiting("7m").write(directory.path());
    insta::assert_snapshot!(swan.run(&["apply", "-f", "swan.yaml"]).seen(), @r#"
    ~ escalation.web.steps: [{"notify":[{"rotation":"first"}],"wait":"10s"},{"notify":[{"rotation":"second"}],"wait":"10m"}] -> [{"notify":[{"rotation":"first"}],"wait":"7m"},{"notify":[{"rotation":"second"}],"wait":"10m"}]
    1 changes applied
    exit code 0
    "#);
    // Time that passes meanwhile leaves facts of its own.
    let mut applied = swan.journal();
    applied.retain(|entry| entry["fact"].get("configuration_applied").is_some());
    assert_eq!(applied.len(), 2, "what changes nothing leaves no fact: {applied:#?}");
    swan.stop();
}

#[test]
fn a_server_that_was_started_with_a_file_takes_no_other() {
    let directory = team();
    let swan = configured(&directory);
    Team::with_mail_at(9).waiting("7m").write(directory.path());
    insta::assert_snapshot!(swan.run(&["apply", "-f", "swan.yaml"]).seen(), @r"
    error: this server takes its configuration from `swan.yaml`; change that file and restart it
    exit code 1
    ");
    swan.stop();
}

#[test]
fn who_is_on_call_is_answered_from_a_terminal() {
    let directory = team();
    let swan = configured(&directory);
    let duties = swan.run(&["oncall", "who", "--json"]).json();
    let on_call: Vec<(&str, &str)> = duties
        .as_array()
        .unwrap()
        .iter()
        .map(|duty| (duty["rotation"].as_str().unwrap(), duty["person"].as_str().unwrap()))
        .collect();
    assert_eq!(on_call, [("first", "ana"), ("second", "bo")]);
    let table = swan.run(&["oncall", "who"]).stdout;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ROTATION", "ON", "CALL", "UNTIL", "NEXT"]);
    assert_eq!(lines[1][..2], ["first", "ana"]);
    insta::assert_snapshot!(swan.run(&["oncall", "ack"]).seen(), @r"
    error: no page waits for an answer
    exit code 1
    ");
    insta::assert_snapshot!(swan.run(&["oncall", "ack", "page_7"]).seen(), @r"
    error: there is no page `page_7`
      hint: look for its id among the open pages
    exit code 1
    ");
    swan.stop();
}

#[test]
fn an_incident_is_declared_told_of_and_resolved_from_a_terminal() {
    let directory = team();
    let swan = configured(&directory);
    let declare = ["incident", "declare", "shop", "the till is stuck", "--leader", "ana"];
    insta::assert_snapshot!(swan.run(&declare).seen(), @r"
    declared inc_1: the till is stuck (critical, shop)
    ana leads inc_1
    exit code 0
    ");
    insta::assert_snapshot!(swan.run(&declare).seen(), @r"
    error: `shop` has an open incident, `inc_1`, and a service has at most one
      hint: write to that incident, or resolve it first
    exit code 1
    ");
    let update = ["incident", "update", "inc_1", "we found the plug", "--phase", "identified", "--public"];
    insta::assert_snapshot!(swan.run(&update).seen(), @r"
    public update (identified): we found the plug
    inc_1 is on the status page
    the status page shows shop/checkout as major outage
    the status page shows shop/storefront as major outage
    exit code 0
    ");
    let resolved = swan.run(&["incident", "resolve", "inc_1", "it is plugged in", "--json"]).json();
    assert!(
        resolved["happened"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line.as_str().unwrap().contains("resolve"))
    );
    let incident = swan.read("/v1/incidents/inc_1")["incident"].clone();
    assert_eq!((&incident["phase"], &incident["title"]), (&json!("resolved"), &json!("the till is stuck")));
    insta::assert_snapshot!(swan.run(&["incident", "declare", "bakery", "no bread"]).seen(), @r"
    error: the configuration has no service `bakery`
      hint: add it to the configuration and apply that
    exit code 1
    ");
    insta::assert_snapshot!(swan.run(&["incident", "resolve", "inc_1", "again"]).seen(), @r"
    error: `inc_1` is resolved
      hint: declare a new incident if it is back
    exit code 1
    ");
    swan.stop();
}

#[test]
fn a_page_is_acknowledged_from_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    Team::with_mail_at(mail.port).waiting("1h").write(directory.path());
    let swan = configured(&directory);
    let alert = json!([{ "labels": { "alertname": "Stuck", "service": "shop", "severity": "critical" } }]);
    assert_eq!(swan.post("/api/v2/alerts", &alert).status, 200);
    mail.wait_for_mail("the page", |mail| mail.to == "ana@shop.example");
    insta::assert_snapshot!(swan.run(&["oncall", "ack"]).seen(), @r"
    page_1 is acknowledged: nobody else is notified
    exit code 0
    ");
    assert_eq!(swan.read("/v1/pages")[0]["state"], "acknowledged");
    swan.stop();
}

#[test]
fn the_quarter_is_reported_from_a_terminal() {
    let directory = team();
    let swan = configured(&directory);
    insta::assert_snapshot!(swan.run(&["report", "availability"]).seen(), @r"
    SERVICE  AVAILABILITY  DOWN  NOT MEASURED
    shop     not measured  0s    90d
    exit code 0
    ");
    let report =
        swan.run(&["report", "availability", "--from", "2026-07-01", "--to", "2026-10-01", "--json"]).json();
    assert_eq!(report[0]["service"], "shop");
    assert_eq!(report[0]["availability"], json!(null), "nothing was measured: {report}");
    assert_eq!(report[0]["unknown"], "92d");
    insta::assert_snapshot!(swan.run(&["report", "availability", "--from", "July"]).seen(), @r"
    error: invalid value 'July' for '--from <FROM>': `July` is not a time like `2026-07-01` or `2026-07-01T09:30:00Z`

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(swan.run(&["report", "availability", "--from", "2026-10-01", "--to", "2026-07-01"]).seen(), @r"
    error: the period ends at 2026-07-01T00:00:00Z, before it begins at 2026-10-01T00:00:00Z
    exit code 1
    ");
    swan.stop();
}

#[test]
fn the_journal_is_verified_and_an_edit_is_found() {
    let directory = team();
    let swan = configured(&directory);
    swan.tell(
        "/v1/incidents",
        &json!({ "service": "shop", "title": "the till is stuck", "severity": "minor" }),
    );
    swan.tell("/v1/incidents/inc_1/resolve", &json!({ "text": "it was the plug" }));
    let entries = swan.journal().len() as u64;
    let locked = run(directory.path(), &["verify", "data"]);
    insta::assert_snapshot!(locked.seen(), @r"
    error: `data` is in use by another swan
      hint: stop that one, or name another directory with `--data`
    exit code 4
    ");
    swan.stop();

    assert_eq!(verified(directory.path()), entries);
    let printed = run(directory.path(), &["verify", "data"]).stdout;
    let head = printed.lines().find_map(|line| line.strip_prefix("head ")).expect("it prints the head");
    assert_eq!(run(directory.path(), &["verify", "data", "--head", head]).code, Some(0));
    edit_an_entry(&directory.path().join("data/journal.db"));
    let edited = run(directory.path(), &["verify", "data"]);
    assert_eq!(edited.code, Some(1), "{edited:?}");
    assert!(edited.stdout.starts_with("the journal is NOT sound: "), "{edited:?}");
}

/// Changes one letter of one entry, in place, as somebody might who has something to hide.
fn edit_an_entry(file: &std::path::Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let (was, is) = (b"the till is stuck", b"the till is stack");
    let places: Vec<usize> = bytes
        .windows(was.len())
        .enumerate()
        .filter(|(_, found)| found == was)
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty(), "the entry is in the file");
    for place in places {
        bytes[place..place + is.len()].copy_from_slice(is);
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn every_command_explains_itself() {
    let directory = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 14] = [
        &["serve"],
        &["demo"],
        &["replay"],
        &["check"],
        &["apply"],
        &["verify"],
        &["oncall"],
        &["oncall", "who"],
        &["oncall", "ack"],
        &["incident", "declare"],
        &["incident", "update"],
        &["incident", "resolve"],
        &["report"],
        &["report", "availability"],
    ];
    for command in commands {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = run(directory.path(), &arguments);
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(help.stdout.contains("Usage: swan"), "{command:?}: {}", help.stdout);
    }
    let nothing = run(directory.path(), &[]);
    assert_eq!(nothing.code, Some(2));
    insta::assert_snapshot!(run(directory.path(), &["incident", "declare", "shop"]).seen(), @r"
    error: the following required arguments were not provided:
      <TITLE>

    Usage: swan incident declare <SERVICE> <TITLE>

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let directory = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let ran = run(directory.path(), &["oncall", "who", "--server", &url]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    insta::assert_snapshot!(ran.stderr.replace(&free.to_string(), "ADDRESS"), @"error: could not connect to `127.0.0.1` at ADDRESS: Connection refused (os error 111)");
    let not_a_url = run(directory.path(), &["oncall", "who", "--server", "localhost"]);
    assert_eq!(not_a_url.code, Some(2), "{not_a_url:?}");
}

#[test]
fn what_was_stopped_comes_back_as_it_was() {
    let directory = team();
    let swan = configured(&directory);
    swan.tell(
        "/v1/incidents",
        &json!({ "service": "shop", "title": "the till is stuck", "severity": "minor" }),
    );
    let (incidents, journal) = (swan.read("/v1/incidents"), swan.journal());
    swan.stop();
    let swan = configured(&directory);
    assert_eq!(swan.read("/v1/incidents"), incidents);
    assert_eq!(swan.journal(), journal, "what was recorded stays, and a start alone is no fact");
    swan.stop();
}

#[test]
fn a_request_that_is_under_way_when_the_server_is_asked_to_stop_is_answered_and_kept() {
    let directory = team();
    let mut swan = configured(&directory);
    let incident =
        json!({ "service": "shop", "title": "the till is stuck", "severity": "minor" }).to_string();
    let (first, rest) = incident.as_bytes().split_at(9);
    let caller = swan.caller().header("Content-Length", &incident.len().to_string());
    let mut asked = caller.begin("POST", "/v1/incidents");
    asked.connection.write_all(first).unwrap();
    // Once somebody who came later was answered, the server has begun to read the first request.
    assert_eq!(swan.get("/healthz").status, 200);
    swan.ask_to_stop();
    swan.wait_for_line("stopping");
    asked.connection.write_all(rest).unwrap();
    assert_eq!(asked.answer().status, 200);
    assert_eq!(swan.wait().code(), Some(0));
    drop(swan);
    let swan = configured(&directory);
    assert_eq!(swan.read("/v1/incidents")[0]["title"], "the till is stuck");
    swan.stop();
}
