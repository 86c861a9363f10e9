//! Whatever is asked, a query uses a bounded amount of everything.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::limits::{QUERY_BYTES_MAX, QUERY_NESTING_MAX};
use kernel::{Labels, Refuse, Rng, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::limits::QUERY_OPERATORS_MAX;
use promql::{
    Engine, METRIC_NAME, Matcher, Plan, QueryError, QueryRefusal, QueryResult, SeriesSource, Settings,
    TimeRange, never_cancelled,
};

fn source(series: usize, samples: i64) -> InMemory {
    let mut source = InMemory::new();
    for index in 0..series {
        let labels = Labels::new([(METRIC_NAME, "m".to_owned()), ("i", index.to_string())]).unwrap();
        (0..samples).for_each(|i| source.push(&labels, Timestamp::from_secs(i * 10), i as f64));
    }
    source
}

fn range(engine: &Engine, text: &str, source: &dyn SeriesSource) -> Result<QueryResult, QueryError> {
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(900));
    engine.range(&Plan::parse(text).unwrap(), source, range, Span::from_secs(10), &never_cancelled)
}

fn refusal(result: Result<QueryResult, QueryError>) -> QueryRefusal {
    match result {
        Err(QueryError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The deepest expressions that are allowed, on a stack of the size that servers give their threads.
#[test]
fn the_deepest_query_fits_the_smallest_stack() {
    let calls = QUERY_NESTING_MAX - 1;
    let nested = |head: &str, tail: &str| format!("{}m{}", head.repeat(calls), tail.repeat(calls));
    let signs = "-".repeat(QUERY_OPERATORS_MAX);
    let queries = [
        nested("abs(", ")"),
        nested("(", ")"),
        nested("sum(", ")"),
        nested("label_replace(", ", \"a\", \"b\", \"c\", \"d\")"),
        format!("{signs}m"),
        format!("m{}", " + m".repeat(QUERY_OPERATORS_MAX)),
        format!("m{}", " or m".repeat(QUERY_OPERATORS_MAX)),
        format!("m{}", " + 1".repeat(QUERY_OPERATORS_MAX)),
        format!("m @ 5{}", " + m @ 5".repeat(QUERY_OPERATORS_MAX)),
        format!("m{}", " ^ m".repeat(QUERY_OPERATORS_MAX)),
        format!("1{}", " ^ 2".repeat(QUERY_OPERATORS_MAX)),
        // As deep as both limits together allow.
        format!("{}{}", "-abs(-".repeat(calls), nested("", "")) + &")".repeat(calls),
        format!("{}m{}", "m + sum(m or ".repeat(calls), ")".repeat(calls)),
    ];
    let on_small_stack = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let source = source(2, 100);
        for text in queries {
            let plan = Plan::parse(&text).unwrap_or_else(|refusal| panic!("{refusal}"));
            let answer = range(&Engine::default(), &text, &source);
            assert!(answer.is_ok(), "{text}: {answer:?}");
            let again = plan.clone();
            drop(plan);
            assert!(!again.selectors().is_empty() || text.starts_with('1'));
            assert_eq!(Plan::parse(&again.normal_form()).unwrap().normal_form(), again.normal_form());
            assert!(again.format().len() >= again.normal_form().len());
            let mut tree = Vec::new();
            again.write_tree_json(&mut tree);
            assert!(tree.len() > text.len());
        }
        assert!(Plan::parse(&format!("m{} +", " + m".repeat(QUERY_OPERATORS_MAX - 1))).is_err());
        let selector = Matcher::parse_selector(&format!("m{}", " + m".repeat(QUERY_OPERATORS_MAX)));
        assert!(selector.is_err());
    });
    on_small_stack.unwrap().join().unwrap();
}

#[test]
fn fifty_thousand_parentheses_are_refused_rather_than_parsed() {
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(Plan::parse(&deep).unwrap_err().code(), "query_too_deep");
    let long = format!("{deep}{}", " ".repeat(QUERY_BYTES_MAX));
    assert_eq!(Plan::parse(&long).unwrap_err().code(), "query_too_long");
    let half = QUERY_BYTES_MAX / 2 - 1;
    let deep = format!("{}1{}", "(".repeat(half), ")".repeat(half));
    assert_eq!(Plan::parse(&deep).unwrap_err().code(), "query_too_deep");
}

/// Grafana writes a variable of many values so.
#[test]
fn thousands_of_hosts_may_be_named() {
    let hosts: Vec<String> = (0..5000).map(|host| format!(r"host-{host}\\.example\\.com:9100")).collect();
    let text = format!("sum(m{{instance=~\"{}|1\"}})", hosts.join("|"));
    assert!(range(&Engine::default(), &text, &source(2, 10)).is_ok());
    let unclosed = format!("{text}(");
    let said = Plan::parse(&unclosed).unwrap_err().sentence();
    assert!(said.len() < 1_200, "a refusal repeats only the beginning: {said}");
}

#[test]
fn more_operators_than_allowed_are_refused() {
    let text = format!("m{}", " + m".repeat(QUERY_OPERATORS_MAX + 1));
    assert_eq!(Plan::parse(&text).unwrap_err().code(), "query_too_many_operators");
}

#[test]
fn no_text_makes_the_parser_panic() {
    let pieces = [
        "up",
        "sum",
        "by",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ",",
        "5m",
        "1e300",
        "0x1f",
        "inf",
        "nan",
        "=",
        "!=",
        "=~",
        "\"a\"",
        "'",
        "`",
        "\\",
        "\"\\x",
        "offset",
        "@",
        "start()",
        "bool",
        "on",
        "group_left",
        ":",
        "-",
        "+",
        "^",
        "and",
        "topk",
        "rate",
        "1",
        ".",
        "é",
        "\u{0}",
        "#",
        "\n",
        " ",
        "==",
        "{{",
        "1.5h",
        "9999999999999999999",
        "fill",
        "histogram_quantile",
        "label_join",
        "_",
        "count_values",
        "0b1",
        "1_000",
        "99999999999y",
    ];
    let mut rng = Rng::new(7);
    for _ in 0..100_000 {
        let length = 1 + rng.below(12);
        let text: String = (0..length).filter_map(|_| rng.pick(&pieces).copied()).collect();
        if let Ok(plan) = Plan::parse(&text) {
            let _ =
                Engine::default().instant(&plan, &InMemory::new(), Timestamp::from_secs(1), &never_cancelled);
        }
    }
}

#[test]
fn extreme_instants_do_not_overflow() {
    let source = source(1, 10);
    let extremes = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX].map(Timestamp::from_millis);
    let queries = [
        "m",
        "m offset 300y",
        "m offset -300y",
        "rate(m[300y] offset -300y)",
        "predict_linear(m[1h], 1)",
        "m[5m]",
        "m[1h:1m]",
        "m[1m:7ms]",
        "max_over_time(m[300y:200y] offset -300y)",
        "absent_over_time(m[1h:1m] offset 1h)",
        "m @ 9223372036854770 offset -300y",
        "timestamp(m)",
        "absent(m)",
        "time()",
        "-time()",
        "year()",
        "hour() + minute() + month() + days_in_month() + day_of_week() + day_of_year() + day_of_month()",
        "quantile_over_time(0.5, m[1h])",
        "deriv(m[1h:1m])",
        "sum(rate(m[5m])) / count(m)",
        "sum_over_time(vector(time())[1h:1m])",
        "info(m)",
        "start() + end() + step() + range()",
        "rate(m[1h] smoothed)",
        "rate(m[1h] anchored)",
        "m smoothed",
        "start_timestamp(m)",
        "ts_of_max_over_time(m[1h:1m])",
    ];
    for text in queries {
        let plan = Plan::parse_with(text, Settings::ALL).unwrap_or_else(|refusal| panic!("{refusal}"));
        let engine = Engine { points_max: 100_000, ..Engine::default() };
        for at in extremes {
            let result = engine.instant(&plan, &source, at, &never_cancelled);
            assert!(result.is_ok(), "{text} at {at:?}: {result:?}");
        }
        for end in extremes.windows(2) {
            let range = TimeRange::new(end[0], end[1]);
            let step =
                Span::from_millis(1.max(range.end.as_millis().saturating_sub(range.start.as_millis())));
            _ = engine.range(&plan, &source, range, step, &never_cancelled);
        }
    }
    let plan = Plan::parse("rate(m[1h])").unwrap();
    let all = TimeRange::ALL;
    let step = Span::from_millis(i64::MAX);
    Engine::default().range(&plan, &source, all, step, &never_cancelled).unwrap();
}

