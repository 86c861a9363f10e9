//! Series as scripts write them: `name{label="value"} 1 2+3x4 _ stale {{schema:0 count:2 buckets:[1 1]}}`.

use std::sync::Arc;

use kernel::{Labels, Timestamp};
use promql::in_memory::InMemory;
use promql::{
    BucketSpan, Buckets, CounterResetHint, Engine, Histogram, METRIC_NAME, Plan, QueryResult, STALE_NAN,
    Value, never_cancelled,
};

use super::Written;

/// The labels, and what follows them. The name may be left out, and may stand in the braces.
pub(crate) fn labels(line: &str) -> (Labels, &str) {
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    let mut pairs = vec![(METRIC_NAME.to_owned(), line[..name_end].to_owned())];
    let mut rest = &line[name_end..];
    if let Some(inner) = rest.strip_prefix('{').filter(|_| !rest.starts_with("{{")) {
        rest = inner;
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let name = if rest.starts_with(['"', '\'']) {
                quoted(&mut rest)
            } else {
                let end = rest.find(['=', ' ']).unwrap_or_else(|| panic!("`{line}` is not a series"));
                let name = rest[..end].to_owned();
                rest = &rest[end..];
                name
            };
            rest = rest.trim_start();
            match rest.strip_prefix('=') {
                Some(value) => {
                    rest = value.trim_start();
                    pairs.push((name, quoted(&mut rest)));
                }
                None => pairs.push((METRIC_NAME.to_owned(), name)),
            }
        }
    }
    pairs.retain(|(_, value)| !value.is_empty());
    (Labels::new(pairs).unwrap_or_else(|error| panic!("`{line}`: {error}")), rest.trim())
}

fn quoted(rest: &mut &str) -> String {
    let quote = rest.chars().next().unwrap();
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next().unwrap().1 {
                'n' => text.push('\n'),
                other => text.push(other),
            },
            c if c == quote => {
                *rest = &rest[at + 1..];
                return text;
            }
            c => text.push(c),
        }
    }
    panic!("`{rest}` is not closed");
}

/// Values with one interval between them.
pub(crate) fn values(text: &str) -> Vec<Written> {
    words(text).iter().flat_map(|word| value(word)).collect()
}

/// Words between white space that is not in double braces.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut depth) = (String::new(), 0);
    for c in text.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c.is_whitespace() && depth == 0 {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(c);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn value(word: &str) -> Vec<Written> {
    if word.starts_with("{{") {
        return histograms(word);
    }
    let (base, times) = match word.rsplit_once('x').filter(|(_, times)| times.parse::<usize>().is_ok()) {
        Some((base, times)) => (base, times.parse::<usize>().unwrap()),
        None => (word, 0),
    };
    if base == "_" {
        return vec![Written::Omitted; times.max(1)];
    }
    let (first, step) = if base == "stale" { (STALE_NAN, 0.0) } else { progression(base) };
    // Added up step by step, as Prometheus does.
    let mut value = first;
    let mut all = Vec::new();
    for _ in 0..=times {
        all.push(Written::Float(value));
        if step != 0.0 {
            value += step;
        }
    }
    all
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

pub(crate) fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match digits.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()? as f64,
        None => digits.parse().ok()?,
    };
    Some(sign * value)
}

/// `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`.
fn histograms(word: &str) -> Vec<Written> {
    let end = word.find("}}").unwrap() + 2;
    let (base, has_hint) = histogram(&word[..end]);
    let rest = &word[end..];
    if rest.is_empty() {
        return vec![Written::Histogram(base, has_hint)];
    }
    if let Some(times) = rest.strip_prefix('x') {
        return vec![Written::Histogram(base, has_hint); times.parse::<usize>().unwrap() + 1];
    }
    let operator = &rest[..1];
    let end = rest.find("}}").unwrap() + 2;
    let (step, has_hint) = histogram(&rest[1..end]);
    let times: usize = rest[end..].strip_prefix('x').unwrap().parse().unwrap();
    let mut all = vec![Written::Histogram(base.clone(), has_hint)];
    let mut current = base;
    for _ in 0..times {
        current = combined(&current, operator, &step);
        all.push(Written::Histogram(current.clone(), has_hint));
    }
    all
}

/// By the engine itself, whose arithmetic its own scripts test.
fn combined(a: &Histogram, operator: &str, b: &Histogram) -> Histogram {
    let mut source = InMemory::new();
    let at = Timestamp::from_secs(0);
    for (name, histogram) in [("a", a), ("b", b)] {
        let labels = Labels::new([(METRIC_NAME, name)]).unwrap();
        source.push_histogram(&labels, at, histogram.clone(), None);
    }
    let plan = Plan::parse(&format!("a {operator} b")).unwrap();
    let QueryResult::Vector(samples) =
        Engine::default().instant(&plan, &source, at, &never_cancelled).unwrap()
    else {
        panic!("an operator gives a vector")
    };
    let Value::Histogram(result) = &samples[0].2 else { panic!("histograms give a histogram") };
    let mut result = (**result).clone();
    if operator == "-" {
        result.counter_reset_hint = a.counter_reset_hint;
    }
    result
}

/// A histogram, and whether it says something of resets.
fn histogram(text: &str) -> (Histogram, bool) {
    let mut histogram = Histogram {
        counter_reset_hint: CounterResetHint::Unknown,
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        positive: Buckets::default(),
        negative: Buckets::default(),
        custom_bounds: Arc::default(),
    };
    let (mut offset, mut negative_offset, mut has_hint) = (0, 0, false);
    let mut rest = text.trim_start_matches("{{").trim_end_matches("}}").trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').unwrap_or_else(|| panic!("`{text}` is not a histogram"));
        let after = after.trim_start();
        let end = if after.starts_with('[') {
            after.find(']').unwrap() + 1
        } else {
            after.find(char::is_whitespace).unwrap_or(after.len())
        };
        let (written, remaining) = after.split_at(end);
        rest = remaining.trim_start();
        let one = || number(written).unwrap_or_else(|| panic!("`{written}` in `{text}`"));
        let list = || -> Vec<f64> {
            let inner = written.trim_matches(['[', ']']);
            inner.split_whitespace().map(|word| number(word).unwrap()).collect()
        };
        match key.trim() {
            "schema" => histogram.schema = one() as i8,
            "sum" => histogram.sum = one(),
            "count" => histogram.count = one(),
            "z_bucket" => histogram.zero_count = one(),
            "z_bucket_w" => histogram.zero_threshold = one(),
            "custom_values" => histogram.custom_bounds = list().into(),
            "buckets" => histogram.positive.counts = list(),
            "n_buckets" => histogram.negative.counts = list(),
            "offset" => offset = one() as i32,
            "n_offset" => negative_offset = one() as i32,
            "counter_reset_hint" => {
                has_hint = true;
                histogram.counter_reset_hint = match written {
                    "unknown" => CounterResetHint::Unknown,
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    other => panic!("`{other}` is not a hint"),
                };
            }
            other => panic!("`{other}` in `{text}`"),
        }
    }
    for (side, offset) in [(&mut histogram.positive, offset), (&mut histogram.negative, negative_offset)] {
        if !side.counts.is_empty() {
            side.spans = vec![BucketSpan { offset, length: side.counts.len() as u32 }];
        }
    }
    (histogram, has_hint)
}
