//! How many queries are evaluated at once, how many may wait for that, and when one is given up.
//!
//! A query holds its place until its thread is done with it, also where its client has left: what was given up still
//! uses the machine until it notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kernel::Span;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::answer::{Kind, Unanswered};
use crate::doors::Doorway;
use crate::limits::REQUEST_TIMEOUT;
use crate::ports::Ports;

/// Queries that are evaluated at once.
pub(super) const QUERIES_AT_ONCE_MAX: usize = 20;
/// Queries that may wait for a place; more are answered 503.
const QUERIES_WAITING_MAX: usize = 100;
/// How long a query may wait and be evaluated, whatever it asks for. It ends before the doors give up on the request.
pub(super) const QUERY_TIME_MAX: Duration = REQUEST_TIMEOUT.saturating_sub(Duration::from_secs(2));

/// Lets queries in.
pub(super) struct Gate {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    upkeep: Arc<Semaphore>,
}

/// When a query is given up: its client left, or its time is over.
pub(super) struct Watch {
    left: watch::Receiver<()>,
    deadline: Instant,
}

impl Watch {
    /// Whether nobody wants the result any more.
    pub(super) fn is_over(&self) -> bool {
        self.left.has_changed().is_err() || Instant::now() >= self.deadline
    }

    /// Turns "cancelled" into what it was.
    fn explain(&self, unanswered: Unanswered) -> Unanswered {
        if unanswered.kind == Kind::Canceled && Instant::now() >= self.deadline {
            return Unanswered::new(Kind::Timeout, "query timed out in expression evaluation");
        }
        unanswered
    }
}

impl Gate {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(QUERIES_AT_ONCE_MAX)),
            waiting: AtomicUsize::new(0),
            upkeep: Arc::new(Semaphore::new(1)),
        })
    }

    async fn enter(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Unanswered> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _waits = Waits::begin(&self.waiting)?;
        match tokio::time::timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Unanswered::new(Kind::Unavailable, "Swan is shutting down")),
            Err(_) => Err(Unanswered::new(Kind::Timeout, "query timed out in query queue")),
        }
    }

    /// Reads samples on a thread that may take its time; a client that leaves, or the timeout, stops it.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        doorway: &Doorway,
        timeout: Option<Span>,
        work: impl FnOnce(&Ports, &Watch) -> Result<T, Unanswered> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let timeout = timeout.map_or(QUERY_TIME_MAX, |timeout| timeout.to_std().min(QUERY_TIME_MAX));
        let deadline = Instant::now() + timeout;
        let place = self.enter(deadline).await?;
        // Dropped with the handler's future, which the server drops when the client leaves.
        let (_stays, left) = watch::channel(());
        let watch = Watch { left, deadline };
        let work = move |ports: &Ports| {
            let _place = place;
            if watch.is_over() {
                return Err(watch.explain(Unanswered::new(Kind::Canceled, "query was canceled")));
            }
            work(ports, &watch).map_err(|unanswered| watch.explain(unanswered))
        };
        doorway.blocking(work).await?
    }
}

impl Gate {
    /// Works on the store's files, one work at a time; it goes on where its client leaves.
    pub(super) async fn keep<T: Send + 'static>(
        &self,
        doorway: &Doorway,
        work: impl FnOnce(&Ports) -> Result<T, Unanswered> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let Ok(place) = Arc::clone(&self.upkeep).try_acquire_owned() else {
            return Err(Unanswered::new(Kind::Unavailable, "other work on the store is under way"));
        };
        let work = move |ports: &Ports| {
            let _place = place;
            work(ports)
        };
        doorway.blocking(work).await?
    }
}

/// One that waits; its end is not forgotten where its client leaves.
struct Waits<'g>(&'g AtomicUsize);

impl<'g> Waits<'g> {
    fn begin(waiting: &'g AtomicUsize) -> Result<Self, Unanswered> {
        let waits = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= QUERIES_WAITING_MAX {
            let message = format!("{QUERIES_WAITING_MAX} queries wait already");
            return Err(Unanswered::new(Kind::Unavailable, message));
        }
        Ok(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_query_waits_for_a_place_and_not_for_ever() {
        let gate = Gate::new();
        let soon = || Instant::now() + Duration::from_secs(10);
        let mut places = Vec::new();
        for _ in 0..QUERIES_AT_ONCE_MAX {
            places.push(gate.enter(soon()).await.unwrap());
        }
        let waited = gate.enter(Instant::now()).await.unwrap_err();
        assert_eq!((waited.kind, &*waited.message), (Kind::Timeout, "query timed out in query queue"));
        places.pop();
        assert!(gate.enter(soon()).await.is_ok(), "a place was free again");
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let gate = Gate::new();
        let soon = Instant::now() + Duration::from_secs(10);
        let mut places = Vec::new();
        for _ in 0..QUERIES_AT_ONCE_MAX {
            places.push(gate.enter(soon).await.unwrap());
        }
        let waiting: Vec<_> = (0..QUERIES_WAITING_MAX)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move { gate.enter(soon).await.is_ok() })
            })
            .collect();
        while gate.waiting.load(Ordering::Relaxed) < QUERIES_WAITING_MAX {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.enter(soon).await.unwrap_err().kind, Kind::Unavailable);
        drop(places);
        for waits in waiting {
            assert!(waits.await.unwrap(), "who waited gets a place");
        }
        assert!(gate.enter(soon).await.is_ok(), "nobody waits any more");
    }
}
