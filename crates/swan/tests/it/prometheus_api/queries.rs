//! Expressions, and what is refused.

use serde_json::{Value, json};

use super::{Both, sorted};
use crate::http::{Answer, Caller, in_a_query};

#[test]
fn expressions_are_answered_as_by_prometheus() {
    let Some(both) = Both::start() else { return };
    let at = both.at();
    let expressions = [
        "up",
        "sum by (job) (up)",
        "rate(requests_total[1m])",
        "requests_total[30s]",
        "odd",
        "not_a_number",
        "tiny",
        "1 / 0",
        "1e100",
        "1e-10",
        r#"{path=~"a\"[\\w\\W]*\\Qc\nd\\E.."}"#,
        r#"{path=~"(?s).*\\W"}"#,
        "time()",
        "\"text\"",
        "absent(nothing)",
        "nothing",
        "topk(1, requests_total)",
        "up{job!~\"n.*\"} == 0",
    ];
    for expression in expressions {
        let query = in_a_query(expression);
        let instant = format!("/api/v1/query?query={query}&time={at}");
        let (swan, peer) = both.ask(&instant);
        assert_eq!((swan.status, sorted(swan.json())), (peer.status, sorted(peer.json())), "{instant}");
        let start = both.until_ms / 1000 - 100;
        let range = format!("/api/v1/query_range?query={query}&start={start}&end={at}.5&step=20s");
        let (swan, peer) = both.ask(&range);
        assert_eq!(swan.status, peer.status, "{range}: {swan:?}");
        if peer.status == 200 {
            assert_same(sorted(swan.json()), sorted(peer.json()), &range);
        }
    }
    // A form in the body, as Grafana sends it.
    let form = format!("query={}&time={at}", in_a_query("sum(up)"));
    let post =
        |to: Caller| to.post("/api/v1/query", "application/x-www-form-urlencoded", form.as_bytes()).json();
    assert_eq!(post(both.swan.caller()), post(both.peer.caller()));
    both.swan.stop();
}

/// Whether values are the same but for the last digits, which depend on the order of operations.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        (Value::String(a), Value::String(b)) => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) if a.is_finite() => (a - b).abs() <= 1e-12 * a.abs(),
            _ => a == b,
        },
        _ => a == b,
    }
}

fn assert_same(swan: Value, peer: Value, what: &str) {
    assert!(is_same(&swan, &peer), "{what}: {swan:#} {peer:#}");
}

#[test]
fn what_clients_send_is_taken_as_by_prometheus() {
    let Some(both) = Both::start() else { return };
    for path in [
        "query?query=up&time=-292273086-05-16T16:47:06Z",
        "query?query=up&time=292277025-08-18T07:12:54.999999999Z",
        "query_range?query=vector(1)&start=0&end=11000&step=1",
    ] {
        let (swan, peer) = both.ask(&format!("/api/v1/{path}"));
        assert_eq!((swan.status, swan.json()), (peer.status, peer.json()), "{path}");
    }
    let form = "--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\ncount(up)\r\n--x--\r\n";
    for path in [format!("/api/v1/query?time={}", both.at()), "/api/v1/query?query=2&time=1".to_owned()] {
        let post = |to: Caller| to.post(&path, "multipart/form-data; boundary=x", form.as_bytes()).json();
        assert_eq!(post(both.swan.caller()), post(both.peer.caller()), "{path}");
    }
    let methods = |to: Caller| to.send("OPTIONS", "/api/v1/labels", b"").answer().status;
    assert_eq!(methods(both.swan.caller()), methods(both.peer.caller()));
    assert_eq!(both.swan.get("/api/v1/status/tsdb?limit=10001").status, 200);
    both.swan.stop();
}

#[test]
fn what_cannot_be_answered_is_refused_as_by_prometheus() {
    let Some(both) = Both::start() else { return };
    for path in [
        "query",
        "query?query=sum(",
        "query?query=up&time=noon",
        "query?query=up&timeout=soon",
        "query?query=label_replace(up,%22job%22,%22x%22,%22%22,%22%22)%2Bon(job)up",
        "query?query=label_replace(up,%22job%22,%22x%22,%22%22,%22(%22)",
        "query?query=label_replace(up,%22%22,%22x%22,%22%22,%22a%22)",
        "query?query=count_values(%22%22,up)",
        "query?query=up{job=~%22a**%22}",
        "query_range?query=up&start=100&end=0&step=1",
        "query_range?query=up&start=0&end=100",
        "query_range?query=up&start=0&end=100&step=0",
        "query_range?query=up&start=0&end=100&step=-1",
        "query_range?query=up&start=0&end=20000&step=1",
        "query_range?query=up&start=0&end=11001&step=1",
        "query_range?query=up[1m]&start=0&end=100&step=1",
        "query_range?query=up&start=x&end=100&step=1",
        "series",
        "series?match[]=",
        "series?match[]={}",
        "series?match[]=sum(up)",
        "series?match[]=up&start=never",
        "labels?match[]={job=%22%22}",
        "labels?end=never",
        "label/job/values?match[]=up{",
        "query_exemplars?query=sum(",
        "query_exemplars?query=up&start=2&end=1",
        "metadata?limit=many",
        "targets/metadata?limit=many",
        "targets/metadata?match_target=sum(up)",
        "rules?type=neither",
    ] {
        let (swan, peer) = both.ask(&format!("/api/v1/{path}"));
        assert_eq!(swan.status, peer.status, "{path}: {swan:?} {peer:?}");
        let kind = |answer: &Answer| (answer.json()["status"].clone(), answer.json()["errorType"].clone());
        assert_eq!(kind(&swan), kind(&peer), "{path}: {swan:?} {peer:?}");
        assert!(swan.json()["error"].as_str().is_some_and(|error| !error.is_empty()), "{path}: {swan:?}");
    }
    // Prometheus 2.42, which the test may run beside, does not know these.
    for path in
        ["query?query=up&limit=-1", "series?match[]=up&limit=x", "rules?group_limit=0", "status/tsdb?limit=0"]
    {
        let answer = both.swan.get(&format!("/api/v1/{path}"));
        assert_eq!((answer.status, answer.json()["errorType"].clone()), (400, json!("bad_data")), "{path}");
    }
    both.swan.stop();
}

#[test]
fn expressions_are_formatted_as_by_prometheus() {
    let Some(both) = Both::start() else { return };
    for expression in ["foo/bar", "sum(rate(x{a=\"b\"}[5m]))by(job)>1", "topk(3,up)or vector(1)"] {
        let (swan, peer) = both.ask(&format!("/api/v1/format_query?query={}", in_a_query(expression)));
        assert_eq!((swan.status, swan.json()), (peer.status, peer.json()), "{expression}");
    }
    // Prometheus 2.42 does not have it.
    let tree = both.swan.read(&format!("/api/v1/parse_query?query={}", in_a_query("foo offset 1m")));
    assert_eq!(
        (&tree["data"]["type"], &tree["data"]["name"], &tree["data"]["offset"]),
        (&json!("vectorSelector"), &json!("foo"), &json!(60_000))
    );
    both.swan.stop();
}
