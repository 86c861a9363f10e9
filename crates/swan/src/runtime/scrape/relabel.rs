//! Relabelling: steps that change a set of labels, or drop what has them.
//!
//! Source: prometheus.io, "Configuration", `<relabel_config>`; its expressions are [`kernel::pattern`]s.

use std::collections::BTreeMap;

use facts::configuration::{NameValidation, RelabelAction, RelabelConfig, ScrapeConfig};
use kernel::Pattern;
use md5::{Digest, Md5};

/// Labels on their way: by name, none of them empty.
pub(crate) type LabelMap = BTreeMap<String, String>;

/// Steps in their order.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    config: RelabelConfig,
    pattern: Pattern,
    names: NameValidation,
}

/// What is wrong with the steps of a job: the key, the place in its list, and why.
pub(crate) fn wrong_steps(config: &ScrapeConfig) -> Vec<(&'static str, usize, String)> {
    let names = config.metric_name_validation_scheme.unwrap_or_default();
    let wrong = |key, steps: &[RelabelConfig]| {
        Steps::compile(steps, names).err().map(|(place, what)| (key, place, what))
    };
    let targets = wrong("relabel_configs", &config.relabel_configs);
    targets.into_iter().chain(wrong("metric_relabel_configs", &config.metric_relabel_configs)).collect()
}

impl Steps {
    /// Compiles the steps; where one is wrong, its place and what is wrong with it.
    pub(crate) fn compile(configs: &[RelabelConfig], names: NameValidation) -> Result<Self, (usize, String)> {
        let step = |(place, config): (usize, &RelabelConfig)| {
            check(config, names).map_err(|what| (place, what))?;
            let pattern = Pattern::anchored(&config.regex)
                .map_err(|error| (place, format!("`{}` is no regular expression: {error}", config.regex)))?;
            Ok(Step { config: config.clone(), pattern, names })
        };
        configs.iter().enumerate().map(step).collect::<Result<_, _>>().map(Self)
    }

    /// Changes the labels; false where they are dropped.
    pub(crate) fn apply(&self, labels: &mut LabelMap) -> bool {
        self.0.iter().all(|step| step.apply(labels))
    }
}

fn check(config: &RelabelConfig, names: NameValidation) -> Result<(), String> {
    use RelabelAction as Action;
    let RelabelConfig { action, target_label, .. } = config;
    let writes_target = matches!(
        action,
        Action::Replace
            | Action::HashMod
            | Action::Lowercase
            | Action::Uppercase
            | Action::KeepEqual
            | Action::DropEqual
    );
    if writes_target && target_label.is_empty() {
        return Err("this action needs a `target_label`".to_owned());
    }
    if *action == Action::HashMod && config.modulus == 0 {
        return Err("`hashmod` needs a `modulus` above 0".to_owned());
    }
    let is_template = *action == Action::Replace && target_label.contains('$');
    if writes_target && !is_template && !is_label_name(target_label, names) {
        return Err(format!("`{target_label}` is not the name of a label"));
    }
    match unused(config) {
        Some(key) => Err(format!("this action does not use `{key}`")),
        None => Ok(()),
    }
}

/// A key that is given and that the action does not look at: whoever wrote it meant another one. Those that
/// Prometheus refuses.
fn unused(config: &RelabelConfig) -> Option<&'static str> {
    use RelabelAction as Action;
    let standard = RelabelConfig::default();
    let given = [
        ("source_labels", config.source_labels != standard.source_labels),
        ("target_label", config.target_label != standard.target_label),
        ("regex", config.regex != standard.regex),
        ("separator", config.separator != standard.separator),
        ("modulus", config.modulus != standard.modulus),
        ("replacement", config.replacement != standard.replacement),
    ];
    let is_used = |key: &str| match config.action {
        Action::LabelDrop | Action::LabelKeep => key == "regex",
        Action::KeepEqual | Action::DropEqual => matches!(key, "source_labels" | "target_label"),
        Action::Lowercase | Action::Uppercase => key != "replacement",
        _ => true,
    };
    given.into_iter().find(|(key, is_given)| *is_given && !is_used(key)).map(|(key, _)| key)
}

/// Whether this may name a label.
pub(crate) fn is_label_name(name: &str, names: NameValidation) -> bool {
    match names {
        NameValidation::Utf8 => !name.is_empty(),
        NameValidation::Legacy => {
            !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        }
    }
}

impl Step {
    fn apply(&self, labels: &mut LabelMap) -> bool {
        use RelabelAction as Action;
        let RelabelConfig { action, target_label, .. } = &self.config;
        let value = || self.joined(labels);
        match action {
            Action::Keep => return self.pattern.is_match(&value()),
            Action::Drop => return !self.pattern.is_match(&value()),
            Action::KeepEqual => return labels.get(target_label).map_or("", String::as_str) == value(),
            Action::DropEqual => return labels.get(target_label).map_or("", String::as_str) != value(),
            Action::Replace => self.replace(labels),
            Action::HashMod => {
                let hash: [u8; 16] = Md5::digest(value().as_bytes()).into();
                let [.., a, b, c, d, e, f, g, h] = hash;
                let hash = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                put(labels, target_label, (hash % self.config.modulus).to_string());
            }
            Action::Lowercase => put(labels, target_label, value().to_lowercase()),
            Action::Uppercase => put(labels, target_label, value().to_uppercase()),
            Action::LabelMap => {
                let renamed = |(name, value): (&String, &String)| {
                    let found = self.pattern.find(name)?;
                    Some((found.filled(&self.config.replacement), value.clone()))
                };
                let copies: Vec<(String, String)> = labels.iter().filter_map(renamed).collect();
                copies.into_iter().filter(|(name, _)| !name.is_empty()).for_each(|(name, value)| {
                    put(labels, &name, value);
                });
            }
            Action::LabelDrop => labels.retain(|name, _| !self.pattern.is_match(name)),
            Action::LabelKeep => labels.retain(|name, _| self.pattern.is_match(name)),
        }
        true
    }

