use std::sync::OnceLock;

use facts::alerting::Matcher;
use kernel::Labels;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::limits;

/// A matcher with its regular expression compiled once, when it is first asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Matcher", into = "Matcher")]
pub(crate) struct Compiled {
    matcher: Matcher,
    /// `None` inside where the expression does not compile: such a matcher matches nothing.
    regex: OnceLock<Option<Regex>>,
}

impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        self.matcher == other.matcher
    }
}

impl From<Matcher> for Compiled {
    fn from(matcher: Matcher) -> Self {
        Self { matcher, regex: OnceLock::new() }
    }
}

impl From<Compiled> for Matcher {
    fn from(compiled: Compiled) -> Self {
        compiled.matcher
    }
}

impl Compiled {
    pub(crate) fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.matcher.name).unwrap_or(""))
    }

    /// An absent label has the empty value, as in Prometheus.
    pub(crate) fn matches_value(&self, value: &str) -> bool {
        let Matcher { value: wanted, is_regex, is_equal, .. } = &self.matcher;
        if !is_regex {
            return (wanted == value) == *is_equal;
        }
        let regex = self.regex.get_or_init(|| compile(wanted).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(value) == *is_equal)
    }
}

/// Compiles a matcher's expression, anchored at both ends as Alertmanager does.
pub(crate) fn compile(expression: &str) -> Result<Regex, String> {
    if expression.len() > limits::PATTERN_BYTES_MAX {
        return Err(format!("it is longer than {} bytes", limits::PATTERN_BYTES_MAX));
    }
    // Alone first, so that `a)(b` is not made valid by the anchors' own parentheses.
    bounded(expression).and_then(|_| bounded(&format!("^(?:{expression})$")))
}

fn bounded(expression: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(expression).size_limit(limits::PATTERN_COMPILED_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(bytes) => format!("compiled it is larger than {bytes} bytes"),
        regex::Error::Syntax(text) => last_line(&text),
        other => other.to_string(),
    })
}

/// The regex crate draws the expression over several lines; the last one says what is wrong.
fn last_line(text: &str) -> String {
    let last = text.lines().last().unwrap_or(text);
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
