//! A web server that says what the test has it say: a discovery, an exporter.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

/// A web server that answers every request with what the test last put there.
pub(crate) struct Noticeboard {
    pub(crate) address: SocketAddr,
    notice: Arc<Mutex<String>>,
}

impl Noticeboard {
    pub(crate) fn put_up(content_type: &'static str, notice: impl ToString) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let board = Self { address, notice: Arc::new(Mutex::new(notice.to_string())) };
        let shown = Arc::clone(&board.notice);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(mut connection) = connection else { return };
                _ = connection.read(&mut [0; 4096]);
                let body = shown.lock().expect("nobody panics here").clone();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                _ = connection.write_all((head + &body).as_bytes());
            }
        });
        board
    }

    pub(crate) fn says(&self, notice: impl ToString) {
        *self.notice.lock().expect("nobody panics here") = notice.to_string();
    }
}
