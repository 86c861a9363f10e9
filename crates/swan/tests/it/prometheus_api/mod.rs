//! Swan in a Prometheus's place: promtool asks it, another Prometheus reads and federates from it, and what it answers
//! is what a Prometheus answers that was sent the same samples.

mod listed;
mod peer;
mod queries;
mod readers;
mod rights;
mod rules;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use self::peer::Peer;
use crate::http::Answer;
use crate::prometheus::is_installed;
use crate::remote_write::{Series, write};
use crate::swan::{Start, Swan};

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
