//! From a query's text to a tree that knows where each of its parts stands.
//!
//! The characters: a [`token::Token`] is a word, number, string or symbol; a [`tree::Node`] is an expression with
//! its place in the text. The parser refuses what is not PromQL with the place of the first fault. What it recurses
//! over is bounded before it starts: brackets by `kernel::limits`, operators by [`crate::limits`].

pub(crate) mod duration;
pub(crate) mod function;
pub(crate) mod json;
pub(crate) mod literal;
mod modifier;
mod parser;
pub(crate) mod print;
pub(crate) mod selector;
pub(crate) mod token;
pub(crate) mod tree;

pub(crate) use parser::bounded;

use crate::QueryRefusal;

/// What is wrong, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    at: usize,
    problem: String,
    /// Whether it is what Prometheus notices when it evaluates the expression: a value rather than the form.
    is_of_value: bool,
}

impl Fault {
    pub(crate) fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into(), is_of_value: false }
    }

    /// A parameter has a value that its function cannot take.
    pub(crate) fn of_value(at: usize, problem: impl Into<String>) -> Self {
        Self { is_of_value: true, ..Self::new(at, problem) }
    }

    /// As a refusal of the query that it was found in.
    pub(crate) fn refused(self, text: &str) -> QueryRefusal {
        if self.is_of_value {
            return QueryRefusal::Parameter { problem: self.problem };
        }
        let at = self.at.min(text.len());
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        QueryRefusal::Invalid {
            expression: text.to_owned(),
            problem: self.problem,
            place: Some(crate::Place { line, column }),
        }
    }
}
