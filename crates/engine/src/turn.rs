//! One turn of the loop that owns the World: what production, and the simulation that proves its promises, both drive.
//!
//! A turn takes what waits and decides it one by one. When it [ends](Turn::end), all its entries are made durable in
//! one append; only then are they passed on, answered and shown. Where the append fails, nothing of the turn is heard
//! of by anybody, and the process is to end: whether the batch is durable is seen by replay.

use facts::{Entry, Fact};
use kernel::limits::COMMANDS_PER_BATCH_MAX;
use kernel::{Actor, Timestamp};
use oncall::Attempt;

use crate::port::{Decided, Reply, View};
use crate::{Command, Engine, QuarantineCommand, Refusal, WakeReason, World};

/// Deadlines that one turn decides; the rest come with the next one, so that commands are heard in between.
pub const WAKES_PER_TURN_MAX: usize = 256;
/// Commands and views that one turn takes; the rest come with the next one.
pub const REQUESTS_PER_TURN_MAX: usize = COMMANDS_PER_BATCH_MAX;

/// What a turn decided, and who waits for it.
#[derive(Default)]
pub struct Turn {
    entries: Vec<Entry>,
    replies: Vec<(Reply, Result<Vec<Entry>, Refusal>)>,
    views: Vec<View>,
}

impl Turn {
    /// The first thing after a start: whoever carried the attempts that stand in the journal is gone, and what is to
    /// go out again does so with this turn's entries.
    pub fn resume(&mut self, engine: &mut Engine, now: Timestamp) {
        let head = engine.world().head();
        loop {
            let resume = oncall::Command::Resume { head };
            let decided = engine.decide(now, &Actor::Swan, resume.into());
            let entries = decided.expect("resuming is never refused");
            if entries.is_empty() {
                return;
            }
            self.entries.extend(entries);
        }
    }

    /// Leaves a deadline alone, which comes before the first wake of a start.
    pub fn quarantine(&mut self, engine: &mut Engine, now: Timestamp, deadline: WakeReason, crashes: u32) {
        let command = QuarantineCommand::Quarantine { deadline, crashes };
        let decided = engine.decide(now, &Actor::Swan, command.into());
        self.entries.extend(decided.expect("a quarantine is never refused"));
    }

    /// Decides the deadlines that are due, the earliest first, at most [`WAKES_PER_TURN_MAX`] of them. `before` hears
    /// of each right before it is decided. Gives the reason of each, and to how many facts it led.
    pub fn wake(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        before: &mut dyn FnMut(&WakeReason),
    ) -> Vec<(WakeReason, usize)> {
        let mut woken = Vec::new();
        while woken.len() < WAKES_PER_TURN_MAX
            && let Some(due) = engine.next_wake().filter(|wake| wake.at <= now)
        {
            before(&due.why);
            let entries = engine.wake(now, &due);
            woken.push((due.why, entries.len()));
            self.entries.extend(entries);
        }
        woken
    }

    /// Decides a command; its reply is kept back until the turn ends.
    pub fn command(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        actor: &Actor,
        command: Command,
        reply: Reply,
    ) {
        let decided = engine.decide(now, actor, command);
        if let Ok(entries) = &decided {
            self.entries.extend_from_slice(entries);
        }
        self.replies.push((reply, decided));
    }

    /// Keeps a view back until what it will see is durable.
    pub fn view(&mut self, view: View) {
        self.views.push(view);
    }

    /// Ends the turn: appends its entries in one batch, passes them on with the World after them, then answers and
    /// shows. A turn without entries appends nothing, and its answers rest on what is durable already.
    ///
    /// # Errors
    /// The append's fault. Nothing was passed on, and every reply is dropped without having been called.
    pub fn end<F>(
        self,
        world: &World,
        append: &mut dyn FnMut(&[Entry]) -> Result<(), F>,
        recorded: &mut dyn FnMut(&World, &[Entry]),
    ) -> Result<(), F> {
        if !self.entries.is_empty() {
            append(&self.entries)?;
            recorded(world, &self.entries);
        }
        let head = world.head();
        for (reply, decided) in self.replies {
            reply(decided.map(|entries| Decided { head, entries }));
        }
        for view in self.views {
            view(world);
        }
        Ok(())
    }
}

/// The attempts among recorded entries that are to be handed over: intents and retries that nothing withdrew since.
pub fn attempts(world: &World, entries: &[Entry]) -> Vec<Attempt> {
    let of = |entry: &Entry| match &entry.fact {
        Fact::Oncall(fact) => oncall::attempt_of(fact, &world.oncall),
        _ => None,
    };
    entries.iter().filter_map(of).collect()
}

/// Whether an attempt is still to go out. A delivery worker asks this of a durable World right before it speaks to
/// the provider: whoever acknowledged while the attempt waited in line is not notified.
pub fn is_wanted(world: &World, attempt: &Attempt) -> bool {
    let due = world.oncall.notification(attempt.notification).and_then(oncall::Notification::due_attempt);
    due.is_some_and(|due| due.attempt == attempt.attempt)
}
