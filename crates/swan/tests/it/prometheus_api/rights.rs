//! Who may read, and what an administrator may do.

use serde_json::json;

use super::{recently, service};
use crate::http::Caller;
use crate::remote_write::write;
use crate::swan::{Start, Swan};

#[test]
fn an_administrator_deletes_cleans_and_keeps_a_copy() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let until_ms = recently();
    write(&swan.caller(), &service(until_ms));
    let admin = |path: &str| swan.caller().send("POST", &format!("/api/v1/admin/tsdb/{path}"), b"").answer();
    let snapshot = admin("snapshot");
    assert_eq!(snapshot.status, 200, "{snapshot:?}");
    let name = snapshot.json()["data"]["name"].as_str().unwrap().to_owned();
    let copy = directory.path().join("data/snapshots").join(name);
    assert!(std::fs::read_dir(&copy).unwrap().next().is_some(), "{copy:?}");
    assert_eq!(admin("snapshot?skip_head=true").status, 400);

    assert_eq!(admin("delete_series").status, 400);
    assert_eq!(admin("delete_series?match[]={}").status, 400);
    let deleted = admin("delete_series?match[]=up{job=%22api%22}");
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let at = until_ms / 1000;
    let left = |of: &Swan| {
        let answer = of.read(&format!("/api/v1/query?query=up&time={at}"));
        let series = answer["data"]["result"].as_array().unwrap().iter();
        series.map(|series| series["metric"]["instance"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(left(&swan), ["c:1"]);
    assert_eq!(admin("clean_tombstones").status, 204);
    assert_eq!(left(&swan), ["c:1"]);
    swan.stop();

    // The copy stands in for the samples, and has what was deleted since.
    let metrics = directory.path().join("data/metrics");
    std::fs::remove_dir_all(&metrics).unwrap();
    std::fs::rename(&copy, &metrics).unwrap();
    let again = Start::new(directory.path()).serve();
    assert_eq!(left(&again).len(), 3);
    again.stop();
}

/// Every door through which somebody reads.
const READING: [&str; 22] = [
    "query?query=up",
    "query_range?query=up&start=0&end=1&step=1",
    "query_exemplars?query=up",
    "series?match[]=up",
    "labels",
    "label/job/values",
    "metadata",
    "rules",
    "alerts",
    "alertmanagers",
    "targets",
    "targets/metadata",
    "scrape_pools",
    "features",
    "status/config",
    "status/flags",
    "status/runtimeinfo",
    "status/buildinfo",
    "status/tsdb",
    "status/walreplay",
    "format_query?query=up",
    "parse_query?query=up",
];

#[test]
fn who_only_sends_reads_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).trusting_nobody().serve();
    let made = |name: &str, role: &str| {
        let ran = swan.run(&["token", "create", name, "--role", role]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        swan.caller().bearer(ran.stdout.trim())
    };
    let (sender, responder) = (made("agent", "ingest"), made("grafana", "responder"));
    for path in READING {
        let path = format!("/api/v1/{path}");
        let unknown = swan.get(&path);
        assert_eq!((unknown.status, unknown.json()["status"].clone()), (401, json!("error")), "{path}");
        assert_eq!(sender.get(&path).status, 403, "{path}");
        let answer = responder.get(&path);
        assert_eq!(
            (answer.status, answer.json()["status"].clone()),
            (200, json!("success")),
            "{path}: {answer:?}"
        );
    }
    assert_eq!(sender.get("/federate?match[]=up").status, 403);
    assert_eq!(responder.get("/federate?match[]=up").status, 200);
    assert_eq!(sender.post("/api/v1/read", "application/x-protobuf", b"").status, 403);
    for path in ["delete_series?match[]=up", "clean_tombstones", "snapshot"] {
        let path = format!("/api/v1/admin/tsdb/{path}");
        let status = |caller: &Caller| caller.send("POST", &path, b"").answer().status;
        assert_eq!((status(&sender), status(&responder), status(&swan.caller())), (403, 403, 401), "{path}");
    }
    swan.stop();
}
