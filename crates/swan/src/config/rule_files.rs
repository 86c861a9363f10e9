//! Prometheus's rule files. What a group does not say, `global` of the file that names it does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use facts::configuration::{GlobalScrapeConfig, PromqlSettings, Rule, RuleGroup};
use kernel::Span;
use serde::Deserialize;

use super::places::{Place, nearest, places};
use super::text::read_text;
use super::yaml;
use super::{check, has_wildcard, matching};

/// Rule files, and what their groups have in common.
#[derive(Debug)]
pub(super) struct RulesFrom {
    /// Relative to `swan.yaml`.
    pub(super) patterns: Vec<String>,
    pub(super) defaults: Defaults,
}

impl RulesFrom {
    pub(super) fn new(patterns: Vec<String>, global: &GlobalScrapeConfig) -> Self {
        let standard = Defaults::default();
        let interval = global.evaluation_interval.filter(|interval| *interval > Span::ZERO);
        let defaults = Defaults {
            interval: interval.unwrap_or(standard.interval),
            query_offset: global.rule_query_offset.unwrap_or(standard.query_offset),
        };
        Self { patterns, defaults }
    }
}

/// What a group is that does not say so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    interval: Span,
    query_offset: Span,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { interval: Span::from_mins(1), query_offset: Span::ZERO }
    }
}

/// A Prometheus rule file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RuleFile {
    groups: Vec<WrittenGroup>,
}

/// A group as people write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    name: String,
    #[serde(default)]
    interval: Option<Span>,
    #[serde(default)]
    query_offset: Option<Span>,
    /// None, where it is less than one.
    #[serde(default)]
    limit: i64,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

impl RuleFile {
    /// A file without anything but comments has no group.
    fn read(file: &Path, text: &str) -> Result<Self, Vec<String>> {
        if places(text).is_empty() {
            return Ok(Self::default());
        }
        yaml::read(file, text).map_err(|problem| vec![problem])
    }

    /// An interval of 0 is none, as in Prometheus.
    fn groups(self, file: &Path, defaults: Defaults) -> Vec<RuleGroup> {
        let settled = |group: WrittenGroup| RuleGroup {
            name: group.name,
            file: file.display().to_string(),
            interval: group.interval.filter(|interval| *interval != Span::ZERO).unwrap_or(defaults.interval),
            query_offset: group.query_offset.unwrap_or(defaults.query_offset),
            limit: u64::try_from(group.limit).unwrap_or(0),
            labels: group.labels,
            rules: group.rules,
        };
        self.groups.into_iter().map(settled).collect()
    }
}

/// A group, its file, its place among that file's groups, and the file's places.
pub(super) type ReadGroup = (RuleGroup, PathBuf, usize, BTreeMap<String, Place>);

pub(super) fn read_rules(directory: &Path, rules: &[RulesFrom]) -> Result<Vec<ReadGroup>, Vec<String>> {
    let mut groups = Vec::new();
    let mut problems = Vec::new();
    for (pattern, defaults) in
        rules.iter().flat_map(|from| from.patterns.iter().map(move |p| (p, from.defaults)))
    {
        let files = matching(&directory.join(pattern));
        // A pattern may mean files that are still to come.
        if files.is_empty() && !has_wildcard(pattern) {
            problems.push(format!("`rules: {pattern}` names no file in `{}`", directory.display()));
        }
        for file in files {
            let read = read_text(&file).and_then(|text| {
                let parsed = RuleFile::read(&file, &text)?;
                Ok((parsed.groups(&file, defaults), places(&text)))
            });
            match read {
                Ok((parsed, places)) => {
                    let numbered = parsed.into_iter().enumerate();
                    groups.extend(numbered.map(|(own, group)| (group, file.clone(), own, places.clone())));
                }
                Err(found) => problems.extend(found),
            }
        }
    }
    if problems.is_empty() { Ok(groups) } else { Err(problems) }
}

/// A rule file by itself.
#[derive(Debug)]
pub(crate) struct ReadRules {
    pub(crate) file: PathBuf,
    pub(crate) groups: Vec<RuleGroup>,
    places: BTreeMap<String, Place>,
}

impl ReadRules {
    /// `FILE:LINE:COLUMN` of a part, as `groups[0].rules[1].expr`.
    pub(crate) fn place(&self, path: &str) -> String {
        match nearest(&self.places, path) {
            Some((line, column)) => format!("{}:{line}:{column}", self.file.display()),
            None => self.file.display().to_string(),
        }
    }

    /// What stands against its rules, each with file, line, column and hint.
    pub(crate) fn errors(&self, promql: PromqlSettings) -> Vec<String> {
        let errors =
            check::rule_problems(&self.groups, promql).into_iter().filter(|problem| problem.is_error);
        errors
            .map(|problem| {
                let hint = problem.hint.map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
                let path = problem.path.strip_prefix("rule_").unwrap_or(&problem.path);
                format!("{}: {}{hint}", self.place(path), problem.message)
            })
            .collect()
    }
}

/// Reads one rule file; what its rules say is not judged.
pub(crate) fn read_rule_file(file: &Path) -> Result<ReadRules, Vec<String>> {
    let text = read_text(file)?;
    let parsed = RuleFile::read(file, &text)?;
    Ok(ReadRules {
        file: file.to_owned(),
        groups: parsed.groups(file, Defaults::default()),
        places: places(&text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ReadRules {
        let file = tempfile::NamedTempFile::new().expect("there is room");
        std::fs::write(file.path(), text).expect("it can be written");
        read_rule_file(file.path()).expect("it is a rule file")
    }

    #[test]
    fn what_a_group_leaves_open_is_as_prometheus_has_it() {
        for empty in ["", "# later\n", "{}", "groups: []"] {
            assert_eq!(read(empty).groups, [], "{empty:?}");
        }
        let read = read("groups: [{name: a}, {name: b, interval: 0s, limit: -5, rules: []}]");
        for group in &read.groups {
            let seen = (group.interval, group.limit, group.rules.len());
            assert_eq!(seen, (Span::from_mins(1), 0, 0), "{}", group.name);
        }
        assert_eq!(read.errors(PromqlSettings::default()), [] as [&str; 0]);
    }

    #[test]
    fn what_prometheus_refuses_of_a_rule_is_refused_where_it_stands() {
        for (rule, place, said) in [
            ("{record: a, expr: '1', for: 1m}", "2:44", "a recording rule has no `for`"),
            (
                "{record: a, expr: '1', keep_firing_for: 1m}",
                "2:44",
                "a recording rule has no `keep_firing_for`",
            ),
            ("{record: a, expr: '1', annotations: {b: c}}", "2:44", "a recording rule has no `annotations`"),
            (
                "{alert: a, expr: '1', labels: {__name__: b}}",
                "2:52",
                "`__name__` is no label that a rule can add",
            ),
        ] {
            let errors =
                read(&format!("groups:\n- {{name: a, rules: [{rule}]}}\n")).errors(PromqlSettings::default());
            let found = errors.first().expect("it is refused");
            assert!(found.contains(said), "{found}");
            assert!(found.contains(&format!(":{place}:")), "{place}: {found}");
        }
        let errors = read("groups: [{name: '', rules: []}]").errors(PromqlSettings::default());
        assert!(errors[0].contains("a rule group has a name"), "{errors:?}");
    }
}
