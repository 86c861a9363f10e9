//! Which series are meant: a label, an operator and a value.
//!
//! A missing label has the empty value, so `{job=""}` means "has no job". A regular expression is one of RE2's and
//! must match the whole value ([`kernel::pattern`]); it is compiled once.

use std::fmt;

use kernel::{Labels, Pattern, pattern};

use crate::refusal::quoted;

/// How a label's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

/// A label, an operator and a value.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    meant: Meant,
}

/// What a value is compared with: the literals it may be, in order, or what the regular expression is compiled to.
#[derive(Debug, Clone)]
enum Meant {
    Literals(Vec<String>),
    Compiled(Pattern),
}

/// The regular expression of a matcher cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a regular expression that label `{name}` can be matched with: {reason}", quoted(.value))]
pub struct MatcherError {
    name: String,
    value: String,
    reason: String,
}

impl MatcherError {
    /// What is wrong, without the label.
    pub(crate) fn problem(&self) -> String {
        format!("`{}` is not a regular expression: {}", quoted(&self.value), self.reason)
    }
}

impl MatchOp {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }

    /// Whether what matches the pattern is left out.
    pub const fn is_negative(self) -> bool {
        matches!(self, MatchOp::NotEqual | MatchOp::NotRegex)
    }
}

impl Matcher {
    /// Compiles the value where it is a regular expression.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let meant = match op {
            MatchOp::Equal | MatchOp::NotEqual => Meant::Literals(vec![value.clone()]),
            MatchOp::Regex | MatchOp::NotRegex => match pattern::literals(&value) {
                Some(mut literals) => {
                    literals.sort_unstable();
                    literals.dedup();
                    Meant::Literals(literals)
                }
                None => match Pattern::anchored(&value) {
                    Ok(compiled) => Meant::Compiled(compiled),
                    Err(fault) => return Err(MatcherError { name, value, reason: fault.to_string() }),
                },
            },
        };
        Ok(Self { name, op, value, meant })
    }

    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { name: name.into(), op: MatchOp::Equal, meant: Meant::Literals(vec![value.clone()]), value }
    }

    /// The label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or regular expression as it was written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label of this value is meant; the empty value stands for a missing label.
    pub fn matches(&self, value: &str) -> bool {
        let found = match &self.meant {
            Meant::Literals(literals) => {
                literals.binary_search_by(|literal| literal.as_str().cmp(value)).is_ok()
            }
            Meant::Compiled(pattern) => pattern.is_match(value),
        };
        found != self.op.is_negative()
    }

    /// Whether series without the label are meant.
    pub fn matches_absent(&self) -> bool {
        self.matches("")
    }

    /// Whether a series with these labels is meant.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }

    /// For an index: the values that the pattern consists of, where it is `=`, `!=`, or an expression like
    /// `a|b|c`; each of them once, in order. With a negative operator these are the values that are not meant.
    pub fn literals(&self) -> Option<&[String]> {
        match &self.meant {
            Meant::Literals(literals) => Some(literals),
            Meant::Compiled(_) => None,
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(op: MatchOp, value: &str) -> Matcher {
        Matcher::new("job", op, value).unwrap()
    }

    #[test]
    fn a_regular_expression_must_match_the_whole_value() {
        let api = matcher(MatchOp::Regex, "api|web-.*");
        assert!(api.matches("api") && api.matches("web-1") && api.matches("web-\n"));
        assert!(!api.matches("api2") && !api.matches("my-api"));
        assert!(api.literals().is_none());
    }

    #[test]
    fn alternatives_of_literals_can_be_looked_up_in_an_index() {
        let both = matcher(MatchOp::Regex, "(web|api|web)");
        assert_eq!(both.literals().unwrap(), ["api", "web"]);
        assert_eq!(matcher(MatchOp::Regex, r"10\.0\.0\.1:9100").literals().unwrap(), ["10.0.0.1:9100"]);
        assert!(both.matches("web") && !both.matches("(api"));
        assert!(!matcher(MatchOp::NotRegex, "api|web").matches("api"));
    }

    #[test]
    fn the_empty_value_means_that_the_label_is_absent() {
        let labels = Labels::new([("instance", "1")]).unwrap();
        assert!(Matcher::equal("job", "").matches_labels(&labels));
        assert!(matcher(MatchOp::NotEqual, "api").matches_labels(&labels));
        assert!(matcher(MatchOp::Regex, ".*").matches_absent());
        assert!(matcher(MatchOp::Regex, "api|").matches_absent());
        assert!(!matcher(MatchOp::Regex, ".+").matches_absent());
    }

    #[test]
    fn an_expression_that_closes_the_anchoring_group_is_refused() {
        assert!(Matcher::new("job", MatchOp::Regex, "a)|(b").is_err());
        assert!(Matcher::new("job", MatchOp::Regex, r"(\pL{1000}|\d)").is_err());
    }

    #[test]
    fn classes_are_those_of_prometheus() {
        assert!(!matcher(MatchOp::Regex, r"\w+").matches("zürich"));
        assert!(matcher(MatchOp::Regex, "[a&&b]pi").matches("api"));
        let refused = Matcher::new("job", MatchOp::Regex, "a**").unwrap_err().to_string();
        assert_eq!(
            refused,
            "`a**` is not a regular expression that label `job` can be matched with: what is repeated is a repeat \
             already at character 3"
        );
    }
}