#[test]
fn a_range_of_more_points_than_allowed_is_refused_with_both_numbers() {
    let engine = Engine { steps_max: 90, ..Engine::default() };
    let refusal = refusal(range(&engine, "m", &source(1, 1)));
    assert_eq!(refusal.sentence(), "the query asks for 91 points per series, more than the 90 allowed");
    assert_eq!(refusal.hint().unwrap(), "ask for a larger step or a shorter range");
    assert_eq!(refusal.error_type(), "bad_data");
    assert!(range(&Engine { steps_max: 91, ..engine }, "m", &source(1, 1)).is_ok());
}

/// Grafana's smallest step of a range is the range divided by 11,000.
#[test]
fn eleven_thousand_steps_are_allowed_and_no_more() {
    let plan = Plan::parse("vector(1)").unwrap();
    let ask = |end| {
        let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(end));
        Engine::default().range(&plan, &InMemory::new(), range, Span::from_secs(1), &never_cancelled)
    };
    let Ok(QueryResult::Matrix(all)) = ask(11_000) else { panic!("a matrix is expected") };
    assert_eq!(all[0].floats.len(), 11_001);
    assert_eq!(refusal(ask(11_001)).code(), "query_too_many_steps");
}

#[test]
fn a_range_that_makes_no_sense_is_refused() {
    let plan = Plan::parse("m").unwrap();
    let ask = |start, end, step| {
        let range = TimeRange::new(Timestamp::from_secs(start), Timestamp::from_secs(end));
        let step = Span::from_secs(step);
        refusal(Engine::default().range(&plan, &InMemory::new(), range, step, &never_cancelled)).sentence()
    };
    assert_eq!(ask(1, 0, 1), "the end of the range is before its start");
    assert_eq!(ask(0, 1, 0), "the step of the range is not positive");
    assert_eq!(ask(0, 1, -1), "the step of the range is not positive");
}

