//! The Prometheus text format 0.0.4, and 1.0.0, which has names in quotes (`{"http.requests","zone"="a"} 1`).
//!
//! Exemplars and `# EOF` belong to OpenMetrics: the former are refused, the latter is a comment.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::cursor::{Cursor, help, text_of};
use super::{Entry, Label, Rules, Sample};
use crate::{Format, Kind, Malformed};

/// Reads a whole body; how many samples it had.
pub(super) fn parse<'a>(
    body: &'a [u8],
    rules: Rules,
    mut entry: impl FnMut(Entry<'_, 'a>),
) -> Result<u64, Malformed> {
    let text = text_of(body, Format::Exposition)?;
    let mut samples = 0;
    let mut labels = Vec::new();
    let mut kind = Kind::Unknown;
    let mut families = (rules == Rules::Strict).then(Families::default);
    for (line, number) in text.split('\n').zip(1..) {
        // The format ends lines with `\n` only, but exporters on Windows are not worth a failed scrape.
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut cursor = Cursor { line, at: 0, format: Format::Exposition, kind };
        cursor.skip_blanks();
        let read = match cursor.peek() {
            None => continue,
            Some(b'#') => comment(&mut cursor, &mut families, &mut entry),
            Some(_) => {
                samples += 1;
                sample(&mut cursor, &mut labels, &mut families, &mut entry)
            }
        };
        read.map_err(|error| error.in_line(number))?;
        kind = cursor.kind;
    }
    Ok(samples)
}

/// What has been said of each metric: one `# TYPE`, and before the first sample.
#[derive(Default)]
struct Families {
    typed: BTreeSet<String>,
    sampled: BTreeSet<String>,
}

impl Families {
    fn typed(&mut self, cursor: &Cursor<'_>, name: &str) -> Result<(), Malformed> {
        if self.sampled.contains(name) {
            return Err(cursor.wrong("the type stands after samples of the metric"));
        }
        if !self.typed.insert(name.to_owned()) {
            return Err(cursor.wrong("the metric has a type already"));
        }
        Ok(())
    }

    fn sampled(&mut self, name: &str) {
        if !self.sampled.contains(name) {
            self.sampled.insert(name.to_owned());
        }
    }
}

fn sample<'a>(
    cursor: &mut Cursor<'a>,
    labels: &mut Vec<Label<'a>>,
    families: &mut Option<Families>,
    entry: &mut impl FnMut(Entry<'_, 'a>),
) -> Result<(), Malformed> {
    let name = cursor.series(labels)?;
    if let Some(families) = families {
        families.sampled(&name);
    }
    let value = cursor.value()?;
    cursor.skip_blanks();
    let timestamp_ms = timestamp(cursor)?;
    entry(Entry::Sample(Sample { name: &name, labels, value, timestamp_ms, exemplar: None }));
    Ok(())
}

/// Milliseconds at the end of the line, where there are any.
fn timestamp(cursor: &mut Cursor<'_>) -> Result<Option<i64>, Malformed> {
    let at = cursor.at;
    let word = cursor.word();
    if word.is_empty() {
        return Ok(None);
    }
    let error = |what: &'static str| Malformed::new(Format::Exposition, at, word.as_bytes(), what);
    if word.starts_with('#') {
        return Err(error("an exemplar, which this format does not have")
            .hint("exemplars belong to `application/openmetrics-text`"));
    }
    let ms = word.parse().map_err(|_| {
        error("not a timestamp").hint("a timestamp is a whole number of milliseconds since 1970")
    })?;
    cursor.skip_blanks();
    match cursor.peek() {
        None => Ok(Some(ms)),
        Some(_) => Err(cursor.wrong("text after the timestamp")),
    }
}

fn comment<'a>(
    cursor: &mut Cursor<'a>,
    families: &mut Option<Families>,
    entry: &mut impl FnMut(Entry<'_, 'a>),
) -> Result<(), Malformed> {
    cursor.at += 1;
    cursor.skip_blanks();
    let keyword = cursor.word();
    if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
        return Ok(());
    }
    cursor.skip_blanks();
    let name = cursor.metric_name()?;
    if !matches!(cursor.peek(), None | Some(b' ' | b'\t')) {
        return Err(cursor.wrong("expected a blank after the name"));
    }
    cursor.skip_blanks();
    let text = cursor.rest();
    match keyword {
        "HELP" => entry(Entry::Help { name, text: help(text) }),
        "UNIT" => entry(Entry::Unit { name, unit: Cow::Borrowed(text.trim_ascii_end()) }),
        _ => {
            let Some(kind) = kind_of(text.trim_ascii_end()) else {
                return Err(cursor
                    .wrong("not a metric type")
                    .hint("a type is `counter`, `gauge`, `histogram`, `summary` or `untyped`"));
            };
            if let Some(families) = families {
                families.typed(cursor, &name)?;
            }
            cursor.kind = kind;
            entry(Entry::Type { name, kind });
        }
    }
    Ok(())
}

fn kind_of(word: &str) -> Option<Kind> {
    // Some exporters answer with the types of OpenMetrics in the older format.
    if word == "untyped" { Some(Kind::Unknown) } else { Kind::named(word) }
}
