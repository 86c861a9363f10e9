//! What a request that cannot be served is answered: a status, a stable code, a sentence and a hint, as JSON.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::Refusal;
use engine::port::Unavailable;
use kernel::Refuse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ports::{Fault, NotKept};

/// Seconds after which a caller that was turned away may come back.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What a caller without credentials has to show. Basic authentication is taken too, and not asked for: a browser
/// would ask the person for a password that is none of theirs.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"swan\"");

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) status: StatusCode,
    pub(crate) body: ErrorBody,
}

/// The body of every error of the `/v1/` API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// Stable, in snake case.
    #[schema(example = "no_such_incident")]
    pub code: String,
    /// One sentence for people.
    pub error: String,
    /// What to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(status: StatusCode, code: &str, error: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { code: code.to_owned(), error: error.into(), hint: None } }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"))
    }

    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        // What does not exist is not found; everything else stands against the state of affairs.
        let missing = refusal.code().starts_with("no_such_");
        let status = if missing { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT };
        let mut error = Self::new(status, refusal.code(), refusal.sentence());
        error.body.hint = refusal.hint();
        error
    }
}

impl From<Unavailable> for Error {
    fn from(unavailable: Unavailable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", unavailable.to_string())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        tracing::error!(%fault, "a request could not be served");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "fault", fault.to_string())
    }
}

impl From<NotKept> for Error {
    fn from(not_kept: NotKept) -> Self {
        match not_kept {
            NotKept::Refused { code, sentence, hint } => {
                let mut error = Self::new(StatusCode::CONFLICT, code, sentence);
                error.body.hint = hint;
                error
            }
            NotKept::Fault(fault) => fault.into(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self.body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        // Whoever speaks another form finds here what to say in it.
        response.extensions_mut().insert(self);
        response
    }
}
