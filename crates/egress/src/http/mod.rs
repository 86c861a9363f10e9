//! One HTTP/1.1 client, with every phase visible.
//!
//! A *request* goes out over a connection of its own: resolve, judge, connect, secure, send, read. There is no
//! connection pool, no proxy, no cookie, no compression, and no redirect unless the request asks for it. Redirects
//! are followed for GET and HEAD only, because nobody can say what a POST has done before it was sent elsewhere;
//! each hop is judged as a destination of its own, and a public machine cannot send Swan to a private one.
//!
//! A fault knows whether a byte of the request had been handed to the connection: before that, another attempt is
//! harmless; after it, the outcome is unknown whatever the method, because gateways that send a text message on a
//! GET exist.

mod fault;
mod retry_after;

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use crate::guard::{self, Origin, Refusal};
use crate::limits::{REDIRECTS_MAX, RESPONSE_BODY_BYTES_MAX, RESPONSE_HEAD_BYTES_MAX, TIMEOUT_MAX};
use crate::network::{Network, Phase, Phases, Place, Stream, Unreached};
use crate::tls::Tls;

pub use fault::Fault;
pub(crate) use fault::excerpt;

/// What becomes of a response body that is longer than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The request ends in [`Fault::TooLarge`].
    Fault,
    /// The first bytes are kept, the rest is not read, and the response says so.
    Cut,
}

/// How much a request takes from the other side.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the response's body.
    pub body_bytes_max: usize,
    /// What happens past it.
    pub overflow: Overflow,
    /// Redirects that are followed, for GET and HEAD; with 0, the redirect itself is the response.
    pub redirects_max: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes_max: RESPONSE_BODY_BYTES_MAX, overflow: Overflow::Fault, redirects_max: 0 }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Where to; `http` or `https`, without user name and password.
    pub url: Url,
    /// Headers beside those that the client writes itself (`Connection`, `Content-Length`, `Accept-Encoding`).
    /// `Host` may be given for an operator's destination.
    pub headers: HeaderMap,
    /// Its body; empty for none.
    pub body: Bytes,
    /// For everything together, redirects and body included; at most [`TIMEOUT_MAX`].
    pub timeout: Duration,
    /// How much is taken from the other side.
    pub limits: Limits,
    /// Who named the destination.
    pub origin: Origin,
    /// The response may come compressed by gzip; it is not unpacked here.
    pub accepts_gzip: bool,
}

impl Request {
    /// A request without headers and body, with the default limits.
    pub fn new(method: Method, url: Url, timeout: Duration, origin: Origin) -> Self {
        let (headers, body, limits) = (HeaderMap::new(), Bytes::new(), Limits::default());
        Self { method, url, headers, body, timeout, limits, origin, accepts_gzip: false }
    }
}

/// A complete response, of any status.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as sent.
    pub body: Bytes,
    /// The body was longer than its limit and was cut there.
    pub cut: bool,
    /// What answered, after redirects.
    pub url: Url,
    /// The address that answered.
    pub peer: SocketAddr,
    /// What took how long.
    pub phases: Phases,
}

impl Response {
    /// This response if its status is 2xx, else the fault that it amounts to.
    pub fn accepted(self) -> Result<Self, Fault> {
        if self.status.is_success() { Ok(self) } else { Err(Fault::answered(&self)) }
    }
}

/// The client. One for the whole process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    network: Network,
}

impl Client {
    /// A client on this network.
    pub fn new(network: Network) -> Self {
        Self { network }
    }

    /// A client on the same network that speaks TLS in another way.
    #[must_use]
    pub fn with_tls(&self, tls: Tls) -> Self {
        Self { network: self.network.with_tls(tls) }
    }

