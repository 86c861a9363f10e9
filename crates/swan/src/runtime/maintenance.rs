//! What the samples need from time to time: their log synced every second; beside that, however long it takes, memory
//! cut into blocks, blocks merged, old ones dropped, the log bounded.
//!
//! A log that could not be written takes nothing until it is opened again, which is what the next start does: a server
//! that goes on without it would be blind, and nobody would be paged for that.

use std::sync::Arc;

use engine::World;
use facts::configuration::{self, MetricsStorage};
use facts::{Entry, Fact};
use kernel::Span;
use metrics::{MaintenanceFault, MetricsStore, OutOfOrder, Policy, SourceLimits};
use tokio::task::JoinHandle;

use super::engine_loop::Listener;
use super::instruments::Rhythm;
use crate::clock::Clock;

/// How often the log is synced: what power loss may take at most.
const SYNC: Span = Span::from_secs(1);

/// How often a store is looked at to which nothing comes; threads that wake for nothing each second add up.
const AT_REST: Span = Span::from_secs(10);

/// The store's policy, as a configuration has it.
pub(crate) fn policy(storage: &MetricsStorage) -> Policy {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let limits = |of: &configuration::SourceLimits| {
        let usual = SourceLimits::default();
        SourceLimits {
            series_max: of.series.map_or(usual.series_max, count),
            labels_max: of.labels.map_or(usual.labels_max, count),
            label_name_bytes_max: of.label_name_bytes.map_or(usual.label_name_bytes_max, count),
            label_value_bytes_max: of.label_value_bytes.map_or(usual.label_value_bytes_max, count),
        }
    };
    Policy {
        retention: storage.retention,
        retention_bytes: storage.retention_size.0,
        out_of_order: match storage.out_of_order {
            configuration::OutOfOrder::Window(window) => OutOfOrder::Window(window),
            configuration::OutOfOrder::Unlimited => OutOfOrder::Unlimited,
        },
        series_max: count(storage.series),
        exemplars_max: count(storage.exemplars),
        source: limits(&storage.source),
        sources: storage.sources.iter().map(|(name, of)| (name.clone(), limits(of))).collect(),
    }
}

/// Has the store take the policy of a configuration that takes effect.
pub(crate) struct Adopting(pub(crate) Arc<MetricsStore>);

impl Listener for Adopting {
    fn recorded(&mut self, world: &World, entries: &[Entry]) {
        let is_applied = |entry: &Entry| matches!(entry.fact, Fact::ConfigurationApplied(_));
        if let Some(configuration) = world.configuration().filter(|_| entries.iter().any(is_applied)) {
            self.0.adopt(policy(&configuration.metrics));
        }
    }
}

/// Runs until the task is dropped, or until the log failed.
pub(crate) async fn run(store: Arc<MetricsStore>, clock: Arc<dyn Clock>) -> MaintenanceFault {
    let mut rhythm = Rhythm::new(SYNC, clock.now());
    let mut tidying = None;
    let mut looks_at = clock.now();
    loop {
        let now = rhythm.tick(&*clock).await;
        if store.is_at_rest() && now < looks_at {
            continue;
        }
        looks_at = now + AT_REST;
        if tidying.as_ref().is_none_or(JoinHandle::is_finished) {
            if let Some(done) = tidying.take()
                && let Some(fault) = after(done).await
            {
                return fault;
            }
            let store = Arc::clone(&store);
            tidying = Some(tokio::task::spawn_blocking(move || store.tidy(now)));
        }
        let store = Arc::clone(&store);
        if let Some(fault) = after(tokio::task::spawn_blocking(move || store.sync())).await {
            return fault;
        }
    }
}

/// Waits for a task; gives the fault after which nothing is taken any more.
async fn after(task: JoinHandle<Result<(), MaintenanceFault>>) -> Option<MaintenanceFault> {
    match task.await {
        Ok(Ok(())) => None,
        Ok(Err(fault @ MaintenanceFault::Log(_))) => Some(fault),
        Ok(Err(fault)) => {
            let fault = crate::failure::in_full(&fault);
            tracing::error!(fault, "the samples' files could not be kept in order");
            None
        }
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is stopping.
        Err(_) => std::future::pending().await,
    }
}
