//! The loop that owns the World, on its own thread.
//!
//! It takes what waits, decides due deadlines and then commands one by one, makes all their entries durable in one
//! write, and only then answers, shows, and hands intents to delivery. A write that fails ends the loop with a fault,
//! and the process with it: nothing is known about the batch until the journal is replayed.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use engine::port::{Decided, Port, Reply, Unavailable, View};
use engine::{Command, Engine, Refusal};
use facts::{Entry, Fact};
use journal::{AppendFault, Journal};
use kernel::limits::{COMMANDS_PER_BATCH_MAX, COMMANDS_QUEUED_MAX};
use kernel::{Actor, Timestamp};
use store::SqliteLog;

use crate::clock::Clock;

/// Version of the World's snapshot form. A snapshot of another version is passed over, and the journal replayed.
pub(crate) const SNAPSHOT_VERSION: u32 = 1;
/// Entries after which the World is kept in a snapshot, so that a start replays few.
const ENTRIES_PER_SNAPSHOT: u64 = 20_000;
/// Deadlines that one batch decides; the rest come with the next batch, so that commands are heard in between.
const WAKES_PER_BATCH_MAX: usize = 256;
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
}

/// One turn's work, between taking requests and answering them.
#[derive(Default)]
struct Turn {
    entries: Vec<Entry>,
    replies: Vec<(Reply, Result<Vec<Entry>, Refusal>)>,
    views: Vec<View>,
    stop: bool,
}

impl EngineLoop {
    /// The loop over a replayed engine, and the handle that reaches it.
    pub(crate) fn new(
        engine: Engine,
        journal: Journal<SqliteLog>,
        clock: Arc<dyn Clock>,
        listeners: Vec<Box<dyn Listener>>,
    ) -> (Self, Handle) {
        let (sender, requests) = sync_channel(COMMANDS_QUEUED_MAX);
        let last_now = clock.now();
        let this = Self { engine, journal, clock, requests, listeners, entries_since_snapshot: 0, last_now };
        (this, Handle { requests: sender })
    }

    /// Runs until it is stopped.
    ///
    /// # Errors
    /// When a batch could not be made durable. The process must end.
    pub(crate) fn run(mut self) -> Result<(), AppendFault> {
        loop {
            let mut turn = Turn::default();
            self.gather(&mut turn);
            self.make_durable(turn.entries.as_slice())?;
            let stop = turn.stop;
            self.release(turn);
            if stop {
                self.save_snapshot();
                return Ok(());
            }
        }
    }

    fn gather(&mut self, turn: &mut Turn) {
        let first = match self.requests.recv_timeout(self.sleep()) {
            Ok(request) => Some(request),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Request::Stop),
        };
        let now = self.notice_time();
        for _ in 0..WAKES_PER_BATCH_MAX {
            let Some((why, entries)) = self.engine.wake(now) else { break };
            tracing::debug!(?why, facts = entries.len(), "woke");
            turn.entries.extend(entries);
        }
        let more = std::iter::from_fn(|| self.requests.try_recv().ok()).take(COMMANDS_PER_BATCH_MAX);
        for request in first.into_iter().chain(more) {
            match request {
                Request::Command(actor, command, reply) => {
                    let decided = self.engine.decide(now, &actor, command);
                    if let Ok(entries) = &decided {
                        turn.entries.extend_from_slice(entries);
                    }
                    turn.replies.push((reply, decided));
                }
                Request::View(view) => turn.views.push(view),
                Request::Stop => turn.stop = true,
            }
        }
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

    fn make_durable(&mut self, entries: &[Entry]) -> Result<(), AppendFault> {
        if entries.is_empty() {
            return Ok(());
        }
        self.journal.append(entries)?;
        for listener in &mut self.listeners {
            listener.recorded(self.engine.world(), entries);
        }
        self.entries_since_snapshot += entries.len() as u64;
        if self.entries_since_snapshot >= ENTRIES_PER_SNAPSHOT {
            self.save_snapshot();
        }
        Ok(())
    }

    fn release(&mut self, turn: Turn) {
        let head = self.engine.world().head();
        for (reply, decided) in turn.replies {
            reply(decided.map(|entries| Decided { head, entries }));
        }
        for view in turn.views {
            view(self.engine.world());
        }
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

/// The attempts among these entries that are to be handed over: intents and retries that nothing withdrew since.
pub(crate) fn attempts(world: &engine::World, entries: &[Entry]) -> Vec<oncall::Attempt> {
    let of = |entry: &Entry| match &entry.fact {
        Fact::Oncall(fact) => oncall::attempt_of(fact, &world.oncall),
        _ => None,
    };
    entries.iter().filter_map(of).collect()
}
