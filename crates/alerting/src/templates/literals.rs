//! Texts, characters and numbers as Go writes them.

use super::TemplateError;
use super::token::Token;

/// A text in double quotes that begins at `at`, and where it ends.
pub(super) fn quoted(text: &str, at: usize) -> Result<(String, usize), TemplateError> {
    let unclosed = || TemplateError::new(at, "a text has no closing `\"`");
    let mut bytes = Vec::new();
    let mut next = at + 1;
    loop {
        match text[next..].chars().next().filter(|c| *c != '\n').ok_or_else(unclosed)? {
            '"' => break,
            '\\' => next = escape(text, next, '"', &mut bytes)?,
            c => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                next += c.len_utf8();
            }
        }
    }
    let read = String::from_utf8(bytes).map_err(|_| TemplateError::new(at, "the text is not UTF-8"))?;
    Ok((read, next + 1))
}

/// A character in single quotes, which is its number, and where it ends.
pub(super) fn character(text: &str, at: usize) -> Result<(i64, usize), TemplateError> {
    let wrong = || TemplateError::new(at, "a character constant is one character in single quotes");
    let mut bytes = Vec::new();
    let first = text[at + 1..].chars().next().filter(|c| !matches!(c, '\'' | '\n')).ok_or_else(wrong)?;
    let end = match first {
        '\\' => escape(text, at + 1, '\'', &mut bytes)?,
        c => {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            at + 1 + c.len_utf8()
        }
    };
    let read = String::from_utf8(bytes).map_err(|_| wrong())?;
    let mut chars = read.chars();
    match (chars.next(), chars.next(), text[end..].starts_with('\'')) {
        (Some(only), None, true) => Ok((i64::from(u32::from(only)), end + 1)),
        _ => Err(wrong()),
    }
}

/// Reads what a backslash at `at` begins; where it ends.
fn escape(text: &str, at: usize, quote: char, bytes: &mut Vec<u8>) -> Result<usize, TemplateError> {
    let wrong = || {
        TemplateError::new(at, "there is no such escape")
            .hint("use a text between backquotes, where `\\` stands for itself")
    };
    let kind = text[at + 1..].chars().next().ok_or_else(wrong)?;
    let after = at + 1 + kind.len_utf8();
    let plain = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => c as u8,
        '0'..='7' => {
            let digits = text.get(at + 1..at + 4).ok_or_else(wrong)?;
            bytes.push(u8::from_str_radix(digits, 8).map_err(|_| wrong())?);
            return Ok(at + 4);
        }
        'x' | 'u' | 'U' => {
            let length = match kind {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let digits = text.get(after..after + length).ok_or_else(wrong)?;
            let digits =
                Some(digits).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).ok_or_else(wrong)?;
            let code = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
            match u8::try_from(code).ok().filter(|_| kind == 'x') {
                Some(byte) => bytes.push(byte),
                None => {
                    let c = char::from_u32(code).ok_or_else(wrong)?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            return Ok(after + length);
        }
        _ => return Err(wrong()),
    };
    bytes.push(plain);
    Ok(after)
}

/// The number at the start of a text, and its length. Go's prefixes and underscores are understood.
pub(super) fn number(rest: &str, offset: usize) -> Result<(Token, usize), TemplateError> {
    let (mut length, mut takes_sign) = (0, true);
    let is_hex = rest.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("0x");
    for c in rest.chars() {
        let is_sign = takes_sign && matches!(c, '+' | '-');
        if !is_sign && c != '.' && c != '_' && !c.is_alphanumeric() {
            break;
        }
        takes_sign = !is_hex && matches!(c, 'e' | 'E');
        length += c.len_utf8();
    }
    let text = &rest[..length];
    let wrong =
        || TemplateError::new(offset, format!("`{text}` is not a number")).hint("write it in decimals");
    if let Some(int) = whole(text) {
        return Ok((Token::Int(int), length));
    }
    let plain =
        text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' | b'_'));
    let float = text.replace('_', "").parse::<f64>().ok().filter(|float| plain && float.is_finite());
    Ok((Token::Float(float.ok_or_else(wrong)?), length))
}

fn whole(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let based = [("0x", 16), ("0o", 8), ("0b", 2)];
    let based = based.into_iter().find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, radix)));
    // A leading zero alone means octal.
    let octal = || lower.strip_prefix('0').filter(|rest| !rest.is_empty()).map(|rest| (rest, 8));
    let (digits, radix) = based.or_else(octal).unwrap_or((&lower, 10));
    let has_gaps = digits.contains('_');
    if digits.is_empty() || digits.starts_with(['+', '-']) || (has_gaps && digits.ends_with('_')) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), radix).ok()
}
