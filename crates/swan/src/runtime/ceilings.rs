//! Ceilings: each scalable is read on its interval, and the slice judges the reading.

use std::sync::Arc;

use facts::capacity::Reading;
use facts::configuration::Scalable;
use kernel::{ScalableId, Timestamp};
use promql::Plan;

use super::instruments::{Instruments, Rhythm};

/// Reads a scalable until the task is dropped.
pub(crate) async fn watch(tools: Instruments, id: ScalableId, scalable: Scalable) {
    let plans = match Plans::of(&tools, &scalable) {
        Ok(plans) => plans,
        Err(refusal) => {
            tracing::warn!(scalable = %id, refusal, "a scalable cannot be read");
            return;
        }
    };
    let mut rhythm = Rhythm::new(scalable.every, tools.clock.now());
    loop {
        let at = rhythm.tick(&*tools.clock).await;
        let scalable = id.clone();
        match plans.read(&tools, at).await {
            Ok(reading) => tools.report(capacity::Command::JudgeReading { scalable, reading }).await,
            Err(detail) => tools.report(capacity::Command::ReportUnreadable { scalable, detail }).await,
        }
    }
}

struct Plans {
    current: Arc<Plan>,
    minimum: Option<Arc<Plan>>,
    maximum: Arc<Plan>,
}

impl Plans {
    fn of(tools: &Instruments, scalable: &Scalable) -> Result<Self, String> {
        let parse = |text: &str| tools.plan(text);
        Ok(Self {
            current: parse(&scalable.current)?,
            minimum: scalable.minimum.as_deref().map(parse).transpose()?,
            maximum: parse(&scalable.maximum)?,
        })
    }

    async fn read(&self, tools: &Instruments, at: Timestamp) -> Result<Reading, String> {
        let minimum = match &self.minimum {
            Some(plan) => one(tools, "minimum", plan, at).await?,
            None => f64::NAN,
        };
        Ok(Reading {
            current: one(tools, "current", &self.current, at).await?,
            minimum,
            maximum: one(tools, "maximum", &self.maximum, at).await?,
        })
    }
}

async fn one(tools: &Instruments, what: &str, plan: &Arc<Plan>, at: Timestamp) -> Result<f64, String> {
    let elements = tools.query(Arc::clone(plan), at).await?;
    match elements.as_slice() {
        [(_, value)] => Ok(*value),
        [] => Err(format!("`{what}` has no value")),
        several => Err(format!("`{what}` has {} values, and one is needed; aggregate them", several.len())),
    }
}
