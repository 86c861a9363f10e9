//! Remote read: whole series for another Prometheus, which evaluates its own expressions over them.
//!
//! The client says which forms it takes. `SAMPLES` is one snappy block with every sample; `STREAMED_XOR_CHUNKS` is a
//! stream of frames, each with chunks of one series as Prometheus stores them, which is a tenth of the bytes. Series
//! are sorted by their labels in both.

mod bits;
mod chunk;
pub(super) mod protobuf;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use kernel::Labels;
use kernel::limits::BODY_BYTES_MAX;
use promql::{MatchOp, Matcher, Selected, Selection};

use self::chunk::Chunk;
use self::protobuf::{Query, Request};
use super::answer::{Kind, Unanswered, in_pieces};
use super::gate::{Gate, Watch};
use crate::access::Responder;
use crate::body::Raw;
use crate::doors::Doorway;
use crate::ports::Ports;

/// Samples of one answer. One that is not streamed is in memory as a whole.
const SAMPLES_MAX: usize = 50_000_000;
/// Bytes after which a frame ends; its last chunk may reach beyond.
const FRAME_BYTES: usize = 1 << 20;

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/api/v1/read", post(read))
}

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Samples,
    StreamedChunks,
}

impl Form {
    /// The first that the client takes and that there is; one that names none is of before there was a choice.
    fn of(accepted: &[u64]) -> Option<Self> {
        let form = |number: &u64| match number {
            0 => Some(Form::Samples),
            1 => Some(Form::StreamedChunks),
            _ => None,
        };
        if accepted.is_empty() { Some(Form::Samples) } else { accepted.iter().find_map(form) }
    }
}

