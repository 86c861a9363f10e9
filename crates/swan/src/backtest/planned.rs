//! The rules of a set with their plans, and what they need of the time before.

use std::collections::BTreeSet;

use facts::configuration::{Rule, RuleGroup};
use kernel::{Labels, Span};
use promql::{METRIC_NAME, Plan};

use super::limits::WARM_UP_MAX;
use super::moments::Memory;

/// A rule with its plan and where it stands.
pub(crate) struct Planned<'g> {
    pub(crate) group: &'g RuleGroup,
    pub(crate) place: usize,
    pub(crate) rule: &'g Rule,
    pub(crate) plan: Plan,
    pub(super) memory: Memory,
    /// What its last evaluation recorded.
    pub(super) written: BTreeSet<Labels>,
    /// The same at the end of the stretch that is being evaluated.
    pub(super) writes: BTreeSet<Labels>,
    pub(crate) evaluations: u64,
    pub(crate) failures: u64,
    pub(crate) first_failure: Option<String>,
    pub(super) failed_queries: usize,
}

/// All rules with their plans, in the order in which they are evaluated.
pub(crate) fn planned(
    groups: &[RuleGroup],
    settings: promql::Settings,
) -> Result<Vec<Planned<'_>>, promql::QueryRefusal> {
    let rules = groups.iter().flat_map(|group| group.rules.iter().enumerate().map(move |rule| (group, rule)));
    rules
        .map(|(group, (place, rule))| {
            let plan = Plan::parse_with(&rule.expr, settings)?;
            let (memory, written, first_failure) = (Memory::default(), BTreeSet::new(), None);
            let (evaluations, failures, failed_queries) = (0, 0, 0);
            Ok(Planned {
                group,
                place,
                rule,
                plan,
                memory,
                writes: BTreeSet::new(),
                written,
                evaluations,
                failures,
                first_failure,
                failed_queries,
            })
        })
        .collect()
}

/// Whether any of a plan's selectors can mean a series of this name; how far back they reach at most.
pub(super) fn reaches(plan: &Plan, name: &str) -> Option<Span> {
    let selectors = plan.selectors().into_iter().filter(|selector| {
        selector
            .matchers
            .iter()
            .filter(|matcher| matcher.name() == METRIC_NAME)
            .all(|matcher| matcher.matches(name))
    });
    selectors.map(|selector| selector.range.unwrap_or(Span::ZERO) + selector.offset.max(Span::ZERO)).max()
}

/// How long before the tested time evaluation has to begin, so that what holds at its beginning is known.
pub(crate) fn warm_up(rules: &[Planned<'_>]) -> Span {
    let names: BTreeSet<&str> = rules.iter().filter_map(|rule| rule.rule.record.as_deref()).collect();
    let held = rules.iter().map(|planned| planned.rule.hold + planned.rule.keep_firing_for).max();
    let read = rules.iter().flat_map(|planned| names.iter().filter_map(|name| reaches(&planned.plan, name)));
    let read = read.max().map_or(Span::ZERO, |reach| reach + promql::Engine::default().lookback);
    (held.unwrap_or(Span::ZERO) + read).min(WARM_UP_MAX)
}