#[test]
fn a_query_looks_at_no_more_samples_than_allowed() {
    let engine = Engine { samples_max: 200, ..Engine::default() };
    assert!(range(&engine, "sum(m)", &source(2, 100)).is_ok());
    let refusal = refusal(range(&engine, "sum(m) + sum(m)", &source(2, 100)));
    assert_eq!(refusal.sentence(), "the query looks at more than the 200 samples allowed");
    assert_eq!(refusal.error_type(), "execution");
}

#[test]
fn a_query_computes_no_more_points_than_allowed() {
    let engine = Engine { points_max: 91 * 3, ..Engine::default() };
    assert!(
        range(&engine, "sum(m)", &source(1000, 10)).is_ok(),
        "a sum holds one column, not one per series"
    );
    assert_eq!(
        refusal(range(&engine, "m", &source(4, 10))).sentence(),
        "the query computes more than the 273 points allowed"
    );
}

#[test]
fn a_cancelled_query_stops_soon() {
    let asked = AtomicUsize::new(0);
    let cancelled = || asked.fetch_add(1, Ordering::Relaxed) >= 3;
    let plan = Plan::parse("sum(m)").unwrap();
    let at = Timestamp::from_secs(10);
    let result = Engine::default().instant(&plan, &source(1000, 10), at, &cancelled);
    assert_eq!(refusal(result).error_type(), "canceled");
    assert!(asked.load(Ordering::Relaxed) < 6);
}
