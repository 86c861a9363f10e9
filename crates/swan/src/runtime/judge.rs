//! Judging slices as they end.
//!
//! A slice is judged a moment after its end and looked at again while events may still come: a verdict that changes
//! is a fact, and after an hour it is final. Where Swan was down, slices are judged from what was counted meanwhile.

use std::sync::Arc;

use facts::configuration::{Objective, Sli};
use facts::objectives::Tally;
use kernel::{ObjectiveId, ServiceId, Span, Timestamp};
use promql::Plan;
use web::ports::Fault;

use super::instruments::{Instruments, Rhythm};
use super::requests::{LATE_MAX, tallies_of};

/// How long after its end a slice is judged, where its requests are counted here.
const GRACE: Span = Span::from_secs(2);
/// The same where they are read from samples that a sender may hold back for a while.
const GRACE_OF_SAMPLES: Span = Span::from_secs(10);
/// How often judging looks whether a slice ended.
const ROUND: Span = Span::from_secs(1);
/// Slices that one command judges; more wait for the next round.
const SLICES_PER_COMMAND_MAX: i64 = 1_440;
/// How far back judging begins for an objective that was never judged, or not for long: older time is unknown.
const CATCH_UP_MAX: Span = Span::from_hours(2);
/// Slices without a fault among them that are judged together, so that a quiet day writes few facts.
const QUIET_SLICES_TOGETHER: usize = 5;

/// Judges an objective until the task is dropped.
pub(crate) async fn judge_objective(tools: Instruments, service: ServiceId, objective: Objective) {
    let mut judging = match Judging::new(tools, service, objective) {
        Ok(judging) => judging,
        Err(refusal) => {
            tracing::warn!(refusal, "an objective cannot be judged");
            return;
        }
    };
    let mut rhythm = Rhythm::new(ROUND, judging.tools.clock.now());
    loop {
        let now = rhythm.tick(&*judging.tools.clock.clone()).await;
        if let Err(fault) = judging.round(now).await {
            tracing::warn!(%fault, service = %judging.service, "slices were not judged; the next round tries again");
        }
    }
}

/// Where a slice's requests are counted.
enum Source {
    /// Under this name.
    Counted(String),
    /// By two expressions.
    Expressions { total: Arc<Plan>, part: Arc<Plan>, part_is_bad: bool },
}

struct Judging {
    tools: Instruments,
    service: ServiceId,
    objective: ObjectiveId,
    slice: Span,
    source: Source,
    grace: Span,
    /// The hour's end up to which slices were made final; the first round asks the World.
    next_final: Option<Timestamp>,
}

impl Judging {
    fn new(tools: Instruments, service: ServiceId, objective: Objective) -> Result<Self, String> {
        let source = source(&tools, &objective.sli)?;
        let grace = if matches!(source, Source::Counted(_)) { GRACE } else { GRACE_OF_SAMPLES };
        let slice = objective.sli.slice;
        Ok(Self { tools, service, objective: objective.name, slice, source, grace, next_final: None })
    }

    async fn round(&mut self, now: Timestamp) -> Result<(), Fault> {
        let Some(known) = self.known().await else { return Ok(()) };
        let ended = (now - self.grace).floor(self.slice);
        let earliest = (now - CATCH_UP_MAX).floor(self.slice);
        let from = known.judged_through.map_or(ended - self.slice, |through| through.max(earliest));
        let is_first = known.judged_through.is_none();
        self.judge(from, ended, is_first || known.is_down).await?;
        self.look_again(known.final_through, from, now).await?;
        self.finalise(known.final_through.or(known.first_judged), known.judged_through, now).await
    }

    async fn known(&self) -> Option<Known> {
        let (service, objective) = (self.service.clone(), self.objective.clone());
        let look = self.tools.view(move |world| Known {
            first_judged: world.objectives.first_judged(&service, &objective),
            judged_through: world.objectives.judged_through(&service, &objective),
            final_through: world.objectives.final_through(&service, &objective),
            is_down: world.objectives.is_down(&service, &objective),
        });
        look.await.ok()
    }

    async fn judge(&self, from: Timestamp, ended: Timestamp, at_once: bool) -> Result<(), Fault> {
        let slices = ((ended - from).as_millis() / self.slice.as_millis()).min(SLICES_PER_COMMAND_MAX);
        let Ok(slices) = usize::try_from(slices) else { return Ok(()) };
        if slices == 0 {
            return Ok(());
        }
        let tallies = self.tallies(from, slices).await?;
        let quiet = !at_once && tallies.iter().all(|tally| tally.is_some_and(|tally| tally.bad == 0));
        if quiet && slices < QUIET_SLICES_TOGETHER {
            return Ok(());
        }
        let (service, objective) = (self.service.clone(), self.objective.clone());
        self.tools.report(objectives::Command::JudgeSlices { service, objective, from, tallies }).await;
        Ok(())
    }

