//! What the printers write is read back as the same expression.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

use kernel::Rng;
use promql::{Plan, Settings};

const SEEDS: u64 = 20_000;

fn pick<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    rng.pick(of).copied().unwrap()
}

/// An expression that lasts, as it stands in brackets and after `offset`.
fn duration(rng: &mut Rng, depth: u32) -> String {
    if depth == 0 || rng.chance(600) {
        return pick(rng, &["5m", "1h30m", "90s", "300", "1d", "1500ms", "2.5", "0x1F"]).to_owned();
    }
    let below = depth - 1;
    match rng.below(4) {
        0 => format!("({} + {})", duration(rng, below), duration(rng, below)),
        1 => format!("({} * 2)", duration(rng, below)),
        2 => pick(rng, &["step()", "range()"]).to_owned(),
        _ => format!("max_of({}, {})", duration(rng, below), duration(rng, below)),
    }
}

fn place(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => " @ 1609746000.5".to_owned(),
        1 => " @ start()".to_owned(),
        2 => format!(" @ end() offset {}", duration(rng, 1)),
        3 => format!(" offset {}", duration(rng, 1)),
        4 => " offset -5m".to_owned(),
        _ => String::new(),
    }
}

fn text(rng: &mut Rng) -> &'static str {
    pick(rng, &[r#""x""#, "'it''s'", r#""\u00e9\"\n\\""#, "`a\\d`", r#""é""#, r#"'"'"#, r#""""#])
}

fn matchers(rng: &mut Rng) -> String {
    let mut all = Vec::new();
    for _ in 0..rng.below(4) {
        let name = pick(rng, &["job", "le", "by", "on", "\"with space\"", "__name__", "offset", "'q'"]);
        let operator = pick(rng, &["=", "!=", "=~", "!~"]);
        let value = pick(rng, &["\"x\"", "\"a|b\"", "'y|é'", "``", "`a\"|\\\\`"]);
        all.push(format!("{name}{operator}{value}"));
    }
    all.join(",")
}

fn selector(rng: &mut Rng) -> String {
    match rng.below(5) {
        0 => pick(rng, &["up", "job:rate5m", "sum", "by", "without", "start", "bool", "smoothed"]).to_owned(),
        1 => format!("up{{{}}}", matchers(rng)),
        2 => format!("{{\"a metric\",job=\"x\"}}{}", place(rng)),
        3 => format!("{{instance=~\"a|c\",}}{}", place(rng)),
        _ => format!("b{}", place(rng)),
    }
}

fn range(rng: &mut Rng, depth: u32) -> String {
    if depth > 0 && rng.chance(300) {
        let step = if rng.chance(500) { duration(rng, 1) } else { String::new() };
        return format!("({})[{}:{step}]{}", vector(rng, depth - 1), duration(rng, 1), place(rng));
    }
    let how = pick(rng, &["", "", " anchored", " smoothed"]);
    format!("c{{{}}}[{}]{how}{}", matchers_of_value(rng), duration(rng, 2), place(rng))
}

fn matchers_of_value(rng: &mut Rng) -> &'static str {
    pick(rng, &["", "job=\"x\"", "job!~\"y\", le=\"1\""])
}

fn scalar(rng: &mut Rng, depth: u32) -> String {
    if depth == 0 {
        // In brackets, because Prometheus prints a sign before it, which would bind less than a power.
        let numbers =
            ["1", "-2.5", "1e9", "(Inf)", "(-Inf)", "NaN", "0x1f", ".5", "5.", "1_000", "3h", "1e-320"];
        return pick(rng, &numbers).to_owned();
    }
    match rng.below(4) {
        0 => format!("scalar({})", vector(rng, depth - 1)),
        1 => format!("({} ^ {} ^ 2)", scalar(rng, depth - 1), scalar(rng, depth - 1)),
        2 => format!("-{} ^ 2", scalar(rng, depth - 1)),
        _ => format!("{} >bool {}", scalar(rng, 0), scalar(rng, 0)),
    }
}

