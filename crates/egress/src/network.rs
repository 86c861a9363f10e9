//! From a named destination to a connection: resolve, judge, connect, and secure.
//!
//! The *resolver* turns a name into addresses, the [`guard`] judges every one of them, and
//! the *dialler* connects to an address that was judged. The name is resolved once for each connection and never
//! again behind the guard's back, so a name that changes its mind in between gains nothing. One refused address
//! refuses the destination: a name with a public and a private face is not one to try the public half of.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use url::Host;

use crate::Advice;
use crate::guard::{self, Origin, Refusal};
use crate::limits::ADDRESSES_MAX;
use crate::tls::Tls;

/// A boxed future, as the two traits below return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Turns a name into addresses.
pub trait Resolve: Send + Sync {
    /// All addresses of this name, in the order in which they are to be tried.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Connects to an address that the guard has let pass.
pub trait Dial: Send + Sync {
    /// A connection to exactly this address.
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;
}

/// The machine's resolver (`getaddrinfo`) and its sockets.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(
            async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) },
        )
    }
}

impl Dial for System {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

/// The part of an exchange that took the time, or in which it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking up the name.
    Dns,
    /// Connecting over TCP.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the first byte of the request to the end of the response's head.
    FirstByte,
    /// The response's body.
    Body,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dns => "looking up the name",
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::FirstByte => "waiting for an answer",
            Self::Body => "reading the answer",
        })
    }
}

/// How long each phase took, by the monotonic clock; `None` for a phase that was not entered or did not end.
/// With redirects, the phases are those of the last hop and the total is that of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// Looking up the name; `None` for a literal address.
    pub dns: Option<Duration>,
    /// Connecting over TCP, all tried addresses together.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the first byte of the request to the end of the response's head.
    pub first_byte: Option<Duration>,
    /// From the start to the end or the fault.
    pub total: Duration,
}

/// A destination as it was named.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) origin: Origin,
}

/// Why there is no connection. Nothing of a request was sent.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// The guard refuses the destination.
    #[error("the destination is refused: {0}")]
    Refused(Refusal),
    /// Looking up the name.
    #[error("could not look up `{host}`")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// The name has no address.
    #[error("`{host}` has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// Connecting; every address was tried.
    #[error("could not connect to `{host}` at {address}")]
    Connect {
        /// As named.
        host: String,
        /// The address tried last.
        address: SocketAddr,
        /// What the last try met.
        #[source]
        source: io::Error,
    },
    /// The host cannot be the name on a certificate.
    #[error("`{host}` cannot be the name on a certificate")]
    ServerName {
        /// As named.
        host: String,
        /// What is wrong with it.
        #[source]
        source: InvalidDnsNameError,
    },
    /// The TLS handshake.
    #[error("could not agree on TLS with `{host}`")]
    Handshake {
        /// As named.
        host: String,
        /// What rustls or the socket says.
        #[source]
        source: io::Error,
    },
    /// The time was up.
    #[error("`{host}`: the time was up while {phase}")]
    TimedOut {
        /// As named.
        host: String,
        /// Where the time was spent last.
        phase: Phase,
    },
}

impl Unreached {
    /// What is known about the effect (none), and about another attempt.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Refused(_) | Self::ServerName { .. } => Advice::GiveUp,
            _ => Advice::RETRY,
        }
    }
}

/// The way out: a resolver, a dialler and TLS. One for the whole process; cheap to clone.
#[derive(Clone)]
pub struct Network {
    resolver: Arc<dyn Resolve>,
    dialler: Arc<dyn Dial>,
    tls: Tls,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    /// The machine's own resolver and sockets.
    pub fn system(tls: Tls) -> Self {
        Self::new(Arc::new(System), Arc::new(System), tls)
    }

    /// Another resolver and dialler; the guard stands between them.
    pub fn new(resolver: Arc<dyn Resolve>, dialler: Arc<dyn Dial>, tls: Tls) -> Self {
        Self { resolver, dialler, tls }
    }

    /// The same resolver and sockets with TLS of another kind.
    #[must_use]
    pub fn with_tls(&self, tls: Tls) -> Self {
        Self { tls, ..self.clone() }
    }

    /// Resolves, judges and connects. The second value is the address at the other end.
    pub(crate) async fn reach(
        &self,
        place: &Place,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<(TcpStream, SocketAddr), Unreached> {
        let host = place.host.to_string();
        let addresses = self.addresses(place, &host, deadline, phases).await?;
        for address in &addresses {
            guard::judge(place.origin, &host, *address).map_err(Unreached::Refused)?;
        }
        let started = Instant::now();
        let mut last = Unreached::NoAddress { host: host.clone() };
        for (index, address) in addresses.iter().enumerate() {
            let address = SocketAddr::new(*address, place.port);
            // An address that swallows packets leaves the others their share of the time.
            let untried = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = Instant::now() + deadline.saturating_duration_since(Instant::now()) / untried;
            match timeout_at(share, self.dialler.dial(address)).await {
                Ok(Ok(stream)) => {
                    phases.connect = Some(started.elapsed());
                    return Ok((stream, address));
                }
                Ok(Err(source)) => last = Unreached::Connect { host: host.clone(), address, source },
                Err(_) => last = Unreached::TimedOut { host: host.clone(), phase: Phase::Connect },
            }
        }
        Err(last)
    }

    async fn addresses(
        &self,
        place: &Place,
        host: &str,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<Vec<IpAddr>, Unreached> {
        let name = match &place.host {
            Host::Ipv4(v4) => return Ok(vec![IpAddr::V4(*v4)]),
            Host::Ipv6(v6) => return Ok(vec![IpAddr::V6(*v6)]),
            Host::Domain(name) => name,
        };
        let started = Instant::now();
        let mut addresses = timeout_at(deadline, self.resolver.resolve(name))
            .await
            .map_err(|_| Unreached::TimedOut { host: host.into(), phase: Phase::Dns })?
            .map_err(|source| Unreached::Resolve { host: host.into(), source })?;
        phases.dns = Some(started.elapsed());
        addresses.truncate(ADDRESSES_MAX);
        Ok(addresses)
    }

    /// Puts TLS over a connection, with the host's name on the certificate.
    pub(crate) async fn secure(
        &self,
        place: &Place,
        stream: TcpStream,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<Stream, Unreached> {
        let host = place.host.to_string();
        let name = match &place.host {
            _ if self.tls.server_name.is_some() => {
                self.tls.server_name.clone().expect("the guard of this arm looked")
            }
            Host::Domain(name) => ServerName::try_from(name.clone())
                .map_err(|source| Unreached::ServerName { host: host.clone(), source })?,
            Host::Ipv4(v4) => ServerName::IpAddress(IpAddr::V4(*v4).into()),
            Host::Ipv6(v6) => ServerName::IpAddress(IpAddr::V6(*v6).into()),
        };
        let started = Instant::now();
        let stream = timeout_at(deadline, self.tls.connector.connect(name, stream))
            .await
            .map_err(|_| Unreached::TimedOut { host: host.clone(), phase: Phase::Tls })?
            .map_err(|source| Unreached::Handshake { host: host.clone(), source })?;
        phases.tls = Some(started.elapsed());
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// A connection, in the clear or not.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
