//! What the engine itself takes per query, without the decoding of samples: series are lent from memory, with
//! numbers for their labels as a store has them.
//! `cargo run --release -p promql --example engine_speed`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be taken ends the run")]

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::time::Instant;

use kernel::{Labels, Span, Timestamp};
use promql::{
    Engine, LabelView, Lent, METRIC_NAME, Matcher, Plan, Selected, Selection, SeriesSource, SourceFault,
    TimeRange, When, never_cancelled,
};

const INTERVAL_MS: i64 = 15_000;
const SAMPLES: i64 = 260;

/// Series that share their samples, so that reading them costs as little as can be.
struct Flat {
    texts: Vec<(String, String)>,
    /// Of each series, where its labels are in `texts`.
    series: Vec<[u32; 5]>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl Flat {
    fn new(series: usize) -> Self {
        let mut texts: Vec<(String, String)> = Vec::new();
        let mut numbers = HashMap::new();
        let mut number = |name: &str, value: String| {
            let pair = (name.to_owned(), value);
            *numbers.entry(pair.clone()).or_insert_with(|| {
                texts.push(pair);
                texts.len() as u32 - 1
            })
        };
        let series = (0..series).map(|index| {
            [
                number(METRIC_NAME, "http_requests_total".to_owned()),
                number("code", ["200", "404", "500"][index % 3].to_owned()),
                number("instance", format!("host-{:05}:9100", index / 10)),
                number("job", format!("job-{}", index / 1000)),
                number("path", format!("/api/{}", index % 10)),
            ]
        });
        Self {
            series: series.collect(),
            texts,
            timestamps: (0..SAMPLES).map(|index| index * INTERVAL_MS).collect(),
            values: (0..SAMPLES).map(|index| index as f64 * 3.5).collect(),
        }
    }
}

impl Flat {
    fn places(&self, selection: &Selection<'_>) -> Range<usize> {
        let from = self.timestamps.partition_point(|t| *t < selection.range.start.as_millis());
        let upto = self.timestamps.partition_point(|t| *t <= selection.range.end.as_millis());
        from..upto
    }

    fn lend(
        &self,
        series: &[[u32; 5]],
        places: Range<usize>,
        each: &mut dyn FnMut(Lent<'_>) -> ControlFlow<()>,
    ) {
        for pairs in series {
            let view = View { source: self, pairs };
            let (timestamps, values) = (&self.timestamps[places.clone()], &self.values[places.clone()]);
            if each(Lent::new(&view, timestamps, values)).is_break() {
                break;
            }
        }
    }
}

struct View<'a> {
    source: &'a Flat,
    pairs: &'a [u32; 5],
}

impl LabelView for View<'_> {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn pair(&self, at: usize) -> (&str, &str) {
        let (name, value) = &self.source.texts[self.pairs[at] as usize];
        (name, value)
    }

    fn pair_id(&self, at: usize) -> Option<u32> {
        Some(self.pairs[at])
    }
}

impl SeriesSource for Flat {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        self.select_views(selection, &mut |lent| {
            each(Selected::new(&lent.labels.to_labels(), lent.timestamps, lent.values))
        })
    }

    fn select_views(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Lent<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        self.lend(&self.series, self.places(selection), each);
        Ok(())
    }

    fn select_lent(
        &self,
        selection: &Selection<'_>,
        parts: usize,
        each: &(dyn Fn(usize, Lent<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<(), SourceFault> {
        let range = self.places(selection);
        std::thread::scope(|scope| {
            let chunks = self.series.chunks(self.series.len().div_ceil(parts).max(2048)).enumerate();
            for (part, series) in chunks {
                let range = range.clone();
                scope.spawn(move || self.lend(series, range, &mut |lent| each(part, lent)));
            }
        });
        Ok(())
    }

    fn label_names(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceFault> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceFault> {
        Ok(Vec::new())
    }

    fn series(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        Ok(self.series.iter().map(|pairs| View { source: self, pairs }.to_labels()).collect())
    }
}

fn main() {
    let end = Timestamp::from_millis((SAMPLES - 1) * INTERVAL_MS);
    let hour = |step| {
        let range = TimeRange::new(end - Span::from_hours(1), end);
        When::Range { range, step: Span::from_secs(step) }
    };
    // A number picks one of the queries, for a profile.
    let only: Option<usize> = std::env::args().nth(1).and_then(|number| number.parse().ok());
    let queries = [
        (100_000, When::Instant(end), "sum by (job) (rate(http_requests_total[5m]))"),
        (100_000, hour(60), "sum by (job) (rate(http_requests_total[5m]))"),
        (1000, hour(15), "sum by (job) (rate(http_requests_total[5m]))"),
        (100_000, hour(60), "sum by (job) (avg_over_time(http_requests_total[5m]))"),
        (100_000, hour(60), "max by (job) (max_over_time(http_requests_total[5m]))"),
        (100_000, hour(60), "sum without (instance) (http_requests_total)"),
        (1000, hour(15), "stddev_over_time(http_requests_total[30m])"),
        (10_000, When::Instant(end), "topk(5, rate(http_requests_total[5m]))"),
        (10_000, hour(60), "http_requests_total / on (instance, code, path, job) http_requests_total"),
        (10_000, When::Instant(end), "http_requests_total"),
    ];
    for (_, (series, when, text)) in
        queries.into_iter().enumerate().filter(|(index, _)| only.is_none_or(|only| only == *index))
    {
        let source = Flat::new(series);
        let plan = Plan::parse(text).unwrap();
        let mut best = f64::INFINITY;
        for _ in 0..if only.is_some() { 100 } else { 7 } {
            let started = Instant::now();
            let answer = Engine::default().answer(&plan, &source, when, &never_cancelled).unwrap();
            best = best.min(started.elapsed().as_secs_f64());
            std::hint::black_box(answer);
        }
        let kind = if matches!(when, When::Instant(_)) { "instant" } else { "range" };
        let each = best * 1e9 / series as f64;
        println!("{series:>7} series, {kind:>7}: {:>8.2} ms, {each:>8.0} ns a series: {text}", best * 1e3);
    }
}
