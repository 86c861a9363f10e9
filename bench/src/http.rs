//! A caller over one connection of loopback: HTTP/1.1 with lengths and chunks, nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::Outcome;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// Bytes of one answer.
const BODY_BYTES_MAX: usize = 256 << 20;

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }

    pub(crate) fn json(&self) -> Outcome<Value> {
        let wrong = |error| format!("no JSON in `{} {}`: {error}", self.status, self.text());
        Ok(serde_json::from_slice(&self.body).map_err(wrong)?)
    }

    /// The answer itself, where it is a success.
    pub(crate) fn successful(self, what: &str) -> Outcome<Self> {
        if self.status / 100 == 2 {
            return Ok(self);
        }
        Err(format!("{what}: {} {}", self.status, self.text()).into())
    }
}

/// A connection that is kept; opened again where the server closed it.
pub(crate) struct Caller {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Caller {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    pub(crate) fn get(&mut self, target: &str) -> Outcome<Answer> {
        self.call(&format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address), &[])
    }

    /// Posts with these further header lines, each ended by a line break.
    pub(crate) fn post(&mut self, target: &str, headers: &str, body: &[u8]) -> Outcome<Answer> {
        let (address, length) = (self.address, body.len());
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.call(&head, body)
    }

    /// Posts a remote write 1.0 body.
    pub(crate) fn remote_write(&mut self, target: &str, body: &[u8]) -> Outcome<Answer> {
        let headers = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
        self.post(target, headers, body)
    }

    fn call(&mut self, head: &str, body: &[u8]) -> Outcome<Answer> {
        let was_open = self.connection.is_some();
        match self.exchange(head, body) {
            // A connection that rested may have been closed meanwhile.
            Err(_) if was_open => self.exchange(head, body),
            outcome => outcome,
        }
    }

    fn exchange(&mut self, head: &str, body: &[u8]) -> Outcome<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.address)?,
        };
        let mut message = Vec::with_capacity(head.len() + body.len());
        message.extend_from_slice(head.as_bytes());
        message.extend_from_slice(body);
        connection.get_mut().write_all(&message)?;
        let (status, fields) = read_head(&mut connection)?;
        let body = read_body(&mut connection, status, &fields)?;
        if field(&fields, "connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            self.connection = Some(connection);
        }
        Ok(Answer { status, body })
    }
}

/// The lines of an answer that does not end: Server-Sent Events.
pub(crate) fn lines(address: SocketAddr, target: &str) -> Outcome<impl Iterator<Item = String>> {
    let mut connection = connect(address)?;
    let head = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
    connection.get_mut().write_all(head.as_bytes())?;
    let (status, _) = read_head(&mut connection)?;
    if status != 200 {
        return Err(format!("{target}: {status}").into());
    }
    // Lines with the lengths of chunks are among them; nobody takes one for an event.
    Ok(connection.lines().map_while(|line| line.ok()))
}

fn connect(address: SocketAddr) -> Outcome<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).map_err(|error| format!("connect to {address}: {error}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    Ok(BufReader::with_capacity(64 << 10, stream))
}

pub(crate) fn read_head(connection: &mut impl BufRead) -> Outcome<(u16, Vec<String>)> {
    let mut first = String::new();
    connection.read_line(&mut first)?;
    let status = first.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err("the connection ended within a head".into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok((status, fields));
        }
        fields.push(line.to_owned());
    }
}

pub(crate) fn field<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    let named = |line: &'a String| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    fields.iter().find_map(named)
}

pub(crate) fn read_body(connection: &mut impl BufRead, status: u16, fields: &[String]) -> Outcome<Vec<u8>> {
    if field(fields, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return read_chunks(connection);
    }
    let length = field(fields, "content-length").map_or(Ok(0), str::parse::<usize>)?;
    if length > BODY_BYTES_MAX {
        return Err(format!("an answer of {length} bytes").into());
    }
    let mut body = vec![0; if status == 204 { 0 } else { length }];
    connection.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(connection: &mut impl BufRead) -> Outcome<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim().split(';').next().unwrap_or(""), 16)?;
        if body.len() + length > BODY_BYTES_MAX {
            return Err("an answer without end".into());
        }
        let begun = body.len();
        body.resize(begun + length, 0);
        connection.read_exact(&mut body[begun..])?;
        connection.read_line(&mut line)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

/// A value as it stands in a query string.
pub(crate) fn in_a_query(value: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    value.bytes().map(escaped).collect()
}
