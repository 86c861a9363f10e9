//! What the samples need from time to time: their log synced every second, old ones dropped, the log bounded.
//!
//! A log that could not be written takes nothing until it is opened again, which is what the next start does: a server
//! that goes on without it would be blind, and nobody would be paged for that.

use std::sync::Arc;

use kernel::Span;
use metrics::MetricsStore;

use super::instruments::Rhythm;
use crate::clock::Clock;

/// How often the log is synced: what power loss may take at most.
const SYNC: Span = Span::from_secs(1);
/// Syncs between two looks at retention.
const RETAIN_EVERY: u64 = 600;

/// Runs until the task is dropped, or until the log failed.
pub(crate) async fn run(store: Arc<MetricsStore>, clock: Arc<dyn Clock>) -> metrics::MaintenanceFault {
    let mut rhythm = Rhythm::new(SYNC, clock.now());
    let mut round = 0_u64;
    loop {
        round += 1;
        let now = rhythm.tick(&*clock).await;
        let store = Arc::clone(&store);
        let done = tokio::task::spawn_blocking(move || {
            store.sync()?;
            if round.is_multiple_of(RETAIN_EVERY) {
                store.retain(now)?;
            }
            if store.is_checkpoint_due() {
                store.checkpoint()?;
            }
            Ok::<(), metrics::MaintenanceFault>(())
        });
        match done.await {
            Ok(Ok(())) => {}
            Ok(Err(fault @ metrics::MaintenanceFault::Log(_))) => return fault,
            Ok(Err(fault)) => {
                let fault = super::delivery::in_full(&fault);
                tracing::error!(fault, "the samples' files could not be kept in order");
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is stopping.
            Err(_) => std::future::pending().await,
        }
    }
}
