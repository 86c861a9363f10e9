//! An expression on its way through the translator.

use std::iter::Peekable;
use std::str::CharIndices;

use super::PatternError;

/// The expression as it is read, and where.
pub(super) struct Text<'p> {
    pub(super) all: &'p str,
    chars: Peekable<CharIndices<'p>>,
}

impl<'p> Text<'p> {
    pub(super) fn of(expression: &'p str) -> Self {
        Self { all: expression, chars: expression.char_indices().peekable() }
    }

    pub(super) fn next(&mut self) -> Option<(usize, char)> {
        self.chars.next()
    }

    pub(super) fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|&(_, c)| c)
    }

    /// What was not read yet.
    pub(super) fn rest(&mut self) -> &'p str {
        let at = self.chars.peek().map_or(self.all.len(), |&(at, _)| at);
        &self.all[at..]
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        let at = self.all.len() - self.rest().len() + bytes;
        while self.chars.next_if(|&(next, _)| next < at).is_some() {}
    }

    /// A problem with what begins at this byte.
    pub(super) fn fault(&self, at: usize, problem: impl Into<String>) -> PatternError {
        let at = Some(self.all[..at].chars().count() + 1);
        PatternError { problem: problem.into(), at }
    }
}
