//! The only outbound sockets of Swan.
//!
//! A *caller* (the runtime, delivering an intent or measuring a target) names a destination and its
//! [`Origin`](guard::Origin): the operator's configuration, or somebody at the API. The [`guard`] judges every
//! resolved address, the [`network`] connects to the very address that was judged, and one client for HTTP and
//! one for SMTP speak over that connection. Each attempt ends in a value or in a fault with an
//! [`Advice`]: what is known about the effect, and whether another attempt may be made.
//!
//! Nothing here reads the wall clock; latencies come from the monotonic clock, and a time that goes onto the wire
//! is an argument. Nothing here logs, retries or remembers: that belongs to whoever called.

mod advice;
pub mod check;
pub mod guard;
pub mod http;
pub mod limits;
pub mod lookup;
pub mod network;
pub mod scrape;
pub mod smtp;
pub mod tls;
pub mod webhook;

pub use advice::Advice;
pub use hyper::header;
pub use hyper::{HeaderMap, Method, StatusCode};
pub use url::{Host, Url};
