//! VictoriaMetrics, and `vmalert` beside it where rules are judged: both count as the server.

use std::net::SocketAddr;
use std::path::Path;

use super::{COMPACT_MAX, Server, Wishes};
use crate::process::{Process, disk_bytes};
use crate::{Outcome, clock};

pub(super) fn start(
    program: &Path,
    directory: &Path,
    address: SocketAddr,
    _: &Wishes,
) -> Outcome<Vec<Process>> {
    let arguments = [
        "-storageDataPath=data".to_owned(),
        format!("-httpListenAddr={address}"),
        "-retentionPeriod=100y".to_owned(),
        // Answers are of now, as those of the others are.
        "-search.latencyOffset=0s".to_owned(),
        "-search.maxUniqueTimeseries=2000000".to_owned(),
        "-loggerLevel=ERROR".to_owned(),
    ];
    Ok(vec![Process::start(program, &arguments, directory)?])
}

pub(super) fn start_rules(
    program: &Path,
    directory: &Path,
    address: SocketAddr,
    wishes: &Wishes,
) -> Outcome<Process> {
    let rules = wishes.rules.as_ref().ok_or("rules are judged where there are rules")?;
    let receiver = wishes.receiver.ok_or("`vmalert` needs somebody to tell of alerts")?;
    let arguments = [
        format!("-rule={}", rules.display()),
        format!("-datasource.url=http://{address}"),
        format!("-remoteWrite.url=http://{address}"),
        format!("-remoteRead.url=http://{address}"),
        format!("-notifier.url=http://{receiver}"),
        format!("-evaluationInterval={}s", wishes.interval_s.max(1)),
        "-httpListenAddr=127.0.0.1:0".to_owned(),
        "-loggerLevel=ERROR".to_owned(),
    ];
    Process::start(&program.with_file_name("vmalert"), &arguments, directory)
}

/// Merges everything into one part, and waits until the disk no longer shrinks.
pub(super) fn compacted_bytes(server: &Server) -> Outcome<u64> {
    server.flush()?;
    server.caller().get("/internal/force_merge")?.successful("merge")?;
    let data = server.directory.join("data");
    let mut last = (0, 0);
    clock::until("the merge to end", COMPACT_MAX, || {
        clock::pause(std::time::Duration::from_millis(500));
        // Files go while they are counted.
        let bytes = disk_bytes(&data).unwrap_or(0);
        last = if bytes == last.0 { (bytes, last.1 + 1) } else { (bytes, 0) };
        Ok((bytes > 0 && last.1 >= 4).then_some(bytes))
    })
}
