//! Customers, who make real requests, and the reporter at the shop's edge, which tells Swan how each one ended.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egress::Method;
use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::Timestamp;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::{Clock, WallClock};
use crate::demo::limits::EVENTS_HELD_MAX;
use crate::demo::peer::{Peer, Sent};

/// How often somebody who strolls looks at a page.
const STROLL_EVERY: Duration = Duration::from_millis(500);
/// How often somebody who buys checks out.
const CHECK_OUT_EVERY: Duration = Duration::from_millis(400);
/// How often events are reported.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How often the stock import says that it ended well.
const IMPORT_EVERY: Duration = Duration::from_secs(15);
/// What people look for; the shop does not have all of it.
const WANTED: [&str; 5] = ["fern", "moss", "snow globe", "ivy", "lichen"];

/// A request as the shop's edge saw it.
#[derive(Debug)]
struct Event {
    service: &'static str,
    route: &'static str,
    at: Timestamp,
    /// `None` where there was no answer.
    status: Option<u16>,
    took: Duration,
}

/// Events that wait to be reported; clones share them.
#[derive(Debug, Clone, Default)]
pub(in crate::demo) struct Events(Arc<Mutex<VecDeque<Event>>>);

impl Events {
    fn push(&self, event: Event) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(event);
        if waiting.len() > EVENTS_HELD_MAX {
            waiting.pop_front();
        }
    }

    fn take(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    fn put_back(&self, events: Vec<Event>) {
        for event in events {
            self.push(event);
        }
    }
}

/// Looks around in the shop until the task is dropped: a page, a search, a page …
pub(in crate::demo) async fn stroll(shop: Peer, events: Events, customer: usize) {
    let mut rhythm = interval(STROLL_EVERY);
    rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut visits = customer;
    loop {
        rhythm.tick().await;
        visits += 1;
        if visits.is_multiple_of(2) {
            visit(&shop, &events, Method::GET, "storefront", "/shop/", "/shop/").await;
        } else {
            let wanted = WANTED[visits / 2 % WANTED.len()].replace(' ', "+");
            let path = format!("/shop/search?q={wanted}");
            visit(&shop, &events, Method::GET, "storefront", "/shop/search", &path).await;
        }
    }
}

/// Buys something again and again until the task is dropped.
pub(in crate::demo) async fn check_out(shop: Peer, events: Events) {
    let mut rhythm = interval(CHECK_OUT_EVERY);
    rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rhythm.tick().await;
        visit(&shop, &events, Method::POST, "checkout", "/shop/checkout", "/shop/checkout").await;
    }
}

async fn visit(
    shop: &Peer,
    events: &Events,
    method: Method,
    service: &'static str,
    route: &'static str,
    path: &str,
) {
    let (at, began) = (WallClock.now(), Instant::now());
    let answered = shop.exchange(method, path, Sent::default()).await;
    let status = answered.ok().map(|answered| answered.status);
    events.push(Event { service, route, at, status, took: began.elapsed() });
}

/// Reports events by `POST /v1/events`, NDJSON in gzip, until the task is dropped. What Swan did not take is
/// reported again.
pub(in crate::demo) async fn report_events(swan: Peer, events: Events) {
    let mut rhythm = interval(REPORT_EVERY);
    rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rhythm.tick().await;
        let taken = events.take();
        if taken.is_empty() {
            continue;
        }
        let lines: String = taken.iter().map(line).collect();
        let (kind, encoding) = ("application/x-ndjson", Some("gzip"));
        let sent = Sent { kind, encoding, body: packed(&lines).into(), ..Sent::default() };
        if let Err(fault) = swan.send("/v1/events", sent).await {
            tracing::info!(%fault, "request events wait for the next round");
            events.put_back(taken);
        }
    }
}

fn line(event: &Event) -> String {
    let latency_ms = (event.took.as_secs_f64() * 1e6).round() / 1e3;
    let mut line = json!({
        "service": event.service,
        "route": event.route,
        "time": event.at,
        "latency_ms": latency_ms,
    });
    match event.status {
        Some(status) => line["status"] = status.into(),
        None => line["outcome"] = "failed".into(),
    }
    format!("{line}\n")
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("a Vec takes all bytes")
}

/// The stock import, which says each time that it ended well.
pub(in crate::demo) async fn send_heartbeats(swan: Peer) {
    let mut rhythm = interval(IMPORT_EVERY);
    loop {
        rhythm.tick().await;
        if let Err(fault) = swan.send("/v1/heartbeats/stock-import", Sent::default()).await {
            tracing::info!(%fault, "a heartbeat did not arrive");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: Option<u16>) -> Event {
        let at = "2026-11-20T09:30:00Z".parse().unwrap();
        Event { service: "checkout", route: "/shop/checkout", at, status, took: Duration::from_micros(1500) }
    }

    #[test]
    fn swans_parser_reads_every_line_that_the_edge_writes() {
        let lines = line(&event(Some(502))) + &line(&event(None));
        let mut outcomes = Vec::new();
        let report = signals::events::parse(lines.as_bytes(), |event| {
            outcomes.push(event.outcome);
            assert_eq!(event.service, "checkout");
            assert_eq!(event.latency_ms, Some(1.5));
        });
        assert_eq!((report.accepted, report.refused), (2, 0), "{:?}", report.errors);
        assert_eq!(outcomes, [signals::events::Outcome::Status(502), signals::events::Outcome::Failed]);
    }

    #[test]
    fn what_waits_is_bounded_and_the_newest_is_kept() {
        let events = Events::default();
        for status in 0..EVENTS_HELD_MAX + 5 {
            events.push(event(u16::try_from(status % 1000).ok()));
        }
        let held = events.take();
        assert_eq!(held.len(), EVENTS_HELD_MAX);
        assert_eq!(held[0].status, Some(5));
        events.put_back(held);
        assert_eq!(events.take().len(), EVENTS_HELD_MAX);
    }
}