    /// Sends one request and reads its whole response.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        self.send_timed(request, &mut Phases::default()).await
    }

    /// As [`send`](Self::send); `phases` is filled in also when the request ends in a fault.
    pub async fn send_timed(&self, request: Request, phases: &mut Phases) -> Result<Response, Fault> {
        let started = Instant::now();
        let result = Box::pin(self.follow(request, phases)).await;
        phases.total = started.elapsed();
        result.map(|response| Response { phases: *phases, ..response })
    }

    async fn follow(&self, request: Request, phases: &mut Phases) -> Result<Response, Fault> {
        check_headers(&request)?;
        let deadline = Instant::now() + request.timeout.min(TIMEOUT_MAX);
        let safe = matches!(request.method, Method::GET | Method::HEAD);
        let redirects_max = if safe { request.limits.redirects_max.min(REDIRECTS_MAX) } else { 0 };
        let mut hop = request;
        let mut followed = 0;
        loop {
            *phases = Phases::default();
            guard::judge_url(hop.origin, &hop.url).map_err(Unreached::Refused)?;
            let response = self.exchange(&hop, redirects_max > 0, deadline, phases).await?;
            let Some(location) = redirect(&response).filter(|_| redirects_max > 0) else {
                return Ok(response);
            };
            if followed == redirects_max {
                return Err(Fault::TooManyRedirects { host: host_of(&hop.url), max: redirects_max });
            }
            followed += 1;
            turn(&mut hop, &response, location)?;
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        follow: bool,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<Response, Fault> {
        let message = message(request)?;
        let (stream, peer) = self.connect(request, deadline, phases).await?;
        let host = host_of(&request.url);
        let written = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Watched { stream, written: written.clone() });
        let has_written = || written.load(Ordering::Relaxed);
        let failed = |source| Fault::Exchange { host: host.clone(), written: has_written(), source };
        let started = Instant::now();
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(RESPONSE_HEAD_BYTES_MAX)
            .handshake(io)
            .await
            .map_err(failed)?;
        let talk = async {
            let head = timeout_at(deadline, sender.send_request(message)).await;
            let (head, body) = match head {
                Ok(head) => head.map_err(failed)?.into_parts(),
                Err(_) => {
                    let (phase, written) = (Phase::FirstByte, has_written());
                    return Err(Fault::TimedOut { host: host.clone(), phase, written, status: None });
                }
            };
            phases.first_byte = Some(started.elapsed());
            let (status, url) = (head.status, request.url.clone());
            let mut response = Response {
                status,
                headers: head.headers,
                body: Bytes::new(),
                cut: false,
                url,
                peer,
                phases: *phases,
            };
            if !(follow && redirect(&response).is_some()) {
                (response.body, response.cut) = match timeout_at(deadline, read(body, request.limits)).await {
                    Ok(Ok(read)) => read,
                    Ok(Err(source)) => {
                        return Err(Fault::ReadBody { host: host.clone(), status, source });
                    }
                    Err(_) => {
                        let (phase, status) = (Phase::Body, Some(status));
                        return Err(Fault::TimedOut { host: host.clone(), phase, written: true, status });
                    }
                };
                if response.cut && request.limits.overflow == Overflow::Fault {
                    let max = request.limits.body_bytes_max;
                    return Err(Fault::TooLarge { host: host.clone(), status, bytes_max: max });
                }
            }
            Ok(response)
        };
        let (mut talk, mut connection) = (pin!(talk), pin!(connection));
        // A connection that ends has handed what it knew to the other half, its fault included.
        tokio::select! {
            biased;
            done = &mut talk => done,
            _ = &mut connection => talk.await,
        }
    }

    async fn connect(
        &self,
        request: &Request,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<(Stream, SocketAddr), Fault> {
        let url = &request.url;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Unreached::Refused(Refusal::NotAUrl { text: url.to_string() }).into());
        };
        let place = Place { host: host.to_owned(), port, origin: request.origin };
        let (stream, peer) = self.network.reach(&place, deadline, phases).await?;
        if url.scheme() == "https" {
            return Ok((self.network.secure(&place, stream, deadline, phases).await?, peer));
        }
        Ok((Stream::Plain(stream), peer))
    }
}

/// Headers that frame the message or steer the connection: the client's own business.
const FRAMING: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::ACCEPT_ENCODING,
];

fn check_headers(request: &Request) -> Result<(), Fault> {
    let host = (request.origin == Origin::User).then_some(&header::HOST);
    match FRAMING.iter().chain(host).find(|name| request.headers.contains_key(*name)) {
        Some(name) => Err(Fault::Header { name: name.clone() }),
        None => Ok(()),
    }
}

fn message(request: &Request) -> Result<hyper::Request<Full<Bytes>>, Fault> {
    let url = &request.url;
    let unfit = |source| Fault::Build { host: host_of(url), source };
    let mut message = hyper::Request::builder()
        .method(request.method.clone())
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .body(Full::new(request.body.clone()))
        .map_err(unfit)?;
    let authority = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
        .map_err(|source| unfit(source.into()))?;
    let headers = message.headers_mut();
    headers.extend(request.headers.clone());
    headers.entry(header::HOST).or_insert(authority);
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static("swan"));
    let encodings = if request.accepts_gzip { "gzip" } else { "identity" };
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(message)
}

/// Reads at most the limit, and says whether there was more.
async fn read(mut body: Incoming, limits: Limits) -> Result<(Bytes, bool), hyper::Error> {
    let max = limits.body_bytes_max;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max && limits.overflow == Overflow::Fault {
        return Ok((Bytes::new(), true));
    }
    let mut whole = BytesMut::with_capacity(announced.min(max).min(1 << 20));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = max - whole.len();
        whole.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((whole.freeze(), true));
        }
    }
    Ok((whole.freeze(), false))
}

fn redirect(response: &Response) -> Option<&HeaderValue> {
    let redirects = matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    response.headers.get(header::LOCATION).filter(|_| redirects)
}

/// Headers that a redirect to another origin may take along; anything else may be a credential.
const HARMLESS: [HeaderName; 4] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::USER_AGENT];

/// Points `hop` to where its response sends it.
fn turn(hop: &mut Request, response: &Response, location: &HeaderValue) -> Result<(), Fault> {
    let unreadable = || {
        let text = String::from_utf8_lossy(location.as_bytes()).chars().take(200).collect();
        Fault::from(Unreached::Refused(Refusal::NotAUrl { text }))
    };
    let target = std::str::from_utf8(location.as_bytes()).map_err(|_| unreadable())?;
    let target = hop.url.join(target).map_err(|_| unreadable())?;
    if hop.url.scheme() == "https" && target.scheme() == "http" {
        return Err(Unreached::Refused(Refusal::Downgrade { host: host_of(&target) }).into());
    }
    if guard::ban(Origin::User, response.peer.ip()).is_none() {
        hop.origin = Origin::User;
    }
    hop.headers.remove(header::HOST);
    if target.origin() != hop.url.origin() {
        hop.headers =
            HARMLESS.iter().filter_map(|name| Some((name.clone(), hop.headers.get(name)?.clone()))).collect();
    }
    hop.url = target;
    Ok(())
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// A connection that remembers whether anything was written to it.
struct Watched {
    stream: Stream,
    written: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(result, Poll::Ready(Ok(1..))) {
            self.written.store(true, Ordering::Relaxed);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
