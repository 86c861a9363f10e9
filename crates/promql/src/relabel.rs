//! `label_replace` and `label_join`.

use kernel::Labels;
use regex::Regex;

/// Sets `to` to the replacement, with `$1` and `${name}` filled in, where the expression matches all of `from`.
pub(crate) fn replace(labels: &Labels, to: &str, replacement: &str, from: &str, regex: &Regex) -> Labels {
    let Some(captures) = regex.captures(labels.get(from).unwrap_or("")) else {
        return labels.clone();
    };
    let mut value = String::new();
    captures.expand(replacement, &mut value);
    labels.with(to, &value)
}

/// Sets `to` to the values of `from` with the separator between them.
pub(crate) fn join(labels: &Labels, to: &str, separator: &str, from: &[String]) -> Labels {
    let values: Vec<&str> = from.iter().map(|name| labels.get(name).unwrap_or("")).collect();
    labels.with(to, &values.join(separator))
}
