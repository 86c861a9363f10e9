//! Numbers as people read them. Formulas and forms are those of Prometheus's `template/template.go`.

use super::go_text::general;
use super::times;
use super::value::Value;

/// A number as Prometheus takes it: a float, or a text that reads as one.
pub(super) fn number(given: &[Value]) -> Result<f64, String> {
    match &given[0] {
        Value::Float(float) => Ok(*float),
        Value::Int(int) => Ok(*int as f64),
        Value::Duration(ns) => Ok(*ns as f64 / 1e9),
        Value::Text(text) => text.parse().map_err(|_| format!("`{text}` is not a number")),
        other => Err(format!("a {} is not a number", other.kind())),
    }
}

/// A percentage of a ratio.
pub(super) fn humanize_percentage(value: f64) -> String {
    format!("{}%", four_digits(value * 100.0))
}

/// Seconds since the epoch as an instant.
pub(super) fn to_time(seconds: f64) -> Result<Value, String> {
    instant(seconds).map(Value::Time)
}

/// Milliseconds since the epoch, through nanoseconds as in Prometheus.
fn instant(seconds: f64) -> Result<i64, String> {
    let ns = seconds * 1e9;
    if !ns.is_finite() {
        return Err("value is NaN or Inf".to_owned());
    }
    if ns > i64::MAX as f64 || ns < i64::MIN as f64 {
        return Err(format!("{seconds} is no time that fits into nanoseconds"));
    }
    Ok(ns as i64 / 1_000_000)
}

fn four_digits(value: f64) -> String {
    general(value, Some(4))
}

const ABOVE_ONE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const BELOW_ONE: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

pub(super) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four_digits(value);
    }
    let (value, prefix) = if value.abs() >= 1.0 { shrunk(value, 1000.0, &ABOVE_ONE) } else { grown(value) };
    format!("{}{prefix}", four_digits(value))
}

pub(super) fn humanize_1024(value: f64) -> String {
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

pub(super) fn humanize_duration(value: f64) -> String {
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

/// Seconds since the epoch as Go prints the instant: `2015-06-23 13:19:44.128 +0000 UTC`.
pub(super) fn humanize_timestamp(seconds: f64) -> Result<String, String> {
    if !seconds.is_finite() {
        return Ok(four_digits(seconds));
    }
    instant(seconds).map(times::time_text)
}
