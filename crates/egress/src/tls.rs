//! Whom Swan trusts when it speaks TLS.
//!
//! The machine's own roots, or Mozilla's where the machine has none, and any that the operator adds in a file. TLS
//! 1.2 and 1.3 by ring; certificates are always verified, there is no switch for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
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
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// The machine's roots (Mozilla's where it has none) and those of an extra PEM file, if one is named.
    pub fn load(extra_roots: Option<&Path>) -> Result<Self, TlsFault> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
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
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }
}
