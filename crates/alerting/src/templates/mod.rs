//! Templates of rule labels and annotations: the part of Go's `text/template` with Prometheus's functions that rules
//! use. Everything else is refused by [`check`] with its place.
//!
//! Supported: `$labels.x`, `.Labels.x`, `$value`, `.Value`, `$externalLabels` and `$externalURL` (both empty), text,
//! number and boolean literals, pipes, parentheses, `if`/`else if`/`else`/`end`, comments, trim markers, and the
//! functions that `functions::FUNCTIONS` names. Formulas and output formats are those of Prometheus's
//! `template/template.go` and of Go's `fmt` and `strconv`.

mod eval;
mod functions;
mod go_text;
mod lex;
mod parse;
mod printf;
mod value;

use std::borrow::Cow;
use std::fmt;

use kernel::Labels;

pub use go_text::go_float;

/// A template, parsed once and expanded for every alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    nodes: Vec<parse::Node>,
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
            let nodes = if text.is_empty() { Vec::new() } else { vec![parse::Node::Text(text.to_owned())] };
            return Ok(Self { nodes });
        }
        parse::parse(text).map(|nodes| Self { nodes })
    }

    /// The text for one alert. An error becomes the text, as in Prometheus: people see it where they look.
    pub fn expand<'a>(&'a self, labels: &Labels, value: f64) -> Cow<'a, str> {
        match &self.nodes[..] {
            [] => return Cow::Borrowed(""),
            [parse::Node::Text(text)] => return Cow::Borrowed(text),
            _ => {}
        }
        let mut text = String::new();
        let context = eval::Context { labels, value };
        match context.expand(&self.nodes, &mut text) {
            Ok(()) => Cow::Owned(text),
            Err(message) => Cow::Owned(as_text(message)),
        }
    }
}

/// What stands in the place of a template that cannot be expanded.
pub(crate) fn as_text(error: impl fmt::Display) -> String {
    format!("<error expanding template: {error}>")
}

#[cfg(test)]
mod tests;
