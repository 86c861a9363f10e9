//! `POST /api/v1/import/prometheus`: text, OpenMetrics or protobuf exposition, as VictoriaMetrics takes it.
//!
//! The body is read whole before anything is stored: a body with one bad line changes nothing, and the answer says
//! which line it is. A sample without a time is of now, or of the parameter `timestamp` (epoch milliseconds); the
//! parameter `extra_label=NAME=VALUE`, as often as wanted, adds a label to every series, or replaces it.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use kernel::{Refuse, Timestamp};
use signals::Kind;
use signals::exposition::{self, Entry, Histograms, Label, Protocol, Rules};

use crate::access::Sender;
use crate::answer::{Error, Result};
use crate::body::Unpacked;
use crate::doors::Doorway;
use crate::limits::{EXTRA_LABELS_MAX, IMPORTED_SAMPLES_MAX};
use crate::native;
use crate::ports::{Exemplar, Measured, Metadata, Ports, Starts};

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/api/v1/import/prometheus", post(import))
}

async fn import(
    sender: Sender,
    State(doorway): State<Doorway>,
    uri: Uri,
    headers: HeaderMap,
    body: Unpacked,
) -> Result<Response> {
    let protocol = protocol(&headers, &body.0)?;
    let options = Options::read(uri.query().unwrap_or_default(), doorway.now())?;
    doorway.blocking(move |ports| store(ports, &sender.source(), &body.0, protocol, &options)).await?
}

/// What the header says; where it says nothing of use, text that ends as OpenMetrics ends is OpenMetrics.
fn protocol(headers: &HeaderMap, body: &[u8]) -> Result<Protocol> {
    let said = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    match said.map(|value| (value, Protocol::of_content_type(value))) {
        Some((_, Some(Protocol::OpenMetrics))) => Ok(Protocol::OpenMetrics),
        Some((_, Some(Protocol::MetricFamilies))) => Ok(Protocol::MetricFamilies),
        Some((value, None)) if !is_unspecific(value) => {
            let message = format!("`{value}` is no exposition format");
            let error = Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_format", message);
            Err(error.with_hint(
                "`text/plain; version=0.0.4`, `application/openmetrics-text; version=1.0.0`, or \
                 `application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited`",
            ))
        }
        _ => {
            let ends = body.trim_ascii_end().ends_with(b"\n# EOF") || body.trim_ascii_end() == b"# EOF";
            Ok(if ends { Protocol::OpenMetrics } else { Protocol::Text })
        }
    }
}

/// What curl and simple clients send when nobody told them better.
fn is_unspecific(value: &str) -> bool {
    let media_type = value.split(';').next().unwrap_or_default().trim();
    ["", "application/x-www-form-urlencoded", "application/octet-stream"].contains(&media_type)
}

struct Options {
    /// Of samples without a time.
    at_ms: i64,
    extra: Vec<(String, String)>,
}

impl Options {
    fn read(query: &str, now: Timestamp) -> Result<Self> {
        let mut options = Self { at_ms: now.as_millis(), extra: Vec::new() };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "timestamp" => {
                    options.at_ms = value.parse().map_err(|_| {
                        Error::bad_request(format!("`timestamp={value}` is not a number of milliseconds"))
                    })?;
                }
                "extra_label" => {
                    let pair = value.split_once('=').filter(|(name, _)| !name.is_empty());
                    let (name, value) = pair.ok_or_else(|| {
                        let message = format!("`extra_label={value}` is not a label");
                        Error::bad_request(message).with_hint("write it as `extra_label=env=prod`")
                    })?;
                    options.extra.push((name.to_owned(), value.to_owned()));
                }
                other => {
                    let error = Error::bad_request(format!("there is no parameter `{other}`"));
                    return Err(error.with_hint("`timestamp` and `extra_label` are known here"));
                }
            }
        }
        if options.extra.len() > EXTRA_LABELS_MAX {
            return Err(Error::bad_request(format!("more than {EXTRA_LABELS_MAX} extra labels")));
        }
        Ok(options)
    }
}

/// One series of the body, before it is lent to the store.
#[derive(Default)]
struct Row {
    labels: Vec<(String, String)>,
    samples: Vec<(i64, f64)>,
    histograms: Vec<(i64, promql::Histogram)>,
    exemplars: Vec<OwnedExemplar>,
}

/// An exemplar that outlives the reading: labels, value, epoch milliseconds.
type OwnedExemplar = (Vec<(String, String)>, f64, i64);

/// Everything of the body.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    kinds: std::collections::BTreeMap<String, Metadata>,
    samples: usize,
}

