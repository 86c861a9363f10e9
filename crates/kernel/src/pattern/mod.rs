//! Regular expressions as Prometheus and Alertmanager read them.
//!
//! People write them in RE2's syntax, whose classes are ASCII and whose brackets know no set operations. `re2` reads
//! that syntax and says the same in that of the `regex` crate, which is linear in time as RE2 is; whatever RE2
//! refuses is refused, with the character at which it stands. A [`Pattern`] matches whole values only, and its `.`
//! matches line breaks. `template` fills `$1` and `${name}` in as Go does.
//!
//! Where the two differ still: what a folded case is, and what `\p{…}` contains, follows the version of Unicode that
//! the crate knows; groups nest less deep here ([`limits::PATTERN_GROUPS_NESTED_MAX`]); and what is too large when
//! compiled is refused at another size.

mod class;
mod names;
mod re2;
mod template;
mod text;

use std::fmt;

use regex::{Captures, Regex, RegexBuilder};

use crate::limits;

/// A regular expression that matches whole values.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// The names of groups, with their numbers, in the order of the groups.
    names: Vec<(String, usize)>,
}

/// Why a text is no regular expression, or none that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    problem: String,
    /// The character at which it stands, counted from 1; `None` where it is the whole expression.
    at: Option<usize>,
}

/// What the groups of a pattern found in a value.
pub struct Found<'v> {
    captures: Captures<'v>,
    names: &'v [(String, usize)],
}

impl Pattern {
    /// Compiles an expression in RE2's syntax, anchored at both ends.
    pub fn anchored(expression: &str) -> Result<Self, PatternError> {
        let translated = re2::translate(expression)?;
        let bytes_max = limits::PATTERN_COMPILED_BYTES_MAX
            + limits::PATTERN_COMPILED_BYTES_PER_BYTE_MAX * expression.len();
        let built = RegexBuilder::new(&format!(r"\A(?:{})\z", translated.expression))
            .nest_limit(re2::NESTING_MAX)
            .size_limit(bytes_max)
            .dfa_size_limit(bytes_max)
            .build();
        let regex = built.map_err(|fault| PatternError { problem: said(&fault), at: None })?;
        Ok(Self { regex, names: translated.names })
    }

    /// Whether the whole value matches.
    pub fn is_match(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// What the groups found, where the whole value matches.
    pub fn find<'v>(&'v self, value: &'v str) -> Option<Found<'v>> {
        let captures = self.regex.captures(value)?;
        Some(Found { captures, names: &self.names })
    }
}

/// The values that an expression consists of, where it is nothing but literals between `|`, possibly in one pair
/// of parentheses. Dashboards write their variables so; a set of literals is cheaper than a machine.
pub fn literals(expression: &str) -> Option<Vec<String>> {
    let inner = expression.strip_suffix(')').and_then(|rest| {
        if rest.ends_with('\\') { None } else { rest.strip_prefix("(?:").or_else(|| rest.strip_prefix('(')) }
    });
    let mut found = vec![String::new()];
    let mut rest = inner.unwrap_or(expression).chars();
    while let Some(c) = rest.next() {
        let literal = match c {
            '|' => {
                found.push(String::new());
                continue;
            }
            '\\' => rest.next().filter(char::is_ascii_punctuation)?,
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | '{' | '^' | '$' => return None,
            _ => c,
        };
        found.last_mut().expect("there is always one").push(literal);
    }
    Some(found)
}

/// An expression that matches this text alone.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Found<'_> {
    /// The template with `$1`, `${1}`, `$name`, `${name}` and `$$` filled in; groups that took no part are empty.
    pub fn filled(&self, template: &str) -> String {
        template::filled(template, |name| match name {
            template::Name::Number(number) => self.captures.get(number).map(|group| group.as_str()),
            template::Name::Word(word) => {
                let mut named = self.names.iter().filter(|(name, _)| name == word);
                named.find_map(|&(_, number)| self.captures.get(number)).map(|group| group.as_str())
            }
        })
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{} at character {at}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for PatternError {}

/// The crate draws the expression over several lines; the last one says what is wrong.
fn said(fault: &regex::Error) -> String {
    match fault {
        regex::Error::CompiledTooBig(bytes) => {
            format!("compiled it is larger than the {bytes} bytes allowed")
        }
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
