//! SIGHUP has the configuration read again; and a command whose reader has enough ends quietly.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::swan::{Start, command, until};

const SOON: Duration = Duration::from_secs(10);

fn write(directory: &Path, text: &str) {
    std::fs::write(directory.join("swan.yaml"), text).unwrap();
}

#[test]
fn a_changed_configuration_is_in_force_after_sighup_and_a_broken_one_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "{}\n");
    let start = Start::new(directory.path()).with(&["--config", "swan.yaml"]);
    let swan = start.expecting("the configuration stays as it was").serve();
    let does_arithmetic = || swan.get("/api/v1/query?query=vector(1)offset(1m%2B1m)").status == 200;
    let knows = || swan.get("/api/v1/query?query=mad_over_time(a[1m])").status == 200;
    assert!(!does_arithmetic() && !knows());
    write(directory.path(), "promql: { experimental_functions: true }\n");
    swan.ask_to_reload();
    until("the functions are known", SOON, || knows().then_some(()));
    write(directory.path(), "promql: { experimental_functions: maybe }\n");
    swan.ask_to_reload();
    swan.wait_for_line("the configuration stays as it was");
    assert!(knows());
    swan.stop();
}

#[test]
fn a_command_ends_quietly_when_nobody_reads_what_it_prints() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "{}\n");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = command(directory.path(), &["check", "swan.yaml"])
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(141), String::new()));
}
