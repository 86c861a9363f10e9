use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use engine::port::{Decided, Unavailable};
use engine::{Command, World};
use kernel::{Actor, Timestamp};
use tokio::sync::{Semaphore, watch};

use crate::answer::{Error, Result};
use crate::limits::{REQUEST_TIMEOUT, REQUESTS_AT_ONCE_MAX};
use crate::ports::Ports;
use crate::{foreign, pages, v1};

/// How the doors stand.
#[derive(Debug, Clone)]
pub struct Doors {
    /// Callers on loopback need no credentials.
    pub trust_loopback: bool,
    /// Where people reach this server: `https://swan.example.com`.
    pub public_url: String,
    /// The journal's last durable entry, for pages that follow it.
    pub head: watch::Receiver<u64>,
}

/// What every handler is given.
#[derive(Clone)]
pub(crate) struct Doorway {
    pub(crate) ports: Ports,
    pub(crate) doors: Arc<Doors>,
    places: Arc<Semaphore>,
}

impl Doorway {
    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Submits a command and waits until what it led to is durable.
    pub(crate) async fn submit(&self, actor: Actor, command: impl Into<Command>) -> Result<Decided> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let reply = Box::new(move |decided| _ = sender.send(decided));
        self.ports.engine.submit(actor, command.into(), reply)?;
        Ok(receiver.await.map_err(|_| Unavailable::Stopping)??)
    }

    /// Looks at the World as of a durable revision.
    pub(crate) async fn view<T: Send + 'static>(
        &self,
        look: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.ports.engine.view(Box::new(move |world| _ = sender.send(look(world))))?;
        Ok(receiver.await.map_err(|_| Unavailable::Stopping)?)
    }

    /// Does something that takes its time, on a thread that may wait.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ports) -> T + Send + 'static,
    ) -> Result<T> {
        let ports = self.ports.clone();
        let done = tokio::task::spawn_blocking(move || work(&ports)).await;
        done.map_err(|error| Error::new(StatusCode::INTERNAL_SERVER_ERROR, "bug", error.to_string()))
    }
}

/// All routes.
pub fn router(ports: Ports, doors: Doors) -> Router {
    let places = Arc::new(Semaphore::new(REQUESTS_AT_ONCE_MAX));
    let doorway = Doorway { ports, doors: Arc::new(doors), places };
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
    let mut response = match tokio::time::timeout(REQUEST_TIMEOUT, served).await {
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
