//! Tells everybody which configuration is in force.

use std::sync::Arc;

use engine::World;
use facts::{Configuration, Entry, Fact};
use tokio::sync::watch;

use super::engine_loop::Listener;

/// The configuration in force, as tasks see it.
pub(crate) type InForce = Option<Arc<Configuration>>;

/// Hears of configurations that take effect.
pub(crate) struct Herald {
    in_force: watch::Sender<InForce>,
}

impl Herald {
    /// A herald, and what it tells.
    pub(crate) fn new(world: &World) -> (Self, watch::Receiver<InForce>) {
        let (in_force, told) = watch::channel(world.configuration().cloned().map(Arc::new));
        (Self { in_force }, told)
    }
}

impl Listener for Herald {
    fn recorded(&mut self, world: &World, entries: &[Entry]) {
        if entries.iter().any(|entry| matches!(entry.fact, Fact::ConfigurationApplied(_))) {
            self.in_force.send_replace(world.configuration().cloned().map(Arc::new));
        }
    }
}
