//! Swan, with its rules in a file, and callers of loopback without credentials.

use std::net::SocketAddr;
use std::path::Path;

use super::{Server, Wishes};
use crate::Outcome;
use crate::process::{Process, disk_bytes};

/// What the differential test compares beyond the defaults, as configuration.
const EVERYTHING: &str = "\
metrics: { retention: 0, out_of_order: unlimited }
promql: { experimental_functions: true }
";

pub(super) fn start(
    program: &Path,
    directory: &Path,
    address: SocketAddr,
    wishes: &Wishes,
) -> Outcome<Vec<Process>> {
    configure(directory, wishes)?;
    let arguments = format!(
        "serve --data data --config swan.yaml --listen {address} --trust-loopback --public-url http://{address}"
    );
    let arguments = arguments.split(' ').map(str::to_owned);
    let Some(clock) = &wishes.clock else {
        return Ok(vec![Process::start(program, &arguments.collect::<Vec<_>>(), directory)?]);
    };
    // `env` becomes the server, so that killing it kills the server.
    let settings = [
        "TZ=UTC".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        "NO_FAKE_STAT=1".to_owned(),
        format!("LD_PRELOAD={}", clock.library.display()),
        format!("FAKETIME=@{} x{}", calendar(clock.starts_at_s), clock.speed),
        program.display().to_string(),
    ];
    let arguments: Vec<String> = settings.into_iter().chain(arguments).collect();
    Ok(vec![Process::start(Path::new("/usr/bin/env"), &arguments, directory)?])
}

/// Seconds since 1970 as `2026-01-31 12:00:00`, in UTC; by days of the civil calendar (Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms").
fn calendar(at_s: i64) -> String {
    let (days, second) = (at_s.div_euclid(86_400), at_s.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

fn configure(directory: &Path, wishes: &Wishes) -> Outcome<()> {
    let file = directory.join("swan.yaml");
    let mut text =
        if wishes.configuration.is_empty() { "{}\n".to_owned() } else { wishes.configuration.clone() };
    if let Some(rules) = &wishes.rules {
        std::fs::copy(rules, directory.join("rules.yaml"))?;
        text = "rules: rules.yaml\n".to_owned();
    }
    if wishes.everything_on {
        EVERYTHING.clone_into(&mut text);
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
