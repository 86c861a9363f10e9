//! The loop that owns the World, on its own thread.
//!
//! It takes what waits, decides due deadlines and then commands one by one, makes all their entries durable in one
//! write, and only then answers, shows, and hands intents to delivery. A write that fails ends the loop with a fault,
//! and the process with it: nothing is known about the batch until the journal is replayed.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use engine::port::{Port, Reply, Unavailable, View};
use engine::turn::{REQUESTS_PER_TURN_MAX, Turn};
use engine::{Command, Engine};
use facts::Entry;
use journal::{AppendFault, Journal};
use kernel::limits::COMMANDS_QUEUED_MAX;
use kernel::{Actor, Timestamp};
use store::SqliteLog;

use super::crash_watch::{CrashWatch, Repeated};
use crate::clock::Clock;

/// Version of the World's snapshot form. A snapshot of another version is passed over, and the journal replayed.
pub(crate) const SNAPSHOT_VERSION: u32 = 1;
/// Entries after which the World is kept in a snapshot, so that a start replays few.
const ENTRIES_PER_SNAPSHOT: u64 = 20_000;
/// Longest sleep. A clock that was set forward while the loop slept is noticed after this at the latest.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What the loop is asked.
enum Request {
    Command(Actor, Command, Reply),
    View(View),
    Stop,
}

/// The edges' way to the loop.
#[derive(Clone)]
pub(crate) struct Handle {
    requests: SyncSender<Request>,
}

impl Handle {
    fn send(&self, request: Request) -> Result<(), Unavailable> {
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Overloaded,
            TrySendError::Disconnected(_) => Unavailable::Stopping,
        })
    }

    /// Asks the loop to stop once everything that was queued before is durable.
    pub(crate) fn stop(&self) {
        // A loop that is gone has stopped.
        _ = self.requests.send(Request::Stop);
    }
}

impl Port for Handle {
    fn submit(&self, actor: Actor, command: Command, reply: Reply) -> Result<(), Unavailable> {
        self.send(Request::Command(actor, command, reply))
    }

    fn view(&self, view: View) -> Result<(), Unavailable> {
        self.send(Request::View(view))
    }
}

/// Hears of every durable batch, on the loop's thread: it hands over and returns.
pub(crate) trait Listener: Send {
    /// These entries are durable, and this is the World after them.
    fn recorded(&mut self, world: &engine::World, entries: &[Entry]);
}

/// The loop's parts.
pub(crate) struct EngineLoop {
    engine: Engine,
    journal: Journal<SqliteLog>,
    clock: Arc<dyn Clock>,
    requests: Receiver<Request>,
    listeners: Vec<Box<dyn Listener>>,
    entries_since_snapshot: u64,
    last_now: Timestamp,
    crash_watch: CrashWatch,
}

impl EngineLoop {
    /// The loop over a replayed engine, and the handle that reaches it.
    pub(crate) fn new(
        engine: Engine,
        journal: Journal<SqliteLog>,
        clock: Arc<dyn Clock>,
        listeners: Vec<Box<dyn Listener>>,
        crash_watch: CrashWatch,
    ) -> (Self, Handle) {
        let (sender, requests) = sync_channel(COMMANDS_QUEUED_MAX);
        let last_now = clock.now();
        let entries_since_snapshot = 0;
        let this = Self {
            engine,
            journal,
            clock,
            requests,
            listeners,
            entries_since_snapshot,
            last_now,
            crash_watch,
        };
        (this, Handle { requests: sender })
    }

    /// Runs until it is stopped. The first turn takes up what was on its way when the process before ended, and leaves
    /// alone at what it ended too often.
    ///
    /// # Errors
    /// When a batch could not be made durable. The process must end.
    pub(crate) fn run(mut self) -> Result<(), AppendFault> {
        let mut turn = Turn::default();
        turn.resume(&mut self.engine, self.last_now);
        let repeated = self.crash_watch.repeated();
        for Repeated { deadline, crashes } in &repeated {
            tracing::error!(
                deadline = deadline.as_text(),
                crashes,
                "a deadline stops the process and is left alone"
            );
            turn.quarantine(&mut self.engine, self.last_now, deadline.clone(), *crashes);
        }
        self.end(turn)?;
        self.crash_watch.forget(repeated.iter().map(|repeated| &repeated.deadline));
        loop {
            let mut turn = Turn::default();
            let stop = self.gather(&mut turn);
            self.end(turn)?;
            if stop {
                self.save_snapshot();
                return Ok(());
            }
            if self.entries_since_snapshot >= ENTRIES_PER_SNAPSHOT {
                self.save_snapshot();
            }
        }
    }

    /// Takes what waits into the turn; whether it is the last one.
    fn gather(&mut self, turn: &mut Turn) -> bool {
        let first = match self.requests.recv_timeout(self.sleep()) {
            Ok(request) => Some(request),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Request::Stop),
        };
        let now = self.notice_time();
        let Self { engine, crash_watch, .. } = self;
        let woken = turn.wake(engine, now, &mut |deadline| crash_watch.begins(deadline));
        crash_watch.ended(&woken);
        for (why, facts) in woken {
            tracing::debug!(?why, facts, "woke");
        }
        let mut stop = false;
        let more = std::iter::from_fn(|| self.requests.try_recv().ok()).take(REQUESTS_PER_TURN_MAX);
        for request in first.into_iter().chain(more) {
            match request {
                Request::Command(actor, command, reply) => {
                    turn.command(&mut self.engine, now, &actor, command, reply);
                }
                Request::View(view) => turn.view(view),
                Request::Stop => stop = true,
            }
        }
        stop
    }

    fn end(&mut self, turn: Turn) -> Result<(), AppendFault> {
        let Self { engine, journal, listeners, entries_since_snapshot, .. } = self;
        turn.end(engine.world(), &mut |entries| journal.append(entries).map(|_| ()), &mut |world, entries| {
            *entries_since_snapshot += entries.len() as u64;
            for listener in listeners.iter_mut() {
                listener.recorded(world, entries);
            }
        })
    }

    fn sleep(&self) -> Duration {
        let due = self.engine.next_wake().map(|wake| (wake.at - self.clock.now()).to_std());
        due.map_or(SLEEP_MAX, |until| until.min(SLEEP_MAX))
    }

    fn notice_time(&mut self) -> Timestamp {
        let now = self.clock.now();
        if now < self.last_now - kernel::Span::from_secs(1) {
            tracing::info!(was = %self.last_now, is = %now, "the clock was set back; deadlines wait for it");
        }
        self.last_now = now;
        now
    }

    /// A snapshot only saves time at the next start, so a fault here is told and the loop goes on.
    fn save_snapshot(&mut self) {
        self.entries_since_snapshot = 0;
        let state = serde_json::to_vec(self.engine.world()).expect("the World has a JSON form");
        if let Err(fault) = self.journal.save_snapshot(SNAPSHOT_VERSION, state) {
            tracing::warn!(%fault, "no snapshot was kept; the next start replays more");
        }
    }
}
