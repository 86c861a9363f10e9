//! An expression: what is parsed can be printed and parsed again with the same result, and evaluating it ends within its
//! limits. Corpus:
//! crates/promql/tests/corpus.
#![no_main]

use std::sync::LazyLock;

use kernel::{Labels, Span, Timestamp};
use libfuzzer_sys::fuzz_target;
use promql::in_memory::InMemory;
use promql::{Engine, Plan, Settings, TimeRange, never_cancelled};

/// A few series with gaps, a reset and an end.
static SOURCE: LazyLock<InMemory> = LazyLock::new(|| {
    let mut source = InMemory::new();
    for series in 0..6_u8 {
        let (job, le) = ((series % 2).to_string(), (series / 2).to_string());
        let name = if series < 3 { "up" } else { "requests_total" };
        let labels = Labels::new([("__name__", name), ("job", &job), ("le", &le)]).expect("they are sound");
        for minute in (0..10_i64).filter(|minute| minute % 4 != i64::from(series) % 4) {
            let value = if minute == 9 { promql::STALE_NAN } else { (minute % 6) as f64 };
            source.push(&labels, Timestamp::from_millis(minute * 60_000), value);
        }
    }
    source
});

fuzz_target!(|text: &str| {
    let Ok(plan) = Plan::parse_with(text, Settings::ALL) else { return };
    let normal = plan.normal_form();
    let again = Plan::parse_with(&normal, Settings::ALL).expect("what is printed can be parsed");
    plan.write_tree_json(&mut Vec::new());
    assert_eq!(answer(&plan), answer(&again), "{normal}");
});

/// The result as JSON; nothing where it was refused for what it needs, or failed on the data.
fn answer(plan: &Plan) -> Option<String> {
    let range = TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(600_000));
    let engine = Engine { samples_max: 100_000, ..Engine::default() };
    let result = engine.range(plan, &*SOURCE, range, Span::from_mins(1), &never_cancelled).ok()?;
    let mut json = Vec::new();
    result.write_json(&mut json);
    Some(String::from_utf8(json).expect("JSON is UTF-8"))
}