    fn joined(&self, labels: &LabelMap) -> String {
        let values = self.config.source_labels.iter();
        let values: Vec<&str> = values.map(|name| labels.get(name).map_or("", String::as_str)).collect();
        values.join(&self.config.separator)
    }

    fn replace(&self, labels: &mut LabelMap) {
        let value = self.joined(labels);
        let Some(found) = self.pattern.find(&value) else { return };
        let target = found.filled(&self.config.target_label);
        if is_label_name(&target, self.names) {
            put(labels, &target, found.filled(&self.config.replacement));
        }
    }
}

/// An empty value is none.
pub(crate) fn put(labels: &mut LabelMap, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relabelled(labels: &[(&str, &str)], steps: &str) -> Option<Vec<String>> {
        let steps: Vec<RelabelConfig> = serde_saphyr::from_str(steps).unwrap();
        let steps = Steps::compile(&steps, NameValidation::Utf8).unwrap();
        let mut labels: LabelMap =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        steps.apply(&mut labels).then(|| labels.iter().map(|(n, v)| format!("{n}={v}")).collect())
    }

    /// The examples of Prometheus's own documentation and tests, by their observable result.
    #[test]
    fn each_action_does_what_its_name_says() {
        let labels = [("a", "foo"), ("b", "bar"), ("c", "baz")];
        for (steps, left) in [
            (
                "[{source_labels: [a], regex: f(.*), target_label: d, replacement: 'ch${1}-ch${1}'}]",
                "a=foo b=bar c=baz d=choo-choo",
            ),
            (
                "[{source_labels: [a, b], regex: f(.*);(.*)r, target_label: a, replacement: 'b${1}${2}m'}]",
                "a=booba",
            ),
            ("[{source_labels: [a], regex: nothing, target_label: d, replacement: x}]", "a=foo b=bar c=baz"),
            ("[{source_labels: [a], regex: .*, target_label: b, replacement: ''}]", "a=foo c=baz"),
            ("[{source_labels: [a], regex: '(o).*', action: keep}]", "dropped"),
            ("[{source_labels: [a], regex: 'f.*', action: keep}]", "a=foo b=bar c=baz"),
            ("[{source_labels: [a], regex: 'f.*', action: drop}]", "dropped"),
            ("[{source_labels: [a], target_label: b, action: keepequal}]", "dropped"),
            ("[{source_labels: [a], target_label: b, action: dropequal}]", "a=foo b=bar c=baz"),
            ("[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]", "d=976"),
            ("[{regex: '(b.*)', replacement: 'bar_${1}', action: labelmap}]", "a=foo b=bar bar_b=bar c=baz"),
            ("[{regex: '[ab]', action: labeldrop}]", "c=baz"),
            ("[{regex: '[ab]', action: labelkeep}]", "a=foo b=bar"),
            ("[{source_labels: [a], target_label: d, action: uppercase}]", "d=FOO"),
            ("[{target_label: d, replacement: always}]", "d=always"),
            ("[{source_labels: [a], regex: 'f(.*)', target_label: 'x_$1', replacement: y}]", "x_oo=y"),
            (
                "[{source_labels: [a], regex: '[f&&x]\\Qoo\\E', target_label: d, replacement: quoted}]",
                "d=quoted",
            ),
        ] {
            let seen = relabelled(&labels, steps).map_or_else(|| "dropped".to_owned(), |left| left.join(" "));
            assert!(seen.contains(left), "{steps}\n{seen}\n{left}");
        }
    }

    #[test]
    fn a_step_that_cannot_work_is_refused() {
        for (step, said) in [
            ("[{action: replace}]", "needs a `target_label`"),
            ("[{action: hashmod, target_label: a}]", "needs a `modulus`"),
            ("[{action: labeldrop, regex: a, source_labels: [b]}]", "does not use `source_labels`"),
            ("[{action: labelkeep, regex: a, target_label: b}]", "does not use `target_label`"),
            ("[{action: keepequal, source_labels: [a], target_label: b, regex: c}]", "does not use `regex`"),
            (
                "[{action: dropequal, source_labels: [a], target_label: b, modulus: 8}]",
                "does not use `modulus`",
            ),
            (
                "[{action: lowercase, source_labels: [a], target_label: b, replacement: c}]",
                "not use `replacement`",
            ),
            ("[{regex: '(', target_label: a}]", "`(` is no regular expression"),
            ("[{regex: 'a**', target_label: a}]", "what is repeated is a repeat already at character 3"),
        ] {
            let steps: Vec<RelabelConfig> = serde_saphyr::from_str(step).unwrap();
            let (place, error) = Steps::compile(&steps, NameValidation::Utf8).unwrap_err();
            assert!(place == 0 && error.contains(said), "{error}");
        }
        let steps: Vec<RelabelConfig> = serde_saphyr::from_str("[{target_label: a-b}]").unwrap();
        assert!(Steps::compile(&steps, NameValidation::Legacy).is_err());
    }
}
