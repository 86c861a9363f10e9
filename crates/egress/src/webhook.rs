//! Webhooks, signed as Standard Webhooks asks (<https://www.standardwebhooks.com>, version 1).
//!
//! The *sender* is Swan, the *receiver* an address that an operator or a user has subscribed. A message keeps its id
//! on every attempt, so that the receiver can tell a repetition; what is signed is `id.timestamp.body`. Redirects are
//! not followed: a signed message goes where it was addressed.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use kernel::{Refuse, Timestamp};
use sha2::Sha256;
use url::Url;

use crate::guard::Origin;
use crate::http::{Client, Fault, Limits, Overflow, Request};
use crate::limits::WEBHOOK_ANSWER_BYTES_MAX;
use crate::network::Phases;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Why a webhook cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookRefusal {
    /// Not `whsec_` and base64.
    SecretForm,
    /// Not 24 to 64 bytes.
    SecretLength {
        /// How many it has.
        bytes: usize,
    },
    /// Empty, longer than 256 bytes, with a dot, or not printable ASCII.
    Id,
}

impl Refuse for WebhookRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::SecretForm => "webhook_secret_form",
            Self::SecretLength { .. } => "webhook_secret_length",
            Self::Id => "webhook_id",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::SecretForm => "the webhook secret is not `whsec_` followed by base64".into(),
            Self::SecretLength { bytes } => format!("the webhook secret has {bytes} bytes, not 24 to 64"),
            Self::Id => "the webhook id is not 1 to 256 printable ASCII characters without a dot".into(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::SecretForm | Self::SecretLength { .. } => {
                Some("make one with `echo whsec_$(head -c 32 /dev/urandom | base64)`".into())
            }
            Self::Id => None,
        }
    }
}

impl fmt::Display for WebhookRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for WebhookRefusal {}

/// What both sides know. Never printed.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes.
    pub fn read(text: &str) -> Result<Self, WebhookRefusal> {
        let encoded = text.strip_prefix("whsec_").ok_or(WebhookRefusal::SecretForm)?;
        let bytes = BASE64.decode(encoded).map_err(|_| WebhookRefusal::SecretForm)?;
        match bytes.len() {
            24..=64 => Ok(Self(bytes)),
            bytes => Err(WebhookRefusal::SecretLength { bytes }),
        }
    }
}

/// One signature, `v1,` and base64, over `id.timestamp.body` with the timestamp in whole seconds.
pub fn sign(secret: &Secret, id: &str, timestamp: Timestamp, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{}.", seconds(timestamp)).as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

fn seconds(timestamp: Timestamp) -> i64 {
    timestamp.as_millis().div_euclid(1000)
}

/// One message to one receiver.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The receiver.
    pub url: Url,
    /// Who named the receiver.
    pub origin: Origin,
    /// Signs with each, in this order: while a secret is being replaced there are two.
    pub secrets: Vec<Secret>,
    /// The idempotency key: the same on every attempt at this message.
    pub id: String,
    /// When this attempt is made.
    pub timestamp: Timestamp,
    /// JSON.
    pub body: Bytes,
    /// For everything together.
    pub timeout: Duration,
}

/// What the receiver said when it took a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// 2xx.
    pub status: StatusCode,
    /// What took how long.
    pub phases: Phases,
}

/// Why a webhook was not delivered, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum WebhookFault {
    /// Signing.
    #[error("the webhook cannot be signed: {0}")]
    Sign(WebhookRefusal),
    /// Posting.
    #[error(transparent)]
    Post(#[from] Fault),
}

impl WebhookFault {
    /// What is known about the effect, and about another attempt.
    pub fn advice(&self) -> crate::Advice {
        match self {
            Self::Sign(_) => crate::Advice::GiveUp,
            Self::Post(fault) => fault.advice(),
        }
    }
}

/// Signs and posts one message. A 2xx is a receipt from its head on: what follows the head changes nothing.
pub async fn deliver(client: &Client, webhook: &Webhook) -> Result<Receipt, WebhookFault> {
    let mut request = Request::new(Method::POST, webhook.url.clone(), webhook.timeout, webhook.origin);
    let signatures: Vec<String> = webhook
        .secrets
        .iter()
        .map(|secret| sign(secret, &webhook.id, webhook.timestamp, &webhook.body))
        .collect();
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.headers.insert(ID, header_id(&webhook.id).map_err(WebhookFault::Sign)?);
    request.headers.insert(TIMESTAMP, HeaderValue::from(seconds(webhook.timestamp)));
    if !signatures.is_empty() {
        let value = HeaderValue::from_str(&signatures.join(" ")).expect("base64 is printable ASCII");
        request.headers.insert(SIGNATURE, value);
    }
    request.body = webhook.body.clone();
    request.limits =
        Limits { body_bytes_max: WEBHOOK_ANSWER_BYTES_MAX, overflow: Overflow::Cut, redirects_max: 0 };
    let mut phases = Phases::default();
    match client.send_timed(request, &mut phases).await.and_then(crate::http::Response::accepted) {
        Ok(response) => Ok(Receipt { status: response.status, phases }),
        Err(fault) => match fault.status().filter(StatusCode::is_success) {
            Some(status) => Ok(Receipt { status, phases }),
            None => Err(fault.into()),
        },
    }
}

fn header_id(id: &str) -> Result<HeaderValue, WebhookRefusal> {
    let fits =
        (1..=256).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
    if !fits {
        return Err(WebhookRefusal::Id);
    }
    HeaderValue::from_str(id).map_err(|_| WebhookRefusal::Id)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification's reference libraries.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let timestamp = Timestamp::from_millis(1_614_265_330_999);
        assert_eq!(
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_that_is_no_standard_secret_is_refused_and_never_printed() {
        assert_eq!(Secret::read("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap_err(), WebhookRefusal::SecretForm);
        assert_eq!(Secret::read("whsec_?").unwrap_err(), WebhookRefusal::SecretForm);
        let short = Secret::read("whsec_c2hvcnQ=").unwrap_err();
        assert_eq!(short, WebhookRefusal::SecretLength { bytes: 5 });
        let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn an_id_that_would_blur_what_is_signed_is_refused() {
        for id in ["", "a.b", "a b", "a\r\nx: y", "é", &"a".repeat(257)] {
            assert_eq!(header_id(id).unwrap_err(), WebhookRefusal::Id, "{id}");
        }
        assert!(header_id("msg_p5jXN8AQM9LWM0D4loKWxJek").is_ok());
    }
}
