//! OpenMetrics text: like the Prometheus text format, with one way to write everything, exemplars, and an end.
//!
//! Times are seconds. The body ends with `# EOF`, so that half of it is known to be half.

use std::borrow::Cow;

use super::cursor::{Cursor, text_of};
use super::family::Families;
use super::{Entry, Exemplar, Label, Rules, Sample, number};
use crate::limits::EXEMPLAR_CHARS_MAX;
use crate::{Format, Kind, Malformed};

/// Reads a whole body; how many samples it had.
pub(super) fn parse<'a>(
    body: &'a [u8],
    rules: Rules,
    mut entry: impl FnMut(Entry<'_, 'a>),
) -> Result<u64, Malformed> {
    let text = text_of(body, Format::OpenMetrics)?;
    let mut reader =
        Reader { labels: Vec::new(), families: (rules == Rules::Strict).then(Families::default) };
    let (mut samples, mut kind) = (0, Kind::Unknown);
    let mut lines = text.split('\n').zip(1_u64..);
    while let Some((line, number)) = lines.next() {
        let mut cursor = Cursor { line, at: 0, format: Format::OpenMetrics, kind };
        let read = match line {
            "# EOF" => {
                let rest = lines.next();
                if rest.is_some_and(|(line, _)| !line.is_empty()) || lines.next().is_some() {
                    return Err(cursor.wrong("text after `# EOF`").in_line(number + 1));
                }
                reader.finish(&cursor).map_err(|error| error.in_line(number))?;
                return Ok(samples);
            }
            "" if lines.clone().next().is_none() => break,
            "" => Err(cursor.wrong("an empty line").hint("OpenMetrics has none")),
            _ if line.starts_with('#') => reader.descriptor(&mut cursor, &mut entry),
            _ => {
                samples += 1;
                reader.sample(&mut cursor, &mut entry)
            }
        };
        read.map_err(|error| error.in_line(number))?;
        kind = cursor.kind;
    }
    let lines = memchr::memchr_iter(b'\n', body).count() as u64 + 1;
    Err(Malformed::new(Format::OpenMetrics, 0, b"", "the body does not end with `# EOF`")
        .hint("it may be cut; if it is whole, its last line has to read `# EOF`")
        .in_line(lines))
}

struct Reader<'a> {
    labels: Vec<Label<'a>>,
    families: Option<Families>,
}

impl<'a> Reader<'a> {
    fn descriptor(
        &mut self,
        cursor: &mut Cursor<'a>,
        entry: &mut impl FnMut(Entry<'_, 'a>),
    ) -> Result<(), Malformed> {
        cursor.at = 1;
        one_space(cursor)?;
        let keyword = cursor.word();
        if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
            cursor.at = 0;
            return Err(cursor
                .wrong("a comment that is none of `HELP`, `TYPE`, `UNIT` and `EOF`")
                .hint("OpenMetrics has no other comments"));
        }
        one_space(cursor)?;
        let name_at = cursor.at;
        let name = cursor.metric_name()?;
        one_space(cursor)?;
        let text = cursor.rest();
        if let Some(families) = &mut self.families {
            families.describe(cursor, name_at, keyword, &name, text)?;
        }
        match keyword {
            "HELP" => entry(Entry::Help { name, text: unescaped(text) }),
            "UNIT" => {
                if !is_unit_of(&name, text) {
                    return Err(cursor
                        .wrong("the unit does not end the metric's name")
                        .hint(format!("the metric would be called `{name}_{text}`")));
                }
                entry(Entry::Unit { name, unit: Cow::Borrowed(text) });
            }
            _ => {
                let Some(kind) = Kind::named(text) else {
                    return Err(cursor.wrong("not a metric type").hint(
                        "a type is `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, \
                         `stateset` or `unknown`",
                    ));
                };
                cursor.kind = kind;
                entry(Entry::Type { name, kind });
            }
        }
        Ok(())
    }

    fn sample(
        &mut self,
        cursor: &mut Cursor<'a>,
        entry: &mut impl FnMut(Entry<'_, 'a>),
    ) -> Result<(), Malformed> {
        let name = cursor.series(&mut self.labels)?;
        one_space(cursor)?;
        let value_at = cursor.at;
        let value = cursor.value()?;
        let timestamp_ms = timestamp(cursor)?;
        let exemplar_at = cursor.at;
        let exemplar = exemplar(cursor)?;
        if cursor.peek().is_some() {
            return Err(cursor.wrong("text after the sample"));
        }
        let sample =
            Sample { name: &name, labels: &self.labels, value, timestamp_ms, exemplar: exemplar.as_ref() };
        if let Some(families) = &mut self.families {
            families.sample(cursor, value_at, exemplar_at, &sample)?;
        }
        entry(Entry::Sample(sample));
        Ok(())
    }

    fn finish(&mut self, cursor: &Cursor<'_>) -> Result<(), Malformed> {
        self.families.as_mut().map_or(Ok(()), |families| families.finish(cursor))
    }
}

fn one_space(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.takes(b' ') && !matches!(cursor.peek(), Some(b' ' | b'\t')) {
        return Ok(());
    }
    Err(cursor.wrong("expected one space").hint("OpenMetrics separates by exactly one space"))
}

/// A time in seconds after one space, where the line goes on with one.
fn timestamp(cursor: &mut Cursor<'_>) -> Result<Option<i64>, Malformed> {
    if cursor.peek().is_none() || cursor.rest().starts_with(" # ") {
        return Ok(None);
    }
    one_space(cursor)?;
    let at = cursor.at;
    let word = cursor.word();
    number::seconds_as_ms(word).map(Some).ok_or_else(|| {
        Malformed::new(Format::OpenMetrics, at, word.as_bytes(), "not a timestamp")
            .hint("a timestamp is a number of seconds since 1970, possibly with a fraction")
    })
}

fn exemplar<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Exemplar<'a>>, Malformed> {
    if !cursor.rest().starts_with(" # ") {
        return Ok(None);
    }
    cursor.at += 3;
    let at = cursor.at;
    if !cursor.takes(b'{') {
        return Err(cursor.wrong("expected `{` at the beginning of an exemplar"));
    }
    let mut labels = Vec::new();
    // A label name that stands alone in quotes names a metric, which an exemplar has not.
    let mut metric = Some(Cow::Borrowed(""));
    cursor.label_set(&mut metric, &mut labels)?;
    let chars: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if chars > EXEMPLAR_CHARS_MAX {
        cursor.at = at;
        return Err(cursor.wrong("an exemplar with more than 128 characters of labels"));
    }
    one_space(cursor)?;
    let value = cursor.value()?;
    let timestamp_ms = timestamp(cursor)?;
    Ok(Some(Exemplar { labels, value, timestamp_ms }))
}

/// Whether `unit` is empty or ends the name after an underscore.
fn is_unit_of(name: &str, unit: &str) -> bool {
    unit.is_empty() || name.strip_suffix(unit).is_some_and(|before| before.ends_with('_'))
}

/// A help text with `\\`, `\n` and `\"` undone; a backslash before anything else stays.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('\\' | 'n' | '"'))) => {
                plain.push(if next == 'n' { '\n' } else { next });
                chars.next();
            }
            _ => plain.push(c),
        }
    }
    Cow::Owned(plain)
}
