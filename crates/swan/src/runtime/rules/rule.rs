//! One rule as the runtime keeps it: its plan, what has arrived for it, and what it led to last.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use alerting::templates::Template;
use alerting::watermark::Watermark;
use facts::configuration::Rule;
use kernel::{Labels, Span, Timestamp};
use promql::{METRIC_NAME, MatchOp, Matcher, Plan};

use super::arrivals::Interest;
use super::derived::{ALERTS, ALERTS_FOR_STATE, Derived};
use crate::runtime::instruments::Vector;

/// Off its interval, a rule takes at most this part of the time: one evaluation rests for so many times its length.
const REST: i64 = 20;

/// One rule.
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    pub(crate) place: usize,
    /// Those of its templates that ask queries.
    pub(crate) asking: Arc<[Template]>,
    /// Why it cannot be evaluated at all, where it cannot.
    pub(crate) plan: Result<Arc<Plan>, String>,
    pub(crate) watermark: Watermark,
    /// Whether it is judged when samples arrive.
    on_arrival: bool,
    /// Whether it may read the series that alerting rules write.
    pub(crate) may_read_alerts: bool,
    /// Whether its last evaluation failed, which was told.
    pub(crate) is_failing: bool,
    /// No evaluation off the interval before this.
    rests_until: Timestamp,
    /// The result that led to nothing new when it was last judged: the same result leads to nothing again.
    settled: Option<u64>,
    /// The series that follow from it.
    pub(crate) derived: Derived,
}

impl Compiled {
    pub(crate) fn new(
        rule: Rule,
        place: usize,
        plan: Result<Arc<Plan>, String>,
        asking: Arc<[Template]>,
    ) -> Self {
        // What is read at another time than the evaluated one does not change with the samples that arrive for it.
        let follows = |plan: &Arc<Plan>| {
            plan.selectors().iter().all(|selector| selector.offset == Span::ZERO && !selector.is_pinned)
        };
        let on_arrival = rule.alert.is_some() && rule.hold == Span::ZERO && plan.as_ref().is_ok_and(follows);
        let is_elsewhere = |matcher: &Matcher| {
            matcher.name() == METRIC_NAME
                && matcher.op() == MatchOp::Equal
                && ![ALERTS, ALERTS_FOR_STATE].contains(&matcher.value())
        };
        let may_read_alerts = plan.as_ref().is_ok_and(|plan| {
            plan.selectors().iter().any(|selector| !selector.matchers.iter().any(is_elsewhere))
        });
        Self {
            rule,
            place,
            asking,
            plan,
            watermark: Watermark::default(),
            on_arrival,
            may_read_alerts,
            is_failing: false,
            rests_until: Timestamp::default(),
            settled: None,
            derived: Derived::default(),
        }
    }

    /// What it reads.
    pub(crate) fn interests(&self) -> Vec<Interest> {
        let Ok(plan) = &self.plan else { return Vec::new() };
        let selectors = plan.selectors();
        // What is read from the past has arrived long since.
        let current = selectors.iter().filter(|selector| selector.offset <= Span::ZERO);
        current.map(|selector| Interest { rule: self.place, matchers: selector.matchers.to_vec() }).collect()
    }

    /// The instant at which samples that arrived may prove something now.
    pub(crate) fn provable(&self, now: Timestamp, grace: Span) -> Option<Timestamp> {
        let may = self.on_arrival && self.watermark.is_followed() && now >= self.rests_until;
        may.then(|| self.watermark.next(now, grace)).flatten().map(|(at, _)| at)
    }

    /// When the clock alone makes something provable.
    pub(crate) fn next_wake(&self, grace: Span) -> Option<Timestamp> {
        let wake = self.on_arrival.then(|| self.watermark.next_wake(grace)).flatten()?;
        Some(wake.max(self.rests_until))
    }

    /// An evaluation off the interval took so long, and ended now.
    pub(crate) fn rests(&mut self, now: Timestamp, took: Span) {
        self.rests_until = now + took.times(REST);
    }

    /// Whether a result leads to nothing: it is the one that led to nothing before, and labels do not depend on
    /// values.
    pub(crate) fn is_settled(&self, elements: &Vector) -> bool {
        self.settled == Some(digest(elements)) && !self.has_labels_from_values()
    }

    /// The World was told of this result, and nothing waits for time to pass.
    pub(crate) fn settle(&mut self, elements: Option<u64>) {
        self.settled = elements;
    }

    fn has_labels_from_values(&self) -> bool {
        self.rule.labels.values().any(|text| text.contains("{{"))
    }
}

/// Of the label sets of a result, in its order.
pub(crate) fn digest(elements: &[(Labels, f64)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    elements.len().hash(&mut hasher);
    for (labels, _) in elements {
        labels.fingerprint().0.hash(&mut hasher);
    }
    hasher.finish()
}
