//! `swan replay` on recordings of real servers, and on what is damaged.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::swan::{run, run_with_input, skipped};

const LINE: &str = r#"192.0.2.7 - - [20/Nov/2026:09:30:00 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8""#;
const FAILED: &str = r#"192.0.2.7 - - [20/Nov/2026:09:31:30 +0000] "GET /pay HTTP/1.1" 503 0 "-" "curl/8""#;

/// A recording that is handed out beside the project.
fn recording(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.is_file() {
        skipped(&format!("the recording `shared/data/{name}` is not beside the project"));
        return None;
    }
    Some(path)
}

/// A directory in which a recording has a short name.
fn beside(path: &Path, name: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(path.canonicalize().unwrap(), directory.path().join(name)).unwrap();
    directory
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn four_days_of_a_public_site_become_a_ledger() {
    let Some(path) = recording("access-logs/apache_combined_2015-05.log.gz") else { return };
    let directory = beside(&path, "access.log.gz");
    let printed = run(directory.path(), &["replay", "access.log.gz", "--service", "site"]);
    insta::assert_snapshot!(printed.seen(), @r"
    site: 10000 requests from 2015-05-17T10:05:00Z to 2015-05-20T21:05:59Z
      3 failed (5xx); 4915 lines out of order
      84 minutes measured, 84 up, 0 down (error_ratio > 5%), 4897 unknown
      availability 100%
    exit code 0
    ");
    let strict = ["replay", "access.log.gz", "--service", "site", "--down-when", "error_ratio > 0.5%"];
    insta::assert_snapshot!(run(directory.path(), &strict).seen(), @r"
    site: 10000 requests from 2015-05-17T10:05:00Z to 2015-05-20T21:05:59Z
      3 failed (5xx); 4915 lines out of order
      84 minutes measured, 81 up, 3 down (error_ratio > 0.5%), 4897 unknown
      availability 96.4285%
    DOWN                  REQUESTS  FAILED  ERROR RATIO
    2015-05-18T03:05:00Z  114       1       0.88%
    2015-05-18T15:05:00Z  133       1       0.75%
    2015-05-20T14:05:00Z  122       1       0.82%
    exit code 0
    ");
}

#[test]
fn scripts_read_the_same_figures_as_json() {
    let Some(path) = recording("access-logs/apache_combined_2015-05.log.gz") else { return };
    let directory = beside(&path, "access.log.gz");
    let strict =
        ["replay", "access.log.gz", "--service", "site", "--down-when", "error_ratio > 0.5%", "--json"];
    let found = run(directory.path(), &strict).json();
    let figures = ["lines", "unparsable", "requests", "failed", "measured", "up", "down"];
    let figures: Vec<u64> = figures.iter().map(|name| found[name].as_u64().expect("a number")).collect();
    assert_eq!(figures, [10_000, 0, 10_000, 3, 84, 81, 3]);
    let outages = found["outages"].as_array().unwrap();
    assert_eq!(outages.iter().map(|outage| outage["slices"].as_u64().unwrap()).sum::<u64>(), 3);
    assert_eq!(outages.iter().map(|outage| outage["failed"].as_u64().unwrap()).sum::<u64>(), 3);
}

#[test]
fn a_log_may_come_as_it_is_or_through_a_pipe() {
    let Some(path) = recording("access-logs/apache_combined_2015-05.log.gz") else { return };
    let directory = beside(&path, "access.log.gz");
    let mut plain = Vec::new();
    GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_end(&mut plain).unwrap();
    std::fs::write(directory.path().join("access.log"), &plain).unwrap();
    let replay = |log: &str| run(directory.path(), &["replay", log, "--service", "site"]).seen();
    let from_gzip = replay("access.log.gz");
    assert_eq!(replay("access.log"), from_gzip);
    let piped =
        |input: &[u8]| run_with_input(directory.path(), &["replay", "-", "--service", "site"], input).seen();
    assert_eq!(piped(&plain), from_gzip);
    assert_eq!(piped(&std::fs::read(&path).unwrap()), from_gzip);
}

#[test]
fn snapshots_of_nginx_plus_become_requests_per_zone() {
    let Some(path) = recording("nginx-status/nginxplus_2015-10-31.ndjson.gz") else { return };
    let directory = beside(&path, "status.ndjson.gz");
    let replay = ["replay", "status.ndjson.gz", "--format", "nginx-plus-status", "--json"];
    let found = run(directory.path(), &replay).json();
    let zones = found["zones"].as_object().unwrap();
    let mut totals: Vec<u64> = zones.values().map(|zone| zone["requests"].as_u64().unwrap()).collect();
    totals.sort_unstable();
    assert_eq!(totals, [90, 298, 752]);
    assert_eq!(zones.values().map(|zone| zone["failed"].as_u64().unwrap()).sum::<u64>(), 3);
    for zone in zones.values() {
        let slices = zone["slices"].as_object().unwrap();
        let sum = |key: &str| slices.values().map(|slice| slice[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(
            (sum("requests"), sum("failed")),
            (zone["requests"].as_u64().unwrap(), zone["failed"].as_u64().unwrap())
        );
    }
    let printed = run(directory.path(), &replay[..4]).stdout;
    let is_total =
        |line: &&str| line.contains(" all ") || line.starts_with("service:") || line.starts_with("  ");
    let totals = printed.lines().filter(is_total).fold(String::new(), |all, line| all + line + "\n");
    insta::assert_snapshot!(totals, @r"
    service: 1140 requests from 2015-10-30T23:58:19.322Z to 2015-10-31T00:40:53.399Z
      3 failed (5xx); 0 lines out of order
    hg.nginx.org    all                   298       3
    lxr.nginx.org   all                   90        0
    trac.nginx.org  all                   752       0
      43 minutes measured, 42 up, 1 down (error_ratio > 5%), 0 unknown
      availability 97.6744%
    ");
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_shown_with_their_number() {
    let directory = tempfile::tempdir().unwrap();
    let log = format!("{LINE}\nnot a line of an access log\n\n{FAILED}\n{}\n", &LINE[..40]);
    std::fs::write(directory.path().join("access.log"), log).unwrap();
    insta::assert_snapshot!(run(directory.path(), &["replay", "access.log"]).seen(), @r#"
    service: 2 requests from 2026-11-20T09:30:00Z to 2026-11-20T09:31:30Z
      1 failed (5xx); 0 lines out of order
      2 of 5 lines could not be read
        line 2: byte 0: not a line of an access log: `not a line of an access log` (hint: a line reads `host - user [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 512`): `not a line of an access log`
        line 5: byte 14: no time in brackets and quoted request after it: `20/Nov/2026:09:30:00 +000` (hint: a line reads `host - user [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 512`): `192.0.2.7 - - [20/Nov/2026:09:30:00 +000`
      2 minutes measured, 1 up, 1 down (error_ratio > 5%), 0 unknown
      availability 50%
    DOWN                  REQUESTS  FAILED  ERROR RATIO
    2026-11-20T09:31:00Z  1         1       100.00%
    exit code 0
    "#);
}

#[test]
fn what_came_before_the_damage_of_a_truncated_gzip_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let whole = gzip(format!("{LINE}\n").repeat(50_000).as_bytes());
    std::fs::write(directory.path().join("access.log.gz"), &whole[..whole.len() / 2]).unwrap();
    let damaged = run(directory.path(), &["replay", "access.log.gz", "--json"]);
    assert_eq!(damaged.code, Some(2));
    let found: serde_json::Value = serde_json::from_str(&damaged.stdout).unwrap();
    let requests = found["requests"].as_u64().unwrap();
    assert!((10_000..50_000).contains(&requests), "{requests} requests were counted");
    // The line in which it broke off is no line.
    let line = found["lines"].as_u64().unwrap() - found["unparsable"].as_u64().unwrap();
    assert_eq!(
        damaged.stderr,
        format!(
            "error: `access.log.gz` is damaged after line {line}: incomplete deflate stream\n  \
             hint: what came before it is counted above; fetch the file again\n"
        )
    );
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("access.log"), format!("{LINE}\n")).unwrap();
    let seen = |arguments: &[&str]| run(directory.path(), arguments).seen();
    insta::assert_snapshot!(seen(&["replay", "missing.log"]), @r"
    error: cannot open `missing.log`: No such file or directory (os error 2)
    exit code 3
    ");
    insta::assert_snapshot!(seen(&["replay", "access.log", "--down-when", "latency > 1s"]), @r"
    error: invalid value 'latency > 1s' for '--down-when <CONDITION>': `latency > 1s` is not a condition like `error_ratio > 5%`, the only form supported yet

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(seen(&["replay", "access.log", "--format", "iis"]), @r"
    error: invalid value 'iis' for '--format <FORMAT>': `iis` is not a log format; the formats are `combined`, `common`, `json`, `nginx-plus-status`

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(seen(&["replay", "access.log", "--failed", "everything"]), @r"
    error: invalid value 'everything' for '--failed <STATUSES>': `everything` is not a status code like `429` or a class like `5xx`; write several with commas: `5xx,429`

    For more information, try '--help'.
    exit code 2
    ");
}
