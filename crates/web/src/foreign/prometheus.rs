//! Prometheus: queries as its clients ask them, and remote write 1.0 as its senders speak it.
//!
//! Remote write answers 204 once every sample that can be kept is in the log, 400 where some cannot be kept (the
//! others are; a sender does not repeat a 400) and 503 where the log cannot be written (a sender repeats that).

use std::sync::Mutex;

use axum::Router;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kernel::{Refuse, Span, Timestamp};
use promql::{Engine, Plan, QueryError, QueryResult, TimeRange};
use signals::remote_write::{Decoder, Refusal};

use crate::access::{Responder, Sender};
use crate::answer::{Error, Result};
use crate::body::Raw;
use crate::doors::Doorway;
use crate::ports::{Ports, SeriesSamples};

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/write", post(write))
}

/// Parameters from the query string, or from a form in the body.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn needed(&self, name: &str) -> std::result::Result<&str, Unanswered> {
        self.get(name).ok_or_else(|| Unanswered::bad_data(format!("the parameter `{name}` is missing")))
    }
}

impl FromRequest<Doorway> for Parameters {
    type Rejection = Error;
    async fn from_request(request: Request, doorway: &Doorway) -> Result<Self> {
        let in_query = request.uri().query().unwrap_or_default().to_owned();
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_form = content_type
            .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let in_body =
            if is_form { Raw::from_request(request, doorway).await?.0 } else { axum::body::Bytes::new() };
        let pairs =
            url::form_urlencoded::parse(&in_body).chain(url::form_urlencoded::parse(in_query.as_bytes()));
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }
}

/// An error in Prometheus's form.
struct Unanswered {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Unanswered {
    fn bad_data(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", message: message.into() }
    }
}

impl From<QueryError> for Unanswered {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::Refused(refusal) => {
                let kind = refusal.error_type();
                let status = match kind {
                    "bad_data" => StatusCode::BAD_REQUEST,
                    "canceled" | "timeout" => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                let hint = refusal.hint().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
                Self { status, kind, message: format!("{refusal}{hint}") }
            }
            QueryError::Source(fault) => {
                tracing::error!(%fault, "a query could not be answered");
                Self {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    kind: "internal",
                    message: fault.to_string(),
                }
            }
        }
    }
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "status": "error", "errorType": self.kind, "error": self.message });
        (self.status, axum::Json(body)).into_response()
    }
}

type Answered = std::result::Result<Response, Unanswered>;

async fn query(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    let plan = parse(&parameters)?;
    let at = parameters.get("time").map(|text| instant("time", text)).transpose()?;
    let at = at.unwrap_or_else(|| doorway.now());
    let evaluate = move |ports: &Ports, engine: Engine, is_cancelled: &dyn Fn() -> bool| {
        engine.instant(&plan, &*ports.series, at, is_cancelled)
    };
    evaluated(&doorway, &parameters, evaluate).await
}

async fn query_range(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    let plan = parse(&parameters)?;
    let start = instant("start", parameters.needed("start")?)?;
    let end = instant("end", parameters.needed("end")?)?;
    let step = span("step", parameters.needed("step")?)?;
    let evaluate = move |ports: &Ports, engine: Engine, is_cancelled: &dyn Fn() -> bool| {
        engine.range(&plan, &*ports.series, TimeRange::new(start, end), step, is_cancelled)
    };
    evaluated(&doorway, &parameters, evaluate).await
}

fn parse(parameters: &Parameters) -> std::result::Result<Plan, Unanswered> {
    Plan::parse(parameters.needed("query")?).map_err(|refusal| QueryError::Refused(refusal).into())
}

/// Evaluates on a thread that may take its time; a client that leaves, or a timeout, stops it.
async fn evaluated(
    doorway: &Doorway,
    parameters: &Parameters,
    evaluate: impl FnOnce(&Ports, Engine, &dyn Fn() -> bool) -> std::result::Result<QueryResult, QueryError>
    + Send
    + 'static,
) -> Answered {
    let mut engine = Engine::default();
    if let Some(text) = parameters.get("lookback_delta") {
        engine.lookback = span("lookback_delta", text)?;
    }
    // Dropped with the handler's future, which the server drops when the client leaves.
    let (stays, left) = tokio::sync::watch::channel(());
    let work = move |ports: &Ports| {
        let result = evaluate(ports, engine, &|| left.has_changed().is_err())?;
        let mut body = br#"{"status":"success","data":"#.to_vec();
        result.write_json(&mut body);
        body.push(b'}');
        Ok::<Vec<u8>, QueryError>(body)
    };
    let done = doorway.blocking(work).await;
    drop(stays);
    let body = done.map_err(|error| Unanswered {
        status: error.status,
        kind: "internal",
        message: error.body.error,
    })??;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Seconds since the epoch, possibly with a fraction, or RFC 3339.
fn instant(name: &str, text: &str) -> std::result::Result<Timestamp, Unanswered> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
        && seconds.abs() < 1e15
    {
        return Ok(Timestamp::from_millis((seconds * 1000.0).round() as i64));
    }
    let error = || Unanswered::bad_data(format!("invalid parameter `{name}`: `{text}` is not a time"));
    text.parse().map_err(|_| error())
}

