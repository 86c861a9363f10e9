use std::fmt;

use kernel::{Labels, Refuse, SilenceId, Timestamp};

use crate::limits;

/// The slice's "no".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration has no such alerting rule.
    NoSuchRule {
        /// The group that was named.
        group: String,
        /// The place in it that was named.
        rule: usize,
    },
    /// With the rule's labels added, two elements of its result are the same alert.
    SameLabelsTwice {
        /// The rule's alert name.
        alert: String,
        /// The labels that stand twice.
        labels: Labels,
    },
    /// More alerts at once than one command takes.
    TooManyAtOnce {
        /// How many were given.
        given: usize,
    },
    /// No further alert can be held open.
    TooManyOpen,
    /// A posted alert is not well formed.
    BadAlert {
        /// Its place in the request, counted from 0.
        index: usize,
        /// What is wrong with it.
        reason: BadAlert,
    },
    /// An alert was raised without a label.
    RaisedWithoutLabels,
    /// There is no such silence.
    NoSuchSilence(SilenceId),
    /// A silence needs at least one matcher.
    SilenceWithoutMatchers,
    /// More matchers than one silence takes.
    TooManyMatchers {
        /// How many were given.
        given: usize,
    },
    /// A matcher cannot be used.
    BadMatcher {
        /// Its place in the silence, counted from 0.
        index: usize,
        /// What is wrong with it.
        reason: BadMatcher,
    },
    /// Every matcher matches the empty value, so the silence would match every alert.
    SilenceMatchesEverything,
    /// The silence ends before it starts.
    SilenceEndsBeforeItStarts {
        /// When it would start.
        starts_at: Timestamp,
        /// When it would end.
        ends_at: Timestamp,
    },
    /// The silence's end has passed.
    SilenceEndsInThePast {
        /// When it would end.
        ends_at: Timestamp,
    },
    /// No further silence can be kept.
    TooManySilences,
    /// The comment or the author's name is longer than a text may be.
    TextTooLong,
}

/// What is wrong with a posted alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadAlert {
    /// It has no label with a value.
    NoLabels,
    /// It has too many labels.
    TooManyLabels(usize),
    /// The value of this label is too long.
    LabelTooLong(String),
    /// It has too many annotations.
    TooManyAnnotations(usize),
    /// This annotation, or the generator URL, is too long.
    TextTooLong(String),
    /// It ends before it starts.
    EndsBeforeStart,
}

/// What is wrong with a matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadMatcher {
    /// It names no label.
    NoName,
    /// Its value is too long.
    TooLong,
    /// Its regular expression does not compile.
    BadRegex {
        /// The expression.
        expression: String,
        /// Why.
        because: String,
    },
}

impl fmt::Display for BadAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use kernel::limits::{LABEL_VALUE_BYTES_MAX, LABELS_MAX, TEXT_BYTES_MAX};
        match self {
            BadAlert::NoLabels => f.write_str("has no label with a value"),
            BadAlert::TooManyLabels(given) => write!(f, "has {given} labels, more than {LABELS_MAX}"),
            BadAlert::LabelTooLong(name) => {
                write!(f, "has a value or name longer than {LABEL_VALUE_BYTES_MAX} bytes in label `{name}`")
            }
            BadAlert::TooManyAnnotations(given) => {
                write!(f, "has {given} annotations, more than {}", limits::ANNOTATIONS_MAX)
            }
            BadAlert::TextTooLong(name) => {
                write!(f, "has a text longer than {TEXT_BYTES_MAX} bytes in `{name}`")
            }
            BadAlert::EndsBeforeStart => f.write_str("ends before it starts"),
        }
    }
}

impl fmt::Display for BadMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadMatcher::NoName => f.write_str("names no label"),
            BadMatcher::TooLong => f.write_str("has a name or value that is too long"),
            BadMatcher::BadRegex { expression, because } => {
                write!(f, "has the regular expression `{expression}`, which does not compile: {because}")
            }
        }
    }
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchRule { .. } => "no_such_rule",
            Refusal::SameLabelsTwice { .. } => "same_labels_twice",
            Refusal::TooManyAtOnce { .. } => "too_many_alerts_at_once",
            Refusal::TooManyOpen => "too_many_open_alerts",
            Refusal::BadAlert { .. } => "bad_alert",
            Refusal::RaisedWithoutLabels => "raised_without_labels",
            Refusal::NoSuchSilence(_) => "no_such_silence",
            Refusal::SilenceWithoutMatchers => "silence_without_matchers",
            Refusal::TooManyMatchers { .. } => "too_many_matchers",
            Refusal::BadMatcher { .. } => "bad_matcher",
            Refusal::SilenceMatchesEverything => "silence_matches_everything",
            Refusal::SilenceEndsBeforeItStarts { .. } => "silence_ends_before_it_starts",
            Refusal::SilenceEndsInThePast { .. } => "silence_ends_in_the_past",
            Refusal::TooManySilences => "too_many_silences",
            Refusal::TextTooLong => "text_too_long",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::NoSuchRule { group, rule } => {
                format!("group `{group}` has no alerting rule at place {rule}")
            }
            Refusal::SameLabelsTwice { alert, labels } => format!(
                "rule `{alert}` yields several series with the same labels after its own are added: {labels}"
            ),
            Refusal::TooManyAtOnce { given } => {
                format!("{given} alerts at once are more than {}", limits::ALERTS_PER_COMMAND_MAX)
            }
            Refusal::TooManyOpen => {
                format!("{} alerts are open, and no further one can be held", limits::OPEN_ALERTS_MAX)
            }
            Refusal::BadAlert { index, reason } => format!("alert {index} of the request {reason}"),
            Refusal::RaisedWithoutLabels => "an alert needs at least one label".to_owned(),
            Refusal::NoSuchSilence(silence) => format!("there is no silence `{silence}`"),
            Refusal::SilenceWithoutMatchers => "a silence needs at least one matcher".to_owned(),
            Refusal::TooManyMatchers { given } => {
                format!("{given} matchers are more than {}", limits::MATCHERS_PER_SILENCE_MAX)
            }
            Refusal::BadMatcher { index, reason } => format!("matcher {index} of the silence {reason}"),
            Refusal::SilenceMatchesEverything => {
                "at least one matcher of a silence must not match the empty value".to_owned()
            }
            Refusal::SilenceEndsBeforeItStarts { starts_at, ends_at } => {
                format!("the silence would end at {ends_at}, not after its start at {starts_at}")
            }
            Refusal::SilenceEndsInThePast { ends_at } => format!("the silence's end, {ends_at}, has passed"),
            Refusal::TooManySilences => {
                format!("{} silences are open, and no further one can be kept", limits::OPEN_SILENCES_MAX)
            }
            Refusal::TextTooLong => {
                format!("the comment or author is longer than {} bytes", kernel::limits::TEXT_BYTES_MAX)
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Refusal::NoSuchRule { .. } => "the configuration changed; judge its rules as they stand",
            Refusal::SameLabelsTwice { .. } => {
                "aggregate the expression by the labels that matter, or do not overwrite one that tells series apart"
            }
            Refusal::TooManyAtOnce { .. } => "send them in several requests",
            Refusal::TooManyOpen => "resolve alerts, or aggregate the rule that floods",
            Refusal::SilenceMatchesEverything => "name what to silence: `alertname=\"HighErrorRate\"`",
            Refusal::TooManySilences => {
                "expire silences that are no longer needed, or match with one what several do"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for Refusal {}
