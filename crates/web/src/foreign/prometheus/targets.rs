//! What is scraped, and what the metrics are said to be.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use kernel::Labels;
use serde::Serialize;

use super::answer::{Answered, Unanswered, success};
use super::parameters::{Parameters, selector};
use super::rules::{seconds, written};
use crate::access::Responder;
use crate::doors::Doorway;
use crate::ports::{ActiveTarget, Metadata, TargetHealth};

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v1/scrape_pools", get(scrape_pools))
        .route("/api/v1/targets", get(targets))
        .route("/api/v1/targets/metadata", get(target_metadata))
        .route("/api/v1/metadata", get(metadata))
}

async fn scrape_pools(_: Responder, State(doorway): State<Doorway>) -> Answered {
    Ok(success(&serde_json::json!({ "scrapePools": doorway.ports.targets.pools() })))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownTarget {
    discovered_labels: Labels,
    labels: Labels,
    scrape_pool: String,
    scrape_url: String,
    global_url: String,
    last_error: String,
    last_scrape: String,
    last_scrape_duration: serde_json::Number,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
}

impl From<ActiveTarget> for ShownTarget {
    fn from(target: ActiveTarget) -> Self {
        Self {
            discovered_labels: target.discovered,
            labels: target.labels,
            scrape_pool: target.pool,
            // Swan is not scraped through itself, so a target has the same address for everybody.
            global_url: target.url.clone(),
            scrape_url: target.url,
            last_error: target.last_error.unwrap_or_default(),
            last_scrape: written(target.last_scrape),
            last_scrape_duration: seconds(target.last_took),
            health: match target.health {
                TargetHealth::Unknown => "unknown",
                TargetHealth::Up => "up",
                TargetHealth::Down => "down",
            },
            scrape_interval: target.interval.to_string(),
            scrape_timeout: target.timeout.to_string(),
        }
    }
}

async fn targets(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    let state = parameters.get("state").unwrap_or("any").to_ascii_lowercase();
    let pool = parameters.get("scrapePool");
    let is_wanted = |of: &str| pool.is_none_or(|pool| pool == of);
    let known = &doorway.ports.targets;
    let mut answer =
        serde_json::json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": null });
    if matches!(&*state, "any" | "active") {
        let active = known.active().into_iter().filter(|target| is_wanted(&target.pool));
        let active: Vec<ShownTarget> = active.map(ShownTarget::from).collect();
        answer["activeTargets"] = serde_json::json!(active);
    }
    if matches!(&*state, "any" | "dropped") {
        let dropped = known.dropped().into_iter().filter(|target| is_wanted(&target.pool));
        let dropped = dropped.map(
            |target| serde_json::json!({ "discoveredLabels": target.discovered, "scrapePool": target.pool }),
        );
        answer["droppedTargets"] = dropped.collect();
        answer["droppedTargetCounts"] = serde_json::json!(known.dropped_counts());
    }
    Ok(success(&answer))
}

#[derive(Serialize)]
struct ShownMetadata {
    #[serde(rename = "type")]
    kind: &'static str,
    help: String,
    unit: String,
}

impl From<Metadata> for ShownMetadata {
    fn from(metadata: Metadata) -> Self {
        Self { kind: metadata.kind, help: metadata.help, unit: metadata.unit }
    }
}

#[derive(Serialize)]
struct ShownTargetMetadata {
    target: Labels,
    /// Left out where it was asked for by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(flatten)]
    metadata: ShownMetadata,
}

async fn target_metadata(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    let limit = parameters.count("limit")?.unwrap_or(usize::MAX);
    let matchers = match parameters.get("match_target") {
        Some(text) => selector(text).map_err(|problem| Unanswered::parameter("match_target", problem))?,
        None => Vec::new(),
    };
    let family = parameters.get("metric");
    let said = doorway.ports.targets.metadata(family).into_iter();
    // What came with a remote write is no target's.
    let of_targets = said.filter(|one| !one.target.is_empty());
    let wanted = of_targets.filter(|one| matchers.iter().all(|matcher| matcher.matches_labels(&one.target)));
    let shown = wanted.take(limit).map(|one| ShownTargetMetadata {
        target: one.target,
        metric: family.is_none().then_some(one.family),
        metadata: one.metadata.into(),
    });
    Ok(success(&shown.collect::<Vec<_>>()))
}

async fn metadata(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    let limit = parameters.count("limit")?.unwrap_or(usize::MAX);
    let per_metric = parameters.count("limit_per_metric")?.filter(|most| *most > 0).unwrap_or(usize::MAX);
    let mut families: BTreeMap<String, BTreeSet<Metadata>> = BTreeMap::new();
    for said in doorway.ports.targets.metadata(parameters.get("metric")) {
        let known = families.entry(said.family).or_default();
        if known.len() < per_metric {
            known.insert(said.metadata);
        }
    }
    let shown: BTreeMap<String, Vec<ShownMetadata>> = families
        .into_iter()
        .take(limit)
        .map(|(family, all)| (family, all.into_iter().map(ShownMetadata::from).collect()))
        .collect();
    Ok(success(&shown))
}
