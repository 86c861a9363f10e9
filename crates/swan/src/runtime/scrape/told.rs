//! What senders say of their metrics, kept in a file: a target is asked again after a restart, a sender need not say
//! it twice.
//!
//! The file has a line of JSON for each meaning, in the order in which they came. A new one is handed to the operating
//! system before its sender is answered, and so survives the death of the process. Meanings are for people, nothing is
//! decided by them: a line that cannot be read is left out, and where a line cannot be written, the meaning is known
//! until the next start.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use signals::Kind;
use web::ports::Metadata;

use super::limits::{HELP_BYTES_MAX, MEANINGS_KEPT_MAX, MEANINGS_PER_METRIC_MAX};

/// The meanings of metrics, each as often as senders differ.
#[derive(Default)]
pub(super) struct Told {
    by_metric: BTreeMap<String, BTreeSet<Metadata>>,
    /// `None` where nothing is kept.
    file: Option<File>,
}

#[derive(Serialize, Deserialize)]
struct Line<'l> {
    metric: Cow<'l, str>,
    kind: Cow<'l, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    help: Cow<'l, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    unit: Cow<'l, str>,
}

impl Told {
    /// With what the file has, which is made where there is none.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let kept = match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            kept => kept?,
        };
        let mut told = Self::default();
        let lines = kept.split(|byte| *byte == b'\n');
        for line in lines.filter_map(|line| serde_json::from_slice::<Line<'_>>(line).ok()) {
            let Line { metric, kind, help, unit } = line;
            let kind = Kind::named(&kind).unwrap_or_default().as_str();
            told.add(&metric, &Metadata { kind, help: help.into_owned(), unit: unit.into_owned() });
        }
        let mut file = File::options().append(true).create(true).open(path)?;
        if kept.last().is_some_and(|byte| *byte != b'\n') {
            // A line that was torn takes no other with it.
            file.write_all(b"\n")?;
        }
        told.file = Some(file);
        Ok(told)
    }

    /// Takes a meaning, unless there are too many; a help text that is too long is left out.
    pub(super) fn add(&mut self, metric: &str, meaning: &Metadata) {
        let is_short = meaning.help.len() <= HELP_BYTES_MAX;
        let help = if is_short { meaning.help.clone() } else { String::new() };
        let meaning = Metadata { help, ..meaning.clone() };
        let is_full = self.by_metric.len() >= MEANINGS_KEPT_MAX;
        let is_new = match self.by_metric.get_mut(metric) {
            Some(known) => known.len() < MEANINGS_PER_METRIC_MAX && known.insert(meaning.clone()),
            None if is_full => false,
            None => self.by_metric.insert(metric.to_owned(), BTreeSet::from([meaning.clone()])).is_none(),
        };
        if is_new && let Some(file) = &mut self.file {
            let Metadata { kind, help, unit } = &meaning;
            let line =
                Line { metric: metric.into(), kind: (*kind).into(), help: help.into(), unit: unit.into() };
            let mut line = serde_json::to_vec(&line).expect("texts are JSON");
            line.push(b'\n');
            if let Err(error) = file.write_all(&line) {
                tracing::warn!(%error, metric, "what a metric means could not be kept");
            }
        }
    }

    /// Every metric with its meanings.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &BTreeSet<Metadata>)> {
        self.by_metric.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(help: &str) -> Metadata {
        Metadata { kind: "counter", help: help.to_owned(), unit: "seconds".to_owned() }
    }

    fn meanings(told: &Told) -> Vec<(String, Vec<Metadata>)> {
        told.all().map(|(metric, all)| (metric.clone(), all.iter().cloned().collect())).collect()
    }

    #[test]
    fn what_was_said_is_known_after_a_restart_and_a_torn_line_costs_itself_only() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("meanings.jsonl");
        let mut told = Told::open(&path).expect("it is made");
        told.add("a_total", &counter("\"How\"\nmany."));
        told.add("a_total", &counter("\"How\"\nmany."));
        told.add("b_total", &counter(&"x".repeat(HELP_BYTES_MAX + 1)));
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"metric\":\"c\xff")
            .unwrap();
        let expected = [("a_total", counter("\"How\"\nmany.")), ("b_total", counter(""))];
        let expected = expected.map(|(metric, one)| (metric.to_owned(), vec![one]));
        let mut again = Told::open(&path).expect("it opens");
        assert_eq!(meanings(&again), expected);
        again.add("d \"quoted\"", &counter("After the torn one."));
        let last = Told::open(&path).expect("it opens");
        let (before, after) = (meanings(&last), meanings(&again));
        assert_eq!(before, after);
        assert_eq!(before.len(), 3);
        let lines = std::fs::read(&path).unwrap().split(|byte| *byte == b'\n').count();
        assert_eq!(lines, 5, "each is written once");
    }
}
