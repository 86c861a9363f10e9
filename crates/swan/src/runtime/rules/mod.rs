//! Rules, judged on arrival and on their interval.
//!
//! A **group** is a task. At the instants of its interval all of its rules are evaluated in order, once everything that
//! belongs to the instant has arrived or the grace has passed: the result is that of a timer over complete data. In
//! between, samples that [arrive](arrivals) for an alerting rule without `for` have it evaluated at their own time,
//! once its [watermark](alerting::watermark) covers that; what this proves true fires, and only the interval says what
//! is over.
//!
//! Where templates of labels or annotations ask queries, these are [answered](asked) before the rule is judged. What an
//! alert says now (its value, its annotations) follows each evaluation: it is kept as a reading beside the World, and no
//! entry of the journal tells of it.
//!
//! A rule that cannot be evaluated is told once per change in the log and in `swan_rule_failures_total`; its alerts
//! stay as they are, because "cannot tell" is not "over".

pub(crate) mod arrivals;
pub(crate) mod asked;
mod derived;
mod group;
mod rule;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use facts::configuration::RuleGroup;
use kernel::{Span, Timestamp};

use self::group::Group;
use super::instruments::{Instruments, Rhythm};
use crate::own_metrics::OwnCounters;

/// Evaluates a group until the task is dropped.
pub(crate) async fn evaluate_group(
    tools: Instruments,
    counters: Arc<OwnCounters>,
    grace: Span,
    group: RuleGroup,
) {
    let mut rhythm = Rhythm::new(group.interval, tools.clock.now());
    let mut group = Group::new(tools.clone(), counters, grace, group);
    let mut watch = tools.arrivals.watch(group.interests());
    let mut instant = None;
    loop {
        let wake = group.next_wake(instant);
        tokio::select! {
            at = rhythm.tick(&*tools.clock), if instant.is_none() => instant = Some(at),
            touches = watch.next() => {
                let now = tools.clock.now();
                group.arrived(now, &touches);
                while let Some(touches) = watch.more() {
                    group.arrived(now, &touches);
                }
            }
            () = until(wake, &tools) => {}
        }
        if let Some(at) = instant
            && group.can_judge(at, tools.clock.now())
        {
            group.judge(at).await;
            instant = None;
        }
        group.prove(tools.clock.now()).await;
    }
}

/// Waits for a deadline of the watermarks: the end of a grace.
async fn until(wake: Option<Timestamp>, tools: &Instruments) {
    match wake {
        Some(at) => {
            let left = (at - tools.clock.now()).to_std();
            tokio::time::sleep_until(tokio::time::Instant::now() + left).await;
        }
        None => std::future::pending().await,
    }
}