fn binary(rng: &mut Rng, below: u32) -> String {
    let matching = pick(
        rng,
        &[
            "",
            "on()",
            "on(job, \"a b\")",
            "ignoring(le)",
            "on(job) group_left",
            "ignoring(le) group_right(by)",
        ],
    );
    let (left, right) = (vector(rng, below), vector(rng, below));
    match rng.below(4) {
        0 => {
            let on = if matching.contains("group") { "" } else { matching };
            format!("{left} {} {on} {right}", pick(rng, &["and", "or", "UNLESS"]))
        }
        1 => {
            let bool = pick(rng, &["", "bool "]);
            format!("{left} {} {bool}{matching} {right}", pick(rng, &["==", "!=", "<", ">="]))
        }
        2 => {
            let fill = pick(rng, &["", "fill(0)", "fill_left(1)", "fill_left(1) fill_right(-2)"]);
            format!("{left} + {matching} {fill} {right}")
        }
        _ => format!(
            "{left} {} {matching} {right}",
            pick(rng, &["-", "*", "/", "%", "^", "atan2", "</", ">/"])
        ),
    }
}

fn vector(rng: &mut Rng, depth: u32) -> String {
    if depth == 0 {
        return selector(rng);
    }
    let below = depth - 1;
    match rng.below(9) {
        0 => selector(rng),
        1 => {
            let function =
                pick(rng, &["rate", "avg_over_time", "mad_over_time", "deriv", "ts_of_max_over_time"]);
            let range = range(rng, below);
            // A vector may be anchored or smoothed only where a function says so.
            let plain = range.replace(" anchored", "").replace(" smoothed", "");
            format!("{function}({})", if function == "rate" { range.replace(" anchored", "") } else { plain })
        }
        2 => format!("sum by (job, le,) ({})", vector(rng, below)),
        3 => format!("({}) # a remark\n", vector(rng, below)),
        4 => format!("topk({}, {}) without (\"a b\")", scalar(rng, below), vector(rng, below)),
        5 => format!("label_replace({}, {}, \"$1\", \"by\", \"x\")", vector(rng, below), "\"job\""),
        6 => format!("count_values({}, {})", "'v'", vector(rng, below)),
        7 => format!("- + {}", vector(rng, below)),
        _ => binary(rng, below),
    }
}

fn expression(rng: &mut Rng) -> String {
    match rng.below(10) {
        0 => scalar(rng, 3),
        1 => text(rng).to_owned(),
        2 => range(rng, 3),
        _ => vector(rng, 4),
    }
}

fn tree(plan: &Plan) -> String {
    let mut json = Vec::new();
    plan.write_tree_json(&mut json);
    String::from_utf8(json).unwrap()
}

#[test]
fn an_expression_that_is_printed_is_read_back_as_itself() {
    let mut read = 0;
    for seed in 0..SEEDS {
        let text = expression(&mut Rng::new(seed));
        let Ok(plan) = Plan::parse_with(&text, Settings::ALL) else { continue };
        read += 1;
        let again = |printed: &str| {
            Plan::parse_with(printed, Settings::ALL)
                .unwrap_or_else(|refusal| panic!("seed {seed}: {text}\nprinted as {printed}\n{refusal}"))
        };
        let normal = plan.normal_form();
        assert_eq!(again(&normal).normal_form(), normal, "seed {seed}: {text}");
        let pretty = plan.format();
        assert_eq!(tree(&again(&pretty)), tree(&again(&normal)), "seed {seed}: {text}");
        assert_eq!(again(&pretty).normal_form(), normal, "seed {seed}: {text}");
        assert_eq!(again(&pretty).format(), pretty, "seed {seed}: {text}");
    }
    assert!(read > SEEDS / 2, "only {read} texts of {SEEDS} are expressions");
}
