//! An HTTP check: one GET from outside, and what it shows.
//!
//! The caller decides when to check and what a verdict leads to; here one *check* becomes one *outcome*, with a
//! reason in every case. A check never fails: that something could not be measured is what it measures.

use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::header::{CONTENT_ENCODING, HeaderMap};
use hyper::{Method, StatusCode};
use regex::bytes::{Regex, RegexBuilder};
use url::Url;

use crate::guard::{Origin, Refusal};
use crate::http::{Client, Fault, Limits, Overflow, Request, Response};
use crate::limits::{CHECK_BODY_BYTES_MAX, PATTERN_BYTES_MAX};
use crate::network::{Phase, Phases, Unreached};

/// The statuses that a check expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(Vec<RangeInclusive<u16>>);

impl StatusSet {
    /// These ranges; with none, every status is unexpected.
    pub fn new(ranges: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        Self(ranges.into_iter().collect())
    }

    /// Whether this status is expected.
    pub fn contains(&self, status: StatusCode) -> bool {
        self.0.iter().any(|range| range.contains(&status.as_u16()))
    }
}

impl Default for StatusSet {
    /// 200 to 299.
    fn default() -> Self {
        Self(vec![200..=299])
    }
}

/// The pattern of a body condition cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is not a pattern that can be matched")]
pub struct PatternFault {
    /// As given.
    pattern: String,
    /// What is wrong with it.
    #[source]
    source: regex::Error,
}

/// What a checked body must show; looked for in its first [`CHECK_BODY_BYTES_MAX`] bytes.
#[derive(Debug, Clone)]
pub enum BodyCondition {
    /// This text, byte by byte.
    Contains(String),
    /// A match of this pattern anywhere.
    Matches(Regex),
}

impl BodyCondition {
    /// A match of this pattern (in the syntax of the `regex` crate) anywhere.
    pub fn matching(pattern: &str) -> Result<Self, PatternFault> {
        RegexBuilder::new(pattern)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map(Self::Matches)
            .map_err(|source| PatternFault { pattern: pattern.into(), source })
    }
}

/// What is checked, and what is expected.
#[derive(Debug, Clone)]
pub struct HttpCheck {
    /// What is fetched.
    pub url: Url,
    /// Sent along.
    pub headers: HeaderMap,
    /// For everything together.
    pub timeout: Duration,
    /// The statuses that are well; with redirects followed, that of the last response.
    pub expected: StatusSet,
    /// What the body must show, all of it.
    pub body: Vec<BodyCondition>,
    /// Redirects that are followed.
    pub redirects_max: u8,
    /// Who named the destination.
    pub origin: Origin,
}

impl HttpCheck {
    /// Expects 2xx, whatever the body, without redirects.
    pub fn new(url: Url, timeout: Duration, origin: Origin) -> Self {
        let (headers, expected, body) = (HeaderMap::new(), StatusSet::default(), Vec::new());
        Self { url, headers, timeout, expected, body, redirects_max: 0, origin }
    }
}

/// Why an outcome is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckReason {
    /// Everything expected was seen.
    AsExpected,
    /// The status is not one of those expected.
    UnexpectedStatus,
    /// The body lacks a text.
    TextMissing,
    /// The body does not match a pattern.
    PatternMissing,
    /// The body is compressed, so nothing can be looked for in it.
    BodyEncoded,
    /// The guard refuses the destination or a redirect.
    DestinationRefused,
    /// The name could not be looked up, or has no address.
    NameNotResolved,
    /// No address let itself be connected to.
    NotConnected,
    /// There is no TLS that both sides accept, or the certificate is not trusted.
    TlsFailed,
    /// The time was up in this phase.
    TimedOut(Phase),
    /// The connection ended, or what came was not HTTP, before the response was complete.
    Broken,
    /// There are more redirects than are followed.
    TooManyRedirects,
    /// The request itself cannot be sent.
    NotSendable,
}

/// What a check showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    /// Everything expected was seen.
    pub ok: bool,
    /// Why.
    pub reason: CheckReason,
    /// The status of the last response, if there was one.
    pub status: Option<u16>,
    /// What took how long.
    pub phases: Phases,
    /// The total, from the monotonic clock.
    pub latency: Duration,
    /// One line for people, where something is wrong.
    pub detail: Option<String>,
}

