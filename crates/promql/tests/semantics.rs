//! What expressions mean, one promise per test; figures are worked out by hand from the documented formulas.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

use kernel::{Labels, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{Engine, METRIC_NAME, Plan, Points, QueryResult, STALE_NAN, TimeRange, Value, never_cancelled};

/// Series like `up{job="a"} 1@0 2@15`: each value with its second.
fn load(lines: &[&str]) -> InMemory {
    let mut source = InMemory::new();
    for line in lines {
        let (series, samples) = line.split_once(' ').unwrap();
        let labels = labels(series);
        for sample in samples.split_whitespace() {
            let (value, at) = sample.split_once('@').unwrap();
            let value = if value == "stale" { STALE_NAN } else { value.parse().unwrap() };
            source.push(&labels, Timestamp::from_millis((at.parse::<f64>().unwrap() * 1000.0) as i64), value);
        }
    }
    source
}

fn labels(series: &str) -> Labels {
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let pairs = rest.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty());
    let pairs =
        pairs.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name, value.trim_matches('"')));
    Labels::new(pairs.chain([(METRIC_NAME, name)])).unwrap()
}

fn ask(source: &InMemory, text: &str, at_secs: i64) -> Result<QueryResult, String> {
    let plan = Plan::parse(text).map_err(|refusal| refusal.to_string())?;
    let at = Timestamp::from_secs(at_secs);
    Engine::default().instant(&plan, source, at, &never_cancelled).map_err(|error| error.to_string())
}

/// The result as lines `{labels} value`.
fn instant(source: &InMemory, text: &str, at_secs: i64) -> Vec<String> {
    match ask(source, text, at_secs).unwrap_or_else(|error| panic!("{text}: {error}")) {
        QueryResult::Vector(samples) => {
            samples.iter().map(|(labels, _, value)| format!("{labels} {}", float(value))).collect()
        }
        QueryResult::Scalar(_, value) => vec![value.to_string()],
        other => panic!("{text} gave {other:?}"),
    }
}

fn value(source: &InMemory, text: &str, at_secs: i64) -> f64 {
    match ask(source, text, at_secs).unwrap_or_else(|error| panic!("{text}: {error}")) {
        QueryResult::Vector(samples) if samples.len() == 1 => float(&samples[0].2),
        other => panic!("{text} gave {other:?}"),
    }
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Float(value) => *value,
        Value::Histogram(histogram) => panic!("{histogram} is no number"),
    }
}

