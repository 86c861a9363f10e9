//! What goes through a pipeline: values of Go's types of the same names, how they print, and when they count as true.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use kernel::{Labels, limits as kernel_limits};

use super::go_text::go_float;
use super::times;
use super::{Sample, SampleValue};
use crate::limits;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing at all: what a map of anything has under a name that it does not have.
    Nil,
    Text(Rc<str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Labels(Labels),
    /// What `args` makes, and how deep such maps are nested.
    Map(Rc<BTreeMap<String, Value>>, usize),
    /// The answer to a query.
    Samples(Arc<Vec<Sample>>),
    /// One element of it.
    Sample(Rc<Sample>),
    /// What a rule's template is expanded with.
    Alert(Rc<Alert>),
    /// An instant, in milliseconds since the epoch.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
}

/// What a rule's template is expanded with.
#[derive(Debug)]
pub(super) struct Alert {
    pub(super) labels: Labels,
    pub(super) external_labels: Labels,
    pub(super) external_url: Rc<str>,
    pub(super) value: f64,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<&SampleValue> for Value {
    fn from(value: &SampleValue) -> Self {
        match value {
            SampleValue::Float(float) => Value::Float(*float),
            SampleValue::Histogram(text) => Value::from(&**text),
        }
    }
}

impl Value {
    /// `args`: a map of what it is given, as `arg0`, `arg1`.
    pub(super) fn map(given: Vec<Value>) -> Result<Value, String> {
        let below = |value: &Value| if let Value::Map(_, depth) = value { *depth } else { 0 };
        let depth = 1 + given.iter().map(below).max().unwrap_or(0);
        if depth > limits::TEMPLATE_NESTING_MAX {
            return Err(format!("nested deeper than {}", limits::TEMPLATE_NESTING_MAX));
        }
        let entries = given.into_iter().enumerate().map(|(place, value)| (format!("arg{place}"), value));
        Ok(Value::Map(Rc::new(entries.collect()), depth))
    }

    /// As Go's templates print it.
    pub(super) fn to_text(&self) -> Result<Rc<str>, String> {
        match self {
            Value::Text(text) => Ok(Rc::clone(text)),
            Value::Nil => Ok("<no value>".into()),
            _ => {
                let mut text = String::new();
                self.write(&mut text)?;
                Ok(text.into())
            }
        }
    }

    fn write(&self, out: &mut String) -> Result<(), String> {
        match self {
            Value::Nil => out.push_str("<nil>"),
            Value::Text(text) => out.push_str(text),
            Value::Int(int) => out.push_str(&int.to_string()),
            Value::Float(float) => out.push_str(&go_float(*float)),
            Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
            Value::Labels(labels) => write_labels(labels, out),
            Value::Map(entries, _) => {
                out.push_str("map[");
                for (place, (name, value)) in entries.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { " " });
                    out.push_str(name);
                    out.push(':');
                    value.write(out)?;
                }
                out.push(']');
            }
            Value::Samples(samples) => {
                out.push('[');
                for (place, sample) in samples.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { " " });
                    write_sample(sample, out)?;
                }
                out.push(']');
            }
            Value::Sample(sample) => write_sample(sample, out)?,
            Value::Alert(alert) => {
                out.push('{');
                write_labels(&alert.labels, out);
                out.push(' ');
                write_labels(&alert.external_labels, out);
                out.push_str(&format!(" {} {}}}", alert.external_url, go_float(alert.value)));
            }
            Value::Time(ms) => out.push_str(&times::time_text(*ms)),
            Value::Duration(ns) => out.push_str(&times::duration_text(*ns)),
        }
        bounded(out)
    }

    /// Go's name of its type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "<nil>",
            Value::Text(_) => "string",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Bool(_) => "bool",
            Value::Labels(_) => "map[string]string",
            Value::Map(..) => "map[string]interface {}",
            Value::Samples(_) => "template.queryResult",
            Value::Sample(_) => "*template.sample",
            Value::Alert(_) => "struct",
            Value::Time(_) => "*time.Time",
            Value::Duration(_) => "*time.Duration",
        }
    }

    /// Go's truth: what is not the zero of its type.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Text(text) => !text.is_empty(),
            Value::Int(int) => *int != 0,
            Value::Float(float) => *float != 0.0,
            Value::Bool(bool) => *bool,
            Value::Labels(labels) => !labels.is_empty(),
            Value::Map(entries, _) => !entries.is_empty(),
            Value::Samples(samples) => !samples.is_empty(),
            Value::Sample(_) | Value::Alert(_) | Value::Time(_) | Value::Duration(_) => true,
        }
    }

    /// `.name` of it, with what a method is given.
    pub(super) fn field(&self, name: &str, given: &[Value]) -> Result<Value, String> {
        let method = match self {
            Value::Time(ms) => times::of_time(*ms, name, given)?,
            Value::Duration(ns) => times::of_duration(*ns, name, given)?,
            _ => None,
        };
        if let Some(value) = method {
            return Ok(value);
        }
        let field = match (self, name) {
            (Value::Nil, _) => return Err(format!("nil has no `.{name}`")),
            (Value::Labels(labels), _) => Some(labels.get(name).unwrap_or("").into()),
            (Value::Map(entries, _), _) => Some(entries.get(name).cloned().unwrap_or(Value::Nil)),
            (Value::Sample(sample), "Labels") => Some(Value::Labels(sample.labels.clone())),
            (Value::Sample(sample), "Value") => Some((&sample.value).into()),
            (Value::Alert(alert), "Labels") => Some(Value::Labels(alert.labels.clone())),
            (Value::Alert(alert), "ExternalLabels") => Some(Value::Labels(alert.external_labels.clone())),
            (Value::Alert(alert), "ExternalURL") => Some(Value::Text(Rc::clone(&alert.external_url))),
            (Value::Alert(alert), "Value") => Some(Value::Float(alert.value)),
            _ => None,
        };
        match field {
            None => Err(format!("a {} has no `.{name}`", self.kind())),
            Some(_) if !given.is_empty() => Err(format!("`.{name}` takes no arguments")),
            Some(value) => Ok(value),
        }
    }
}

fn write_labels(labels: &Labels, out: &mut String) {
    out.push_str("map[");
    for (place, (name, value)) in labels.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { " " });
        out.push_str(name);
        out.push(':');
        out.push_str(value);
    }
    out.push(']');
}

fn write_sample(sample: &Sample, out: &mut String) -> Result<(), String> {
    out.push('{');
    write_labels(&sample.labels, out);
    out.push(' ');
    Value::from(&sample.value).write(out)?;
    out.push('}');
    bounded(out)
}

/// No text of a template is longer than one that a person may write.
pub(super) fn bounded(text: &str) -> Result<(), String> {
    if text.len() <= kernel_limits::TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(format!("the text is longer than {} bytes", kernel_limits::TEXT_BYTES_MAX))
}
