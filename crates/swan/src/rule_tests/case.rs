//! One expectation of a test file, and what became of it.

use std::collections::BTreeMap;

use kernel::{Labels, Span};
use promql::Value;

use super::file::{AlertTest, ExprTest};
use super::{histogram, series};

/// One expectation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    /// The test group's name, where it has one.
    pub(crate) group: Option<String>,
    /// The alert's name, or the expression.
    pub(crate) about: String,
    pub(crate) kind: Kind,
    /// When, from the start of the test.
    pub(crate) at: Span,
    /// `FILE:LINE:COLUMN`.
    pub(crate) place: String,
    /// Why it failed, where it did.
    pub(crate) failure: Option<Failure>,
}

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Which alerts fire.
    Alert,
    /// What an expression gives.
    Expression,
    /// That rules can be evaluated.
    Rules,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Alert => "alert",
            Kind::Expression => "expression",
            Kind::Rules => "rules",
        }
    }
}

/// Why a case failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It could not be evaluated.
    Error(String),
    /// What is there is not what is expected. Both are sorted.
    Different { expected: Vec<String>, got: Vec<String> },
}

impl Failure {
    /// What is expected and what is there, line by line: `-` is missing, `+` is too much.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Failure::Error(problem) => vec![problem.clone()],
            Failure::Different { expected, got } => difference(expected, got),
        }
    }
}

fn difference(expected: &[String], got: &[String]) -> Vec<String> {
    let mut left: BTreeMap<&String, i64> = BTreeMap::new();
    for line in got {
        *left.entry(line).or_default() += 1;
    }
    let mut lines = Vec::new();
    for line in expected {
        match left.get_mut(line).filter(|count| **count > 0) {
            Some(count) => {
                *count -= 1;
                lines.push(format!("  {line}"));
            }
            None => lines.push(format!("- {line}")),
        }
    }
    for line in got {
        if let Some(count) = left.get_mut(line).filter(|count| **count > 0) {
            *count -= 1;
            lines.push(format!("+ {line}"));
        }
    }
    lines
}

/// Labels and annotations, as they are compared. Unlike labels, annotations may be empty.
pub(super) type Shown = (Labels, BTreeMap<String, String>);

/// Whether the alerts that fire are those that are expected.
pub(super) fn alerts(test: &AlertTest, mut got: Vec<Shown>) -> Option<Failure> {
    let empty = BTreeMap::new();
    let mut expected = Vec::new();
    for alert in test.exp_alerts.iter().flatten() {
        let mut labels = alert.exp_labels.clone().unwrap_or_default();
        labels.insert("alertname".to_owned(), test.alertname.clone());
        let annotations = alert.exp_annotations.as_ref().unwrap_or(&empty).clone();
        match Labels::new(labels) {
            Ok(labels) => expected.push((labels, annotations)),
            Err(error) => return Some(Failure::Error(error.to_string())),
        }
    }
    got.sort();
    expected.sort();
    if got == expected {
        return None;
    }
    let texts = |alerts: &[Shown]| alerts.iter().map(shown).collect();
    Some(Failure::Different { expected: texts(&expected), got: texts(&got) })
}

fn shown((labels, annotations): &Shown) -> String {
    let labels = labels.only(|name| name != "alertname");
    let annotations: Vec<String> =
        annotations.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
    if annotations.is_empty() { labels.to_string() } else { format!("{labels} [{}]", annotations.join(", ")) }
}

/// Whether an expression gives what is expected.
pub(super) fn samples(test: &ExprTest, fuzzy: bool, mut got: Vec<(Labels, Value)>) -> Option<Failure> {
    let mut expected: Vec<(Labels, Value)> = Vec::new();
    for sample in test.exp_samples.iter().flatten() {
        let value = match sample.histogram.trim() {
            "" => Ok(Value::Float(sample.value.0)),
            text => histogram::Literal::read(text).map(|(read, _)| Value::Histogram(read.histogram().into())),
        };
        // Scalars, and what lost all its labels, are written without any.
        let labels = match sample.labels.trim() {
            "" => Ok(Labels::default()),
            text => series::labels(text),
        };
        match labels.and_then(|labels| Ok((labels, value?))) {
            Ok(sample) => expected.push(sample),
            Err(problem) => return Some(Failure::Error(format!("labels `{}`: {problem}", sample.labels))),
        }
    }
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    got.sort_by(|a, b| a.0.cmp(&b.0));
    let same = |(a, b): (&(Labels, Value), &(Labels, Value))| a.0 == b.0 && equal(&a.1, &b.1, fuzzy);
    if expected.len() == got.len() && expected.iter().zip(&got).all(same) {
        return None;
    }
    let texts = |samples: &[(Labels, Value)]| {
        samples.iter().map(|(labels, value)| format!("{} {}", named(labels), number(value))).collect()
    };
    Some(Failure::Different { expected: texts(&expected), got: texts(&got) })
}

/// As Prometheus writes a series.
fn named(labels: &Labels) -> String {
    let name = labels.get("__name__").unwrap_or_default();
    let rest = labels.only(|label| label != "__name__");
    if rest.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{rest}") }
}

fn number(value: &Value) -> String {
    match value {
        Value::Float(value) => alerting::templates::go_float(*value),
        Value::Histogram(histogram) => histogram::text(histogram),
    }
}

/// NaN is no number, and equals none: it cannot be expected.
fn equal(expected: &Value, got: &Value, fuzzy: bool) -> bool {
    match (expected, got) {
        (Value::Float(a), Value::Float(b)) => a == b || (fuzzy && (a.next_up() == *b || a.next_down() == *b)),
        (Value::Histogram(a), Value::Histogram(b)) => histogram::text(a) == histogram::text(b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_have_stands_once() {
        let texts = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(difference(&texts(&["a", "b", "b"]), &texts(&["b", "c"])), ["- a", "  b", "- b", "+ c"]);
    }
}
