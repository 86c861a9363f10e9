//! A test group's rules on their way through time, as Prometheus's rule manager takes them: at every
//! `evaluation_interval`, group by group and rule by rule, each result written before the next rule reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerting::templates::{Outside, Scene, Template};
use facts::configuration::{Rule, RuleGroup};
use kernel::{Labels, Span, Timestamp};
use promql::{Engine, METRIC_NAME, Plan, Settings, Value};

use super::case::{self, Case, Failure, Kind};
use super::file::{AlertTest, TestFile, TestGroup};
use super::limits::EVALUATIONS_MAX;
use super::series;
use crate::backtest::evaluate::instant;
use crate::backtest::recorded::Recorded;
use crate::runtime::rules::asked;

/// Runs a test group.
pub(super) fn run(file: &TestFile, number: usize, groups: &[RuleGroup], promql: Settings) -> Vec<Case> {
    let test = &file.tests[number];
    let part = format!("tests[{number}]");
    let failed = |part: &str, about: &str, at: Span, problem: String| {
        vec![Case {
            group: test.name.clone(),
            about: about.to_owned(),
            kind: Kind::Rules,
            at,
            place: file.place(part),
            failure: Some(Failure::Error(problem)),
        }]
    };
    let input = match input(file, test) {
        Ok(input) => input,
        Err((series, problem)) => {
            let about = &test.input_series[series].series;
            return failed(&format!("{part}.input_series[{series}]"), about, Span::ZERO, problem);
        }
    };
    if test.start_timestamp.0.as_millis().checked_add(test.end().as_millis()).is_none() {
        let problem = format!("{} after its start is later than time is counted", test.end());
        return failed(&part, "eval_time", Span::ZERO, problem);
    }
    if evaluations(file, test, groups) > EVALUATIONS_MAX {
        let problem = format!("a test has at most {EVALUATIONS_MAX} evaluations");
        return failed(&part, "evaluation_interval", Span::ZERO, problem);
    }
    let outside = match Labels::new(test.external_labels.clone()) {
        Ok(labels) => Outside { labels, url: test.external_url.clone(), ..Outside::default() },
        Err(error) => {
            return failed(
                &format!("{part}.external_labels"),
                "external_labels",
                Span::ZERO,
                error.to_string(),
            );
        }
    };
    let mut stage = Stage {
        file,
        test,
        part,
        store: Recorded::default(),
        promql,
        rules: rules(groups, promql),
        outside,
        evaluations: evaluations(file, test, groups),
        input: input.into_iter().peekable(),
    };
    stage.run()
}

/// How often rules are evaluated; without a rule, time passes at once.
fn evaluations(file: &TestFile, test: &TestGroup, groups: &[RuleGroup]) -> i64 {
    let is_idle = groups.iter().all(|group| group.rules.is_empty());
    if is_idle { 0 } else { steps(file, test).saturating_add(1) }
}

/// How many whole intervals pass until the last test.
fn steps(file: &TestFile, test: &TestGroup) -> i64 {
    test.end().as_millis() / file.evaluation_interval.as_millis()
}

/// Subqueries without a step have the distance of the evaluations, as in promtool.
fn engine(file: &TestFile) -> Engine {
    Engine { subquery_step: file.evaluation_interval, ..Engine::default() }
}

type Input = Vec<(Timestamp, Labels, Value)>;

/// Every sample of the input, in the order of time.
fn input(file: &TestFile, test: &TestGroup) -> Result<Input, (usize, String)> {
    let step = test.interval.map_or(Span::ZERO, |interval| interval.0);
    let step = if step > Span::ZERO { step } else { file.evaluation_interval };
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, series) in test.input_series.iter().enumerate() {
        let labels = series::labels(&series.series).map_err(|problem| (number, problem))?;
        if !seen.insert(labels.clone()) {
            // The later one takes the place of the earlier, as in Prometheus.
            all.retain(|(_, known, _)| *known != labels);
        }
        let values = series::values(&series.values).map_err(|problem| (number, problem))?;
        for (place, value) in values.into_iter().enumerate() {
            let at = test.start_timestamp.0 + step.times(i64::try_from(place).unwrap_or(i64::MAX));
            all.extend(value.map(|value| (at, labels.clone(), value)));
        }
    }
    all.sort_by_key(|(at, ..)| *at);
    Ok(all)
}

/// A rule, and what it holds.
struct Staged<'g> {
    group: &'g RuleGroup,
    rule: &'g Rule,
    plan: Result<Plan, String>,
    labels: Vec<(String, Template)>,
    annotations: Vec<(String, Template)>,
    active: BTreeMap<Labels, Active>,
    /// The series that the last evaluation gave.
    written: BTreeSet<Labels>,
}

/// An alert that is pending or fires.
#[derive(Debug, Clone)]
struct Active {
    since: Timestamp,
    fires: bool,
    kept_since: Option<Timestamp>,
    annotations: BTreeMap<String, String>,
}

