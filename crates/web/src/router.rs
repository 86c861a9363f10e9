//! All routes behind one watch.

use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::answer::Error;
use crate::doors::{Doors, Doorway};
use crate::limits::{REQUEST_TIMEOUT, UPKEEP_TIMEOUT};
use crate::ports::Ports;
use crate::{foreign, pages, v1};

/// All routes.
pub fn router(ports: Ports, doors: Doors) -> Router {
    let doorway = Doorway::new(ports, doors);
    let routes = Router::new().merge(v1::routes()).merge(foreign::routes()).merge(pages::routes());
    routes
        .fallback(|| async { Error::not_found("such page") })
        .layer(from_fn_with_state(doorway.clone(), watch_over))
        .with_state(doorway)
}

/// Bounds how many requests are served at once and for how long, counts them, and sets what every answer carries.
async fn watch_over(State(doorway): State<Doorway>, request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let live = route.as_deref() == Some(v1::LIVE_EVENTS);
    let served = async {
        // The semaphore is never closed; a live stream holds no place, or a few of them would close the doors.
        let _place = if live { None } else { doorway.places.acquire().await.ok() };
        next.run(request).await
    };
    let mut response = match tokio::time::timeout(time_for(route.as_deref()), served).await {
        Ok(response) => response,
        Err(_) => {
            let message = "the request took too long";
            axum::response::IntoResponse::into_response(Error::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "timeout",
                message,
            ))
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let route = route.as_deref().unwrap_or("none");
    doorway.ports.own_metrics.answered(route, response.status().as_u16(), started.elapsed());
    response
}

/// How long a request of this route may take.
fn time_for(route: Option<&str>) -> Duration {
    if route.is_some_and(foreign::is_upkeep) { UPKEEP_TIMEOUT } else { REQUEST_TIMEOUT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_may_take_longer_than_a_query() {
        assert_eq!(time_for(Some("/api/v1/admin/tsdb/snapshot")), UPKEEP_TIMEOUT);
        for route in [Some("/api/v1/query"), Some("/v1/services"), None] {
            assert_eq!(time_for(route), REQUEST_TIMEOUT, "{route:?}");
        }
    }
}
