//! Snapshots of the NGINX Plus status page (`ngx_http_status_module`, data versions 6 to 8): one JSON object per
//! line, whose counters run since the server started.
//!
//! [`Differences`] follows the snapshots of any number of servers, known by their `address`, and turns counters into
//! requests: what a zone answered between two snapshots happened at the later one's time.
//!
//! A zone's `responses` count, not its `requests`: a request is counted there when it arrives, so `requests` is
//! `responses.total` + `discarded` (the client left before an answer) + `processing`, and what was never answered
//! has no outcome.
//!
//! *Resets.* A server that restarted counts from zero. It did when a zone's counter fell, or when `load_timestamp`
//! moved on while `generation` did not: a reload of the configuration raises `generation` and keeps the counters.
//! `pid` tells nothing, because it is the worker's that happened to answer; in real recordings it alternates.
//!
//! *Order.* A snapshot that is not later than the last one of its server is skipped. Nothing is lost by that, since
//! counters are cumulative; only the first snapshot of a server sets where counting begins. [`Recording`] sorts
//! first, for files.
//!
//! Format: nginx.org, "Module ngx_http_status_module", section Data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use kernel::Timestamp;
use serde::Deserialize;

use crate::limits::{NGINX_SERVERS_MAX, NGINX_ZONES_MAX};
use crate::{Format, Malformed};

/// The counters of one server at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The address of the server that answered.
    pub address: String,
    /// When it answered.
    pub at: Timestamp,
    /// How often the configuration was reloaded since the start.
    pub generation: u64,
    /// When the configuration was loaded.
    pub loaded: Timestamp,
    /// The zones by name, each once, sorted.
    pub zones: Vec<(String, Responses)>,
}

/// Answers that were sent: counters in a snapshot, or their difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Responses {
    /// All of them.
    pub total: u64,
    /// Those with a status in 1xx, 2xx, 3xx, 4xx and 5xx.
    pub by_class: [u64; 5],
}

/// What a zone answered since the snapshot before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The zone's name.
    pub zone: Arc<str>,
    /// When the later snapshot was taken; the answers count in its slice.
    pub at: Timestamp,
    /// How many answers.
    pub responses: Responses,
}

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// The first of its server: counting begins here.
    First,
    /// What each zone answered since the one before; zones without an answer are left out.
    Answers(Vec<Difference>),
    /// Not later than the last one of its server: skipped, nothing is lost.
    NotLater,
    /// One server more than [`NGINX_SERVERS_MAX`]: not followed.
    TooManyServers,
}

impl Responses {
    /// How many answers were in failed classes.
    pub fn failed(&self, classes: [bool; 5]) -> u64 {
        let failed = self.by_class.iter().zip(classes).filter(|(_, failed)| *failed);
        failed.fold(0, |sum, (count, _)| sum.saturating_add(*count))
    }

    /// Since `earlier`, where no counter fell.
    fn since(&self, earlier: &Responses) -> Option<Responses> {
        let mut since = Responses { total: self.total.checked_sub(earlier.total)?, by_class: [0; 5] };
        for (class, count) in since.by_class.iter_mut().enumerate() {
            *count = self.by_class[class].checked_sub(earlier.by_class[class])?;
        }
        Some(since)
    }
}

#[derive(Deserialize)]
struct Page<'a> {
    version: u64,
    #[serde(borrow)]
    address: Cow<'a, str>,
    generation: u64,
    load_timestamp: i64,
    timestamp: i64,
    #[serde(borrow, default)]
    server_zones: BTreeMap<Cow<'a, str>, Zone>,
}

#[derive(Deserialize)]
struct Zone {
    responses: Classes,
}

#[derive(Deserialize)]
struct Classes {
    #[serde(rename = "1xx")]
    c1: u64,
    #[serde(rename = "2xx")]
    c2: u64,
    #[serde(rename = "3xx")]
    c3: u64,
    #[serde(rename = "4xx")]
    c4: u64,
    #[serde(rename = "5xx")]
    c5: u64,
    total: u64,
}

