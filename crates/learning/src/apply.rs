use std::collections::{BTreeMap, BTreeSet};

use facts::{Entry, Fact, LearningFact};
use kernel::{PostMortemId, Timestamp};

use crate::limits::COMPLETED_KEPT_MAX;
use crate::{Action, Judgement, PostMortem, State, Why};

/// Folds one entry in. Total: what it does not know changes nothing.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => {
            state.people = applied.configuration.people.keys().cloned().collect();
        }
        Fact::Learning(fact) => learning_fact(state, entry.at, fact),
        _ => {}
    }
}

fn learning_fact(state: &mut State, at: Timestamp, fact: &LearningFact) {
    use LearningFact as F;
    match fact {
        F::PostMortemDrafted { .. } => drafted(state, at, fact),
        F::ImpactUpdated { post_mortem, impact } => {
            state.change(*post_mortem, |review| review.impact = impact.clone());
        }
        F::SectionWritten { post_mortem, section, text } => {
            state.change(*post_mortem, |review| _ = review.sections.insert(*section, text.clone()));
        }
        F::WhyAdded { post_mortem, why, parent, text } => {
            state.last_why = state.last_why.max(why.0);
            let added = Why { parent: *parent, text: text.clone(), accepted: None };
            state.change(*post_mortem, |review| _ = review.whys.insert(*why, added));
        }
        F::RiskAccepted { post_mortem, why, reason } => state.change(*post_mortem, |review| {
            if let Some(leaf) = review.whys.get_mut(why) {
                leaf.accepted = Some(reason.clone());
            }
        }),
        F::JudgementRecorded { post_mortem, text, person } => {
            let judged = Judgement { text: text.clone(), person: person.clone() };
            state.change(*post_mortem, |review| review.judgements.push(judged));
        }
        F::ActionAdded { post_mortem, action, .. } => {
            state.last_action = state.last_action.max(action.0);
            state.change(*post_mortem, |review| _ = review.actions.insert(*action));
            state.actions.extend(added_action(fact).map(|added| (*action, added)));
        }
        F::ActionDone { action, outcome } => {
            if let Some(found) = state.actions.get_mut(action) {
                found.done = Some((at, outcome.clone()));
            }
        }
        F::ActionOverdue { action } => {
            if let Some(found) = state.actions.get_mut(action) {
                found.overdue = true;
            }
        }
        F::PostMortemCompleted { post_mortem } => {
            state.change(*post_mortem, |review| review.completed_at = Some(at));
            forget_oldest(state);
        }
    }
}

fn drafted(state: &mut State, at: Timestamp, fact: &LearningFact) {
    let LearningFact::PostMortemDrafted { post_mortem, incident, service, title, impact } = fact else {
        return;
    };
    state.last_post_mortem = state.last_post_mortem.max(post_mortem.0);
    state.by_incident.insert(*incident, *post_mortem);
    let review = PostMortem {
        id: *post_mortem,
        incident: *incident,
        service: service.clone(),
        title: title.clone(),
        drafted_at: at,
        completed_at: None,
        impact: impact.clone(),
        sections: BTreeMap::new(),
        whys: BTreeMap::new(),
        judgements: Vec::new(),
        actions: BTreeSet::new(),
    };
    state.reviews.insert(*post_mortem, review);
}

fn added_action(fact: &LearningFact) -> Option<Action> {
    let LearningFact::ActionAdded { post_mortem, action, why, title, priority, owner, due } = fact else {
        return None;
    };
    Some(Action {
        id: *action,
        post_mortem: *post_mortem,
        why: *why,
        title: title.clone(),
        priority: *priority,
        owner: owner.clone(),
        due: *due,
        overdue: false,
        done: None,
    })
}

/// Completed reviews whose actions are all done leave memory first come, first gone.
fn forget_oldest(state: &mut State) {
    let completed = state.reviews.values().filter(|review| review.completed_at.is_some()).count();
    if completed <= COMPLETED_KEPT_MAX {
        return;
    }
    let done = |review: &&PostMortem| {
        let open = |id| state.actions.get(id).is_some_and(|action| action.done.is_none());
        review.completed_at.is_some() && !review.actions.iter().any(open)
    };
    let Some(oldest) = state.reviews.values().find(done).map(|review| review.id) else { return };
    if let Some(gone) = state.reviews.remove(&oldest) {
        state.actions.retain(|id, _| !gone.actions.contains(id));
    }
}

impl State {
    fn change(&mut self, post_mortem: PostMortemId, change: impl FnOnce(&mut PostMortem)) {
        if let Some(review) = self.reviews.get_mut(&post_mortem) {
            change(review);
        }
    }
}
