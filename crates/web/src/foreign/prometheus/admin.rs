//! Work on the store itself, for administrators: deleting series, cleaning up after that, snapshots.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Extension, Router};

use super::answer::{Answered, Unanswered, success};
use super::gate::Gate;
use super::parameters::Parameters;
use crate::access::Admin;
use crate::doors::Doorway;

const DOORS: &str = "/api/v1/admin/tsdb";

pub(super) fn routes() -> Router<Doorway> {
    let doors = Router::new()
        .route("/delete_series", post(delete_series).put(delete_series))
        .route("/clean_tombstones", post(clean_tombstones).put(clean_tombstones))
        .route("/snapshot", post(snapshot).put(snapshot));
    Router::new().nest(DOORS, doors)
}

/// Whether a route is one of these.
pub(crate) fn is_upkeep(route: &str) -> bool {
    route.starts_with(DOORS)
}

async fn delete_series(
    _: Admin,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    if parameters.all("match[]").next().is_none() {
        return Err(Unanswered::bad_data("no match[] parameter provided"));
    }
    let range = parameters.range()?;
    let selectors =
        parameters.selectors().map_err(|refused| Unanswered::parameter("match[]", refused.message))?;
    let delete = move |ports: &crate::ports::Ports| {
        for matchers in &selectors {
            ports.storage.delete(matchers, range)?;
        }
        Ok(())
    };
    gate.keep(&doorway, delete).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn clean_tombstones(
    _: Admin,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
) -> Answered {
    gate.keep(&doorway, |ports| Ok(ports.storage.clean()?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn snapshot(
    _: Admin,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    if parameters.truth("skip_head")? {
        let problem = "not supported: a snapshot always has what is in memory";
        return Err(Unanswered::parameter("skip_head", problem));
    }
    let name = gate.keep(&doorway, |ports| Ok(ports.storage.snapshot()?)).await?;
    Ok(success(&serde_json::json!({ "name": name })))
}
