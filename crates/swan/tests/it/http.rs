//! A client that sends exactly what a test says, broken requests too.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::documented;
use crate::swan::SOON;

/// Somebody who asks a server.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, self.text())
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// Its JSON, for people to read.
    pub(crate) fn pretty(&self) -> String {
        format!("{} {:#}", self.status, self.json())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Caller {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"").answer()
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.clone().header("Content-Type", content_type).send("POST", path, body).answer()
    }

    /// Sends a whole request, and leaves the answer for later.
    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8]) -> Asked {
        let length = body.len().to_string();
        let mut asked = self.clone().header("Content-Length", &length).begin(method, path);
        // A server may answer and close before it has read everything; its answer says why.
        _ = asked.connection.write_all(body);
        asked
    }

    /// Sends the head of a request. HTTP/1.0, so that an answer ends where the connection does.
    pub(crate) fn begin(&self, method: &str, path: &str) -> Asked {
        let mut connection = TcpStream::connect(self.address).expect("the server listens");
        connection.set_read_timeout(Some(SOON)).expect("a length of time");
        connection.set_write_timeout(Some(SOON)).expect("a length of time");
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {}\r\n", self.address);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        connection.write_all(head.as_bytes()).expect("the server takes a head");
        Asked { connection, method: method.to_owned(), path: path.to_owned() }
    }
}

/// A value as it stands in a query or a form.
pub(crate) fn in_a_query(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// A request that is under way.
pub(crate) struct Asked {
    pub(crate) connection: TcpStream,
    pub(crate) method: String,
    pub(crate) path: String,
}

impl Asked {
    /// Waits for the answer.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn answer(self) -> Answer {
        self.answer_if_any().expect("the server answers")
    }

    /// Waits for the answer; `None` where the connection ends without a whole one. An answer of Swan's own API is one
    /// that its document promises.
    pub(crate) fn answer_if_any(mut self) -> Option<Answer> {
        let mut received = Vec::new();
        // A reset after the answer does not take it back.
        _ = self.connection.read_to_end(&mut received);
        let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&received[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let answer = Answer { status, headers, body: received[end + 4..].to_vec() };
        let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length != answer.body.len()) {
            return None;
        }
        documented::check(&self.method, &self.path, &answer);
        Some(answer)
    }
}
