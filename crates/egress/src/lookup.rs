//! Looking up the records of a name beyond its addresses, for the discovery of targets.
//!
//! The machine's own resolver knows addresses only, so its servers (`/etc/resolv.conf`) are asked directly. What comes
//! back is text for a target's address, and is judged by the guard as any other when it is connected to.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::limits::RECORDS_MAX;

/// Which records of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Hosts and ports of a service.
    Srv,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// An address or a host, as it is written in a URL, without a dot at its end.
    pub host: String,
    /// The port, where the record has one.
    pub port: Option<u16>,
}

/// Why there are no records.
#[derive(Debug, thiserror::Error)]
pub enum LookupFault {
    /// Reading which servers there are to ask.
    #[error("cannot read the machine's resolver configuration")]
    Configure(#[source] NetError),
    /// Asking them.
    #[error("could not look up `{name}`")]
    Ask {
        /// The name.
        name: String,
        /// What the resolver says.
        #[source]
        source: NetError,
    },
    /// They took too long.
    #[error("the time was up while looking up `{name}`")]
    TimedOut {
        /// The name.
        name: String,
    },
}

/// Asks the machine's name servers.
#[derive(Clone)]
pub struct Lookup {
    resolver: TokioResolver,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookup")
    }
}

impl Lookup {
    /// Over the servers of the machine's configuration.
    pub fn system() -> Result<Self, LookupFault> {
        let builder = TokioResolver::builder_tokio().map_err(LookupFault::Configure)?;
        Ok(Self { resolver: builder.build().map_err(LookupFault::Configure)? })
    }

    /// Over one server.
    pub fn of_server(server: SocketAddr) -> Result<Self, LookupFault> {
        let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
        name_server.connections.iter_mut().for_each(|connection| connection.port = server.port());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Ok(Self { resolver: builder.build().map_err(LookupFault::Configure)? })
    }

    /// The records of a name, sorted, each once; none where the name or such a record does not exist.
    pub async fn records(
        &self,
        name: &str,
        kind: Records,
        timeout: Duration,
    ) -> Result<Vec<Record>, LookupFault> {
        let record_type = match kind {
            Records::A => RecordType::A,
            Records::Aaaa => RecordType::AAAA,
            Records::Srv => RecordType::SRV,
            Records::Mx => RecordType::MX,
            Records::Ns => RecordType::NS,
        };
        let asked = tokio::time::timeout(timeout, self.resolver.lookup(name, record_type)).await;
        let found = match asked {
            Err(_) => return Err(LookupFault::TimedOut { name: name.to_owned() }),
            Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => return Ok(Vec::new()),
            Ok(Err(source)) => return Err(LookupFault::Ask { name: name.to_owned(), source }),
            Ok(Ok(found)) => found,
        };
        let mut records: Vec<Record> =
            found.answers().iter().filter_map(|record| read(kind, &record.data)).take(RECORDS_MAX).collect();
        records.sort();
        records.dedup();
        Ok(records)
    }
}

/// A record of the kind that was asked for; an answer may bring others along.
fn read(kind: Records, data: &RData) -> Option<Record> {
    let host = |name: &hickory_resolver::proto::rr::Name| name.to_utf8().trim_end_matches('.').to_owned();
    match (kind, data) {
        (Records::A, RData::A(address)) => Some(Record { host: address.0.to_string(), port: None }),
        (Records::Aaaa, RData::AAAA(address)) => {
            Some(Record { host: format!("[{}]", address.0), port: None })
        }
        (Records::Srv, RData::SRV(service)) => {
            Some(Record { host: host(&service.target), port: Some(service.port) })
        }
        (Records::Mx, RData::MX(server)) => Some(Record { host: host(&server.exchange), port: None }),
        (Records::Ns, RData::NS(server)) => Some(Record { host: host(&server.0), port: None }),
        _ => None,
    }
}
