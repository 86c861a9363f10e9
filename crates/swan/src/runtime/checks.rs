//! Checks from outside: each probe is a sample, a request of the check's own source, and a verdict for the slice.

use facts::configuration::Check;
use kernel::{CheckId, Timestamp};
use signals::FailedWhen;
use web::ports::RequestEvents;

use super::instruments::{Instruments, OwnSample, Rhythm};

/// Under which name the probes of a check are counted.
pub(crate) fn source_of(check: &CheckId) -> String {
    format!("check:{check}")
}

/// Probes until the task is dropped.
pub(crate) async fn probe(tools: Instruments, id: CheckId, check: Check) {
    let probe = match prepare(&check) {
        Ok(probe) => probe,
        Err(problem) => {
            tracing::warn!(check = %id, problem, "a check cannot run");
            return;
        }
    };
    let mut rhythm = Rhythm::new(check.every, tools.clock.now());
    let mut streak = Streak::default();
    loop {
        let at = rhythm.tick(&*tools.clock).await;
        let outcome = egress::check::run(&tools.http, &probe).await;
        if let Err(fault) = keep(&tools, &id, &check, at, &outcome) {
            tracing::warn!(%fault, check = %id, "a probe was not written");
        }
        let result = if outcome.ok {
            Ok(())
        } else {
            Err(outcome.detail.unwrap_or_else(|| format!("{:?}", outcome.reason)))
        };
        let streak = streak.next(outcome.ok);
        let judge = signals::slice::Command::JudgeProbe { check: id.clone(), probed_at: at, result, streak };
        tools.report(judge).await;
    }
}

/// Probes in a row with one outcome.
#[derive(Default)]
struct Streak {
    ok: Option<bool>,
    length: u32,
}

impl Streak {
    fn next(&mut self, ok: bool) -> u32 {
        self.length = if self.ok == Some(ok) { self.length.saturating_add(1) } else { 1 };
        self.ok = Some(ok);
        self.length
    }
}

fn prepare(check: &Check) -> Result<egress::check::HttpCheck, String> {
    let url = egress::guard::read_url(egress::guard::Origin::Operator, &check.http)
        .map_err(|refusal| refusal.to_string())?;
    let timeout = check.timeout.to_std();
    let mut probe = egress::check::HttpCheck::new(url, timeout, egress::guard::Origin::Operator);
    let expected: FailedWhen = check.status.parse()?;
    // `FailedWhen` names a set of statuses; here it is the set that passes.
    let statuses = (100..600_u16).filter(|status| expected.is_failed(*status));
    probe.expected = egress::check::StatusSet::new(statuses.map(|status| status..=status));
    probe.body = check.body.iter().cloned().map(egress::check::BodyCondition::Contains).collect();
    Ok(probe)
}

fn keep(
    tools: &Instruments,
    id: &CheckId,
    check: &Check,
    at: Timestamp,
    outcome: &egress::check::CheckOutcome,
) -> Result<(), web::ports::Fault> {
    let of = |name| [("__name__", name), ("check", id.as_str()), ("service", check.service.as_str())];
    let success = of("probe_success");
    let duration = of("probe_duration_seconds");
    let samples = [
        OwnSample { labels: &success, value: f64::from(u8::from(outcome.ok)) },
        OwnSample { labels: &duration, value: outcome.latency.as_secs_f64() },
    ];
    tools.write(at, &samples)?;
    let source = source_of(id);
    let event = RequestEvents { source: &source, at, failed: !outcome.ok, count: 1 };
    web::ports::Requests::record(&*tools.requests, &[event]).map(|_| ())
}
