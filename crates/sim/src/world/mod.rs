//! The simulated world on virtual time: a company, its troubles, its people and their phones, the providers, and the
//! machine on which Swan runs. Everything that happens is drawn from one seed.

pub(crate) mod company;
mod deliveries;
mod operators;
mod people;
mod swan;
mod troubles;

use engine::Command;
use kernel::{Actor, Rng, Span, Timestamp};

use crate::agenda::Agenda;
use crate::auditor::{Auditor, Found, Look, Probe};
use crate::promise::{Broken, Seen};
use crate::{Counts, Outcome, Weather};

use deliveries::Providers;
use operators::Act as OperatorAct;
use people::Act;
use swan::{Asker, Swan};
use troubles::Troubles;

/// How long the world stays calm at the end, so that everything that is owed can be done.
const CALM: Span = Span::from_mins(30);

/// What happens.
pub(crate) enum Event {
    /// The process starts.
    SwanStarts,
    /// Its loop turns.
    SwanTurns { at: Timestamp },
    /// A crash is on its way, at some point of the next writes.
    CrashComes,
    /// An attempt's worker asks whether it is still wanted.
    WorkerAsks { life: u32, delivery: usize },
    /// A provider has the message.
    ProviderTakes { delivery: usize },
    /// The worker hears, or gives up waiting.
    WorkerHears { life: u32, delivery: usize, outcome: oncall::Outcome },
    /// All of a channel's providers fail for a while.
    OutageBegins,
    /// Something breaks somewhere.
    TroubleBegins,
    /// The same breaks again.
    TroubleReturns(troubles::Trouble),
    /// It is mended.
    TroubleEnds(troubles::Trouble),
    /// A sender posts its alerts.
    SenderPosts { sender: usize },
    /// Swan's rules are evaluated.
    RulesAreEvaluated,
    /// A person does something about a page.
    PersonActs(Act),
    /// Somebody who runs Swan does something.
    OperatorActs(OperatorAct),
    /// The auditor looks.
    Probe(Probe),
    /// State is compared with a replay of everything.
    Checkpoint,
}

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    weather: Weather,
    agenda: Agenda<Event>,
    auditor: Auditor,
    swan: Swan,
    providers: Providers,
    troubles: Troubles,
    minds: people::Minds,
    counts: Counts,
    /// Probes that look once Swan is up again.
    postponed: Vec<Probe>,
    storm_ends: Timestamp,
    /// No more crashes, faults and troubles.
    is_calm: bool,
}

/// Days around which clocks change, and an ordinary one.
const STARTS: [&str; 5] = [
    "2026-03-07T22:00:00Z",
    "2026-03-28T20:00:00Z",
    "2026-06-10T06:00:00Z",
    "2026-10-24T19:00:00Z",
    "2026-10-31T23:00:00Z",
];

