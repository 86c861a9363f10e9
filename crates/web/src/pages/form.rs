//! What a form carries: url-encoded, up to [`FORM_BYTES_MAX`](crate::limits::FORM_BYTES_MAX).

use axum::Form;
use axum::extract::{FromRequest, Request};
use kernel::Timestamp;
use serde::de::DeserializeOwned;

use super::shell::Broken;
use crate::answer::{Error, Result};
use crate::doors::Doorway;

/// A form that somebody filled in.
pub(super) struct Filled<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Doorway> for Filled<T> {
    type Rejection = Broken;
    async fn from_request(request: Request, doorway: &Doorway) -> std::result::Result<Self, Broken> {
        let filled = Form::<T>::from_request(request, doorway).await;
        filled.map(|Form(filled)| Self(filled)).map_err(|rejection| {
            Broken::from(Error::new(rejection.status(), "bad_form", rejection.body_text()))
        })
    }
}

/// What was written into a field that may stay empty.
pub(super) fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// A date, or a date and time, of a form: in UTC, `2026-11-20`, `2026-11-20T09:30` or RFC 3339.
pub(super) fn utc(text: &str) -> Result<Timestamp> {
    let text = text.trim();
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    let error = || Error::bad_request(format!("`{text}` is not a time in UTC like `2026-11-20T09:30`"));
    whole.parse().map_err(|_| error())
}

/// Parses an id of a form.
pub(super) fn id<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T> {
    text.trim().parse().map_err(|error: T::Err| Error::bad_request(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_a_zone_is_utc() {
        let at = utc(" 2026-11-20T09:30 ").unwrap();
        assert_eq!(at.to_string(), "2026-11-20T09:30:00Z");
        assert_eq!(utc("2026-11-20T09:30:05").unwrap().to_string(), "2026-11-20T09:30:05Z");
        assert_eq!(utc("2026-11-20").unwrap().to_string(), "2026-11-20T00:00:00Z");
        assert_eq!(utc("2026-11-20T10:30:00+01:00"), Ok(at));
        assert!(utc("").is_err() && utc("tomorrow").is_err() && utc("2026-02-30").is_err());
    }
}