/// Runs one check.
pub async fn run(client: &Client, check: &HttpCheck) -> CheckOutcome {
    let mut request = Request::new(Method::GET, check.url.clone(), check.timeout, check.origin);
    request.headers = check.headers.clone();
    request.limits = Limits {
        body_bytes_max: CHECK_BODY_BYTES_MAX,
        overflow: Overflow::Cut,
        redirects_max: check.redirects_max,
    };
    let mut phases = Phases::default();
    let (reason, status, detail) = match client.send_timed(request, &mut phases).await {
        Ok(response) => {
            let (reason, detail) = judge(check, &response);
            (reason, Some(response.status), detail)
        }
        Err(fault) => (reason_of(&fault), fault.status(), Some(in_full(&fault))),
    };
    CheckOutcome {
        ok: reason == CheckReason::AsExpected,
        reason,
        status: status.map(|status| status.as_u16()),
        phases,
        latency: phases.total,
        detail,
    }
}

fn judge(check: &HttpCheck, response: &Response) -> (CheckReason, Option<String>) {
    if !check.expected.contains(response.status) {
        return (CheckReason::UnexpectedStatus, Some(format!("the status is {}", response.status)));
    }
    if check.body.is_empty() {
        return (CheckReason::AsExpected, None);
    }
    if let Some(encoding) = encoding(&response.headers) {
        return (
            CheckReason::BodyEncoded,
            Some(format!("the body is encoded as `{encoding}`, which was not asked for")),
        );
    }
    for condition in &check.body {
        match condition {
            BodyCondition::Contains(text) if !contains(&response.body, text.as_bytes()) => {
                return (CheckReason::TextMissing, Some(format!("the body does not contain `{text}`")));
            }
            BodyCondition::Matches(pattern) if !pattern.is_match(&response.body) => {
                return (CheckReason::PatternMissing, Some(format!("the body does not match `{pattern}`")));
            }
            BodyCondition::Contains(_) | BodyCondition::Matches(_) => {}
        }
    }
    (CheckReason::AsExpected, None)
}

/// The content coding of a body, if it has one.
pub(crate) fn encoding(headers: &HeaderMap) -> Option<String> {
    let coding =
        String::from_utf8_lossy(headers.get(CONTENT_ENCODING)?.as_bytes()).trim().to_ascii_lowercase();
    (!coding.is_empty() && coding != "identity").then_some(coding)
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(body, text).is_some()
}

fn reason_of(fault: &Fault) -> CheckReason {
    match fault {
        Fault::Unreached(unreached) => match unreached {
            Unreached::Refused(Refusal::Scheme { .. } | Refusal::NotAUrl { .. } | Refusal::UserInfo) => {
                CheckReason::NotSendable
            }
            Unreached::Refused(_) => CheckReason::DestinationRefused,
            Unreached::Resolve { .. } | Unreached::NoAddress { .. } => CheckReason::NameNotResolved,
            Unreached::Connect { .. } => CheckReason::NotConnected,
            Unreached::ServerName { .. } | Unreached::Handshake { .. } => CheckReason::TlsFailed,
            Unreached::TimedOut { phase, .. } => CheckReason::TimedOut(*phase),
        },
        Fault::TimedOut { phase, .. } => CheckReason::TimedOut(*phase),
        Fault::TooManyRedirects { .. } => CheckReason::TooManyRedirects,
        Fault::Encoded { .. } | Fault::Unpack { .. } => CheckReason::BodyEncoded,
        Fault::Answered { .. } => CheckReason::UnexpectedStatus,
        Fault::Exchange { .. } | Fault::ReadBody { .. } | Fault::TooLarge { .. } => CheckReason::Broken,
        Fault::Header { .. } | Fault::Build { .. } => CheckReason::NotSendable,
    }
}

/// A fault and what lies under it, on one line.
fn in_full(fault: &Fault) -> String {
    let mut line = fault.to_string();
    let mut under = std::error::Error::source(fault);
    while let Some(source) = under {
        line.push_str(": ");
        line.push_str(&source.to_string());
        under = source.source();
    }
    line
}
