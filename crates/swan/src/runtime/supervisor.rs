//! Keeps the periodic tasks in step with the configuration: when another one takes effect, every task of the one
//! before ends and the new one's begin. Their state is in the journal and the samples, so nothing is lost by that.

use std::sync::Arc;

use alerting::templates::Outside;
use facts::Configuration;
use kernel::Span;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::herald::InForce;
use super::instruments::Instruments;
use super::{access_logs, ceilings, checks, heartbeats, judge, rules};
use crate::own_metrics::OwnCounters;

/// Runs the tasks of the configuration in force until nobody tells of configurations any more.
pub(crate) async fn supervise(
    tools: Instruments,
    counters: Arc<OwnCounters>,
    mut told: watch::Receiver<InForce>,
) {
    loop {
        let in_force = told.borrow_and_update().clone();
        let mut tasks = JoinSet::new();
        counters.rule_book.forget();
        if let Some(configuration) = in_force {
            start(&tools, &counters, &configuration, &mut tasks);
        }
        tokio::select! {
            changed = told.changed() => if changed.is_err() { return },
            () = died(&mut tasks) => {}
        }
    }
}

/// A task that ends has said why in the log; one that panics is a bug and stops the process.
async fn died(tasks: &mut JoinSet<()>) {
    loop {
        match tasks.join_next().await {
            Some(Ok(())) => {}
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(Err(_)) => return,
            None => std::future::pending().await,
        }
    }
}

fn start(
    tools: &Instruments,
    counters: &Arc<OwnCounters>,
    configuration: &Configuration,
    tasks: &mut JoinSet<()>,
) {
    let promql = web::language::settings(configuration.promql);
    let outside = Outside { labels: configuration.external(), ..(*tools.outside).clone() };
    let tools = &Instruments { promql, outside: Arc::new(outside), ..tools.clone() };
    for group in &configuration.rule_groups {
        let grace = configuration.alerting.grace;
        tasks.spawn(rules::evaluate_group(tools.clone(), Arc::clone(counters), grace, group.clone()));
    }
    for (id, service) in &configuration.services {
        for objective in &service.objectives {
            tasks.spawn(judge::judge_objective(tools.clone(), id.clone(), objective.clone()));
        }
    }
    for (id, check) in &configuration.checks {
        tasks.spawn(checks::probe(tools.clone(), id.clone(), check.clone()));
    }
    for (id, heartbeat) in &configuration.heartbeats {
        let horizon = heartbeat.every.times(2) + heartbeat.grace + Span::from_hours(1);
        tasks.spawn(heartbeats::watch(tools.clone(), id.clone(), horizon));
    }
    for (name, log) in &configuration.access_logs {
        tasks.spawn(access_logs::follow(tools.clone(), name.clone(), log.clone()));
    }
    for (id, scalable) in &configuration.scalables {
        tasks.spawn(ceilings::watch(tools.clone(), id.clone(), scalable.clone()));
    }
}