impl World {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        let mut rng = Rng::new(seed);
        let start = rng.pick(&STARTS).expect("there are five");
        let now: Timestamp = start.parse().expect("the starts are instants");
        Self {
            now,
            weather,
            agenda: Agenda::default(),
            auditor: Auditor::new(weather.tells),
            swan: Swan::new(now, &mut rng),
            providers: Providers::default(),
            troubles: Troubles::default(),
            minds: people::Minds::default(),
            counts: Counts::default(),
            postponed: Vec::new(),
            storm_ends: now + weather.duration,
            is_calm: false,
            rng,
        }
    }

    /// Runs to the end of the storm and through the calm after it.
    pub(crate) fn run(mut self, seed: u64) -> Result<Outcome, Broken> {
        let end = self.storm_ends + CALM;
        self.begin();
        let mut result = Ok(());
        while let Some((at, event)) = self.agenda.next() {
            if at > end {
                break;
            }
            assert!(at >= self.now, "the agenda goes forward");
            self.now = at;
            self.is_calm = at >= self.storm_ends;
            result = self.happens(event);
            if result.is_err() {
                break;
            }
            for (at, probe) in self.auditor.take_probes() {
                self.agenda.add(at, Event::Probe(probe));
            }
        }
        let result = result.and_then(|()| self.ends());
        match result {
            Ok(()) => Ok(Outcome { counts: self.counted(), head: self.auditor.head() }),
            Err((promise, what)) => Err(Broken { promise, seed, at: self.now, what }),
        }
    }

    fn begin(&mut self) {
        let now = self.now;
        self.agenda.add(now, Event::SwanStarts);
        self.agenda.add(now + Span::from_millis(500), Event::OperatorActs(OperatorAct::Declare));
        self.agenda.add(now + Span::from_secs(20), Event::RulesAreEvaluated);
        self.plan_trouble();
        self.plan_crash();
        self.plan_outage();
        self.plan_operators();
        let checkpoints = (1..=self.weather.checkpoints).map(i64::from);
        for nth in checkpoints {
            let part = self.weather.duration.as_millis() / i64::from(self.weather.checkpoints) * nth;
            self.agenda.add(now + Span::from_millis(part), Event::Checkpoint);
        }
    }

    fn happens(&mut self, event: Event) -> Result<(), Seen> {
        match event {
            Event::SwanStarts => self.swan_starts(),
            Event::SwanTurns { at } => self.swan_turns(at),
            Event::CrashComes => self.crash_comes(),
            Event::WorkerAsks { life, delivery } => {
                self.worker_asks(life, delivery);
                Ok(())
            }
            Event::ProviderTakes { delivery } => {
                self.provider_takes(delivery);
                Ok(())
            }
            Event::WorkerHears { life, delivery, outcome } => {
                self.worker_hears(life, delivery, outcome);
                Ok(())
            }
            Event::OutageBegins => {
                self.outage_begins();
                Ok(())
            }
            Event::TroubleBegins => {
                self.trouble_begins();
                Ok(())
            }
            Event::TroubleReturns(trouble) => {
                self.trouble_strikes(trouble);
                Ok(())
            }
            Event::TroubleEnds(trouble) => {
                self.trouble_ends(trouble);
                Ok(())
            }
            Event::SenderPosts { sender } => {
                self.sender_posts(sender);
                Ok(())
            }
            Event::RulesAreEvaluated => {
                self.rules_are_evaluated();
                Ok(())
            }
            Event::PersonActs(act) => {
                self.person_acts(act);
                Ok(())
            }
            Event::OperatorActs(act) => {
                self.operator_acts(act);
                Ok(())
            }
            Event::Probe(probe) => self.probe_looks(probe),
            Event::Checkpoint => self.checkpoint(),
        }
    }

    fn probe_looks(&mut self, probe: Probe) -> Result<(), Seen> {
        if !self.swan.is_up() {
            self.postponed.push(probe);
            return Ok(());
        }
        match self.auditor.look(probe, self.look()) {
            Found::Fine => Ok(()),
            Found::NotYet(at) => {
                self.agenda.add(at, Event::Probe(probe));
                Ok(())
            }
            Found::Late(seen) => Err(seen),
        }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.weather.tells {
            println!("{} {}", self.now, what());
        }
    }

    fn look(&self) -> Look {
        Look { now: self.now, up_since: self.swan.up_since(), is_busy: self.swan.is_busy() }
    }

    /// After the calm Swan is up, owes nothing, and is what a replay of its journal is.
    fn ends(&mut self) -> Result<(), Seen> {
        self.auditor.nothing_is_owed(self.now)?;
        self.checkpoint()
    }

    fn counted(&self) -> Counts {
        let tally = self.auditor.tally;
        Counts {
            minutes: self.weather.duration.as_millis() as u64 / 60_000,
            alerts: tally.alerts,
            pages: tally.pages,
            acknowledgements: tally.acknowledgements,
            steps: tally.steps,
            empty_steps: tally.empty_steps,
            notifications: tally.notifications,
            duplicates: tally.duplicates,
            entries: self.auditor.head().seq.0,
            ..self.counts
        }
    }

    /// Draws a time whose mean is `mean`.
    fn about(&mut self, mean: Span) -> Span {
        self.between(Span::ZERO, Span::from_millis(mean.as_millis() * 2))
    }

    fn between(&mut self, least: Span, most: Span) -> Span {
        let spread = (most - least).as_millis().max(0) as u64;
        least + Span::from_millis(self.rng.below(spread + 1) as i64)
    }

    /// Asks Swan; where it is down, the asker learns so at once.
    fn ask(&mut self, actor: Actor, command: impl Into<Command>, asker: Asker) {
        if self.swan.is_up() {
            self.swan.submit(actor, command.into(), asker);
            self.wake_loop_soon();
        } else {
            self.unanswered(asker);
        }
    }

    /// Who waited for Swan when it went down.
    fn unanswered(&mut self, asker: Asker) {
        match asker {
            Asker::Sender { sender, .. } => {
                let again = self.between(Span::from_secs(3), Span::from_secs(15));
                self.agenda.add(self.now + again, Event::SenderPosts { sender });
            }
            Asker::Person(act) => {
                let again = self.between(Span::from_secs(5), Span::from_secs(30));
                self.agenda.add(self.now + again, Event::PersonActs(act));
            }
            Asker::Operator(act) => {
                let again = self.between(Span::from_secs(5), Span::from_secs(60));
                self.agenda.add(self.now + again, Event::OperatorActs(act));
            }
            Asker::Rules(_) | Asker::Worker => {}
        }
    }
}
