//! Numbers as Go writes them.

/// `%v` of a float64: the shortest digits that read back as the same number, with an exponent below 1e-4 and from
/// 1e6 on (strconv's `%g` with the shortest precision).
pub fn go_float(value: f64) -> String {
    general(value, None)
}

/// `%g`: with so many significant digits, or with the fewest that tell the number apart.
pub(super) fn general(value: f64, precision: Option<usize>) -> String {
    if let Some(text) = not_finite(value) {
        return text;
    }
    let digits = precision.map(|precision| precision.max(1));
    let written = match digits {
        Some(digits) => format!("{value:.*e}", digits - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = trimmed(mantissa);
    let exponent_from = digits.map_or(6, |digits| i32::try_from(digits).unwrap_or(i32::MAX));
    if exponent < -4 || exponent >= exponent_from {
        return with_exponent(mantissa, exponent);
    }
    match digits {
        None => format!("{value}"),
        Some(digits) => {
            let decimals = i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent;
            trimmed(&format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))).to_owned()
        }
    }
}

/// `%e` with so many decimals.
pub(super) fn scientific(value: f64, precision: usize) -> String {
    not_finite(value).unwrap_or_else(|| {
        let written = format!("{value:.precision$e}");
        let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        with_exponent(mantissa, exponent.parse().unwrap_or(0))
    })
}

/// `%f` with so many decimals.
pub(super) fn fixed(value: f64, precision: usize) -> String {
    not_finite(value).unwrap_or_else(|| format!("{value:.precision$}"))
}

/// `%q`: a text in double quotes with Go's escapes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() && u32::from(c) < 0x80 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

fn not_finite(value: f64) -> Option<String> {
    let text = match value {
        value if value.is_nan() => "NaN",
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => return None,
    };
    Some(text.to_owned())
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

fn trimmed(decimals: &str) -> &str {
    if decimals.contains('.') { decimals.trim_end_matches('0').trim_end_matches('.') } else { decimals }
}
