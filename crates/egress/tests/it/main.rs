//! Real sockets: small servers on the loopback address that answer, delay, drop and lie.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod check;
mod guard;
mod http;
mod lookup;
mod redirects;
mod scrape;
mod servers;
mod smtp;
mod smtp_server;
mod spellings;
mod tls;
mod webhook;
