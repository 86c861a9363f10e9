//! A small real service: it answers customers, counts what it answered, and fails when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::http::Caller;

/// Between two requests of its customers.
const CUSTOMERS_COME_EVERY: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Inside {
    broken: AtomicBool,
    closing: AtomicBool,
    served: AtomicU64,
    failed: AtomicU64,
}

/// A service with customers. Both go home when it is dropped.
pub(crate) struct Shop {
    inside: Arc<Inside>,
    pub(crate) address: SocketAddr,
    going_home: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Shop {
    /// Opens, and lets customers in.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inside = Arc::new(Inside::default());
        let serving = Arc::clone(&inside);
        let counter = std::thread::spawn(move || serve(&listener, &serving));
        let (going_home, closed) = channel::<()>();
        let customers = std::thread::spawn(move || {
            while closed.recv_timeout(CUSTOMERS_COME_EVERY) == Err(RecvTimeoutError::Timeout) {
                // What it answers is counted at its side.
                _ = Caller::new(address).send("GET", "/", b"").answer_if_any();
            }
        });
        Self { inside, address, going_home: Some(going_home), threads: vec![customers, counter] }
    }

    pub(crate) fn breaks(&self) {
        self.inside.broken.store(true, Ordering::SeqCst);
    }

    pub(crate) fn recovers(&self) {
        self.inside.broken.store(false, Ordering::SeqCst);
    }

    /// Requests that failed so far.
    pub(crate) fn failed(&self) -> u64 {
        self.inside.failed.load(Ordering::SeqCst)
    }
}

fn serve(listener: &TcpListener, inside: &Inside) {
    for connection in listener.incoming() {
        if inside.closing.load(Ordering::SeqCst) {
            return;
        }
        // A caller that leaves early has no answer to complain about.
        _ = connection.and_then(|connection| answer(connection, inside));
    }
}

fn answer(mut connection: TcpStream, inside: &Inside) -> std::io::Result<()> {
    let mut head = BufReader::new(connection.try_clone()?);
    let mut request = String::new();
    head.read_line(&mut request)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let (status, body) = if request.starts_with("GET /metrics ") {
        ("200 OK", metrics(inside))
    } else if inside.broken.load(Ordering::SeqCst) {
        inside.failed.fetch_add(1, Ordering::SeqCst);
        ("500 Internal Server Error", "the till is stuck\n".to_owned())
    } else {
        inside.served.fetch_add(1, Ordering::SeqCst);
        ("200 OK", "welcome\n".to_owned())
    };
    let length = body.len();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn metrics(inside: &Inside) -> String {
    let (served, failed) = (inside.served.load(Ordering::SeqCst), inside.failed.load(Ordering::SeqCst));
    format!(
        "# TYPE http_requests_total counter\n\
         http_requests_total{{code=\"200\"}} {served}\n\
         http_requests_total{{code=\"500\"}} {failed}\n"
    )
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.inside.closing.store(true, Ordering::SeqCst);
        self.going_home.take();
        // Wakes the thread that waits for connections.
        _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            _ = thread.join();
        }
    }
}
