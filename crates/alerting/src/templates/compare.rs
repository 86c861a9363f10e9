//! Comparisons, and the ways into what holds several values.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use super::value::Value;

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

pub(super) fn compare(given: &[Value], wanted: fn(Ordering) -> bool) -> Result<Value, String> {
    Ok(Value::Bool(order(&given[0], &given[1])?.is_some_and(wanted)))
}

/// Whether two values are the same. Nothing is only the same as nothing.
pub(super) fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Time(left), Value::Time(right)) | (Value::Duration(left), Value::Duration(right)) => {
            Ok(left == right)
        }
        (Value::Nil, other) | (other, Value::Nil) => Ok(matches!(other, Value::Nil)),
        _ => Ok(order(left, right)? == Some(Ordering::Equal)),
    }
}

/// Whether the first is one of the others.
pub(super) fn eq(given: &[Value]) -> Result<Value, String> {
    for other in &given[1..] {
        if equal(&given[0], other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// `index x 1 "a"` is what Go writes `x[1]["a"]`.
pub(super) fn index(given: &[Value]) -> Result<Value, String> {
    given[1..].iter().try_fold(given[0].clone(), |value, key| match (&value, key) {
        (Value::Labels(labels), Value::Text(name)) => Ok(labels.get(name).unwrap_or("").into()),
        (Value::Map(entries, _), Value::Text(name)) => {
            Ok(entries.get(&**name).cloned().unwrap_or(Value::Nil))
        }
        (Value::Samples(samples), Value::Int(place)) => {
            let sample = usize::try_from(*place).ok().and_then(|place| samples.get(place));
            let sample = sample.ok_or_else(|| format!("index out of range: {place}"))?;
            Ok(Value::Sample(Rc::new(sample.clone())))
        }
        (Value::Text(text), Value::Int(place)) => {
            let byte = usize::try_from(*place).ok().and_then(|place| text.as_bytes().get(place));
            byte.map(|byte| Value::Int(i64::from(*byte)))
                .ok_or_else(|| format!("index out of range: {place}"))
        }
        (value, _) => Err(format!("cannot look up in a {}", value.kind())),
    })
}

/// `slice x 1 2` is what Go writes `x[1:2]`.
pub(super) fn slice(given: &[Value]) -> Result<Value, String> {
    let length = match &given[0] {
        Value::Text(text) => text.len(),
        Value::Samples(samples) => samples.len(),
        other => return Err(format!("cannot cut a {}", other.kind())),
    };
    let place = |at: usize, otherwise: usize| match given.get(at) {
        None => Ok(otherwise),
        Some(Value::Int(int)) => usize::try_from(*int)
            .ok()
            .filter(|place| *place <= length)
            .ok_or_else(|| format!("index out of range: {int}")),
        Some(other) => Err(format!("cannot cut at a {}", other.kind())),
    };
    let (from, to) = (place(1, 0)?, place(2, length)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    match &given[0] {
        Value::Samples(samples) => Ok(Value::Samples(Arc::new(samples[from..to].to_vec()))),
        Value::Text(text) => {
            text.get(from..to).map(Value::from).ok_or_else(|| "the cut is within a character".to_owned())
        }
        _ => Ok(Value::Nil),
    }
}

pub(super) fn len(given: &[Value]) -> Result<Value, String> {
    let length = match &given[0] {
        Value::Text(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        Value::Map(entries, _) => entries.len(),
        Value::Samples(samples) => samples.len(),
        other => return Err(format!("a {} has no length", other.kind())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}
