//! How the doors stand, and what every handler is given.

use std::sync::Arc;

use axum::http::StatusCode;
use engine::port::{Decided, Unavailable};
use engine::{Command, World};
use kernel::{Actor, Timestamp};
use tokio::sync::Semaphore;

use crate::answer::{Error, Result};
use crate::limits::REQUESTS_AT_ONCE_MAX;
use crate::live::Live;
use crate::ports::Ports;

/// How the doors stand.
#[derive(Debug, Clone)]
pub struct Doors {
    /// Callers on loopback need no credentials.
    pub trust_loopback: bool,
    /// Where people reach this server: `https://swan.example.com`.
    pub public_url: String,
    /// The journal as it grows, for those who follow it.
    pub live: Live,
}

/// What every handler is given.
#[derive(Clone)]
pub(crate) struct Doorway {
    pub(crate) ports: Ports,
    pub(crate) doors: Arc<Doors>,
    /// How many more requests may be served at once.
    pub(crate) places: Arc<Semaphore>,
}

impl Doorway {
    pub(crate) fn new(ports: Ports, doors: Doors) -> Self {
        let places = Arc::new(Semaphore::new(REQUESTS_AT_ONCE_MAX));
        Self { ports, doors: Arc::new(doors), places }
    }

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
