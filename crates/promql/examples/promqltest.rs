//! Runs a directory of Prometheus's engine tests (`promql/promqltest/testdata` of its repository) against this engine:
//! `cargo run -p promql --example promqltest DIRECTORY`. Fails where any statement does.

#![expect(clippy::unwrap_used, reason = "a script that cannot be read ends the run")]

#[path = "../tests/script/mod.rs"]
mod script;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("the directory of the scripts is missing");
        return ExitCode::FAILURE;
    };
    let entries = std::fs::read_dir(&directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    let (mut passed, mut failed) = (0, 0);
    for path in paths {
        let tally = script::run(script::read(&std::fs::read_to_string(&path).unwrap()));
        println!("{}: {} passed, {} failed", path.display(), tally.passed, tally.failed.len());
        tally.failed.iter().for_each(|failure| println!("  {failure}"));
        passed += tally.passed;
        failed += tally.failed.len();
    }
    println!("{passed} passed, {failed} failed");
    if passed > 0 && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
