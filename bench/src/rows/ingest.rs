//! 100,000 series with 260 samples each: how fast they are taken, what they weigh, and how fast they are asked.

use std::time::Instant;

use super::Course;
use crate::figure::{Figure, Measured, median};
use crate::load::{Load, Plan};
use crate::server::{Kind, Server, Wishes};
use crate::{Outcome, clock};

pub(super) const METRIC: &str = "http_requests_total";
const SERIES: usize = 100_000;
const ROUNDS: usize = 260;
/// How often a query is asked; the first time does not count.
const ASKED: usize = 6;

/// What is measured before something fails is kept.
pub(super) fn measure(course: &Course<'_>, kind: Kind, measured: &mut Measured) -> Outcome<()> {
    let end_ms = clock::now_ms() - 60_000;
    let plan = Plan { metric: METRIC, series: course.series(SERIES), rounds: ROUNDS, end_ms };
    let load = Load::encode(&course.directory.join("load"), plan)?;
    let server = Server::start(course.programs, kind, &course.directory.join("server"), &Wishes::default())?;
    let sent = load.send(&server)?;
    let peak = server.weight()?.rss_peak_bytes;
    server.flush()?;
    measured.extend([
        (Figure::SamplesPerCpuSecond, load.samples as f64 / sent.cpu_s.max(0.01) / 1000.0),
        (Figure::RequestP50, sent.quantile_ms(0.5)),
        (Figure::RequestP99, sent.quantile_ms(0.99)),
        (Figure::RequestMax, sent.quantile_ms(1.0)),
        (Figure::PeakMemory, peak as f64 / 1e6),
    ]);
    eprintln!("  {} samples in {:.1} s, {:.1} s of CPU", load.samples, sent.wall_s, sent.cpu_s);
    measured.insert(Figure::InstantQuery, query_ms(&server, end_ms, None)?);
    measured.insert(Figure::RangeQuery, query_ms(&server, end_ms, Some(60))?);
    let bytes = server.compacted_bytes()?;
    measured.insert(Figure::DiskPerSample, bytes as f64 / load.samples as f64);
    Ok(())
}

/// How long `sum by(job)(rate(x[5m]))` takes at an instant, or over the hour before it.
pub(super) fn query_ms(server: &Server, end_ms: i64, step_s: Option<i64>) -> Outcome<f64> {
    let expression = format!("sum by(job)(rate({METRIC}[5m]))");
    let (mut caller, mut took) = (server.caller(), Vec::new());
    for asked in 0..ASKED {
        let begun = Instant::now();
        let result = match step_s {
            None => server.query(&mut caller, &expression, end_ms)?,
            Some(step_s) => {
                server.query_range(&mut caller, &expression, (end_ms - 3_600_000, end_ms), step_s)?
            }
        };
        let elapsed = begun.elapsed().as_secs_f64() * 1000.0;
        if result.as_array().is_none_or(Vec::is_empty) {
            return Err(format!("`{expression}` gave nothing").into());
        }
        if asked > 0 {
            took.push(elapsed);
        }
    }
    Ok(median(&took).unwrap_or(0.0))
}
