//! A source that lends its labels with numbers for them, from several threads, is answered as one that does neither.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

mod random;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use kernel::{Labels, Rng, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{
    Engine, LabelView, Lent, Matcher, Plan, QueryError, QueryRefusal, Selected, Selection, SeriesSource,
    SourceFault, TimeRange, When, never_cancelled,
};

const SEEDS: u64 = 1500;

/// Numbers its labels anew in every selection, so that one number means something else in each.
struct Numbering {
    of: InMemory,
    selections: AtomicU32,
}

struct Numbered<'a> {
    labels: &'a Labels,
    numbers: Vec<u32>,
}

impl LabelView for Numbered<'_> {
    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn pair(&self, at: usize) -> (&str, &str) {
        self.labels.iter().nth(at).unwrap()
    }

    fn pair_id(&self, at: usize) -> Option<u32> {
        Some(self.numbers[at])
    }
}

impl SeriesSource for Numbering {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        self.of.select(selection, each)
    }

    fn select_views(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Lent<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        let selection_number = self.selections.fetch_add(1, Ordering::Relaxed);
        let mut numbers = HashMap::new();
        self.of.select(selection, &mut |selected| {
            let mut number = |pair: (&str, &str)| {
                // Another order of 0 to 12 in each selection; no selection of this data has more pairs.
                let next = (numbers.len() as u32 * 5 + selection_number * 3) % 13;
                *numbers.entry((pair.0.to_owned(), pair.1.to_owned())).or_insert(next)
            };
            let labels = selected.labels;
            let view: &dyn LabelView =
                &Numbered { labels, numbers: labels.iter().map(&mut number).collect() };
            each(
                Lent::new(view, selected.timestamps, selected.values)
                    .with_histograms(selected.histogram_timestamps, selected.histograms)
                    .with_starts(selected.starts, selected.histogram_starts),
            )
        })
    }

    /// Each part by a thread of its own.
    fn select_lent(
        &self,
        selection: &Selection<'_>,
        parts: usize,
        each: &(dyn Fn(usize, Lent<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<(), SourceFault> {
        let mut count = 0;
        self.of.select(selection, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        std::thread::scope(|scope| {
            let read = |part: usize| {
                let mut at = 0;
                self.select_views(selection, &mut |lent| {
                    let is_mine = at * parts / count == part;
                    at += 1;
                    if is_mine { each(part, lent) } else { ControlFlow::Continue(()) }
                })
            };
            let threads: Vec<_> = (0..parts).map(|part| scope.spawn(move || read(part))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap())
        })
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceFault> {
        self.of.label_names(matchers, range)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault> {
        self.of.label_values(name, matchers, range)
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        self.of.series(matchers, range)
    }
}

/// What of two selections goes to one place.
const OF_TWO: [&str; 6] = [
    "sum by (job) (a{instance=\"1\"} or b{instance!=\"1\"})",
    "count by (instance) (b{instance=\"2\"} or a)",
    "sum without (instance) (a or (b or h))",
    "topk by (job) (1, a{job=\"y\"} or on (job) b)",
    "a{instance!=\"1\"} and on (job) b",
    "a unless on (instance) b{job=\"x\"}",
];

/// What is folded part by part, with one and with many groups.
const OF_PARTS: [&str; 12] = [
    "sum by (job) (rate(a[5m]))",
    "sum(a)",
    "avg by (instance) (a)",
    "avg(rate(h[3m]))",
    "count without (job) ({__name__=~\"a|b|h\"})",
    "max by (le) (max_over_time(c_bucket[2m]))",
    "min(quantile_over_time(0.3, b[4m]))",
    "stddev(a)",
    "stdvar by (job) (b)",
    "group by (job, instance) (h)",
    "sum by (job) (h)",
    "sum(last_over_time({job=\"x\"}[5m]))",
];

fn answer(engine: Engine, source: &dyn SeriesSource, text: &str) -> String {
    let plan = Plan::parse(text).unwrap();
    let range = TimeRange::new(Timestamp::from_millis(60_000), Timestamp::from_millis(800_000));
    let when = When::Range { range, step: Span::from_secs(37) };
    match engine.answer(&plan, source, when, &never_cancelled) {
        Ok(answer) => {
            let mut json = Vec::new();
            answer.result.write_json(&mut json);
            let mut notes = [answer.annotations.warnings(text), answer.annotations.infos(text)].concat();
            notes.sort();
            format!("{}{notes:?}", String::from_utf8(json).unwrap())
        }
        Err(error) => error.to_string(),
    }
}

/// The same, but for the last digits of numbers: sums of parts are added up.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('"').collect(), b.split('"').collect());
    let is_near = |(a, b): (&&str, &&str)| {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (a.abs() + b.abs()).max(1e-3);
        a == b || matches!((a.parse(), b.parse()), (Ok(a), Ok(b)) if near(a, b))
    };
    a.len() == b.len() && a.iter().zip(&b).all(is_near)
}

#[test]
fn numbers_of_labels_change_no_answer() {
    let engine = Engine { parts: 1, ..Engine::default() };
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let data = random::data(&mut rng);
        let numbering = Numbering { of: data.clone(), selections: AtomicU32::new(0) };
        let random = random::vector(&mut rng, 3);
        for text in [&random, *rng.pick(&OF_TWO).unwrap()] {
            let (numbered, plain) = (answer(engine, &numbering, text), answer(engine, &data, text));
            assert_eq!(numbered, plain, "seed {seed}: {text}");
        }
    }
}

#[test]
fn parts_change_no_answer_but_for_last_digits() {
    for seed in 0..SEEDS / 5 {
        let mut rng = Rng::new(seed);
        let data = random::data(&mut rng);
        let numbering = Numbering { of: data.clone(), selections: AtomicU32::new(0) };
        for text in OF_PARTS {
            let parts = 2 + rng.below(3) as usize;
            let in_parts = answer(Engine { parts, ..Engine::default() }, &numbering, text);
            let whole = answer(Engine { parts: 1, ..Engine::default() }, &data, text);
            assert!(is_near(&in_parts, &whole), "seed {seed}, {parts} parts: {text}\n{in_parts}\n{whole}");
            let again = answer(Engine { parts, ..Engine::default() }, &numbering, text);
            assert_eq!(again, in_parts, "seed {seed}, {parts} parts: {text}");
        }
    }
}

#[test]
fn a_query_in_parts_keeps_its_limits_and_can_be_cancelled() {
    let data = random::data(&mut Rng::new(1));
    let source = Numbering { of: data, selections: AtomicU32::new(0) };
    let plan = Plan::parse("sum by (job) (rate(a[5m]))").unwrap();
    let when = When::Instant(Timestamp::from_millis(800_000));
    let parted = Engine { parts: 3, ..Engine::default() };
    let cancelled = parted.answer(&plan, &source, when, &|| true).unwrap_err();
    assert!(matches!(cancelled, QueryError::Refused(QueryRefusal::Cancelled)), "{cancelled}");
    let engine = Engine { samples_max: 3, ..parted };
    let refused = engine.answer(&plan, &source, when, &never_cancelled).unwrap_err();
    assert!(matches!(refused, QueryError::Refused(QueryRefusal::TooManySamples { .. })), "{refused}");
    let engine = Engine { series_max: 1, ..parted };
    let refused = engine.answer(&plan, &source, when, &never_cancelled).unwrap_err();
    assert!(matches!(refused, QueryError::Refused(QueryRefusal::TooManySeries { .. })), "{refused}");
}