/// A series of numbers.
fn points(labels: Labels, floats: Vec<(Timestamp, f64)>) -> Points {
    Points { labels, floats, histograms: Vec::new() }
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[test]
fn increase_extrapolates_to_the_window_where_samples_come_close_to_it() {
    // Samples at 5..55 s of the window (0, 60]: 10 s apart, so both ends are half a distance away, and reached.
    let source = load(&["c 100@5 110@15 120@25 130@35 140@45 150@55"]);
    close(value(&source, "increase(c[60s])", 60), 50.0 * 60.0 / 50.0);
    close(value(&source, "rate(c[60s])", 60), 1.0);
    close(value(&source, "delta(c[60s])", 60), 60.0);
}

#[test]
fn increase_extrapolates_half_a_distance_where_the_series_begins_or_ends_in_the_window() {
    let source = load(&["c 1000@100 1010@110 1020@120"]);
    // Window (0, 300]: 5 s before the first sample and 5 s after the last.
    close(value(&source, "increase(c[300s])", 300), 20.0 * (20.0 + 5.0 + 5.0) / 20.0);
    // Window (89, 131]: both ends are 1.1 distances away, which is too far; in (90, 130] they are reached.
    close(value(&source, "increase(c[42s])", 131), 20.0 * (20.0 + 5.0 + 5.0) / 20.0);
    close(value(&source, "increase(c[40s])", 130), 20.0 * (20.0 + 10.0 + 10.0) / 20.0);
}

#[test]
fn a_counter_is_not_extrapolated_below_zero() {
    // The line through the samples is zero 1 s before the first, so 1 s counts rather than 5 s.
    let source = load(&["c 1@100 11@110 21@120"]);
    close(value(&source, "increase(c[300s])", 300), 20.0 * (20.0 + 1.0 + 5.0) / 20.0);
    close(value(&source, "delta(c[300s])", 300), 20.0 * (20.0 + 5.0 + 5.0) / 20.0);
}

#[test]
fn a_counter_that_was_reset_counts_on() {
    let source = load(&["c 10@0 20@10 5@20 15@30 2@40"]);
    // 10 up, reset to 5, 10 up, reset to 2: the windows (-1, 40] and (9, 30].
    let sampled = |rise: f64, span: f64, to_start: f64| rise * (span + to_start) / span;
    close(value(&source, "increase(c[41s])", 40), sampled(27.0, 40.0, 1.0));
    close(value(&source, "increase(c[21s])", 30), sampled(15.0, 20.0, 1.0));
    assert_eq!(instant(&source, "resets(c[1m])", 40), ["{} 2"]);
    assert_eq!(instant(&source, "irate(c[1m])", 20), ["{} 0.5"]);
    assert_eq!(instant(&source, "idelta(c[1m])", 20), ["{} -15"]);
}

#[test]
fn one_sample_has_no_rate() {
    let source = load(&["c 1@10 2@20"]);
    for function in ["rate", "increase", "delta", "irate", "idelta", "deriv"] {
        assert_eq!(instant(&source, &format!("{function}(c[10s])"), 20), [""; 0], "{function}");
    }
}

#[test]
fn windows_are_open_at_their_start_and_closed_at_their_end() {
    let source = load(&["c 1@0 2@10 3@20"]);
    assert_eq!(instant(&source, "count_over_time(c[10s])", 20), ["{} 1"]);
    assert_eq!(instant(&source, "count_over_time(c[20s])", 20), ["{} 2"]);
    assert_eq!(instant(&source, "count_over_time(c[20001ms])", 20), ["{} 3"]);
    assert_eq!(instant(&source, "sum_over_time(c[10s] offset 10s)", 20), ["{} 2"]);
    assert_eq!(instant(&source, "sum_over_time(c[10s] offset -10s)", 10), ["{} 3"]);
    assert_eq!(instant(&source, "c", 319), ["{__name__=\"c\"} 3"]);
    assert_eq!(instant(&source, "c", 320), [""; 0], "five minutes after its last sample a series is gone");
}

#[test]
fn a_series_is_gone_five_minutes_after_its_last_sample_at_every_step_of_a_range() {
    let source = load(&["c 1@0"]);
    let plan = Plan::parse("c").unwrap();
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(600));
    let matrix =
        Engine::default().range(&plan, &source, range, Span::from_secs(150), &never_cancelled).unwrap();
    let floats = vec![(Timestamp::from_secs(0), 1.0), (Timestamp::from_secs(150), 1.0)];
    assert_eq!(matrix, QueryResult::Matrix(vec![points(labels("c"), floats)]));
}

#[test]
fn a_stale_series_is_gone_at_once_and_its_marker_is_no_sample() {
    let source = load(&["c 1@0 2@10 stale@20 4@30"]);
    assert_eq!(instant(&source, "c", 20), [""; 0]);
    assert_eq!(instant(&source, "c", 29), [""; 0]);
    assert_eq!(instant(&source, "c", 30), ["{__name__=\"c\"} 4"]);
    assert_eq!(instant(&source, "timestamp(c)", 25), [""; 0]);
    assert_eq!(instant(&source, "last_over_time(c[1m])", 25), ["{__name__=\"c\"} 2"]);
    assert_eq!(
        ask(&source, "c[30s]", 30).unwrap(),
        QueryResult::Matrix(vec![points(
            labels("c"),
            vec![(Timestamp::from_secs(10), 2.0), (Timestamp::from_secs(30), 4.0)]
        )])
    );
}

#[test]
fn functions_over_time_take_each_sample_of_the_range() {
    let source = load(&["g 4@10 NaN@20 1@30 3@40", "h 2@10 4@20 4@30 5@40 7@50"]);
    assert_eq!(instant(&source, "min_over_time(g[1m])", 40), ["{} 1"]);
    assert_eq!(instant(&source, "max_over_time(g[1m])", 40), ["{} 4"]);
    assert_eq!(instant(&source, "avg_over_time(g[20s])", 40), ["{} 2"]);
    assert_eq!(instant(&source, "sum_over_time(g[1m])", 40), ["{} NaN"]);
    assert_eq!(instant(&source, "first_over_time(g[1m])", 40), ["{__name__=\"g\"} 4"]);
    assert_eq!(instant(&source, "quantile_over_time(0.25, h[1m])", 50), ["{} 4"]);
    assert_eq!(instant(&source, "quantile_over_time(2, h[1m])", 50), ["{} inf"]);
    close(value(&source, "stdvar_over_time(h[1m])", 50), 2.64);
    close(value(&source, "stddev_over_time(h[1m])", 50), 2.64_f64.sqrt());
    assert_eq!(instant(&source, "changes(h[1m])", 50), ["{} 3"]);
    assert_eq!(instant(&source, "present_over_time(h[1m])", 50), ["{} 1"]);
}

