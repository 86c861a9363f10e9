//! `swan check`: everything that is wrong with a configuration, or could be better, at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Output, print_json};
use crate::config;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The configuration: a file, or a directory with a `swan.yaml`
    #[arg(value_name = "FILE", default_value = "swan.yaml")]
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<ExitCode, Failure> {
    let loaded = config::read(&arguments.file)?;
    let problems = loaded.problems();
    let errors = problems.iter().filter(|problem| problem.is_error).count();
    let code = if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if arguments.output.json {
        let hash = config::hash(&loaded.submission.configuration);
        print_json(&json!({ "valid": errors == 0, "hash": hash, "problems": problems }))?;
        return Ok(code);
    }
    for problem in &problems {
        println!("{}", loaded.in_place(problem));
    }
    let configuration = &loaded.submission.configuration;
    let rules: usize = configuration.rule_groups.iter().map(|group| group.rules.len()).sum();
    let warnings = problems.len() - errors;
    println!(
        "{}: {} services, {rules} rules, {} people; {errors} errors, {warnings} warnings",
        arguments.file.display(),
        configuration.services.len(),
        configuration.people.len(),
    );
    Ok(code)
}
