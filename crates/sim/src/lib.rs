//! The deterministic simulation: a company, its troubles, its people and its providers on virtual time, around the
//! production engine and journal, which crash before and after every write.
//!
//! The characters: the *world* lets everything happen, drawn from one seed; *Swan* is the production code, driven
//! turn by turn as the runtime drives it; the *reference* works out a second time what Swan owes, with no code of the
//! slices; the *auditor* reads what phones and disk saw, and holds Swan to its promises.
//!
//! A run is a storm, in which everything fails, and a calm, after which nothing may be owed any more. The same seed
//! gives the same journal, byte for byte.
//!
//! Not modelled: torn or lying disks (the store's tests have them), clocks that jump, senders that disagree about one
//! alert, several nodes, and what the edges do with bytes.

mod agenda;
mod auditor;
mod promise;
mod reference;
mod storm;
mod world;

use std::fmt;

use journal::{Durability, Head};
use kernel::Span;

pub use promise::{Broken, Promise};
pub use storm::{Plan, run_plan};

/// Where the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Nothing of the batch is written.
    BeforeWrite,
    /// The batch is written, and lost if the machine stops too.
    AfterWrite,
    /// The batch is durable, and the process was told that the write failed.
    AfterSync,
    /// The batch is durable, and nothing of it was handed on.
    AfterAppend,
    /// Some of the turn's intents and replies were handed on, in their order.
    WhileAnswering,
}

impl CrashPoint {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::BeforeWrite, Self::AfterWrite, Self::AfterSync, Self::AfterAppend, Self::WhileAnswering];
}

/// How rough the world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// How long the storm lasts.
    pub duration: Span,
    /// Mean time between two troubles; each is one alert or several.
    pub trouble_every: Span,
    /// Mean time between two crashes; `None` for a process that never ends by chance.
    pub crash_every: Option<Span>,
    /// Whether providers fail.
    pub faults: bool,
    /// The first process crashes at its nth append.
    pub crash_at: Option<(u64, CrashPoint)>,
    /// What an append of the log does; anything but [`Durability::OnAppend`] breaks a promise that Swan rests on.
    pub durability: Durability,
    /// How often within the storm state is compared with a replay from the first entry; where not at all, it is not
    /// at the end either.
    pub checkpoints: u32,
    /// Whether the journal and what left the house are told on standard output.
    pub tells: bool,
}

impl Weather {
    /// Crashes and faults, for so long.
    pub fn stormy(duration: Span) -> Self {
        Self {
            duration,
            trouble_every: Span::from_secs(335),
            crash_every: Some(Span::from_secs(600)),
            faults: true,
            crash_at: None,
            durability: Durability::OnAppend,
            checkpoints: 1,
            tells: false,
        }
    }

    /// Honest providers and no crash, for so long.
    pub fn fair(duration: Span) -> Self {
        Self { crash_every: None, faults: false, ..Self::stormy(duration) }
    }
}

/// How much there was of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Simulated minutes of storm.
    pub minutes: u64,
    /// Alerts that fired.
    pub alerts: u64,
    /// Crashes of the process.
    pub crashes: u64,
    /// Seconds between a crash and the next start.
    pub down_secs: u64,
    /// Messages with which a provider did not do well.
    pub provider_faults: u64,
    /// Pages that opened.
    pub pages: u64,
    /// Pages that somebody took.
    pub acknowledgements: u64,
    /// Steps that notified somebody.
    pub steps: u64,
    /// Steps with nobody on call.
    pub empty_steps: u64,
    /// Messages that a provider took.
    pub notifications: u64,
    /// Of these, repeats of a message that was taken before.
    pub duplicates: u64,
    /// Entries of the journals.
    pub entries: u64,
    /// Comparisons of state with a replay of the whole journal.
    pub checkpoints: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.minutes += other.minutes;
        self.alerts += other.alerts;
        self.crashes += other.crashes;
        self.down_secs += other.down_secs;
        self.provider_faults += other.provider_faults;
        self.pages += other.pages;
        self.acknowledgements += other.acknowledgements;
        self.steps += other.steps;
        self.empty_steps += other.empty_steps;
        self.notifications += other.notifications;
        self.duplicates += other.duplicates;
        self.entries += other.entries;
        self.checkpoints += other.checkpoints;
    }
}

impl Counts {
    /// How often something was in a simulated hour.
    pub fn per_hour(&self, count: u64) -> f64 {
        count as f64 * 60.0 / self.minutes.max(1) as f64
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "simulated hours {:>10}", self.minutes as f64 / 60.0)?;
        for (what, count) in [
            ("alerts", self.alerts),
            ("crashes", self.crashes),
            ("provider faults", self.provider_faults),
            ("pages", self.pages),
            ("acknowledged", self.acknowledgements),
            ("steps", self.steps),
            ("empty steps", self.empty_steps),
            ("notifications", self.notifications),
            ("duplicates", self.duplicates),
            ("entries", self.entries),
        ] {
            writeln!(f, "{what:<15} {count:>10}  {:>7.1} an hour", self.per_hour(count))?;
        }
        writeln!(f, "checkpoints     {:>10}", self.checkpoints)?;
        write!(f, "down            {:>10} minutes", self.down_secs / 60)
    }
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How much there was.
    pub counts: Counts,
    /// The journal's end.
    pub head: Head,
}

/// Runs one world to its end.
///
/// # Errors
/// The first promise that was broken.
pub fn run(seed: u64, weather: Weather) -> Result<Outcome, Broken> {
    storm::caught(seed, || world::World::new(seed, weather).run(seed))
}
