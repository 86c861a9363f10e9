//! Texts: hosts, expressions, and what other languages want escaped.

use regex::{Regex, RegexBuilder};

use super::value::Value;
use crate::limits;
use kernel::limits as kernel_limits;

/// Compiles an expression of a template, which is not anchored.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(limits::PATTERN_COMPILED_BYTES_MAX).build();
    built.map_err(|_| format!("`{pattern}` is not a regular expression"))
}

/// Every match of an expression replaced.
pub(super) fn re_replace_all(pattern: &str, replacement: &str, text: &str) -> Result<Value, String> {
    // Each place between characters may match, and each may bring the whole text back.
    let largest = (text.len() + 1).saturating_mul(replacement.len() + text.len() + 1);
    if largest > kernel_limits::TEXT_BYTES_MAX.saturating_mul(64) {
        return Err("the text and its replacement are too long".to_owned());
    }
    Ok(regex(pattern)?.replace_all(text, replacement).into_owned().into())
}

/// A text within HTML, as Go's templates escape it.
pub(super) fn html(text: &str) -> String {
    escaped(text, |c| {
        Some(match c {
            '"' => "&#34;".to_owned(),
            '\'' => "&#39;".to_owned(),
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '\0' => "\u{fffd}".to_owned(),
            _ => return None,
        })
    })
}

/// A text within a string of JavaScript, as Go's templates escape it.
pub(super) fn js(text: &str) -> String {
    escaped(text, |c| match c {
        '\\' | '\'' | '"' => Some(format!("\\{c}")),
        '<' | '>' | '&' | '=' => Some(format!("\\u{:04X}", u32::from(c))),
        c if c.is_control() => Some(format!("\\u{:04X}", u32::from(c))),
        _ => None,
    })
}

fn escaped(text: &str, instead: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match instead(c) {
            Some(instead) => out.push_str(&instead),
            None => out.push(c),
        }
    }
    out
}

/// A text within the query of a URL.
pub(super) fn query_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The path of a URL.
pub(super) fn path_of(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let path = after.find('/').map_or("", |slash| &after[slash..]);
    path.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// Where Prometheus shows an expression; `tab` is 0 for a graph and 1 for a table.
pub(super) fn link(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", query_escaped(expression))
}

/// Go's `strings.Title`: the first letter of each word in upper case.
pub(super) fn title(text: &str) -> String {
    let mut before = ' ';
    let in_title = |c: char| {
        let starts =
            !(before == '_' || before.is_alphanumeric()) && (before.is_ascii() || before.is_whitespace());
        before = c;
        let mut upper = c.to_uppercase();
        match (starts, upper.next(), upper.next()) {
            (true, Some(single), None) => single,
            _ => c,
        }
    };
    text.chars().map(in_title).collect()
}

pub(super) fn strip_domain(given: &str) -> String {
    let (host, port) = host_and_port(given).unwrap_or((given, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return given.to_owned();
    }
    let name = host.split('.').next().unwrap_or(host);
    if port.is_empty() { name.to_owned() } else { format!("{name}:{port}") }
}

/// Go's `net.SplitHostPort`; `None` where it fails.
pub(super) fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let colon = text.rfind(':')?;
    let (host, port) = (&text[..colon], &text[colon + 1..]);
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let brackets = |part: &str| part.contains(['[', ']']);
    (!brackets(host) && !brackets(port)).then_some((host, port))
}
