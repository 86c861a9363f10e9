//! Rounds of 1,000 rules over 100 series each: first none of them holds, then all do.
//!
//! The servers judge by themselves, on their interval; what is weighed is all that they do in whole intervals. Samples
//! end before the first interval that counts, and the windows of the rules reach back to them.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::receiver::receive;
use super::{Course, ingest};
use crate::figure::{Figure, Measured};
use crate::load::{HOST, Load, Plan};
use crate::server::{Kind, Server, Wishes};
use crate::{Outcome, clock};

const RULES: usize = 1000;
/// Rules of one group.
const GROUP: usize = 100;
/// Between two rounds at full scale; the slowest peer needs most of it.
const INTERVAL_S: f64 = 20.0;
/// Intervals that are weighed, after one that is not.
const INTERVALS: u32 = 2;

pub(super) fn measure(course: &Course<'_>, kind: Kind) -> Outcome<Measured> {
    let inactive = round_ms(course, kind, "> 1e12", false)?;
    let active = round_ms(course, kind, ">= 0", true)?;
    Ok(Measured::from([(Figure::RoundInactive, inactive), (Figure::RoundActive, active)]))
}

/// CPU milliseconds of one round.
fn round_ms(course: &Course<'_>, kind: Kind, condition: &str, is_active: bool) -> Outcome<f64> {
    let directory = course.directory.join(if is_active { "active" } else { "inactive" });
    std::fs::create_dir_all(&directory)?;
    let interval_s = (INTERVAL_S * course.scale).max(5.0) as u32;
    let series = course.series(RULES * HOST);
    let rules = directory.join("rules.yml");
    write_rules(&rules, series / HOST, condition, interval_s)?;
    // `vmalert` does not start without somebody to tell.
    let receiver = if kind == Kind::Victoria { Some(receive(&Arc::default())?) } else { None };
    let wishes = Wishes { rules: Some(rules), receiver, interval_s, ..Wishes::default() };
    // The last host's sample is 15 s after the round's time: by now all are past.
    let plan = Plan { metric: ingest::METRIC, series, rounds: 20, end_ms: clock::now_ms() - 15_000 };
    let load = Load::encode(&directory.join("load"), plan)?;
    let server = Server::start(course.programs, kind, &directory.join("server"), &wishes)?;
    load.send(&server)?;
    server.flush()?;
    clock::pause(Duration::from_secs(u64::from(interval_s)));
    let before = server.weight()?.cpu_s;
    clock::pause(Duration::from_secs(u64::from(interval_s * INTERVALS)));
    let spent = server.weight()?.cpu_s - before;
    check_alerts(&server, series, is_active)?;
    Ok(spent * 1000.0 / f64::from(INTERVALS))
}

fn write_rules(path: &Path, count: usize, condition: &str, interval_s: u32) -> Outcome<()> {
    let mut text = String::from("groups:\n");
    for rule in 0..count {
        if rule % GROUP == 0 {
            writeln!(text, "- name: group{}\n  interval: {interval_s}s\n  rules:", rule / GROUP)?;
        }
        let expression = format!("rate({}{{grp=\"g{rule:05}\"}}[5m]) {condition}", ingest::METRIC);
        writeln!(text, "  - {{ alert: Rule{rule}, expr: '{expression}', labels: {{ severity: info }} }}")?;
    }
    Ok(std::fs::write(path, text)?)
}

/// Rules that judge nothing cost nothing: the alerts have to be there.
fn check_alerts(server: &Server, series: usize, is_active: bool) -> Outcome<()> {
    let expression = "count(ALERTS{alertstate=\"firing\"})";
    let result = server.query(&mut server.caller(), expression, clock::now_ms())?;
    let count = result[0]["value"][1].as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let wanted = if is_active { series as f64 } else { 0.0 };
    if (count - wanted).abs() > wanted / 100.0 {
        return Err(format!("{count} alerts fire, and {wanted} should").into());
    }
    Ok(())
}
