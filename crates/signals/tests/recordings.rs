//! Real recordings, and what is known of them.

use std::io::Read;
use std::path::Path;

use kernel::{Ratio, Span};
use signals::replay::{Found, LogFormat, Replay};
use signals::{FailedWhen, access_log, nginx_status};

/// The text of a recording; says why it is skipped where the recordings are not beside the project.
fn recording(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {name} is not in ../shared/data beside the project");
        return None;
    }
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).expect("it exists"))
        .read_to_end(&mut text)
        .expect("a whole gzip file");
    Some(text)
}

fn replay<'l>(format: LogFormat, lines: impl IntoIterator<Item = &'l [u8]>) -> Found {
    let mut replay = Replay::new(format, Span::from_mins(1), FailedWhen::default()).expect("5xx is a class");
    for line in lines {
        replay.feed(line);
    }
    replay.finish()
}

fn ratio(text: &str) -> Ratio {
    text.parse().expect("a percentage")
}

#[test]
fn four_days_of_a_public_web_site() {
    let Some(log) = recording("access-logs/apache_combined_2015-05.log.gz") else { return };
    let found = replay(LogFormat::Combined, [&log[..]]);
    assert_eq!((found.lines, found.blank, found.unparsable), (10_000, 0, 0));
    assert_eq!((found.requests, found.failed, found.out_of_order), (10_000, 3, 4915));
    assert_eq!(found.first.unwrap().to_string(), "2015-05-17T10:05:00Z");
    assert_eq!(found.last.unwrap().to_string(), "2015-05-20T21:05:59Z");
    assert_eq!(found.slices.len(), 84);
    assert_eq!(found.slices_above(ratio("5%")), 0);
    assert_eq!(found.slices_above(ratio("0.5%")), 3);
}

#[test]
fn every_line_of_the_web_site_reads_with_all_its_fields() {
    let Some(log) = recording("access-logs/apache_combined_2015-05.log.gz") else { return };
    let mut truncated = Vec::new();
    for (line, number) in log.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        let read = access_log::parse(line).unwrap_or_else(|error| panic!("line {number}: {error}"));
        assert!(read.method.is_some() && read.path.is_some() && read.host.ip().is_some(), "line {number}");
        if read.truncated {
            truncated.push(number);
        }
    }
    assert_eq!(truncated, [8899], "one line was cut by the logger");
}

#[test]
fn forty_minutes_of_nginx_plus() {
    let Some(log) = recording("nginx-status/nginxplus_2015-10-31.ndjson.gz") else { return };
    let found = replay(LogFormat::NginxPlusStatus, [&log[..]]);
    assert_eq!((found.lines, found.unparsable, found.out_of_order), (500, 0, 0));
    let sums = |slices: &std::collections::BTreeMap<_, signals::Count>| {
        slices.values().fold((0, 0), |(all, bad), count| (all + count.total(), bad + count.bad))
    };
    let zones: Vec<_> = found
        .zones
        .iter()
        .map(|(zone, slices)| (zone.as_str(), sums(slices)))
        .map(|(zone, (all, bad))| (zone, all, bad))
        .collect();
    assert_eq!(zones, [("hg.nginx.org", 298, 3), ("lxr.nginx.org", 90, 0), ("trac.nginx.org", 752, 0)]);
    assert_eq!((found.requests, found.failed), (1140, 3));
    let in_slices: u64 = found.slices.values().map(|count| count.total()).sum();
    assert_eq!(in_slices, 1140);
}

#[test]
fn nginx_plus_in_any_order_and_twice_gives_the_same() {
    let Some(log) = recording("nginx-status/nginxplus_2015-10-31.ndjson.gz") else { return };
    let mut lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let in_order = replay(LogFormat::NginxPlusStatus, lines.iter().copied());
    lines.extend(lines.clone());
    let mut rng = kernel::Rng::new(7);
    for i in (1..lines.len()).rev() {
        lines.swap(i, rng.below(i as u64 + 1) as usize);
    }
    let shuffled = replay(LogFormat::NginxPlusStatus, lines);
    assert_eq!(shuffled.zones, in_order.zones);
    assert_eq!(shuffled.slices, in_order.slices);
}

#[test]
fn an_answered_request_is_neither_discarded_nor_in_progress() {
    let Some(log) = recording("nginx-status/nginxplus_2015-10-31.ndjson.gz") else { return };
    let mut unequal = 0;
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let page: serde_json::Value = serde_json::from_slice(line).unwrap();
        let snapshot = nginx_status::parse(line).unwrap();
        for (zone, responses) in &snapshot.zones {
            assert_eq!(responses.total, responses.by_class.iter().sum::<u64>());
            let number = |key: &str| page["server_zones"][zone][key].as_u64().unwrap();
            unequal +=
                u32::from(number("requests") != responses.total + number("discarded") + number("processing"));
        }
    }
    assert_eq!(unequal, 0);
}
