//! Swan in a Prometheus's place: promtool asks it, another Prometheus reads and federates from it, and what it answers
//! is what a Prometheus answers that was sent the same samples.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::http::{Answer, Caller, in_a_query};
use crate::prometheus::is_installed;
use crate::remote_write::{Series, field, number, packed, write};
use crate::swan::{Ran, SOON, Start, Swan, until};
use crate::team::Team;

/// A Prometheus that takes remote writes and can be asked. It is killed when it is dropped.
struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    fn start(directory: &Path, configuration: &str) -> Self {
        let home = directory.join("peer");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("prometheus.yml"), configuration).unwrap();
        let mut command = Command::new("prometheus");
        command.current_dir(&home).args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            "--web.listen-address=127.0.0.1:0",
            "--web.enable-remote-write-receiver",
            "--enable-feature=native-histograms",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("prometheus runs");
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "prometheus ended: {said}");
            said.push_str(&line);
            let told = line.contains("Listening on").then(|| line.rsplit_once("address=")).flatten();
            if let Some((_, address)) = told {
                break address.trim().parse().unwrap();
            }
        };
        // Whatever else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || _ = log.read_to_string(&mut said));
        let peer = Self { child, address };
        let ready = || (peer.caller().get("/-/ready").status == 200).then_some(());
        until("prometheus to be ready", SOON, ready);
        peer
    }

    fn caller(&self) -> Caller {
        Caller::new(self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself, which a test has noticed by now.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The end of the samples: a whole quarter of a minute, a moment ago.
#[expect(clippy::disallowed_methods, reason = "the servers compare samples with the wall clock")]
fn recently() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    (now / 15 * 15 - 15) * 1000
}

/// Two minutes of a small service.
fn service(until_ms: i64) -> Vec<Series> {
    let samples = |value: &dyn Fn(i64) -> f64| {
        (0..9).map(|place| (until_ms - (8 - place) * 15_000, value(place))).collect::<Vec<_>>()
    };
    vec![
        (vec![("__name__", "up"), ("instance", "a:1"), ("job", "api")], samples(&|_| 1.0)),
        (vec![("__name__", "up"), ("instance", "b:1"), ("job", "api")], samples(&|place| (place % 2) as f64)),
        (vec![("__name__", "up"), ("instance", "c:1"), ("job", "node")], samples(&|_| 0.0)),
        (
            vec![("__name__", "requests_total"), ("code", "200"), ("instance", "a:1"), ("job", "api")],
            samples(&|place| (place * 100) as f64),
        ),
        (
            vec![("__name__", "requests_total"), ("code", "500"), ("instance", "a:1"), ("job", "api")],
            samples(&|place| (place * 3) as f64 + 0.25),
        ),
        (vec![("__name__", "odd"), ("path", "a\"b\\c\nd ü")], samples(&|_| f64::INFINITY)),
        (vec![("__name__", "not_a_number")], samples(&|_| f64::NAN)),
        (vec![("__name__", "tiny")], samples(&|place| 1.5e-9 * (place + 1) as f64)),
    ]
}

/// Swan and a Prometheus with the same samples, and the time of the last ones.
struct Both {
    directory: tempfile::TempDir,
    swan: Swan,
    peer: Peer,
    until_ms: i64,
}

const NOTHING: &str = "global: {}\n";

impl Both {
    fn start() -> Option<Self> {
        if !is_installed("prometheus", "prometheus") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let swan = Start::new(directory.path()).serve();
        let peer = Peer::start(directory.path(), NOTHING);
        let until_ms = recently();
        let samples = service(until_ms);
        write(&swan.caller(), &samples);
        write(&peer.caller(), &samples);
        Some(Self { directory, swan, peer, until_ms })
    }

    /// What both answer to the same request.
    fn ask(&self, path: &str) -> (Answer, Answer) {
        (self.swan.get(path), self.peer.caller().get(path))
    }

    /// A second after the last samples: no range begins or ends at one, which Prometheus 2 and 3 take differently.
    fn at(&self) -> String {
        (self.until_ms / 1000 + 1).to_string()
    }
}

/// The same list in one order; queries without `sort` promise none.
fn sorted(mut answer: Value) -> Value {
    if let Some(result) = answer["data"]["result"].as_array_mut() {
        result.sort_by_key(|series| series["metric"].to_string());
    }
    answer
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

#[test]
fn what_cannot_be_answered_is_refused_as_by_prometheus() {
    let Some(both) = Both::start() else { return };
    for path in [
        "query",
        "query?query=sum(",
        "query?query=up&time=noon",
        "query?query=up&timeout=soon",
        "query?query=label_replace(up,%22job%22,%22x%22,%22%22,%22%22)%2Bon(job)up",
        "query_range?query=up&start=100&end=0&step=1",
        "query_range?query=up&start=0&end=100",
        "query_range?query=up&start=0&end=100&step=0",
        "query_range?query=up&start=0&end=100&step=-1",
        "query_range?query=up&start=0&end=20000&step=1",
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
fn series_and_labels_are_listed_as_by_prometheus() {
    let Some(both) = Both::start() else { return };
    let (start, at) = (both.until_ms / 1000 - 3600, both.at());
    for path in [
        "series?match[]=up".to_owned(),
        "series?match[]=up&match[]=requests_total{code=%22500%22}&match[]={job=%22api%22}".to_owned(),
        format!("series?match[]={{__name__=~%22.%2B%22}}&start={start}&end={at}"),
        "series?match[]=nothing".to_owned(),
        "labels".to_owned(),
        "labels?match[]=up".to_owned(),
        "labels?match[]=up&match[]=odd".to_owned(),
        format!("labels?start={start}&end={at}"),
        "label/__name__/values".to_owned(),
        "label/job/values".to_owned(),
        "label/instance/values?match[]=up{job=%22api%22}".to_owned(),
        "label/instance/values?match[]=up{job=%22api%22}&match[]=up{job=%22node%22}".to_owned(),
        "label/nothing/values".to_owned(),
        "query_exemplars?query=up".to_owned(),
        "metadata".to_owned(),
        "metadata?metric=up".to_owned(),
        "targets/metadata".to_owned(),
        "rules".to_owned(),
        "rules?type=alert".to_owned(),
        "alerts".to_owned(),
        "alertmanagers".to_owned(),
        "status/walreplay".to_owned(),
    ] {
        let (swan, peer) = both.ask(&format!("/api/v1/{path}"));
        let (mut shown, mut expected) = (swan.json(), peer.json());
        // Prometheus sorts series where there are several selectors only.
        for answer in [&mut shown, &mut expected].into_iter().filter(|_| path.starts_with("series")) {
            answer["data"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
        if path.starts_with("status/walreplay") {
            // Which segments it read is its own; that none is left to read is not.
            expected["data"] = json!({ "min": 0, "max": 0, "current": 0 });
        }
        assert_eq!((swan.status, shown), (peer.status, expected), "{path}");
    }
    let targets = both.swan.read("/api/v1/targets");
    assert_eq!(targets["data"]["activeTargets"], json!([]), "{targets}");
    let limited = both.swan.read("/api/v1/label/__name__/values?limit=2");
    assert_eq!(limited["data"], json!(["not_a_number", "odd"]));
    assert_eq!(limited["warnings"], json!(["results truncated due to limit"]));
    let encoded = both.swan.read("/api/v1/label/U__job/values");
    assert_eq!(encoded["data"], json!(["api", "node"]));
    both.swan.stop();
}

#[test]
fn the_server_tells_of_itself_as_prometheus_does() {
    let Some(both) = Both::start() else { return };
    let shape =
        |value: &Value| -> Vec<String> { value["data"].as_object().unwrap().keys().cloned().collect() };
    for path in ["status/config", "status/buildinfo", "status/tsdb"] {
        let (swan, peer) = both.ask(&format!("/api/v1/{path}"));
        assert_eq!(shape(&swan.json()), shape(&peer.json()), "{path}");
    }
    let (swan, peer) = both.ask("/api/v1/status/runtimeinfo");
    let (swan, peer) = (swan.json(), peer.json());
    let missing: Vec<String> = shape(&peer).into_iter().filter(|key| !shape(&swan).contains(key)).collect();
    assert_eq!(missing, Vec::<String>::new());
    let (swan, peer) = both.ask("/api/v1/status/tsdb");
    let (swan, peer) = (swan.json(), peer.json());
    assert_eq!(swan["data"]["headStats"]["numSeries"], peer["data"]["headStats"]["numSeries"]);
    assert_eq!(swan["data"]["headStats"]["numLabelPairs"], peer["data"]["headStats"]["numLabelPairs"]);
    let rows = |answer: &Value, list: &str| {
        let mut rows: Vec<String> =
            answer["data"][list].as_array().unwrap().iter().map(ToString::to_string).collect();
        rows.sort();
        rows
    };
    for list in ["seriesCountByMetricName", "labelValueCountByLabelName"] {
        assert_eq!(rows(&swan, list), rows(&peer, list), "{list}");
    }
    assert!(both.swan.read("/api/v1/status/flags")["data"]["query.lookback-delta"].is_string());
    assert_eq!(both.swan.read("/api/v1/features")["data"]["api"]["query_warnings"], true);
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

const RULES: &str = "groups:
  - name: service
    interval: 1s
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up{job=\"node\"} == 0
        labels: { severity: info }
        annotations: { summary: \"{{ $labels.instance }} is down\" }
      - alert: DownForLong
        expr: up{job=\"node\"} == 0
        for: 1h
        labels: { severity: info }
      - alert: Never
        expr: up > 1
        labels: { severity: info }
";

/// What does not depend on when a rule was evaluated.
fn timeless(mut answer: Value) -> Value {
    let mut all =
        answer["data"]["groups"].as_array_mut().map_or_else(Vec::new, |groups| groups.iter_mut().collect());
    for group in &mut all {
        for name in ["evaluationTime", "lastEvaluation", "file"] {
            group.as_object_mut().unwrap().remove(name);
        }
        for rule in group["rules"].as_array_mut().unwrap() {
            for name in ["evaluationTime", "lastEvaluation", "health", "keepFiringFor"] {
                rule.as_object_mut().unwrap().remove(name);
            }
            // Prometheus 2 leaves out what is empty.
            rule.as_object_mut().unwrap().retain(|_, value| *value != json!({}));
            for alert in rule["alerts"].as_array_mut().unwrap_or(&mut Vec::new()) {
                alert.as_object_mut().unwrap().remove("activeAt");
            }
        }
    }
    answer
}

#[test]
fn rules_and_alerts_are_shown_as_by_prometheus() {
    if !is_installed("prometheus", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(9).and("rules: rules.yaml\n").write(directory.path());
    std::fs::write(directory.path().join("rules.yaml"), RULES).unwrap();
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let peer = Peer::start(directory.path(), "rule_files: [../rules.yaml]\n");
    let samples = service(recently());
    write(&swan.caller(), &samples);
    write(&peer.caller(), &samples);
    let rules = |of: &Caller, query: &str| timeless(of.get(&format!("/api/v1/rules{query}")).json());
    let settled = |of: &Caller| {
        let shown = rules(of, "");
        let states: Vec<Value> = shown["data"]["groups"][0]["rules"]
            .as_array()?
            .iter()
            .map(|rule| rule["state"].clone())
            .collect();
        (states == [Value::Null, json!("firing"), json!("pending"), json!("inactive")]).then_some(shown)
    };
    let expected = until("prometheus to judge", SOON, || settled(&peer.caller()));
    let shown = until("swan to judge", SOON, || settled(&swan.caller()));
    assert_eq!(shown, expected, "{shown:#}");
    for query in ["?type=record", "?type=alert"] {
        assert_eq!(rules(&swan.caller(), query), rules(&peer.caller(), query), "{query}");
    }
    // Prometheus 2.42 does not have these.
    let shown = |query: &str| swan.read(&format!("/api/v1/rules?{query}"))["data"]["groups"].clone();
    assert_eq!(shown("rule_group[]=other"), json!([]));
    assert_eq!(shown("rule_group[]=service&rule_name[]=Never")[0]["rules"][0]["name"], "Never");
    assert_eq!(shown("group_limit=1").as_array().unwrap().len(), 1);
    let without = swan.read("/api/v1/rules?exclude_alerts=true&rule_name[]=Down");
    assert_eq!(without["data"]["groups"][0]["rules"][0]["alerts"], Value::Null, "{without}");
    let matching = swan.read("/api/v1/rules?match[]={severity=%22info%22}");
    assert_eq!(matching["data"]["groups"][0]["rules"].as_array().unwrap().len(), 3);
    let alerts = |of: &Caller| {
        let mut alerts: Vec<(String, String)> = of.get("/api/v1/alerts").json()["data"]["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| (alert["labels"].to_string(), alert["state"].to_string()))
            .collect();
        alerts.sort();
        alerts
    };
    assert_eq!(alerts(&swan.caller()), alerts(&peer.caller()));
    swan.stop();
}

fn promtool(directory: &Path, arguments: &[&str]) -> Ran {
    Ran::of(Command::new("promtool").current_dir(directory).args(arguments).output().expect("promtool runs"))
}

#[test]
fn promtool_asks_swan_as_it_asks_prometheus() {
    let Some(both) = Both::start() else { return };
    let (at, start) = (both.at(), (both.until_ms / 1000 - 60).to_string());
    let peer = format!("http://{}", both.peer.address);
    let sorted = |ran: &Ran| {
        let mut lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let time = format!("--time={at}");
    let (from, to) = (format!("--start={start}"), format!("--end={at}"));
    for arguments in [
        vec!["query", "instant", &time, "URL", "sum by (job) (up)"],
        vec!["query", "range", &from, &to, "--step=15s", "URL", "rate(requests_total[30s])"],
        vec!["query", "series", "--match=up", "--match=odd", "URL"],
        vec!["query", "labels", "URL", "instance"],
    ] {
        let of = |url: &str| {
            let arguments: Vec<&str> =
                arguments.iter().map(|argument| if *argument == "URL" { url } else { argument }).collect();
            promtool(both.directory.path(), &arguments)
        };
        let (swan, peer) = (of(&both.swan.url()), of(&peer));
        assert_eq!(swan.code, Some(0), "{arguments:?}: {swan:?}");
        assert_eq!(sorted(&swan), sorted(&peer), "{arguments:?}");
        assert!(!swan.stdout.trim().is_empty(), "{arguments:?}: {swan:?}");
    }
    for healthy in ["/-/healthy", "/-/ready"] {
        assert_eq!(both.swan.get(healthy).status, 200, "{healthy}");
    }
    // Promtool 2.42 does not check servers.
    let can_check = promtool(both.directory.path(), &["check", "--help"]).stdout.contains("check healthy");
    for check in [["check", "healthy"], ["check", "ready"]].iter().filter(|_| can_check) {
        let url = format!("--url={}", both.swan.url());
        let checked = promtool(both.directory.path(), &[check[0], check[1], &url]);
        assert_eq!(checked.code, Some(0), "{check:?}: {checked:?}");
    }
    both.swan.stop();
}

#[test]
fn another_prometheus_reads_and_federates() {
    if !is_installed("prometheus", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let until_ms = recently();
    write(&swan.caller(), &service(until_ms));
    let configuration = format!(
        "remote_read: [{{ url: \"{url}/api/v1/read\", read_recent: true, required_matchers: {{ job: api }} }}]
scrape_configs:
  - job_name: federate
    scrape_interval: 1s
    scrape_timeout: 1s
    honor_labels: true
    metrics_path: /federate
    params: {{ \"match[]\": [\"tiny\", \"odd\", \"up{{job=\\\"node\\\"}}\"] }}
    static_configs: [{{ targets: [\"{address}\"] }}]
",
        url = swan.url(),
        address = swan.address
    );
    let peer = Peer::start(directory.path(), &configuration);
    let at = until_ms / 1000 + 1;
    // Samples in the range, floats and all, evaluated there.
    let query = format!("/api/v1/query?query={}&time={at}", in_a_query("{job=\"api\"}[2m]"));
    assert_eq!(sorted(peer.caller().get(&query).json()), sorted(swan.read(&query)));
    let federated = |expression: &str| {
        let query = format!("/api/v1/query?query={}", in_a_query(expression));
        let answer = peer.caller().get(&query).json();
        let series = answer["data"]["result"].as_array()?.first()?.clone();
        Some((series["metric"].clone(), series["value"][1].clone()))
    };
    // The labels are Swan's; the scraping job has added what was missing, but for the instance.
    let tiny = until("a federated sample", SOON, || federated("tiny"));
    assert_eq!(tiny, (json!({ "__name__": "tiny", "job": "federate" }), json!("1.35e-08")));
    let node = until("another", SOON, || federated("up{instance=\"c:1\"}"));
    assert_eq!(node.0, json!({ "__name__": "up", "instance": "c:1", "job": "node" }));
    let odd = until("another", SOON, || federated("odd"));
    assert_eq!(odd, (json!({ "__name__": "odd", "job": "federate", "path": "a\"b\\c\nd ü" }), json!("+Inf")));
    swan.stop();
}

#[test]
fn chunks_are_streamed_to_who_takes_them() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    write(&swan.caller(), &service(recently()));
    // A query of `up` over all times: __name__="up", and both forms accepted, the stream first.
    let mut matcher = Vec::new();
    field(&mut matcher, 2, b"__name__");
    field(&mut matcher, 3, b"up");
    let mut query = Vec::new();
    number(&mut query, 2, i64::MAX as u64);
    field(&mut query, 3, &matcher);
    let mut request = Vec::new();
    field(&mut request, 1, &query);
    field(&mut request, 2, &[1, 0]);
    let body = packed(&request);
    let answer = swan.caller().post("/api/v1/read", "application/x-protobuf", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
    );
    let frames = answer.body.windows(8).filter(|bytes| *bytes == b"__name__").count();
    assert_eq!(frames, 3, "one for each series");
    let nonsense = swan.caller().post("/api/v1/read", "application/x-protobuf", b"nonsense");
    assert_eq!(nonsense.status, 400, "{nonsense:?}");
    swan.stop();
}

#[test]
fn long_answers_are_packed_for_who_can_unpack_them() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    let until_ms = recently();
    write(&swan.caller(), &service(until_ms));
    let query = format!("/api/v1/query?query={}&time={}", in_a_query("{job!=\"\"}[2m]"), until_ms / 1000);
    let plain = swan.get(&query);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = swan.caller().header("Accept-Encoding", "gzip").get(&query);
    assert_eq!(packed.header("content-encoding"), Some("gzip"), "{:?}", packed.headers);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    assert!(packed.body.len() < plain.body.len() / 2);
    swan.stop();
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
        assert_eq!(swan.get(&path).status, 401, "{path}");
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
