use facts::LearningFact;
use kernel::limits::TEXT_BYTES_MAX;
use kernel::{ActionId, Actor, PersonId, PostMortemId, Timestamp, WhyId};

use crate::limits::{ITEMS_MAX, WHYS_MAX};
use crate::{Command, LeafEnd, PostMortem, Refusal, State, WakeReason};

type Decision = Result<Vec<LearningFact>, Refusal>;

/// Decides a command; changes nothing.
pub fn decide(state: &State, _now: Timestamp, _actor: &Actor, command: Command) -> Decision {
    match command {
        Command::DraftPostMortem { incident, service, title, impact } => {
            if let Some(review) = state.review_of(incident) {
                return Err(Refusal::IncidentHasPostMortem(incident, review.id));
            }
            let post_mortem = PostMortemId(state.last_post_mortem + 1);
            one(LearningFact::PostMortemDrafted { post_mortem, incident, service, title, impact })
        }
        Command::UpdateImpact { post_mortem, impact } => {
            let moved = state.review(post_mortem).is_some_and(|review| review.impact != impact);
            Ok(if moved { vec![LearningFact::ImpactUpdated { post_mortem, impact }] } else { Vec::new() })
        }
        Command::WriteSection { post_mortem, section, text } => {
            state.open_review(post_mortem)?;
            one(LearningFact::SectionWritten { post_mortem, section, text: prose(text)? })
        }
        Command::AddWhy { post_mortem, parent, text } => add_why(state, post_mortem, parent, text),
        Command::AcceptRisk { post_mortem, why, reason } => {
            state.open_leaf(post_mortem, why)?;
            one(LearningFact::RiskAccepted { post_mortem, why, reason: prose(reason)? })
        }
        Command::RecordJudgement { post_mortem, text, person } => {
            let held = state.open_review(post_mortem)?.judgements.len();
            within("judgements", held, ITEMS_MAX)?;
            person.as_ref().map_or(Ok(()), |person| state.known_person(person))?;
            one(LearningFact::JudgementRecorded { post_mortem, text: prose(text)?, person })
        }
        Command::AddAction { post_mortem, why, title, priority, owner, due } => {
            let held = state.open_review(post_mortem)?.actions.len();
            within("actions", held, ITEMS_MAX)?;
            why.map_or(Ok(()), |why| state.open_leaf(post_mortem, why))?;
            state.known_person(&owner)?;
            let (action, title) = (ActionId(state.last_action + 1), prose(title)?);
            one(LearningFact::ActionAdded { post_mortem, action, why, title, priority, owner, due })
        }
        Command::FinishAction { action, outcome } => {
            let open = state.action(action).is_some_and(|found| found.done.is_none());
            if !open {
                return Err(Refusal::NoSuchOpenAction(action));
            }
            one(LearningFact::ActionDone { action, outcome: prose(outcome)? })
        }
        Command::CompletePostMortem { post_mortem } => complete(state, post_mortem),
        Command::Wake(WakeReason::ActionDue(action)) => one(LearningFact::ActionOverdue { action }),
    }
}

fn add_why(state: &State, post_mortem: PostMortemId, parent: Option<WhyId>, text: String) -> Decision {
    let review = state.open_review(post_mortem)?;
    within("whys", review.whys.len(), WHYS_MAX)?;
    if let Some(parent) = parent {
        let found = review.whys.get(&parent).ok_or(Refusal::NoSuchWhy(parent))?;
        if found.accepted.is_some() {
            return Err(Refusal::LeafHasEnded(parent));
        }
    }
    one(LearningFact::WhyAdded { post_mortem, why: WhyId(state.last_why + 1), parent, text: prose(text)? })
}

fn complete(state: &State, post_mortem: PostMortemId) -> Decision {
    let review = state.open_review(post_mortem)?;
    if review.whys.is_empty() {
        return Err(Refusal::NoWhys);
    }
    let open = review.whys.iter().find(|(why, _)| state.leaf_end(review, **why) == LeafEnd::Open);
    match open {
        Some((why, found)) => Err(Refusal::OpenLeaf(*why, found.text.clone())),
        None => one(LearningFact::PostMortemCompleted { post_mortem }),
    }
}

fn one(fact: LearningFact) -> Decision {
    Ok(vec![fact])
}

fn within(what: &'static str, held: usize, max: usize) -> Result<(), Refusal> {
    if held < max { Ok(()) } else { Err(Refusal::TooMany(what, max)) }
}

fn prose(text: String) -> Result<String, Refusal> {
    match text.trim() {
        "" => Err(Refusal::EmptyText),
        trimmed if trimmed.len() > TEXT_BYTES_MAX => Err(Refusal::TextTooLong(TEXT_BYTES_MAX)),
        trimmed => Ok(trimmed.to_owned()),
    }
}

impl State {
    fn open_review(&self, post_mortem: PostMortemId) -> Result<&PostMortem, Refusal> {
        let review = self.review(post_mortem).ok_or(Refusal::NoSuchPostMortem(post_mortem))?;
        if review.completed_at.is_some() {
            return Err(Refusal::PostMortemIsComplete(post_mortem));
        }
        Ok(review)
    }

    /// A leaf that an action or an accepted risk may end.
    fn open_leaf(&self, post_mortem: PostMortemId, why: WhyId) -> Result<(), Refusal> {
        let review = self.open_review(post_mortem)?;
        if !review.whys.contains_key(&why) {
            return Err(Refusal::NoSuchWhy(why));
        }
        match self.leaf_end(review, why) {
            LeafEnd::Explained => Err(Refusal::NotALeaf(why)),
            LeafEnd::Accepted => Err(Refusal::LeafHasEnded(why)),
            LeafEnd::Action | LeafEnd::Open => Ok(()),
        }
    }

    fn known_person(&self, person: &PersonId) -> Result<(), Refusal> {
        if self.people.contains(person) { Ok(()) } else { Err(Refusal::NoSuchPerson(person.clone())) }
    }
}
