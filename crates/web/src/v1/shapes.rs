//! Bodies that several parts of the API share.

use axum::Json;
use facts::{Entry, Seq};
use kernel::{PersonId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Error, Result};
use engine::port::Decided;

/// Prose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) text: String,
}

/// Somebody.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Somebody {
    #[schema(value_type = String)]
    pub(crate) person: PersonId,
}

/// What a command led to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// The last durable entry of the journal; whatever is read at this revision or later shows what was done.
    #[schema(value_type = u64)]
    revision: Seq,
    /// What happened, in words; empty where nothing changed.
    happened: Vec<String>,
}

impl From<Decided> for Done {
    fn from(decided: Decided) -> Self {
        let happened = decided.entries.iter().filter_map(engine::views::in_words).collect();
        Self { revision: decided.head, happened }
    }
}

pub(crate) type DoneAnswer = Result<Json<Done>>;

/// An entry of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownEntry {
    /// Its place.
    seq: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who.
    by: String,
    /// What, in words; absent for bookkeeping.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The fact as it is stored.
    #[schema(value_type = Object)]
    fact: facts::Fact,
}

impl From<Entry> for ShownEntry {
    fn from(entry: Entry) -> Self {
        let text = engine::views::in_words(&entry);
        Self { seq: entry.seq.0, at: entry.at, by: entry.actor.to_string(), text, fact: entry.fact }
    }
}

/// A period; without its bounds, the last 90 days.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Period {
    /// RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl Period {
    pub(crate) fn bounds(self, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
        let until = self.until.unwrap_or(now);
        let from = self.from.unwrap_or(until - kernel::Span::from_days(90));
        if from >= until {
            return Err(Error::bad_request(format!(
                "the period ends at {until}, before it begins at {from}"
            )));
        }
        Ok((from, until))
    }
}
