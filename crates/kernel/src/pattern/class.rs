//! Classes of characters, and the escapes that stand for one.

use super::text::Text;
use super::{PatternError, names};

/// A class that no character is in: what stands for halves of surrogate pairs, which no text contains.
pub(super) const NOTHING: &str = r"[^\x00-\x{10FFFF}]";

/// What is within the brackets of a class of Perl's; all are ASCII.
pub(super) fn perl(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        'D' => "^0-9",
        's' => r"\t\n\x0C\r ",
        'S' => r"^\t\n\x0C\r ",
        'w' => "0-9A-Z_a-z",
        'W' => "^0-9A-Z_a-z",
        _ => return None,
    })
}

/// What is within the brackets of a class like `[:alpha:]`.
fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "alnum" => "0-9A-Za-z",
        "alpha" => "A-Za-z",
        "ascii" => r"\x00-\x7F",
        "blank" => r"\t ",
        "cntrl" => r"\x00-\x1F\x7F",
        "digit" => "0-9",
        "graph" => "!-\\~",
        "lower" => "a-z",
        "print" => r" -\~",
        "punct" => r"!-/:-@\[-`\{-\~",
        "space" => r"\t\n\x0B\x0C\r ",
        "upper" => "A-Z",
        "word" => "0-9A-Z_a-z",
        "xdigit" => "0-9A-Fa-f",
        _ => return None,
    })
}

/// A character as itself.
pub(super) fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_punctuation() && !matches!(c, '_' | '<' | '>') {
        out.push('\\');
    }
    out.push(c);
}

/// A class in brackets; the `[` at this byte was read.
pub(super) fn bracketed(text: &mut Text<'_>, at: usize) -> Result<String, PatternError> {
    let mut out = "[".to_owned();
    if text.peek() == Some('^') {
        text.next();
        out.push('^');
    }
    let start = out.len();
    let mut is_first = true;
    loop {
        let rest = text.rest();
        let here = text.all.len() - rest.len();
        match text.peek() {
            None => return Err(text.fault(at, "this `[` has no `]`")),
            Some(']') if !is_first => break,
            Some('[') if rest.starts_with("[:") && rest.contains(":]") => {
                out.push_str(&named(text, here)?);
            }
            Some('\\') if rest.starts_with(r"\p") || rest.starts_with(r"\P") => {
                text.next();
                out.push_str(&unicode(text, here)?);
            }
            Some('\\') => match rest[1..].chars().next().and_then(perl) {
                Some(class) => {
                    text.skip(2);
                    out.push_str(&format!("[{class}]"));
                }
                None => range(text, at, &mut out)?,
            },
            Some(_) => range(text, at, &mut out)?,
        }
        is_first = false;
    }
    text.next();
    if out.len() == start {
        out.push_str(NOTHING);
    }
    out.push(']');
    Ok(out)
}

/// `[:alpha:]` or `[:^alpha:]`.
fn named(text: &mut Text<'_>, at: usize) -> Result<String, PatternError> {
    let rest = &text.rest()[2..];
    let name = rest.split_once(":]").map_or(rest, |(name, _)| name);
    let (plain, negation) = name.strip_prefix('^').map_or((name, ""), |plain| (plain, "^"));
    let Some(class) = posix(plain) else {
        return Err(text.fault(at, format!("there is no class `[:{name}:]`")));
    };
    text.skip(name.len() + 4);
    Ok(format!("[{negation}{class}]"))
}

/// A character, or a range of them.
fn range(text: &mut Text<'_>, class_at: usize, out: &mut String) -> Result<(), PatternError> {
    let at = text.all.len() - text.rest().len();
    let low = character(text, class_at)?;
    let rest = text.rest();
    let mut high = low;
    if rest.starts_with('-') && rest.len() > 1 && !rest.starts_with("-]") {
        text.next();
        high = character(text, class_at)?;
    }
    if high < low {
        let end = text.all.len() - text.rest().len();
        return Err(text.fault(at, format!("the range `{}` ends before it begins", &text.all[at..end])));
    }
    // Surrogates are no characters.
    for (low, high) in [(low, high.min(0xD7FF)), (low.max(0xE000), high)] {
        if low <= high {
            out.push_str(&format!(r"\x{{{low:X}}}-\x{{{high:X}}}"));
        }
    }
    Ok(())
}

fn character(text: &mut Text<'_>, class_at: usize) -> Result<u32, PatternError> {
    match text.next() {
        None => Err(text.fault(class_at, "this `[` has no `]`")),
        Some((at, '\\')) => escaped(text, at),
        Some((_, c)) => Ok(c.into()),
    }
}

/// `\pN`, `\p{Greek}`, `\P{^Greek}`; its `\` at this byte was read.
pub(super) fn unicode(text: &mut Text<'_>, at: usize) -> Result<String, PatternError> {
    let mut is_negated = text.next().is_some_and(|(_, c)| c == 'P');
    let rest = text.rest();
    let (name, bytes) = match rest.strip_prefix('{') {
        Some(inner) => inner.split_once('}').map(|(name, _)| (name, name.len() + 2)),
        None => rest.chars().next().map(|c| (&rest[..c.len_utf8()], c.len_utf8())),
    }
    .ok_or_else(|| text.fault(at, r"`\p` needs a letter, or a name like `\p{Greek}`"))?;
    let plain = name.strip_prefix('^').unwrap_or(name);
    is_negated ^= plain.len() < name.len();
    let Some(property) = names::property(plain) else {
        return Err(text.fault(at, format!("there is no class of Unicode `{name}`")));
    };
    text.skip(bytes);
    if property.is_empty() {
        return Ok(if is_negated { r"\p{any}" } else { NOTHING }.to_owned());
    }
    Ok(format!(r"\{}{{{property}}}", if is_negated { 'P' } else { 'p' }))
}

/// The character that an escape stands for; its `\` at this byte was read.
pub(super) fn escaped(text: &mut Text<'_>, at: usize) -> Result<u32, PatternError> {
    let Some((_, c)) = text.next() else {
        return Err(text.fault(at, r"a `\` stands at the end"));
    };
    let follows_octal = matches!(text.peek(), Some('0'..='7'));
    let code = match c {
        'a' => Some(0x07),
        'f' => Some(0x0C),
        'n' => Some(0x0A),
        'r' => Some(0x0D),
        't' => Some(0x09),
        'v' => Some(0x0B),
        'x' => hexadecimal(text),
        '0' => Some(octal(text, 0)),
        '1'..='7' if follows_octal => Some(octal(text, u32::from(c) - u32::from('0'))),
        _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c.into()),
        _ => None,
    };
    let end = text.all.len() - text.rest().len();
    code.ok_or_else(|| text.fault(at, format!("there is no escape `{}`", &text.all[at..end])))
}

/// Up to two more octal digits.
fn octal(text: &mut Text<'_>, first: u32) -> u32 {
    (0..2).fold(first, |code, _| match text.peek().and_then(|c| c.to_digit(8)) {
        Some(digit) => {
            text.next();
            code * 8 + digit
        }
        None => code,
    })
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(text: &mut Text<'_>) -> Option<u32> {
    let (_, first) = text.next()?;
    if first != '{' {
        let (_, second) = text.next()?;
        return Some(first.to_digit(16)? * 16 + second.to_digit(16)?);
    }
    let mut code = None;
    loop {
        match text.next()?.1 {
            '}' => return code,
            c => code = Some(code.unwrap_or(0) * 16 + c.to_digit(16)?).filter(|&code| code <= 0x10_FFFF),
        }
        code?;
    }
}
