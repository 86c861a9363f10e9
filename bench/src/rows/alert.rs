//! From the start of a write that makes a rule true to its alert.
//!
//! Each attempt has a rule and a series of its own, whose earlier samples made it false. Swan judges when the sample
//! arrives, and the journal's live stream tells of what is durable; the peers judge every five seconds, and tell a
//! receiver of alerts.

use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::Course;
use super::receiver::{Sightings, receive};
use crate::figure::{Figure, Measured, quantile};
use crate::http::lines;
use crate::server::{Kind, Server, Wishes};
use crate::wire::{Body, Value, labels};
use crate::{Outcome, clock};

/// Attempts with a server that judges on arrival.
const ATTEMPTS: usize = 200;
/// Attempts with one that judges by an interval, and how far apart.
const ATTEMPTS_BY_INTERVAL: usize = 60;
const APART: Duration = Duration::from_millis(270);
const INTERVAL_S: u32 = 5;
/// How long a server that just started is left alone.
const SETTLED: Duration = Duration::from_secs(12);
/// How long an alert may take.
const ALERT_MAX: Duration = Duration::from_secs(20);
/// Writes whose fsync is timed.
const FSYNCS: usize = 200;

pub(super) fn measure(course: &Course<'_>, kind: Kind) -> Outcome<Measured> {
    let on_arrival = kind == Kind::Swan;
    let attempts = if on_arrival { ATTEMPTS } else { ATTEMPTS_BY_INTERVAL };
    let rules = course.directory.join("rules.yml");
    write_rules(&rules, attempts)?;
    let sightings = Arc::new(Sightings::default());
    let receiver = if on_arrival { None } else { Some(receive(&sightings)?) };
    let wishes = Wishes { rules: Some(rules), receiver, interval_s: INTERVAL_S, ..Wishes::default() };
    let server = Server::start(course.programs, kind, &course.directory.join("server"), &wishes)?;
    // Earlier samples, so that no series is new when it matters.
    for ago_s in [20, 15, 10] {
        let body = push((0..attempts).map(|attempt| (attempt, clock::now_ms() - ago_s * 1000, 0.0)))?;
        server.caller().remote_write(server.write_path(), &body)?.successful("push")?;
    }
    if on_arrival {
        watch(&sightings, server.address)?;
    }
    // The grace of the earlier samples passes, and a Prometheus finds out where its receiver is.
    clock::pause(SETTLED);
    let (mut caller, mut begun_us) = (server.caller(), Vec::with_capacity(attempts));
    for attempt in 0..attempts {
        let body = push([(attempt, clock::now_ms(), 1.0)])?;
        begun_us.push(clock::now_us());
        caller.remote_write(server.write_path(), &body)?.successful("push")?;
        if on_arrival {
            sightings.wait_for(&format!("Push{attempt}"), ALERT_MAX)?;
        } else {
            clock::pause(APART);
        }
    }
    let (mut took, mut decided) = (Vec::new(), Vec::new());
    for (attempt, begun_us) in begun_us.into_iter().enumerate() {
        let seen = sightings.wait_for(&format!("Push{attempt}"), ALERT_MAX)?;
        took.push((seen.at_us - begun_us) as f64 / 1000.0);
        decided.extend(seen.decided_us.map(|decided_us| (decided_us - begun_us).max(0) as f64 / 1000.0));
    }
    let mut measured = Measured::from([
        (Figure::AlertMean, took.iter().sum::<f64>() / took.len() as f64),
        (Figure::AlertMax, quantile(&took, 1.0).unwrap_or(0.0)),
    ]);
    if on_arrival {
        measured.insert(Figure::AlertP99, quantile(&took, 0.99).unwrap_or(0.0));
        measured.extend(quantile(&decided, 0.99).map(|value| (Figure::AlertDecidedP99, value)));
        measured.insert(Figure::FsyncP99, fsync_p99_ms(course)?);
    }
    Ok(measured)
}

fn write_rules(path: &std::path::Path, count: usize) -> Outcome<()> {
    let mut text = format!("groups:\n- name: pushes\n  interval: {INTERVAL_S}s\n  rules:\n");
    for attempt in 0..count {
        text += &format!(
            "  - {{ alert: Push{attempt}, expr: 'push_{attempt} > 0', labels: {{ severity: info }} }}\n"
        );
    }
    Ok(std::fs::write(path, text)?)
}

fn push(samples: impl IntoIterator<Item = (usize, i64, f64)>) -> Outcome<Vec<u8>> {
    let mut body = Body::default();
    for (attempt, at_ms, value) in samples {
        let name = format!("push_{attempt}");
        body.series(&labels([("__name__", name.as_str()), ("job", "push")]), &[(at_ms, Value::Float(value))]);
    }
    Ok(body.compressed()?)
}

/// Follows Swan's journal until the server ends.
fn watch(sightings: &Arc<Sightings>, address: SocketAddr) -> Outcome<()> {
    let (events, sightings) = (lines(address, "/v1/live")?, Arc::clone(sightings));
    std::thread::spawn(move || {
        for line in events {
            let Some(text) = line.strip_prefix("data:").filter(|text| text.contains("alert_fired")) else {
                continue;
            };
            let Ok(entry) = serde_json::from_str::<Json>(text.trim()) else { continue };
            if let Some(name) = find(&entry["fact"], "alertname") {
                let decided_us = entry["at"].as_str().and_then(microseconds);
                sightings.saw(name, decided_us);
            }
        }
    });
    Ok(())
}

/// The first string under this key, however deep.
fn find(value: &Json, key: &str) -> Option<String> {
    match value {
        Json::Object(fields) => fields.get(key).and_then(Json::as_str).map(str::to_owned).or_else(|| {
            let mut inner = fields.values();
            inner.find_map(|value| find(value, key))
        }),
        Json::Array(all) => all.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

/// Of a time as RFC 3339 has it, in UTC.
fn microseconds(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':');
    let (hour, minute): (i64, i64) = (time.next()?.parse().ok()?, time.next()?.parse().ok()?);
    let second: f64 = time.next()?.parse().ok()?;
    // Days since 1970 with years that begin in March (howardhinnant.github.io/date_algorithms.html, days_from_civil).
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60) * 1_000_000 + (second * 1e6) as i64)
}

/// What this disk takes to keep 4 KiB.
fn fsync_p99_ms(course: &Course<'_>) -> Outcome<f64> {
    let file = std::fs::File::create(course.directory.join("fsync"))?;
    let mut took = Vec::with_capacity(FSYNCS);
    for write in 0..FSYNCS {
        file.write_all_at(&[7; 4096], 4096 * write as u64)?;
        let begun = Instant::now();
        file.sync_data()?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(quantile(&took, 0.99).unwrap_or(0.0))
}
