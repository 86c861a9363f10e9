//! What is worth knowing of a result beside its values: warnings, and hints that something may not be meant.

use std::fmt::Write;

use crate::limits::ANNOTATIONS_MAX;

/// How much an annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A part of the result is missing or wrong for a reason that the text gives.
    Warning,
    /// The result is what was asked for, which may not be what was meant.
    Info,
}

/// The annotations of one query, each text once. At most [`ANNOTATIONS_MAX`] are kept; the rest is counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    found: Vec<Annotation>,
    omitted: [usize; 2],
}

#[derive(Debug, Clone, PartialEq)]
struct Annotation {
    severity: Severity,
    text: String,
    /// Bytes from the start of the query to the expression that it is about.
    at: usize,
    detail: Detail,
}

/// What is summed up over all occurrences of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Detail {
    None,
    /// Counts of classic buckets that were raised to that of the bucket below.
    Raised(Raised),
    /// How often.
    Occurrences(u64),
}

/// Where and by how much buckets were raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Raised {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) bucket_min: f64,
    pub(crate) bucket_max: f64,
    pub(crate) diff_max: f64,
    pub(crate) samples: u64,
}

impl Annotations {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn add(&mut self, severity: Severity, text: String, at: usize, detail: Detail) {
        if let Some(known) = self.found.iter_mut().find(|one| one.severity == severity && one.text == text) {
            known.at = at;
            known.detail = known.detail.with(detail);
        } else if self.found.len() < ANNOTATIONS_MAX {
            self.found.push(Annotation { severity, text, at, detail });
        } else {
            self.omitted[severity as usize] += 1;
        }
    }

    /// The warnings as Prometheus writes them, with line and column in `query`, which is the text that was asked.
    pub fn warnings(&self, query: &str) -> Vec<String> {
        self.of(Severity::Warning, query)
    }

    /// As [`Annotations::warnings`], for what is only worth knowing.
    pub fn infos(&self, query: &str) -> Vec<String> {
        self.of(Severity::Info, query)
    }

    fn of(&self, severity: Severity, query: &str) -> Vec<String> {
        let found = self.found.iter().filter(|one| one.severity == severity);
        let mut texts: Vec<String> = found.map(|one| one.text(query)).collect();
        let omitted = self.omitted[severity as usize];
        if omitted > 0 {
            let kind = if severity == Severity::Warning { "warning" } else { "info" };
            texts.push(format!("{omitted} more {kind} annotations omitted"));
        }
        texts
    }
}

impl Annotation {
    fn text(&self, query: &str) -> String {
        let kind = if self.severity == Severity::Warning { "warning" } else { "info" };
        let mut text = format!("PromQL {kind}: {}", self.text);
        match self.detail {
            Detail::None | Detail::Occurrences(0 | 1) => {}
            Detail::Occurrences(count) => {
                let _ = write!(text, " ({count} occurrences)");
            }
            Detail::Raised(raised) => raised.write(&mut text),
        }
        let (line, column) = line_and_column(query, self.at);
        let _ = write!(text, " ({line}:{column})");
        text
    }
}

impl Detail {
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Detail::Occurrences(a), Detail::Occurrences(b)) => Detail::Occurrences(a + b),
            (Detail::Raised(a), Detail::Raised(b)) => Detail::Raised(Raised {
                first_ms: a.first_ms.min(b.first_ms),
                last_ms: a.last_ms.max(b.last_ms),
                bucket_min: a.bucket_min.min(b.bucket_min),
                bucket_max: a.bucket_max.max(b.bucket_max),
                diff_max: a.diff_max.max(b.diff_max),
                samples: a.samples + b.samples,
            }),
            (_, other) => other,
        }
    }
}

impl Raised {
    fn write(&self, text: &mut String) {
        let instant = |ms: i64| kernel::Timestamp::from_millis(ms.div_euclid(1000) * 1000);
        let _ = write!(
            text,
            ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            crate::number::general(self.bucket_min),
            crate::number::general(self.bucket_max),
            crate::number::two_digits(self.diff_max),
            self.samples,
            instant(self.first_ms),
            instant(self.last_ms),
        );
    }
}

/// Line and column, both from 1, of a position in bytes; columns count bytes, as in Prometheus.
pub(crate) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, before.len() - start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_once_with_the_place_of_its_expression() {
        let mut annotations = Annotations::default();
        let query = "sum(\n  rate(x[5m]))";
        annotations.add(Severity::Info, "a".into(), 12, Detail::None);
        annotations.add(Severity::Info, "a".into(), 12, Detail::None);
        annotations.add(Severity::Warning, "b".into(), 0, Detail::Occurrences(2));
        assert_eq!(annotations.infos(query), ["PromQL info: a (2:8)"]);
        assert_eq!(annotations.warnings(query), ["PromQL warning: b (2 occurrences) (1:1)"]);
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let mut annotations = Annotations::default();
        for index in 0..ANNOTATIONS_MAX + 3 {
            annotations.add(Severity::Info, index.to_string(), 0, Detail::None);
        }
        assert_eq!(annotations.infos("").last().unwrap(), "3 more info annotations omitted");
    }
}
