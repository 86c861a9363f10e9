//! How a job reaches its targets: TLS, and headers that say who asks.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egress::HeaderMap;
use egress::header::{AUTHORIZATION, HeaderName, HeaderValue};
use egress::http::Client;
use egress::tls::{Options, Tls};
use facts::configuration::{
    Authorization, BasicAuth, HeaderValues, HttpDiscovery, ScrapeConfig, Secret, TlsConfig, TlsVersion,
};

use super::ScrapeTools;
use crate::failure::in_full;

/// What a job or a discovery says of its connections. Secrets in files are read for each request, so that they can be
/// replaced; TLS is set up once.
#[derive(Clone)]
pub(super) struct Access {
    whose: String,
    basic: Option<BasicAuth>,
    authorization: Option<Authorization>,
    tls: TlsConfig,
    headers: std::collections::BTreeMap<String, HeaderValues>,
    client: Arc<Mutex<Option<Client>>>,
}

impl Access {
    pub(super) fn of_job(config: &ScrapeConfig) -> Self {
        Self {
            whose: config.job_name.clone(),
            basic: config.basic_auth.clone(),
            authorization: config.authorization.clone(),
            tls: config.tls_config.clone(),
            headers: config.http_headers.clone(),
            client: Arc::default(),
        }
    }

    pub(super) fn of_discovery(found: &HttpDiscovery, whose: &str) -> Self {
        Self {
            whose: whose.to_owned(),
            basic: found.basic_auth.clone(),
            authorization: found.authorization.clone(),
            tls: found.tls_config.clone(),
            headers: found.http_headers.clone(),
            client: Arc::default(),
        }
    }

    /// The client that speaks TLS as the configuration has it.
    pub(super) fn client(&self, tools: &ScrapeTools) -> Result<Client, String> {
        if self.tls == TlsConfig::default() {
            return Ok(tools.instruments.http.clone());
        }
        // A panic while it was held left it as it was.
        let mut made = self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = &*made {
            return Ok(client.clone());
        }
        let tls = Tls::with(&self.tls_options(tools)?)
            .map_err(|fault| format!("{}: {}", self.whose, in_full(&fault)))?;
        let client = tools.instruments.http.with_tls(tls);
        *made = Some(client.clone());
        Ok(client)
    }

    fn tls_options(&self, tools: &ScrapeTools) -> Result<Options, String> {
        let tls = &self.tls;
        let certificate = either(tls.cert.as_deref(), tls.cert_file.as_deref())?;
        let key = match &tls.key {
            Some(key) => Some(tools.secret(key)?),
            None => tls.key_file.as_deref().map(read).transpose()?,
        };
        Ok(Options {
            roots: either(tls.ca.as_deref(), tls.ca_file.as_deref())?,
            identity: certificate.zip(key),
            server_name: tls.server_name.clone(),
            insecure_skip_verify: tls.insecure_skip_verify,
            only_1_3: tls.min_version == Some(TlsVersion::TLS13),
            only_1_2: tls.max_version.is_some_and(|version| version <= TlsVersion::TLS12),
        })
    }

    /// Headers of a request.
    pub(super) fn headers(&self, tools: &ScrapeTools) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, values) in &self.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| format!("`{name}` is no header"))?;
            let secrets = values.secrets.iter().map(|secret| tools.secret(secret));
            let files = values.files.iter().map(|path| read(path));
            for value in values.values.iter().cloned().map(Ok).chain(secrets).chain(files) {
                headers.append(name.clone(), header(&value?)?);
            }
        }
        if let Some(value) = self.authorization(tools)? {
            headers.insert(AUTHORIZATION, header(&value)?);
        }
        Ok(headers)
    }

    fn authorization(&self, tools: &ScrapeTools) -> Result<Option<String>, String> {
        let secret_or_file = |secret: &Option<Secret>, file: &Option<String>| match (secret, file) {
            (Some(secret), _) => tools.secret(secret),
            (None, Some(file)) => read(file),
            (None, None) => Ok(String::new()),
        };
        if let Some(basic) = &self.basic {
            let user = either(basic.username.as_deref(), basic.username_file.as_deref())?.unwrap_or_default();
            let password = secret_or_file(&basic.password, &basic.password_file)?;
            return Ok(Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))));
        }
        let Some(other) = &self.authorization else { return Ok(None) };
        let credentials = secret_or_file(&other.credentials, &other.credentials_file)?;
        Ok(Some(format!("{} {credentials}", other.kind)))
    }
}

fn header(value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(value).map_err(|_| "a header's value cannot be sent".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn either(text: Option<&str>, file: Option<&str>) -> Result<Option<String>, String> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.to_owned())),
        (None, Some(file)) => read(file).map(Some),
        (None, None) => Ok(None),
    }
}

/// A small file without the newline at its end.
fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
        .map_err(|error| format!("cannot read `{path}`: {error}"))
}
