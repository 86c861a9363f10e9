//! Fetching what a target exposes about itself, in whatever format it was asked for.
//!
//! The caller parses the exposition and notes in `up` and `scrape_duration_seconds` how it went; here one *target* is
//! fetched once. Header names and values: Prometheus, "Content negotiation" and
//! "HTTP headers used when scraping" of its documentation.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
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

/// Redirects that a scrape follows unless it says otherwise.
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
    /// Whether it may answer compressed by gzip.
    pub compressed: bool,
    /// Redirects that are followed; 0 makes one a fault.
    pub redirects_max: u8,
}

impl Target {
    /// A target without credentials, named by the operator.
    pub fn new(url: Url, timeout: Duration) -> Self {
        let (headers, origin) = (HeaderMap::new(), Origin::Operator);
        Self {
            url,
            headers,
            timeout,
            body_bytes_max: SCRAPE_BODY_BYTES_MAX,
            origin,
            compressed: false,
            redirects_max: SCRAPE_REDIRECTS_MAX,
        }
    }
}

/// What a target exposes.
#[derive(Debug, Clone)]
pub struct Exposition {
    /// Its text, unpacked and not yet parsed.
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
        body_bytes_max: request_limit(target),
        overflow: Overflow::Fault,
        redirects_max: target.redirects_max,
    };
    request.accepts_gzip = target.compressed;
    let response = client.send_timed(request, phases).await?.accepted()?;
    let host = response.url.host_str().unwrap_or_default().to_owned();
    let body = match encoding(&response.headers) {
        None => response.body,
        Some(encoding) if target.compressed && matches!(encoding.as_str(), "gzip" | "x-gzip") => {
            unpacked(&response.body, request_limit(target), host, response.status)?
        }
        Some(encoding) => return Err(Fault::Encoded { host, encoding }),
    };
    let content_type =
        response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Exposition { body, content_type, phases: *phases })
}

fn request_limit(target: &Target) -> usize {
    target.body_bytes_max.min(SCRAPE_BODY_BYTES_MAX)
}

/// The limit holds for what comes out, too.
fn unpacked(packed: &[u8], limit: usize, host: String, status: hyper::StatusCode) -> Result<Bytes, Fault> {
    let mut body = Vec::new();
    let read = MultiGzDecoder::new(packed).take(limit as u64 + 1).read_to_end(&mut body);
    match read {
        Err(source) => Err(Fault::Unpack { host, source }),
        Ok(_) if body.len() > limit => Err(Fault::TooLarge { host, status, bytes_max: limit }),
        Ok(_) => Ok(body.into()),
    }
}
