//! Post-mortems and actions, as they are shown whole.

use std::collections::BTreeMap;

use engine::World;
use facts::learning::{ActionPriority, Impact, Section};
use kernel::{ActionId, IncidentId, PersonId, PostMortemId, ServiceId, Span, Timestamp, WhyId};
use learning::{Action, Judgement, PostMortem, Why};
use serde::Serialize;
use utoipa::ToSchema;

/// A review whole.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WholePostMortem {
    #[schema(value_type = String)]
    id: PostMortemId,
    #[schema(value_type = String)]
    incident: IncidentId,
    #[schema(value_type = String)]
    service: ServiceId,
    title: String,
    #[schema(value_type = String, format = DateTime)]
    drafted_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    impact: ShownImpact,
    /// What people wrote, by section; those that nobody wrote are absent.
    #[schema(value_type = BTreeMap<String, String>)]
    sections: BTreeMap<Section, String>,
    /// The tree of whys, by their ids.
    #[schema(value_type = BTreeMap<String, ShownWhy>)]
    whys: BTreeMap<WhyId, ShownWhy>,
    judgements: Vec<ShownJudgement>,
    actions: Vec<ShownAction>,
}

/// What a disruption cost, from the ledger.
#[derive(Debug, Serialize, ToSchema)]
struct ShownImpact {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Down time in between.
    #[schema(value_type = String)]
    down: Span,
    /// Time in between that was not measured.
    #[schema(value_type = String)]
    unknown: Span,
    /// Requests in the down slices.
    requests: u64,
    /// Those of them that failed.
    failed: u64,
}

/// An answer in the tree of whys.
#[derive(Debug, Serialize, ToSchema)]
struct ShownWhy {
    /// The answer that it explains; none at the root.
    #[schema(value_type = Option<String>)]
    parent: Option<WhyId>,
    text: String,
    /// Why its risk is accepted, where it ends in that.
    accepted: Option<String>,
}

/// A judgement that a person made.
#[derive(Debug, Serialize, ToSchema)]
struct ShownJudgement {
    text: String,
    #[schema(value_type = Option<String>)]
    person: Option<PersonId>,
}

/// Something to do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownAction {
    #[schema(value_type = String)]
    id: ActionId,
    /// The review that it came from.
    #[schema(value_type = String)]
    post_mortem: PostMortemId,
    /// The leaf that it answers.
    #[schema(value_type = Option<String>)]
    why: Option<WhyId>,
    title: String,
    /// `high`, `medium` or `low`.
    #[schema(value_type = String)]
    priority: ActionPriority,
    #[schema(value_type = String)]
    owner: PersonId,
    #[schema(value_type = String, format = DateTime)]
    due: Timestamp,
    /// Whether that time passed before it was done.
    overdue: bool,
    /// When it was done, and what came of it.
    #[schema(value_type = Option<(String, String)>)]
    done: Option<(Timestamp, String)>,
}

impl WholePostMortem {
    pub(super) fn of(world: &World, review: &PostMortem) -> Self {
        let actions = review.actions.iter().filter_map(|action| world.learning.action(*action));
        Self {
            id: review.id,
            incident: review.incident,
            service: review.service.clone(),
            title: review.title.clone(),
            drafted_at: review.drafted_at,
            completed_at: review.completed_at,
            impact: ShownImpact::from(&review.impact),
            sections: review.sections.clone(),
            whys: review.whys.iter().map(|(id, why)| (*id, ShownWhy::from(why))).collect(),
            judgements: review.judgements.iter().map(ShownJudgement::from).collect(),
            actions: actions.map(ShownAction::from).collect(),
        }
    }
}

impl From<&Impact> for ShownImpact {
    fn from(impact: &Impact) -> Self {
        let Impact { from, until, down, unknown, requests, failed } = *impact;
        Self { from, until, down, unknown, requests, failed }
    }
}

impl From<&Why> for ShownWhy {
    fn from(why: &Why) -> Self {
        Self { parent: why.parent, text: why.text.clone(), accepted: why.accepted.clone() }
    }
}

impl From<&Judgement> for ShownJudgement {
    fn from(judgement: &Judgement) -> Self {
        Self { text: judgement.text.clone(), person: judgement.person.clone() }
    }
}

impl From<&Action> for ShownAction {
    fn from(action: &Action) -> Self {
        Self {
            id: action.id,
            post_mortem: action.post_mortem,
            why: action.why,
            title: action.title.clone(),
            priority: action.priority,
            owner: action.owner.clone(),
            due: action.due,
            overdue: action.overdue,
            done: action.done.clone(),
        }
    }
}
