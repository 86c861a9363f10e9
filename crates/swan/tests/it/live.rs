//! The journal's live stream, as a page or a script follows it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::swan::{SOON, Start, Swan};

/// One who follows, since an entry or from now on.
struct Follower(BufReader<TcpStream>);

impl Follower {
    fn since(swan: &Swan, seen: Option<u64>) -> Self {
        let mut connection = TcpStream::connect(swan.address).unwrap();
        connection.set_read_timeout(Some(SOON)).unwrap();
        let seen = seen.map_or_else(String::new, |seen| format!("Last-Event-ID: {seen}\r\n"));
        write!(connection, "GET /v1/live HTTP/1.1\r\nHost: swan\r\n{seen}\r\n").unwrap();
        let mut follower = Self(BufReader::new(connection));
        assert_eq!(follower.line(), "HTTP/1.1 200 OK");
        while !follower.line().is_empty() {}
        follower
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("something comes");
        line.trim_end().to_owned()
    }

    /// The kind and the number of the next entry.
    fn next(&mut self) -> (String, u64) {
        loop {
            let line = self.line();
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let entry: Value = serde_json::from_str(data).unwrap();
            let fact = entry["fact"].as_object().and_then(|fact| fact.keys().next()).cloned();
            return (fact.unwrap_or_else(|| entry["fact"].to_string()), entry["seq"].as_u64().unwrap());
        }
    }
}

#[test]
fn whoever_follows_hears_of_every_entry_once_and_can_go_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("swan.yaml"), "services: { shop: {}, pay: {} }\n").unwrap();
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let mut first = Follower::since(&swan, None);
    let declare = |service: &str| {
        swan.tell("/v1/incidents", &json!({ "service": service, "title": "Slow", "severity": "major" }));
    };
    declare("shop");
    let journal: Vec<u64> = swan.journal().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    let (_, begun) = first.next();
    let own: Vec<u64> = journal.iter().copied().filter(|seq| *seq >= begun).collect();
    let heard: Vec<u64> = std::iter::once(begun).chain(own[1..].iter().map(|_| first.next().1)).collect();
    assert_eq!(heard, own);
    // Somebody who was away hears what it missed first, and then what comes.
    let mut second = Follower::since(&swan, Some(begun - 1));
    let missed: Vec<u64> = own.iter().map(|_| second.next().1).collect();
    assert_eq!(missed, own);
    declare("pay");
    let last = *own.last().unwrap();
    assert_eq!((first.next().1, second.next().1), (last + 1, last + 1));
    // A server that stops waits for whoever is connected, for a while.
    drop((first, second));
    swan.stop();
}
