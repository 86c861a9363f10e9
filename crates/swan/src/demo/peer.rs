//! A server as the demo's characters reach it: Swan, or the shop. Every request goes out by the program's only
//! client, over a socket, like anybody's.

use bytes::Bytes;
use egress::guard::Origin;
use egress::http::{Client, Request};
use egress::{HeaderMap, Method, Url, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::limits::REQUEST_TIMEOUT;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerFault {
    /// The address is not one.
    #[error("`{0}` is not an address")]
    Address(String),
    /// There was no answer.
    #[error("no answer from `{url}`")]
    Send {
        /// Which address.
        url: String,
        /// Why.
        #[source]
        source: egress::http::Fault,
    },
    /// The answer says no.
    #[error("`{url}` answered {status}: {sentence}")]
    Refused {
        /// Which address.
        url: String,
        /// With which status.
        status: u16,
        /// In which words.
        sentence: String,
    },
    /// The answer is not what it should be.
    #[error("the answer of `{url}` cannot be read")]
    Read {
        /// Which address.
        url: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A server and the client that reaches it; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    http: Client,
    /// `http://127.0.0.1:7926`
    base: String,
}

/// What is sent, beside where to.
#[derive(Debug, Default)]
pub(super) struct Sent<'a> {
    /// The `Content-Type`.
    pub(super) kind: &'static str,
    /// The `Content-Encoding`, where there is one.
    pub(super) encoding: Option<&'static str>,
    /// A session's cookie, where somebody is signed in.
    pub(super) session: Option<&'a str>,
    pub(super) body: Bytes,
}

/// An answer of any status.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Peer {
    pub(super) fn new(http: Client, base: String) -> Self {
        Self { http, base }
    }

    /// The address of one of its pages.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Fetches JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, PeerFault> {
        let answered = self.exchange(Method::GET, path, Sent::default()).await?;
        let answered = self.accepted(path, answered)?;
        serde_json::from_slice(&answered.body)
            .map_err(|source| PeerFault::Read { url: self.url(path), source })
    }

    /// Fetches something and looks at its status only.
    pub(super) async fn visit(&self, path: &str) -> Result<(), PeerFault> {
        let answered = self.exchange(Method::GET, path, Sent::default()).await?;
        self.accepted(path, answered).map(drop)
    }

    /// Posts JSON, signed in or not.
    pub(super) async fn post(
        &self,
        path: &str,
        session: Option<&str>,
        body: &Value,
    ) -> Result<(), PeerFault> {
        let sent =
            Sent { kind: "application/json", session, body: body.to_string().into(), ..Sent::default() };
        let answered = self.exchange(Method::POST, path, sent).await?;
        self.accepted(path, answered).map(drop)
    }

    /// Posts a form, as a browser does; a redirect is the answer.
    pub(super) async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answered, PeerFault> {
        // The query of a URL and a form are written in the same way.
        let mut form = Url::parse("http://form.invalid/").expect("it is an address");
        form.query_pairs_mut().extend_pairs(fields);
        let body = form.query().unwrap_or_default().to_owned().into();
        let sent = Sent { kind: "application/x-www-form-urlencoded", body, ..Sent::default() };
        let answered = self.exchange(Method::POST, path, sent).await?;
        self.accepted(path, answered)
    }

    /// Sends a body of any kind.
    pub(super) async fn send(&self, path: &str, sent: Sent<'_>) -> Result<(), PeerFault> {
        let answered = self.exchange(Method::POST, path, sent).await?;
        self.accepted(path, answered).map(drop)
    }

    /// One request, and its answer whatever the status.
    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &str,
        sent: Sent<'_>,
    ) -> Result<Answered, PeerFault> {
        let address = self.url(path);
        let url = Url::parse(&address).map_err(|_| PeerFault::Address(address.clone()))?;
        let mut request = Request::new(method, url, REQUEST_TIMEOUT, Origin::Operator);
        if !sent.kind.is_empty() {
            request.headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(sent.kind));
        }
        if let Some(encoding) = sent.encoding {
            request.headers.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static(encoding));
        }
        if let Some(session) = sent.session {
            let cookie =
                header::HeaderValue::from_str(session).map_err(|_| PeerFault::Address(address.clone()))?;
            request.headers.insert(header::COOKIE, cookie);
        }
        request.body = sent.body;
        // A request's future is large, and the characters' futures hold several.
        let answer = Box::pin(self.http.send(request)).await;
        let answer = answer.map_err(|source| PeerFault::Send { url: address, source })?;
        Ok(Answered { status: answer.status.as_u16(), headers: answer.headers, body: answer.body })
    }

    fn accepted(&self, path: &str, answered: Answered) -> Result<Answered, PeerFault> {
        if (200..400).contains(&answered.status) {
            return Ok(answered);
        }
        let body: Option<Value> = serde_json::from_slice(&answered.body).ok();
        let sentence =
            body.as_ref().and_then(|body| body.get("error")?.as_str()).unwrap_or("no reason given");
        let (url, status) = (self.url(path), answered.status);
        Err(PeerFault::Refused { url, status, sentence: sentence.to_owned() })
    }
}
