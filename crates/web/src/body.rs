//! Request bodies: read up to a limit, unpacked up to the same limit.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kernel::limits::BODY_BYTES_MAX;

use crate::answer::{Error, Result};
use crate::doors::Doorway;

/// Bytes of a body that is too large which are read all the same; a client that sends more is cut off.
const PASSED_OVER_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;
/// How long such a body may pause; who waits for the answer before it goes on has it by then.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// How long it may take altogether.
const PASSED_OVER_TIME_MAX: Duration = Duration::from_secs(30);

/// A body as it came, at most `BODY_BYTES_MAX`, not unpacked.
#[derive(Debug, Clone)]
pub(crate) struct Raw(pub(crate) Bytes);

/// A body, unpacked where it came as gzip.
#[derive(Debug, Clone)]
pub(crate) struct Unpacked(pub(crate) Bytes);

impl FromRequest<Doorway> for Raw {
    type Rejection = Error;
    async fn from_request(request: Request, _: &Doorway) -> Result<Self> {
        let declared = declared(request.headers());
        read(declared, request.into_body()).await.map(Self)
    }
}

impl FromRequest<Doorway> for Unpacked {
    type Rejection = Error;
    async fn from_request(request: Request, _: &Doorway) -> Result<Self> {
        let declared = declared(request.headers());
        let encoding = request.headers().get(header::CONTENT_ENCODING).cloned();
        let body = read(declared, request.into_body()).await?;
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

/// How large a body says that it is.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

async fn read(declared: Option<u64>, mut body: Body) -> Result<Bytes> {
    if declared.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        pass_over(body);
        return Err(too_large());
    }
    match Limited::new(&mut body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            pass_over(body);
            Err(too_large())
        }
        Err(error) => Err(Error::bad_request(format!("the body broke off: {error}"))),
    }
}

/// Goes on to read what is not wanted, up to a limit, while the answer is on its way: many clients look for it only once
/// they have sent everything, and would see a lost connection.
fn pass_over(mut body: Body) {
    let passing = async move {
        let mut passed = 0;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE_MAX, body.frame()).await
            && passed < PASSED_OVER_BYTES_MAX
        {
            passed += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    tokio::spawn(tokio::time::timeout(PASSED_OVER_TIME_MAX, passing));
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
