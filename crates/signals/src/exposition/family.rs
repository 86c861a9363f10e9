//! What OpenMetrics says of whole metric families, beyond the grammar of a line.
//!
//! A *family* is a metric with what is said of it and its samples, in one piece. Its samples form *groups*: those with
//! the same labels, but for the bound of a bucket, a quantile or a state. A group at one time is a *point*.
//!
//! Format: openmetrics.io, "OpenMetrics 1.0", sections "Metric Types" and "Overall Structure".

use std::collections::BTreeSet;
use std::fmt::Write;

use super::cursor::Cursor;
use super::{Label, Sample, number};
use crate::{Kind, Malformed};

/// The family that is being read, and the names of those before it.
#[derive(Default)]
pub(super) struct Families {
    current: Family,
    past: BTreeSet<String>,
}

#[derive(Default)]
struct Family {
    name: String,
    kind: Kind,
    said: BTreeSet<&'static str>,
    has_samples: bool,
    group: String,
    /// Groups of this family that ended.
    groups: BTreeSet<String>,
    /// Samples of the group, by name, labels and time.
    points: BTreeSet<String>,
    stamp: Option<Option<i64>>,
    bucket: Option<(f64, f64)>,
}

impl Families {
    /// Takes what a `# HELP`, `# TYPE` or `# UNIT` line says.
    pub(super) fn describe(
        &mut self,
        cursor: &Cursor<'_>,
        at: usize,
        keyword: &str,
        name: &str,
        text: &str,
    ) -> Result<(), Malformed> {
        let wrong = |what: &'static str| Malformed::new(cursor.format, at, name.as_bytes(), what);
        if self.current.name != name {
            self.begin(cursor, at, name)?;
        } else if self.current.has_samples {
            return Err(wrong("what a metric means stands after its samples"));
        }
        let keyword = ["HELP", "TYPE", "UNIT"].into_iter().find(|known| *known == keyword).unwrap_or("HELP");
        if !self.current.said.insert(keyword) {
            return Err(wrong("this is said twice of the metric"));
        }
        match keyword {
            "TYPE" => self.current.kind = kind_of(text),
            "UNIT" if !text.is_empty() && matches!(self.current.kind, Kind::Info | Kind::StateSet) => {
                return Err(wrong("an info or a stateset has no unit"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a sample.
    pub(super) fn sample(
        &mut self,
        cursor: &Cursor<'_>,
        value_at: usize,
        exemplar_at: usize,
        sample: &Sample<'_, '_>,
    ) -> Result<(), Malformed> {
        let suffix =
            match self.current.suffix_of(sample.name) {
                Some(suffix) => suffix,
                None if sample.name == self.current.name && !self.current.name.is_empty() => {
                    let wrong = "the sample's name lacks what its type adds to it";
                    return Err(Malformed::new(cursor.format, 0, sample.name.as_bytes(), wrong).hint(
                        format!("a {} has {}", self.current.kind, suffixes(self.current.kind).join(", ")),
                    ));
                }
                None => {
                    self.begin(cursor, 0, sample.name)?;
                    ""
                }
            };
        self.current.has_samples = true;
        self.current.enter(cursor, suffix, sample)?;
        let wrong = |at, what: &'static str| {
            Err(Malformed::new(cursor.format, at, cursor.line.get(at..).unwrap_or("").as_bytes(), what))
        };
        if let Err(what) = self.current.check_value(suffix, sample) {
            return wrong(value_at, what);
        }
        let may_have_exemplar =
            suffix == "_bucket" || (suffix == "_total" && self.current.kind == Kind::Counter);
        if sample.exemplar.is_some() && !may_have_exemplar {
            return wrong(exemplar_at, "an exemplar on what is neither a counter nor a bucket");
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, cursor: &Cursor<'_>) -> Result<(), Malformed> {
        self.current.end_point(cursor)
    }

    fn begin(&mut self, cursor: &Cursor<'_>, at: usize, name: &str) -> Result<(), Malformed> {
        self.current.end_point(cursor)?;
        let before = std::mem::take(&mut self.current);
        if !before.name.is_empty() {
            self.past.insert(before.name);
        }
        if self.past.contains(name) {
            let what = "the metric stands in more than one place";
            return Err(Malformed::new(cursor.format, at, name.as_bytes(), what)
                .hint("all lines of a metric belong together"));
        }
        self.current.name = name.to_owned();
        Ok(())
    }
}

impl Family {
    fn suffix_of(&self, sample: &str) -> Option<&'static str> {
        let rest = sample.strip_prefix(self.name.as_str()).filter(|_| !self.name.is_empty())?;
        suffixes(self.kind).iter().find(|suffix| **suffix == rest).copied()
    }

    /// Follows groups and points: neither comes back once it ended.
    fn enter(&mut self, cursor: &Cursor<'_>, suffix: &str, sample: &Sample<'_, '_>) -> Result<(), Malformed> {
        let wrong = |what: &'static str| Err(cursor_at(cursor, sample.name, what));
        let apart = match (self.kind, suffix) {
            (Kind::Histogram | Kind::GaugeHistogram, "_bucket") => "le",
            (Kind::Summary, "") => "quantile",
            (Kind::StateSet, _) => self.name.as_str(),
            _ => "",
        };
        let group = spelt(sample.labels.iter().filter(|(name, _)| name != apart));
        if self.stamp.is_none() || group != self.group {
            self.end_point(cursor)?;
            let before = std::mem::replace(&mut self.group, group.clone());
            if self.stamp.is_some() {
                self.groups.insert(before);
            }
            if self.groups.contains(&group) {
                return wrong("samples with the same labels do not stand together");
            }
            self.points.clear();
        } else if self.stamp != Some(sample.timestamp_ms) {
            match (self.stamp.flatten(), sample.timestamp_ms) {
                (Some(before), Some(now)) if before < now => self.end_point(cursor)?,
                (Some(_), Some(_)) => return wrong("times that go backwards"),
                _ => return wrong("some samples of the metric have a time and some have none"),
            }
        }
        self.stamp = Some(sample.timestamp_ms);
        let point = format!("{}{}{:?}", sample.name, spelt(sample.labels.iter()), sample.timestamp_ms);
        if !self.points.insert(point) {
            return wrong("the same series twice");
        }
        Ok(())
    }

    /// A point with buckets has one for all observations.
    fn end_point(&mut self, cursor: &Cursor<'_>) -> Result<(), Malformed> {
        match self.bucket.take() {
            Some((le, _)) if le != f64::INFINITY => {
                let what = "the buckets before this line lack the one with `le=\"+Inf\"`";
                Err(cursor_at(cursor, &self.name, what))
            }
            _ => Ok(()),
        }
    }

    fn check_value(&mut self, suffix: &str, sample: &Sample<'_, '_>) -> Result<(), &'static str> {
        let Sample { value, labels, .. } = *sample;
        let label = |wanted: &str| labels.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value);
        match (self.kind, suffix) {
            (Kind::Counter, "_total") | (_, "_count" | "_gcount" | "_created")
                if value.is_nan() || value < 0.0 =>
            {
                Err("a count that is negative or not a number")
            }
            (Kind::Histogram | Kind::GaugeHistogram, "_bucket") => {
                let le = label("le").and_then(number::read).filter(|le| !le.is_nan());
                self.check_bucket(le.ok_or("a bucket without an `le` that is a number")?, value)
            }
            (Kind::Histogram | Kind::GaugeHistogram, "_count" | "_gcount") => match self.bucket {
                Some((f64::INFINITY, all)) if all != value => {
                    Err("the count is not that of the bucket with `le=\"+Inf\"`")
                }
                _ => Ok(()),
            },
            (Kind::Summary, "") => {
                let quantile = label("quantile").and_then(number::read);
                match quantile {
                    Some(quantile) if (0.0..=1.0).contains(&quantile) => Ok(()),
                    _ => Err("a summary's sample without a `quantile` from 0 to 1"),
                }
            }
            (Kind::Info, _) if value != 1.0 => Err("an info whose value is not 1"),
            (Kind::StateSet, _) if value != 0.0 && value != 1.0 => Err("a state that is neither 0 nor 1"),
            (Kind::StateSet, _) if label(&self.name).is_none() => {
                Err("a state without a label of the metric's name")
            }
            _ => Ok(()),
        }
    }

    fn check_bucket(&mut self, le: f64, count: f64) -> Result<(), &'static str> {
        if count.is_nan() || count < 0.0 {
            return Err("a count that is negative or not a number");
        }
        match self.bucket {
            Some((before, _)) if before >= le => return Err("buckets that do not rise"),
            Some((_, before)) if before > count => return Err("a bucket with less than the one before it"),
            _ => {}
        }
        self.bucket = Some((le, count));
        Ok(())
    }
}

fn cursor_at(cursor: &Cursor<'_>, text: &str, what: &'static str) -> Malformed {
    Malformed::new(cursor.format, 0, text.as_bytes(), what)
}

/// What a type adds to the names of its samples.
fn suffixes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Counter => &["_total", "_created"],
        Kind::Histogram => &["_bucket", "_count", "_sum", "_created"],
        Kind::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
        Kind::Summary => &["", "_count", "_sum", "_created"],
        Kind::Info => &["_info"],
        Kind::Gauge | Kind::StateSet | Kind::Unknown => &[""],
    }
}

/// The reader has refused any other word.
fn kind_of(word: &str) -> Kind {
    let all = [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::GaugeHistogram, Kind::Summary, Kind::Info];
    all.into_iter().chain([Kind::StateSet]).find(|kind| kind.as_str() == word).unwrap_or_default()
}

/// Labels in an order and spelling of their own, to compare.
fn spelt<'l, 'a: 'l>(labels: impl Iterator<Item = &'l Label<'a>>) -> String {
    let mut sorted: Vec<_> = labels.collect();
    sorted.sort();
    let mut text = String::new();
    for (name, value) in sorted {
        // Writing to a String never fails.
        _ = write!(text, "{name:?}={value:?},");
    }
    text
}
