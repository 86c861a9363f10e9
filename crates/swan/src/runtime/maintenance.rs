//! What the samples need from time to time: their log synced every second, old ones dropped, the log bounded.

use std::sync::Arc;

use kernel::Span;
use metrics::MetricsStore;

use super::instruments::Rhythm;
use crate::clock::Clock;

/// How often the log is synced: what power loss may take at most.
const SYNC: Span = Span::from_secs(1);
/// Syncs between two looks at retention.
const RETAIN_EVERY: u64 = 600;

/// Runs until the task is dropped.
pub(crate) async fn run(store: Arc<MetricsStore>, clock: Arc<dyn Clock>) {
    let mut rhythm = Rhythm::new(SYNC, clock.now());
    for round in 1_u64.. {
        let now = rhythm.tick(&*clock).await;
        let store = Arc::clone(&store);
        let done = tokio::task::spawn_blocking(move || {
            store.sync()?;
            if round % RETAIN_EVERY == 0 {
                store.retain(now)?;
            }
            if store.is_checkpoint_due() {
                store.checkpoint()?;
            }
            Ok::<(), metrics::MaintenanceFault>(())
        });
        match done.await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => {
                let fault = super::delivery::in_full(&fault);
                tracing::error!(fault, "the samples' files could not be kept in order");
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return,
        }
    }
}
