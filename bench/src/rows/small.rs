//! A dashboard's query over 1,000 series.

use super::{Course, ingest};
use crate::figure::{Figure, Measured};
use crate::load::{Load, Plan};
use crate::server::{Kind, Server, Wishes};
use crate::{Outcome, clock};

pub(super) fn measure(course: &Course<'_>, kind: Kind) -> Outcome<Measured> {
    let end_ms = clock::now_ms() - 60_000;
    let plan = Plan { metric: ingest::METRIC, series: 1000, rounds: 260, end_ms };
    let load = Load::encode(&course.directory.join("load"), plan)?;
    let server = Server::start(course.programs, kind, &course.directory.join("server"), &Wishes::default())?;
    load.send(&server)?;
    server.flush()?;
    Ok(Measured::from([(Figure::SmallRangeQuery, ingest::query_ms(&server, end_ms, Some(15))?)]))
}
