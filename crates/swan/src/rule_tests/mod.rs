//! Unit tests of rules, in promtool's file format and with its results.
//!
//! The characters: a [`file`] holds test groups, each with series in [`series`] notation; a [`stage`] takes a group's
//! rules through virtual time as Prometheus's rule manager does, on every `evaluation_interval`, whatever the groups'
//! own intervals say; a [`case`] compares what is expected with what is there.
//!
//! What is guaranteed: a file passes here where it passes in promtool, but for what Swan refuses with a message of its
//! own.
//!
//! Alerts here are Prometheus's, not the engine's: annotations follow the last reading while an alert fires, and
//! `ALERTS` and `ALERTS_FOR_STATE` are series that expressions may read.

pub(crate) mod case;
pub(crate) mod file;
mod histogram;
mod rules;
mod series;
mod stage;

use std::path::{Path, PathBuf};

use case::Case;
use facts::configuration::PromqlSettings;
use file::TestFile;

/// How big a test may get. Each limit says what happens past it.
pub(crate) mod limits {
    /// Values that one series may have; more are refused.
    pub(crate) const VALUES_MAX: usize = 10_000_000;
    /// Evaluations of one test group; more are refused.
    pub(crate) const EVALUATIONS_MAX: i64 = 10_000_000;
}

/// What became of a test file.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) file: PathBuf,
    /// What keeps it from being run, each with its place; then there is no case.
    pub(crate) problems: Vec<String>,
    /// What is worth knowing, and no failure.
    pub(crate) warnings: Vec<String>,
    pub(crate) cases: Vec<Case>,
}

impl Outcome {
    pub(crate) fn passed(&self) -> bool {
        self.problems.is_empty() && self.cases.iter().all(|case| case.failure.is_none())
    }
}

/// Runs a test file.
pub(crate) fn run(path: &Path, promql: PromqlSettings) -> Outcome {
    let mut outcome =
        Outcome { file: path.to_owned(), problems: Vec::new(), warnings: Vec::new(), cases: Vec::new() };
    match TestFile::read(path) {
        Ok(file) => match rules::load(&file, promql, &mut outcome.warnings) {
            Ok(rules) => {
                for group in 0..file.tests.len() {
                    outcome.cases.extend(stage::run(&file, group, &rules, web::language::settings(promql)));
                }
            }
            Err(problems) => outcome.problems = problems,
        },
        Err(problems) => outcome.problems = problems,
    }
    outcome
}
