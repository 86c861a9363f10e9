//! Numbers as Prometheus writes them.

use std::io::Write;

/// All digits and no exponent, as Go's `strconv.FormatFloat(value, 'f', -1, 64)`.
pub(crate) fn decimal(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// As Go's `%g`: the fewest digits that read back as the same number, with an exponent where it is below -4, and
/// from 6 on.
pub(crate) fn general(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 && value.is_sign_negative() { "-0".to_owned() } else { decimal(value) };
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) { with_exponent(digits, exponent) } else { value.to_string() }
}

/// As Go's `%.2g`.
pub(crate) fn two_digits(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return decimal(value);
    }
    let scientific = format!("{value:.1e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    if (-4..2).contains(&exponent) {
        let rounded: f64 = scientific.parse().unwrap_or(value);
        rounded.to_string()
    } else {
        with_exponent(digits, exponent)
    }
}

/// As OpenMetrics wants the values of the labels `le` and `quantile`: `1.0`, `0.5`, `+Inf`.
pub(crate) fn open_metrics(value: f64) -> String {
    let text = general(value);
    if text.contains(['.', 'e', 'N', 'I']) { text } else { format!("{text}.0") }
}

/// A number as Go's `strconv.ParseFloat` reads it: of decimal digits, `Inf` and `NaN` in any case.
pub(crate) fn parse_go(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:0>2}", exponent.unsigned_abs())
}

/// A whole number. `fmt` takes several times as long, and an answer may have millions.
pub(crate) fn write_integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[from..]);
}

/// As the HTTP API does: without an exponent from 1e-6 up to, not including, 1e21; the fewest digits that read
/// back as the same number.
pub(crate) fn write(out: &mut Vec<u8>, value: f64) {
    const WRITTEN: &str = "a Vec takes all that is written to it";
    let size = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if size < 1e15 && value.trunc() == value && (value != 0.0 || value.is_sign_positive()) {
        if value < 0.0 {
            out.push(b'-');
        }
        write_integer(out, size as u64);
    } else if (1e-4..1e15).contains(&size) {
        // Within these bounds it writes no exponent either.
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        write!(out, "{digits}e{sign}{exponent:0>2}").expect(WRITTEN);
    } else {
        write!(out, "{value}").expect(WRITTEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        for (value, expected) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (0.0, "0"),
            (1e6, "1000000"),
            (1e15, "1000000000000000"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-07"),
            (-2.5e-10, "-2.5e-10"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = Vec::new();
            write(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for exponent in -4..15 {
            for value in [1.25, 1.000_000_000_000_000_2, 9.999_999_999_999_998, 3.3]
                .map(|digits| digits * 10_f64.powi(exponent))
            {
                let mut out = Vec::new();
                write(&mut out, -value);
                assert_eq!(String::from_utf8(out).unwrap(), (-value).to_string());
            }
        }
        assert_eq!(decimal(1e21), "1000000000000000000000");
        assert_eq!(decimal(0.000_000_1), "0.0000001");
        for (value, expected) in [
            (0.5, "0.5"),
            (123_456.0, "123456"),
            (1e6, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (-0.0, "-0"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(general(value), expected);
        }
        for (value, expected) in
            [(0.5, "0.5"), (12.34, "12"), (1234.0, "1.2e+03"), (100.0, "1e+02"), (0.0, "0")]
        {
            assert_eq!(two_digits(value), expected);
        }
    }
}
