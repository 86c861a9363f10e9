//! What numbers, durations and strings in a query stand for.

/// The value of a number: decimal, octal with a leading zero, hexadecimal, `inf` or `nan`.
pub(crate) fn number(written: &str) -> Option<f64> {
    let is_separated = |text: &str| !text.ends_with('_') && !text.contains("__") && !text.contains("_.");
    if written.eq_ignore_ascii_case("inf") {
        return Some(f64::INFINITY);
    }
    if written.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    if !is_separated(written) || written.contains("._") || written.starts_with('_') {
        return None;
    }
    let plain = written.replace('_', "");
    if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        return match i64::from_str_radix(digits, 16) {
            Ok(value) => Some(value as f64),
            Err(_) if digits.is_empty() => None,
            Err(_) => Some(digits.bytes().fold(0.0, |sum, digit| {
                sum * 16.0 + f64::from((digit as char).to_digit(16).unwrap_or_default())
            })),
        };
    }
    let is_octal =
        plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if is_octal && let Ok(value) = i64::from_str_radix(&plain, 8) {
        return Some(value as f64);
    }
    plain.parse().ok()
}

/// Units in the order in which a duration has them, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The milliseconds of `1h30m`: each unit at most once, larger ones first.
pub(crate) fn duration_ms(written: &str) -> Option<i64> {
    let (mut rest, mut total, mut units) = (written, 0_u64, &UNITS[..]);
    while !rest.is_empty() {
        let digits = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
        let value: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let length = rest.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(rest.len());
        let at = units.iter().position(|(name, _)| *name == &rest[..length])?;
        total = total.checked_add(value.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[length..];
    }
    i64::try_from(total).ok().filter(|_| !written.is_empty())
}

/// As Prometheus writes durations: `1h30m`, `0s`; years, weeks and days only where nothing is left over.
pub(crate) fn write_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if ms < 0 {
        text.push('-');
    }
    let mut left = ms.unsigned_abs();
    for (name, unit) in UNITS {
        let is_long = matches!(name, "y" | "w" | "d");
        // `1y` and `2w`, but `400d` and `25h` where it is not a multiple of the larger unit.
        if is_long && !left.is_multiple_of(unit) && name != "d" {
            continue;
        }
        let count = left / unit;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
            left -= count * unit;
        }
    }
    text
}

/// A string's bytes, without its quotes and with its escapes resolved; what is wrong with it otherwise.
pub(crate) fn text(quoted: &str) -> Result<Vec<u8>, String> {
    let quote = quoted.as_bytes()[0];
    let inner = &quoted[1..quoted.len() - 1];
    if quote == b'`' {
        return Ok(inner.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let length = escape(&rest[at + 1..], quote, &mut bytes)?;
        rest = &rest[at + 1 + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Appends what the escape after a backslash stands for; gives its length.
fn escape(rest: &str, quote: u8, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let first = *rest.as_bytes().first().ok_or("the escape at the end of the string is not finished")?;
    let simple = match first {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        _ if first == quote => quote,
        b'0'..=b'7' => return coded(rest, 0, 3, 8, bytes),
        b'x' => return coded(rest, 1, 2, 16, bytes),
        b'u' => return coded(rest, 1, 4, 16, bytes),
        b'U' => return coded(rest, 1, 8, 16, bytes),
        _ => {
            let shown = rest.chars().next().unwrap_or_default();
            return Err(format!("`\\{shown}` is not an escape that strings have"));
        }
    };
    bytes.push(simple);
    Ok(1)
}

fn coded(rest: &str, skip: usize, digits: usize, radix: u32, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let written = rest.get(skip..skip + digits);
    let code = written.and_then(|written| u32::from_str_radix(written, radix).ok());
    let invalid =
        || format!("`\\{}` is not an escape that strings have", rest.get(..skip + digits).unwrap_or(rest));
    let code = code.ok_or_else(invalid)?;
    if digits <= 3 {
        bytes.push(u8::try_from(code).map_err(|_| invalid())?);
    } else {
        let c = char::from_u32(code).ok_or_else(invalid)?;
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(skip + digits)
}

/// A string as Go writes it: what is not printable is escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// As [`quote`], for bytes that need not be text.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::new();
    for chunk in bytes.utf8_chunks() {
        let inner = quote(chunk.valid());
        quoted.push_str(&inner[1..inner.len() - 1]);
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    format!("\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_their_forms() {
        for (written, value) in [
            ("1", 1.0),
            ("0x1f", 31.0),
            ("0xfFfFfFfFfFfFfFfFf", 295_147_905_179_352_830_000.0),
            ("0755", 493.0),
            ("08", 8.0),
            ("1_000", 1000.0),
            (".5", 0.5),
            ("5e-3", 0.005),
            ("1_0.5", 10.5),
            ("Inf", f64::INFINITY),
        ] {
            assert_eq!(number(written), Some(value), "{written}");
        }
        assert!(number("NaN").unwrap().is_nan());
        for written in ["1__0", "1_", "0x", "1_.5"] {
            assert_eq!(number(written), None, "{written}");
        }
    }

    #[test]
    fn durations_have_their_units_in_order() {
        assert_eq!(duration_ms("1h30m"), Some(5_400_000));
        assert_eq!(duration_ms("1y2w3d4h5m6s7ms"), Some(33_019_506_007));
        assert_eq!(duration_ms("5s100ms"), Some(5100));
        for written in ["", "5", "5m1h", "5m5m", "5hs", "99999999999999999999y", "300000000y"] {
            assert_eq!(duration_ms(written), None, "{written}");
        }
        for (ms, written) in [
            (5_400_000, "1h30m"),
            (0, "0s"),
            (86_400_000, "1d"),
            (90_000_000, "1d1h"),
            (604_800_000, "1w"),
            (691_200_000, "8d"),
            (-1500, "-1s500ms"),
        ] {
            assert_eq!(write_duration(ms), written);
        }
    }

    #[test]
    fn strings_are_unquoted_and_quoted() {
        assert_eq!(text(r#""a\n\x41\u00e9\U0001F600\"""#).unwrap(), "a\nAé😀\"".as_bytes());
        assert_eq!(text(r"'\''").unwrap(), b"'");
        assert_eq!(text(r"`\n`").unwrap(), br"\n");
        assert_eq!(text(r#""a\xc5z""#).unwrap(), b"a\xc5z");
        assert!(text(r#""\q""#).is_err());
        assert!(text(r#""\'""#).is_err());
        assert_eq!(quote_bytes(b"a\xc5z\n"), r#""a\xc5z\n""#);
    }
}