/// Seconds, possibly with a fraction, or `1h30m`.
fn span(name: &str, text: &str) -> std::result::Result<Span, Unanswered> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
        && seconds.abs() < 1e15
    {
        return Ok(Span::from_millis((seconds * 1000.0).round() as i64));
    }
    let error = || Unanswered::bad_data(format!("invalid parameter `{name}`: `{text}` is not a duration"));
    text.parse().map_err(|_| error())
}

/// Decoders keep their buffers between requests; a few of them serve all connections.
static DECODERS: Mutex<Vec<Decoder>> = Mutex::new(Vec::new());
/// Decoders that are kept.
const DECODERS_KEPT_MAX: usize = 4;

async fn write(_: Sender, State(doorway): State<Doorway>, headers: HeaderMap, body: Raw) -> Result<Response> {
    refuse_other_versions(&headers)?;
    doorway.blocking(move |ports| store(ports, &body.0)).await?
}

fn refuse_other_versions(headers: &HeaderMap) -> Result<()> {
    let content_type = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or(""));
    if content_type.contains("io.prometheus.write.v2") {
        let message = "not supported yet: remote write 2.0";
        let error = Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_version", message);
        return Err(error.with_hint("send remote write 1.0 (`protobuf_message: prometheus.WriteRequest`)"));
    }
    let encoding =
        headers.get(header::CONTENT_ENCODING).map_or("snappy", |value| value.to_str().unwrap_or(""));
    if !encoding.eq_ignore_ascii_case("snappy") {
        let message = format!("remote write is compressed with snappy, and this body with `{encoding}`");
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", message));
    }
    Ok(())
}

fn store(ports: &Ports, body: &[u8]) -> Result<Response> {
    let mut decoder = DECODERS.lock().ok().and_then(|mut kept| kept.pop()).unwrap_or_default();
    let answer = store_with(ports, &mut decoder, body);
    if let Ok(mut kept) = DECODERS.lock()
        && kept.len() < DECODERS_KEPT_MAX
    {
        kept.push(decoder);
    }
    answer
}

fn store_with(ports: &Ports, decoder: &mut Decoder, body: &[u8]) -> Result<Response> {
    let decoded = decoder.decode(body).map_err(refused)?;
    let labels: Vec<(&str, &str)> = decoded.series().flat_map(|series| series.labels()).collect();
    let samples: Vec<(i64, f64)> = decoded
        .series()
        .flat_map(|series| series.samples().iter().map(|sample| (sample.at.as_millis(), sample.value)))
        .collect();
    let mut batch = Vec::with_capacity(decoded.series().len());
    let (mut label, mut sample) = (0, 0);
    for series in decoded.series() {
        let (labels_end, samples_end) = (label + series.labels().len(), sample + series.samples().len());
        batch.push(SeriesSamples {
            labels: &labels[label..labels_end],
            samples: &samples[sample..samples_end],
        });
        (label, sample) = (labels_end, samples_end);
    }
    let appended = ports.samples.append(&batch)?;
    let mut unkept = Vec::new();
    if decoded.refused_count > 0 {
        let first = decoded.refused.first().map_or_else(String::new, |malformed| format!(": {malformed}"));
        unkept.push(format!("{} series cannot be kept{first}", decoded.refused_count));
    }
    if let Some(first) = &appended.first_refusal {
        unkept.push(format!("{} samples cannot be kept: {first}", appended.refused));
    }
    if decoded.histograms > 0 {
        unkept.push(format!("not supported yet: {} native histograms", decoded.histograms));
    }
    if unkept.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let message = format!("{}; {} samples were kept", unkept.join("; "), appended.stored);
    Err(Error::new(StatusCode::BAD_REQUEST, "samples_refused", message))
}

fn refused(refusal: Refusal) -> Error {
    let status = match &refusal {
        Refusal::TooLarge { .. } | Refusal::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
    };
    let error = Error::new(status, refusal.code(), refusal.sentence());
    match refusal.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