#[test]
fn a_line_is_fitted_through_the_samples() {
    let source = load(&["g 10@0 12@10 14@20 16@30", "flat 3@0 3@10"]);
    close(value(&source, "deriv(g[1m])", 30), 0.2);
    close(value(&source, "predict_linear(g[1m], 50)", 40), 28.0);
    close(value(&source, "predict_linear(g[1m] offset 10s, 50)", 40), 28.0);
    close(value(&source, "predict_linear(flat[1m], 1000)", 10), 3.0);
}

#[test]
fn names_are_dropped_where_the_value_is_no_longer_the_metric() {
    let source = load(&["c{job=\"a\"} 1@0"]);
    for text in
        ["-c", "abs(c)", "c + 1", "c == bool 1", "rate(c[1m]) or c * 1", "sum without() (c)", "timestamp(c)"]
    {
        assert!(instant(&source, text, 0).iter().all(|line| line.starts_with("{job=\"a\"} ")), "{text}");
    }
    for text in
        ["c", "+c", "c > 0", "0 < c", "topk(1, c)", "sort(c)", "c and c", "c or c", "last_over_time(c[1m])"]
    {
        assert_eq!(instant(&source, text, 0), ["{__name__=\"c\", job=\"a\"} 1"], "{text}");
    }
}

#[test]
fn two_series_that_become_one_are_an_error_only_where_both_have_a_value() {
    let source = load(&["a 1@0", "b 2@600"]);
    let both = Plan::parse("-{__name__=~\"a|b\"}").unwrap();
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(600));
    let matrix =
        Engine::default().range(&both, &source, range, Span::from_secs(600), &never_cancelled).unwrap();
    let floats = vec![(Timestamp::from_secs(0), -1.0), (Timestamp::from_secs(600), -2.0)];
    assert_eq!(matrix, QueryResult::Matrix(vec![points(Labels::default(), floats)]));

    let source = load(&["a 1@0", "b 2@0"]);
    let error = ask(&source, "-{__name__=~\"a|b\"}", 0).unwrap_err();
    assert_eq!(error, "vector cannot contain metrics with the same labelset");
}

#[test]
fn aggregations_take_the_labels_that_they_are_told() {
    let source =
        load(&["c{job=\"a\",i=\"1\"} 1@0", "c{job=\"a\",i=\"2\"} 3@0", "c{job=\"b\",i=\"1\"} NaN@0"]);
    assert_eq!(instant(&source, "sum by (job) (c)", 0), ["{job=\"a\"} 4", "{job=\"b\"} NaN"]);
    assert_eq!(instant(&source, "sum without (i) (c)", 0), ["{job=\"a\"} 4", "{job=\"b\"} NaN"]);
    assert_eq!(instant(&source, "min(c)", 0), ["{} 1"]);
    assert_eq!(instant(&source, "max by (none) (c)", 0), ["{} 3"]);
    assert_eq!(instant(&source, "count(c)", 0), ["{} 3"]);
    assert_eq!(instant(&source, "group by (i) (c)", 0), ["{i=\"1\"} 1", "{i=\"2\"} 1"]);
    assert_eq!(instant(&source, "avg(c{job=\"a\"})", 0), ["{} 2"]);
    assert_eq!(instant(&source, "stdvar(c{job=\"a\"})", 0), ["{} 1"]);
    assert_eq!(instant(&source, "quantile(0.5, c{job=\"a\"})", 0), ["{} 2"]);
    assert_eq!(instant(&source, "sum by (__name__) (c{job=\"a\"})", 0), ["{__name__=\"c\"} 4"]);
    assert_eq!(
        instant(&source, "count_values(\"v\", c)", 0),
        ["{v=\"1\"} 1", "{v=\"3\"} 1", "{v=\"NaN\"} 1"]
    );
}

