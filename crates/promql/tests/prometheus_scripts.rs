//! Prometheus's own engine tests, as far as what they test is supported. They lie beside the workspace; where they
//! are missing, the tests say so and pass.

mod script;

use std::path::PathBuf;

/// Runs a script; no statement may fail, and at least as many as ever must pass.
fn check(name: &str, passed_min: usize) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/promqltest").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: {name} is not beside the workspace in ../shared/data/promqltest");
        return;
    };
    let tally = script::run(script::read(&text));
    println!(
        "{name}: {} passed, {} not supported, {} failed",
        tally.passed,
        tally.not_supported.len(),
        tally.failed.len()
    );
    for statement in &tally.not_supported {
        println!("  not supported: {statement}");
    }
    assert!(tally.failed.is_empty(), "{name}: {} failed:\n{}", tally.failed.len(), tally.failed.join("\n"));
    assert!(tally.passed >= passed_min, "{name}: only {} of {passed_min} statements pass", tally.passed);
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
