//! A line and how far it was read: what the two text formats have in common.

use std::borrow::Cow;

use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

use super::{Label, number};
use crate::{Format, Kind, Malformed};

/// The text of a body, or where it is not UTF-8.
pub(super) fn text_of(body: &[u8], format: Format) -> Result<&str, Malformed> {
    std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to(), format))
}

fn not_utf8(body: &[u8], at: usize, format: Format) -> Malformed {
    let before = &body[..at];
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let number = 1 + memchr::memchr_iter(b'\n', before).count();
    let end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |length| at + length);
    Malformed::new(format, at - start, &body[at..end], "not UTF-8")
        .hint("label values and help texts are UTF-8")
        .in_line(number as u64)
}

/// A line and how far it was read.
pub(super) struct Cursor<'a> {
    pub(super) line: &'a str,
    pub(super) at: usize,
    pub(super) format: Format,
    /// What the last `# TYPE` said; bounds of such metrics are spelt in one way.
    pub(super) kind: Kind,
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a str {
        // `at` only ever passes whole ASCII characters and whole quoted strings.
        self.line.get(self.at..).unwrap_or("")
    }

    /// Passes blanks where the format allows any number of them; OpenMetrics allows none.
    pub(super) fn skip_blanks(&mut self) {
        if self.format == Format::OpenMetrics {
            return;
        }
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes this byte, and says whether it was there.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// The characters up to a blank or the end.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find([' ', '\t']).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    pub(super) fn wrong(&self, what: &'static str) -> Malformed {
        Malformed::new(self.format, self.at, self.rest().as_bytes(), what)
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, with colons where it names a metric; empty where there is none.
    pub(super) fn bare_name(&mut self, colons: bool) -> &'a str {
        let rest = self.rest();
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (colons && byte == b':');
        let length = rest.bytes().position(|byte| !inside(byte)).unwrap_or(rest.len());
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        self.at += length;
        &rest[..length]
    }

    /// A string between quotes, with `\\`, `\"` and `\n` undone.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let open = self.at;
        if !self.takes(b'"') {
            return Err(self.wrong("expected a string in double quotes"));
        }
        let rest = self.rest();
        let mut owned = String::new();
        let (mut copied, mut from) = (0, 0);
        while let Some(found) = memchr::memchr2(b'"', b'\\', &rest.as_bytes()[from..]) {
            let at = from + found;
            if rest.as_bytes()[at] == b'"' {
                self.at += at + 1;
                if copied == 0 {
                    return Ok(Cow::Borrowed(&rest[..at]));
                }
                owned.push_str(&rest[copied..at]);
                return Ok(Cow::Owned(owned));
            }
            let Some(plain) = rest.as_bytes().get(at + 1).copied().and_then(escape) else {
                // In OpenMetrics a backslash before anything else is a backslash.
                if self.format == Format::OpenMetrics && at + 1 < rest.len() {
                    from = at + 1;
                    continue;
                }
                self.at += at;
                return Err(self
                    .wrong("unknown escape")
                    .hint("a string escapes `\\\\`, `\\\"` and `\\n` only"));
            };
            owned.push_str(&rest[copied..at]);
            owned.push(plain);
            copied = at + 2;
            from = copied;
        }
        self.at = open;
        Err(self.wrong("the string has no closing quote"))
    }

    pub(super) fn metric_name(&mut self) -> Result<Cow<'a, str>, Malformed> {
        if self.peek() == Some(b'"') {
            let at = self.at;
            let name = self.quoted()?;
            if name.is_empty() {
                self.at = at;
                return Err(self.wrong("the metric's name is empty"));
            }
            return Ok(name);
        }
        match self.bare_name(true) {
            "" => Err(self.wrong("not a metric name").hint("a name begins with a letter, `_` or `:`")),
            name => Ok(Cow::Borrowed(name)),
        }
    }

    /// A metric's name and its labels, up to where the value begins.
    pub(super) fn series(&mut self, labels: &mut Vec<Label<'a>>) -> Result<Cow<'a, str>, Malformed> {
        labels.clear();
        let start = self.at;
        let mut name = None;
        if self.peek() != Some(b'{') {
            if self.peek() == Some(b'"') {
                return Err(self
                    .wrong("a quoted name outside braces")
                    .hint("write `{\"name\",label=\"value\"} 1`"));
            }
            name = Some(self.metric_name()?);
            self.skip_blanks();
        }
        if self.takes(b'{') {
            self.label_set(&mut name, labels)?;
            self.skip_blanks();
        } else if self.format != Format::OpenMetrics
            && !matches!(self.line.as_bytes().get(self.at.wrapping_sub(1)), Some(b' ' | b'\t'))
        {
            return Err(self.wrong("expected a blank or `{` after the name"));
        }
        name.ok_or_else(|| {
            self.at = start;
            self.wrong("a sample without a metric name")
        })
    }

    /// What stands between the braces, and the closing one.
    pub(super) fn label_set(
        &mut self,
        metric: &mut Option<Cow<'a, str>>,
        labels: &mut Vec<Label<'a>>,
    ) -> Result<(), Malformed> {
        loop {
            self.skip_blanks();
            if self.takes(b'}') {
                break;
            }
            let at = self.at;
            let quoted = self.peek() == Some(b'"');
            let name = if quoted { self.quoted()? } else { Cow::Borrowed(self.bare_name(false)) };
            if name.is_empty() {
                return Err(self.wrong("not a label name").hint("a label name begins with a letter or `_`"));
            }
            self.skip_blanks();
            if self.takes(b'=') {
                self.skip_blanks();
                let value_at = self.at;
                let value = self.quoted()?;
                if value.len() > SERIES_LABEL_VALUE_BYTES_MAX {
                    self.at = value_at;
                    return Err(self.wrong("a label value of more than 65536 bytes"));
                }
                if labels.len() == SERIES_LABELS_MAX {
                    self.at = at;
                    return Err(self.wrong("more than 256 labels"));
                }
                let value = number::canonical(self.kind, &name, value);
                labels.push((name, value));
            } else if quoted && metric.is_none() {
                *metric = Some(name);
            } else {
                return Err(self.wrong("expected `=` after the label name"));
            }
            self.skip_blanks();
            if !self.takes(b',') && self.peek() != Some(b'}') {
                return Err(self.wrong("expected `,` or `}` after the label"));
            }
        }
        // At most SERIES_LABELS_MAX of them, so the square is small.
        for (i, (name, _)) in labels.iter().enumerate() {
            if &**name == "__name__" || labels[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(Malformed::new(
                    self.format,
                    self.at,
                    name.as_bytes(),
                    "the label is given twice",
                ));
            }
        }
        labels.retain(|(_, value)| !value.is_empty());
        Ok(())
    }

    pub(super) fn value(&mut self) -> Result<f64, Malformed> {
        let at = self.at;
        let word = self.word();
        number::read(word).ok_or_else(|| {
            self.at = at;
            let what = if word.is_empty() { "no value" } else { "not a number" };
            Malformed::new(self.format, at, word.as_bytes(), what)
                .hint("a value reads `12.5`, `1e9`, `NaN`, `+Inf` or `-Inf`")
        })
    }
}

fn escape(byte: u8) -> Option<char> {
    match byte {
        b'\\' => Some('\\'),
        b'"' => Some('"'),
        b'n' => Some('\n'),
        _ => None,
    }
}

/// A help text with `\\` and `\n` undone; anything else after a backslash stays.
pub(super) fn help(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('\\') | None => plain.push('\\'),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    Cow::Owned(plain)
}
