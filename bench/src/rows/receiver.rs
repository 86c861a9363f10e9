//! A receiver of alerts, as an Alertmanager is one, and when it saw which.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::http::{read_body, read_head};
use crate::{Outcome, clock};

/// When each alert was seen, by its name, in microseconds since 1970.
#[derive(Default)]
pub(super) struct Sightings {
    seen: Mutex<BTreeMap<String, Seen>>,
    grew: Condvar,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) at_us: i64,
    /// What the fact says of when it was decided.
    pub(super) decided_us: Option<i64>,
}

impl Sightings {
    pub(super) fn saw(&self, name: String, decided_us: Option<i64>) {
        let seen = Seen { at_us: clock::now_us(), decided_us };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(seen);
        self.grew.notify_all();
    }

    pub(super) fn wait_for(&self, name: &str, limit: Duration) -> Outcome<Seen> {
        let begun = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(seen) = seen.get(name) {
                return Ok(*seen);
            }
            let left = limit
                .checked_sub(begun.elapsed())
                .ok_or_else(|| format!("no alert `{name}` in {limit:?}"))?;
            seen = self.grew.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Listens as an Alertmanager does, as long as this program runs.
pub(super) fn receive(sightings: &Arc<Sightings>) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let (address, sightings) = (listener.local_addr()?, Arc::clone(sightings));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sightings = Arc::clone(&sightings);
            std::thread::spawn(move || answer(stream, &sightings));
        }
    });
    Ok(address)
}

/// Takes alerts on one connection until it ends.
fn answer(stream: TcpStream, sightings: &Sightings) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (_, fields) = read_head(&mut reader).ok()?;
        let body = read_body(&mut reader, 200, &fields).ok()?;
        let alerts: Json = serde_json::from_slice(&body).ok()?;
        for alert in alerts.as_array().into_iter().flatten() {
            if let Some(name) = alert["labels"]["alertname"].as_str() {
                sightings.saw(name.to_owned(), None);
            }
        }
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
}
