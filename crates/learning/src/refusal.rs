use kernel::{ActionId, IncidentId, PersonId, PostMortemId, Refuse, WhyId};

/// Why the learning slice says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such review.
    NoSuchPostMortem(PostMortemId),
    /// The incident has a review.
    IncidentHasPostMortem(IncidentId, PostMortemId),
    /// The review is complete.
    PostMortemIsComplete(PostMortemId),
    /// The tree has no such why.
    NoSuchWhy(WhyId),
    /// The why is explained by others, so it is not a leaf.
    NotALeaf(WhyId),
    /// The leaf's risk was accepted, so nothing is below it.
    LeafHasEnded(WhyId),
    /// The tree has no root.
    NoWhys,
    /// A leaf ends in neither an action nor an accepted risk.
    OpenLeaf(WhyId, String),
    /// There is no such action that is not done.
    NoSuchOpenAction(ActionId),
    /// The configuration has no such person.
    NoSuchPerson(PersonId),
    /// Nothing was written.
    EmptyText,
    /// Too much was written.
    TextTooLong(usize),
    /// The review holds as much as it may.
    TooMany(&'static str, usize),
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchPostMortem(_) => "no_such_post_mortem",
            Refusal::IncidentHasPostMortem(..) => "incident_has_post_mortem",
            Refusal::PostMortemIsComplete(_) => "post_mortem_is_complete",
            Refusal::NoSuchWhy(_) => "no_such_why",
            Refusal::NotALeaf(_) => "not_a_leaf",
            Refusal::LeafHasEnded(_) => "leaf_has_ended",
            Refusal::NoWhys => "no_whys",
            Refusal::OpenLeaf(..) => "open_leaf",
            Refusal::NoSuchOpenAction(_) => "no_such_open_action",
            Refusal::NoSuchPerson(_) => "no_such_person",
            Refusal::EmptyText => "empty_text",
            Refusal::TextTooLong(_) => "text_too_long",
            Refusal::TooMany(..) => "too_many",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::NoSuchPostMortem(id) => format!("there is no post-mortem `{id}`"),
            Refusal::IncidentHasPostMortem(incident, id) => format!("`{incident}` has a post-mortem, `{id}`"),
            Refusal::PostMortemIsComplete(id) => format!("`{id}` is complete"),
            Refusal::NoSuchWhy(why) => format!("the tree has no `{why}`"),
            Refusal::NotALeaf(why) => format!("`{why}` is explained further, so it is not a leaf"),
            Refusal::LeafHasEnded(why) => format!("the risk of `{why}` is accepted, so nothing is below it"),
            Refusal::NoWhys => "nobody has asked why yet".to_owned(),
            Refusal::OpenLeaf(why, text) => {
                format!("`{why}` (\"{text}\") ends in neither an action nor an accepted risk")
            }
            Refusal::NoSuchOpenAction(action) => format!("there is no open action `{action}`"),
            Refusal::NoSuchPerson(person) => format!("the configuration has no person `{person}`"),
            Refusal::EmptyText => "the text is empty".to_owned(),
            Refusal::TextTooLong(max) => format!("the text is longer than {max} bytes"),
            Refusal::TooMany(what, max) => format!("a post-mortem holds at most {max} {what}"),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Refusal::OpenLeaf(..) => "add an action for it, accept its risk, or ask why once more",
            Refusal::NotALeaf(_) => "name one of the answers below it",
            Refusal::NoWhys => "add the first answer without a parent",
            Refusal::NoSuchPerson(_) => "add them to the configuration and apply that",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
