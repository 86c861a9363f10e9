//! G-5: a page walks its policy step by step. Where it may go next, when, and whom it finds there is worked out here
//! from the policy that it began with, the configuration in force and the calendar.

use std::collections::{BTreeMap, BTreeSet};

use facts::configuration::{EscalationPolicy, Target};
use facts::oncall::{OncallFact, Responder};
use facts::{Entry, Seq};
use kernel::{ContactId, GroupId, PageId, PersonId, Span, Timestamp};

use super::{Auditor, Found, LATE_MAX, Look, Probe};
use crate::promise::{Promise, Seen};

/// How long a page rests whose policy ended.
const REST: Span = Span::from_mins(15);
/// How long everybody is waited for.
const LAST_RESORT_WAIT: Span = Span::from_mins(5);

/// How long a page may find nobody once the world is calm: it may rest first.
const HANDED_OVER_WITHIN: Span = Span::from_mins(20);

/// A page in the journal.
pub(super) struct Page {
    pub(super) group: Option<GroupId>,
    policy: EscalationPolicy,
    /// Round and step where it stands.
    pub(super) place: Option<(u32, u32)>,
    /// When it has to go on.
    due: Timestamp,
    rests: bool,
    pub(super) acknowledged: bool,
    pub(super) over: Option<(Seq, Timestamp)>,
    escalated: bool,
    empty_in_a_row: usize,
    /// An empty step, or the very beginning: it has to go on in the same batch.
    must_move: bool,
    /// Some person was handed a message since the policy last began.
    pub(super) reached: bool,
    /// A provider took a message for it.
    pub(super) handed_over: bool,
    opened_at: Timestamp,
    moves: u32,
}

impl Page {
    fn steps(&self) -> u32 {
        self.policy.steps.len() as u32
    }

    fn following(&self, (round, step): (u32, u32)) -> Option<(u32, u32)> {
        if step + 1 < self.steps() {
            return Some((round, step + 1));
        }
        let ends = (round + 1) % (self.policy.repeat + 1) == 0 || self.steps() == 0;
        (!ends).then_some((round + 1, 0))
    }

    fn first_again(&self, (round, _): (u32, u32)) -> (u32, u32) {
        let rounds = self.policy.repeat + 1;
        ((round / rounds + 1) * rounds, 0)
    }

    /// Where it goes next; `None` at the end of its policy.
    fn next(&self) -> Option<(u32, u32)> {
        match self.place {
            None => Some((0, 0)),
            Some(place) if self.rests => Some(self.first_again(place)),
            Some(place) if self.escalated => self.following(place).or(Some(self.first_again(place))),
            Some(place) => self.following(place),
        }
    }

    fn nobody_anywhere(&self) -> bool {
        self.empty_in_a_row >= self.policy.steps.len()
    }

    /// Whether the page may go there now: the next step, or everybody where there is none.
    fn leads_to(&self, to: (u32, u32)) -> bool {
        let everybody = to.1 == self.steps() && (self.next().is_none() || self.nobody_anywhere());
        let same_round = self.place.map_or(0, |(round, _)| round) == to.0;
        self.next() == Some(to) || (everybody && same_round)
    }

    fn wait(&self, step: u32) -> Span {
        let wait = self.policy.steps.get(step as usize).map_or(LAST_RESORT_WAIT, |step| step.wait);
        wait.max(Span::from_secs(10)).min(Span::from_days(7))
    }
}

/// Whom a step finds.
#[derive(Default)]
struct Reach {
    people: BTreeSet<PersonId>,
    contacts: BTreeSet<ContactId>,
}

impl Auditor {
    pub(super) fn page_fact(&mut self, entry: &Entry, fact: &OncallFact) -> Result<(), Seen> {
        use OncallFact as F;
        match fact {
            F::PageOpened { page, group, policy, .. } => self.page_opened(entry, *page, *group, policy),
            F::StepStarted { page, round, step, responders, until, .. } => {
                self.tally.steps += 1;
                self.step_started(entry, *page, (*round, *step), responders, *until)
            }
            F::StepSkipped { page, round, step, .. } => {
                self.tally.empty_steps += 1;
                self.step_skipped(entry, *page, (*round, *step))
            }
            F::PageExhausted { page } => self.page_exhausted(entry, *page),
            F::PageAcknowledged { page, .. } => {
                self.tally.acknowledgements += 1;
                self.change_page(*page, |page| page.acknowledged = true)
            }
            F::PageEscalated { page, .. } => {
                self.change_page(*page, |page| (page.acknowledged, page.escalated) = (false, true))
            }
            F::PageResolved { page, reason } => {
                let (id, group) = (*page, self.page(*page)?.group);
                if !self.page_may_end(group, reason) && !self.told.closed.contains(&id) {
                    return Err((Promise::G1, format!("{id} ended as {reason:?}, which is not so")));
                }
                self.change_page(id, |page| page.over = Some((entry.seq, entry.at)))
            }
            _ => Ok(()),
        }
    }

