//! Why a query has no answer: it was refused, or its source failed.

use std::fmt;

use kernel::Refuse;
use kernel::limits::{QUERY_BYTES_MAX, QUERY_NESTING_MAX};

use crate::SourceFault;
use crate::limits::{QUERY_OPERATORS_MAX, QUERY_REGEXES_MAX, QUOTED_CHARS_MAX};

/// A query could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query itself is at fault.
    #[error(transparent)]
    Refused(#[from] QueryRefusal),
    /// The source of the samples is at fault.
    #[error(transparent)]
    Source(#[from] SourceFault),
}

/// Where something stands in a query; lines and characters are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character of the line.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(f, "column {}", self.column),
            line => write!(f, "line {line}, column {}", self.column),
        }
    }
}

/// Why a query was refused. Columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryRefusal {
    /// More than `kernel::limits::QUERY_BYTES_MAX`.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More nesting than `kernel::limits::QUERY_NESTING_MAX`.
    TooDeep {
        /// Where the nesting passes the limit.
        column: usize,
    },
    /// More operators than [`QUERY_OPERATORS_MAX`].
    TooManyOperators {
        /// Where their number passes the limit.
        column: usize,
    },
    /// More regular expressions than [`QUERY_REGEXES_MAX`].
    TooManyRegexes {
        /// Where their number passes the limit.
        column: usize,
    },
    /// It is not PromQL.
    Invalid {
        /// The expression as it was given.
        expression: String,
        /// What is wrong with it.
        problem: String,
        /// Where, if that is known.
        place: Option<Place>,
    },
    /// The instants of a range query make no sense.
    InvalidRange {
        /// What is wrong with them.
        problem: &'static str,
    },
    /// A range query of more points per series than allowed.
    TooManySteps {
        /// The points that were asked for.
        steps: u64,
        /// The points that are allowed.
        limit: usize,
    },
    /// The selectors mean more samples than one query may look at.
    TooManySamples {
        /// The samples that are allowed.
        limit: usize,
    },
    /// The query computes more points than allowed, intermediate results included.
    TooManyPoints {
        /// The points that are allowed.
        limit: usize,
    },
    /// More series at once than allowed.
    TooManySeries {
        /// The series that are allowed.
        limit: usize,
    },
    /// More memory at once than allowed, as far as it is estimated.
    TooMuchMemory {
        /// The bytes that are allowed.
        limit: usize,
    },
    /// Series of one vector, or of the two sides of an operator, are in each other's way.
    Conflict {
        /// Which rule they break.
        problem: String,
    },
    /// A parameter has a value that its function cannot take.
    Parameter {
        /// What is wrong with it.
        problem: String,
    },
    /// It is too tall for the stack at hand, and there is no thread with a larger one.
    NoRoom {
        /// Why there is none.
        problem: String,
    },
    /// Whoever asked does not wait any more.
    Cancelled,
}

impl QueryRefusal {
    /// The `errorType` of the Prometheus HTTP API.
    pub fn error_type(&self) -> &'static str {
        match self {
            QueryRefusal::Cancelled => "canceled",
            QueryRefusal::TooManySamples { .. }
            | QueryRefusal::TooManyPoints { .. }
            | QueryRefusal::TooManySeries { .. }
            | QueryRefusal::TooMuchMemory { .. }
            | QueryRefusal::NoRoom { .. }
            | QueryRefusal::Conflict { .. }
            | QueryRefusal::Parameter { .. } => "execution",
            QueryRefusal::TooLong { .. }
            | QueryRefusal::TooDeep { .. }
            | QueryRefusal::TooManyOperators { .. }
            | QueryRefusal::TooManyRegexes { .. }
            | QueryRefusal::Invalid { .. }
            | QueryRefusal::InvalidRange { .. }
            | QueryRefusal::TooManySteps { .. } => "bad_data",
        }
    }
}

