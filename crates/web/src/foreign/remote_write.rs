//! Remote write, 1.0 and 2.0, as Prometheus's senders speak it.
//!
//! Answered once everything that can be kept is in the log: 204 where that is all, 400 where something cannot be kept
//! (the rest is; a sender does not repeat a 400), 415 for another message or compression, and 503 where the log cannot
//! be written (a sender repeats that). Every answer after the negotiation counts what was written.
//!
//! Specification: prometheus.io, "Prometheus Remote-Write 2.0".

use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use kernel::Refuse;
use signals::remote_write::{Batch, Decoder, Refusal, Version};

use crate::access::Sender;
use crate::answer::{Error, Result};
use crate::body::Raw;
use crate::doors::Doorway;
use crate::native;
use crate::ports::{Exemplar, Measured, Metadata, Ports, Starts, Taken};

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/api/v1/write", post(write))
}

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Decoders keep their buffers between requests; a few of them serve all connections.
static DECODERS: Mutex<Vec<Decoder>> = Mutex::new(Vec::new());
/// Decoders that are kept.
const DECODERS_KEPT_MAX: usize = 4;

async fn write(
    sender: Sender,
    State(doorway): State<Doorway>,
    headers: HeaderMap,
    body: Raw,
) -> Result<Response> {
    let version = negotiated(&headers)?;
    doorway.blocking(move |ports| store(ports, &sender.source(), version, &body.0)).await
}

/// Which message the body is; anything else is answered 415.
fn negotiated(headers: &HeaderMap) -> Result<Version> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let encoding = text(header::CONTENT_ENCODING).filter(|said| !said.is_empty()).unwrap_or("snappy");
    if !encoding.eq_ignore_ascii_case("snappy") {
        let message = format!("remote write is compressed with snappy, and this body with `{encoding}`");
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", message));
    }
    let content_type = text(header::CONTENT_TYPE);
    Version::of_content_type(content_type).ok_or_else(|| {
        let message = format!("`{}` is no message of remote write", content_type.unwrap_or_default());
        Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_message", message).with_hint(
            "`application/x-protobuf`, with `;proto=io.prometheus.write.v2.Request` or \
             `;proto=prometheus.WriteRequest`",
        )
    })
}

fn store(ports: &Ports, source: &str, version: Version, body: &[u8]) -> Response {
    let mut decoder = DECODERS.lock().ok().and_then(|mut kept| kept.pop()).unwrap_or_default();
    let stored = decoder.decode(body, version, |batch| store_batch(ports, source, batch));
    if let Ok(mut kept) = DECODERS.lock()
        && kept.len() < DECODERS_KEPT_MAX
    {
        kept.push(decoder);
    }
    let (taken, answer) = match stored {
        Ok(stored) => stored,
        Err(refusal) => (Taken::default(), refused(&refusal).into_response()),
    };
    let written = [
        (SAMPLES_WRITTEN, taken.samples),
        (HISTOGRAMS_WRITTEN, taken.histograms),
        (EXEMPLARS_WRITTEN, taken.exemplars),
    ];
    (written.map(|(name, count)| (name, count.to_string())), answer).into_response()
}

/// Keeps what can be kept; what was, and what the sender hears.
fn store_batch(ports: &Ports, source: &str, batch: &Batch<'_>) -> (Taken, Response) {
    let starts = StartsOf::read(batch, ports.intake.keeps_starts());
    let taken = match ports.intake.take(source, &measured(batch).all(&starts)) {
        Ok(taken) => taken,
        Err(fault) => return (Taken::default(), Error::from(fault).into_response()),
    };
    note_meanings(ports, batch);
    let mut unkept = Vec::new();
    if batch.refused_count > 0 {
        let first = batch.refused.first().map_or_else(String::new, |malformed| format!(": {malformed}"));
        unkept.push(format!("{} series, histograms or exemplars cannot be kept{first}", batch.refused_count));
    }
    if let Some(first) = &taken.first_refusal {
        unkept.push(format!("{} samples cannot be kept: {first}", taken.refused));
    }
    if unkept.is_empty() {
        return (taken, StatusCode::NO_CONTENT.into_response());
    }
    let message = format!("{}; {} samples were kept", unkept.join("; "), taken.samples + taken.histograms);
    let error = Error::new(StatusCode::BAD_REQUEST, "samples_refused", message);
    (taken, error.into_response())
}

