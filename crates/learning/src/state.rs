use std::collections::{BTreeMap, BTreeSet};

use facts::learning::{ActionPriority, Impact, Section};
use kernel::{ActionId, IncidentId, PersonId, PostMortemId, ServiceId, Timestamp, Wake, WhyId};
use serde::{Deserialize, Serialize};

use crate::WakeReason;

/// Reviews and actions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    pub(crate) people: BTreeSet<PersonId>,
    pub(crate) last_post_mortem: u64,
    pub(crate) last_why: u64,
    pub(crate) last_action: u64,
    pub(crate) reviews: BTreeMap<PostMortemId, PostMortem>,
    pub(crate) by_incident: BTreeMap<IncidentId, PostMortemId>,
    pub(crate) actions: BTreeMap<ActionId, Action>,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostMortem {
    /// Its id.
    pub id: PostMortemId,
    /// The incident.
    pub incident: IncidentId,
    /// The service.
    pub service: ServiceId,
    /// The incident's title.
    pub title: String,
    /// When it was drafted.
    pub drafted_at: Timestamp,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// What the disruption cost.
    pub impact: Impact,
    /// What people wrote.
    pub sections: BTreeMap<Section, String>,
    /// The five whys, in the order in which they were asked.
    pub whys: BTreeMap<WhyId, Why>,
    /// Judgements, in the order in which they were recorded.
    pub judgements: Vec<Judgement>,
    /// Its actions.
    pub actions: BTreeSet<ActionId>,
}

/// An answer in the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The answer that it explains.
    pub parent: Option<WhyId>,
    /// The answer.
    pub text: String,
    /// The accepted risk, where the leaf ends in one.
    pub accepted: Option<String>,
}

/// A judgement that a person made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What was judged.
    pub text: String,
    /// Who judged.
    pub person: Option<PersonId>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// The review that it came from.
    pub post_mortem: PostMortemId,
    /// The leaf that it answers.
    pub why: Option<WhyId>,
    /// What.
    pub title: String,
    /// How soon.
    pub priority: ActionPriority,
    /// Who.
    pub owner: PersonId,
    /// By when.
    pub due: Timestamp,
    /// Whether that time passed before it was done.
    pub overdue: bool,
    /// When it was done, and what came of it.
    pub done: Option<(Timestamp, String)>,
}

/// What a leaf of the tree ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafEnd {
    /// It is not a leaf: others explain it.
    Explained,
    /// Something is done about it.
    Action,
    /// The risk is accepted.
    Accepted,
    /// Nothing yet.
    Open,
}

impl State {
    /// Every review in memory, newest first.
    pub fn reviews(&self) -> impl Iterator<Item = &PostMortem> {
        self.reviews.values().rev()
    }

    /// A review.
    pub fn review(&self, post_mortem: PostMortemId) -> Option<&PostMortem> {
        self.reviews.get(&post_mortem)
    }

    /// The review of an incident.
    pub fn review_of(&self, incident: IncidentId) -> Option<&PostMortem> {
        self.by_incident.get(&incident).and_then(|id| self.reviews.get(id))
    }

    /// Reviews that are not complete and whose disruption contains this instant of the service.
    pub fn open_reviews_touching<'a>(
        &'a self,
        service: &'a ServiceId,
        touched: Timestamp,
    ) -> impl Iterator<Item = &'a PostMortem> {
        self.reviews.values().filter(move |review| {
            review.completed_at.is_none() && review.service == *service && touched < review.impact.until
        })
    }

    /// Actions, oldest first.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.actions.values()
    }

    /// An action.
    pub fn action(&self, action: ActionId) -> Option<&Action> {
        self.actions.get(&action)
    }

    /// What a why of a review ends in.
    pub fn leaf_end(&self, review: &PostMortem, why: WhyId) -> LeafEnd {
        if review.whys.values().any(|other| other.parent == Some(why)) {
            LeafEnd::Explained
        } else if review.whys.get(&why).is_some_and(|found| found.accepted.is_some()) {
            LeafEnd::Accepted
        } else if review.actions.iter().filter_map(|id| self.actions.get(id)).any(|a| a.why == Some(why)) {
            LeafEnd::Action
        } else {
            LeafEnd::Open
        }
    }
}

/// The next deadline: an action whose day passes.
pub fn next_wake(state: &State) -> Option<Wake<WakeReason>> {
    wakes(state).min()
}

/// All deadlines, in no order.
pub fn wakes(state: &State) -> impl Iterator<Item = Wake<WakeReason>> {
    let open = state.actions.values().filter(|action| action.done.is_none() && !action.overdue);
    open.map(|action| Wake { at: action.due, why: WakeReason::ActionDue(action.id) })
}
