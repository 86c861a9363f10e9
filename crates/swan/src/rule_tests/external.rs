//! External labels and the external URL in templates: they are the same for a whole test, so they are written into the
//! template before it is read.

use std::collections::BTreeMap;

/// The template with `$externalLabels.name` and `$externalURL` replaced by what they stand for.
pub(super) fn fill_in(template: &str, labels: &BTreeMap<String, String>, url: &str) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once("{{") {
        filled.push_str(text);
        filled.push_str("{{");
        rest = action(after, labels, url, &mut filled);
    }
    filled.push_str(rest);
    filled
}

/// Fills in one action; what follows it.
fn action<'t>(
    mut rest: &'t str,
    labels: &BTreeMap<String, String>,
    url: &str,
    filled: &mut String,
) -> &'t str {
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("}}") {
            return rest;
        }
        let starts_word = !(before.is_alphanumeric() || before == '_' || before == ')');
        let label = starts_word
            .then(|| rest.strip_prefix("$externalLabels.").or_else(|| rest.strip_prefix(".ExternalLabels.")));
        if let Some(after) = label.flatten() {
            let length = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
            filled.push_str(&quoted(labels.get(&after[..length]).map_or("", String::as_str)));
            rest = &after[length..];
            before = '"';
            continue;
        }
        let of_url = starts_word
            .then(|| rest.strip_prefix("$externalURL").or_else(|| rest.strip_prefix(".ExternalURL")));
        if let Some(after) = of_url.flatten() {
            filled.push_str(&quoted(url));
            rest = after;
            before = '"';
            continue;
        }
        let length = if matches!(next, '"' | '`') { string(rest, next) } else { next.len_utf8() };
        filled.push_str(&rest[..length]);
        rest = &rest[length..];
        before = next;
    }
    rest
}

/// The length of a string with its quotes.
fn string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if next == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// As a string of Go.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_for_a_test_is_written_into_its_templates() {
        let labels = BTreeMap::from([("region".to_owned(), "a \"b\"".to_owned())]);
        for (template, filled) in [
            ("{{ $externalLabels.region }}!", r#"{{ "a \"b\"" }}!"#),
            ("{{ .ExternalLabels.none }}", r#"{{ "" }}"#),
            ("{{ $externalURL }}/x", r#"{{ "http://p" }}/x"#),
            ("$externalURL {{ \"$externalURL\" }}", "$externalURL {{ \"$externalURL\" }}"),
            ("{{ $labels.externalURL }} {{ $value }}", "{{ $labels.externalURL }} {{ $value }}"),
        ] {
            assert_eq!(fill_in(template, &labels, "http://p"), filled);
        }
    }
}