/// Histograms and exemplars of a batch as the store takes them; samples and labels are lent as they are.
struct Extras<'b, 'a> {
    batch: &'b Batch<'a>,
    histograms: Vec<(i64, promql::Histogram)>,
    exemplars: Vec<Exemplar<'b>>,
}

fn measured<'b>(batch: &'b Batch<'_>) -> Extras<'b, 'b> {
    let mut extras = Extras { batch, histograms: Vec::new(), exemplars: Vec::new() };
    if batch.histograms_count() + batch.exemplars_count() == 0 {
        return extras;
    }
    for series in batch.series() {
        let stored = series.histograms().iter().map(|h| (h.at_ms, native::stored(&h.histogram)));
        extras.histograms.extend(stored);
        let last = series.samples().last().map(|(at, _)| *at);
        let last = last.or_else(|| series.histograms().last().map(|stamped| stamped.at_ms));
        extras.exemplars.extend(series.exemplars().map(|exemplar| Exemplar {
            labels: exemplar.labels.to_vec(),
            value: exemplar.value,
            // An exemplar without a time was seen with the sample beside it.
            at_ms: if exemplar.at_ms == 0 { last.unwrap_or(0) } else { exemplar.at_ms },
        }));
    }
    extras
}

impl<'b> Extras<'b, 'b> {
    fn all<'s>(&'s self, starts: &'s StartsOf) -> Vec<Measured<'s>> {
        let (mut histograms, mut exemplars) = (self.histograms.as_slice(), self.exemplars.as_slice());
        let series = self.batch.series().enumerate().map(|(number, series)| {
            let (own, rest) = histograms.split_at(series.histograms().len());
            histograms = rest;
            let (examples, rest) = exemplars.split_at(series.exemplars().len());
            exemplars = rest;
            Measured {
                labels: series.labels(),
                samples: series.samples(),
                histograms: own,
                exemplars: examples,
                starts: starts.of(number),
            }
        });
        series.collect()
    }
}

/// Since when the samples of each series of a batch count.
#[derive(Default)]
struct StartsOf {
    all: Vec<(i64, i64)>,
    /// Where in `all` the starts of each series' floats end, and those of its histograms; empty where there are none.
    ends: Vec<(usize, usize)>,
}

impl StartsOf {
    /// What the batch says, where it is wanted.
    fn read(batch: &Batch<'_>, wanted: bool) -> Self {
        let mut starts = Self::default();
        if !wanted || batch.starts_count() + batch.histograms_count() == 0 {
            return starts;
        }
        for series in batch.series() {
            for (number, (at_ms, _)) in series.samples().iter().enumerate() {
                starts.all.extend(series.start_ms(number).map(|start_ms| (*at_ms, start_ms)));
            }
            let of_floats = starts.all.len();
            let known = series.histograms().iter().filter(|histogram| histogram.start_ms != 0);
            starts.all.extend(known.map(|histogram| (histogram.at_ms, histogram.start_ms)));
            starts.ends.push((of_floats, starts.all.len()));
        }
        starts
    }

    fn of(&self, series: usize) -> Starts<'_> {
        let Some((of_floats, end)) = self.ends.get(series).copied() else { return Starts::default() };
        let from = series.checked_sub(1).map_or(0, |before| self.ends[before].1);
        Starts { floats: &self.all[from..of_floats], histograms: &self.all[of_floats..end] }
    }
}

fn note_meanings(ports: &Ports, batch: &Batch<'_>) {
    if batch.metadata.is_empty() {
        return;
    }
    let said = batch.metadata.iter().map(|said| {
        let meaning =
            Metadata { kind: said.kind.as_str(), help: said.help.to_owned(), unit: said.unit.to_owned() };
        (said.metric, meaning)
    });
    ports.intake.note(&said.collect::<Vec<_>>());
}

fn refused(refusal: &Refusal) -> Error {
    let status = match refusal {
        Refusal::TooLarge { .. } | Refusal::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
    };
    let error = Error::new(status, refusal.code(), refusal.sentence());
    match refusal.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