fn rules<'g>(groups: &'g [RuleGroup], promql: Settings) -> Vec<Staged<'g>> {
    // What cannot be read was refused with its file.
    let template = |text: &String| {
        Template::parse(text).or_else(|_| Template::parse("")).expect("an empty template can be read")
    };
    let staged = |group: &'g RuleGroup, rule: &'g Rule| {
        let labels: BTreeMap<&String, &String> = group.labels.iter().chain(&rule.labels).collect();
        Staged {
            group,
            rule,
            plan: Plan::parse_with(&rule.expr, promql).map_err(|refusal| refusal.to_string()),
            labels: labels.into_iter().map(|(name, text)| (name.clone(), template(text))).collect(),
            annotations: rule.annotations.iter().map(|(name, text)| (name.clone(), template(text))).collect(),
            active: BTreeMap::new(),
            written: BTreeSet::new(),
        }
    };
    groups.iter().flat_map(|group| group.rules.iter().map(move |rule| staged(group, rule))).collect()
}

/// What surrounds an evaluation.
#[derive(Clone, Copy)]
struct Around<'s> {
    at: Timestamp,
    engine: Engine,
    promql: Settings,
    outside: &'s Outside,
}

struct Stage<'f> {
    file: &'f TestFile,
    test: &'f TestGroup,
    part: String,
    promql: Settings,
    store: Recorded,
    rules: Vec<Staged<'f>>,
    evaluations: i64,
    outside: Outside,
    input: std::iter::Peekable<std::vec::IntoIter<(Timestamp, Labels, Value)>>,
}

impl Stage<'_> {
    fn run(&mut self) -> Vec<Case> {
        let start = self.test.start_timestamp.0;
        let mut cases = Vec::new();
        for number in 0..self.evaluations {
            let at = start + self.file.evaluation_interval.times(number);
            self.load(at);
            let mut broken = Vec::new();
            let around =
                Around { at, engine: engine(self.file), promql: self.promql, outside: &self.outside };
            for rule in &mut self.rules {
                if let Err(problem) = rule.evaluate(&mut self.store, around) {
                    broken.push((rule.name().to_owned(), problem));
                }
            }
            if !broken.is_empty() {
                cases
                    .extend(broken.into_iter().map(|(name, problem)| self.broken(name, at - start, problem)));
                return cases;
            }
            self.alerts(at - start, &mut cases);
        }
        if self.evaluations == 0 {
            let tests = self.test.alert_rule_test.iter().enumerate();
            cases.extend(tests.map(|(number, test)| self.alert(number, test)));
        }
        // What comes after the last of them is not seen, as in promtool.
        self.load(start + self.file.evaluation_interval.times(steps(self.file, self.test)));
        self.expressions(start, &mut cases);
        cases
    }

    /// The input up to an instant comes into the store.
    fn load(&mut self, until: Timestamp) {
        while let Some((at, labels, value)) = self.input.next_if(|(at, ..)| *at <= until) {
            self.store.push(&labels, at, &value);
        }
    }

    fn case(&self, kind: Kind, about: String, at: Span, part: &str, failure: Option<Failure>) -> Case {
        let place = self.file.place(&format!("{}{part}", self.part));
        Case { group: self.test.name.clone(), about, kind, at, place, failure }
    }

    fn broken(&self, rule: String, at: Span, problem: String) -> Case {
        self.case(Kind::Rules, rule, at, "", Some(Failure::Error(problem)))
    }

    /// Tests of alerts whose time lies between this evaluation and the next.
    fn alerts(&self, at: Span, cases: &mut Vec<Case>) {
        for (number, test) in self.test.alert_rule_test.iter().enumerate() {
            let time = test.eval_time.0;
            if time < at || time >= at + self.file.evaluation_interval {
                continue;
            }
            cases.push(self.alert(number, test));
        }
    }

    fn alert(&self, number: usize, test: &AlertTest) -> Case {
        let named = self.rules.iter().filter(|rule| rule.rule.alert.as_ref() == Some(&test.alertname));
        let firing = named.flat_map(|rule| rule.active.iter().filter(|(_, active)| active.fires));
        let got = firing.map(|(labels, active)| (labels.clone(), active.annotations.clone())).collect();
        let failure = case::alerts(test, got);
        let part = format!(".alert_rule_test[{number}]");
        self.case(Kind::Alert, test.alertname.clone(), test.eval_time.0, &part, failure)
    }

    fn expressions(&self, start: Timestamp, cases: &mut Vec<Case>) {
        for (number, test) in self.test.promql_expr_test.iter().enumerate() {
            let time = test.eval_time.0;
            let plan = Plan::parse_with(&test.expr, self.promql).map_err(|refusal| refusal.to_string());
            let got =
                plan.and_then(|plan| instant(&plan, self.store.source(), start + time, engine(self.file)));
            let failure = match got {
                Ok(got) => case::samples(test, self.file.fuzzy_compare, got),
                Err(problem) => Some(Failure::Error(problem)),
            };
            let part = format!(".promql_expr_test[{number}]");
            cases.push(self.case(Kind::Expression, test.expr.clone(), time, &part, failure));
        }
    }
}

