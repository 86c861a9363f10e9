//! Native histograms as Prometheus's tests write them: `{{schema:1 sum:3 count:5 buckets:[2 3] offset:-1}}`.

use promql::{
    BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, SCHEMA_MAX, SCHEMA_MIN,
};

/// A histogram as it is written: one run of buckets for each sign.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Literal {
    schema: i8,
    sum: f64,
    count: f64,
    zero_count: f64,
    zero_threshold: f64,
    positive: Run,
    negative: Run,
    custom_bounds: Vec<f64>,
    hint: CounterResetHint,
}

/// Buckets that follow each other.
#[derive(Debug, Clone, PartialEq, Default)]
struct Run {
    offset: i32,
    counts: Vec<f64>,
}

impl Literal {
    /// Reads one at the start of a text; what follows it.
    pub(super) fn read(text: &str) -> Result<(Self, &str), String> {
        let inner = text.strip_prefix("{{").ok_or("`{{` is expected")?;
        let (inner, rest) = inner.split_once("}}").ok_or("`}}` is missing")?;
        let mut literal = Self::default();
        let mut inner = inner.trim();
        while !inner.is_empty() {
            let (key, after) = inner.split_once(':').ok_or_else(|| format!("`{inner}` is no `key:value`"))?;
            let after = after.trim_start();
            let end = match after.strip_prefix('[') {
                Some(list) => list.find(']').ok_or("`]` is missing")? + 2,
                None => after.find(char::is_whitespace).unwrap_or(after.len()),
            };
            literal.set(key.trim(), &after[..end])?;
            inner = after[end..].trim_start();
        }
        let is_known = (SCHEMA_MIN..=SCHEMA_MAX).contains(&literal.schema);
        if !is_known && literal.schema != CUSTOM_BUCKETS_SCHEMA {
            return Err(format!("there is no schema {}", literal.schema));
        }
        Ok((literal, rest))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("`{value}` is no value of `{key}`");
        let float = || value.parse::<f64>().map_err(|_| wrong());
        let whole = || value.parse::<i32>().map_err(|_| wrong());
        let list = || -> Result<Vec<f64>, String> {
            let inner = value.strip_prefix('[').and_then(|v| v.strip_suffix(']')).ok_or_else(wrong)?;
            inner.split_whitespace().map(|number| number.parse().map_err(|_| wrong())).collect()
        };
        match key {
            "schema" => self.schema = value.parse().map_err(|_| wrong())?,
            "sum" => self.sum = float()?,
            "count" => self.count = float()?,
            "z_bucket" => self.zero_count = float()?,
            "z_bucket_w" => self.zero_threshold = float()?,
            "buckets" => self.positive.counts = list()?,
            "offset" => self.positive.offset = whole()?,
            "n_buckets" => self.negative.counts = list()?,
            "n_offset" => self.negative.offset = whole()?,
            "custom_values" => self.custom_bounds = list()?,
            "counter_reset_hint" => {
                self.hint = match value {
                    "unknown" => CounterResetHint::Unknown,
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    _ => return Err(wrong()),
                }
            }
            _ => return Err(format!("a histogram has no `{key}`")),
        }
        Ok(())
    }

    /// With another one added, or taken away.
    pub(super) fn plus(&self, other: &Self, sign: f64) -> Result<Self, String> {
        let same = self.schema == other.schema
            && self.custom_bounds == other.custom_bounds
            && self.zero_threshold == other.zero_threshold;
        if !same {
            return Err("not supported yet: histograms of different buckets in one series".to_owned());
        }
        Ok(Self {
            sum: self.sum + sign * other.sum,
            count: self.count + sign * other.count,
            zero_count: self.zero_count + sign * other.zero_count,
            positive: self.positive.plus(&other.positive, sign),
            negative: self.negative.plus(&other.negative, sign),
            ..self.clone()
        })
    }

    pub(super) fn histogram(&self) -> Histogram {
        Histogram {
            counter_reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            positive: self.positive.buckets(),
            negative: self.negative.buckets(),
            custom_bounds: self.custom_bounds.clone().into(),
        }
    }
}

impl Run {
    fn plus(&self, other: &Self, sign: f64) -> Self {
        if other.counts.is_empty() {
            return self.clone();
        }
        let end = |run: &Self| run.offset.saturating_add(i32::try_from(run.counts.len()).unwrap_or(i32::MAX));
        let first = if self.counts.is_empty() { other.offset } else { self.offset.min(other.offset) };
        let last = if self.counts.is_empty() { end(other) } else { end(self).max(end(other)) };
        let at = |run: &Self, index: i32| {
            usize::try_from(index - run.offset).ok().and_then(|place| run.counts.get(place)).copied()
        };
        let counts = (first..last)
            .map(|index| at(self, index).unwrap_or(0.0) + sign * at(other, index).unwrap_or(0.0));
        Self { offset: first, counts: counts.collect() }
    }

    fn buckets(&self) -> Buckets {
        if self.counts.is_empty() {
            return Buckets::default();
        }
        let length = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
        Buckets { spans: vec![BucketSpan { offset: self.offset, length }], counts: self.counts.clone() }
    }
}

/// A histogram as tests write it, with empty buckets at both ends left out, so that equal ones have equal texts.
pub(super) fn text(histogram: &Histogram) -> String {
    let mut parts = Vec::new();
    let mut number = |name: &str, value: f64| {
        if value != 0.0 {
            parts.push(format!("{name}:{value}"));
        }
    };
    number("schema", f64::from(histogram.schema));
    number("count", histogram.count);
    number("sum", histogram.sum);
    number("z_bucket", histogram.zero_count);
    if histogram.zero_count != 0.0 {
        number("z_bucket_w", histogram.zero_threshold);
    }
    if !histogram.custom_bounds.is_empty() {
        parts.push(format!("custom_values:{}", list(&histogram.custom_bounds)));
    }
    let hint = match histogram.counter_reset_hint {
        CounterResetHint::Unknown => None,
        CounterResetHint::Reset => Some("reset"),
        CounterResetHint::NotReset => Some("not_reset"),
        CounterResetHint::Gauge => Some("gauge"),
    };
    parts.extend(hint.map(|hint| format!("counter_reset_hint:{hint}")));
    for (prefix, buckets) in [("", &histogram.positive), ("n_", &histogram.negative)] {
        let run = run(buckets);
        if run.counts.is_empty() {
            continue;
        }
        if run.offset != 0 {
            parts.push(format!("{prefix}offset:{}", run.offset));
        }
        parts.push(format!("{prefix}buckets:{}", list(&run.counts)));
    }
    format!("{{{{{}}}}}", parts.join(" "))
}

fn list(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(f64::to_string).collect();
    format!("[{}]", values.join(" "))
}

/// Buckets of all spans as one run, from the first to the last that is not empty.
fn run(buckets: &Buckets) -> Run {
    let mut all = Run::default();
    let (mut at, mut counts) = (0_i32, buckets.counts.iter());
    for span in &buckets.spans {
        at = at.saturating_add(span.offset);
        for _ in 0..span.length {
            let count = counts.next().copied().unwrap_or(0.0);
            if count != 0.0 {
                let place = all.counts.is_empty().then_some(at);
                all.offset = place.unwrap_or(all.offset);
                let missing = at - all.offset - i32::try_from(all.counts.len()).unwrap_or(0);
                all.counts.extend(std::iter::repeat_n(0.0, usize::try_from(missing).unwrap_or(0)));
                all.counts.push(count);
            }
            at = at.saturating_add(1);
        }
    }
    all
}
