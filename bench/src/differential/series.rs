//! Random series on which servers are compared: gaps, resets, staleness, native histograms.
//!
//! Floats are multiples of a quarter and counters are whole, so that sums are exact in any order and a difference is
//! never one of rounding; `ratio` alone has values that are not. Half of the series have samples at whole steps, where
//! the ends of windows are decided, the others beside them.

use crate::chance::Chance;
use crate::wire::{Body, Buckets, Histogram, ResetHint, Value, labels};

/// Between two samples.
pub(super) const STEP_MS: i64 = 15_000;
/// Samples of a series without gaps: two hours.
pub(super) const STEPS: i64 = 480;
/// Prometheus's staleness marker.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// Bytes of a body before compression.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What the samples of a series are like.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Counter,
    Gauge,
    /// Of zero to one, not exact.
    Ratio,
    /// NaN and infinities among them.
    Odd,
    /// Always this.
    Constant(f64),
    /// Seconds since 1970.
    Time,
    Exponential,
    ExponentialGauge,
    Custom,
    /// Floats first, histograms then, by turns.
    Mixed,
}

struct Series {
    labels: Vec<(String, String)>,
    shape: Shape,
    samples: Vec<(i64, Value)>,
}

const JOBS: [&str; 3] = ["api", "db", "web"];
const INSTANCES: [&str; 4] = ["a:1", "b:1", "c:2", "d:2"];
/// Of native histograms: coarse ones, usual ones, and the finest.
const SCHEMAS: [i32; 7] = [-1, 0, 1, 2, 3, 5, 8];
const BOUNDS: [f64; 6] = [0.25, 0.5, 1.0, 2.5, 10.0, f64::INFINITY];

/// Bodies in the order in which they have to be sent.
pub(super) fn bodies(seed: u64, origin_ms: i64, floats_only: bool) -> Result<Vec<Vec<u8>>, snap::Error> {
    let mut chance = Chance::new(seed);
    let mut all = families();
    for (index, series) in all.iter_mut().enumerate() {
        let beside = if index % 2 == 0 { 0 } else { i64::try_from(chance.below(14_999)).unwrap_or(0) + 1 };
        series.samples = samples(series.shape, origin_ms + beside, &mut chance);
    }
    all.extend(classic(&mut chance, origin_ms));
    if floats_only {
        all.iter_mut()
            .for_each(|series| series.samples.retain(|(_, value)| matches!(value, Value::Float(_))));
    }
    // In slices of ten minutes, so that servers see times grow.
    let mut bodies = Vec::new();
    for slice in 0..STEPS / 40 {
        let (from, to) = (origin_ms + slice * 40 * STEP_MS, origin_ms + (slice + 1) * 40 * STEP_MS);
        let mut body = Body::default();
        for series in &all {
            let within: Vec<_> =
                series.samples.iter().filter(|(at, _)| (from..to).contains(at)).cloned().collect();
            if !within.is_empty() {
                let pairs = series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                body.series(&labels(pairs), &within);
            }
            if body.len() > BODY_BYTES_MAX {
                bodies.push(std::mem::take(&mut body).compressed()?);
            }
        }
        bodies.push(body.compressed()?);
    }
    Ok(bodies)
}

fn series(name: &str, pairs: &[(&str, &str)], shape: Shape) -> Series {
    let mut labels: Vec<(String, String)> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    labels.push(("__name__".to_owned(), name.to_owned()));
    labels.sort();
    Series { labels, shape, samples: Vec::new() }
}

/// All but the classic histograms. Which metrics have which labels is what the grammar rests on.
fn families() -> Vec<Series> {
    let mut all = Vec::new();
    for job in JOBS {
        all.push(series("limit", &[("job", job)], Shape::Gauge));
        for instance in INSTANCES {
            let pairs = [("job", job), ("instance", instance)];
            for (name, shape) in [
                ("temperature", Shape::Gauge),
                ("load", Shape::Gauge),
                ("ratio", Shape::Ratio),
                ("odd", Shape::Odd),
                ("born_seconds", Shape::Time),
                ("latency", Shape::Exponential),
                ("latency_now", Shape::ExponentialGauge),
                ("sizes", Shape::Custom),
                ("mixed", Shape::Mixed),
            ] {
                all.push(series(name, &pairs, shape));
            }
            let version = if job == "db" { "1.2" } else { "2.0" };
            let about = [("job", job), ("instance", instance), ("version", version)];
            all.push(series("target_info", &about, Shape::Constant(1.0)));
            for code in ["200", "404", "500"] {
                let pairs = [("job", job), ("instance", instance), ("code", code)];
                all.push(series("requests_total", &pairs, Shape::Counter));
                all.push(series("errors_total", &pairs, Shape::Counter));
            }
        }
    }
    all
}

/// Walks the steps; gaps begin with a marker every other time, and some are longer than the lookback.
fn samples(shape: Shape, first_ms: i64, chance: &mut Chance) -> Vec<(i64, Value)> {
    let mut state = State::new(shape, chance);
    let (mut all, mut gap) = (Vec::new(), 0);
    for step in 0..STEPS {
        let at_ms = first_ms + step * STEP_MS;
        state.advance(chance, at_ms);
        if gap > 0 {
            gap -= 1;
        } else if !matches!(shape, Shape::Constant(_)) && chance.below(1000) < 8 {
            gap = chance.below(40);
            if chance.percent(50) {
                all.push((at_ms, state.stale(step)));
            }
        } else {
            all.push((at_ms, state.value(step)));
        }
    }
    all
}

struct State {
    shape: Shape,
    level: f64,
    histogram: Histogram,
}

