//! One group: its rules at an instant, in order, and what the World and the samples learn of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alerting::Reading;
use facts::configuration::RuleGroup;
use kernel::{Span, Timestamp};
use promql::Value;
use web::ports::Evaluation;

use super::arrivals::{Interest, Touch};
use super::asked;
use super::derived::{of_alerts, recorded};
use super::rule::{Compiled, digest};
use crate::own_metrics::OwnCounters;
use crate::runtime::instruments::{Elements, Instruments, Vector};

/// Samples that are older when they arrive prove nothing off the interval: history that is imported pages nobody.
const ARRIVAL_AGE_MAX: Span = Span::from_mins(5);
/// Rules that are evaluated together; their results are held meanwhile.
const RULES_AT_ONCE_MAX: usize = 50;
/// Series that did not come for so long are forgotten, which is looked at so often.
const FORGOTTEN_AFTER: Span = Span::from_hours(1);
const FORGETS_EVERY: Span = Span::from_mins(5);

/// A group of rules.
pub(crate) struct Group {
    tools: Instruments,
    counters: Arc<OwnCounters>,
    grace: Span,
    name: String,
    query_offset: Span,
    limit: usize,
    labels: BTreeMap<String, String>,
    rules: Vec<Compiled>,
    /// The last instant that was judged.
    judged: Timestamp,
    /// When series that do not come any more are looked for next.
    forgets_at: Timestamp,
}

impl Group {
    pub(crate) fn new(tools: Instruments, counters: Arc<OwnCounters>, grace: Span, group: RuleGroup) -> Self {
        let compiled = |(place, rule): (usize, &facts::configuration::Rule)| {
            Compiled::new(rule.clone(), place, tools.plan(&rule.expr), asked::asking(&group, rule))
        };
        let rules = group.rules.iter().enumerate().map(compiled).collect();
        let RuleGroup { name, query_offset, limit, labels, .. } = group;
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let (judged, forgets_at) = (Timestamp::default(), Timestamp::default());
        Self { tools, counters, grace, name, query_offset, limit, labels, rules, judged, forgets_at }
    }

    /// What its rules read.
    pub(crate) fn interests(&self) -> Vec<Interest> {
        self.rules.iter().flat_map(Compiled::interests).collect()
    }

    /// Samples arrived that concern it.
    pub(crate) fn arrived(&mut self, now: Timestamp, touches: &[Touch]) {
        for touch in touches {
            let watermark = &mut self.rules[touch.rule].watermark;
            if touch.ends {
                watermark.ended(touch.series);
            } else if now - touch.at <= ARRIVAL_AGE_MAX {
                watermark.arrived(now, touch.series, touch.at);
            }
        }
    }

    /// When the clock alone lets something be judged.
    pub(crate) fn next_wake(&self, instant: Option<Timestamp>) -> Option<Timestamp> {
        let provable = self.rules.iter().filter_map(|rule| rule.next_wake(self.grace));
        let judged = instant.map(|at| at - self.query_offset + self.grace);
        provable.chain(judged).min()
    }

    /// Whether everything that belongs to an instant of the interval has arrived, or was waited for.
    pub(crate) fn can_judge(&self, at: Timestamp, now: Timestamp) -> bool {
        let read_at = at - self.query_offset;
        now >= read_at + self.grace || self.rules.iter().all(|rule| rule.watermark.covers(read_at))
    }

    /// Evaluates every rule at an instant of the interval.
    pub(crate) async fn judge(&mut self, at: Timestamp) {
        let read_at = at - self.query_offset;
        let round = Instant::now();
        let mut places = 0..0;
        while places.end < self.rules.len() {
            places = self.independent_from(places.end);
            let evaluated = self.evaluate(places.clone(), read_at).await;
            for (place, (evaluated, took)) in places.clone().zip(evaluated) {
                self.conclude(place, (at, read_at), evaluated, took).await;
            }
        }
        self.counters.rule_book.round(&self.name, at, round.elapsed());
        self.judged = read_at;
        if read_at >= self.forgets_at {
            self.forgets_at = read_at + FORGETS_EVERY;
            let watermarks = self.rules.iter_mut().map(|rule| &mut rule.watermark);
            watermarks.for_each(|watermark| watermark.forget_before(read_at - FORGOTTEN_AFTER));
        }
    }

    /// The rules from here on that are evaluated together: none of them reads what an earlier one of them writes.
    fn independent_from(&self, place: usize) -> Range<usize> {
        let writes_only_alerts = |rule: &Compiled| rule.rule.record.is_none();
        let follows =
            |place: &usize| writes_only_alerts(&self.rules[place - 1]) && !self.rules[*place].may_read_alerts;
        let most = self.rules.len().min(place + RULES_AT_ONCE_MAX);
        let end = (place + 1..most).find(|place| !follows(place)).unwrap_or(most);
        place..end
    }