/// Reads one snapshot. What the status page says beyond zones (upstreams, caches, streams) is not looked at.
pub fn parse(line: &[u8]) -> Result<Snapshot, Malformed> {
    let page: Page<'_> = serde_json::from_slice(line).map_err(|error| {
        let (what, offset) = crate::events::json_error(&error);
        Malformed::new(Format::NginxStatus, offset, line.get(offset..).unwrap_or_default(), what)
            .hint("each line is one answer of the status page: a JSON object with `server_zones`")
    })?;
    let refuse = |what: String| Malformed::new(Format::NginxStatus, 0, b"", what);
    if !(6..=8).contains(&page.version) {
        return Err(refuse(format!("not supported yet: data version {} of the status page", page.version))
            .hint("versions 6 to 8 are read, those of NGINX 1.9.1 to 1.13"));
    }
    if page.server_zones.len() > NGINX_ZONES_MAX {
        return Err(refuse(format!("{} zones are more than {NGINX_ZONES_MAX}", page.server_zones.len())));
    }
    let zones = page.server_zones.into_iter().map(|(name, zone)| {
        let Classes { c1, c2, c3, c4, c5, total } = zone.responses;
        (name.into_owned(), Responses { total, by_class: [c1, c2, c3, c4, c5] })
    });
    Ok(Snapshot {
        address: page.address.into_owned(),
        at: Timestamp::from_millis(page.timestamp),
        generation: page.generation,
        loaded: Timestamp::from_millis(page.load_timestamp),
        zones: zones.collect(),
    })
}

/// Follows servers from snapshot to snapshot.
#[derive(Debug, Clone, Default)]
pub struct Differences {
    servers: BTreeMap<String, Server>,
}

#[derive(Debug, Clone)]
struct Server {
    at: Timestamp,
    generation: u64,
    loaded: Timestamp,
    /// Zones stay when a snapshot lacks them: a worker that still runs an old configuration may have answered.
    zones: BTreeMap<Arc<str>, Responses>,
}

impl Differences {
    /// Takes the next snapshot of a server.
    pub fn follow(&mut self, snapshot: &Snapshot) -> Followed {
        let known = self.servers.len();
        let server = match self.servers.entry(snapshot.address.clone()) {
            Entry::Occupied(server) => server.into_mut(),
            Entry::Vacant(_) if known >= NGINX_SERVERS_MAX => return Followed::TooManyServers,
            Entry::Vacant(place) => {
                place.insert(Server::first(snapshot));
                return Followed::First;
            }
        };
        if snapshot.at <= server.at {
            return Followed::NotLater;
        }
        Followed::Answers(server.advance(snapshot))
    }
}

impl Server {
    fn first(snapshot: &Snapshot) -> Self {
        Self {
            at: snapshot.at,
            generation: snapshot.generation,
            loaded: snapshot.loaded,
            zones: snapshot.zones.iter().map(|(name, responses)| (Arc::from(&**name), *responses)).collect(),
        }
    }

    fn advance(&mut self, snapshot: &Snapshot) -> Vec<Difference> {
        if snapshot.loaded > self.loaded && snapshot.generation <= self.generation {
            self.zones.clear();
        }
        let mut answers = Vec::new();
        for (name, responses) in &snapshot.zones {
            // A zone that was not there before was added since, so all that it counts is from since then.
            let (zone, since) = match self.zones.get_key_value(name.as_str()) {
                Some((zone, earlier)) => (Arc::clone(zone), responses.since(earlier).unwrap_or(*responses)),
                None if self.zones.len() >= NGINX_ZONES_MAX => continue,
                None => (Arc::from(name.as_str()), *responses),
            };
            self.zones.insert(Arc::clone(&zone), *responses);
            if since != Responses::default() {
                answers.push(Difference { zone, at: snapshot.at, responses: since });
            }
        }
        (self.at, self.generation, self.loaded) = (snapshot.at, snapshot.generation, snapshot.loaded);
        answers
    }
}

/// The snapshots of a file, in whatever order they stand there. Takes about a tenth of the file's size.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    snapshots: Vec<Snapshot>,
}

impl Recording {
    /// Keeps a snapshot.
    pub fn add(&mut self, mut snapshot: Snapshot) {
        snapshot.zones.shrink_to_fit();
        self.snapshots.push(snapshot);
    }

