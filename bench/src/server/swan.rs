//! Swan, with its rules in a file, and callers of loopback without credentials.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Server, Wishes};
use crate::Outcome;
use crate::process::{Process, disk_bytes};

/// What the differential test compares beyond the defaults, as configuration.
const EVERYTHING: [&str; 2] =
    ["metrics: { retention: 0, out_of_order: unlimited }\n", "promql: { experimental_functions: true }\n"];

pub(super) fn start(
    program: &Path,
    directory: &Path,
    address: SocketAddr,
    wishes: &Wishes,
) -> Outcome<Vec<Process>> {
    configure(program, directory, wishes)?;
    let arguments = format!(
        "serve --data data --config swan.yaml --listen {address} --trust-loopback --public-url http://{address}"
    );
    let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    Ok(vec![Process::start(program, &arguments, directory)?])
}

fn configure(program: &Path, directory: &Path, wishes: &Wishes) -> Outcome<()> {
    let file = directory.join("swan.yaml");
    let mut text = String::from("{}\n");
    if let Some(rules) = &wishes.rules {
        std::fs::copy(rules, directory.join("rules.yaml"))?;
        text = "rules: rules.yaml\n".to_owned();
    }
    if wishes.everything_on {
        text.clear();
        for part in EVERYTHING {
            let with = format!("{text}{part}");
            std::fs::write(&file, &with)?;
            let checked = Command::new(program).arg("check").arg(&file).output()?;
            if checked.status.success() {
                text = with;
            } else {
                eprintln!("this Swan does not know `{}`: it runs without", part.trim());
            }
        }
        if text.is_empty() {
            text = "{}\n".to_owned();
        }
    }
    Ok(std::fs::write(file, text)?)
}

/// A snapshot writes what is in memory as blocks, as maintenance does once their window is over.
pub(super) fn compacted_bytes(server: &Server) -> Outcome<u64> {
    let answer =
        server.caller().post("/api/v1/admin/tsdb/snapshot", "", &[])?.successful("snapshot")?.json()?;
    let name = answer["data"]["name"].as_str().ok_or("a snapshot without a name")?;
    let snapshot = find(&server.directory.join("data"), name)?.ok_or("the snapshot is not under `data`")?;
    disk_bytes(&snapshot)
}

/// The directory of a name, however deep.
fn find(under: &Path, name: &str) -> Outcome<Option<std::path::PathBuf>> {
    for entry in std::fs::read_dir(under)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        if entry.file_name() == name {
            return Ok(Some(entry.path()));
        }
        if let Some(found) = find(&entry.path(), name)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
