//! Prometheus's own engine tests, through the server: what a script loads comes by remote write 2.0, what it evaluates
//! is asked of the HTTP API.
//!
//! The scripts lie beside the workspace. `SWAN_PROMQLTEST=DIRECTORY` names others, such as the whole suite,
//! `promql/promqltest/testdata` of Prometheus's repository. What JSON does not say (schemas and hints of native
//! histograms) is what the engine's own run of the same scripts checks.

mod judged;
#[path = "../../../../promql/tests/script/mod.rs"]
#[expect(dead_code, reason = "this is where the engine's own tests of the same scripts are run")]
pub(crate) mod script;
pub(crate) mod written;

use std::path::{Path, PathBuf};

use script::Statement;

use crate::swan::{Start, Swan, skipped};

/// Samples of 1970, and everything that Prometheus runs its scripts with.
const CONFIGURATION: &str = "\
metrics: { retention: 0, out_of_order: unlimited }
promql:
  delayed_name_removal: true
  experimental_functions: true
  duration_expressions: true
  extended_range_selectors: true
  fill_modifiers: true
  start_timestamps: true
";

/// How many scripts run at once.
const AT_ONCE: usize = 2;

/// What became of a script.
struct Told {
    name: String,
    passed: usize,
    failed: Vec<String>,
}

#[test]
fn prometheus_own_tests_pass_through_the_server() {
    let given = std::env::var_os("SWAN_PROMQLTEST").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/promqltest");
    let directory = given.unwrap_or(beside);
    let Ok(entries) = std::fs::read_dir(&directory) else {
        return skipped("Prometheus's scripts are not beside the workspace in ../shared/data/promqltest");
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    let lots: Vec<Vec<PathBuf>> =
        (0..AT_ONCE).map(|lot| paths.iter().skip(lot).step_by(AT_ONCE).cloned().collect()).collect();
    let mut told: Vec<Told> = std::thread::scope(|scope| {
        let run = |lot: Vec<PathBuf>| move || lot.iter().map(|path| run(path)).collect::<Vec<_>>();
        let running: Vec<_> = lots.into_iter().map(|lot| scope.spawn(run(lot))).collect();
        running.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    told.sort_by(|a, b| a.name.cmp(&b.name));
    let mut failed = String::new();
    for Told { name, passed, failed: of_script } in &told {
        println!("{name}: {passed} passed, {} failed", of_script.len());
        of_script.iter().for_each(|failure| failed += &format!("{name}, {failure}\n"));
    }
    let passed: usize = told.iter().map(|one| one.passed).sum();
    println!("{passed} passed, {} failed", told.iter().map(|one| one.failed.len()).sum::<usize>());
    assert!(failed.is_empty(), "{failed}");
    assert!(passed > 0, "no statement in {}", directory.display());
}

fn run(path: &Path) -> Told {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut told = Told { name, passed: 0, failed: Vec::new() };
    // Nothing is forgotten for certain but by another data directory.
    let mut stage: Option<(tempfile::TempDir, Swan)> = None;
    for statement in script::read(&std::fs::read_to_string(path).unwrap()) {
        if matches!(statement, Statement::Clear) {
            stage.take().into_iter().for_each(|(_, swan)| swan.kill());
            continue;
        }
        let (_, swan) = stage.get_or_insert_with(fresh);
        let outcome = match &statement {
            Statement::Clear => continue,
            Statement::Load(all) => written::send(&swan.caller(), all).map_err(|why| format!("load: {why}")),
            Statement::Eval(eval) => judged::check(swan, eval)
                .map_err(|why| format!("line {}: {}\n    {why}", eval.line, eval.expression)),
        };
        match outcome {
            Ok(()) => told.passed += usize::from(matches!(statement, Statement::Eval(_))),
            Err(why) => told.failed.push(why),
        }
    }
    stage.into_iter().for_each(|(_, swan)| swan.kill());
    told
}

fn fresh() -> (tempfile::TempDir, Swan) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("swan.yaml"), CONFIGURATION).unwrap();
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    (directory, swan)
}
