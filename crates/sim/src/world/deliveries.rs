//! Delivery and the providers behind it. A worker asks Swan whether its attempt is still wanted, speaks to the
//! provider, and reports. Providers refuse for now or for good, take their time, take a message and lose the answer,
//! lose both, take it and show it to nobody, and answer only after the attempt's lease is over.

use facts::configuration::Channel;
use facts::oncall::Purpose;
use kernel::limits::DELIVERIES_IN_FLIGHT_MAX;
use kernel::{Actor, Span, Timestamp};
use oncall::{Attempt, Outcome};

use super::swan::Asker;
use super::{Event, World};
use crate::auditor::Speaks;
use crate::promise::Seen;

/// How long a worker waits for an answer.
const WORKER_PATIENCE: Span = Span::from_secs(15);

struct Delivery {
    attempt: Attempt,
    handed_at: Timestamp,
    /// The provider shows what it takes.
    shows: bool,
}

#[derive(Default)]
pub(super) struct Providers {
    deliveries: Vec<Delivery>,
    mail_fails_until: Timestamp,
    webhooks_fail_until: Timestamp,
}

/// What the provider does with one message.
#[derive(Debug)]
enum Conduct {
    Honest { after: Span },
    Refuses { for_good: bool, retry_in: Option<Span> },
    LosesTheAnswer,
    LosesBoth,
    TakesAndDiscards,
    AnswersTooLate { takes: bool },
}

impl World {
    /// The loop let these attempts out.
    pub(super) fn handed_to_delivery(&mut self, attempts: Vec<Attempt>) {
        for attempt in attempts {
            self.swan.line.push_back(self.providers.deliveries.len());
            self.providers.deliveries.push(Delivery { attempt, handed_at: self.now, shows: true });
        }
        self.workers_take_the_next();
    }

    fn workers_take_the_next(&mut self) {
        while self.swan.in_flight.len() < DELIVERIES_IN_FLIGHT_MAX
            && let Some(delivery) = self.swan.line.pop_front()
        {
            self.swan.in_flight.insert(delivery);
            let soon = self.between(Span::ZERO, Span::from_millis(3));
            self.agenda.add(self.now + soon, Event::WorkerAsks { life: self.swan.life, delivery });
        }
    }

    fn worker_is_free(&mut self, delivery: usize) {
        self.swan.in_flight.remove(&delivery);
        self.workers_take_the_next();
    }

    pub(super) fn worker_asks(&mut self, life: u32, delivery: usize) {
        if life != self.swan.life || !self.swan.is_up() {
            return;
        }
        let Some(found) = self.providers.deliveries.get(delivery) else { return };
        self.swan.view(delivery, found.attempt.clone());
        self.wake_loop_soon();
    }

    /// Swan answered: only an attempt that is still wanted leaves the house.
    pub(super) fn worker_knows(&mut self, delivery: usize, is_wanted: bool) -> Result<(), Seen> {
        let look = self.look();
        let Some(found) = self.providers.deliveries.get(delivery) else { return Ok(()) };
        if !is_wanted {
            self.worker_is_free(delivery);
            return Ok(());
        }
        let (channel, id) = (found.attempt.channel, found.attempt.notification);
        let speaks = Speaks { attempt: &found.attempt, handed_at: found.handed_at };
        self.auditor.speaks(&speaks, look)?;
        let conduct = self.conduct(channel);
        self.tell(|| format!("{id} leaves the house, the provider {conduct:?}"));
        if matches!(conduct, Conduct::Refuses { for_good: true, .. }) {
            self.auditor.refused_for_good(id);
        }
        self.provider_acts(delivery, conduct);
        Ok(())
    }

    fn conduct(&mut self, channel: Channel) -> Conduct {
        let quick = self.between(Span::from_millis(5), Span::from_millis(300));
        let fails_until = match channel {
            Channel::Email => self.providers.mail_fails_until,
            Channel::Webhook => self.providers.webhooks_fail_until,
        };
        if self.is_calm || !self.weather.faults {
            return Conduct::Honest { after: quick };
        }
        if self.now < fails_until {
            return self.refuses(false);
        }
        match self.rng.below(100) {
            0..74 => Conduct::Honest { after: quick },
            74..79 => {
                let after = self.between(Span::from_secs(1), Span::from_secs(14));
                Conduct::Honest { after }
            }
            79..85 => self.refuses(false),
            85..87 => self.refuses(true),
            87..92 => Conduct::LosesTheAnswer,
            92..95 => Conduct::LosesBoth,
            95..97 => Conduct::TakesAndDiscards,
            _ => Conduct::AnswersTooLate { takes: self.rng.chance(600) },
        }
    }