fn store(
    ports: &Ports,
    source: &str,
    body: &[u8],
    protocol: Protocol,
    options: &Options,
) -> Result<Response> {
    let mut rows = Rows::default();
    let both = Histograms { native: true, classic_too: true };
    let read = exposition::parse(body, protocol, Rules::Strict, both, |entry| rows.take(entry, options));
    read.map_err(|malformed| {
        let error = Error::new(StatusCode::BAD_REQUEST, malformed.code(), malformed.sentence());
        let hint = Refuse::hint(&malformed);
        error.with_hint(hint.unwrap_or_else(|| "nothing of the body was stored".to_owned()))
    })?;
    if rows.samples > IMPORTED_SAMPLES_MAX {
        let message = format!("the body has more than {IMPORTED_SAMPLES_MAX} samples");
        let error = Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_in_one_request", message);
        return Err(error.with_hint("send it in several requests; nothing of it was stored"));
    }
    let taken = rows.with_batch(|batch| ports.intake.take(source, batch))?;
    let meanings: Vec<(&str, Metadata)> =
        rows.kinds.iter().map(|(name, meaning)| (name.as_str(), meaning.clone())).collect();
    ports.intake.note(&meanings);
    match taken.first_refusal {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(first) => {
            let kept = taken.samples + taken.histograms;
            let message = format!("{} samples cannot be kept: {first}; {kept} were kept", taken.refused);
            Err(Error::new(StatusCode::BAD_REQUEST, "samples_refused", message))
        }
    }
}

impl Rows {
    fn take(&mut self, entry: Entry<'_, '_>, options: &Options) {
        match entry {
            Entry::Sample(sample) => {
                let Some(row) = self.row(sample.name, sample.labels, options) else { return };
                let at = sample.timestamp_ms.unwrap_or(options.at_ms);
                row.samples.push((at, sample.value));
                row.exemplars.extend(sample.exemplar.map(|exemplar| owned(exemplar, at)));
            }
            Entry::Histogram(sample) => {
                let Some(row) = self.row(sample.name, sample.labels, options) else { return };
                let at = sample.timestamp_ms.unwrap_or(options.at_ms);
                row.histograms.push((at, native::stored(sample.histogram)));
                row.exemplars.extend(sample.exemplars.iter().map(|exemplar| owned(exemplar, at)));
            }
            Entry::Type { name, kind } => self.meaning(&name).kind = kind.as_str(),
            Entry::Help { name, text } => self.meaning(&name).help = text.into_owned(),
            Entry::Unit { name, unit } => self.meaning(&name).unit = unit.into_owned(),
        }
    }

    fn meaning(&mut self, name: &str) -> &mut Metadata {
        let unknown = Metadata { kind: Kind::Unknown.as_str(), help: String::new(), unit: String::new() };
        self.kinds.entry(name.to_owned()).or_insert(unknown)
    }

    /// A new row; `None` past the limit, where the body is refused anyway.
    fn row(&mut self, name: &str, labels: &[Label<'_>], options: &Options) -> Option<&mut Row> {
        self.samples += 1;
        if self.samples > IMPORTED_SAMPLES_MAX {
            return None;
        }
        let is_replaced = |name: &str| options.extra.iter().any(|(extra, _)| extra == name);
        let own = labels.iter().filter(|(name, _)| !is_replaced(name));
        let mut all: Vec<(String, String)> =
            own.map(|(name, value)| (name.clone().into_owned(), value.clone().into_owned())).collect();
        all.push(("__name__".to_owned(), name.to_owned()));
        all.extend(options.extra.iter().filter(|(_, value)| !value.is_empty()).cloned());
        all.sort();
        all.dedup_by(|a, b| a.0 == b.0);
        self.rows.push(Row { labels: all, ..Row::default() });
        self.rows.last_mut()
    }

    fn with_batch<T>(&self, take: impl FnOnce(&[Measured<'_>]) -> T) -> T {
        let labels: Vec<Vec<(&str, &str)>> = self.rows.iter().map(|row| borrowed(&row.labels)).collect();
        let exemplars: Vec<Vec<Exemplar<'_>>> = self
            .rows
            .iter()
            .map(|row| {
                row.exemplars
                    .iter()
                    .map(|(labels, value, at_ms)| Exemplar {
                        labels: borrowed(labels),
                        value: *value,
                        at_ms: *at_ms,
                    })
                    .collect()
            })
            .collect();
        let batch: Vec<Measured<'_>> = self
            .rows
            .iter()
            .zip(labels.iter().zip(&exemplars))
            .map(|(row, (labels, exemplars))| Measured {
                labels,
                samples: &row.samples,
                histograms: &row.histograms,
                exemplars,
                starts: Starts::default(),
            })
            .collect();
        take(&batch)
    }
}

fn borrowed(labels: &[(String, String)]) -> Vec<(&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn owned(exemplar: &exposition::Exemplar<'_>, at_ms: i64) -> OwnedExemplar {
    let labels = exemplar.labels.iter();
    let mut labels: Vec<(String, String)> =
        labels.map(|(name, value)| (name.clone().into_owned(), value.clone().into_owned())).collect();
    labels.sort();
    (labels, exemplar.value, exemplar.timestamp_ms.unwrap_or(at_ms))
}
