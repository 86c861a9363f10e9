//! One walk of an escalation policy.

use std::collections::BTreeSet;

use facts::alerting::Priority;
use facts::configuration::{EscalationPolicy, EscalationStep};
use facts::oncall::{PageEnd, Responder, StepReason, Via};
use kernel::limits::ESCALATION_REPEATS_MAX;
use kernel::{Actor, GroupId, NotificationId, PageId, PolicyId, ServiceId, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::WakeReason;
use crate::limits::{LAST_RESORT_WAIT, STEP_WAIT_MAX, STEP_WAIT_MIN, STEPS_PER_POLICY_MAX};

/// An open page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Its id.
    pub id: PageId,
    /// The alert group that it is for.
    pub group: Option<GroupId>,
    /// The service that it concerns.
    pub service: Option<ServiceId>,
    /// Its priority.
    pub priority: Priority,
    /// One line.
    pub title: String,
    /// A few lines.
    pub body: String,
    /// Which policy it walks.
    pub policy_id: PolicyId,
    /// The policy as it stood when the page opened.
    pub policy: EscalationPolicy,
    /// When it opened.
    pub opened_at: Timestamp,
    /// The step whose responders were notified last.
    pub step: Option<Step>,
    /// Since when it rests because its policy ended; `None` while it walks.
    pub exhausted_at: Option<Timestamp>,
    /// Who took it.
    pub acknowledged: Option<Acknowledgement>,
    /// When it goes on unless somebody acknowledges; `None` once somebody did.
    pub deadline: Option<Timestamp>,
    /// Its notifications that are in memory.
    pub(crate) notifications: BTreeSet<NotificationId>,
    /// Where it stands, steps that were passed over included.
    pub(crate) position: Option<Position>,
    /// Whether any responder was handed a notification since the policy last began with its first step.
    pub(crate) reached_somebody: bool,
}

/// A step that notified somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Round of the policy, from 0. It counts on when an exhausted page starts again, because the keys of its
    /// notifications name it.
    pub round: u32,
    /// Step in the round, from 0; one past the last where everybody was notified as the last resort.
    pub step: u32,
    /// Whom it notified, and why them.
    pub responders: Vec<Responder>,
    /// Why the page came here.
    pub reason: StepReason,
    /// Since when.
    pub since: Timestamp,
}

/// Who took a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Which way.
    pub via: Via,
}

/// A place in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// From 0, counting on when an exhausted page starts again.
    pub round: u32,
    /// From 0.
    pub step: u32,
}

/// What happens to a page at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextMove {
    /// It goes to this step.
    Step(Position),
    /// Its policy ends.
    Exhausted,
    /// It starts again with the first step.
    StartsAgain(Position),
}

/// What stays in memory of a page that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its id.
    pub id: PageId,
    /// The alert group that it was for.
    pub group: Option<GroupId>,
    /// The service that it concerned.
    pub service: Option<ServiceId>,
    /// One line.
    pub title: String,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Who took it.
    pub acknowledged: Option<Acknowledgement>,
    /// When it was over.
    pub resolved_at: Timestamp,
    /// Why.
    pub reason: PageEnd,
}

impl Page {
    /// The policy's steps, as many as are walked.
    pub fn steps(&self) -> &[EscalationStep] {
        let walked = self.policy.steps.len().min(STEPS_PER_POLICY_MAX);
        self.policy.steps.get(..walked).unwrap_or_default()
    }

    /// The policy's step at a position; `None` for the last resort.
    pub fn step_at(&self, position: Position) -> Option<&EscalationStep> {
        self.steps().get(usize::try_from(position.step).ok()?)
    }

    /// How many rounds end in exhaustion.
    fn rounds(&self) -> u32 {
        self.policy.repeat.min(ESCALATION_REPEATS_MAX) + 1
    }

    /// The step after a position; `None` at the end of the policy.
    pub(crate) fn after(&self, position: Position) -> Option<Position> {
        let next = Position { round: position.round, step: position.step.saturating_add(1) };
        if self.step_at(next).is_some() {
            return Some(next);
        }
        let round = position.round.saturating_add(1);
        (!round.is_multiple_of(self.rounds())).then_some(Position { round, step: 0 })
    }

    /// The policy's first step, in rounds that no earlier step was in.
    pub(crate) fn start_again(&self) -> Position {
        let rounds = self.rounds();
        let begun = self.position.map_or(0, |last| last.round / rounds + 1);
        Position { round: begun.saturating_mul(rounds), step: 0 }
    }

    /// The position where everybody is notified because the steps up to this one had nobody.
    pub(crate) fn last_resort(&self, round: u32) -> Position {
        Position { round, step: u32::try_from(self.steps().len()).unwrap_or(u32::MAX) }
    }

    /// How long the responders of a position are waited for.
    pub(crate) fn wait_at(&self, position: Position) -> Span {
        self.step_at(position).map_or(LAST_RESORT_WAIT, |step| step.wait).clamp(STEP_WAIT_MIN, STEP_WAIT_MAX)
    }

    /// What happens at the deadline, and when; `None` once somebody acknowledged.
    pub fn next_move(&self) -> Option<(Timestamp, NextMove)> {
        let next = match self.position {
            Some(position) if self.exhausted_at.is_none() => {
                self.after(position).map_or(NextMove::Exhausted, NextMove::Step)
            }
            _ => NextMove::StartsAgain(self.start_again()),
        };
        self.deadline.map(|at| (at, next))
    }

    pub(crate) fn due(&self) -> Option<(Timestamp, WakeReason)> {
        self.deadline.map(|at| (at, WakeReason::StepTimeout(self.id)))
    }
}
