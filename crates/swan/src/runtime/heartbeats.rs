//! Heartbeats: each arrival is a sample; whether one is missing is judged every few seconds from the last sample.

use std::sync::Arc;

use engine::port::Port;
use kernel::{Actor, HeartbeatId, Span, Timestamp};
use promql::{Matcher, Selection, SeriesSource, TimeRange};
use web::ports::{Beat, Fault, Heartbeats, Samples, SeriesSamples};

use super::instruments::{Instruments, Rhythm};
use crate::clock::Clock;

/// The series of arrivals; its value is 1 for a success, 0 for a failure or a start.
const HEARTBEAT: &str = "swan_heartbeat";
/// How often a missing heartbeat is looked for.
const ROUND: Span = Span::from_secs(1);

/// Takes beats at the door.
pub(crate) struct Door {
    pub(crate) engine: Arc<dyn Port>,
    pub(crate) samples: Arc<dyn Samples>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) known: Arc<dyn Fn(&HeartbeatId) -> bool + Send + Sync>,
}

impl Heartbeats for Door {
    fn beat(&self, heartbeat: &HeartbeatId, beat: Beat) -> Result<bool, Fault> {
        if !(self.known)(heartbeat) {
            return Ok(false);
        }
        let (event, value) = match &beat {
            Beat::Started => ("start", 0.0),
            Beat::Succeeded => ("success", 1.0),
            Beat::Failed(_) => ("fail", 0.0),
        };
        let labels = [("__name__", HEARTBEAT), ("event", event), ("heartbeat", heartbeat.as_str())];
        let sample = (self.clock.now().as_millis(), value);
        self.samples.append(&[SeriesSamples { labels: &labels, samples: std::slice::from_ref(&sample) }])?;
        if let Beat::Failed(detail) = beat {
            let fail = signals::slice::Command::FailHeartbeat { heartbeat: heartbeat.clone(), detail };
            let reply = Box::new(|_| ());
            let submitted = self.engine.submit(Actor::Swan, fail.into(), reply);
            submitted.map_err(|why| Fault { doing: "report a failed job", detail: why.to_string() })?;
        }
        Ok(true)
    }
}

/// Looks for a missing heartbeat until the task is dropped.
pub(crate) async fn watch(tools: Instruments, heartbeat: HeartbeatId, horizon: Span) {
    let mut rhythm = Rhythm::new(ROUND, tools.clock.now());
    loop {
        let now = rhythm.tick(&*tools.clock).await;
        match last_success(&*tools.series, &heartbeat, now, horizon) {
            Ok(last) => {
                let judge = signals::slice::Command::JudgeHeartbeat { heartbeat: heartbeat.clone(), last };
                tools.report(judge).await;
            }
            Err(fault) => tracing::warn!(%fault, %heartbeat, "a heartbeat was not judged"),
        }
    }
}

fn last_success(
    series: &dyn SeriesSource,
    heartbeat: &HeartbeatId,
    now: Timestamp,
    horizon: Span,
) -> Result<Option<Timestamp>, Fault> {
    let matchers = [
        Matcher::equal("__name__", HEARTBEAT),
        Matcher::equal("event", "success"),
        Matcher::equal("heartbeat", heartbeat.as_str()),
    ];
    let mut last = None;
    let range = TimeRange::new(now - horizon, now + Span::from_mins(1));
    let selected = series.select(&Selection::new(&matchers, range), &mut |found| {
        last = last.max(found.timestamps.last().copied());
        std::ops::ControlFlow::Continue(())
    });
    selected.map_err(|fault| Fault { doing: "read heartbeats", detail: fault.to_string() })?;
    Ok(last.map(Timestamp::from_millis))
}
