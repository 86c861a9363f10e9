//! The Prometheus text exposition format 0.0.4, as scraped targets and exporters write it.
//!
//! A reader hands each sample and each `# HELP`, `# TYPE` and `# UNIT` comment to a callback, in their order, with
//! names and labels borrowed from the body. It is strict: the first line that is not in the format ends the scrape
//! with an error, and what was handed over before is to be thrown away.
//!
//! Names in quotes (`{"http.requests","zone"="a"} 1`) are read as Prometheus 3 writes them. Exemplars and `# EOF`
//! belong to OpenMetrics: the former are refused, the latter is a comment. A label with an empty value is absent.
//!
//! Format: prometheus.io, "Exposition formats", section "Text-based format".

use std::borrow::Cow;

use kernel::limits::{LABEL_VALUE_BYTES_MAX, LABELS_MAX};

use crate::{Format, Malformed};

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'l, 'a> {
    /// A measurement.
    Sample(Sample<'l, 'a>),
    /// What a metric means.
    Help {
        /// The metric.
        name: Cow<'a, str>,
        /// Text for people, escapes undone.
        text: Cow<'a, str>,
    },
    /// What kind of metric it is.
    Type {
        /// The metric.
        name: Cow<'a, str>,
        /// Its kind.
        kind: Kind,
    },
    /// What it is measured in.
    Unit {
        /// The metric.
        name: Cow<'a, str>,
        /// The unit, as it stands.
        unit: &'a str,
    },
}

/// One measurement of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'l, 'a> {
    /// The metric.
    pub name: &'l str,
    /// Its labels as they stand, without the name; each name once, no empty value, not sorted.
    pub labels: &'l [(Cow<'a, str>, Cow<'a, str>)],
    /// The value, possibly not a number or infinite.
    pub value: f64,
    /// Epoch milliseconds, where the target stamped the sample itself.
    pub timestamp_ms: Option<i64>,
}

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises, except at a restart.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// Not said.
    Untyped,
}

/// Reads a whole body; how many samples it had.
///
/// # Errors
/// The first line that is not in the format; the callback may have seen those before it.
pub fn parse<'a>(body: &'a [u8], mut entry: impl FnMut(Entry<'_, 'a>)) -> Result<u64, Malformed> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(body, error.valid_up_to())),
    };
    let mut samples = 0;
    let mut labels = Vec::new();
    for (line, number) in text.split('\n').zip(1..) {
        // The format ends lines with `\n` only, but exporters on Windows are not worth a failed scrape.
        let mut cursor = Cursor { line: line.strip_suffix('\r').unwrap_or(line), at: 0 };
        cursor.skip_blanks();
        let read = match cursor.peek() {
            None => continue,
            Some(b'#') => cursor.comment(&mut entry),
            Some(_) => {
                samples += 1;
                cursor.sample(&mut labels, &mut entry)
            }
        };
        read.map_err(|error| error.in_line(number))?;
    }
    Ok(samples)
}

fn not_utf8(body: &[u8], at: usize) -> Malformed {
    let before = &body[..at];
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let number = 1 + memchr::memchr_iter(b'\n', before).count();
    let end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |length| at + length);
    Malformed::new(Format::Exposition, at - start, &body[at..end], "not UTF-8")
        .hint("label values and help texts are UTF-8")
        .in_line(number as u64)
}

