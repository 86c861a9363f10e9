//! Request bodies: read up to a limit, unpacked up to the same limit.

use std::io::Read;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kernel::limits::BODY_BYTES_MAX;

use crate::answer::{Error, Result};
use crate::doors::Doorway;

/// A body as it came, at most `BODY_BYTES_MAX`, not unpacked.
#[derive(Debug, Clone)]
pub(crate) struct Raw(pub(crate) Bytes);

/// A body, unpacked where it came as gzip.
#[derive(Debug, Clone)]
pub(crate) struct Unpacked(pub(crate) Bytes);

impl FromRequest<Doorway> for Raw {
    type Rejection = Error;
    async fn from_request(request: Request, _: &Doorway) -> Result<Self> {
        refuse_early(request.headers())?;
        read(request.into_body()).await.map(Self)
    }
}

impl FromRequest<Doorway> for Unpacked {
    type Rejection = Error;
    async fn from_request(request: Request, _: &Doorway) -> Result<Self> {
        refuse_early(request.headers())?;
        let encoding = request.headers().get(header::CONTENT_ENCODING).cloned();
        let body = read(request.into_body()).await?;
        match encoding.as_ref().map(|encoding| encoding.as_bytes()) {
            None | Some(b"identity") => Ok(Self(body)),
            Some(b"gzip" | b"x-gzip") => unpack(&body).map(Self),
            Some(other) => {
                let message =
                    format!("not supported yet: content encoding `{}`", String::from_utf8_lossy(other));
                let error = Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", message);
                Err(error.with_hint("send it as gzip, or as it is"))
            }
        }
    }
}

/// A body that says that it is too large is not read at all.
fn refuse_early(headers: &HeaderMap) -> Result<()> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) { Err(too_large()) } else { Ok(()) }
}

async fn read(body: Body) -> Result<Bytes> {
    let collected = Limited::new(body, BODY_BYTES_MAX).collect().await;
    collected.map(|collected| collected.to_bytes()).map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            too_large()
        } else {
            Error::bad_request(format!("the body broke off: {error}"))
        }
    })
}

fn unpack(packed: &[u8]) -> Result<Bytes> {
    let mut unpacked = Vec::new();
    let limit = BODY_BYTES_MAX as u64 + 1;
    let read = MultiGzDecoder::new(packed).take(limit).read_to_end(&mut unpacked);
    if let Err(error) = read {
        let message = format!("the gzip body is damaged after {} unpacked bytes: {error}", unpacked.len());
        return Err(Error::new(StatusCode::BAD_REQUEST, "damaged_gzip", message)
            .with_hint("nothing of it was taken; send it again whole"));
    }
    if unpacked.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(unpacked.into()) }
}

fn too_large() -> Error {
    let message = format!("the body is larger than {BODY_BYTES_MAX} bytes");
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
        .with_hint("send it in several requests")
}