    fn refuses(&mut self, for_good: bool) -> Conduct {
        let asks = !for_good && self.rng.chance(300);
        let retry_in = asks.then(|| self.between(Span::ZERO, Span::from_secs(90)));
        Conduct::Refuses { for_good, retry_in }
    }

    fn provider_acts(&mut self, delivery: usize, conduct: Conduct) {
        let quick = self.between(Span::from_millis(5), Span::from_millis(300));
        let is_fault = !matches!(conduct, Conduct::Honest { after } if after < Span::from_secs(1));
        self.counts.provider_faults += u64::from(is_fault);
        let took = || Outcome::HandedOver { receipt: "250 queued".to_owned() };
        let lost = || Outcome::Unknown { detail: "the connection broke".to_owned() };
        let (takes_after, answers_after, outcome) = match conduct {
            Conduct::Honest { after } => (Some(after), after, took()),
            Conduct::Refuses { for_good, retry_in } => {
                let retry_at = retry_in.map(|wait| self.now + wait);
                (None, quick, Outcome::Refused { detail: "not this time".to_owned(), for_good, retry_at })
            }
            Conduct::LosesTheAnswer => (Some(quick), WORKER_PATIENCE, lost()),
            Conduct::LosesBoth => (None, WORKER_PATIENCE, lost()),
            Conduct::TakesAndDiscards => {
                if let Some(found) = self.providers.deliveries.get_mut(delivery) {
                    found.shows = false;
                }
                (Some(quick), quick, took())
            }
            Conduct::AnswersTooLate { takes } => {
                let late = self.between(Span::from_secs(61), Span::from_mins(4));
                let taken = self.between(quick, late);
                (takes.then_some(taken), late, if takes { took() } else { lost() })
            }
        };
        if let Some(after) = takes_after {
            self.agenda.add(self.now + after, Event::ProviderTakes { delivery });
        }
        let hears = Event::WorkerHears { life: self.swan.life, delivery, outcome };
        self.agenda.add(self.now + answers_after, hears);
    }

    /// The message is with the provider. One whose sender died on the way may not have arrived whole.
    pub(super) fn provider_takes(&mut self, delivery: usize) {
        let Some(found) = self.providers.deliveries.get(delivery) else { return };
        let is_cut_off = !self.swan.in_flight.contains(&delivery);
        if is_cut_off && self.rng.chance(500) {
            return;
        }
        let (attempt, shows) = (found.attempt.clone(), found.shows);
        self.tell(|| format!("{} is taken", attempt.idempotency_key));
        self.auditor.taken(&attempt);
        if let (Purpose::Page { page, .. }, Some(person), true) = (&attempt.purpose, &attempt.person, shows) {
            self.phone_rings(person.clone(), *page);
        }
    }

    pub(super) fn worker_hears(&mut self, life: u32, delivery: usize, outcome: Outcome) {
        if life != self.swan.life || !self.swan.is_up() {
            return;
        }
        let Some(found) = self.providers.deliveries.get(delivery) else { return };
        let (notification, attempt) = (found.attempt.notification, found.attempt.attempt);
        let report = oncall::Command::RecordOutcome { notification, attempt, outcome };
        self.ask(Actor::Swan, report, Asker::Worker);
        self.worker_is_free(delivery);
    }

    pub(super) fn outage_begins(&mut self) {
        let until = self.now + self.between(Span::from_mins(1), Span::from_mins(15));
        if self.rng.chance(600) {
            self.providers.mail_fails_until = until;
        } else {
            self.providers.webhooks_fail_until = until;
        }
        self.plan_outage();
    }

    pub(super) fn plan_outage(&mut self) {
        if self.weather.faults {
            let next = self.about(Span::from_hours(4));
            self.agenda.add(self.now + next, Event::OutageBegins);
        }
    }
}