    fn page(&self, page: PageId) -> Result<&Page, Seen> {
        self.pages.get(&page).ok_or_else(|| (Promise::G5, format!("{page} never opened")))
    }

    fn change_page(&mut self, id: PageId, change: impl FnOnce(&mut Page)) -> Result<(), Seen> {
        self.page(id)?;
        self.batch.pages.insert(id);
        if let Some(page) = self.pages.get_mut(&id) {
            page.moves += 1;
            change(page);
        }
        Ok(())
    }

    fn page_opened(
        &mut self,
        entry: &Entry,
        id: PageId,
        group: Option<GroupId>,
        policy: &EscalationPolicy,
    ) -> Result<(), Seen> {
        self.tally.pages += 1;
        let mut others = self.pages.iter().filter(|(_, page)| page.over.is_none() && page.group == group);
        if let Some((other, _)) = others.next().filter(|_| group.is_some()) {
            return Err((Promise::G2, format!("{id} opened for the group that {other} is open for")));
        }
        let page = Page {
            group,
            policy: policy.clone(),
            place: None,
            due: entry.at,
            rests: false,
            acknowledged: false,
            over: None,
            escalated: false,
            empty_in_a_row: 0,
            must_move: true,
            reached: false,
            handed_over: false,
            opened_at: entry.at,
            moves: 0,
        };
        if self.pages.insert(id, page).is_some() {
            return Err((Promise::G5, format!("{id} opened twice")));
        }
        if let Some(group) = group {
            self.groups.entry(group).or_default().page = Some(id);
        }
        self.batch.pages.insert(id);
        Ok(())
    }

    /// The page may go there, and now.
    fn arrives(&self, entry: &Entry, id: PageId, to: (u32, u32)) -> Result<(), Seen> {
        let page = self.page(id)?;
        let (round, step) = to;
        if let Some((_, over)) = page.over {
            return Err((Promise::G11, format!("{id} walks on to {round}/{step}, and was over at {over}")));
        }
        if page.acknowledged {
            return Err((Promise::G4, format!("{id} walks on to {round}/{step}, and was acknowledged")));
        }
        if !page.leads_to(to) {
            let from = page.place;
            return Err((
                Promise::G5,
                format!("{id} goes from {from:?} to {round}/{step}: a step is skipped"),
            ));
        }
        self.may_move(entry, id)
    }

    fn may_move(&self, entry: &Entry, id: PageId) -> Result<(), Seen> {
        let page = self.page(id)?;
        let may = page.must_move || page.escalated || entry.at >= page.due || self.nobody_is_left(id, page);
        if may {
            return Ok(());
        }
        Err((Promise::G5, format!("{id} goes on at {}, and was to wait until {}", entry.at, page.due)))
    }

    /// Every message to the people of the page's step was given up.
    fn nobody_is_left(&self, id: PageId, page: &Page) -> bool {
        let of_step = self.messages.values().filter(|message| {
            message.is_personal
                && message.place.is_some_and(|(of, place)| of == id && Some(place) == page.place)
        });
        page.place.is_some() && !page.rests && of_step.into_iter().all(super::messages::Message::is_given_up)
    }

    fn step_started(
        &mut self,
        entry: &Entry,
        id: PageId,
        to: (u32, u32),
        responders: &[Responder],
        until: Option<Timestamp>,
    ) -> Result<(), Seen> {
        self.arrives(entry, id, to)?;
        let found = self.reach(id, to.1, entry.at)?;
        let named: BTreeSet<PersonId> = responders.iter().map(|responder| responder.person.clone()).collect();
        if named.is_empty() {
            return Err((Promise::G5, format!("{id} waits at step {to:?}, where nobody is on call")));
        }
        if named != found.people {
            let expected = found.people;
            return Err((
                Promise::G5,
                format!("{id} notifies {named:?} at {to:?}, on call are {expected:?}"),
            ));
        }
        let due = entry.at + self.page(id)?.wait(to.1);
        if until.is_some_and(|until| until != due) {
            return Err((Promise::G5, format!("{id} waits at {to:?} until {until:?} instead of {due}")));
        }
        self.batch.contacts.insert((id, to.0, to.1), found.contacts);
        self.goes_on_at(id, due, |page| {
            page.place = Some(to);
            (page.rests, page.escalated, page.must_move, page.empty_in_a_row) = (false, false, false, 0);
        })
    }