    /// What the result of a rule leads to.
    async fn conclude(
        &mut self,
        place: usize,
        (at, read_at): (Timestamp, Timestamp),
        evaluated: Result<Elements, String>,
        took: Duration,
    ) {
        let begun = Instant::now();
        let concluded = match evaluated {
            Ok(elements) if self.rules[place].rule.record.is_some() => self.record(place, read_at, elements),
            Ok(elements) => self.alert(place, (at, read_at), judged(elements)).await,
            Err(detail) => Err(detail),
        };
        self.counters.rule_evaluated(concluded.is_ok());
        let error = concluded.as_ref().err().cloned();
        let evaluation = Evaluation { at: Some(at), took: took + begun.elapsed(), error };
        self.counters.rule_book.evaluated(&self.name, place, evaluation);
        self.tell(place, concluded);
        self.rules[place].watermark.judged(read_at);
    }

    /// Evaluates the rules for which samples arrived that may prove them true.
    pub(crate) async fn prove(&mut self, now: Timestamp) {
        for place in 0..self.rules.len() {
            let Some(at) = self.rules[place].provable(now, self.grace) else { continue };
            self.rules[place].watermark.judged(at);
            // What the interval has judged is not judged again.
            if at <= self.judged {
                continue;
            }
            let begun = self.tools.clock.now();
            // A failure is told when the interval meets it.
            if let Some((Ok(elements), _)) = self.evaluate(place..place + 1, at).await.next()
                && !elements.is_empty()
            {
                let elements = judged(elements);
                let outside = asked::answered(&self.tools, &self.rules[place].asking, at, &elements).await;
                let reading =
                    Arc::new(Reading { at, elements: elements.clone(), outside: Arc::clone(&outside) });
                let (group, rule) = (self.name.clone(), place);
                self.rules[place].settle(None);
                let prove = alerting::Command::ProveRule { group, rule, at, elements, outside };
                self.tools.report(prove).await;
                self.counters.rule_book.read(&self.name, place, at, reading);
            }
            let ended = self.tools.clock.now();
            self.rules[place].rests(ended, ended - begun);
        }
    }

    /// Evaluates some of the rules; for each the result and how long it took.
    async fn evaluate(
        &self,
        places: Range<usize>,
        at: Timestamp,
    ) -> impl Iterator<Item = (Result<Elements, String>, Duration)> + use<> {
        let plans = self.rules[places].iter().map(|rule| rule.plan.clone()).collect();
        let (evaluated, limit) = (self.tools.queries(plans, at).await, self.limit);
        let within = move |elements: Elements| match elements.len() {
            count if count > limit => {
                Err(format!("{count} elements are more than the group's limit of {limit}"))
            }
            _ => Ok(elements),
        };
        evaluated.into_iter().map(move |(evaluated, took)| (evaluated.and_then(within), took))
    }

    fn record(&mut self, place: usize, at: Timestamp, elements: Elements) -> Result<(), String> {
        let compiled = &mut self.rules[place];
        let name = compiled.rule.record.as_deref().unwrap_or_default();
        let mut labels = self.labels.clone();
        labels.extend(compiled.rule.labels.clone());
        let series = recorded(name, &labels, elements)?;
        compiled.derived.replace(&self.tools, at, series).map_err(|fault| fault.to_string())
    }

    async fn alert(
        &mut self,
        place: usize,
        (at, read_at): (Timestamp, Timestamp),
        elements: Vector,
    ) -> Result<(), String> {
        let compiled = &self.rules[place];
        let outside = asked::answered(&self.tools, &compiled.asking, at, &elements).await;
        if compiled.is_settled(&elements) {
            let reading = Arc::new(Reading { at, elements, outside });
            self.counters.rule_book.read(&self.name, place, read_at, reading);
            return compiled.derived.repeat(&self.tools, at).map_err(|fault| fault.to_string());
        }
        let digest = digest(&elements);
        let reading = Arc::new(Reading { at, elements: elements.clone(), outside: Arc::clone(&outside) });
        let (group, rule) = (self.name.clone(), place);
        let judge = alerting::Command::JudgeRule { group, rule, at, elements, outside };
        let decided = self.tools.submit(judge).await.map_err(|unavailable| unavailable.to_string())?;
        let decided = decided.map_err(|refusal| refusal.to_string())?;
        self.counters.rule_book.read(&self.name, place, read_at, reading);
        let group = self.name.clone();
        let look = move |world: &engine::World| {
            let state = world.alerting.rule_state(&group, rule);
            state.map(|state| (of_alerts(&state), state.pending.is_empty()))
        };
        let seen = self.tools.view(look).await.map_err(|unavailable| unavailable.to_string())?;
        let Some((series, none_waits)) = seen else { return Ok(()) };
        let compiled = &mut self.rules[place];
        compiled.settle((decided.entries.is_empty() && none_waits).then_some(digest));
        compiled.derived.replace(&self.tools, at, series).map_err(|fault| fault.to_string())
    }