impl Staged<'_> {
    fn name(&self) -> &str {
        self.rule.alert.as_ref().or(self.rule.record.as_ref()).map_or("", String::as_str)
    }

    /// One evaluation: its series are written, and those of the evaluation before that are gone end.
    fn evaluate(&mut self, store: &mut Recorded, around: Around<'_>) -> Result<(), String> {
        let plan = self.plan.as_ref().map_err(String::clone)?;
        let at = around.at;
        let elements = instant(plan, store.source(), at - self.group.query_offset, around.engine)?;
        let series = match &self.rule.record {
            Some(name) => self.recorded(name, elements)?,
            None => self.alerts(elements, store, around)?,
        };
        let kept = |(labels, value): &(Labels, Value)| store.push(labels, at, value);
        let kept: Vec<bool> = series.iter().map(kept).collect();
        let written: BTreeSet<Labels> = series.into_iter().map(|(labels, _)| labels).collect();
        for gone in self.written.difference(&written) {
            store.end(gone, at);
        }
        self.written = written;
        if kept.contains(&false) {
            return Err("another sample of the same series stands at the same instant".to_owned());
        }
        Ok(())
    }

    fn recorded(&self, name: &str, elements: Vec<(Labels, Value)>) -> Result<Vec<(Labels, Value)>, String> {
        let added = self.group.labels.iter().chain(&self.rule.labels);
        let added: BTreeMap<&String, &String> = added.collect();
        let mut seen = BTreeSet::new();
        let mut series = Vec::with_capacity(elements.len());
        for (labels, value) in elements {
            let named = labels.with(METRIC_NAME, name);
            let labels = added.iter().fold(named, |labels, (name, value)| labels.with(name, value));
            if !seen.insert(labels.clone()) {
                return Err(format!("two elements of the result have the labels {labels}"));
            }
            series.push((labels, value));
        }
        self.within_limit(series.len())?;
        Ok(series)
    }

    fn within_limit(&self, count: usize) -> Result<(), String> {
        let limit = self.group.limit;
        if limit > 0 && count as u64 > limit {
            return Err(format!("{count} elements are more than the group's limit of {limit}"));
        }
        Ok(())
    }

    /// Who is pending and who fires from here on; the series that say so.
    fn alerts(
        &mut self,
        elements: Vec<(Labels, Value)>,
        store: &Recorded,
        around: Around<'_>,
    ) -> Result<Vec<(Labels, Value)>, String> {
        let Around { at, engine, promql, outside } = around;
        let ask = |query: &str| asked::samples(query, store.source(), promql, engine, at).map(Arc::new);
        let mut held: BTreeMap<Labels, BTreeMap<String, String>> = BTreeMap::new();
        for (source, value) in &elements {
            let value = match value {
                Value::Float(value) => *value,
                Value::Histogram(_) => 0.0,
            };
            let scene = Scene { labels: source, value, at, outside, ask: &ask };
            let mut labels = source.only(|name| name != METRIC_NAME);
            for (name, template) in &self.labels {
                labels = labels.with(name, &template.expand(&scene));
            }
            labels = labels.with("alertname", self.name());
            let annotations = self.annotations.iter();
            let annotations =
                annotations.map(|(name, text)| (name.clone(), text.expand(&scene).into_owned()));
            if held.insert(labels, annotations.collect()).is_some() {
                return Err("two elements have the same labels once the alert's labels are added".to_owned());
            }
        }
        self.active.retain(|labels, active| held.contains_key(labels) || active.is_kept(self.rule, at));
        for (labels, annotations) in held {
            let fresh = Active { since: at, fires: false, kept_since: None, annotations: BTreeMap::new() };
            let active = self.active.entry(labels).or_insert(fresh);
            active.annotations = annotations;
            active.kept_since = None;
        }
        let mut series = Vec::new();
        for (labels, active) in &mut self.active {
            active.fires |= at - active.since >= self.rule.hold;
            let state = if active.fires { "firing" } else { "pending" };
            // As in Prometheus, a label whose template gives nothing shows the template here.
            let raw = self.group.labels.iter().chain(&self.rule.labels);
            let full = raw.fold(Labels::default(), |all, (n, text)| all.with(n, text));
            let full = labels.iter().fold(full, |all, (name, value)| all.with(name, value));
            let shown = full.with(METRIC_NAME, "ALERTS").with("alertstate", state);
            series.push((shown, Value::Float(1.0)));
            let since = active.since.as_millis().div_euclid(1000) as f64;
            series.push((full.with(METRIC_NAME, "ALERTS_FOR_STATE"), Value::Float(since)));
        }
        let limited = self.within_limit(self.active.len());
        if limited.is_err() {
            self.active.clear();
        }
        limited.map(|()| series)
    }
}

impl Active {
    /// The condition is clear: whether it is kept firing for a while.
    fn is_kept(&mut self, rule: &Rule, at: Timestamp) -> bool {
        if !self.fires || rule.keep_firing_for == Span::ZERO {
            return false;
        }
        let since = *self.kept_since.get_or_insert(at);
        at - since < rule.keep_firing_for
    }
}
