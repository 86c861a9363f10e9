//! How the edges reach the engine, whichever thread it runs on.
//!
//! A command's reply and a view are released only once every entry that they rest on is durable. Callbacks run on
//! the engine's thread: they hand a value over and return.

use facts::{Entry, Seq};
use kernel::Actor;

use crate::{Command, Refusal, World};

/// What a command led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The last entry that is durable.
    pub head: Seq,
    /// The command's own entries and those that followed from it; empty where nothing changed.
    pub entries: Vec<Entry>,
}

/// Why a command or a view was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Too much is waiting; try again.
    Overloaded,
    /// The process is going down.
    Stopping,
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unavailable::Overloaded => "too many commands are waiting",
            Unavailable::Stopping => "Swan is shutting down",
        })
    }
}

impl std::error::Error for Unavailable {}

/// Receives a command's result once it is durable.
pub type Reply = Box<dyn FnOnce(Result<Decided, Refusal>) + Send>;
/// Looks at the World.
pub type View = Box<dyn FnOnce(&World) + Send>;

/// The engine as the edges see it.
pub trait Port: Send + Sync {
    /// Queues a command.
    ///
    /// # Errors
    /// When the queue is full or the engine is stopping; then the reply is never called.
    fn submit(&self, actor: Actor, command: Command, reply: Reply) -> Result<(), Unavailable>;

    /// Queues a look at the World as of a durable revision.
    ///
    /// # Errors
    /// When the queue is full or the engine is stopping; then the view is never called.
    fn view(&self, view: View) -> Result<(), Unavailable>;
}