type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// A line and how far it was read.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        // `at` only ever passes whole ASCII characters and whole quoted strings.
        self.line.get(self.at..).unwrap_or("")
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes this byte, and says whether it was there.
    fn takes(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// The characters up to a blank or the end.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find([' ', '\t']).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn wrong(&self, what: &'static str) -> Malformed {
        Malformed::new(Format::Exposition, self.at, self.rest().as_bytes(), what)
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, with colons where it names a metric; empty where there is none.
    fn bare_name(&mut self, colons: bool) -> &'a str {
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
    fn quoted(&mut self) -> Result<Cow<'a, str>, Malformed> {
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

    fn metric_name(&mut self) -> Result<Cow<'a, str>, Malformed> {
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

    fn sample(
        &mut self,
        labels: &mut Labels<'a>,
        entry: &mut impl FnMut(Entry<'_, 'a>),
    ) -> Result<(), Malformed> {
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
        } else if !matches!(self.line.as_bytes().get(self.at.wrapping_sub(1)), Some(b' ' | b'\t')) {
            return Err(self.wrong("expected a blank or `{` after the name"));
        }
        let Some(name) = name else {
            self.at = start;
            return Err(self.wrong("a sample without a metric name"));
        };
        let value = self.value()?;
        self.skip_blanks();
        let timestamp_ms = self.timestamp()?;
        entry(Entry::Sample(Sample { name: &name, labels, value, timestamp_ms }));
        Ok(())
    }

    /// What stands between the braces, and the closing one.
    fn label_set(
        &mut self,
        metric: &mut Option<Cow<'a, str>>,
        labels: &mut Labels<'a>,
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
                if value.len() > LABEL_VALUE_BYTES_MAX {
                    self.at = value_at;
                    return Err(self.wrong("a label value of more than 4096 bytes"));
                }
                if labels.len() == LABELS_MAX {
                    self.at = at;
                    return Err(self.wrong("more than 64 labels"));
                }
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
        // At most LABELS_MAX of them, so the square is small.
        for (i, (name, _)) in labels.iter().enumerate() {
            if &**name == "__name__" || labels[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(Malformed::new(
                    Format::Exposition,
                    self.at,
                    name.as_bytes(),
                    "the label is given twice",
                ));
            }
        }
        labels.retain(|(_, value)| !value.is_empty());
        Ok(())
    }

    fn value(&mut self) -> Result<f64, Malformed> {
        let at = self.at;
        let word = self.word();
        word.parse().map_err(|_| {
            self.at = at;
            let what = if word.is_empty() { "no value" } else { "not a number" };
            Malformed::new(Format::Exposition, at, word.as_bytes(), what)
                .hint("a value reads `12.5`, `1e9`, `NaN`, `+Inf` or `-Inf`")
        })
    }

    fn timestamp(&mut self) -> Result<Option<i64>, Malformed> {
        let at = self.at;
        let word = self.word();
        if word.is_empty() {
            return Ok(None);
        }
        let error = |what: &'static str| Malformed::new(Format::Exposition, at, word.as_bytes(), what);
        if word.starts_with('#') {
            return Err(error("an exemplar, which this format does not have")
                .hint("let the target answer `text/plain; version=0.0.4`"));
        }
        let ms = word.parse().map_err(|_| {
            error("not a timestamp").hint("a timestamp is a whole number of milliseconds since 1970")
        })?;
        self.skip_blanks();
        match self.peek() {
            None => Ok(Some(ms)),
            Some(_) => Err(self.wrong("text after the timestamp")),
        }
    }

    fn comment(&mut self, entry: &mut impl FnMut(Entry<'_, 'a>)) -> Result<(), Malformed> {
        self.at += 1;
        self.skip_blanks();
        let keyword = self.word();
        if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
            return Ok(());
        }
        self.skip_blanks();
        let name = self.metric_name()?;
        if !matches!(self.peek(), None | Some(b' ' | b'\t')) {
            return Err(self.wrong("expected a blank after the name"));
        }
        self.skip_blanks();
        let text = self.rest();
        match keyword {
            "HELP" => entry(Entry::Help { name, text: help(text) }),
            "UNIT" => entry(Entry::Unit { name, unit: text.trim_ascii_end() }),
            _ => {
                let kind = match text.trim_ascii_end() {
                    "counter" => Kind::Counter,
                    "gauge" => Kind::Gauge,
                    "histogram" => Kind::Histogram,
                    "summary" => Kind::Summary,
                    "untyped" | "unknown" => Kind::Untyped,
                    _ => {
                        return Err(self
                            .wrong("not a metric type")
                            .hint("a type is `counter`, `gauge`, `histogram`, `summary` or `untyped`"));
                    }
                };
                entry(Entry::Type { name, kind });
            }
        }
        Ok(())
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
fn help(text: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        let count = parse(body.as_bytes(), |entry| {
            seen.push(match entry {
                Entry::Sample(Sample { name, labels, value, timestamp_ms }) => {
                    let labels: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
                    format!("{name}{{{}}} {value} {timestamp_ms:?}", labels.join(","))
                }
                other => format!("{other:?}"),
            });
        });
        count.map(|_| seen).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_of_the_formats_documentation_reads() {
        let body = "\
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000
http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem=\"division by zero\"} +Inf -3982045

rpc_duration_seconds{quantile=\"0.01\",} NaN
";
        assert_eq!(
            read(body).unwrap(),
            [
                r#"Help { name: "http_requests_total", text: "The total number of HTTP requests." }"#,
                r#"Type { name: "http_requests_total", kind: Counter }"#,
                r#"http_requests_total{method="post",code="200"} 1027 Some(1395066363000)"#,
                r#"http_requests_total{method="post",code="400"} 3 Some(1395066363000)"#,
                r#"msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1458255915 None"#,
                r"metric_without_timestamp_and_labels{} 12.47 None",
                r#"something_weird{problem="division by zero"} inf Some(-3982045)"#,
                r#"rpc_duration_seconds{quantile="0.01"} NaN None"#,
            ]
        );
    }

    #[test]
    fn blanks_quoted_names_and_empty_values_read() {
        assert_eq!(
            read(" a\t{ b = \"1\" , c=\"\" }\t2\t3 \r\n{\"a.b\", \"c d\"=\"é\"} -Inf\n{b=\"1\",\"a.b\"} 1\na{} 0x\n")
                .unwrap_err(),
            "line 4, byte 4: not a number: `0x` (hint: a value reads `12.5`, `1e9`, `NaN`, `+Inf` or `-Inf`)"
        );
        assert_eq!(
            read(" a\t{ b = \"1\" , c=\"\" }\t2\t3 \r\n{\"a.b\", \"c d\"=\"é\"} -Inf\n#HELP x \\\\ \\n \\q\n# UNIT x ms\n#")
                .unwrap(),
            [
                r#"a{b="1"} 2 Some(3)"#,
                r#"a.b{c d="é"} -inf None"#,
                r#"Help { name: "x", text: "\\ \n \\q" }"#,
                r#"Unit { name: "x", unit: "ms" }"#
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_line_place_and_text() {
        for (line, said) in [
            ("9a 1", "line 2, byte 0: not a metric name: `9a 1` (hint: "),
            ("a", "line 2, byte 1: expected a blank or `{` after the name"),
            ("a ", "line 2, byte 2: no value (hint: "),
            ("a-b 1", "line 2, byte 1: expected a blank or `{` after the name: `-b 1`"),
            ("a 1 2 3", "line 2, byte 6: text after the timestamp: `3`"),
            ("a 1 1.5", "line 2, byte 4: not a timestamp: `1.5`"),
            ("a 1 # {x=\"y\"} 1", "line 2, byte 4: an exemplar, which this format does not have"),
            ("a{b=1} 1", "line 2, byte 4: expected a string in double quotes: `1} 1`"),
            ("a{b=\"1} 1", "line 2, byte 4: the string has no closing quote: `\"1} 1`"),
            ("a{b=\"\\t\"} 1", "line 2, byte 5: unknown escape: `\\t\"} 1` (hint: "),
            ("a{b=\"1\" c=\"2\"} 1", "line 2, byte 8: expected `,` or `}` after the label: `c=\"2\"} 1`"),
            ("a{b=\"1\",b=\"2\"} 1", "line 2, byte 14: the label is given twice: `b`"),
            ("a{__name__=\"b\"} 1", "line 2, byte 15: the label is given twice: `__name__`"),
            ("a{b:c=\"1\"} 1", "line 2, byte 3: expected `=` after the label name: `:c=\"1\"} 1`"),
            ("a{,} 1", "line 2, byte 2: not a label name"),
            ("a{b=\"1\"", "line 2, byte 7: expected `,` or `}` after the label"),
            ("{b=\"1\"} 1", "line 2, byte 0: a sample without a metric name"),
            ("\"a\" 1", "line 2, byte 0: a quoted name outside braces"),
            ("# TYPE a rate", "line 2, byte 9: not a metric type: `rate` (hint: "),
            ("# TYPE", "line 2, byte 6: not a metric name"),
        ] {
            let error = read(&format!("ok 1\n{line}\nok 2\n")).unwrap_err();
            assert!(error.starts_with(said), "{line}\n{error}\n{said}");
        }
        let error = parse(b"ok 1\na{b=\"\xff\"} 1\n", |_| {}).unwrap_err();
        assert!(error.to_string().starts_with("line 2, byte 5: not UTF-8"), "{error}");
    }

    #[test]
    fn labels_are_limited() {
        let many: Vec<String> = (0..=LABELS_MAX).map(|i| format!("l{i}=\"v\"")).collect();
        assert!(read(&format!("a{{{}}} 1", many[1..].join(","))).is_ok());
        assert!(read(&format!("a{{{}}} 1", many.join(","))).unwrap_err().contains("more than 64 labels"));
        let long = "v".repeat(LABEL_VALUE_BYTES_MAX + 1);
        assert!(read(&format!("a{{b=\"{long}\"}} 1")).unwrap_err().contains("more than 4096 bytes"));
    }
}