    /// Slices that were judged in the last minutes, by what is counted by now.
    async fn look_again(
        &self,
        final_through: Option<Timestamp>,
        judged: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let recent = (now - self.slice.times(LOOKED_AT_AGAIN)).floor(self.slice);
        let from = final_through.map_or(recent, |through| through.max(recent));
        let slices = (judged - from).as_millis() / self.slice.as_millis();
        if let Ok(slices @ 1..) = usize::try_from(slices) {
            let tallies = self.tallies(from, slices).await?;
            let (service, objective) = (self.service.clone(), self.objective.clone());
            self.tools.report(objectives::Command::RejudgeSlices { service, objective, from, tallies }).await;
        }
        Ok(())
    }

    /// Once in a while, everything that is older than late events may be.
    async fn finalise(
        &mut self,
        final_through: Option<Timestamp>,
        judged_through: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let (Some(from), Some(judged)) = (final_through, judged_through) else { return Ok(()) };
        let through = (now - LATE_MAX).floor(self.slice).min(judged);
        if self.next_final.is_some_and(|due| now < due) {
            return Ok(());
        }
        self.next_final = Some(now + FINAL_EVERY);
        let slices = ((through - from).as_millis() / self.slice.as_millis()).min(SLICES_PER_COMMAND_MAX);
        if let Ok(slices @ 1..) = usize::try_from(slices) {
            let tallies = self.tallies(from, slices).await?;
            let (service, objective) = (self.service.clone(), self.objective.clone());
            self.tools
                .report(objectives::Command::FinaliseSlices { service, objective, from, tallies })
                .await;
        }
        Ok(())
    }

    async fn tallies(&self, from: Timestamp, slices: usize) -> Result<Vec<Option<Tally>>, Fault> {
        match &self.source {
            Source::Counted(name) => tallies_of(&*self.tools.series, name, from, self.slice, slices),
            Source::Expressions { total, part, part_is_bad } => {
                let mut tallies = Vec::with_capacity(slices);
                for place in 1..=slices {
                    let end = from + self.slice.times(place as i64);
                    tallies.push(self.evaluate(total, part, *part_is_bad, end).await?);
                }
                Ok(tallies)
            }
        }
    }

    async fn evaluate(
        &self,
        total: &Arc<Plan>,
        part: &Arc<Plan>,
        part_is_bad: bool,
        end: Timestamp,
    ) -> Result<Option<Tally>, Fault> {
        let Some(total) = self.sum(total, end).await? else { return Ok(None) };
        // A class of responses that never occurred has no series: it counts nothing.
        let part = self.sum(part, end).await?.unwrap_or(0).min(total);
        let (good, bad) = if part_is_bad { (total - part, part) } else { (part, total - part) };
        Ok(Some(Tally { good, bad }))
    }

    async fn sum(&self, plan: &Arc<Plan>, at: Timestamp) -> Result<Option<u64>, Fault> {
        let elements = self.tools.query(Arc::clone(plan), at).await;
        let elements = elements.map_err(|detail| Fault { doing: "evaluate an SLI", detail })?;
        let values: Vec<f64> = elements.iter().map(|(_, value)| *value).filter(|v| v.is_finite()).collect();
        // `increase` extrapolates, so a count may come as 9.97.
        Ok((!values.is_empty()).then(|| values.iter().sum::<f64>().round().max(0.0) as u64))
    }
}

/// Judged slices that every round looks at again.
const LOOKED_AT_AGAIN: i64 = 10;
/// How often slices are made final.
const FINAL_EVERY: Span = Span::from_mins(10);

struct Known {
    first_judged: Option<Timestamp>,
    judged_through: Option<Timestamp>,
    final_through: Option<Timestamp>,
    is_down: bool,
}

fn source(tools: &Instruments, sli: &Sli) -> Result<Source, String> {
    let parse = |text: &str| tools.plan(text);
    match sli {
        Sli { requests: Some(name), .. } => Ok(Source::Counted(name.clone())),
        Sli { check: Some(check), .. } => Ok(Source::Counted(super::checks::source_of(check))),
        Sli { total: Some(total), bad: Some(bad), .. } => {
            Ok(Source::Expressions { total: parse(total)?, part: parse(bad)?, part_is_bad: true })
        }
        Sli { total: Some(total), good: Some(good), .. } => {
            Ok(Source::Expressions { total: parse(total)?, part: parse(good)?, part_is_bad: false })
        }
        _ => Err("an SLI needs `requests`, `check`, or `total` with `bad` or `good`".to_owned()),
    }
}
