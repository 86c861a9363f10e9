//! The machine on which Swan runs: the production engine over the production journal, driven by the production turn.
//! The process ends before, in and after any write, and starts again by replay.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc;

use engine::port::Decided;
use engine::turn::{self, REQUESTS_PER_TURN_MAX, Turn};
use engine::{Command, Engine, Refusal};
use journal::{AppendFault, FailAppend, Journal, MemoryLog, Replayed, Snapshot};
use kernel::limits::DELIVERIES_IN_FLIGHT_MAX;
use kernel::{Actor, Rng, Span, Timestamp};
use oncall::Attempt;

use super::people::Act;
use super::{Event, OperatorAct, World};
use crate::CrashPoint;
use crate::promise::{Promise, Seen};
use crate::reference::told::{Claim, Evaluation};

const SNAPSHOT_VERSION: u32 = 1;

/// Who asked, and what they hold on to until they are answered.
pub(crate) enum Asker {
    Sender { sender: usize, claims: Vec<Claim> },
    Rules(Evaluation),
    Person(Act),
    Operator(OperatorAct),
    Worker,
}

enum Request {
    Command { number: u64, actor: Actor, command: Command },
    View { delivery: usize, attempt: Box<Attempt> },
}

/// What the turn let out, in order.
enum Released {
    Attempts(Vec<Attempt>),
    Answer(u64, Result<Decided, Refusal>),
    Wanted { delivery: usize, is_wanted: bool },
}

struct Running {
    engine: Engine,
    journal: Journal<MemoryLog>,
    entries_since_snapshot: u64,
    /// Nothing was resumed yet.
    is_fresh: bool,
}

/// A crash that waits for its point.
struct Armed {
    point: CrashPoint,
    /// The append, counted from the log's first, at which it happens.
    append: u64,
}

pub(crate) struct Swan {
    running: Option<Box<Running>>,
    resting: MemoryLog,
    /// What the process that crashed last held in memory.
    before: Option<Engine>,
    up_since: Timestamp,
    pub(super) life: u32,
    turn_at: Option<Timestamp>,
    requests: VecDeque<Request>,
    asked: BTreeMap<u64, Asker>,
    last_number: u64,
    /// Attempts that wait for a worker.
    pub(super) line: VecDeque<usize>,
    pub(super) in_flight: BTreeSet<usize>,
    armed: Option<Armed>,
    entries_per_snapshot: u64,
}

impl Swan {
    pub(super) fn new(now: Timestamp, rng: &mut Rng) -> Self {
        Self {
            running: None,
            resting: MemoryLog::new(),
            before: None,
            up_since: now,
            life: 0,
            turn_at: None,
            requests: VecDeque::new(),
            asked: BTreeMap::new(),
            last_number: 0,
            line: VecDeque::new(),
            in_flight: BTreeSet::new(),
            armed: None,
            entries_per_snapshot: 50 + rng.below(300),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn up_since(&self) -> Timestamp {
        self.up_since
    }

    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.len() >= DELIVERIES_IN_FLIGHT_MAX
    }

    /// What the pages of the console show.
    pub(super) fn shows(&self) -> Option<&engine::World> {
        self.running.as_ref().map(|running| running.engine.world())
    }

    pub(super) fn submit(&mut self, actor: Actor, command: Command, asker: Asker) {
        self.last_number += 1;
        self.asked.insert(self.last_number, asker);
        self.requests.push_back(Request::Command { number: self.last_number, actor, command });
    }

    pub(super) fn view(&mut self, delivery: usize, attempt: Attempt) {
        self.requests.push_back(Request::View { delivery, attempt: Box::new(attempt) });
    }
}

impl World {
    /// The process starts: it replays its journal, from a snapshot or from the first entry.
    pub(super) fn swan_starts(&mut self) -> Result<(), Seen> {
        let from_first = self.rng.chance(5);
        let mut log = std::mem::take(&mut self.swan.resting);
        log.set_durability(self.weather.durability);
        let (replayed, journal) = replayed(log, from_first)?;
        let (engine, entries_since_snapshot) = (replayed.state, replayed.entries);
        let before = self.swan.before.take();
        let before = before.filter(|before| before.world().head() == engine.world().head());
        if before.is_some_and(|before| before.world() != engine.world()) {
            return Err((Promise::G7, format!("the state at {} is not its replay", engine.world().head())));
        }
        self.swan.running =
            Some(Box::new(Running { engine, journal, entries_since_snapshot, is_fresh: true }));
        self.tell(|| "Swan starts".to_owned());
        self.swan.life += 1;
        self.swan.up_since = self.now;
        if self.swan.life == 1
            && let Some((append, point)) = self.weather.crash_at
        {
            self.arm(append, point);
        }
        for probe in std::mem::take(&mut self.postponed) {
            self.agenda.add(self.now, Event::Probe(probe));
        }
        self.loop_turns_at(self.now);
        Ok(())
    }

    pub(super) fn wake_loop_soon(&mut self) {
        let soon = self.between(Span::ZERO, Span::from_millis(4));
        self.loop_turns_at(self.now + soon);
    }

