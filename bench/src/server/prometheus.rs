//! Prometheus: its remote write receiver and admin API switched on, all else as it comes.

use std::net::SocketAddr;
use std::path::Path;

use super::{COMPACT_MAX, Server, Wishes};
use crate::Outcome;
use crate::process::{Process, disk_bytes};

/// What the differential test compares beyond the defaults.
const EVERYTHING: &str = "--enable-feature=native-histograms,promql-experimental-functions";

pub(super) fn start(
    program: &Path,
    directory: &Path,
    address: SocketAddr,
    wishes: &Wishes,
) -> Outcome<Vec<Process>> {
    std::fs::write(directory.join("prometheus.yml"), configuration(wishes))?;
    let mut arguments = vec![
        "--config.file=prometheus.yml".to_owned(),
        "--storage.tsdb.path=tsdb".to_owned(),
        format!("--web.listen-address={address}"),
        "--web.enable-remote-write-receiver".to_owned(),
        "--web.enable-admin-api".to_owned(),
        "--log.level=warn".to_owned(),
    ];
    if wishes.everything_on {
        arguments.extend([EVERYTHING.to_owned(), "--storage.tsdb.retention.time=100y".to_owned()]);
    }
    Ok(vec![Process::start(program, &arguments, directory)?])
}

fn configuration(wishes: &Wishes) -> String {
    let mut text = String::new();
    if wishes.interval_s > 0 {
        text += &format!("global: {{ evaluation_interval: {}s }}\n", wishes.interval_s);
    }
    if wishes.everything_on {
        text += "storage: { tsdb: { out_of_order_time_window: 1d } }\n";
    }
    if let Some(rules) = &wishes.rules {
        text += &format!("rule_files: [\"{}\"]\n", rules.display());
    }
    if let Some(receiver) = wishes.receiver {
        text += &format!(
            "alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [\"{receiver}\"] }} ] }} ] }}\n"
        );
    }
    text
}

/// A snapshot writes what is in memory as a block, as compaction does once its two hours are over.
pub(super) fn compacted_bytes(server: &Server) -> Outcome<u64> {
    let begun = std::time::Instant::now();
    let answer = server.caller().post("/api/v1/admin/tsdb/snapshot", "", &[])?.successful("snapshot")?;
    if begun.elapsed() > COMPACT_MAX {
        return Err("the snapshot took too long".into());
    }
    let answer = answer.json()?;
    let name = answer["data"]["name"].as_str().ok_or("a snapshot without a name")?;
    disk_bytes(&server.directory.join("tsdb/snapshots").join(name))
}