    fn tell(&mut self, place: usize, concluded: Result<(), String>) {
        let compiled = &mut self.rules[place];
        let was_failing = std::mem::replace(&mut compiled.is_failing, concluded.is_err());
        if let Err(detail) = concluded
            && !was_failing
        {
            tracing::warn!(group = self.name, rule = place, detail, "a rule cannot be evaluated");
        }
    }
}

/// What an alerting rule is judged by: a histogram holds like any other element, and its value is 0, as in Prometheus.
fn judged(elements: Elements) -> Vector {
    let number = |value: Value| match value {
        Value::Float(value) => value,
        Value::Histogram(_) => 0.0,
    };
    elements.into_iter().map(|(labels, value)| (labels, number(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::stage::{SetClock, instruments};

    fn group(directory: &std::path::Path, rules: serde_json::Value) -> Group {
        let clock = SetClock::at(Timestamp::from_millis(1_800_000_000_000));
        let written = serde_json::json!({ "name": "g", "rules": rules });
        let written: RuleGroup = serde_json::from_value(written).expect("it is a group");
        Group::new(instruments(directory, &clock), Arc::default(), Span::ZERO, written)
    }

    #[tokio::test]
    async fn a_rule_reads_what_an_earlier_one_recorded_at_the_same_instant() {
        let directory = tempfile::tempdir().expect("there is room");
        let rules = serde_json::json!([
            { "record": "a", "expr": "vector(1)" },
            { "record": "b", "expr": "a + 1" },
            { "record": "c", "expr": "a + b" },
        ]);
        let mut group = group(directory.path(), rules);
        let at = group.tools.clock.now();
        group.judge(at).await;
        let plan = group.tools.plan("c").expect("it is PromQL");
        let found = group.tools.query(plan, at).await.expect("it can be read");
        assert_eq!(found.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [3.0]);
    }

    #[tokio::test]
    async fn a_native_histogram_is_recorded_and_holds_an_alert() {
        let directory = tempfile::tempdir().expect("there is room");
        let rules = serde_json::json!([{ "record": "job:latency", "expr": "latency * 2" }]);
        let mut group = group(directory.path(), rules);
        let at = group.tools.clock.now();
        let latency = promql::Histogram {
            counter_reset_hint: promql::CounterResetHint::Unknown,
            schema: 0,
            zero_threshold: 0.001,
            zero_count: 3.0,
            count: 3.0,
            sum: 7.5,
            positive: promql::Buckets::default(),
            negative: promql::Buckets::default(),
            custom_bounds: Arc::default(),
        };
        let measured = web::ports::Measured {
            labels: &[("__name__", "latency"), ("job", "shop")],
            samples: &[],
            histograms: &[(at.as_millis(), latency)],
            exemplars: &[],
            starts: web::ports::Starts::default(),
        };
        group.tools.intake.take("", &[measured]).expect("it is written");
        group.judge(at).await;
        let plan = group.tools.plan("histogram_sum(job:latency)").expect("it is PromQL");
        let found = group.tools.query(plan, at).await.expect("it can be read");
        assert_eq!(found.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [15.0]);
        let plan = group.tools.plan("latency").expect("it is PromQL");
        let (elements, _) = group.tools.queries(vec![Ok(plan)], at).await.remove(0);
        let elements = judged(elements.expect("it can be read"));
        assert_eq!(elements.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [0.0]);
    }

    #[tokio::test]
    async fn rules_are_evaluated_together_where_none_reads_what_another_writes() {
        let directory = tempfile::tempdir().expect("there is room");
        let rules = serde_json::json!([
            { "alert": "A", "expr": "up == 0" },
            { "alert": "B", "expr": "up == 1" },
            { "alert": "OfAlerts", "expr": "count(ALERTS) > 5" },
            { "alert": "C", "expr": "up == 2" },
            { "record": "r", "expr": "up" },
            { "alert": "D", "expr": "r == 0" },
            { "alert": "OfAnything", "expr": "count({job='a'}) > 5" },
        ]);
        let group = group(directory.path(), rules);
        let (mut together, mut next) = (Vec::new(), 0);
        while next < group.rules.len() {
            together.push(group.independent_from(next));
            next = group.independent_from(next).end;
        }
        assert_eq!(together, [0..2, 2..5, 5..6, 6..7]);
    }
}
