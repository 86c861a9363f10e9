//! Swan's own API, every door of it: one story opens each, and what is answered is what the document promises
//! (`documented`).

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::documented;
use crate::http::Answer;
use crate::mail::MailServer;
use crate::swan::{SOON, Start, Swan, until};
use crate::team::Team;

const OBJECTIVE: &str = "      - name: availability
        sli: { requests: shop, slice: 5s }
        target: 99.9%
        window: 28d
";
const HEARTBEAT: &str = "heartbeats:\n  backup: { service: shop, every: 24h, grace: 1h, priority: high }\n";

/// Doors that this story cannot open.
const ELSEWHERE: [&str; 2] = [
    "GET /v1/live",                // it never ends: `live`
    "POST /v1/quarantine/release", // somebody has to have crashed: `quarantine`
];

/// Somebody who opens one door after the other.
struct Visitor {
    swan: Swan,
    opened: RefCell<BTreeSet<String>>,
}

impl Visitor {
    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let caller = self.swan.caller().header("Content-Type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = caller.send(method, path, body.as_bytes()).answer();
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        let operation = documented::operation(method, path).expect("the document knows it");
        self.opened.borrow_mut().insert(operation);
        answer
    }

    fn read(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null).json()
    }

    fn tell(&self, path: &str, body: &Value) {
        self.ask("POST", path, body);
    }

    /// So many seconds from now, by the clock of the server.
    fn instant(&self, secs: i64) -> String {
        kernel::Timestamp::from_secs(self.swan.query("vector(time())")[0] as i64 + secs).to_string()
    }

    fn measures_and_judges(&self) {
        self.tell("/v1/events", &json!({ "service": "shop", "outcome": "failed" }));
        self.tell("/v1/heartbeats/backup/start", &Value::Null);
        self.tell("/v1/heartbeats/backup", &Value::Null);
        self.ask("GET", "/v1/heartbeats/backup", &Value::Null);

        let is_judged = |ledger: &Value| ledger["outages"].as_array().is_some_and(|all| !all.is_empty());
        let ledger = until("an outage in the ledger", SOON, || {
            Some(self.read("/v1/services/shop/ledger")).filter(is_judged)
        });
        let outage = ledger["outages"][0]["id"].as_str().unwrap();
        self.tell(&format!("/v1/outages/{outage}/attribution"), &json!({ "cause": "power" }));
        let corrected =
            json!({ "start": ledger["rows"][0]["start"], "verdict": "up", "reason": "a rehearsal" });
        self.tell("/v1/services/shop/corrections", &corrected);
        self.read("/v1/services");
        self.read("/v1/report/availability");
    }

    fn is_paged(&self) {
        self.read("/v1/oncall");
        let instead = json!({ "person": "bo", "from": self.instant(0), "until": self.instant(3600) });
        self.tell("/v1/rotations/first/overrides", &instead);
        self.ask("DELETE", "/v1/overrides/ovr_1", &Value::Null);
        let alert = |name: &str, severity: &str| {
            let labels = json!({ "alertname": name, "service": "shop", "severity": severity });
            assert_eq!(self.swan.post("/api/v2/alerts", &json!([{ "labels": labels }])).status, 200);
        };
        alert("Stuck", "critical");
        alert("Slow", "warning");
        self.read("/v1/pages");
        self.tell("/v1/pages/page_1/escalate", &json!({ "reason": "not mine" }));
        self.tell("/v1/pages/page_1/acknowledge", &Value::Null);
        self.read("/v1/pages/page_1");

        let ticket = until("the ticket of the alert that nobody is paged for", SOON, || {
            self.read("/v1/tickets")[0]["id"].as_str().map(str::to_owned)
        });
        self.tell(&format!("/v1/tickets/{ticket}/owner"), &json!({ "person": "ana" }));
        self.tell(&format!("/v1/tickets/{ticket}/close"), &json!({ "text": "it is the clock" }));
    }

    fn responds_and_informs(&self) {
        let declared =
            json!({ "service": "shop", "title": "the till", "severity": "major", "page": "page_1" });
        self.tell("/v1/incidents", &declared);
        self.tell("/v1/incidents/inc_1/notes", &json!({ "text": "the light is off" }));
        self.tell("/v1/incidents/inc_1/leader", &json!({ "person": "ana" }));
        self.tell("/v1/incidents/inc_1/teams/recovery", &json!({ "person": "bo" }));
        self.read("/v1/incidents");
        self.read("/v1/incidents/inc_1");
        self.ask("DELETE", "/v1/incidents/inc_1/teams/recovery", &json!({ "person": "bo" }));
        self.tell("/v1/incidents/inc_1/severity", &json!({ "severity": "minor" }));
        let update = json!({ "text": "We are at it.", "phase": "identified", "audience": "public" });
        self.tell("/v1/incidents/inc_1/updates", &update);
        self.tell("/v1/services/shop/components/checkout", &json!({ "status": "major_outage" }));
        self.tell("/v1/incidents/inc_1/resolve", &json!({ "text": "It has power again." }));
        self.tell("/v1/pages/page_1/resolve", &Value::Null);
        self.read("/v1/incidents");
        self.read("/v1/pages");
    }

    fn learns(&self) {
        let review = self.read("/v1/post-mortems")[0]["id"].as_str().unwrap().to_owned();
        let at = |what: &str| format!("/v1/post-mortems/{review}{what}");
        self.tell(&at("/sections"), &json!({ "section": "summary", "text": "The till had no power." }));
        self.tell(&at("/whys"), &json!({ "text": "Somebody pulled the plug." }));
        self.tell(&at("/whys"), &json!({ "text": "The plug is where people walk." }));
        let due = "2027-01-31T00:00:00Z";
        let action =
            json!({ "why": "why_1", "title": "Tape it", "priority": "high", "owner": "ana", "due": due });
        self.tell(&at("/actions"), &action);
        self.tell(&at("/whys/why_2/accept"), &json!({ "reason": "There is no other socket." }));
        self.tell(&at("/judgements"), &json!({ "text": "Ana knew the till", "person": "ana" }));
        self.tell(&at("/complete"), &Value::Null);
        self.read(&at(""));
        self.ask("GET", &at("/markdown"), &Value::Null);
        let action = self.read("/v1/actions")[0]["id"].as_str().unwrap().to_owned();
        self.tell(&format!("/v1/actions/{action}/finish"), &json!({ "outcome": "It is taped." }));
        self.read("/v1/actions");
    }

    fn administers(&self) {
        let in_force = self.read("/v1/configuration")["configuration"].clone();
        let submitted = json!({ "source": "by hand", "configuration": in_force, "contacts": [] });
        self.tell("/v1/configuration?dry_run=true", &submitted);
        self.tell("/v1/tokens", &json!({ "name": "chat-bot", "role": "responder" }));
        self.ask("DELETE", "/v1/tokens/chat-bot", &Value::Null);
        self.tell("/v1/people/ana/password", &json!({ "password": "correct horse battery" }));
        self.read("/v1/quarantine");
        self.read("/v1/journal");
        let rules = json!([{ "name": "shop", "rules": [{ "alert": "Slow", "expr": "latency > 1" }] }]);
        let (from, to) = (self.instant(-600), self.instant(0));
        self.tell("/v1/backtest", &json!({ "groups": rules, "from": from, "to": to }));
    }
}