    /// All differences, by time within each server.
    pub fn differences(mut self) -> impl Iterator<Item = Difference> {
        self.snapshots.sort_by_key(|snapshot| snapshot.at);
        let mut differences = Differences::default();
        self.snapshots.into_iter().flat_map(move |snapshot| match differences.follow(&snapshot) {
            Followed::Answers(answers) => answers,
            Followed::First | Followed::NotLater | Followed::TooManyServers => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Server {
        loaded: i64,
        generation: u64,
    }

    impl Server {
        fn snapshot(&self, at: i64, zones: &[(&str, u64, u64)]) -> Snapshot {
            let zones = zones.iter().map(|(name, ok, failed)| {
                format!(
                    r#""{name}":{{"requests":9,"responses":{{"1xx":0,"2xx":{ok},"3xx":0,"4xx":0,"5xx":{failed},"total":{}}}}}"#,
                    ok + failed
                )
            });
            let zones: Vec<String> = zones.collect();
            let page = format!(
                r#"{{"version":6,"address":"10.0.0.1","generation":{},"load_timestamp":{},"timestamp":{at},"pid":{},"server_zones":{{{}}}}}"#,
                self.generation,
                self.loaded,
                at % 3,
                zones.join(",")
            );
            parse(page.as_bytes()).unwrap()
        }
    }

    fn answers(differences: &mut Differences, snapshot: &Snapshot) -> Vec<(String, u64, u64)> {
        match differences.follow(snapshot) {
            Followed::Answers(answers) => answers
                .into_iter()
                .map(|answer| (answer.zone.to_string(), answer.responses.total, answer.responses.by_class[4]))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    const UP: Server = Server { loaded: 100, generation: 4 };

    #[test]
    fn counting_begins_at_the_first_snapshot() {
        let mut differences = Differences::default();
        assert_eq!(differences.follow(&UP.snapshot(1000, &[("shop", 500, 7)])), Followed::First);
        let next = UP.snapshot(6000, &[("shop", 510, 9)]);
        assert_eq!(answers(&mut differences, &next), [("shop".into(), 12, 2)]);
        let idle = UP.snapshot(11_000, &[("shop", 510, 9)]);
        assert_eq!(answers(&mut differences, &idle), []);
    }

    #[test]
    fn a_restart_counts_from_zero_even_when_the_new_counters_are_higher() {
        let mut differences = Differences::default();
        differences.follow(&UP.snapshot(1000, &[("shop", 500, 7)]));
        let fell = UP.snapshot(2000, &[("shop", 20, 9)]);
        assert_eq!(answers(&mut differences, &fell), [("shop".into(), 29, 9)]);
        let restarted = Server { loaded: 2500, generation: 1 };
        assert_eq!(
            answers(&mut differences, &restarted.snapshot(3000, &[("shop", 30, 9)])),
            [("shop".into(), 39, 9)]
        );
    }

    #[test]
    fn a_reload_keeps_the_counters_and_another_worker_is_no_restart() {
        let mut differences = Differences::default();
        differences.follow(&UP.snapshot(1000, &[("shop", 500, 7)]));
        let reloaded = Server { loaded: 1500, generation: 5 };
        let next = reloaded.snapshot(2000, &[("shop", 501, 7), ("new", 3, 0)]);
        assert_eq!(answers(&mut differences, &next), [("shop".into(), 1, 0), ("new".into(), 3, 0)].sorted());
        // A worker that shuts down still answers with the configuration it began with.
        assert_eq!(
            answers(&mut differences, &UP.snapshot(3000, &[("shop", 502, 7)])),
            [("shop".into(), 1, 0)]
        );
        let next = reloaded.snapshot(4000, &[("shop", 503, 7), ("new", 4, 0)]);
        assert_eq!(answers(&mut differences, &next), [("shop".into(), 1, 0), ("new".into(), 1, 0)].sorted());
    }

    trait Sorted {
        fn sorted(self) -> Self;
    }
    impl<const N: usize> Sorted for [(String, u64, u64); N] {
        fn sorted(mut self) -> Self {
            self.sort();
            self
        }
    }

    #[test]
    fn late_and_repeated_snapshots_neither_lose_nor_double_anything() {
        let mut differences = Differences::default();
        differences.follow(&UP.snapshot(1000, &[("shop", 500, 0)]));
        let third = UP.snapshot(3000, &[("shop", 530, 0)]);
        assert_eq!(answers(&mut differences, &third), [("shop".into(), 30, 0)]);
        assert_eq!(differences.follow(&UP.snapshot(2000, &[("shop", 510, 0)])), Followed::NotLater);
        assert_eq!(differences.follow(&third), Followed::NotLater);
        let fourth = UP.snapshot(4000, &[("shop", 531, 0)]);
        assert_eq!(answers(&mut differences, &fourth), [("shop".into(), 1, 0)]);
    }

    #[test]
    fn two_servers_in_one_file_are_followed_apart() {
        let mut differences = Differences::default();
        differences.follow(&UP.snapshot(1000, &[("shop", 500, 0)]));
        let mut other = UP.snapshot(1001, &[("shop", 10, 0)]);
        other.address = "10.0.0.2".into();
        assert_eq!(differences.follow(&other), Followed::First);
        assert_eq!(
            answers(&mut differences, &UP.snapshot(2000, &[("shop", 501, 0)])),
            [("shop".into(), 1, 0)]
        );
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for (line, said) in [
            ("{", "byte 1: EOF while parsing an object"),
            (r#"{"version":6}"#, "missing field `address`"),
            (
                r#"{"version":1,"address":"a","generation":1,"load_timestamp":1,"timestamp":1}"#,
                "not supported yet: data version 1",
            ),
            (
                r#"{"version":6,"address":"a","generation":1,"load_timestamp":1,"timestamp":1,"server_zones":{"a":{"responses":{"1xx":-1}}}}"#,
                "invalid value: integer `-1`",
            ),
        ] {
            let error = parse(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
