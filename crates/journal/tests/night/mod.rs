//! A night of facts, as an installation writes them: an alert fires, pages, is handed over, acknowledged and
//! resolved; minutes are judged in between. Shared by the tests and benchmarks of `journal` and `store`.
//!
//! They are given as the JSON of the version that first wrote them, which every later version reads.

use facts::{Entry, Fact, Seq};
use kernel::{Actor, Labels, PersonId, Span, Timestamp};
use serde_json::{Value, json};

/// So many entries, numbered on from `after`.
pub(crate) fn night(after: Seq, count: usize) -> Vec<Entry> {
    let numbered = (after.0..).flat_map(alert).take(count).zip(after.0 + 1..);
    numbered.map(|((at, actor, fact), seq)| Entry { seq: Seq(seq), at, actor, fact }).collect()
}

/// Everything that one alert leads to.
fn alert(number: u64) -> Vec<(Timestamp, Actor, Fact)> {
    let at = Timestamp::from_millis(1_795_167_000_000 + number as i64 * 7_125);
    let person = ["ana", "bertil", "chidi"][number as usize % 3];
    let service = ["shop", "checkout", "search", "emails"][number as usize % 4];
    let labels = labels(number, service);
    let fired = alerting(number, service, &labels, at);
    let walked = page_walk(number, service, person, at);
    let (acknowledged, resolved) = (at + Span::from_secs(74), at + Span::from_mins(9));
    let mut facts = Vec::new();
    let mut say = |at, actor: &Actor, value| {
        let fact = serde_json::from_value(value).expect("facts of every version are readable");
        facts.push((at, actor.clone(), fact));
    };
    fired.into_iter().chain(walked).for_each(|value| say(at, &Actor::Swan, value));
    let page = format!("page_{}", number + 1);
    let by_person = Actor::Person(PersonId::new(person));
    say(acknowledged, &by_person, json!({"oncall": {"page_acknowledged": {"page": page, "via": "link"}}}));
    for value in minutes(number, service, at) {
        say(at + Span::from_mins(2), &Actor::Swan, value);
    }
    let cleared = json!({"alerting": {"alert_resolved": {
        "fingerprint": labels.fingerprint(), "ended_at": resolved, "reason": "condition_cleared",
    }}});
    say(resolved, &Actor::Swan, cleared);
    let over = json!({"oncall": {"page_resolved": {"page": page, "reason": "alerts_resolved"}}});
    say(resolved, &Actor::Swan, over);
    facts
}

fn labels(number: u64, service: &str) -> Labels {
    Labels::new([
        ("alertname", "HighErrorRate".to_owned()),
        ("service", service.to_owned()),
        ("instance", format!("10.{}.{}.{}:9100", number / 65_536 % 256, number / 256 % 256, number % 256)),
        ("severity", "critical".to_owned()),
        ("job", "frontend".to_owned()),
    ])
    .expect("each name stands once")
}

fn alerting(number: u64, service: &str, labels: &Labels, at: Timestamp) -> [Value; 3] {
    let (fingerprint, group) = (labels.fingerprint(), format!("grp_{}", number + 1));
    [
        json!({"alerting": {"alert_fired": {
            "fingerprint": fingerprint,
            "labels": labels,
            "annotations": {
                "summary": "More than 5 % of requests fail",
                "runbook_url": "https://runbooks.example.com/HighErrorRate",
            },
            "priority": "critical",
            "service": service,
            "starts_at": at,
            "value": format!("0.{:03}", 50 + number % 900),
            "origin": {"rule": {"group": "shop", "rule": "HighErrorRate"}},
        }}}),
        json!({"alerting": {"group_opened": {
            "group": group,
            "key": labels.only(|name| name == "alertname" || name == "service"),
            "priority": "critical",
            "service": service,
            "alert": fingerprint,
            "notify_at": at,
        }}}),
        json!({"alerting": {"group_notified": {
            "group": group,
            "alerts": [fingerprint],
            "title": format!("HighErrorRate on {service}"),
            "again": false,
        }}}),
    ]
}

fn page_walk(number: u64, service: &str, person: &str, at: Timestamp) -> [Value; 4] {
    let page = format!("page_{}", number + 1);
    let notification = format!("ntf_{}", number + 1);
    let title = format!("HighErrorRate on {service}");
    [
        json!({"oncall": {"page_opened": {
            "page": page,
            "group": format!("grp_{}", number + 1),
            "service": service,
            "priority": "critical",
            "title": title,
            "body": "More than 5 % of requests fail",
            "policy_id": "primary",
            "policy": {
                "steps": [
                    {"notify": [{"rotation": "first"}], "wait": "5m"},
                    {"notify": [{"team": "shop"}], "wait": "5m"},
                ],
                "repeat": 2,
            },
        }}}),
        json!({"oncall": {"step_started": {
            "page": page,
            "round": 0,
            "step": 0,
            "responders": [{"person": person, "because": {"on_call": "first"}}],
            "reason": "opened",
            "until": at + Span::from_mins(5),
        }}}),
        json!({"oncall": {"notification_intended": {
            "notification": notification,
            "purpose": {"page": {"page": page, "round": 0, "step": 0}},
            "person": person,
            "contact": format!("{person}/email/0"),
            "channel": "email",
            "idempotency_key": format!("{page}/0/0/{person}/email/0"),
            "subject": title,
            "body": "More than 5 % of requests fail\nhttps://runbooks.example.com/HighErrorRate",
        }}}),
        json!({"oncall": {"notification_handed_over": {
            "notification": notification,
            "receipt": "250 2.0.0 Ok: queued as 4XyZ1234",
        }}}),
    ]
}

fn minutes(number: u64, service: &str, at: Timestamp) -> [Value; 2] {
    let start = at.floor(Span::from_mins(1));
    [
        json!({"objectives": {"slices_judged": {
            "service": service,
            "objective": "availability",
            "slice": "1m",
            "from": start,
            "runs": [{"verdict": "down", "slices": 1}],
        }}}),
        json!({"objectives": {"slice_down": {
            "service": service,
            "objective": "availability",
            "start": start,
            "tally": {"good": 913 + number % 50, "bad": 87},
            "outage": format!("out_{}", number / 5 + 1),
        }}}),
    ]
}
