//! A million series that nobody saw before, one sample each.

use super::{Course, ingest};
use crate::figure::{Figure, Measured};
use crate::load::{Load, Plan};
use crate::server::{Kind, Server, Wishes};
use crate::{Outcome, clock};

const SERIES: usize = 1_000_000;

pub(super) fn measure(course: &Course<'_>, kind: Kind) -> Outcome<Measured> {
    let series = course.series(SERIES);
    let plan = Plan { metric: ingest::METRIC, series, rounds: 1, end_ms: clock::now_ms() - 60_000 };
    let load = Load::encode(&course.directory.join("load"), plan)?;
    let server = Server::start(course.programs, kind, &course.directory.join("server"), &Wishes::default())?;
    let sent = load.send(&server)?;
    server.flush()?;
    let weight = server.weight()?;
    Ok(Measured::from([
        (Figure::SeriesPerCpuSecond, series as f64 / sent.cpu_s.max(0.01) / 1000.0),
        (Figure::MemoryPerSeries, weight.rss_bytes as f64 / series as f64),
    ]))
}
