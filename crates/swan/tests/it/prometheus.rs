//! A real Prometheus and a real amtool, from Debian's packages.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::swan::{Ran, skipped};

/// Whether a program can be run here; says so where it cannot.
pub(crate) fn is_installed(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        skipped(&format!("`{program}` is not installed (apt-get install -y {package})"));
    }
    found
}

/// A Prometheus that runs. It is killed when it is dropped.
pub(crate) struct Prometheus {
    child: Child,
}

impl Prometheus {
    /// With this configuration and these rules, over `directory/prometheus`.
    pub(crate) fn start(directory: &Path, configuration: &str, rules: &str) -> Self {
        Self::start_at(directory, 0, configuration, rules)
    }

    /// The same at a port of loopback.
    pub(crate) fn start_at(directory: &Path, port: u16, configuration: &str, rules: &str) -> Self {
        let home = directory.join("prometheus");
        std::fs::create_dir_all(&home).expect("the directory can be written");
        std::fs::write(home.join("prometheus.yml"), configuration).expect("the directory can be written");
        std::fs::write(home.join("rules.yml"), rules).expect("the directory can be written");
        let mut command = Command::new("prometheus");
        command.current_dir(&home).args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            &format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn",
        ]);
        let log = std::fs::File::create(home.join("log")).expect("the directory can be written");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self { child: command.spawn().expect("prometheus runs") }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself, which a test has noticed by now.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Runs amtool against an Alertmanager's URL.
pub(crate) fn amtool(directory: &Path, url: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new("amtool");
    // Its own configuration file, of whoever runs the test, has no say.
    command.args(arguments).args(["--alertmanager.url", url]).current_dir(directory).env("HOME", directory);
    let output = command.output().expect("amtool runs");
    Ran::of(output)
}
