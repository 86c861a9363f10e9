//! Every function that a template may call. They are those of Go's `text/template` and of Prometheus's
//! `template/template.go`, as release 3.14 has them for rules.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use kernel::Span;

use super::compare::{compare, eq, equal, index, len, slice};
use super::numbers::{
    humanize, humanize_1024, humanize_duration, humanize_percentage, humanize_timestamp, number, to_time,
};
use super::strings::{
    host_and_port, html, js, link, path_of, query_escaped, re_replace_all, regex, strip_domain, title,
};
use super::value::{Value, bounded};
use super::{Scene, TemplateError, printf};

/// A function that a template may call.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    arguments_min: usize,
    arguments_max: usize,
    pub(super) call: Call,
}

/// What a call takes.
#[derive(Debug)]
pub(super) enum Call {
    /// Its arguments.
    Pure(fn(&[Value]) -> Result<Value, String>),
    /// What surrounds the alert.
    Scene(fn(&Scene<'_>) -> Value),
    /// As many arguments as it takes to find one that is true, or that is false.
    Until { is_true: bool },
    /// An answer.
    Query,
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
    call: fn(&[Value]) -> Result<Value, String>,
) -> Function {
    Function { name, arguments_min, arguments_max, call: Call::Pure(call) }
}

const fn special(name: &'static str, arguments_min: usize, arguments_max: usize, call: Call) -> Function {
    Function { name, arguments_min, arguments_max, call }
}

/// Every function there is.
pub(super) static FUNCTIONS: [Function; 48] = [
    special("and", 1, ANY, Call::Until { is_true: false }),
    function("args", 0, ANY, |given| Value::map(given.to_vec())),
    function("call", 1, ANY, |given| Err(format!("a {} is no function", given[0].kind()))),
    function("eq", 2, ANY, eq),
    special("externalURL", 0, 0, Call::Scene(|scene| scene.outside.url.as_str().into())),
    function("first", 1, 1, first),
    function("ge", 2, 2, |given| compare(given, Ordering::is_ge)),
    function("graphLink", 1, 1, |given| text(given).map(|text| link(text, 0).into())),
    function("gt", 2, 2, |given| compare(given, Ordering::is_gt)),
    function("html", 1, ANY, |given| joined(given).map(|text| html(&text).into())),
    function("humanize", 1, 1, |given| number(given).map(|v| humanize(v).into())),
    function("humanize1024", 1, 1, |given| number(given).map(|v| humanize_1024(v).into())),
    function("humanizeDuration", 1, 1, |given| number(given).map(|v| humanize_duration(v).into())),
    function("humanizePercentage", 1, 1, |given| number(given).map(|v| humanize_percentage(v).into())),
    function("humanizeTimestamp", 1, 1, |given| humanize_timestamp(number(given)?).map(Value::from)),
    function("index", 1, ANY, index),
    function("js", 1, ANY, |given| joined(given).map(|text| js(&text).into())),
    function("label", 2, 2, label),
    function("le", 2, 2, |given| compare(given, Ordering::is_le)),
    function("len", 1, 1, len),
    function("lt", 2, 2, |given| compare(given, Ordering::is_lt)),
    function("match", 2, 2, |given| {
        let [pattern, text] = texts(given)?;
        Ok(Value::Bool(regex(pattern)?.is_match(text)))
    }),
    function("ne", 2, 2, |given| Ok(Value::Bool(!equal(&given[0], &given[1])?))),
    function("not", 1, 1, |given| Ok(Value::Bool(!given[0].is_true()))),
    special("now", 0, 0, Call::Scene(|scene| Value::Float(scene.at.as_millis() as f64 / 1000.0))),
    special("or", 1, ANY, Call::Until { is_true: true }),
    function("parseDuration", 1, 1, parse_duration),
    special("pathPrefix", 0, 0, Call::Scene(|scene| path_of(&scene.outside.url).into())),
    function("print", 0, ANY, |given| print(given).map(Value::from)),
    function("printf", 1, ANY, |given| printf::printf(given).map(Value::from)),
    function("println", 0, ANY, |given| print_line(given).map(Value::from)),
    special("query", 1, 1, Call::Query),
    function("reReplaceAll", 3, 3, |given| {
        let [pattern, replacement, text] = texts(given)?;
        re_replace_all(pattern, replacement, text)
    }),
    function("safeHtml", 1, 1, |given| text(given).map(Value::from)),
    function("slice", 1, 4, slice),
    function("sortByLabel", 2, 2, sort_by_label),
    function("stripDomain", 1, 1, |given| text(given).map(|host| strip_domain(host).into())),
    function("stripPort", 1, 1, |given| {
        text(given).map(|given| host_and_port(given).map_or(given, |pair| pair.0).into())
    }),
    function("strvalue", 1, 1, |given| Ok(sample(&given[0])?.labels.get("__value__").unwrap_or("").into())),
    function("tableLink", 1, 1, |given| text(given).map(|text| link(text, 1).into())),
    function("title", 1, 1, |given| text(given).map(|text| title(text).into())),
    function("toDuration", 1, 1, |given| Ok(Value::Duration((number(given)? * 1e9) as i64))),
    function("toLower", 1, 1, |given| text(given).map(|text| text.to_lowercase().into())),
    function("toTime", 1, 1, |given| to_time(number(given)?)),
    function("toUpper", 1, 1, |given| text(given).map(|text| text.to_uppercase().into())),
    function("urlQueryEscape", 1, 1, |given| text(given).map(|text| query_escaped(text).into())),
    function("urlquery", 1, ANY, |given| joined(given).map(|text| query_escaped(&text).into())),
    function("value", 1, 1, |given| Ok((&sample(&given[0])?.value).into())),
];

/// The function of a name.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Why a word is no function.
pub(super) fn none_named(offset: usize, name: &str) -> TemplateError {
    let known: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    let error = TemplateError::new(offset, format!("there is no function `{name}`"));
    match name {
        "tmpl" => error.hint("only Prometheus's consoles have it; use `template` or `block`"),
        _ => error.hint(format!("there are {}", known.join(", "))),
    }
}

fn text(given: &[Value]) -> Result<&str, String> {
    texts::<1>(given).map(|[text]| text)
}

fn texts<const N: usize>(given: &[Value]) -> Result<[&str; N], String> {
    let texts: Result<Vec<&str>, String> = given
        .iter()
        .map(|value| match value {
            Value::Text(text) => Ok(&**text),
            other => Err(format!("wrong type: expected string, found {}", other.kind())),
        })
        .collect();
    <[&str; N]>::try_from(texts?)
        .map_err(|given| format!("takes {N} arguments, and {} are given", given.len()))
}

fn samples(value: &Value) -> Result<&Arc<Vec<super::Sample>>, String> {
    match value {
        Value::Samples(samples) => Ok(samples),
        other => Err(format!("wrong type: expected the result of a query, found {}", other.kind())),
    }
}

fn sample(value: &Value) -> Result<&Rc<super::Sample>, String> {
    match value {
        Value::Sample(sample) => Ok(sample),
        other => Err(format!("wrong type: expected an element of a query, found {}", other.kind())),
    }
}

fn first(given: &[Value]) -> Result<Value, String> {
    let first = samples(&given[0])?.first().ok_or("called on a vector without elements")?;
    Ok(Value::Sample(Rc::new(first.clone())))
}

fn label(given: &[Value]) -> Result<Value, String> {
    let [name] = texts(&given[..1])?;
    Ok(sample(&given[1])?.labels.get(name).unwrap_or("").into())
}

fn sort_by_label(given: &[Value]) -> Result<Value, String> {
    let [name] = texts(&given[..1])?;
    let mut sorted = samples(&given[1])?.to_vec();
    sorted.sort_by(|a, b| a.labels.get(name).unwrap_or("").cmp(b.labels.get(name).unwrap_or("")));
    Ok(Value::Samples(Arc::new(sorted)))
}

/// Go's `Sprint`: a space between two operands where neither is a text.
fn print(given: &[Value]) -> Result<String, String> {
    let is_text = |value: &Value| matches!(value, Value::Text(_));
    joined_with(given, |before, value| !is_text(before) && !is_text(value))
}

fn print_line(given: &[Value]) -> Result<String, String> {
    joined_with(given, |_, _| true).map(|text| text + "\n")
}

fn joined_with(given: &[Value], has_space: impl Fn(&Value, &Value) -> bool) -> Result<String, String> {
    let mut out = String::new();
    for (place, value) in given.iter().enumerate() {
        if place > 0 && has_space(&given[place - 1], value) {
            out.push(' ');
        }
        out.push_str(&value.to_text()?);
        bounded(&out)?;
    }
    Ok(out)
}

/// What functions that escape are given, as one text.
fn joined(given: &[Value]) -> Result<String, String> {
    print(given)
}

fn parse_duration(given: &[Value]) -> Result<Value, String> {
    let span: Span = text(given)?.parse().map_err(|error: kernel::SpanError| error.to_string())?;
    Ok(Value::Float(span.as_secs_f64()))
}
