//! Post-mortems: impact, five whys as a tree, judgements that people made, actions.

use kernel::{ActionId, IncidentId, PersonId, PostMortemId, ServiceId, Span, Timestamp, WhyId};
use serde::{Deserialize, Serialize};

/// How soon an action is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionPriority {
    /// Recorded for future planning.
    Low,
    /// On the backlog.
    Medium,
    /// In the work of the day.
    High,
}

/// What the disruption cost, from the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// When the incident's disruption began.
    pub from: Timestamp,
    /// When it was resolved.
    pub until: Timestamp,
    /// Down time of the service in between.
    pub down: Span,
    /// Unmeasured time of the service in between.
    pub unknown: Span,
    /// Requests in the down slices.
    pub requests: u64,
    /// Failed requests in the down slices.
    pub failed: u64,
}

/// The parts of a post-mortem that people write as prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// What happened, in a paragraph.
    Summary,
    /// How it was noticed.
    Detection,
    /// How the service came back.
    Recovery,
    /// What went well.
    WentWell,
    /// What went badly.
    WentBadly,
}

/// About post-mortems and actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearningFact {
    /// A review was drafted from the ledger and the journal.
    PostMortemDrafted {
        /// Its id.
        post_mortem: PostMortemId,
        /// The incident.
        incident: IncidentId,
        /// The service.
        service: ServiceId,
        /// The incident's title.
        title: String,
        /// What it cost.
        impact: Impact,
    },
    /// Late events or corrections changed what the ledger says.
    ImpactUpdated {
        /// Which review.
        post_mortem: PostMortemId,
        /// What it cost.
        impact: Impact,
    },
    /// A section was written; the last text holds.
    SectionWritten {
        /// Which review.
        post_mortem: PostMortemId,
        /// Which part.
        section: Section,
        /// The prose.
        text: String,
    },
    /// A why was asked and answered.
    WhyAdded {
        /// Which review.
        post_mortem: PostMortemId,
        /// Its id.
        why: WhyId,
        /// The answer that this one explains; `None` at the root.
        parent: Option<WhyId>,
        /// The answer.
        text: String,
    },
    /// A leaf ends here: the risk is accepted.
    RiskAccepted {
        /// Which review.
        post_mortem: PostMortemId,
        /// Which leaf.
        why: WhyId,
        /// Why that is right.
        reason: String,
    },
    /// A judgement that a person made during the response, and that a system might make.
    JudgementRecorded {
        /// Which review.
        post_mortem: PostMortemId,
        /// What was judged, and on what grounds.
        text: String,
        /// Who judged.
        person: Option<PersonId>,
    },
    /// Something is to be done.
    ActionAdded {
        /// Which review.
        post_mortem: PostMortemId,
        /// Its id.
        action: ActionId,
        /// The leaf that it answers.
        why: Option<WhyId>,
        /// What.
        title: String,
        /// How soon.
        priority: ActionPriority,
        /// Who.
        owner: PersonId,
        /// By when.
        due: Timestamp,
    },
    /// It was done.
    ActionDone {
        /// Which action.
        action: ActionId,
        /// What came of it.
        outcome: String,
    },
    /// Its day passed and it is not done.
    ActionOverdue {
        /// Which action.
        action: ActionId,
    },
    /// The review was held and is complete: every leaf ends in an action or an accepted risk.
    PostMortemCompleted {
        /// Which review.
        post_mortem: PostMortemId,
    },
}
