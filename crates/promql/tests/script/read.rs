//! From a script's text to its statements.

use kernel::{Labels, Span, Timestamp};
use promql::{METRIC_NAME, STALE_NAN, TimeRange};

use super::{Eval, Expected, Loaded, Statement, Times};

/// The statements of a script. Panics where it is not in the language, naming the line.
pub(crate) fn read(script: &str) -> Vec<Statement> {
    let lines: Vec<&str> =
        script.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut statements = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let head = lines[at];
        let number = at + 1;
        at += 1;
        if head.is_empty() {
            continue;
        }
        let length = lines[at..].iter().position(|line| line.is_empty() || is_head(line));
        let block = &lines[at..at + length.unwrap_or(lines.len() - at)];
        at += block.len();
        let (command, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
        statements.push(match command {
            "clear" => Statement::Clear,
            "load" | "load_with_nhcb" => load(rest, block, command == "load_with_nhcb"),
            _ if command.starts_with("eval") => Statement::Eval(eval(number, command, rest, block)),
            _ => panic!("line {number}: `{head}` is not a statement"),
        });
    }
    statements
}

fn is_head(line: &str) -> bool {
    ["clear", "load ", "load_with_nhcb ", "eval ", "eval_"].iter().any(|head| line.starts_with(head))
}

fn load(interval: &str, block: &[&str], with_native: bool) -> Statement {
    let interval = span(interval);
    let mut all = Vec::new();
    for line in block {
        let (labels, values) = series(line);
        let is_native = values.contains("{{");
        let samples =
            if is_native { Vec::new() } else { points(values, Timestamp::from_millis(0), interval) };
        let native = labels.get(METRIC_NAME).and_then(|name| name.strip_suffix("_bucket"));
        if let Some(name) = native.filter(|_| with_native) {
            let labels = labels.with(METRIC_NAME, name).with("le", "");
            all.push(Loaded { labels, samples: Vec::new(), is_native: true });
        }
        all.push(Loaded { labels, samples, is_native });
    }
    Statement::Load(all)
}

fn eval(line: usize, command: &str, rest: &str, block: &[&str]) -> Eval {
    let mut words = Words(rest);
    let (times, step) = match words.next() {
        "instant" => {
            words.expect("at");
            (Times::Instant(Timestamp::from_millis(0) + span(words.next())), Span::from_millis(1))
        }
        _ => {
            words.expect("from");
            let start = Timestamp::from_millis(0) + span(words.next());
            words.expect("to");
            let end = Timestamp::from_millis(0) + span(words.next());
            words.expect("step");
            let step = span(words.next());
            (Times::Range { range: TimeRange::new(start, end), step }, step)
        }
    };
    let start = match times {
        Times::Instant(at) => at,
        Times::Range { range, .. } => range.start,
    };
    let mut expected = Expected::Series { series: Vec::new(), ordered: command == "eval_ordered" };
    if command == "eval_fail" {
        expected = Expected::Failure(None);
    }
    for result in block {
        if let Some(expectation) = result.strip_prefix("expect ") {
            expect(expectation, &mut expected);
        } else if let Some(part) = result.strip_prefix("expected_fail_message ") {
            expected = Expected::Failure(Some(part.to_owned()));
        } else if result.contains("{{") {
        } else if let Some(value) = number(result) {
            expected = Expected::Scalar(value);
        } else if let Expected::Series { series: all, .. } = &mut expected {
            let (labels, values) = series(result);
            all.push((labels, points(values, start, step)));
        }
    }
    let mentions_native = block.iter().any(|line| line.contains("{{"));
    Eval { line, expression: words.0.trim().to_owned(), times, expected, mentions_native }
}

fn expect(expectation: &str, expected: &mut Expected) {
    let (kind, detail) = expectation.split_once(char::is_whitespace).unwrap_or((expectation, ""));
    match kind {
        "fail" => {
            *expected = Expected::Failure(detail.trim().strip_prefix("msg:").map(|m| m.trim().to_owned()))
        }
        "string" => {
            let detail = detail.trim();
            *expected = Expected::Text(detail[1..detail.len() - 1].to_owned());
        }
        "ordered" => {
            if let Expected::Series { ordered, .. } = expected {
                *ordered = true;
            }
        }
        "warn" | "info" | "no_warn" | "no_info" => {}
        _ => panic!("`expect {expectation}` is not an expectation"),
    }
}

struct Words<'t>(&'t str);

impl<'t> Words<'t> {
    fn next(&mut self) -> &'t str {
        let (word, rest) = self.0.trim_start().split_once(char::is_whitespace).unwrap_or((self.0, ""));
        self.0 = rest;
        word
    }

    fn expect(&mut self, word: &str) {
        assert_eq!(self.next(), word, "in `{}`", self.0);
    }
}

fn span(text: &str) -> Span {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(secs) => Span::from_millis((secs * 1000.0) as i64),
        Err(_) => text.parse().unwrap_or_else(|error| panic!("{error}")),
    }
}

/// `name{label="value"} values`; the name may be left out, and may stand in the braces.
fn series(line: &str) -> (Labels, &str) {
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    let mut pairs = vec![(METRIC_NAME.to_owned(), line[..name_end].to_owned())];
    let mut rest = line[name_end..].trim_start();
    if let Some(inner) = rest.strip_prefix('{').filter(|_| !rest.starts_with("{{")) {
        rest = inner;
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (name, value) = rest.split_once('=').unwrap_or_else(|| panic!("`{line}` is not a series"));
            let value = value.trim_start().strip_prefix('"').expect("a label's value is quoted");
            let end = value.find('"').expect("a quote is closed");
            pairs.push((name.trim().to_owned(), value[..end].to_owned()));
            rest = &value[end + 1..];
        }
    }
    pairs.retain(|(_, value)| !value.is_empty());
    (Labels::new(pairs).unwrap_or_else(|error| panic!("`{line}`: {error}")), rest.trim())
}

/// `1`, `_`, `stale`, `0+10x10`, `5x3`, `_x5`: values one interval apart.
fn points(values: &str, start: Timestamp, interval: Span) -> Vec<(Timestamp, f64)> {
    let mut points = Vec::new();
    let mut at = start;
    let mut push = |value: Option<f64>| {
        points.extend(value.map(|value| (at, value)));
        at += interval;
    };
    for word in values.split_whitespace() {
        let (base, times) = match word.rsplit_once('x') {
            Some((base, times)) => (base, times.parse::<usize>().expect("a count follows `x`")),
            None => (word, 0),
        };
        if base == "_" {
            (0..times.max(1)).for_each(|_| push(None));
        } else if base == "stale" {
            push(Some(STALE_NAN));
        } else {
            let (first, step) = progression(base);
            (0..=times).for_each(|i| push(Some(first + step * i as f64)));
        }
    }
    points
}

/// `10+2` is a first value and what is added from value to value.
fn progression(text: &str) -> (f64, f64) {
    if let Some(value) = number(text) {
        return (value, 0.0);
    }
    let signs = text.char_indices().skip(1).filter(|(_, c)| matches!(c, '+' | '-'));
    signs
        .filter_map(|(at, _)| Some((number(&text[..at])?, number(&text[at..])?)))
        .next()
        .unwrap_or_else(|| panic!("`{text}` is not a value"))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}
