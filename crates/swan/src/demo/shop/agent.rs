//! The agent beside the mail worker and the connection pool: their figures, sent by Prometheus remote write.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::write_request::{Series, encode};
use super::{Books, Shop};
use crate::clock::{Clock, WallClock};
use crate::demo::peer::{Peer, Sent};

/// How often figures are sent.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// Connections that the pool holds when the shop opens.
const CONNECTIONS_AT_FIRST: u64 = 42;
/// How many it may hold.
const CONNECTIONS_MAX: u64 = 64;
/// Where its growth ends: past four fifths of its maximum.
const CONNECTIONS_AT_LAST: u64 = 54;
/// Search workers: as many as there may be and as there must be.
const SEARCH_WORKERS: u64 = 4;

/// Sends figures until the task is dropped.
pub(in crate::demo) async fn report_samples(swan: Peer, shop: Shop) {
    let began = Instant::now();
    let mut rhythm = interval(SEND_EVERY);
    rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rhythm.tick().await;
        let series = figures(shop.books(), began.elapsed());
        let body = encode(&series, WallClock.now());
        let (kind, encoding) = ("application/x-protobuf", Some("snappy"));
        let sent = Sent { kind, encoding, body: body.into(), ..Sent::default() };
        if let Err(fault) = swan.send("/api/v1/write", sent).await {
            tracing::info!(%fault, "samples were not taken; the next ones are newer");
        }
    }
}

/// The pool takes a connection more each second, as the shop fills.
fn figures(books: Books, open_for: Duration) -> Vec<Series> {
    let connections = CONNECTIONS_AT_LAST.min(CONNECTIONS_AT_FIRST + open_for.as_secs());
    let series = |name, label: Option<(&'static str, &'static str)>, value| Series { name, label, value };
    let pool = Some(("pool", "checkout"));
    vec![
        series("receipts_total", Some(("outcome", "sent")), books.orders()),
        series("receipts_total", Some(("outcome", "failed")), 0),
        series("pgbouncer_pool_connections", pool, connections),
        series("pgbouncer_pool_connections_min", pool, 8),
        series("pgbouncer_pool_connections_max", pool, CONNECTIONS_MAX),
        series("search_workers", None, SEARCH_WORKERS),
        series("search_workers_min", None, SEARCH_WORKERS),
        series("search_workers_max", None, SEARCH_WORKERS),
    ]
}
