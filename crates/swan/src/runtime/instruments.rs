//! What every task of the runtime works with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alerting::templates::Outside;
use engine::port::{Decided, Port, Unavailable};
use engine::{Command, Refusal, World};
use kernel::{Actor, Labels, Span, Timestamp};
use promql::{SeriesSource, Value};
use web::ports::{Fault, Intake, Samples, SeriesSamples};

use super::requests::RequestCounter;
use super::rules::arrivals::Arrivals;
use crate::clock::Clock;

/// Shared by all tasks; cheap to clone.
#[derive(Clone)]
pub(crate) struct Instruments {
    pub(crate) engine: Arc<dyn Port>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) samples: Arc<dyn Samples>,
    /// Takes histograms too.
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) series: Arc<dyn SeriesSource>,
    pub(crate) requests: Arc<RequestCounter>,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) http: egress::http::Client,
    /// The PromQL of the configuration that a task belongs to.
    pub(crate) promql: promql::Settings,
    /// What templates see of that configuration, without an answer to anything.
    pub(crate) outside: Arc<Outside>,
}

impl Instruments {
    /// Submits a command as Swan and waits until its entries are durable.
    pub(crate) async fn submit(
        &self,
        command: impl Into<Command>,
    ) -> Result<Result<Decided, Refusal>, Unavailable> {
        submit(&*self.engine, Actor::Swan, command.into()).await
    }

    /// Submits a command of a periodic task. A task asks again in its next round, so what stands against it is told
    /// in the log and nothing else.
    pub(crate) async fn report(&self, command: impl Into<Command>) {
        match self.submit(command).await {
            Ok(Ok(_)) | Err(Unavailable::Stopping) => {}
            Ok(Err(refusal)) => tracing::info!(%refusal, "a reading was not taken"),
            Err(unavailable) => tracing::warn!(%unavailable, "a reading was not taken"),
        }
    }

    /// Looks at the World as of a durable revision.
    pub(crate) async fn view<T: Send + 'static>(
        &self,
        look: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.engine.view(Box::new(move |world| _ = sender.send(look(world))))?;
        receiver.await.map_err(|_| Unavailable::Stopping)
    }

    /// Reads an expression, or says in words why that cannot be done.
    pub(crate) fn plan(&self, text: &str) -> Result<Arc<promql::Plan>, String> {
        let plan = promql::Plan::parse_with(text, self.promql);
        plan.map(Arc::new).map_err(|refusal| refusal.to_string())
    }

    /// Evaluates an expression at one instant, on a blocking thread; the elements that are numbers.
    pub(crate) async fn query(&self, plan: Arc<promql::Plan>, at: Timestamp) -> Result<Vector, String> {
        let mut evaluated = self.queries(vec![Ok(plan)], at).await;
        let (result, _) = evaluated.pop().ok_or("nothing was evaluated")?;
        let number = |(labels, value): (Labels, Value)| match value {
            Value::Float(value) => Some((labels, value)),
            Value::Histogram(_) => None,
        };
        Ok(result?.into_iter().filter_map(number).collect())
    }

    /// Evaluates expressions at one instant, one after the other on one blocking thread; for each the result and how
    /// long it took. What could not be read stays as it is.
    pub(crate) async fn queries(
        &self,
        plans: Vec<Result<Arc<promql::Plan>, String>>,
        at: Timestamp,
    ) -> Vec<(Result<Elements, String>, Duration)> {
        let (series, count) = (Arc::clone(&self.series), plans.len());
        let evaluated = tokio::task::spawn_blocking(move || {
            let one = |plan: Result<Arc<promql::Plan>, String>| {
                let begun = Instant::now();
                let result = plan.and_then(|plan| evaluate(&plan, &*series, at));
                (result, begun.elapsed())
            };
            plans.into_iter().map(one).collect()
        });
        match evaluated.await {
            Ok(evaluated) => evaluated,
            Err(error) => vec![(Err(error.to_string()), Duration::ZERO); count],
        }
    }

    /// Writes samples that have one instant in common.
    pub(crate) fn write(&self, at: Timestamp, samples: &[OwnSample<'_>]) -> Result<(), Fault> {
        let at = at.as_millis();
        let stamped: Vec<(i64, f64)> = samples.iter().map(|sample| (at, sample.value)).collect();
        let batch: Vec<SeriesSamples<'_>> = samples
            .iter()
            .zip(&stamped)
            .map(|(sample, stamped)| SeriesSamples {
                labels: sample.labels,
                samples: std::slice::from_ref(stamped),
            })
            .collect();
        self.samples.append(&batch).map(|_| ())
    }
}

fn evaluate(plan: &promql::Plan, series: &dyn SeriesSource, at: Timestamp) -> Result<Elements, String> {
    let engine = promql::Engine::default();
    let result = engine.instant(plan, series, at, &promql::never_cancelled);
    match result.map_err(|error| error.to_string())? {
        promql::QueryResult::Vector(samples) => {
            Ok(samples.into_iter().map(|(labels, _, value)| (labels, value)).collect())
        }
        promql::QueryResult::Scalar(_, value) => Ok(vec![(Labels::default(), Value::Float(value))]),
        other => Err(format!("the result is a {:?}, not an instant vector", other.value_type())),
    }
}

/// Elements of an instant vector.
pub(crate) type Elements = Vec<(Labels, Value)>;
/// Those that are numbers.
pub(crate) type Vector = Vec<(Labels, f64)>;

/// A sample of Swan's own measuring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnSample<'a> {
    /// Sorted by name, the metric's name among them.
    pub(crate) labels: &'a [(&'a str, &'a str)],
    pub(crate) value: f64,
}

/// Submits a command and waits until its entries are durable.
pub(crate) async fn submit(
    engine: &dyn Port,
    actor: Actor,
    command: Command,
) -> Result<Result<Decided, Refusal>, Unavailable> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    engine.submit(actor, command, Box::new(move |decided| _ = sender.send(decided)))?;
    receiver.await.map_err(|_| Unavailable::Stopping)
}

/// Ticks at every multiple of `every` of the wall clock, so that restarts keep the rhythm. A tick that would come
/// while the one before is still worked on is left out.
pub(crate) struct Rhythm {
    every: Span,
    ticks: tokio::time::Interval,
}

impl Rhythm {
    pub(crate) fn new(every: Span, now: Timestamp) -> Self {
        let every = every.max(Span::from_millis(10));
        let first = now.floor(every) + every - now;
        let start = tokio::time::Instant::now() + first.to_std();
        let mut ticks = tokio::time::interval_at(start, every.to_std());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        Self { every, ticks }
    }

    /// Waits for the next tick; gives its instant by the wall clock, on the grid.
    pub(crate) async fn tick(&mut self, clock: &dyn Clock) -> Timestamp {
        self.ticks.tick().await;
        // A tick may come a moment early by the wall clock; it is the grid's nearest instant that is meant.
        let half = Span::from_millis(self.every.as_millis() / 2);
        (clock.now() + half).floor(self.every)
    }
}