#[test]
fn topk_keeps_series_in_the_order_of_their_values_and_takes_nan_last() {
    let source = load(&["c{i=\"1\"} 1@0", "c{i=\"2\"} 3@0", "c{i=\"3\"} NaN@0", "c{i=\"4\"} 2@0"]);
    let line = |i: u8, value: &str| format!("{{__name__=\"c\", i=\"{i}\"}} {value}");
    assert_eq!(instant(&source, "topk(2, c)", 0), [line(2, "3"), line(4, "2")]);
    assert_eq!(instant(&source, "bottomk(2, c)", 0), [line(1, "1"), line(4, "2")]);
    assert_eq!(instant(&source, "topk(9, c)", 0), [line(2, "3"), line(4, "2"), line(1, "1"), line(3, "NaN")]);
    assert_eq!(instant(&source, "sort(c)", 0), [line(1, "1"), line(4, "2"), line(2, "3"), line(3, "NaN")]);
    assert_eq!(
        instant(&source, "sort_desc(c)", 0),
        [line(2, "3"), line(4, "2"), line(1, "1"), line(3, "NaN")]
    );
    assert_eq!(instant(&source, "topk(0, c)", 0), [""; 0]);
    assert_eq!(ask(&source, "topk(NaN, c)", 0).unwrap_err(), "Parameter value is NaN");
}

#[test]
fn topk_chooses_anew_at_each_step_of_a_range() {
    let source = load(&["c{i=\"1\"} 1@0 5@60", "c{i=\"2\"} 3@0 2@60"]);
    let plan = Plan::parse("topk(1, c)").unwrap();
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(60));
    let matrix =
        Engine::default().range(&plan, &source, range, Span::from_secs(60), &never_cancelled).unwrap();
    assert_eq!(
        matrix,
        QueryResult::Matrix(vec![
            points(labels("c{i=\"1\"}"), vec![(Timestamp::from_secs(60), 5.0)]),
            points(labels("c{i=\"2\"}"), vec![(Timestamp::from_secs(0), 3.0)]),
        ])
    );
}

#[test]
fn comparisons_filter_and_keep_the_value_of_the_vector() {
    let source = load(&["a 1@0", "b 2@0", "n NaN@0"]);
    assert_eq!(instant(&source, "2 > a", 0), ["{__name__=\"a\"} 1"]);
    assert_eq!(instant(&source, "n == n", 0), [""; 0]);
    assert_eq!(instant(&source, "n != n", 0), ["{__name__=\"n\"} NaN"]);
    assert_eq!(instant(&source, "n < bool 1", 0), ["{} 0"]);
    assert_eq!(instant(&source, "a < b", 0), ["{__name__=\"a\"} 1"]);
    assert_eq!(instant(&source, "b > on() a", 0), ["{} 2"]);
    assert_eq!(instant(&source, "1 > bool 2", 0), ["0"]);
    assert!(ask(&source, "1 > 2", 0).unwrap_err().contains("the `bool` modifier"));
}

#[test]
fn many_series_match_one_only_when_asked_to() {
    let source = load(&[
        "req{path=\"/a\",job=\"x\"} 6@0",
        "req{path=\"/b\",job=\"x\"} 8@0",
        "limit{job=\"x\",tier=\"gold\"} 2@0",
    ]);
    assert_eq!(
        ask(&source, "req / on(job) limit", 0).unwrap_err(),
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    );
    assert_eq!(
        ask(&source, "limit / on(job) req", 0).unwrap_err(),
        "found duplicate series for the match group {job=\"x\"} on the right hand-side of the operation: \
         [{__name__=\"req\", job=\"x\", path=\"/a\"}, {__name__=\"req\", job=\"x\", path=\"/b\"}];\
         many-to-many matching not allowed: matching labels must be unique on one side"
    );
    assert_eq!(
        instant(&source, "req / on(job) group_left(tier) limit", 0),
        ["{job=\"x\", path=\"/a\", tier=\"gold\"} 3", "{job=\"x\", path=\"/b\", tier=\"gold\"} 4"]
    );
    assert_eq!(
        instant(&source, "limit - on(job) group_right() req", 0),
        ["{job=\"x\", path=\"/a\"} -4", "{job=\"x\", path=\"/b\"} -6"]
    );
    assert_eq!(
        ask(&source, "req * on(job) group_left(path) limit", 0).unwrap_err(),
        "multiple matches for labels: grouping labels must ensure unique matches"
    );
}