#[test]
fn every_door_is_opened_and_answers_as_the_document_says() {
    let directory = tempfile::tempdir().unwrap();
    let mail = MailServer::start();
    let team = Team::with_mail_at(mail.port).waiting("1h").judged_by(OBJECTIVE).and(HEARTBEAT);
    team.write(directory.path());
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let visitor = Visitor { swan, opened: RefCell::default() };
    visitor.measures_and_judges();
    visitor.is_paged();
    visitor.responds_and_informs();
    visitor.learns();
    visitor.administers();
    let Visitor { swan, opened } = visitor;
    let closed: Vec<String> = documented::operations()
        .filter(|operation| !opened.borrow().contains(operation) && !ELSEWHERE.contains(&operation.as_str()))
        .collect();
    assert!(closed.is_empty(), "nobody opened {closed:#?}");
    swan.stop();
}

#[test]
fn what_cannot_be_read_of_a_path_or_a_query_is_told_as_every_error() {
    let directory = tempfile::tempdir().unwrap();
    let swan = Start::new(directory.path()).serve();
    for (path, told) in [
        ("/v1/journal?after=yesterday", "invalid digit"),
        ("/v1/incidents/%ff", "Invalid UTF-8"),
        ("/v1/incidents/the-till", "not an id"),
        ("/v1/report/availability?from=yesterday", "is not a time"),
    ] {
        let answer = swan.get(path);
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        let error = answer.json()["error"].clone();
        assert!(error.as_str().is_some_and(|error| error.contains(told)), "{path}: {error}");
    }
    swan.stop();
}