    fn loop_turns_at(&mut self, at: Timestamp) {
        if self.swan.turn_at.is_none_or(|planned| at < planned) {
            self.swan.turn_at = Some(at);
            self.agenda.add(at, Event::SwanTurns { at });
        }
    }

    /// One turn, as the runtime's loop has it.
    pub(super) fn swan_turns(&mut self, at: Timestamp) -> Result<(), Seen> {
        if self.swan.turn_at != Some(at) {
            return Ok(());
        }
        self.swan.turn_at = None;
        let Some(mut running) = self.swan.running.take() else { return Ok(()) };
        let (let_out, heard) = mpsc::channel();
        let turn = self.gather(&mut running, &let_out);
        let Running { engine, journal, entries_since_snapshot, .. } = &mut *running;
        let ended = turn.end(
            engine.world(),
            &mut |entries| {
                *entries_since_snapshot += entries.len() as u64;
                journal.append(entries).map(|_| ())
            },
            &mut |world, entries| _ = let_out.send(Released::Attempts(turn::attempts(world, entries))),
        );
        let released: Vec<Released> = heard.try_iter().collect();
        self.swan.running = Some(running);
        self.turn_ended(ended, released)
    }

    fn gather(&mut self, running: &mut Running, let_out: &mpsc::Sender<Released>) -> Turn {
        let mut turn = Turn::default();
        let engine = &mut running.engine;
        if std::mem::take(&mut running.is_fresh) {
            turn.resume(engine, self.now);
        }
        turn.wake(engine, self.now, &mut |_| {});
        let taken = self.swan.requests.len().min(REQUESTS_PER_TURN_MAX);
        for request in self.swan.requests.drain(..taken) {
            let let_out = let_out.clone();
            match request {
                Request::Command { number, actor, command } => {
                    let reply = move |answer| _ = let_out.send(Released::Answer(number, answer));
                    turn.command(engine, self.now, &actor, command, Box::new(reply));
                }
                Request::View { delivery, attempt } => turn.view(Box::new(move |world| {
                    let is_wanted = turn::is_wanted(world, &attempt);
                    _ = let_out.send(Released::Wanted { delivery, is_wanted });
                })),
            }
        }
        turn
    }

    fn turn_ended(&mut self, ended: Result<(), AppendFault>, released: Vec<Released>) -> Result<(), Seen> {
        if ended.is_err() {
            // Whatever got out before the write failed is out.
            self.let_out(released)?;
            return self.swan_crashes();
        }
        self.disk_is_read()?;
        let appends = self.journal().map_or(0, |journal| journal.log().appends());
        if let Some(armed) = self.swan.armed.take_if(|armed| appends >= armed.append) {
            let heard = match armed.point {
                CrashPoint::AfterAppend => 0,
                _ => self.rng.below(released.len() as u64 + 1) as usize,
            };
            self.let_out(released.into_iter().take(heard).collect())?;
            return self.swan_crashes();
        }
        self.let_out(released)?;
        self.keep_snapshot();
        self.plan_next_turn();
        Ok(())
    }

    fn journal(&self) -> Option<&Journal<MemoryLog>> {
        self.swan.running.as_ref().map(|running| &running.journal)
    }

    fn disk_is_read(&mut self) -> Result<(), Seen> {
        let Some(running) = &self.swan.running else { return Ok(()) };
        let log = running.journal.log();
        self.auditor.read(&log.entries()[..log.durable_head().seq.0 as usize])
    }

    fn let_out(&mut self, released: Vec<Released>) -> Result<(), Seen> {
        for released in released {
            match released {
                Released::Attempts(attempts) => self.handed_to_delivery(attempts),
                Released::Answer(number, answer) => self.answered(number, answer)?,
                Released::Wanted { delivery, is_wanted } => self.worker_knows(delivery, is_wanted)?,
            }
        }
        Ok(())
    }

    fn answered(&mut self, number: u64, answer: Result<Decided, Refusal>) -> Result<(), Seen> {
        let Some(asker) = self.swan.asked.remove(&number) else { return Ok(()) };
        if let (Ok(decided), Some(running)) = (&answer, &self.swan.running) {
            let log = running.journal.log();
            let durable = &log.entries()[..log.durable_head().seq.0 as usize];
            self.auditor.answered(decided.head, &decided.entries, durable)?;
        }
        match asker {
            Asker::Sender { sender, claims } => self.sender_is_answered(sender, &claims, answer.err()),
            Asker::Rules(evaluation) => self.rule_is_answered(&evaluation, answer.is_ok()),
            Asker::Person(act) => {
                self.person_is_answered(act, answer.is_ok());
                Ok(())
            }
            Asker::Operator(act) => {
                self.operator_is_answered(act, answer.is_ok());
                Ok(())
            }
            Asker::Worker => Ok(()),
        }
    }

    fn keep_snapshot(&mut self) {
        let Some(running) = &mut self.swan.running else { return };
        if running.entries_since_snapshot < self.swan.entries_per_snapshot {
            return;
        }
        running.entries_since_snapshot = 0;
        let state = serde_json::to_vec(running.engine.world()).expect("the World has a JSON form");
        running.journal.save_snapshot(SNAPSHOT_VERSION, state).expect("a log in memory keeps snapshots");
    }

