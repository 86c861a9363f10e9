//! People and their phones. Some answer soon, some late, some sleep; they take a page, pass it on, or close it.

use std::collections::BTreeMap;

use facts::incidents::{DeclareReason, Severity};
use facts::oncall::{PageEnd, Via};
use kernel::{Actor, PageId, PersonId, Span};

use super::company;
use super::swan::Asker;
use super::{Event, World};

/// What a person does about a page.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    person: PersonId,
    page: PageId,
    deed: Deed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Acknowledge,
    PassOn,
    Close,
    DeclareIncident,
}

/// What people have in mind: how often each was rung for each page.
#[derive(Default)]
pub(super) struct Minds {
    rung: BTreeMap<(PersonId, PageId), u32>,
}

impl World {
    /// A page arrived at somebody's phone.
    pub(super) fn phone_rings(&mut self, person: PersonId, page: PageId) {
        let rung = self.minds.rung.entry((person.clone(), page)).or_default();
        *rung += 1;
        let answers = self.rng.chance(if *rung == 1 { 480 } else { 250 });
        if !answers {
            return;
        }
        let after = match self.rng.below(10) {
            0..7 => self.between(Span::from_secs(3), Span::from_mins(4)),
            _ => self.between(Span::from_mins(4), Span::from_mins(50)),
        };
        let deed = match self.rng.below(100) {
            0..86 => Deed::Acknowledge,
            86..94 => Deed::PassOn,
            _ => Deed::Close,
        };
        self.agenda.add(self.now + after, Event::PersonActs(Act { person, page, deed }));
    }

    pub(super) fn person_acts(&mut self, act: Act) {
        let actor = Actor::Person(act.person.clone());
        let page = act.page;
        let oncall: oncall::Command = match act.deed {
            Deed::Acknowledge => oncall::Command::AcknowledgePage { page, via: Via::Link },
            Deed::PassOn => oncall::Command::EscalatePage { page, reason: "not mine".to_owned() },
            Deed::Close => {
                if self.swan.is_up() {
                    self.auditor.told.closed.insert(page);
                }
                oncall::Command::ResolvePage { page, reason: PageEnd::ClosedByHand }
            }
            Deed::DeclareIncident => {
                let declare = incidents::Command::DeclareIncident {
                    service: company::any_service(&mut self.rng).into(),
                    severity: Severity::Major,
                    title: format!("what {page} is about"),
                    began_at: None,
                    reason: DeclareReason::FromPage(page),
                    groups: Vec::new(),
                    leader: None,
                };
                return self.ask(actor, declare, Asker::Person(act));
            }
        };
        self.ask(actor, oncall, Asker::Person(act));
    }

    pub(super) fn person_is_answered(&mut self, act: Act, is_accepted: bool) {
        if !is_accepted || act.deed != Deed::Acknowledge {
            return;
        }
        let deed = match self.rng.below(100) {
            0..20 => Deed::DeclareIncident,
            20..30 => Deed::PassOn,
            30..40 => Deed::Close,
            _ => return,
        };
        let after = self.between(Span::from_secs(10), Span::from_mins(20));
        self.agenda.add(self.now + after, Event::PersonActs(Act { deed, ..act }));
    }
}
