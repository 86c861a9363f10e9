//! Rules on their interval: evaluated at the grid's instants, in the order of their group.
//!
//! A rule that cannot be evaluated is told once per change in the log and in `swan_rule_failures_total`; its alerts
//! stay as they are, because "cannot tell" is not "over".

use std::collections::BTreeMap;
use std::sync::Arc;

use facts::configuration::RuleGroup;
use kernel::{Labels, Timestamp};
use promql::Plan;

use super::instruments::{Instruments, Rhythm, Vector};
use crate::own_metrics::OwnCounters;

/// Evaluates a group until the task is dropped.
pub(crate) async fn evaluate_group(tools: Instruments, counters: Arc<OwnCounters>, group: RuleGroup) {
    let plans: Vec<Result<Arc<Plan>, String>> = group
        .rules
        .iter()
        .map(|rule| Plan::parse(&rule.expr).map(Arc::new).map_err(|refusal| refusal.to_string()))
        .collect();
    let mut failing = vec![false; plans.len()];
    let mut rhythm = Rhythm::new(group.interval, tools.clock.now());
    loop {
        let at = rhythm.tick(&*tools.clock).await;
        for (place, plan) in plans.iter().enumerate() {
            let evaluated = match plan {
                Ok(plan) => tools.query(Arc::clone(plan), at).await,
                Err(refusal) => Err(refusal.clone()),
            };
            counters.rule_evaluated(evaluated.is_ok());
            match evaluated {
                Ok(elements) => {
                    failing[place] = false;
                    conclude(&tools, &group, place, at, elements).await;
                }
                Err(detail) if !failing[place] => {
                    failing[place] = true;
                    tracing::warn!(group = group.name, rule = place, detail, "a rule cannot be evaluated");
                }
                Err(_) => {}
            }
        }
    }
}

async fn conclude(tools: &Instruments, group: &RuleGroup, place: usize, at: Timestamp, elements: Vector) {
    let rule = &group.rules[place];
    if let Some(name) = &rule.record {
        if let Err(fault) = record(tools, at, name, &rule.labels, &elements) {
            tracing::warn!(%fault, rule = name, "a recording rule's result was not written");
        }
        return;
    }
    let judge = alerting::Command::JudgeRule { group: group.name.clone(), rule: place, at, elements };
    tools.report(judge).await;
}

fn record(
    tools: &Instruments,
    at: Timestamp,
    name: &str,
    added: &BTreeMap<String, String>,
    elements: &[(Labels, f64)],
) -> Result<(), web::ports::Fault> {
    for (labels, value) in elements {
        let labels = added.iter().fold(labels.with("__name__", name), |labels, (n, v)| labels.with(n, v));
        let pairs: Vec<(&str, &str)> = labels.iter().collect();
        tools.write(at, &[super::instruments::OwnSample { labels: &pairs, value: *value }])?;
    }
    Ok(())
}
