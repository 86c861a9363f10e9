//! Numbers as the text formats write them.

use std::borrow::Cow;

use crate::Kind;

/// A real number, `NaN`, or an infinity. Rust's spellings are those of the formats, but for a few that only Rust has.
pub(super) fn read(word: &str) -> Option<f64> {
    let digits = word.trim_start_matches(['+', '-']);
    let is_named = ["inf", "infinity", "nan"].iter().any(|name| digits.eq_ignore_ascii_case(name));
    if !is_named && !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    word.parse().ok()
}

/// Seconds since 1970, possibly with a fraction, in milliseconds.
pub(super) fn seconds_as_ms(word: &str) -> Option<i64> {
    let ms = (read(word)? * 1000.0).round();
    // Beyond this, neighbouring milliseconds are the same number.
    (ms.is_finite() && ms.abs() < 9e15).then_some(ms as i64)
}

/// A bound or quantile in the one spelling that Prometheus stores: the shortest that reads back, with a point.
pub(super) fn bound(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { plain + ".0" }
}

/// The value of `le` on a histogram or `quantile` on a summary in its one spelling; anything else as it is.
pub(super) fn canonical<'a>(kind: Kind, name: &str, value: Cow<'a, str>) -> Cow<'a, str> {
    let is_bound = match kind {
        Kind::Histogram | Kind::GaugeHistogram => name == "le",
        Kind::Summary => name == "quantile",
        _ => false,
    };
    match is_bound.then(|| read(&value)).flatten().map(bound) {
        Some(spelt) if *spelt != *value => Cow::Owned(spelt),
        _ => value,
    }
}
