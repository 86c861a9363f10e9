//! The form of every answer: `{"status":"success","data":…}`, or an error with its type.
//!
//! Large answers leave piece by piece while they are written: a result is in memory once, its text never as a whole.
//! An answer whose client leaves is dropped where it stands.

use std::io::Write;

use axum::body::HttpBody;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, StreamExt};
use kernel::Refuse;
use promql::{QueryError, SourceFault};
use serde::Serialize;

use crate::ports::Fault;

/// Bytes after which a piece of a long answer leaves.
const PIECE_BYTES: usize = 64 << 10;
/// An answer that is known to be shorter is not worth packing.
const PACKED_BYTES_MIN: u64 = 1 << 10;
/// Warnings of one answer, and hints; of more it is only said how many.
const ANNOTATIONS_MAX: usize = 10;

/// What kind of error it is, as clients tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    BadData,
    Execution,
    Timeout,
    Canceled,
    Internal,
    Unavailable,
    NotFound,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::BadData => "bad_data",
            Kind::Execution => "execution",
            Kind::Timeout => "timeout",
            Kind::Canceled => "canceled",
            Kind::Internal => "internal",
            Kind::Unavailable => "unavailable",
            Kind::NotFound => "not_found",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Kind::BadData => StatusCode::BAD_REQUEST,
            Kind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Timeout | Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            // Nobody reads it; the number is nginx's for a client that left.
            Kind::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::NotFound => StatusCode::NOT_FOUND,
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) kind: Kind,
    pub(super) message: String,
}

impl Unanswered {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(Kind::BadData, message)
    }

    pub(super) fn parameter(name: &str, problem: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {problem}"))
    }

    pub(super) fn status(&self) -> StatusCode {
        self.kind.status()
    }
}

impl From<QueryError> for Unanswered {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::Refused(refusal) => {
                let kind = match refusal.error_type() {
                    "bad_data" => Kind::BadData,
                    "canceled" => Kind::Canceled,
                    "timeout" => Kind::Timeout,
                    _ => Kind::Execution,
                };
                let hint = refusal.hint().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
                Self::new(kind, format!("{refusal}{hint}"))
            }
            QueryError::Source(fault) => fault.into(),
        }
    }
}

impl From<&SourceFault> for Unanswered {
    fn from(fault: &SourceFault) -> Self {
        tracing::error!(%fault, "a query could not be answered");
        Self::new(Kind::Internal, fault.to_string())
    }
}

impl From<SourceFault> for Unanswered {
    fn from(fault: SourceFault) -> Self {
        (&fault).into()
    }
}

impl From<Fault> for Unanswered {
    fn from(fault: Fault) -> Self {
        tracing::error!(%fault, "a request could not be served");
        Self::new(Kind::Internal, fault.to_string())
    }
}

impl From<crate::answer::Error> for Unanswered {
    fn from(error: crate::answer::Error) -> Self {
        let kind = match error.status {
            StatusCode::SERVICE_UNAVAILABLE => Kind::Unavailable,
            StatusCode::NOT_FOUND => Kind::NotFound,
            status if status.is_client_error() => Kind::BadData,
            _ => Kind::Internal,
        };
        Self::new(kind, error.body.error)
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    status: &'static str,
    #[serde(rename = "errorType")]
    error_type: &'static str,
    error: &'a str,
}

/// What was refused before a handler could answer, in the same form.
pub(super) fn refused(error: &crate::answer::Error) -> Response {
    let error_type = match error.status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        _ => Unanswered::from(error.clone()).kind.word(),
    };
    let hint = error.body.hint.as_ref().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
    let message = format!("{}{hint}", error.body.error);
    let body = ErrorBody { status: "error", error_type, error: &message };
    (error.status, axum::Json(body)).into_response()
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let body = ErrorBody { status: "error", error_type: self.kind.word(), error: &self.message };
        let mut response = (self.status(), axum::Json(body)).into_response();
        if self.kind == Kind::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub(super) type Answered = std::result::Result<Response, Unanswered>;

/// What is worth knowing of an answer beside its data.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

impl Notes {
    /// A list was cut off.
    pub(super) fn truncated(is_truncated: bool) -> Self {
        let warnings = is_truncated.then(|| "results truncated due to limit".to_owned());
        Self { warnings: warnings.into_iter().collect(), infos: Vec::new() }
    }

