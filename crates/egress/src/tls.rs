//! Whom Swan trusts when it speaks TLS.
//!
//! The machine's own roots, or Mozilla's where the machine has none, and any that the operator adds in a file. TLS
//! 1.2 and 1.3 by ring. Certificates are verified, but where [`Options`] of a scrape say otherwise for its targets.

mod unverified;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Why the roots could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// Reading the operator's file of certificates.
    #[error("could not read certificates from `{}`", path.display())]
    ReadRoots {
        /// The file.
        path: PathBuf,
        /// What went wrong in it.
        #[source]
        source: pem::Error,
    },
    /// The operator's file has no certificate in it.
    #[error("there is no certificate in `{}`", path.display())]
    NoRoots {
        /// The file.
        path: PathBuf,
    },
    /// Reading certificates or a key that were given as text.
    #[error("could not read a certificate or key")]
    ReadPem {
        /// What went wrong in it.
        #[source]
        source: pem::Error,
    },
    /// The name cannot be on a certificate.
    #[error("`{name}` cannot be the name on a certificate")]
    ServerName {
        /// As given.
        name: String,
    },
    /// Taking a certificate of the operator's file as a root, or setting up the protocol.
    #[error("could not use the certificates")]
    UseRoots {
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
}

/// The client side of TLS with its roots; cheap to clone.
#[derive(Clone)]
pub struct Tls {
    pub(crate) connector: TlsConnector,
    /// The name that certificates have to have, where it is not that of the host.
    pub(crate) server_name: Option<ServerName<'static>>,
}

/// TLS for destinations with ways of their own, as Prometheus's `tls_config` has it. Certificates and keys are PEM.
#[derive(Default, Clone)]
pub struct Options {
    /// Trusted instead of the machine's roots.
    pub roots: Option<String>,
    /// Our own certificate with its chain, and its key.
    pub identity: Option<(String, String)>,
    /// The name that the certificate has to have.
    pub server_name: Option<String>,
    /// The certificate is not verified.
    pub insecure_skip_verify: bool,
    /// Only TLS 1.3 is spoken.
    pub only_1_3: bool,
    /// TLS 1.3 is not spoken.
    pub only_1_2: bool,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// The machine's roots (Mozilla's where it has none) and those of an extra PEM file, if one is named.
    pub fn load(extra_roots: Option<&Path>) -> Result<Self, TlsFault> {
        let mut roots = machine_roots();
        if let Some(path) = extra_roots {
            let read = |source| TlsFault::ReadRoots { path: path.into(), source };
            let before = roots.len();
            for certificate in CertificateDer::pem_file_iter(path).map_err(read)? {
                roots.add(certificate.map_err(read)?).map_err(|source| TlsFault::UseRoots { source })?;
            }
            if roots.len() == before {
                return Err(TlsFault::NoRoots { path: path.into() });
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsFault::UseRoots { source })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name: None })
    }

    /// TLS as these options have it.
    pub fn with(options: &Options) -> Result<Self, TlsFault> {
        let unusable = |source| TlsFault::UseRoots { source };
        let unreadable = |source| TlsFault::ReadPem { source };
        let mut roots = if options.roots.is_some() { RootCertStore::empty() } else { machine_roots() };
        for certificate in CertificateDer::pem_slice_iter(options.roots.as_deref().unwrap_or("").as_bytes()) {
            roots.add(certificate.map_err(unreadable)?).map_err(unusable)?;
        }
        let versions: &[&rustls::SupportedProtocolVersion] = match (options.only_1_2, options.only_1_3) {
            (true, _) => &[&rustls::version::TLS12],
            (false, true) => &[&rustls::version::TLS13],
            (false, false) => &[&rustls::version::TLS13, &rustls::version::TLS12],
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .map_err(unusable)?;
        let builder = if options.insecure_skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(unverified::Unverified::new()))
        } else {
            builder.with_root_certificates(roots)
        };
        let config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(unreadable)?;
                builder.with_client_auth_cert(chain.map_err(unreadable)?, key).map_err(unusable)?
            }
        };
        let server_name = options
            .server_name
            .clone()
            .map(|name| ServerName::try_from(name.clone()).map_err(|_| TlsFault::ServerName { name }));
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name: server_name.transpose()? })
    }
}

fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
