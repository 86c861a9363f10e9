//! `printf` with the verbs that rules use. A value of another type than its verb's gives what Go gives:
//! `%!d(float64=1.5)`.

use super::go_text::{fixed, general, go_float, quoted, scientific};
use super::value::Value;
use crate::limits;

/// Characters that `printf` may write.
const WRITTEN_MAX: usize = kernel::limits::TEXT_BYTES_MAX;

enum Part<'a> {
    Text(&'a str),
    Verb(Verb),
}

#[derive(Default)]
struct Verb {
    letter: char,
    plus: bool,
    minus: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Whether a format has only verbs that are supported.
pub(super) fn check(format: &str) -> Result<(), String> {
    parts(format).map(|_| ())
}

pub(super) fn printf(given: &[Value]) -> Result<String, String> {
    let (Value::Text(format), values) = (&given[0], &given[1..]) else {
        return Err(format!("wrong type for value; expected string; got {}", given[0].kind()));
    };
    let mut out = String::new();
    let mut values = values.iter();
    for part in parts(format)? {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Verb(verb) => match values.next() {
                Some(value) => out.push_str(&verb.padded(value)),
                None => out.push_str(&format!("%!{}(MISSING)", verb.letter)),
            },
        }
        if out.len() > WRITTEN_MAX {
            return Err(format!("the text is longer than {WRITTEN_MAX} bytes"));
        }
    }
    let extra: Vec<String> = values.map(|value| format!("{}={}", value.kind(), value.to_text())).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(out)
}

fn parts(format: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some(percent) = rest.find('%') {
        parts.push(Part::Text(&rest[..percent]));
        rest = &rest[percent + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            parts.push(Part::Text("%"));
            rest = after;
            continue;
        }
        let (verb, after) = verb(rest)?;
        parts.push(Part::Verb(verb));
        rest = after;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

fn verb(text: &str) -> Result<(Verb, &str), String> {
    let mut verb = Verb::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|c| matches!(c, '+' | '-' | ' ' | '0')) {
        match flag {
            '+' => verb.plus = true,
            '-' => verb.minus = true,
            ' ' => verb.space = true,
            _ => verb.zero = true,
        }
        rest = &rest[1..];
    }
    let (width, after) = count(rest)?;
    verb.width = width.unwrap_or(0);
    rest = after;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = count(after)?;
        verb.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    let letter = rest.chars().next().ok_or("printf: the format ends within a verb")?;
    if !matches!(letter, 'v' | 's' | 'q' | 'd' | 't' | 'f' | 'F' | 'e' | 'g') {
        return Err(format!("not supported yet: printf's `%{letter}`"));
    }
    verb.letter = letter;
    Ok((verb, &rest[letter.len_utf8()..]))
}

fn count(text: &str) -> Result<(Option<usize>, &str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits == 0 {
        return Ok((None, text));
    }
    match text[..digits].parse() {
        Ok(count) if count <= limits::PRINTF_WIDTH_MAX => Ok((Some(count), &text[digits..])),
        _ => Err(format!("printf: `{}` is more than {}", &text[..digits], limits::PRINTF_WIDTH_MAX)),
    }
}

impl Verb {
    fn padded(&self, value: &Value) -> String {
        let Some(written) = self.written(value) else {
            return format!("%!{}({}={})", self.letter, value.kind(), value.to_text());
        };
        let missing = self.width.saturating_sub(written.chars().count());
        let is_number = matches!(value, Value::Int(_) | Value::Float(_));
        let finite = written.ends_with(|c: char| c.is_ascii_digit());
        if missing == 0 {
            written
        } else if self.minus {
            written + &" ".repeat(missing)
        } else if self.zero && is_number && finite {
            let sign = usize::from(written.starts_with(['+', '-', ' ']));
            format!("{}{}{}", &written[..sign], "0".repeat(missing), &written[sign..])
        } else {
            " ".repeat(missing) + &written
        }
    }

    fn written(&self, value: &Value) -> Option<String> {
        match (self.letter, value) {
            ('v' | 'd', Value::Int(int)) => Some(self.signed(int.to_string())),
            ('f' | 'F', Value::Float(float)) => Some(self.signed(fixed(*float, self.precision.unwrap_or(6)))),
            ('e', Value::Float(float)) => Some(self.signed(scientific(*float, self.precision.unwrap_or(6)))),
            ('v' | 'g', Value::Float(float)) => Some(self.signed(match self.precision {
                Some(precision) => general(*float, Some(precision)),
                None => go_float(*float),
            })),
            ('v' | 's', Value::Text(text)) => Some(self.cut(text)),
            ('q', Value::Text(text)) => Some(quoted(&self.cut(text))),
            ('v' | 't', Value::Bool(_)) | ('v', Value::Labels(_)) => Some(value.to_text()),
            _ => None,
        }
    }

    fn signed(&self, number: String) -> String {
        let unsigned = !number.starts_with(['+', '-']);
        match (unsigned, self.plus, self.space) {
            (true, true, _) => format!("+{number}"),
            (true, false, true) => format!(" {number}"),
            _ => number,
        }
    }

    fn cut(&self, text: &str) -> String {
        self.precision.map_or_else(|| text.to_owned(), |precision| text.chars().take(precision).collect())
    }
}
