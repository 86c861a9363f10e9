//! The World and the one way in which it changes.
//!
//! A command is decided by its slice against the state of that slice, its facts are applied at once, and what those
//! facts mean to other slices is decided next, until nothing more follows. All of it is one batch, to be made durable
//! in one write before anybody hears of it. Deadlines are commands that time submits.
//!
//! Nothing here reads a clock, a file, the environment or chance: time is an argument, and the same commands at the
//! same times give the same entries. Production, replay and simulation drive this same crate.

mod command;
pub mod port;
mod quarantine;
mod react;
mod refusal;
pub mod turn;
pub mod views;
mod wake;
mod world;

use std::collections::VecDeque;

use facts::{Entry, Fact, Seq};
use kernel::{Actor, Timestamp, Wake, limits};

pub use command::Command;
pub use quarantine::{CRASHES_MAX, NotQuarantined, QuarantineCommand};
pub use refusal::Refusal;
pub use wake::WakeReason;
pub use world::World;

/// Decides, applies and reacts. Holds the World and nothing else.
#[derive(Debug, Default)]
pub struct Engine {
    world: World,
}

impl Engine {
    /// An engine whose World was restored from a snapshot, or is empty.
    pub fn new(world: World) -> Self {
        Self { world }
    }

    /// The state as of the last entry.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Applies an entry that the journal holds already.
    ///
    /// # Panics
    /// When the entry does not follow the last one: the journal's own check comes first, so this is a bug.
    pub fn replay(&mut self, entry: &Entry) {
        assert_eq!(entry.seq.0, self.world.head().0 + 1, "an entry follows the last one");
        self.world.apply(entry);
    }

    /// Decides one command and all that follows from it. The returned entries are applied, and not yet durable.
    ///
    /// Time never runs backwards here: an earlier `now` than the last entry's counts as that entry's time.
    ///
    /// # Errors
    /// The command's own refusal; then nothing has changed.
    pub fn decide(&mut self, now: Timestamp, actor: &Actor, command: Command) -> Result<Vec<Entry>, Refusal> {
        let now = now.max(self.world.last_entry_at());
        let facts = command.decide(&self.world, now, actor)?;
        Ok(self.settle(now, actor, facts))
    }

    /// The next deadline and why it exists.
    pub fn next_wake(&self) -> Option<Wake<WakeReason>> {
        wake::next(&self.world)
    }

    /// Decides a deadline that [`next_wake`](Self::next_wake) gave and that is due at `now`.
    ///
    /// # Panics
    /// When a slice does not move a deadline that it was woken for: it would be woken for ever.
    pub fn wake(&mut self, now: Timestamp, due: &Wake<WakeReason>) -> Vec<Entry> {
        let at = now.max(self.world.last_entry_at());
        let facts = due.why.clone().into_command().decide(&self.world, at, &Actor::Swan);
        let facts = facts.unwrap_or_else(|refusal| panic!("{:?} was refused: {refusal}", due.why));
        let entries = self.settle(at, &Actor::Swan, facts);
        assert!(self.next_wake().as_ref() != Some(due), "{due:?} was decided and did not move");
        entries
    }

    /// Applies facts and the reactions to them until nothing more follows.
    fn settle(&mut self, now: Timestamp, actor: &Actor, facts: Vec<Fact>) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(facts.len());
        self.record(now, actor, facts, &mut entries);
        let mut unseen = 0;
        while unseen < entries.len() {
            let reactions: VecDeque<Command> = react::react(&self.world, &entries[unseen]).into();
            unseen += 1;
            for command in reactions {
                let facts = command.decide(&self.world, now, &Actor::Swan).unwrap_or_else(|refusal| {
                    panic!("the reaction to {:?} was refused: {refusal}", entries[unseen - 1])
                });
                self.record(now, &Actor::Swan, facts, &mut entries);
            }
            assert!(entries.len() <= limits::FACTS_PER_COMMAND_MAX, "reactions do not come to an end");
        }
        entries
    }

    fn record(&mut self, at: Timestamp, actor: &Actor, facts: Vec<Fact>, entries: &mut Vec<Entry>) {
        for fact in facts {
            let entry = Entry { seq: Seq(self.world.head().0 + 1), at, actor: actor.clone(), fact };
            self.world.apply(&entry);
            entries.push(entry);
        }
    }
}
