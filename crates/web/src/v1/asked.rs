//! What a request says: in its path, its query and its body. What cannot be read of it is told as every other error is.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::answer::{Error, Result};
use crate::body::Unpacked;
use crate::doors::Doorway;

/// A JSON body; what is wrong with it is said with line and column.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Doorway> for Asked<T> {
    type Rejection = Error;
    async fn from_request(request: Request, doorway: &Doorway) -> Result<Self> {
        let body = Unpacked::from_request(request, doorway).await?;
        let text: &[u8] = if body.0.is_empty() { b"{}" } else { &body.0 };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Error::bad_request(format!("the body: {error}")))
    }
}

/// The parts of the path that stand for something.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Doorway> for Path<T> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, doorway: &Doorway) -> Result<Self> {
        match axum::extract::Path::from_request_parts(parts, doorway).await {
            Ok(axum::extract::Path(read)) => Ok(Self(read)),
            Err(rejection) => Err(unreadable(rejection.status(), rejection.body_text())),
        }
    }
}

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Doorway> for Query<T> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, doorway: &Doorway) -> Result<Self> {
        match axum::extract::Query::from_request_parts(parts, doorway).await {
            Ok(axum::extract::Query(read)) => Ok(Self(read)),
            Err(rejection) => Err(unreadable(rejection.status(), rejection.body_text())),
        }
    }
}

fn unreadable(status: StatusCode, sentence: String) -> Error {
    Error::new(status, "bad_request", sentence)
}

/// Parses a part of the path.
pub(crate) fn id<T: std::str::FromStr>(text: &str) -> Result<T>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Error::bad_request(error.to_string()))
}
