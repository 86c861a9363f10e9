//! How a target is spoken to: credentials, TLS and headers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::configuration::SecretRef;

/// A secret as it stands in a file, or where it is. One that stands in a file is moved to the directory before the
/// configuration becomes a fact; it is never written or shown from here.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Where it is.
    At(SecretRef),
    /// The secret itself.
    Plain(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::At(place) => place.fmt(f),
            Secret::Plain(_) => f.write_str("<secret>"),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Secret::At(place) => place.serialize(serializer),
            Secret::Plain(_) => Err(serde::ser::Error::custom("a secret is not written")),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Plain(String),
            At(SecretRef),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Plain(text) => Secret::Plain(text),
            Written::At(place) => Secret::At(place),
        })
    }
}

/// User name and password, each here or in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the keys say what they are")]
pub struct BasicAuth {
    pub username: Option<String>,
    pub username_file: Option<String>,
    pub password: Option<Secret>,
    pub password_file: Option<String>,
}

/// An `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// What stands before the credentials.
    #[serde(rename = "type", default = "bearer")]
    pub kind: String,
    /// The credentials.
    #[serde(default)]
    pub credentials: Option<Secret>,
    /// Or the file that has them.
    #[serde(default)]
    pub credentials_file: Option<String>,
}

/// How TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Whose certificates are trusted, beside or instead of the machine's.
    pub ca: Option<String>,
    /// The same in a file.
    pub ca_file: Option<String>,
    /// Our own certificate.
    pub cert: Option<String>,
    /// The same in a file.
    pub cert_file: Option<String>,
    /// Its key.
    pub key: Option<Secret>,
    /// The same in a file.
    pub key_file: Option<String>,
    /// The name that the certificate has to have.
    pub server_name: Option<String>,
    /// The certificate is not verified.
    pub insecure_skip_verify: bool,
    /// `TLS12` or `TLS13`; older versions are never spoken.
    pub min_version: Option<TlsVersion>,
    /// The newest version that is spoken.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the version of its name")]
pub enum TlsVersion {
    TLS10,
    TLS11,
    TLS12,
    TLS13,
}

/// Values of one header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderValues {
    /// As they are.
    pub values: Vec<String>,
    /// The same, not to be shown.
    pub secrets: Vec<Secret>,
    /// Files that have them.
    pub files: Vec<String>,
}

fn bearer() -> String {
    "Bearer".to_owned()
}
