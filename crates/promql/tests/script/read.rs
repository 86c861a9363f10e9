//! From a script's text to its statements.

use kernel::{Span, Timestamp};
use promql::TimeRange;

use super::series::{labels, number, values};
use super::storage::native_of_classic;
use super::{
    Eval, Expectation, Expected, ExpectedSeries, Loaded, LoadedSample, Statement, Text, Times, Written,
};

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
    line == "clear"
        || ["load ", "load_with_nhcb ", "eval ", "eval_"].iter().any(|head| line.starts_with(head))
}

fn load(interval: &str, block: &[&str], with_native: bool) -> Statement {
    let interval = span(interval);
    let mut all: Vec<Loaded> = Vec::new();
    let mut starts: Vec<Option<Span>> = Vec::new();
    for line in block {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if word.ends_with("@st") {
            starts = rest.split_whitespace().flat_map(start).collect();
            continue;
        }
        let (labels, written) = labels(line);
        let samples = values(written).into_iter().enumerate().map(|(index, value)| {
            let at = Timestamp::from_millis(0) + interval.times(index as i64);
            let start = starts.get(index).copied().flatten().map(|start| at + start);
            LoadedSample { at, start, value }
        });
        let samples: Vec<LoadedSample> = samples.collect();
        starts.clear();
        all.retain(|other| other.labels != labels);
        all.push(Loaded { labels, samples });
    }
    if with_native {
        let native = native_of_classic(&all);
        all.extend(native);
    }
    Statement::Load(all)
}

/// When counters began, as distances from their samples: `_`, `-1m`, `_x3`, `-30s-1mx2`.
fn start(word: &str) -> Vec<Option<Span>> {
    let (base, times) = match word.rsplit_once('x') {
        Some((base, times)) => (base, times.parse::<i64>().unwrap()),
        None => (word, 0),
    };
    if base == "_" {
        return vec![None; times.max(1) as usize];
    }
    let sign = base.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
    let (first, step) = match sign {
        Some((at, _)) => (signed_span(&base[..at]), signed_span(&base[at..])),
        None => (signed_span(base), Span::ZERO),
    };
    (0..=times).map(|index| Some(first + step.times(index))).collect()
}

fn signed_span(text: &str) -> Span {
    match text.strip_prefix('-') {
        Some(rest) => -span(rest),
        None => span(text.trim_start_matches('+')),
    }
}

fn eval(line: usize, command: &str, rest: &str, block: &[&str]) -> Eval {
    let mut words = Words(rest);
    let (mut times, mut step) = match words.next() {
        "instant" => {
            words.expect("at");
            (Times::Instant(Timestamp::from_millis(0) + span(words.next())), Span::from_millis(1))
        }
        _ => {
            let (range, step) = words.range();
            (Times::Range { range, step }, step)
        }
    };
    let mut start = match times {
        Times::Instant(at) => at,
        Times::Range { range, .. } => range.start,
    };
    let is_ordered = command == "eval_ordered";
    let mut eval = Eval {
        line,
        expression: words.0.trim().to_owned(),
        times,
        expected: Expected::Series(ExpectedSeries { series: Vec::new(), is_ordered }),
        annotations: Vec::new(),
    };
    match command {
        "eval_fail" => eval.expected = Expected::Failure(None),
        "eval_warn" => eval.annotations.push(Expectation::Warning(None)),
        "eval_info" => eval.annotations.push(Expectation::Info(None)),
        _ => {}
    }
    for result in block {
        if let Some(rest) = result.strip_prefix("expect range vector ") {
            let (range, each) = Words(rest).range();
            (start, step) = (range.start, each);
            times = Times::Instant(range.end);
        } else if let Some(expectation) = result.strip_prefix("expect ") {
            expect(expectation, &mut eval);
        } else if let Some(exact) = result.strip_prefix("expected_fail_message ") {
            eval.expected = Expected::Failure(Some(Text::Exact(exact.trim().to_owned())));
        } else if let Some(pattern) = result.strip_prefix("expected_fail_regexp ") {
            let regex = regex::Regex::new(pattern.trim()).unwrap();
            eval.expected = Expected::Failure(Some(Text::Matching(regex)));
        } else if let Some(value) = number(result) {
            eval.expected = Expected::Scalar(value);
        } else if let Expected::Series(expected) = &mut eval.expected {
            let (labels, written) = labels(result);
            expected.series.push((labels, points(written, start, step)));
        }
    }
    eval.times = times;
    eval
}

fn points(written: &str, start: Timestamp, step: Span) -> Vec<(Timestamp, Written)> {
    let values = values(written).into_iter().enumerate();
    let points = values.map(|(index, value)| (start + step.times(index as i64), value));
    points.filter(|(_, value)| !matches!(value, Written::Omitted)).collect()
}

fn expect(expectation: &str, eval: &mut Eval) {
    let (kind, detail) = expectation.split_once(char::is_whitespace).unwrap_or((expectation, ""));
    let detail = detail.trim();
    let text = || match detail.split_once(':') {
        Some(("msg", exact)) => Some(Text::Exact(exact.trim().to_owned())),
        Some(("regex", pattern)) => Some(Text::Matching(regex::Regex::new(pattern.trim()).unwrap())),
        _ => None,
    };
    match kind {
        "fail" => eval.expected = Expected::Failure(text()),
        "string" => eval.expected = Expected::Text(detail[1..detail.len() - 1].to_owned()),
        "ordered" => {
            if let Expected::Series(expected) = &mut eval.expected {
                expected.is_ordered = true;
            }
        }
        "warn" => eval.annotations.push(Expectation::Warning(text())),
        "info" => eval.annotations.push(Expectation::Info(text())),
        "no_warn" => eval.annotations.push(Expectation::NoWarning),
        "no_info" => eval.annotations.push(Expectation::NoInfo),
        _ => panic!("`expect {expectation}` is not an expectation"),
    }
}

struct Words<'t>(&'t str);

impl<'t> Words<'t> {
    fn next(&mut self) -> &'t str {
        let (word, rest) = self.0.trim_start().split_once(char::is_whitespace).unwrap_or((self.0.trim(), ""));
        self.0 = rest;
        word
    }

    fn expect(&mut self, word: &str) {
        assert_eq!(self.next(), word, "in `{}`", self.0);
    }

    /// `from 0 to 5m step 1m`
    fn range(&mut self) -> (TimeRange, Span) {
        self.expect("from");
        let start = Timestamp::from_millis(0) + span(self.next());
        self.expect("to");
        let end = Timestamp::from_millis(0) + span(self.next());
        self.expect("step");
        (TimeRange::new(start, end), span(self.next()))
    }
}

fn span(text: &str) -> Span {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(secs) => Span::from_millis((secs * 1000.0) as i64),
        Err(_) => text.parse().unwrap_or_else(|error| panic!("{error}")),
    }
}
