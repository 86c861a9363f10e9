//! Prometheus's own engine tests. They lie beside the workspace; where they are missing, the tests say so and pass.
//!
//! The rest of Prometheus's suite is run by `cargo run -p promql --example promqltest DIRECTORY`.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

mod script;

use std::path::PathBuf;

/// Runs a script; every statement must pass, and there must be as many as ever.
fn check(name: &str, statements_min: usize) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/promqltest").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: {name} is not beside the workspace in ../shared/data/promqltest");
        return;
    };
    let tally = script::run(script::read(&text));
    println!("{name}: {} passed, {} failed", tally.passed, tally.failed.len());
    assert!(tally.failed.is_empty(), "{name}: {} failed:\n{}", tally.failed.len(), tally.failed.join("\n"));
    assert!(tally.passed >= statements_min, "{name}: only {} of {statements_min} statements", tally.passed);
}

#[test]
fn literals() {
    check("literals.test", 25);
}

#[test]
fn operators() {
    check("operators.test", 142);
}

#[test]
fn selectors() {
    check("selectors.test", 31);
}

#[test]
fn staleness() {
    check("staleness.test", 17);
}

#[test]
fn trigonometric_functions() {
    check("trig_functions.test", 19);
}

#[test]
fn histograms() {
    check("histograms.test", 54);
}

#[test]
fn subqueries() {
    check("subquery.test", 2);
}
