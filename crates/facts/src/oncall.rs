//! Pages, notifications and exceptions to rotations.
//!
//! A notification is an intent until it has an outcome. The key that a provider sees names incident, step and
//! contact, never the attempt, so that a repeat can be recognised as one.

use kernel::{
    ContactId, GroupId, IncidentId, NotificationId, OverrideId, PageId, PersonId, PolicyId, RotationId,
    ServiceId, Span, TeamId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::Seq;
use crate::alerting::Priority;
use crate::configuration::{Channel, EscalationPolicy};

/// What a notification is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To wake somebody.
    Page {
        /// Which page.
        page: PageId,
        /// Which round of the policy, from 0.
        round: u32,
        /// Which step, from 0.
        step: u32,
    },
    /// To tell somebody who was paged that they need not act any more.
    PageOver {
        /// Which page.
        page: PageId,
    },
    /// A high-priority group to its list.
    HighPriority {
        /// Which group.
        group: GroupId,
    },
    /// An incident's update is late; to its leader.
    UpdateOverdue {
        /// Which incident.
        incident: IncidentId,
        /// When it was due.
        due: Timestamp,
    },
    /// A deadline stops the process and is left alone; to the fallback.
    DeadlineQuarantined {
        /// The entry that says so.
        entry: Seq,
    },
}

/// Why somebody is notified in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// On call in this rotation.
    OnCall(RotationId),
    /// On call by an exception to this rotation.
    Override(OverrideId),
    /// Named by the step.
    Named,
    /// A member of the step's team.
    Team(TeamId),
}

/// Somebody whom a step notifies, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Responder {
    /// Who.
    pub person: PersonId,
    /// Why.
    pub because: Because,
}

/// Why a page is at a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepReason {
    /// The page opened.
    Opened,
    /// Nobody acknowledged within the wait of the step before.
    NobodyAcknowledged,
    /// Somebody passed it on.
    EscalatedByHand,
    /// No notification of the step before could be handed over.
    NobodyReachable,
    /// The step before had nobody on call.
    NobodyOnCall,
}

/// How a page was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The button of the page that a notification links to.
    Link,
    /// The API or the command line.
    Api,
}

/// Why a page is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageEnd {
    /// Its alerts resolved.
    AlertsResolved,
    /// A silence took its last alert.
    Silenced,
    /// Its incident was resolved.
    IncidentResolved,
    /// A person closed it.
    ClosedByHand,
}

/// Why a notification is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonReason {
    /// Its page was acknowledged or is over.
    NoLongerNeeded,
    /// The provider refuses it for good.
    RefusedForGood,
    /// All attempts failed.
    AttemptsExhausted,
    /// What it leads to when the outcome is unknown: mail to a list is not sent twice.
    OutcomeUnknown,
}

/// About pages, notifications and overrides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OncallFact {
    /// A page began to walk a policy. The policy is copied: a running page keeps what it began with.
    PageOpened {
        /// Its id.
        page: PageId,
        /// The alert group that it is for; `None` where a person opened it.
        group: Option<GroupId>,
        /// The service that it concerns.
        service: Option<ServiceId>,
        /// Always critical today; the field keeps the reason visible.
        priority: Priority,
        /// What it is about, one line.
        title: String,
        /// What else the alert says, a few lines.
        body: String,
        /// Which policy.
        policy_id: PolicyId,
        /// The policy as it stood.
        policy: EscalationPolicy,
    },
    /// The page reached a step with somebody to notify.
    StepStarted {
        /// Which page.
        page: PageId,
        /// Round of the policy, from 0.
        round: u32,
        /// Step in the round, from 0.
        step: u32,
        /// Whom it notifies.
        responders: Vec<Responder>,
        /// Why the page is here.
        reason: StepReason,
        /// When the next step begins unless somebody acknowledges; `None` on the last step of the last round.
        until: Option<Timestamp>,
    },
    /// The step has nobody on call, or nobody with a contact: the page passes on at once.
    StepSkipped {
        /// Which page.
        page: PageId,
        /// Round of the policy, from 0.
        round: u32,
        /// Step in the round, from 0.
        step: u32,
        /// What was missing, in words.
        detail: String,
    },
    /// The policy ended and nobody acknowledged. The page stays open and visible.
    PageExhausted {
        /// Which page.
        page: PageId,
    },
    /// A person took it. No notification of this page is handed over after this is durable.
    PageAcknowledged {
        /// Which page.
        page: PageId,
        /// By which way; the entry's actor is who.
        via: Via,
    },
    /// A person passed the page on to its next step.
    PageEscalated {
        /// Which page.
        page: PageId,
        /// Why, in their words.
        reason: String,
    },
    /// The page is over.
    PageResolved {
        /// Which page.
        page: PageId,
        /// Why.
        reason: PageEnd,
    },
    /// A message is to be handed to a provider.
    NotificationIntended {
        /// Its id.
        notification: NotificationId,
        /// What for.
        purpose: Purpose,
        /// To whom; `None` for a list or webhook.
        person: Option<PersonId>,
        /// Over which contact; the address is in the directory.
        contact: ContactId,
        /// The contact's channel.
        channel: Channel,
        /// What the provider sees on every attempt.
        idempotency_key: String,
        /// First line of what is said.
        subject: String,
        /// The rest.
        body: String,
    },
    /// The provider took the message.
    NotificationHandedOver {
        /// Which notification.
        notification: NotificationId,
        /// What the provider answered, shortened.
        receipt: String,
    },
    /// The provider refused the message; it is tried again at `retry_at`, unless it is abandoned.
    NotificationRefused {
        /// Which notification.
        notification: NotificationId,
        /// What the provider answered, shortened.
        detail: String,
        /// When it is tried again.
        retry_at: Option<Timestamp>,
    },
    /// Nobody knows whether the provider took the message; it is sent again at `retry_at` under the same key.
    NotificationOutcomeUnknown {
        /// Which notification.
        notification: NotificationId,
        /// What was seen, shortened.
        detail: String,
        /// When it is tried again.
        retry_at: Option<Timestamp>,
    },
    /// The next attempt is to be handed to the provider.
    NotificationRetried {
        /// Which notification.
        notification: NotificationId,
        /// Which attempt this is; the first was 1.
        attempt: u32,
    },
    /// The message is not tried again.
    NotificationAbandoned {
        /// Which notification.
        notification: NotificationId,
        /// Why.
        reason: AbandonReason,
    },
    /// Somebody takes another's place in a rotation for a while.
    OverrideAdded {
        /// Its id.
        id: OverrideId,
        /// In which rotation.
        rotation: RotationId,
        /// Who is on call instead.
        person: PersonId,
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// An exception was taken back.
    OverrideRemoved {
        /// Which.
        id: OverrideId,
    },
    /// The lease of an attempt: how long the engine waits for its outcome before it counts as unknown.
    AttemptLeaseExpired {
        /// Which notification.
        notification: NotificationId,
        /// Which attempt.
        attempt: u32,
        /// How long it was waited for.
        waited: Span,
    },
}
