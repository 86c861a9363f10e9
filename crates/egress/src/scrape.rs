//! Fetching what a target exposes about itself, in the Prometheus text format.
//!
//! The caller parses the exposition and notes in `up` and `scrape_duration_seconds` how it went; here one *target* is
//! fetched once. Header names and values: Prometheus, "Content negotiation" and
//! "HTTP headers used when scraping" of its documentation.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::check::encoding;
use crate::guard::Origin;
use crate::http::{Client, Fault, Limits, Overflow, Request};
use crate::limits::SCRAPE_BODY_BYTES_MAX;
use crate::network::Phases;

/// Prefers the text format and takes whatever the target has.
const ACCEPTED: HeaderValue = HeaderValue::from_static("text/plain;version=0.0.4;charset=utf-8,*/*;q=0.1");

const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// Redirects that a scrape follows.
const SCRAPE_REDIRECTS_MAX: u8 = 3;

/// What is scraped.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where its exposition is.
    pub url: Url,
    /// Sent along, credentials for one.
    pub headers: HeaderMap,
    /// For everything together; told to the target.
    pub timeout: Duration,
    /// Bytes of the exposition, at most [`SCRAPE_BODY_BYTES_MAX`]; a longer one is a fault.
    pub body_bytes_max: usize,
    /// Who named the target.
    pub origin: Origin,
}

impl Target {
    /// A target without credentials, named by the operator.
    pub fn new(url: Url, timeout: Duration) -> Self {
        let (headers, origin) = (HeaderMap::new(), Origin::Operator);
        Self { url, headers, timeout, body_bytes_max: SCRAPE_BODY_BYTES_MAX, origin }
    }
}

/// What a target exposes.
#[derive(Debug, Clone)]
pub struct Exposition {
    /// Its text, not yet parsed.
    pub body: Bytes,
    /// As the target calls its format.
    pub content_type: Option<String>,
    /// What took how long.
    pub phases: Phases,
}

/// Scrapes once. `phases` is filled in also when there is no exposition.
pub async fn fetch(client: &Client, target: &Target, phases: &mut Phases) -> Result<Exposition, Fault> {
    let mut request = Request::new(Method::GET, target.url.clone(), target.timeout, target.origin);
    request.headers = target.headers.clone();
    request.headers.entry(ACCEPT).or_insert(ACCEPTED);
    if let Ok(seconds) = HeaderValue::from_str(&target.timeout.as_secs_f64().to_string()) {
        request.headers.insert(SCRAPE_TIMEOUT, seconds);
    }
    request.limits = Limits {
        body_bytes_max: target.body_bytes_max.min(SCRAPE_BODY_BYTES_MAX),
        overflow: Overflow::Fault,
        redirects_max: SCRAPE_REDIRECTS_MAX,
    };
    let response = client.send_timed(request, phases).await?.accepted()?;
    if let Some(encoding) = encoding(&response.headers) {
        let host = response.url.host_str().unwrap_or_default().to_owned();
        return Err(Fault::Encoded { host, encoding });
    }
    let content_type =
        response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Exposition { body: response.body, content_type, phases: *phases })
}
