use std::fmt;

use serde::{Deserialize, Serialize};

use crate::PersonId;

/// Who caused a fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Swan itself: a deadline passed, or one fact led to another.
    Swan,
    /// A person, authenticated or through a link that only they were sent.
    Person(PersonId),
    /// A program that presented the token of this name.
    Token(String),
    /// The configuration that was applied.
    Configuration,
}

impl Actor {
    /// The person behind it, where there is one.
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Actor::Person(id) => Some(id),
            Actor::Swan | Actor::Token(_) | Actor::Configuration => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Swan => f.write_str("swan"),
            Actor::Person(id) => write!(f, "{id}"),
            Actor::Token(name) => write!(f, "token {name}"),
            Actor::Configuration => f.write_str("configuration"),
        }
    }
}
