//! `printf`. A value of another type than its verb's gives what Go gives: `%!d(float64=1.5)`. Widths that are arguments
//! (`*`) are refused.

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
    sharp: bool,
    /// Which value, counted from 1, where the format says so.
    place: Option<usize>,
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
    let (mut next, mut is_reordered) = (0, false);
    for part in parts(format)? {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Verb(verb) => {
                is_reordered |= verb.place.is_some();
                next = verb.place.map_or(next, |place| place - 1);
                match values.get(next) {
                    Some(value) => out.push_str(&verb.padded(value)?),
                    None if verb.place.is_some() => out.push_str(&format!("%!{}(BADINDEX)", verb.letter)),
                    None => out.push_str(&format!("%!{}(MISSING)", verb.letter)),
                }
                next += 1;
            }
        }
        if out.len() > WRITTEN_MAX {
            return Err(format!("the text is longer than {WRITTEN_MAX} bytes"));
        }
    }
    let extra = values.get(next..).filter(|_| !is_reordered).unwrap_or_default();
    let extra = extra.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(out)
}

/// A value where it does not belong: `string=a`.
fn shown(value: &Value) -> Result<String, String> {
    match value {
        Value::Nil => Ok("<nil>".to_owned()),
        value => Ok(format!("{}={}", value.kind(), value.to_text()?)),
    }
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
    while let Some(flag) = rest.chars().next().filter(|c| matches!(c, '+' | '-' | ' ' | '0' | '#')) {
        match flag {
            '+' => verb.plus = true,
            '-' => verb.minus = true,
            ' ' => verb.space = true,
            '#' => verb.sharp = true,
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
    if let Some(after) = rest.strip_prefix('[') {
        let (place, after) = after.split_once(']').ok_or("printf: `[` has no `]`")?;
        let place = place.trim().parse().ok().filter(|place| (1..=limits::PRINTF_WIDTH_MAX).contains(place));
        verb.place = Some(place.ok_or("printf: between `[` and `]` stands the number of an argument")?);
        rest = after;
    }
    let letter = rest.chars().next().ok_or("printf: the format ends within a verb")?;
    if letter == '*' {
        return Err("not supported yet: printf's `*`".to_owned());
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
    fn padded(&self, value: &Value) -> Result<String, String> {
        let Some(written) = self.written(value)? else {
            return Ok(format!("%!{}({})", self.letter, shown(value)?));
        };
        let missing = self.width.saturating_sub(written.chars().count());
        let is_number = matches!(value, Value::Int(_) | Value::Float(_));
        let finite = written.ends_with(|c: char| c.is_ascii_hexdigit());
        Ok(if missing == 0 {
            written
        } else if self.minus {
            written + &" ".repeat(missing)
        } else if self.zero && is_number && finite {
            let sign = usize::from(written.starts_with(['+', '-', ' ']));
            format!("{}{}{}", &written[..sign], "0".repeat(missing), &written[sign..])
        } else {
            " ".repeat(missing) + &written
        })
    }

    /// The value as the verb wants it; `None` where it cannot be.
    fn written(&self, value: &Value) -> Result<Option<String>, String> {
        let written = match (self.letter, value) {
            ('T', value) => Some(value.kind().to_owned()),
            ('v', Value::Nil) => Some("<nil>".to_owned()),
            ('v' | 'd', Value::Int(int)) => Some(self.signed(int.to_string())),
            (_, Value::Int(int)) => self.based(*int),
            (_, Value::Float(float)) => self.float(*float),
            ('v', Value::Text(text)) if self.sharp => Some(quoted(&self.cut(text))),
            ('v' | 's', Value::Text(text)) => Some(self.cut(text)),
            ('q', Value::Text(text)) => Some(quoted(&self.cut(text))),
            ('x' | 'X', Value::Text(text)) => {
                let lower: String = self.cut(text).bytes().map(|byte| format!("{byte:02x}")).collect();
                Some(if self.letter == 'X' { lower.to_uppercase() } else { lower })
            }
            (_, Value::Nil | Value::Text(_)) => None,
            ('v' | 't', Value::Bool(_)) => Some(value.to_text()?.to_string()),
            (_, Value::Bool(_)) => None,
            ('v' | 's', value) => Some(value.to_text()?.to_string()),
            _ => None,
        };
        Ok(written)
    }

    fn float(&self, float: f64) -> Option<String> {
        let text = match self.letter {
            'f' | 'F' => fixed(float, self.precision.unwrap_or(6)),
            'e' | 'E' => scientific(float, self.precision.unwrap_or(6)),
            'v' | 'g' | 'G' => match self.precision {
                Some(precision) => general(float, Some(precision)),
                None => go_float(float),
            },
            _ => return None,
        };
        let is_upper = matches!(self.letter, 'E' | 'G') && float.is_finite();
        Some(self.signed(if is_upper { text.to_uppercase() } else { text }))
    }

    /// A whole number to another base, or as a character.
    fn based(&self, int: i64) -> Option<String> {
        let size = int.unsigned_abs();
        let (prefix, digits) = match self.letter {
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            'o' => ("0", format!("{size:o}")),
            'O' => ("0o", format!("{size:o}")),
            'b' => ("0b", format!("{size:b}")),
            'U' => return Some(format!("U+{size:04X}")),
            'c' | 'q' => {
                let c = u32::try_from(int).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
                return Some(if self.letter == 'c' { c.to_string() } else { format!("'{c}'") });
            }
            _ => return None,
        };
        let sign = if int < 0 { "-" } else { "" };
        let prefix = if self.sharp || self.letter == 'O' { prefix } else { "" };
        Some(self.signed(format!("{sign}{prefix}{digits}")))
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