impl State {
    fn new(shape: Shape, chance: &mut Chance) -> Self {
        let mut histogram = Histogram::default();
        match shape {
            Shape::Custom => {
                histogram.schema = -53;
                histogram.custom = BOUNDS[..5].to_vec();
                histogram.positive = Buckets { offset: 0, counts: vec![0; 6] };
            }
            Shape::Exponential | Shape::ExponentialGauge | Shape::Mixed => {
                histogram.schema = chance.pick(&SCHEMAS);
                histogram.zero_threshold = 0.001;
                histogram.positive = Buckets { offset: -2, counts: vec![0; 8] };
                if chance.percent(50) {
                    histogram.negative = Buckets { offset: 0, counts: vec![0; 3] };
                }
            }
            _ => {}
        }
        if matches!(shape, Shape::ExponentialGauge) {
            histogram.hint = ResetHint::Gauge;
        }
        let level = chance.below(4000) as f64 / 4.0;
        Self { shape, level: if let Shape::Constant(value) = shape { value } else { level }, histogram }
    }

    fn advance(&mut self, chance: &mut Chance, at_ms: i64) {
        let reset = chance.below(100) == 0;
        match self.shape {
            Shape::Counter => {
                self.level = if reset { 0.0 } else { self.level.floor() } + chance.below(30) as f64
            }
            Shape::Gauge => self.level += (chance.below(201) as f64 - 100.0) / 4.0,
            Shape::Ratio => self.level = chance.below(1_000_003) as f64 / 1_000_003.0,
            Shape::Odd => {
                // Nothing subnormal: Go's logarithm, and so its powers, takes such numbers for others on amd64.
                let strange = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 1e-290];
                self.level = if chance.percent(30) { chance.pick(&strange) } else { chance.below(64) as f64 };
            }
            Shape::Time => self.level = (at_ms / 1000) as f64 - chance.below(40_000_000) as f64,
            Shape::Constant(_) => {}
            Shape::Mixed => {
                self.level = self.level.floor() + chance.below(30) as f64;
                self.observe(chance, reset);
            }
            Shape::Exponential | Shape::ExponentialGauge | Shape::Custom => self.observe(chance, reset),
        }
    }

    /// Observations of one step; a gauge forgets the earlier ones.
    fn observe(&mut self, chance: &mut Chance, reset: bool) {
        let value = &mut self.histogram;
        if reset || matches!(self.shape, Shape::ExponentialGauge) {
            value.positive.counts.iter_mut().chain(&mut value.negative.counts).for_each(|count| *count = 0);
            (value.zero_count, value.sum) = (0, 0.0);
        }
        for count in value.positive.counts.iter_mut().chain(&mut value.negative.counts) {
            if chance.percent(40) {
                *count += chance.below(5);
            }
        }
        if value.schema >= 0 {
            value.zero_count += chance.below(2);
        }
        value.sum += chance.below(400) as f64 / 4.0;
        let counts = value.positive.counts.iter().chain(&value.negative.counts);
        value.count = value.zero_count + counts.sum::<u64>();
    }

    /// Whether the sample of this step is a histogram.
    fn is_histogram(&self, step: i64) -> bool {
        match self.shape {
            Shape::Exponential | Shape::ExponentialGauge | Shape::Custom => true,
            Shape::Mixed => step / 60 % 2 == 1,
            _ => false,
        }
    }

    fn value(&self, step: i64) -> Value {
        if self.is_histogram(step) {
            Value::Histogram(Box::new(self.histogram.clone()))
        } else {
            Value::Float(self.level)
        }
    }

    fn stale(&self, step: i64) -> Value {
        if self.is_histogram(step) {
            let marker = Histogram { sum: f64::from_bits(STALE), ..Histogram::default() };
            return Value::Histogram(Box::new(marker));
        }
        Value::Float(f64::from_bits(STALE))
    }
}

/// `wait_seconds`: cumulative buckets, their sum and count, without gaps, as one scrape gives them.
fn classic(chance: &mut Chance, origin_ms: i64) -> Vec<Series> {
    let mut all = Vec::new();
    for job in JOBS {
        for instance in INSTANCES {
            let with = |name: &str, more: &[(&str, &str)]| {
                let mut pairs = vec![("job", job), ("instance", instance)];
                pairs.extend_from_slice(more);
                series(name, &pairs, Shape::Counter)
            };
            let mut buckets: Vec<Series> = BOUNDS
                .iter()
                .map(|bound| if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() })
                .map(|bound| with("wait_seconds_bucket", &[("le", &bound)]))
                .collect();
            let (mut sum, mut count) = (with("wait_seconds_sum", &[]), with("wait_seconds_count", &[]));
            let (mut counts, mut total) = ([0_u64; BOUNDS.len()], 0.0);
            for step in 0..STEPS {
                let at_ms = origin_ms + step * STEP_MS;
                if chance.below(200) == 0 {
                    (counts, total) = ([0; BOUNDS.len()], 0.0);
                }
                counts.iter_mut().for_each(|count| *count += chance.below(6));
                total += chance.below(100) as f64 / 4.0;
                let mut cumulative = 0;
                for (bucket, count) in buckets.iter_mut().zip(counts) {
                    cumulative += count;
                    bucket.samples.push((at_ms, Value::Float(cumulative as f64)));
                }
                sum.samples.push((at_ms, Value::Float(total)));
                count.samples.push((at_ms, Value::Float(cumulative as f64)));
            }
            all.append(&mut buckets);
            all.extend([sum, count]);
        }
    }
    all
}
