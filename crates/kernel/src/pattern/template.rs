//! What a match is replaced by: text with `$1`, `${1}`, `$name`, `${name}`, and `$$` for a `$`.
//!
//! A name without braces is as long as it can be, so that `$1x` is the group `1x`. A `$` that no name follows is a
//! `$`. Source: go.dev, package `regexp`, `Regexp.Expand`.

/// What a `$` refers to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name<'t> {
    Number(usize),
    Word(&'t str),
}

/// The template with its references filled in.
pub(super) fn filled<'v>(template: &str, group: impl Fn(Name<'_>) -> Option<&'v str>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = name(rest) {
            out.push_str(group(name).unwrap_or(""));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// The name at the beginning, and what follows it.
fn name(text: &str) -> Option<(Name<'_>, &str)> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, after) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    let after = if inner.len() < text.len() { after.strip_prefix('}')? } else { after };
    let has_leading_zero = name.len() > 1 && name.starts_with('0');
    let number = name.parse().ok().filter(|_| !has_leading_zero && name.bytes().all(|b| b.is_ascii_digit()));
    Some((number.map_or(Name::Word(name), Name::Number), after))
}
