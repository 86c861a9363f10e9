//! The rule files that a test file names, read as strictly as promtool does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use facts::configuration::{PromqlSettings, Rule, RuleGroup};
use kernel::Span;

use super::file::TestFile;
use crate::config::{ReadRules, matching, read_rule_file};

/// Every group of every file, in the order in which they are evaluated.
pub(super) fn load(
    file: &TestFile,
    promql: PromqlSettings,
    warnings: &mut Vec<String>,
) -> Result<Vec<RuleGroup>, Vec<String>> {
    let directory = file.path.parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    let mut groups: Vec<RuleGroup> = Vec::new();
    for (number, pattern) in file.rule_files.iter().enumerate() {
        let found = matching(&directory.join(pattern));
        if found.is_empty() {
            let place = file.place(&format!("rule_files[{number}]"));
            warnings.push(format!("{place}: `{pattern}` names no file"));
        }
        for path in found {
            if !seen.insert(path.clone()) {
                continue;
            }
            match read_rule_file(&path) {
                Ok(read) => {
                    problems.extend(read.errors(promql));
                    problems.extend(strict(&read));
                    groups.extend(read.groups);
                }
                Err(found) => problems.extend(found),
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // A group that the order does not name comes with the first one, as in promtool.
    let order =
        |group: &RuleGroup| file.group_eval_order.iter().position(|name| *name == group.name).unwrap_or(0);
    groups.sort_by_key(order);
    Ok(groups)
}

/// What promtool refuses beside what `swan check` does.
fn strict(read: &ReadRules) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, group) in read.groups.iter().enumerate() {
        if group.name.is_empty() {
            let place = read.place(&format!("groups[{number}]"));
            problems.push(format!("{place}: a rule group has a name"));
        }
        for (place, rule) in group.rules.iter().enumerate() {
            let path = format!("groups[{number}].rules[{place}]");
            problems
                .extend(of_rule(rule).into_iter().map(|problem| format!("{}: {problem}", read.place(&path))));
        }
    }
    problems
}

fn of_rule(rule: &Rule) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(name) = &rule.record {
        let given = [
            ("annotations", !rule.annotations.is_empty()),
            ("for", rule.hold > Span::ZERO),
            ("keep_firing_for", rule.keep_firing_for > Span::ZERO),
        ];
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            problems.push(format!("a recording rule has no `{key}`"));
        }
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':');
        if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
            problems.push(format!("`{name}` is no name of a metric"));
        }
    }
    for name in rule.labels.keys().chain(rule.annotations.keys()) {
        if !is_label_name(name) {
            problems.push(format!("`{name}` is no name of a label"));
        }
    }
    if rule.labels.contains_key("__name__") {
        problems.push("a rule's labels do not name its series".to_owned());
    }
    problems
}

fn is_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
