//! How the command line reaches a server.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use egress::guard::Origin;
use egress::http::{Client, Request};
use egress::{Method, Url, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{DATA, LISTEN};
use crate::failure::Failure;
use crate::failure::in_full;

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which server, and who asks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The server's address
    #[arg(long, value_name = "URL", env = "SWAN_SERVER", default_value_t = format!("http://{LISTEN}"))]
    server: String,
    /// A file with a token; else `SWAN_TOKEN`, else `admin.token` in the data directory
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The data directory of a server on this machine
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
}

impl Server {
    /// The server at an address.
    pub(crate) fn at(server: String, token_file: Option<PathBuf>, data: PathBuf) -> Self {
        Self { server, token_file, data }
    }

    /// Asks, and reads the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let (status, answer) = self.exchange(method, path, body).await?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| Failure::Server(format!("{} answered {status} and no JSON", self.server)))?;
        if !(200..300).contains(&status) {
            return Err(refused(status, &answer));
        }
        serde_json::from_value(answer).map_err(Failure::fault("read the server's answer"))
    }

    /// Asks, and gives the status with the JSON that came, whatever it says.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, bytes::Bytes), Failure> {
        let address = format!("{}{path}", self.server.trim_end_matches('/'));
        let url =
            Url::parse(&address).map_err(|error| Failure::Input(vec![format!("`{address}`: {error}")]))?;
        let tls = egress::tls::Tls::load(None).map_err(Failure::fault("load the trusted certificates"))?;
        let mut request = Request::new(method, url, TIMEOUT, Origin::Operator);
        if let Some(token) = self.token()? {
            let value = header::HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Failure::Input(vec!["the token has characters that no token has".to_owned()]))?;
            request.headers.insert(header::AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request
                .headers
                .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            request.body = body.to_string().into();
        }
        let answer = Client::new(egress::network::Network::system(tls)).send(request).await;
        let answer = answer.map_err(|fault| Failure::Server(in_full(&fault)))?;
        Ok((answer.status.as_u16(), answer.body))
    }

    fn token(&self) -> Result<Option<String>, Failure> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).map_err(Failure::file("read", path))?;
            Ok(Some(text.trim().to_owned()))
        };
        if let Some(path) = &self.token_file {
            return read(path);
        }
        if let Ok(token) = std::env::var("SWAN_TOKEN") {
            return Ok(Some(token));
        }
        let path = self.data.join("admin.token");
        if path.exists() { read(&path) } else { Ok(None) }
    }
}

fn refused(status: u16, answer: &Value) -> Failure {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
    let sentence = text("error").unwrap_or_else(|| format!("the server answered {status}"));
    match status {
        400..=499 => Failure::Refused { sentence, hint: text("hint") },
        _ => Failure::Server(sentence),
    }
}
