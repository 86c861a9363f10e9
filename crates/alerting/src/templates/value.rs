//! The values of templates, as Go has them.

use std::fmt::Write;

use kernel::Labels;

use super::go_text::go_float;

/// A value on its way through a pipeline, of Go's type of the same name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Labels(Labels),
}

impl Value {
    /// As Go prints it with `%v`.
    pub(super) fn to_text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Int(int) => int.to_string(),
            Value::Float(float) => go_float(*float),
            Value::Bool(bool) => bool.to_string(),
            Value::Labels(labels) => {
                let mut text = "map[".to_owned();
                for (place, (name, value)) in labels.iter().enumerate() {
                    let space = if place == 0 { "" } else { " " };
                    write!(text, "{space}{name}:{value}").expect("a String takes all text");
                }
                text + "]"
            }
        }
    }

    /// Go's name of its type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "string",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Bool(_) => "bool",
            Value::Labels(_) => "map[string]string",
        }
    }

    /// Go's truth: what is not the zero of its type.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Text(text) => !text.is_empty(),
            Value::Int(int) => *int != 0,
            Value::Float(float) => *float != 0.0,
            Value::Bool(bool) => *bool,
            Value::Labels(labels) => !labels.is_empty(),
        }
    }
}
