//! `swan test`: tests that a team keeps beside its configuration.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use facts::configuration::PromqlSettings;
use serde_json::{Value, json};

use super::{Output, print_json};
use crate::failure::Failure;
use crate::rule_tests::case::{Case, Failure as Failed};
use crate::rule_tests::{self, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum TestCommand {
    /// Run unit tests of rules, in promtool's file format
    Rules(RulesArguments),
}

const MORE: &str =
    "The files are those of `promtool test rules`: rule_files, evaluation_interval, group_eval_order, \
fuzzy_compare, and tests with interval, input_series, alert_rule_test, promql_expr_test, external_labels, \
external_url and start_timestamp. Exit code 1 where a test fails, 2 where a file cannot be used.

Example: swan test rules tests/*.yaml --junit results.xml";

#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct RulesArguments {
    /// Test files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the results as JUnit XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// A part of PromQL that is off by default, by the name of Prometheus's feature flag; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_enum)]
    enable_feature: Vec<Feature>,
    #[command(flatten)]
    output: Output,
}

/// Parts of PromQL that are off by default, as `promtool` names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Feature {
    #[value(name = "promql-delayed-name-removal")]
    DelayedNameRemoval,
    #[value(name = "promql-experimental-functions")]
    ExperimentalFunctions,
    #[value(name = "promql-duration-expr")]
    DurationExpressions,
    #[value(name = "promql-extended-range-selectors")]
    ExtendedRangeSelectors,
    #[value(name = "promql-binop-fill-modifiers")]
    FillModifiers,
    #[value(name = "type-and-unit-labels")]
    TypeAndUnitLabels,
    #[value(name = "use-start-timestamps")]
    StartTimestamps,
}

impl Feature {
    fn switch(self, promql: &mut PromqlSettings) -> &mut bool {
        match self {
            Feature::DelayedNameRemoval => &mut promql.delayed_name_removal,
            Feature::ExperimentalFunctions => &mut promql.experimental_functions,
            Feature::DurationExpressions => &mut promql.duration_expressions,
            Feature::ExtendedRangeSelectors => &mut promql.extended_range_selectors,
            Feature::FillModifiers => &mut promql.fill_modifiers,
            Feature::TypeAndUnitLabels => &mut promql.type_and_unit_labels,
            Feature::StartTimestamps => &mut promql.start_timestamps,
        }
    }
}

pub(crate) fn run(TestCommand::Rules(arguments): &TestCommand) -> Result<ExitCode, Failure> {
    let mut promql = PromqlSettings::default();
    arguments.enable_feature.iter().for_each(|feature| *feature.switch(&mut promql) = true);
    let outcomes: Vec<Outcome> = arguments.files.iter().map(|file| rule_tests::run(file, promql)).collect();
    if let Some(path) = &arguments.junit {
        std::fs::write(path, junit(&outcomes)).map_err(Failure::file("write", path))?;
    }
    if arguments.output.json {
        let files: Vec<Value> = outcomes.iter().map(as_json).collect();
        print_json(&json!({ "passed": outcomes.iter().all(Outcome::passed), "files": files }))?;
    } else {
        outcomes.iter().for_each(print);
    }
    let code = if outcomes.iter().any(|outcome| !outcome.problems.is_empty()) {
        2
    } else {
        u8::from(!outcomes.iter().all(Outcome::passed))
    };
    Ok(ExitCode::from(code))
}

fn print(outcome: &Outcome) {
    let file = outcome.file.display();
    for warning in &outcome.warnings {
        println!("warning: {warning}");
    }
    for problem in &outcome.problems {
        println!("error: {problem}");
    }
    if !outcome.problems.is_empty() {
        println!("{file}: cannot be used");
        return;
    }
    for case in &outcome.cases {
        let Some(failure) = &case.failure else { continue };
        println!("{}: FAILED: {}", case.place, title(case));
        for line in failure.lines() {
            println!("    {line}");
        }
        if matches!(failure, Failed::Different { .. }) {
            println!("  hint: `-` is expected and not there, `+` is there and not expected");
        }
    }
    let failed = outcome.cases.iter().filter(|case| case.failure.is_some()).count();
    let passed = outcome.cases.len() - failed;
    println!("{file}: {passed} passed, {failed} failed");
}

fn title(case: &Case) -> String {
    let group = case.group.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    format!("{} `{}` at {}{group}", case.kind.as_str(), case.about, case.at)
}

fn as_json(outcome: &Outcome) -> Value {
    let cases: Vec<Value> = outcome
        .cases
        .iter()
        .map(|case| {
            let (error, expected, got) = match &case.failure {
                Some(Failed::Error(error)) => (Some(error), None, None),
                Some(Failed::Different { expected, got }) => (None, Some(expected), Some(got)),
                None => (None, None, None),
            };
            json!({
                "place": case.place, "kind": case.kind.as_str(), "about": case.about, "group": case.group,
                "at": case.at, "passed": case.failure.is_none(), "error": error,
                "expected": expected, "got": got,
            })
        })
        .collect();
    json!({
        "file": outcome.file, "passed": outcome.passed(), "problems": outcome.problems,
        "warnings": outcome.warnings, "cases": cases,
    })
}

/// One suite for each file, as most build servers read it.
fn junit(outcomes: &[Outcome]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for outcome in outcomes {
        let failed = outcome.cases.iter().filter(|case| case.failure.is_some()).count();
        let name = escaped(&outcome.file.display().to_string());
        let (tests, errors) = (outcome.cases.len(), outcome.problems.len());
        // Writing into a text never fails.
        _ = writeln!(
            xml,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"{errors}\">",
            tests + errors
        );
        for problem in &outcome.problems {
            let problem = escaped(problem);
            _ = writeln!(xml, "    <testcase name=\"{name}\"><error message=\"{problem}\"/></testcase>");
        }
        for case in &outcome.cases {
            let title = escaped(&title(case));
            let open = format!("    <testcase classname=\"{name}\" name=\"{title}\"");
            _ = match &case.failure {
                None => writeln!(xml, "{open}/>"),
                Some(failure) => {
                    let lines = escaped(&failure.lines().join("\n"));
                    let place = escaped(&case.place);
                    writeln!(xml, "{open}><failure message=\"{place}\">{lines}</failure></testcase>")
                }
            };
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for next in text.chars() {
        match next {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no other control characters.
            control if control.is_control() && !matches!(control, '\n' | '\t') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
