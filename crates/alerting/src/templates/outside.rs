//! What templates see beside the alert itself. It is given with each evaluation, because a slice asks nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::Labels;

use crate::limits;

/// An element of the answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels, the metric's name among them.
    pub labels: Labels,
    /// Its value.
    pub value: SampleValue,
}

/// The value of an element.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram, as people read it: templates only print it.
    Histogram(Arc<str>),
}

/// The elements that a query gives, or why it gives none.
pub type Answer = Result<Arc<Vec<Sample>>, String>;

/// Answers to the queries that templates ask, by their text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers(BTreeMap<String, Answer>);

impl Answers {
    /// The answer to a query, which `find` finds where nobody asked before. Past
    /// [`ANSWERS_MAX`](limits::ANSWERS_MAX) answers, and for one of more than
    /// [`ANSWER_SAMPLES_MAX`](limits::ANSWER_SAMPLES_MAX) elements, it is an error.
    pub fn find(&mut self, query: &str, find: impl FnOnce() -> Result<Vec<Sample>, String>) -> Answer {
        if let Some(known) = self.0.get(query) {
            return known.clone();
        }
        if self.0.len() >= limits::ANSWERS_MAX {
            return Err(format!("the templates of one rule ask more than {} queries", limits::ANSWERS_MAX));
        }
        let answer = find().and_then(|samples| match samples.len() {
            ..=limits::ANSWER_SAMPLES_MAX => Ok(Arc::new(samples)),
            count => {
                Err(format!("`{query}` gives {count} elements, more than {}", limits::ANSWER_SAMPLES_MAX))
            }
        });
        self.0.insert(query.to_owned(), answer.clone());
        answer
    }

    /// The answer that is known.
    pub fn get(&self, query: &str) -> Answer {
        self.0.get(query).cloned().unwrap_or_else(|| Err(format!("nobody answered `{query}`")))
    }

    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What templates see beside the alert.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outside {
    /// `$externalLabels`: what tells this Swan's alerts from another's.
    pub labels: Labels,
    /// `$externalURL`: where people reach this Swan.
    pub url: String,
    /// What queries give.
    pub answers: Answers,
}