    /// The end of the envelope.
    fn close(mut self) -> Vec<u8> {
        let mut end = Vec::new();
        for (name, texts) in [("warning", &mut self.warnings), ("info", &mut self.infos)] {
            if texts.is_empty() {
                continue;
            }
            let omitted = texts.len().saturating_sub(ANNOTATIONS_MAX);
            texts.truncate(ANNOTATIONS_MAX);
            if omitted > 0 {
                texts.push(format!("{omitted} more {name} annotations omitted"));
            }
            end.extend_from_slice(format!(",\"{name}s\":").as_bytes());
            write_json(&mut end, texts);
        }
        end.push(b'}');
        end
    }
}

/// `{"status":"success","data":…}` around a value.
pub(super) fn success(data: &impl Serialize) -> Response {
    let mut text = Vec::new();
    write_json(&mut text, data);
    success_of(std::iter::once(text), Notes::default())
}

/// The same around JSON that is written piece by piece, as the client takes it.
pub(super) fn success_of(data: impl Iterator<Item = Vec<u8>> + Send + 'static, notes: Notes) -> Response {
    let begin = br#"{"status":"success","data":"#.to_vec();
    let pieces = std::iter::once(begin).chain(data).chain(std::iter::once(notes.close()));
    in_pieces("application/json", pieces)
}

/// A JSON list of many elements, for [`success_of`].
pub(super) fn list<T: Serialize + Send + 'static>(
    elements: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
    let elements = elements.into_iter().enumerate().map(|(place, element)| {
        let mut text = if place == 0 { Vec::new() } else { vec![b','] };
        write_json(&mut text, &element);
        text
    });
    std::iter::once(b"[".to_vec()).chain(elements).chain(std::iter::once(b"]".to_vec()))
}

/// An answer that leaves in pieces; one that is short leaves as one.
pub(super) fn in_pieces(
    content_type: &'static str,
    pieces: impl Iterator<Item = Vec<u8>> + Send + 'static,
) -> Response {
    let mut gathered = Gathered(pieces.fuse());
    let first = gathered.next().unwrap_or_default();
    let body = if first.len() < PIECE_BYTES {
        Body::from(first)
    } else {
        let all = std::iter::once(first).chain(gathered);
        Body::from_stream(stream::iter(all.map(Ok::<Bytes, std::convert::Infallible>)))
    };
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// Gathers small pieces into large ones.
struct Gathered<I>(std::iter::Fuse<I>);

impl<I: Iterator<Item = Vec<u8>>> Iterator for Gathered<I> {
    type Item = Bytes;
    fn next(&mut self) -> Option<Bytes> {
        let mut gathered = self.0.next()?;
        while gathered.len() < PIECE_BYTES
            && let Some(piece) = self.0.next()
        {
            gathered.extend_from_slice(&piece);
        }
        Some(gathered.into())
    }
}

pub(super) fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("what is answered has text keys, and a Vec takes all of it");
}

/// Packs answers for clients that can unpack them.
pub(super) async fn packed(request: Request, next: Next) -> Response {
    let is_wanted = accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    let is_packed = response.headers().contains_key(header::CONTENT_ENCODING);
    let is_short = response.body().size_hint().exact().is_some_and(|length| length < PACKED_BYTES_MIN);
    if !is_wanted || is_packed || is_short {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.remove(header::CONTENT_LENGTH);
    response.map(|body| {
        let packer = Some(GzEncoder::new(Vec::new(), Compression::fast()));
        let pieces = stream::unfold((body.into_data_stream(), packer), |(mut body, packer)| async move {
            let mut packer = packer?;
            while packer.get_ref().len() < PIECE_BYTES {
                match body.next().await {
                    Some(Ok(piece)) => {
                        packer.write_all(&piece).expect("a Vec takes all that is written to it")
                    }
                    Some(Err(error)) => return Some((Err(error), (body, None))),
                    None => {
                        let last = packer.finish().expect("a Vec takes all that is written to it");
                        return Some((Ok(Bytes::from(last)), (body, None)));
                    }
                }
            }
            let piece = Bytes::from(std::mem::take(packer.get_mut()));
            Some((Ok(piece), (body, Some(packer))))
        });
        Body::from_stream(pieces)
    })
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|clause| {
        let (coding, parameters) = clause.split_once(';').unwrap_or((clause, ""));
        let weight =
            parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        coding.trim().eq_ignore_ascii_case("gzip") && weight != Some(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: impl Iterator<Item = Vec<u8>>) -> String {
        String::from_utf8(pieces.flatten().collect()).unwrap()
    }

    #[test]
    fn a_list_is_json_whatever_its_length() {
        assert_eq!(text(list(Vec::<u8>::new())), "[]");
        assert_eq!(text(list(vec!["a"])), r#"["a"]"#);
        assert_eq!(text(list(vec![1, 2, 3])), "[1,2,3]");
    }

    #[test]
    fn notes_close_the_envelope_and_are_few() {
        assert_eq!(text(std::iter::once(Notes::default().close())), "}");
        let warnings: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let closed = text(std::iter::once(Notes { warnings, infos: vec!["hint".into()] }.close()));
        assert!(
            closed.ends_with(r#""9","2 more warning annotations omitted"],"infos":["hint"]}"#),
            "{closed}"
        );
    }

    #[test]
    fn pieces_are_gathered_and_none_is_lost() {
        let small = std::iter::repeat_n(vec![b'x'; 1000], 1000);
        let sizes: Vec<usize> = Gathered(small.fuse()).map(|piece| piece.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 1_000_000);
        assert!(sizes[..sizes.len() - 1].iter().all(|size| (PIECE_BYTES..2 * PIECE_BYTES).contains(size)));
    }

    #[test]
    fn gzip_is_for_those_who_ask() {
        let asks = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(asks("gzip") && asks("deflate, GZIP;q=0.5"));
        assert!(!asks("br") && !asks("gzip;q=0"));
    }
}
