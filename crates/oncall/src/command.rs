use facts::Seq;
use facts::oncall::{PageEnd, Purpose, Via};
use kernel::{
    ContactId, GroupId, NotificationId, OverrideId, PageId, PersonId, PolicyId, RotationId, ServiceId,
    Timestamp,
};
use serde::{Deserialize, Serialize};

/// What the on-call slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Start walking a policy. A group that already has an open page keeps it: its new alerts are news for those
    /// already notified, not a second page.
    OpenPage {
        /// The alert group that it is for.
        group: Option<GroupId>,
        /// The service that it concerns.
        service: Option<ServiceId>,
        /// Which policy; `None` takes the service's, else the one named `default`, else every person at once.
        policy: Option<PolicyId>,
        /// One line.
        title: String,
        /// A few lines.
        body: String,
    },
    /// A person takes the page. Repeating it is harmless.
    AcknowledgePage {
        /// Which page.
        page: PageId,
        /// Which way.
        via: Via,
    },
    /// A person passes the page on to its next step at once. An acknowledged page is nobody's again and walks on; at
    /// the end of its policy it starts again with the first step.
    EscalatePage {
        /// Which page.
        page: PageId,
        /// Why.
        reason: String,
    },
    /// The page is over. Repeating it is harmless.
    ResolvePage {
        /// Which page.
        page: PageId,
        /// Why.
        reason: PageEnd,
    },
    /// The page of a group is over, if the group has one.
    ResolvePageOfGroup {
        /// Which group.
        group: GroupId,
        /// Why.
        reason: PageEnd,
    },
    /// Tell a list, or a person over all their contacts, something that is not a page.
    Tell {
        /// To whom.
        audience: Audience,
        /// What for; also the root of the idempotency key.
        purpose: Purpose,
        /// First line.
        subject: String,
        /// The rest.
        body: String,
    },
    /// What became of one attempt at a notification. A report that comes too late changes nothing, but that the
    /// provider took the message is recorded whenever it is learned, whichever attempt it was.
    RecordOutcome {
        /// Which notification.
        notification: NotificationId,
        /// Which attempt, from 1.
        attempt: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// Somebody takes another's place in a rotation for a while.
    AddOverride {
        /// In which rotation.
        rotation: RotationId,
        /// Who is on call instead.
        person: PersonId,
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// Take an exception back.
    RemoveOverride {
        /// Which.
        id: OverrideId,
    },
    /// Swan started again: whoever carried the attempts that stand in the journal up to `head` is gone, and nobody
    /// will report on them. Pages are sent again under the same key; mail to a list may have arrived and is not.
    /// To be repeated until it leads to no fact.
    Resume {
        /// The journal's last entry before the start.
        head: Seq,
    },
    /// A deadline passed.
    Wake(WakeReason),
}

/// To whom something is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// The list of a service for high-priority alerts; else the list named `default`.
    ListOfService(Option<ServiceId>),
    /// A person.
    Person(PersonId),
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    HandedOver {
        /// What it answered.
        receipt: String,
    },
    /// The provider refused it.
    Refused {
        /// What it answered.
        detail: String,
        /// Whether another attempt can succeed.
        for_good: bool,
        /// When the provider asks for the next attempt, where it does.
        retry_at: Option<Timestamp>,
    },
    /// Nobody knows.
    Unknown {
        /// What was seen.
        detail: String,
    },
}

/// Why the slice wakes; people see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// Nobody acknowledged the page within the step's wait.
    StepTimeout(PageId),
    /// A refused or lost notification is due again.
    Retry(NotificationId),
    /// An attempt has no outcome for longer than its lease.
    LeaseExpired(NotificationId),
}

/// What a delivery worker needs to know of an attempt that is due to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which notification.
    pub notification: NotificationId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What for.
    pub purpose: Purpose,
    /// To whom.
    pub person: Option<PersonId>,
    /// Over which contact.
    pub contact: ContactId,
    /// The contact's channel.
    pub channel: facts::configuration::Channel,
    /// The same on every attempt.
    pub idempotency_key: String,
    /// First line.
    pub subject: String,
    /// The rest.
    pub body: String,
}
