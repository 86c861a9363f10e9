use facts::learning::{ActionPriority, Impact, Section};
use kernel::{ActionId, IncidentId, PersonId, PostMortemId, ServiceId, Timestamp, WhyId};
use serde::{Deserialize, Serialize};

/// What the learning slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Draft the review of an incident that was resolved; an incident has at most one.
    DraftPostMortem {
        /// The incident.
        incident: IncidentId,
        /// The service.
        service: ServiceId,
        /// The incident's title.
        title: String,
        /// What the ledger says.
        impact: Impact,
    },
    /// The ledger says something else. Harmless where it says the same, or where no review touches that time.
    UpdateImpact {
        /// Which review.
        post_mortem: PostMortemId,
        /// What the ledger says.
        impact: Impact,
    },
    /// Write a section.
    WriteSection {
        /// Which review.
        post_mortem: PostMortemId,
        /// Which part.
        section: Section,
        /// The prose.
        text: String,
    },
    /// Ask and answer a why.
    AddWhy {
        /// Which review.
        post_mortem: PostMortemId,
        /// The answer that it explains; `None` at the root.
        parent: Option<WhyId>,
        /// The answer.
        text: String,
    },
    /// End a leaf by accepting the risk.
    AcceptRisk {
        /// Which review.
        post_mortem: PostMortemId,
        /// Which leaf.
        why: WhyId,
        /// Why that is right.
        reason: String,
    },
    /// Record a judgement that a person made.
    RecordJudgement {
        /// Which review.
        post_mortem: PostMortemId,
        /// What was judged.
        text: String,
        /// Who judged.
        person: Option<PersonId>,
    },
    /// Add something to do.
    AddAction {
        /// Which review.
        post_mortem: PostMortemId,
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
    FinishAction {
        /// Which.
        action: ActionId,
        /// What came of it.
        outcome: String,
    },
    /// The review was held; refused while a leaf ends in neither an action nor an accepted risk, naming it.
    CompletePostMortem {
        /// Which review.
        post_mortem: PostMortemId,
    },
    /// A deadline passed.
    Wake(WakeReason),
}

/// Why the slice wakes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// An action's day passed.
    ActionDue(ActionId),
}
