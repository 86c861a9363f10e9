//! What the server says of itself: how it was started and configured, how its store is filled, what it can.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use serde::Serialize;
use serde_json::json;

use super::answer::{Answered, Unanswered, success};
use super::gate::{Gate, QUERIES_AT_ONCE_MAX, QUERY_TIME_MAX};
use super::parameters::Parameters;
use crate::access::Responder;
use crate::doors::Doorway;
use crate::ports::Ranked;

/// The release of Prometheus whose API this is: clients decide by it what they may ask.
const ANSWERS_AS: &str = "3.14.0";
/// Rows of a list of the store's, unless a client asks for another number.
const ROWS: usize = 10;
/// The most that it may ask for.
const ROWS_MAX: usize = 10_000;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v1/status/config", get(config))
        .route("/api/v1/status/flags", get(flags))
        .route("/api/v1/status/runtimeinfo", get(runtime_info))
        .route("/api/v1/status/buildinfo", get(build_info))
        .route("/api/v1/status/tsdb", get(tsdb))
        .route("/api/v1/status/walreplay", get(wal_replay))
        .route("/api/v1/features", get(features))
}

/// The canonical configuration, without addresses and secrets. It is JSON, which is YAML too.
async fn config(_: Responder, State(doorway): State<Doorway>) -> Answered {
    let configuration = doorway.view(|world| world.configuration().cloned().unwrap_or_default()).await?;
    let text = serde_json::to_string_pretty(&configuration);
    let text = text.expect("a configuration was read from text and has text keys");
    Ok(success(&json!({ "yaml": text })))
}

async fn flags(_: Responder, State(doorway): State<Doorway>) -> Answered {
    let about = doorway.ports.process.about();
    let engine = promql::Engine::default();
    let mut flags = about.flags;
    let own = [
        ("query.lookback-delta", engine.lookback.to_string()),
        ("query.max-concurrency", QUERIES_AT_ONCE_MAX.to_string()),
        ("query.max-samples", engine.samples_max.to_string()),
        ("query.timeout", format!("{}s", QUERY_TIME_MAX.as_secs())),
        ("storage.tsdb.retention.time", about.retention.to_string()),
        ("web.enable-admin-api", "true".to_owned()),
        ("web.enable-lifecycle", "false".to_owned()),
        ("web.enable-remote-write-receiver", "true".to_owned()),
    ];
    flags.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok(success(&flags))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeInfo {
    start_time: kernel::Timestamp,
    #[serde(rename = "CWD")]
    cwd: String,
    hostname: String,
    server_time: kernel::Timestamp,
    reload_config_success: bool,
    last_config_time: String,
    corruption_count: u64,
    goroutine_count: u64,
    #[serde(rename = "GOMAXPROCS")]
    processors: usize,
    #[serde(rename = "GOMEMLIMIT")]
    memory_limit: i64,
    #[serde(rename = "GOGC")]
    collector: &'static str,
    #[serde(rename = "GODEBUG")]
    debug: &'static str,
    storage_retention: String,
}

/// Where Prometheus speaks of goroutines, Swan has threads; what is about Go's memory has no meaning here.
async fn runtime_info(_: Responder, State(doorway): State<Doorway>) -> Answered {
    let about = doorway.ports.process.about();
    let applied = doorway.blocking(|ports| {
        ports
            .journal
            .streams(&[facts::Stream::of("configuration")], 1)
            .map(|entries| entries.last().map(|e| e.at))
    });
    let applied = applied.await??;
    let retention = about.retention;
    let is_for_ever = retention == kernel::Span::ZERO;
    Ok(success(&RuntimeInfo {
        start_time: about.started_at,
        cwd: about.directory,
        hostname: about.host,
        server_time: doorway.now(),
        // A configuration that cannot be taken is refused, and the one before stays in force.
        reload_config_success: true,
        last_config_time: super::rules::written(applied),
        // A store that is damaged is not opened.
        corruption_count: 0,
        goroutine_count: about.threads,
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_limit: i64::MAX,
        collector: "",
        debug: "",
        storage_retention: if is_for_ever { String::new() } else { retention.to_string() },
    }))
}

async fn build_info(_: Responder) -> Answered {
    let build = json!({
        "version": ANSWERS_AS,
        "revision": concat!("swan ", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    Ok(success(&build))
}

#[derive(Serialize)]
struct Row {
    name: String,
    value: u64,
}

fn rows(ranked: Ranked) -> Vec<Row> {
    ranked.into_iter().map(|(name, value)| Row { name, value }).collect()
}

async fn tsdb(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    let limit = match parameters.get("limit").map(str::parse::<usize>) {
        None => ROWS,
        Some(Ok(limit)) if limit > 0 => limit.min(ROWS_MAX),
        Some(_) => return Err(Unanswered::bad_data("limit must be a positive number")),
    };
    let stats = gate.read(&doorway, None, move |ports, _| Ok(ports.storage.stats(limit)?)).await?;
    // Without a sample the times are those that no sample is before and after.
    let (oldest, newest) =
        stats.times.map_or((i64::MAX, i64::MIN), |(oldest, newest)| (oldest.as_millis(), newest.as_millis()));
    Ok(success(&json!({
        "headStats": {
            "numSeries": stats.series,
            "numLabelPairs": stats.label_pairs,
            "chunkCount": stats.chunks,
            "minTime": oldest,
            "maxTime": newest,
        },
        "seriesCountByMetricName": rows(stats.series_by_metric),
        "labelValueCountByLabelName": rows(stats.values_by_label),
        "memoryInBytesByLabelName": rows(stats.bytes_by_label),
        "seriesCountByLabelValuePair": rows(stats.series_by_pair),
    })))
}

/// The doors open once the log was read, so there is nothing left to read.
async fn wal_replay(_: Responder) -> Answered {
    Ok(success(&json!({ "min": 0, "max": 0, "current": 0 })))
}

/// What this server can, by the names of Prometheus.
async fn features(_: Responder) -> Answered {
    let can =
        |names: &[(&'static str, bool)]| -> BTreeMap<&'static str, bool> { names.iter().copied().collect() };
    Ok(success(&json!({
        "api": can(&[
            ("admin", true),
            ("exclude_alerts", true),
            ("label_values_match", true),
            ("lifecycle", false),
            ("otlp_write_receiver", false),
            ("query_stats", true),
            ("query_warnings", true),
            ("remote_write_receiver", true),
            ("search", false),
            ("time_range_labels", true),
            ("time_range_series", true),
        ]),
        "prometheus": can(&[("agent_mode", false), ("server_mode", true)]),
        "promql": can(&[("per_query_lookback_delta", true), ("per_step_stats", false)]),
        "rules": can(&[("keep_firing_for", true), ("query_offset", true)]),
    })))
}