    fn step_skipped(&mut self, entry: &Entry, id: PageId, to: (u32, u32)) -> Result<(), Seen> {
        self.arrives(entry, id, to)?;
        let found = self.reach(id, to.1, entry.at)?;
        if let Some(person) = found.people.first() {
            return Err((Promise::G5, format!("{id} passes over {to:?}, where {person} is on call")));
        }
        self.batch.contacts.insert((id, to.0, to.1), found.contacts);
        self.change_page(id, |page| {
            page.place = Some(to);
            (page.rests, page.escalated, page.must_move) = (false, false, true);
            page.empty_in_a_row += 1;
        })
    }

    fn page_exhausted(&mut self, entry: &Entry, id: PageId) -> Result<(), Seen> {
        self.may_move(entry, id)?;
        let page = self.page(id)?;
        if page.next().is_some() && !page.nobody_anywhere() {
            return Err((Promise::G5, format!("{id} gives up at {:?}, before its policy's end", page.place)));
        }
        let asked_everybody = page.place.is_some_and(|(_, step)| step == page.steps());
        if !page.reached && !asked_everybody {
            return Err((Promise::G1, format!("{id} gives up, and nobody at all was reached")));
        }
        self.goes_on_at(id, entry.at + REST, |page| {
            (page.rests, page.escalated, page.must_move, page.reached) = (true, false, false, false);
            page.empty_in_a_row = 0;
        })
    }

    fn goes_on_at(&mut self, id: PageId, due: Timestamp, change: impl FnOnce(&mut Page)) -> Result<(), Seen> {
        self.change_page(id, |page| {
            change(page);
            page.due = due;
        })?;
        let moves = self.page(id)?.moves;
        self.probe(due + LATE_MAX, Probe::PageGoesOn(id, moves));
        Ok(())
    }

    fn reach(&mut self, id: PageId, step: u32, at: Timestamp) -> Result<Reach, Seen> {
        let page = self.pages.get(&id).ok_or_else(|| (Promise::G5, format!("{id} never opened")))?;
        let Some(config) = &self.configuration else { return Ok(Reach::default()) };
        let mut reach = Reach::default();
        let mut asked: Vec<PersonId> = Vec::new();
        match page.policy.steps.get(step as usize) {
            None => asked.extend(config.people.keys().cloned()),
            Some(step) => {
                for target in &step.notify {
                    match target {
                        Target::Rotation(id) => {
                            asked.extend(self.calendar.on_call(id, config, &self.exceptions, at));
                        }
                        Target::User(person) => asked.push(person.clone()),
                        Target::Team(team) => {
                            asked.extend(config.teams.get(team).into_iter().flatten().cloned())
                        }
                        Target::Webhook(name) => {
                            reach
                                .contacts
                                .extend(config.webhooks.get(name).map(|contact| contact.id.clone()));
                        }
                    }
                }
            }
        }
        for person in asked {
            let contacts = config.people.get(&person).map_or(&[][..], |person| &person.contacts);
            if !contacts.is_empty() {
                reach.people.insert(person);
                reach.contacts.extend(contacts.iter().map(|contact| contact.id.clone()));
            }
        }
        Ok(reach)
    }

    pub(super) fn page_goes_on(&self, id: PageId, moves: u32, look: Look) -> Found {
        let Some(page) = self.pages.get(&id) else { return Found::Fine };
        if page.moves != moves || page.acknowledged || page.over.is_some() {
            return Found::Fine;
        }
        let from = page.place;
        look.judge(page.due, || {
            (Promise::G5, format!("{id} stands at {from:?} and was to go on at {}", page.due))
        })
    }

    /// What an empty step leads to, and what an escalation by hand leads to, is in the same batch.
    pub(super) fn pages_stand_somewhere(&self, pages: &BTreeSet<PageId>) -> Result<(), Seen> {
        for id in pages {
            let page = self.page(*id)?;
            if (page.must_move || page.escalated) && !page.acknowledged && page.over.is_none() {
                return Err((
                    Promise::G5,
                    format!("{id} stays at {:?}, where nobody is on call", page.place),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn everybody_of_a_step_is_notified(
        &self,
        steps: &BTreeMap<(PageId, u32, u32), BTreeSet<ContactId>>,
    ) -> Result<(), Seen> {
        for ((page, round, step), contacts) in steps {
            let unnotified = contacts.iter().find(|contact| {
                !self.places.contains_key(&(*page, *round, *step, ContactId::clone(contact)))
            });
            if let Some(contact) = unnotified {
                return Err((Promise::G5, format!("{page} at {round}/{step} does not notify {contact}")));
            }
        }
        Ok(())
    }

    pub(super) fn every_page_was_handed_over(&self, now: Timestamp) -> Result<(), Seen> {
        let lost = self.pages.iter().find(|(_, page)| {
            let is_open = !page.acknowledged && page.over.is_none();
            is_open && !page.handed_over && page.opened_at + HANDED_OVER_WITHIN < now
        });
        match lost {
            Some((id, _)) => Err((Promise::G1, format!("{id} is open, and nobody was handed it"))),
            None => Ok(()),
        }
    }
}