#[test]
fn absent_has_the_labels_that_equalities_pin() {
    let source = load(&["c{job=\"a\"} 1@0"]);
    assert_eq!(instant(&source, "absent(c)", 0), [""; 0]);
    assert_eq!(instant(&source, "absent(c{job=\"b\",i=~\"1.*\",z!=\"y\"})", 0), ["{job=\"b\"} 1"]);
    assert_eq!(instant(&source, "absent(c{job=\"b\",job=\"a\"})", 0), ["{} 1"]);
    assert_eq!(instant(&source, "absent(sum(missing))", 0), ["{} 1"]);
    assert_eq!(instant(&source, "absent_over_time(c{job=\"b\"}[1m])", 0), ["{job=\"b\"} 1"]);
    assert_eq!(instant(&source, "absent_over_time(c[1m])", 0), [""; 0]);
}

#[test]
fn scalars_and_vectors_become_each_other() {
    let source = load(&["c{i=\"1\"} 7@0", "c{i=\"2\"} 8@0"]);
    assert_eq!(instant(&source, "scalar(c{i=\"1\"})", 0), ["7"]);
    assert_eq!(instant(&source, "scalar(c)", 0), ["NaN"]);
    assert_eq!(instant(&source, "vector(time())", 90), ["{} 90"]);
    assert_eq!(instant(&source, "timestamp(c{i=\"1\"})", 90), ["{i=\"1\"} 0"]);
    assert_eq!(instant(&source, "timestamp(c{i=\"1\"} + 0)", 90), ["{i=\"1\"} 90"]);
}

#[test]
fn values_are_rounded_and_clamped() {
    let source = load(&["c 2.55@0", "n NaN@0"]);
    assert_eq!(instant(&source, "round(c)", 0), ["{} 3"]);
    assert_eq!(instant(&source, "round(c, 0.5)", 0), ["{} 2.5"]);
    assert_eq!(instant(&source, "round(-c)", 0), ["{} -3"]);
    assert_eq!(instant(&source, "clamp(c, 3, 4)", 0), ["{} 3"]);
    assert_eq!(instant(&source, "clamp(c, 4, 3)", 0), [""; 0]);
    assert_eq!(instant(&source, "clamp_max(c, 1)", 0), ["{} 1"]);
    assert_eq!(instant(&source, "clamp_min(n, 1)", 0), ["{} NaN"]);
    assert_eq!(instant(&source, "sgn(-c)", 0), ["{} -1"]);
}

#[test]
fn labels_are_replaced_and_joined() {
    let source = load(&["c{host=\"db-1\",zone=\"eu\"} 1@0"]);
    assert_eq!(
        instant(&source, "label_replace(c, \"kind\", \"${1}!\", \"host\", \"(.*)-.*\")", 0),
        ["{__name__=\"c\", host=\"db-1\", kind=\"db!\", zone=\"eu\"} 1"]
    );
    assert_eq!(
        instant(&source, "label_replace(c, \"host\", \"\", \"host\", \"db-.\")", 0),
        ["{__name__=\"c\", zone=\"eu\"} 1"]
    );
    assert_eq!(
        instant(&source, "label_replace(c, \"x\", \"y\", \"host\", \"db\")", 0),
        instant(&source, "c", 0)
    );
    assert_eq!(
        instant(&source, "label_join(c, \"at\", \"/\", \"zone\", \"none\", \"host\")", 0),
        ["{__name__=\"c\", at=\"eu//db-1\", host=\"db-1\", zone=\"eu\"} 1"]
    );
}

#[test]
fn what_needs_a_setting_says_so_and_where() {
    let refused = |text: &str| Plan::parse(text).unwrap_err().to_string();
    assert_eq!(
        refused("1 + limitk(1, up)"),
        "`1 + limitk(1, up)` is not a PromQL expression: `limitk` needs the setting `experimental_functions` at \
         column 5"
    );
    assert!(refused("info(up)").contains("the function `info` needs the setting `experimental_functions`"));
    assert!(refused("a + fill(0) b").contains("`fill` modifiers need the setting `fill_modifiers`"));
    assert!(
        refused("rate(a[5m] smoothed)").contains("needs the setting `extended_range_selectors` at column 12")
    );
    assert!(refused("rate(a[2 * 5m])").contains("needs the setting `duration_expressions`"));
    assert!(refused("a\n+ offset 5m").ends_with("at line 2, column 10"), "{}", refused("a\n+ offset 5m"));
}