async fn read(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    body: Raw,
) -> Response {
    let (request, form) = match requested(&body.0) {
        Ok(requested) => requested,
        Err(problem) => return (StatusCode::BAD_REQUEST, problem + "\n").into_response(),
    };
    let answered = match form {
        Form::Samples => {
            let gathered =
                gate.read(&doorway, None, move |ports, watch| samples(ports, watch, &request)).await;
            gathered.map(|packed| {
                let headers =
                    [(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")];
                (headers, packed).into_response()
            })
        }
        Form::StreamedChunks => {
            let gathered =
                gate.read(&doorway, None, move |ports, watch| frames(ports, watch, &request)).await;
            let content_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
            gathered.map(|frames| in_pieces(content_type, frames.into_iter()))
        }
    };
    answered.unwrap_or_else(|unanswered| (unanswered.status(), unanswered.message + "\n").into_response())
}

fn requested(body: &[u8]) -> Result<(Request, Form), String> {
    let length = snap::raw::decompress_len(body).map_err(|error| format!("not a snappy block: {error}"))?;
    if length > BODY_BYTES_MAX {
        return Err(format!("the request has {length} bytes, more than the {BODY_BYTES_MAX} allowed"));
    }
    let message = snap::raw::Decoder::new().decompress_vec(body);
    let message = message.map_err(|error| format!("not a snappy block: {error}"))?;
    let request = Request::read(&message).map_err(|problem| format!("not a read request: {problem}"))?;
    let form = Form::of(&request.accepted).ok_or_else(|| {
        format!("none of the response types {:?} is supported; 0 and 1 are", request.accepted)
    })?;
    Ok((request, form))
}

/// Hands over each series of a query with its labels and the external ones, and counts samples.
fn each_series(
    ports: &Ports,
    watch: &Watch,
    query: &Query,
    samples: &mut usize,
    mut take: impl FnMut(Labels, Selected<'_>),
) -> Result<(), Unanswered> {
    let mut stopped = None;
    let external = ports.process.external_labels();
    // No series that is stored has an external label; all have them where others see them.
    let is_stored = |matcher: &&Matcher| {
        matcher.op() != MatchOp::Equal || external.get(matcher.name()) != Some(matcher.value())
    };
    let matchers: Vec<Matcher> = query.matchers.iter().filter(is_stored).cloned().collect();
    ports.series.select(&Selection::new(&matchers, query.range), &mut |series| {
        *samples += series.timestamps.len() + series.histogram_timestamps.len();
        if *samples > SAMPLES_MAX {
            stopped = Some(Unanswered::bad_data(format!("exceeded sample limit ({SAMPLES_MAX})")));
        } else if watch.is_over() {
            stopped = Some(Unanswered::new(Kind::Canceled, "the query was cancelled"));
        }
        if stopped.is_some() {
            return ControlFlow::Break(());
        }
        let missing = external.iter().filter(|(name, _)| series.labels.get(name).is_none());
        take(missing.fold(series.labels.clone(), |labels, (name, value)| labels.with(name, value)), series);
        ControlFlow::Continue(())
    })?;
    stopped.map_or(Ok(()), Err)
}

/// A `ReadResponse`, packed.
fn samples(ports: &Ports, watch: &Watch, request: &Request) -> Result<Vec<u8>, Unanswered> {
    let (mut response, mut count) = (Vec::new(), 0);
    for query in &request.queries {
        let mut sorted: BTreeMap<Labels, Vec<u8>> = BTreeMap::new();
        each_series(ports, watch, query, &mut count, |labels, series| {
            let written = sorted.entry(labels.clone()).or_default();
            let floats = (series.timestamps, series.values);
            let histograms = (series.histogram_timestamps, series.histograms);
            protobuf::write_series(written, &labels, floats, histograms);
        })?;
        let length: usize = sorted.values().map(Vec::len).sum();
        let mut result = Vec::with_capacity(length);
        sorted.into_values().for_each(|series| result.extend_from_slice(&series));
        protobuf::bytes(&mut response, 1, &result);
    }
    let packed = snap::raw::Encoder::new().compress_vec(&response);
    packed.map_err(|error| Unanswered::new(Kind::Internal, error.to_string()))
}

/// The frames of all queries, in the order of the queries and of the labels.
fn frames(ports: &Ports, watch: &Watch, request: &Request) -> Result<Vec<Vec<u8>>, Unanswered> {
    let (mut all, mut count) = (Vec::new(), 0);
    for (place, query) in request.queries.iter().enumerate() {
        let mut sorted: BTreeMap<Labels, Vec<Vec<u8>>> = BTreeMap::new();
        each_series(ports, watch, query, &mut count, |labels, series| {
            let floats = (series.timestamps, series.values);
            let chunks = chunk::chunks(floats, (series.histogram_timestamps, series.histograms));
            let frames = split(&chunks).map(|some| frame(&protobuf::chunked(&labels, some, place)));
            let frames: Vec<Vec<u8>> = frames.collect();
            sorted.insert(labels, frames);
        })?;
        all.extend(sorted.into_values().flatten());
    }
    Ok(all)
}

/// Chunks of one series, some for each frame.
fn split(mut chunks: &[Chunk]) -> impl Iterator<Item = &[Chunk]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fills = |chunk: &Chunk| {
            bytes += chunk.data.len();
            bytes >= FRAME_BYTES
        };
        let end = chunks.iter().position(fills).map_or(chunks.len(), |place| place + 1);
        let (some, rest) = chunks.split_at(end);
        chunks = rest;
        (!some.is_empty()).then_some(some)
    })
}

/// The length, the checksum and the message.
fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 9);
    protobuf::write_varint(&mut frame, message.len() as u64);
    frame.extend_from_slice(&crc32c(message).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// Castagnoli's polynomial, reflected (RFC 3720, section B.4 has examples).
const CASTAGNOLI: u32 = 0x82f6_3b78;
const CRC_OF_BYTE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ CASTAGNOLI } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| crc >> 8 ^ CRC_OF_BYTE[usize::from(crc as u8 ^ byte)];
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod pinned;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_client_is_given_what_it_likes_best() {
        assert_eq!(Form::of(&[]), Some(Form::Samples));
        assert_eq!(Form::of(&[1, 0]), Some(Form::StreamedChunks));
        assert_eq!(Form::of(&[7, 0]), Some(Form::Samples));
        assert_eq!(Form::of(&[7]), None);
    }

    #[test]
    fn frames_end_when_they_are_full() {
        let chunk = |bytes: usize| Chunk {
            encoding: chunk::Encoding::Xor,
            from_ms: 0,
            to_ms: 0,
            data: vec![0; bytes],
        };
        let chunks =
            [chunk(FRAME_BYTES / 2), chunk(FRAME_BYTES / 2), chunk(1), chunk(2 * FRAME_BYTES), chunk(1)];
        let lengths: Vec<usize> = split(&chunks).map(<[Chunk]>::len).collect();
        assert_eq!(lengths, [2, 2, 1]);
    }
}
