use std::cmp::Ordering;

use kernel::{Span, Timestamp, limits as kernel_limits};
use regex::{Regex, RegexBuilder};

use super::TemplateError;
use super::go_text::general;
use super::printf;
use super::value::Value;
use crate::limits;

/// A function that a template may call.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    arguments_min: usize,
    arguments_max: usize,
    pub(super) call: fn(Vec<Value>) -> Result<Value, String>,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Function {
    pub(super) fn check_count(&self, offset: usize, given: usize) -> Result<(), TemplateError> {
        if (self.arguments_min..=self.arguments_max).contains(&given) {
            return Ok(());
        }
        let wanted = match (self.arguments_min, self.arguments_max) {
            (min, max) if min == max => min.to_string(),
            (min, ANY) => format!("at least {min}"),
            (min, max) => format!("{min} to {max}"),
        };
        let message = format!("`{}` takes {wanted} arguments, and {given} are given", self.name);
        Err(TemplateError::new(offset, message))
    }
}

const ANY: usize = usize::MAX;

const fn function(
    name: &'static str,
    arguments_min: usize,
    arguments_max: usize,
    call: fn(Vec<Value>) -> Result<Value, String>,
) -> Function {
    Function { name, arguments_min, arguments_max, call }
}

/// Every function there is.
pub(super) static FUNCTIONS: [Function; 26] = [
    function("and", 1, ANY, |given| Ok(first_or_last(given, |value| !value.is_true()))),
    function("eq", 2, ANY, eq),
    function("ge", 2, 2, |given| compare(&given, Ordering::is_ge)),
    function("gt", 2, 2, |given| compare(&given, Ordering::is_gt)),
    function("humanize", 1, 1, |given| number(&given).map(|v| Value::Text(humanize(v)))),
    function("humanize1024", 1, 1, |given| number(&given).map(|v| Value::Text(humanize_1024(v)))),
    function("humanizeDuration", 1, 1, |given| number(&given).map(|v| Value::Text(humanize_duration(v)))),
    function("humanizePercentage", 1, 1, |given| {
        number(&given).map(|v| Value::Text(format!("{}%", four_digits(v * 100.0))))
    }),
    function("humanizeTimestamp", 1, 1, |given| number(&given).map(|v| Value::Text(humanize_timestamp(v)))),
    function("index", 2, 2, index),
    function("le", 2, 2, |given| compare(&given, Ordering::is_le)),
    function("len", 1, 1, len),
    function("lt", 2, 2, |given| compare(&given, Ordering::is_lt)),
    function("match", 2, 2, |given| {
        let [pattern, text] = texts(given)?;
        Ok(Value::Bool(regex(&pattern)?.is_match(&text)))
    }),
    function("ne", 2, 2, |given| Ok(Value::Bool(!equal(&given[0], &given[1])?))),
    function("not", 1, 1, |given| Ok(Value::Bool(!given[0].is_true()))),
    function("or", 1, ANY, |given| Ok(first_or_last(given, Value::is_true))),
    function("parseDuration", 1, 1, parse_duration),
    function("print", 1, ANY, |given| Ok(Value::Text(print(&given)))),
    function("printf", 1, ANY, |given| printf::printf(&given).map(Value::Text)),
    function("reReplaceAll", 3, 3, re_replace_all),
    function("stripDomain", 1, 1, |given| text(given).map(|host| Value::Text(strip_domain(&host)))),
    function("stripPort", 1, 1, |given| {
        text(given)
            .map(|given| Value::Text(host_and_port(&given).map_or(given.as_str(), |pair| pair.0).to_owned()))
    }),
    function("title", 1, 1, |given| text(given).map(|text| Value::Text(title(&text)))),
    function("toLower", 1, 1, |given| text(given).map(|text| Value::Text(text.to_lowercase()))),
    function("toUpper", 1, 1, |given| text(given).map(|text| Value::Text(text.to_uppercase()))),
];

/// Keywords and functions of Go and Prometheus that are not supported yet.
pub(super) const UNSUPPORTED: [&str; 32] = [
    "args",
    "block",
    "break",
    "call",
    "continue",
    "define",
    "externalURL",
    "first",
    "graphLink",
    "html",
    "js",
    "label",
    "nil",
    "now",
    "pathPrefix",
    "println",
    "query",
    "range",
    "safeHtml",
    "slice",
    "sortByLabel",
    "strvalue",
    "tableLink",
    "template",
    "tmpl",
    "toDuration",
    "toJSON",
    "toTime",
    "urlQueryEscape",
    "urlquery",
    "value",
    "with",
];

pub(super) fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// A number as Prometheus takes it: a float, or a text that reads as one.
fn number(given: &[Value]) -> Result<f64, String> {
    match &given[0] {
        Value::Float(float) => Ok(*float),
        Value::Int(int) => Ok(*int as f64),
        Value::Text(text) => text.parse().map_err(|_| format!("`{text}` is not a number")),
        other => Err(format!("a {} is not a number", other.kind())),
    }
}

fn text(given: Vec<Value>) -> Result<String, String> {
    texts::<1>(given).map(|[text]| text)
}

fn texts<const N: usize>(given: Vec<Value>) -> Result<[String; N], String> {
    let texts: Result<Vec<String>, String> = given
        .into_iter()
        .map(|value| match value {
            Value::Text(text) => Ok(text),
            other => Err(format!("wrong type: expected string, found {}", other.kind())),
        })
        .collect();
    <[String; N]>::try_from(texts?)
        .map_err(|given| format!("takes {N} arguments, and {} are given", given.len()))
}

