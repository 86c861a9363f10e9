//! Those who run Swan: they change its declarations, silence what they know of, put people in each other's place,
//! and bring incidents to an end.

use facts::alerting::Matcher;
use facts::incidents::{Audience, Phase};
use kernel::{Actor, IncidentId, OverrideId, SilenceId, Span};

use super::company;
use super::swan::Asker;
use super::{Event, World};

/// What they do.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Put a declaration into force.
    Declare,
    /// The same, out of turn.
    DeclareAtOnce,
    /// Silence something.
    Silence,
    /// End a silence early.
    Lift(SilenceId),
    /// Put somebody in another's place.
    Override,
    /// Take an exception back.
    TakeBack(OverrideId),
    /// Page somebody by hand.
    Page,
    /// See to the open incidents.
    TendIncidents,
    /// Tell customers of one.
    Update(IncidentId),
    /// It is over.
    Resolve(IncidentId),
}

impl World {
    pub(super) fn plan_operators(&mut self) {
        for act in [Act::Silence, Act::Override, Act::Page, Act::TendIncidents] {
            self.plan_again(act);
        }
    }

    fn plan_again(&mut self, act: Act) {
        let mean = match act {
            Act::Declare => Span::from_mins(150),
            Act::Silence => Span::from_mins(50),
            Act::Override => Span::from_mins(100),
            Act::Page => Span::from_mins(200),
            _ => Span::from_mins(15),
        };
        let next = self.about(mean);
        self.agenda.add(self.now + next, Event::OperatorActs(act));
    }

    pub(super) fn operator_acts(&mut self, act: Act) {
        if self.is_calm {
            return;
        }
        let actor = Actor::Person(company::any_person(&mut self.rng));
        match act {
            Act::Declare | Act::DeclareAtOnce => {
                let declared = company::declare(&mut self.rng);
                let apply = engine::Command::ApplyConfiguration(Box::new(declared));
                self.ask(Actor::Configuration, apply, Asker::Operator(act));
            }
            Act::Silence => {
                let silence = self.some_silence();
                self.ask(actor, silence, Asker::Operator(act));
            }
            Act::Lift(silence) => {
                if self.swan.is_up() {
                    self.auditor.told.lifted.insert(silence);
                }
                let lift = alerting::Command::ExpireSilence { silence };
                self.ask(actor, lift, Asker::Operator(act));
            }
            Act::Override => {
                let (rotation, person) =
                    (company::any_rotation(&mut self.rng), company::any_person(&mut self.rng));
                let from = self.now + self.between(Span::ZERO, Span::from_hours(3));
                let until = from + self.between(Span::from_mins(20), Span::from_hours(6));
                let add = oncall::Command::AddOverride { rotation, person, from, until };
                self.ask(actor, add, Asker::Operator(act));
            }
            Act::TakeBack(id) => {
                self.ask(actor, oncall::Command::RemoveOverride { id }, Asker::Operator(act));
            }
            Act::Page => {
                let service = Some(company::any_service(&mut self.rng).into());
                let (title, body) = ("please look".to_owned(), String::new());
                let open = oncall::Command::OpenPage { group: None, service, policy: None, title, body };
                self.ask(actor, open, Asker::Operator(act));
            }
            Act::TendIncidents => self.tend_incidents(),
            Act::Update(incident) => {
                let update = incidents::Command::PostUpdate {
                    incident,
                    audience: Audience::Public,
                    phase: Phase::Identified,
                    text: "we know what it is".to_owned(),
                    next_due: None,
                };
                self.ask(actor, update, Asker::Operator(act));
            }
            Act::Resolve(incident) => {
                let text = "it is over".to_owned();
                let resolve = incidents::Command::ResolveIncident { incident, text };
                self.ask(actor, resolve, Asker::Operator(act));
            }
        }
    }

    /// Sometimes for a service, sometimes for an alert, now or a little later.
    fn some_silence(&mut self) -> alerting::Command {
        let equal = |name: &str, value: &str| Matcher {
            name: name.to_owned(),
            value: value.to_owned(),
            is_regex: false,
            is_equal: true,
        };
        let service = company::any_service(&mut self.rng);
        let matchers = match self.rng.below(4) {
            0 => vec![equal("service", service)],
            1 => vec![
                Matcher { is_regex: true, ..equal("alertname", "Down|HighLatency|Errors") },
                equal("service", service),
            ],
            2 => vec![equal("alertname", "DiskFull")],
            _ => vec![equal("service", service), Matcher { is_equal: false, ..equal("severity", "page") }],
        };
        let ahead = self.rng.chance(250);
        let starts_at =
            if ahead { self.now + self.between(Span::ZERO, Span::from_mins(30)) } else { self.now };
        let lasts = self.between(Span::from_mins(2), Span::from_mins(45));
        let replaces = self.auditor.open_silences().next().filter(|_| self.rng.chance(200));
        if let Some(replaced) = replaces {
            self.auditor.told.lifted.insert(replaced);
        }
        alerting::Command::CreateSilence {
            replaces,
            matchers,
            starts_at,
            ends_at: starts_at + lasts,
            comment: "we know".to_owned(),
            created_by: "the company".to_owned(),
        }
    }

    fn tend_incidents(&mut self) {
        self.plan_again(Act::TendIncidents);
        if let Some(silence) = self.auditor.open_silences().last().filter(|_| self.rng.chance(100)) {
            self.agenda.add(self.now, Event::OperatorActs(Act::Lift(silence)));
        }
        let Some(world) = self.swan.shows() else { return };
        let open: Vec<IncidentId> = world.incidents.open().map(|incident| incident.id).collect();
        for incident in open {
            match self.rng.below(10) {
                0..3 => self.agenda.add(self.now, Event::OperatorActs(Act::Resolve(incident))),
                3..5 => self.agenda.add(self.now, Event::OperatorActs(Act::Update(incident))),
                _ => {}
            }
        }
    }

    pub(super) fn operator_is_answered(&mut self, act: Act, is_accepted: bool) {
        let is_override = matches!(act, Act::Override);
        if matches!(act, Act::Declare | Act::Silence | Act::Override | Act::Page) {
            self.plan_again(act);
        }
        if is_override && is_accepted && self.rng.chance(250) {
            let after = self.between(Span::from_mins(1), Span::from_hours(2));
            if let Some(id) = self.last_override() {
                self.agenda.add(self.now + after, Event::OperatorActs(Act::TakeBack(id)));
            }
        }
    }

    fn last_override(&self) -> Option<OverrideId> {
        self.swan.shows()?.oncall.overrides(self.now).map(|known| known.id).max()
    }
}
