//! Forty series of every kind, as a Prometheus 3.5.3 that remote-reads them has read them: 15,839 samples, each with
//! its time, value and buckets, of floats that jump and are not numbers, of histograms that are reset, change their
//! buckets, end and mix with floats. Whoever changes these bytes lets a Prometheus read them again.

use kernel::Labels;
use promql::{BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, STALE_NAN};

use super::{chunk, crc32c, frame, protobuf, split};

/// The same numbers in every run (a linear congruence, its high bits).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.any() % bound
    }

    fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 11
    }
}

#[derive(Default)]
struct Series {
    floats: (Vec<i64>, Vec<f64>),
    histograms: (Vec<i64>, Vec<Histogram>),
}

fn first_histogram(number: usize) -> Histogram {
    let is_custom = number % 5 == 4;
    let spans = vec![
        BucketSpan { offset: if is_custom { 0 } else { -3 }, length: 2 },
        BucketSpan { offset: 2, length: 1 },
    ];
    let negative = Buckets { spans: vec![BucketSpan { offset: 7, length: 1 }], counts: vec![0.0] };
    let is_gauge = number % 11 == 3;
    Histogram {
        counter_reset_hint: if is_gauge { CounterResetHint::Gauge } else { CounterResetHint::Unknown },
        schema: [3, 0, -4, 8, CUSTOM_BUCKETS_SCHEMA][number % 5],
        zero_threshold: [0.0, 2_f64.powi(-128), 0.001, 1.0, 0.0][number % 5],
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        positive: Buckets { spans, counts: vec![0.0; 3] },
        negative: if is_custom { Buckets::default() } else { negative },
        custom_bounds: if is_custom { [0.005, 0.1, 0.12345, 1.0, 33_554.43, 1e9].into() } else { [].into() },
    }
}

/// What comes after it: mostly more, at times a reset or another layout.
fn next_histogram(last: &mut Histogram, number: usize, chance: &mut Chance) {
    match chance.below(20) {
        0 => {
            last.positive.counts.fill(0.0);
            last.negative.counts.fill(0.0);
            (last.count, last.zero_count) = (0.0, 0.0);
        }
        1 => {
            last.positive.spans[1].length += 1;
            last.positive.counts.push(0.0);
            if last.positive.counts.len() > 5 {
                last.positive.counts.truncate(3);
                last.positive.spans[1].length = 1;
            }
        }
        _ => {}
    }
    for count in &mut last.positive.counts {
        let more = chance.below(4) as f64 + if number.is_multiple_of(2) { 0.5 } else { 0.0 };
        *count += more;
        last.count += more;
    }
    for count in &mut last.negative.counts {
        *count += 1.0;
        last.count += 1.0;
    }
    if !last.has_custom_buckets() {
        last.zero_count += 2.0;
        last.count += 2.0;
    }
    last.sum += 1.25;
}

fn series(number: usize, chance: &mut Chance) -> Series {
    let mut series = Series::default();
    let (mut at, mut value, mut histogram) = (1_700_000_000_000_i64, 0.0_f64, first_histogram(number));
    for _ in 0..400 {
        at += match chance.below(6) {
            0 | 4 => 15_000,
            1 => 15_001,
            2 => 1,
            3 => 14_000,
            _ => chance.below(3_000_000) as i64 + 1,
        };
        let is_float = number < 10 || (number >= 30 && chance.below(7) < 6);
        if is_float {
            // What arithmetic makes of a NaN has bits that nobody promises.
            let number = if value.is_nan() { 1.0 } else { value };
            value = match chance.below(8) {
                0 => f64::NAN,
                1 => f64::INFINITY,
                2 => value,
                3 => -number,
                4 => 0.1,
                5 => number + 1.0,
                6 => f64::from_bits(chance.any()),
                _ => number * 1.1,
            };
            series.floats.0.push(at);
            series.floats.1.push(value);
            continue;
        }
        next_histogram(&mut histogram, number, chance);
        let sum = if chance.below(50) == 0 { STALE_NAN } else { histogram.sum };
        series.histograms.0.push(at);
        series.histograms.1.push(Histogram { sum, ..histogram.clone() });
    }
    series
}

/// The length and the checksum of the stream.
const PINNED: (usize, u32) = (335_862, 0x63a0_2787);

#[test]
fn a_prometheus_has_read_these_bytes() {
    let mut chance = Chance(12_345);
    let mut stream = Vec::new();
    for number in 0..40 {
        let labels = Labels::new([("__name__", "x".to_owned()), ("n", format!("{number:03}"))]).unwrap();
        let Series { floats, histograms } = series(number, &mut chance);
        let chunks = chunk::chunks((&floats.0, &floats.1), (&histograms.0, &histograms.1));
        let frames = split(&chunks).map(|some| frame(&protobuf::chunked(&labels, some, 0)));
        stream.extend(frames.flatten());
    }
    assert_eq!((stream.len(), crc32c(&stream)), PINNED);
}
