//! Templates of rule labels and annotations: Go's `text/template` with Prometheus's functions, as Prometheus 3.14 has
//! them for rules.
//!
//! The characters: a [`Template`] is parsed once and expanded for every alert; a [`Scene`] is the alert, the instant,
//! and what lies [`Outside`] of it. A template may ask queries; nobody here can answer one, so the [`Answers`] come with
//! the scene, and whoever evaluates a rule finds them by expanding the same templates once with somebody to ask.
//!
//! Guaranteed: what [`check`] takes can be expanded; an expansion ends, since its steps, queries, depth and text have
//! limits; the same scene gives the same text. Formulas and output formats are those of Prometheus's
//! `template/template.go` and of Go's `fmt` and `strconv`. Numbers of both types compare with each other, which Go
//! refuses.

mod compare;
mod eval;
mod expressions;
mod functions;
mod go_text;
mod lex;
mod literals;
mod numbers;
mod outside;
mod parse;
mod printf;
mod strings;
mod times;
mod token;
mod value;

use std::borrow::Cow;
use std::fmt;

use kernel::{Labels, Timestamp};

pub use go_text::go_float;
pub use outside::{Answer, Answers, Outside, Sample, SampleValue};

/// A template, parsed once and expanded for every alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    parsed: parse::Parsed,
}

/// What a template is expanded for.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The labels of the element, without those of the rule.
    pub labels: &'a Labels,
    /// Its value.
    pub value: f64,
    /// When the rule was evaluated.
    pub at: Timestamp,
    /// External labels and URL.
    pub outside: &'a Outside,
    /// Answers queries.
    pub ask: &'a dyn Fn(&str) -> Answer,
}

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What stands against it.
    pub message: String,
    /// What to write instead, where there is something.
    pub hint: Option<String>,
}

impl TemplateError {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

/// Whether a template can be expanded, as far as its text alone can tell.
///
/// # Errors
/// The first thing that stands against it.
pub fn check(text: &str) -> Result<(), TemplateError> {
    Template::parse(text).map(|_| ())
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first thing that stands against it.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if !text.contains("{{") {
            let main = if text.is_empty() { Vec::new() } else { vec![parse::Node::Text(text.to_owned())] };
            return Ok(Self { parsed: parse::Parsed { main, ..parse::Parsed::default() } });
        }
        parse::parse(text).map(|parsed| Self { parsed })
    }

    /// Whether its text may depend on the answer to a query.
    pub fn asks(&self) -> bool {
        self.parsed.asks
    }

    /// The text for one alert. An error becomes the text, as in Prometheus: people see it where they look.
    pub fn expand<'a>(&'a self, scene: &Scene<'_>) -> Cow<'a, str> {
        match &self.parsed.main[..] {
            [] => Cow::Borrowed(""),
            [parse::Node::Text(text)] => Cow::Borrowed(text),
            _ => Cow::Owned(eval::expand(&self.parsed, scene).unwrap_or_else(as_text)),
        }
    }
}

/// What stands in the place of a template that cannot be expanded.
pub(crate) fn as_text(error: impl fmt::Display) -> String {
    format!("<error expanding template: {error}>")
}

#[cfg(test)]
mod tests;