    fn plan_next_turn(&mut self) {
        let Some(running) = &self.swan.running else { return };
        let due = running.engine.next_wake().map(|wake| wake.at.max(self.now));
        let next = if self.swan.requests.is_empty() { due } else { Some(self.now) };
        if let Some(at) = next {
            self.loop_turns_at(at);
        }
    }

    /// A crash is on its way: at once, or at one of the next writes.
    pub(super) fn crash_comes(&mut self) -> Result<(), Seen> {
        self.plan_crash();
        if self.is_calm || !self.swan.is_up() {
            return Ok(());
        }
        let point = *self.rng.pick(&CrashPoint::ALL).expect("there are some");
        if self.rng.chance(200) {
            return self.swan_crashes();
        }
        let nth = 1 + self.rng.below(3);
        self.arm(nth, point);
        Ok(())
    }

    fn arm(&mut self, nth: u64, point: CrashPoint) {
        let Some(running) = &mut self.swan.running else { return };
        let log = running.journal.log_mut();
        match point {
            CrashPoint::BeforeWrite => log.fail_append(nth, FailAppend::BeforeWrite),
            CrashPoint::AfterWrite => log.fail_append(nth, FailAppend::AfterWrite),
            CrashPoint::AfterSync => log.fail_append(nth, FailAppend::AfterSync),
            CrashPoint::AfterAppend | CrashPoint::WhileAnswering => {
                self.swan.armed = Some(Armed { point, append: log.appends() + nth });
            }
        }
    }

    pub(super) fn plan_crash(&mut self) {
        if let Some(mean) = self.weather.crash_every {
            let next = self.about(mean);
            self.agenda.add(self.now + next, Event::CrashComes);
        }
    }

    /// The process is gone, and with it everything that was not on the disk; sometimes the machine with it.
    pub(super) fn swan_crashes(&mut self) -> Result<(), Seen> {
        let Some(running) = self.swan.running.take() else { return Ok(()) };
        self.counts.crashes += 1;
        self.tell(|| "Swan crashes".to_owned());
        let Running { engine, journal, .. } = *running;
        let mut log = journal.into_log();
        match self.rng.below(10) {
            0..4 => log.crash(),
            4 => log.crash_keeping(self.rng.below(2) as usize),
            _ => log.crash_keeping(usize::MAX),
        }
        self.auditor.after_crash(log.entries())?;
        self.auditor.read(log.entries())?;
        self.swan.resting = log;
        self.swan.before = Some(engine);
        self.swan.armed = None;
        self.swan.turn_at = None;
        self.swan.requests.clear();
        self.swan.line.clear();
        self.swan.in_flight.clear();
        let pause = match self.rng.below(100) {
            0..80 => self.between(Span::from_millis(100), Span::from_secs(8)),
            80..97 => self.between(Span::from_secs(8), Span::from_mins(3)),
            _ => self.between(Span::from_mins(3), Span::from_mins(80)),
        };
        let calm_begins = (self.storm_ends - self.now).max(Span::from_secs(1));
        let pause = pause.min(calm_begins);
        self.counts.down_secs += pause.as_millis() as u64 / 1000;
        self.agenda.add(self.now + pause, Event::SwanStarts);
        for (_, asker) in std::mem::take(&mut self.swan.asked) {
            self.unanswered(asker);
        }
        Ok(())
    }

    /// The state in memory is what a replay from the first entry gives.
    pub(super) fn checkpoint(&mut self) -> Result<(), Seen> {
        let Some(running) = self.swan.running.as_ref().filter(|_| self.weather.checkpoints > 0) else {
            return Ok(());
        };
        let log = running.journal.log().clone();
        let (again, _) = replayed(log, true)?;
        let text = |engine: &Engine| serde_json::to_vec(engine.world()).expect("the World has a JSON form");
        if text(&running.engine) == text(&again.state) {
            self.counts.checkpoints += 1;
            return Ok(());
        }
        let head = running.engine.world().head();
        Err((Promise::G7, format!("the state at {head} is not the replay of the whole journal")))
    }
}

fn replayed(log: MemoryLog, from_first: bool) -> Result<(Replayed<Engine>, Journal<MemoryLog>), Seen> {
    let broken = |error: &dyn std::fmt::Display| (Promise::G7, format!("cannot replay: {error}"));
    let journal = Journal::open(log).map_err(|fault| broken(&fault))?;
    let mut unreadable = None;
    let restore = |snapshot: &Snapshot| {
        let state = (!from_first).then(|| serde_json::from_slice(&snapshot.state))?;
        state.map_err(|error| unreadable = Some(error)).ok().map(Engine::new)
    };
    let replayed = journal.replay(Engine::default(), restore, |engine, entry| engine.replay(&entry));
    let replayed = replayed.map_err(|fault| broken(&fault))?;
    match unreadable {
        Some(error) => Err((Promise::G7, format!("a snapshot cannot be read back: {error}"))),
        None => Ok((replayed, journal)),
    }
}