#[test]
fn what_is_no_promql_is_shown_with_what_is_wrong() {
    let refused = |text: &str| Plan::parse(text).unwrap_err().to_string();
    assert_eq!(refused("sum(up"), "`sum(up` is not a PromQL expression: unclosed `(` at column 4");
    assert!(
        refused("rate(up)").starts_with("`rate(up)` is not a PromQL expression: an instant vector stands")
    );
    assert!(refused("{job=~\".*\"}").contains("matcher that does not match the empty value"));
    assert!(refused("nonsense(up)").contains("there is no function `nonsense` at column 1"));
    assert!(refused("").contains("expected an expression"));
    assert!(refused("up{job=~\"(\"}").contains("is not a regular expression"));
    assert!(
        refused("exp(NaN)")
            .contains("a scalar stands where an instant vector is expected in `exp` at column 5")
    );
}

/// A chain is walked at once; each term has what none before it has, and nothing within a term hides anything.
#[test]
fn a_chain_of_or_is_what_its_pairs_are() {
    let series = [
        ("a", "1", 0),
        ("a", "2", 3),
        ("b", "1", 2),
        ("b", "3", 0),
        ("c", "3", 1),
        ("c", "4", 0),
        ("c", "2", 0),
    ];
    let mut source = promql::in_memory::InMemory::new();
    for (name, job, from) in series {
        for (place, half) in ["x", "y"].into_iter().enumerate() {
            let labels = Labels::new([("__name__", name), ("job", job), ("half", half)]).unwrap();
            let times = (from..5).filter(|minute| (minute + place as i64) % 3 != 0);
            times.for_each(|minute| source.push(&labels, Timestamp::from_secs(minute * 600), minute as f64));
        }
    }
    let answered = |text: &str| {
        let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(2400));
        let plan = Plan::parse(text).unwrap();
        Engine::default().range(&plan, &source, range, Span::from_secs(600), &never_cancelled).unwrap()
    };
    for on in ["", " on(job)", " on()", " ignoring(half)", " on(half)"] {
        let chain = format!("a or{on} b or{on} c or{on} d or{on} a");
        let pairs = format!("a or{on} (b or{on} (c or{on} (d or{on} a)))");
        let apart = format!("((a or{on} b) and a or{on} b) or{on} c");
        assert_eq!(answered(&chain), answered(&pairs), "{on}");
        assert_eq!(answered(&apart), answered(&format!("a or{on} b or{on} c")), "{on}");
    }
    let mixed = answered("a or on(job) b or c");
    assert_eq!(mixed, answered("(a or on(job) b) or (c or d)"));
}

/// Prometheus notices these when it evaluates, and clients tell the two apart.
#[test]
fn a_value_that_a_function_cannot_take_is_an_error_of_execution() {
    for (text, said) in [
        (r#"label_replace(up, "x", "$9", "job", "(")"#, "invalid regular expression in label_replace(): `(`"),
        (r#"label_replace(up, "", "a", "b", "c")"#, "invalid destination label name in label_replace(): "),
        (r#"label_join(up, "", ",", "a")"#, "invalid destination label name in label_join(): "),
        (r#"label_join(up, "x", ",", "")"#, "invalid source label name in label_join(): "),
        (r#"count_values("", up)"#, "invalid label name \"\""),
    ] {
        let refused = Plan::parse(text).unwrap_err();
        assert_eq!(refused.error_type(), "execution", "{text}");
        assert!(refused.to_string().starts_with(said), "{refused}");
    }
    assert_eq!(Plan::parse("up{a=~\"(\"}").unwrap_err().error_type(), "bad_data");
}

#[test]
fn a_plan_tells_what_it_reads() {
    let plan = Plan::parse("sum(rate(a{x=\"1\"}[5m] offset 1m)) / scalar(b) > quantile(time(), c)").unwrap();
    let read: Vec<String> = plan
        .selectors()
        .iter()
        .map(|selector| {
            let matchers: Vec<String> = selector.matchers.iter().map(ToString::to_string).collect();
            format!(
                "{} {:?} {}",
                matchers.join(","),
                selector.range.map(|range| range.to_string()),
                selector.offset
            )
        })
        .collect();
    assert_eq!(
        read,
        ["__name__=\"a\",x=\"1\" Some(\"5m\") 1m", "__name__=\"b\" None 0s", "__name__=\"c\" None 0s"]
    );
}