impl Refuse for QueryRefusal {
    fn code(&self) -> &'static str {
        match self {
            QueryRefusal::TooLong { .. } => "query_too_long",
            QueryRefusal::TooDeep { .. } => "query_too_deep",
            QueryRefusal::TooManyOperators { .. } => "query_too_many_operators",
            QueryRefusal::TooManyRegexes { .. } => "query_too_many_regexes",
            QueryRefusal::Invalid { .. } => "query_invalid",
            QueryRefusal::InvalidRange { .. } => "query_range_invalid",
            QueryRefusal::TooManySteps { .. } => "query_too_many_steps",
            QueryRefusal::TooManySamples { .. } => "query_too_many_samples",
            QueryRefusal::TooManyPoints { .. } => "query_too_many_points",
            QueryRefusal::TooManySeries { .. } => "query_too_many_series",
            QueryRefusal::TooMuchMemory { .. } => "query_too_much_memory",
            QueryRefusal::Conflict { .. } => "query_conflict",
            QueryRefusal::Parameter { .. } => "query_parameter_invalid",
            QueryRefusal::NoRoom { .. } => "query_without_room",
            QueryRefusal::Cancelled => "query_cancelled",
        }
    }

    fn sentence(&self) -> String {
        let at = |place: &Option<Place>| place.map(|place| format!(" at {place}")).unwrap_or_default();
        match self {
            QueryRefusal::TooLong { bytes } => {
                format!("the query has {bytes} bytes, more than the {QUERY_BYTES_MAX} allowed")
            }
            QueryRefusal::TooDeep { column } => {
                format!(
                    "the query nests deeper than the {QUERY_NESTING_MAX} levels allowed at column {column}"
                )
            }
            QueryRefusal::TooManyOperators { column } => format!(
                "the query has more than the {QUERY_OPERATORS_MAX} operators allowed at column {column}"
            ),
            QueryRefusal::TooManyRegexes { column } => format!(
                "the query has more than the {QUERY_REGEXES_MAX} regular expressions allowed at column {column}"
            ),
            QueryRefusal::Invalid { expression, problem, place } => {
                format!("`{}` is not a PromQL expression: {problem}{}", quoted(expression), at(place))
            }
            QueryRefusal::InvalidRange { problem } => (*problem).to_owned(),
            QueryRefusal::TooManySteps { steps, limit } => {
                format!("the query asks for {steps} points per series, more than the {limit} allowed")
            }
            QueryRefusal::TooManySamples { limit } => {
                format!("the query looks at more than the {limit} samples allowed")
            }
            QueryRefusal::TooManyPoints { limit } => {
                format!("the query computes more than the {limit} points allowed")
            }
            QueryRefusal::TooManySeries { limit } => {
                format!("the query holds more than the {limit} series allowed")
            }
            QueryRefusal::TooMuchMemory { limit } => {
                format!("the query needs more than the {limit} bytes of memory allowed")
            }
            QueryRefusal::Conflict { problem } | QueryRefusal::Parameter { problem } => problem.clone(),
            QueryRefusal::NoRoom { problem } => {
                format!("there is no thread with a stack for a query of so many operators: {problem}")
            }
            QueryRefusal::Cancelled => "the query was cancelled".to_owned(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            QueryRefusal::TooManySteps { .. } => "ask for a larger step or a shorter range",
            QueryRefusal::TooManySamples { .. }
            | QueryRefusal::TooManyPoints { .. }
            | QueryRefusal::TooManySeries { .. }
            | QueryRefusal::TooMuchMemory { .. } => {
                "select fewer series with more matchers, or ask for a shorter range"
            }
            QueryRefusal::TooLong { .. }
            | QueryRefusal::TooDeep { .. }
            | QueryRefusal::TooManyOperators { .. }
            | QueryRefusal::TooManyRegexes { .. } => "record parts of it by rules and query their results",
            QueryRefusal::Invalid { .. }
            | QueryRefusal::InvalidRange { .. }
            | QueryRefusal::NoRoom { .. }
            | QueryRefusal::Conflict { .. }
            | QueryRefusal::Parameter { .. }
            | QueryRefusal::Cancelled => return None,
        };
        Some(hint.to_owned())
    }
}

/// A text as a refusal repeats it: not more of it than people read.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Display for QueryRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for QueryRefusal {}