/// The first for which `stops`, else the last: what `and` and `or` give in Go.
fn first_or_last(given: Vec<Value>, stops: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Bool(false);
    for value in given {
        let is_it = stops(&value);
        last = value;
        if is_it {
            break;
        }
    }
    last
}

/// Numbers of both types compare with each other, which Go refuses: `gt $value 10` means what it says.
fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    let float = |value: &Value| match value {
        Value::Int(int) => Some(*int as f64),
        Value::Float(float) => Some(*float),
        _ => None,
    };
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(Some(left.cmp(right))),
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(right))),
        _ => match (float(left), float(right)) {
            (Some(left), Some(right)) => Ok(left.partial_cmp(&right)),
            _ => Err(format!("a {} and a {} do not compare", left.kind(), right.kind())),
        },
    }
}

fn compare(given: &[Value], wanted: fn(Ordering) -> bool) -> Result<Value, String> {
    Ok(Value::Bool(order(&given[0], &given[1])?.is_some_and(wanted)))
}

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        _ => Ok(order(left, right)? == Some(Ordering::Equal)),
    }
}

fn eq(given: Vec<Value>) -> Result<Value, String> {
    for other in &given[1..] {
        if equal(&given[0], other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn index(given: Vec<Value>) -> Result<Value, String> {
    match (&given[0], &given[1]) {
        (Value::Labels(labels), Value::Text(name)) => {
            Ok(Value::Text(labels.get(name).unwrap_or("").to_owned()))
        }
        (value, _) => Err(format!("cannot look up in a {}", value.kind())),
    }
}

fn len(given: Vec<Value>) -> Result<Value, String> {
    let length = match &given[0] {
        Value::Text(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        other => return Err(format!("a {} has no length", other.kind())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// Go's `Sprint`: a space between two operands where neither is a text.
fn print(given: &[Value]) -> String {
    let mut out = String::new();
    for (place, value) in given.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if place > 0 && !is_text(value) && !is_text(&given[place - 1]) {
            out.push(' ');
        }
        out.push_str(&value.to_text());
    }
    out
}

fn parse_duration(given: Vec<Value>) -> Result<Value, String> {
    let text = text(given)?;
    let span: Span = text.parse().map_err(|error: kernel::SpanError| error.to_string())?;
    Ok(Value::Float(span.as_secs_f64()))
}

/// Compiles an expression of a template, which is not anchored.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(limits::PATTERN_COMPILED_BYTES_MAX).build();
    built.map_err(|_| format!("`{pattern}` is not a regular expression"))
}

fn re_replace_all(given: Vec<Value>) -> Result<Value, String> {
    let [pattern, replacement, text] = texts(given)?;
    // Each place between characters may match, and each may bring the whole text back.
    let largest = (text.len() + 1).saturating_mul(replacement.len() + text.len() + 1);
    if largest > kernel_limits::TEXT_BYTES_MAX.saturating_mul(64) {
        return Err("the text and its replacement are too long".to_owned());
    }
    Ok(Value::Text(regex(&pattern)?.replace_all(&text, replacement.as_str()).into_owned()))
}

fn four_digits(value: f64) -> String {
    general(value, Some(4))
}

const ABOVE_ONE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const BELOW_ONE: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four_digits(value);
    }
    let (value, prefix) = if value.abs() >= 1.0 { shrunk(value, 1000.0, &ABOVE_ONE) } else { grown(value) };
    format!("{}{prefix}", four_digits(value))
}

fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four_digits(value);
    }
    let (value, prefix) = shrunk(value, 1024.0, &BINARY);
    format!("{}{prefix}", four_digits(value))
}

fn shrunk(mut value: f64, step: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut taken = "";
    for prefix in prefixes {
        if value.abs() < step {
            break;
        }
        taken = prefix;
        value /= step;
    }
    (value, taken)
}

fn grown(mut value: f64) -> (f64, &'static str) {
    let mut taken = "";
    for prefix in BELOW_ONE {
        if value.abs() >= 1.0 {
            break;
        }
        taken = prefix;
        value *= 1000.0;
    }
    (value, taken)
}

fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return four_digits(value);
    }
    if value == 0.0 {
        return format!("{}s", four_digits(value));
    }
    if value.abs() < 1.0 {
        let (value, prefix) = grown(value);
        return format!("{}{prefix}s", four_digits(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    let whole = value as i64;
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(value)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// As Go prints a time in UTC: `2015-06-23 13:19:44.128 +0000 UTC`.
fn humanize_timestamp(value: f64) -> String {
    if !value.is_finite() {
        return four_digits(value);
    }
    let instant = Timestamp::from_millis((value * 1000.0).round() as i64).to_string();
    let plain = instant.replace('T', " ");
    let plain = plain.trim_end_matches('Z');
    let plain = if plain.contains('.') { plain.trim_end_matches('0') } else { plain };
    format!("{plain} +0000 UTC")
}

/// Go's `strings.Title`: the first letter of each word in upper case.
fn title(text: &str) -> String {
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

fn strip_domain(given: &str) -> String {
    let (host, port) = host_and_port(given).unwrap_or((given, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return given.to_owned();
    }
    let name = host.split('.').next().unwrap_or(host);
    if port.is_empty() { name.to_owned() } else { format!("{name}:{port}") }
}

/// Go's `net.SplitHostPort`; `None` where it fails.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
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
