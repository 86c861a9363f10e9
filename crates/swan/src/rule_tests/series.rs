//! Series in Prometheus's notation: `name{label="value"}`, and values that expand: `1+2x3 _ stale`.

use kernel::Labels;
use promql::{METRIC_NAME, STALE_NAN, Value};

use super::histogram::Literal;
use super::limits::VALUES_MAX;

/// The labels of a series, `__name__` among them.
pub(super) fn labels(text: &str) -> Result<Labels, String> {
    let mut reader = Reader { text, at: 0 };
    reader.space();
    let mut pairs: Vec<(String, String)> = Vec::new();
    let name = reader.word(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    if !name.is_empty() {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("`{name}` is no name of a metric"));
        }
        pairs.push((METRIC_NAME.to_owned(), name.to_owned()));
    }
    reader.space();
    if reader.eat('{') {
        reader.pairs(&mut pairs)?;
    } else if name.is_empty() {
        return Err(format!("`{text}` is no series like `up{{job=\"shop\"}}`"));
    }
    reader.space();
    if !reader.rest().is_empty() {
        return Err(format!("`{}` does not belong to a series", reader.rest()));
    }
    Labels::new(pairs).map_err(|error| error.to_string())
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let word = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn pairs(&mut self, pairs: &mut Vec<(String, String)>) -> Result<(), String> {
        loop {
            self.space();
            if self.eat('}') {
                return Ok(());
            }
            let quoted = self.rest().starts_with(['"', '\'', '`']);
            let name = if quoted {
                self.quoted()?
            } else {
                self.word(|c| c.is_ascii_alphanumeric() || c == '_').to_owned()
            };
            self.space();
            if quoted && (self.rest().starts_with([',', '}'])) {
                pairs.push((METRIC_NAME.to_owned(), name));
            } else {
                if name.is_empty() || !self.eat('=') {
                    return Err(format!("`label=\"value\"` is expected at `{}`", self.rest()));
                }
                self.space();
                pairs.push((name, self.quoted()?));
            }
            self.space();
            if !self.eat(',') && !self.rest().starts_with('}') {
                return Err(format!("`,` or `}}` is expected at `{}`", self.rest()));
            }
        }
    }

    /// A string as Go writes them.
    fn quoted(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let unclosed = || format!("a string is expected at `{rest}`");
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')).ok_or_else(unclosed)?;
        self.at += 1;
        let mut value = String::new();
        loop {
            let next = self.rest().chars().next().ok_or_else(unclosed)?;
            self.at += next.len_utf8();
            match next {
                found if found == quote => return Ok(value),
                '\\' if quote != '`' => value.push(self.escape()?),
                other => value.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let wrong = || "a string has an escape that is none".to_owned();
        let kind = self.rest().chars().next().ok_or_else(wrong)?;
        self.at += kind.len_utf8();
        let digits = match kind {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'a' => return Ok('\u{7}'),
            'b' => return Ok('\u{8}'),
            'f' => return Ok('\u{c}'),
            'v' => return Ok('\u{b}'),
            '\\' | '"' | '\'' => return Ok(kind),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err(wrong()),
        };
        let hex = self.rest().get(..digits).ok_or_else(wrong)?;
        self.at += digits;
        u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).ok_or_else(wrong)
    }
}

/// The values of a series, one for each interval; `None` where there is no sample.
pub(super) fn values(text: &str) -> Result<Vec<Option<Value>>, String> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = item_end(rest)?;
        item(&rest[..end], &mut all)?;
        rest = rest[end..].trim_start();
    }
    Ok(all)
}

/// Where an item ends: at the next space outside of a histogram.
fn item_end(text: &str) -> Result<usize, String> {
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("{{") {
            let close = text[at..].find("}}").ok_or_else(|| format!("`{text}` has no `}}}}`"))?;
            at += close + 2;
            continue;
        }
        let next = text[at..].chars().next().expect("it is not at the end");
        if next.is_whitespace() {
            return Ok(at);
        }
        at += next.len_utf8();
    }
    Ok(at)
}

fn item(text: &str, all: &mut Vec<Option<Value>>) -> Result<(), String> {
    let wrong = || format!("`{text}` is no value like `1`, `1+2x3`, `_`, `stale` or `{{{{schema:0 …}}}}`");
    if text == "stale" {
        all.push(Some(Value::Float(STALE_NAN)));
        return Ok(());
    }
    if let Some(after) = text.strip_prefix('_') {
        let count = match after.strip_prefix('x') {
            Some(count) => count.parse().map_err(|_| wrong())?,
            None if after.is_empty() => 1,
            None => return Err(wrong()),
        };
        room(all, count)?;
        all.extend(std::iter::repeat_n(None, count));
        return Ok(());
    }
    if text.starts_with("{{") {
        return histograms(text, all).map_err(|problem| format!("{}: {problem}", wrong()));
    }
    let (first, after) = number(text).ok_or_else(wrong)?;
    let (step, after) = match after.strip_prefix(['+', '-']) {
        Some(_) => {
            let (step, rest) = number(after).ok_or_else(wrong)?;
            (step, rest)
        }
        None => (0.0, after),
    };
    let more = match after.strip_prefix('x') {
        Some(count) => count.parse().map_err(|_| wrong())?,
        None if after.is_empty() && step == 0.0 && !text[1..].contains(['+']) => 0,
        None => return Err(wrong()),
    };
    room(all, more)?;
    let mut value = first;
    for _ in 0..=more {
        all.push(Some(Value::Float(value)));
        value += step;
    }
    Ok(())
}

fn room(all: &[Option<Value>], more: usize) -> Result<(), String> {
    if all.len().saturating_add(more) >= VALUES_MAX {
        return Err(format!("a series has at most {VALUES_MAX} values"));
    }
    Ok(())
}

/// A number at the start of a text, with its sign, and the rest.
fn number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let lower = unsigned.to_ascii_lowercase();
    for (word, value) in [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
        if lower.starts_with(word) {
            return Some((sign * value, &unsigned[word.len()..]));
        }
    }
    let bytes = unsigned.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if bytes.get(end).is_some_and(|e| e.eq_ignore_ascii_case(&b'e')) {
        let sign_end = if matches!(bytes.get(end + 1), Some(b'+' | b'-')) { end + 2 } else { end + 1 };
        let exponent_end = digits(sign_end);
        end = if exponent_end > sign_end { exponent_end } else { end };
    }
    let value: f64 = unsigned[..end].parse().ok()?;
    Some((sign * value, &unsigned[end..]))
}

/// `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`.
fn histograms(text: &str, all: &mut Vec<Option<Value>>) -> Result<(), String> {
    let (first, after) = Literal::read(text)?;
    let (step, sign, after) = match after.strip_prefix(['+', '-']) {
        Some(rest) => {
            let (step, rest) = Literal::read(rest)?;
            (Some(step), if after.starts_with('-') { -1.0 } else { 1.0 }, rest)
        }
        None => (None, 1.0, after),
    };
    let more = match after.strip_prefix('x') {
        Some(count) => count.parse().map_err(|_| format!("`{count}` is no count"))?,
        None if after.is_empty() && step.is_none() => 0,
        None => return Err("`xN` is expected after it".to_owned()),
    };
    room(all, more)?;
    let mut value = first;
    for number in 0..=more {
        all.push(Some(Value::Histogram(value.histogram().into())));
        if let Some(step) = step.as_ref().filter(|_| number < more) {
            value = value.plus(step, sign)?;
        }
    }
    Ok(())
}
