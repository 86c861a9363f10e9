//! The few instants at which a course asks the engine lead to the facts that every instant leads to.

use std::collections::{BTreeMap, BTreeSet};

use facts::Configuration;
use facts::configuration::{Alerting, Rule, RuleGroup, Service};
use facts::{Entry, Fact};
use kernel::{Labels, Rng, ServiceId, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{METRIC_NAME, STALE_NAN, Value, never_cancelled};
use web::ports::{BacktestAsked, BacktestReport, BacktestSetting, Stretch};

use super::course::{Course, Over};
use super::evaluate::instant;
use super::planned::planned;
use super::recorded::{Overlay, Recorded};
use super::rehearsal::Rehearsal;

/// A whole minute.
const START: Timestamp = Timestamp::from_secs(1_790_000_040);
const LASTS: Span = Span::from_mins(45);

fn pick<T: Clone>(rng: &mut Rng, items: &[T]) -> T {
    rng.pick(items).expect("there is something to pick").clone()
}

/// Series that come and go, stand still, jump, and end with a marker or without one.
fn series(rng: &mut Rng) -> InMemory {
    let mut stored = InMemory::new();
    for name in ["m", "n", "c_total"] {
        for number in 0..=rng.below(5) {
            let labels = [(METRIC_NAME, name), ("a", &number.to_string()), ("b", &(number % 2).to_string())];
            let labels = Labels::new(labels).unwrap();
            let mut value = rng.below(6) as f64;
            let mut at = START - Span::from_mins(6);
            let mut silent = false;
            while at < START + LASTS {
                if rng.chance(60) {
                    if !silent && rng.chance(500) {
                        stored.push(&labels, at, STALE_NAN);
                    }
                    silent = !silent;
                }
                if rng.chance(if name == "c_total" { 900 } else { 150 }) {
                    value = if name == "c_total" { value + rng.below(9) as f64 } else { rng.below(6) as f64 };
                }
                if !silent {
                    stored.push(&labels, at, value);
                }
                at += Span::from_secs(15);
            }
        }
    }
    stored
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn rule(rng: &mut Rng, recorded: &[&str]) -> Rule {
    let mut exprs = vec![
        "m > 3",
        "m >= 2 and n < 3",
        "sum by (b) (m) > 6",
        "rate(c_total[2m]) > 0.15",
        "absent(m{a=\"1\"})",
        "n == 0",
        "m > on(b) group_left n",
        "{__name__=~\"m|n\"} > 4",
        "m offset 1m > 3",
        "topk(1, m) > 2",
        "vector(1) unless on() m{a=\"0\"} > 2",
        "changes(m[3m]) > 1",
        "5",
    ];
    exprs.extend(recorded);
    let hold = [0, 0, 15, 45, 120, 600].map(Span::from_secs);
    let labels: [&[(&str, &str)]; 7] = [
        &[("severity", "critical")],
        &[("severity", "warning")],
        &[("severity", "info")],
        &[("severity", "critical"), ("service", "shop")],
        &[("severity", "page"), ("a", "same")],
        &[("severity", "critical"), ("level", "{{ $value }}")],
        &[("severity", "page"), ("part", "{{ $labels.b }}")],
    ];
    Rule {
        alert: Some(pick(rng, &["One", "Two", "Three"]).to_owned()),
        record: None,
        expr: pick(rng, &exprs).to_owned(),
        hold: pick(rng, &hold),
        keep_firing_for: pick(rng, &[0, 0, 30, 300].map(Span::from_secs)),
        labels: texts(pick(rng, &labels)),
        annotations: texts(&[("summary", "{{ $labels.a }} has {{ $value }}")]),
    }
}

fn recording(rng: &mut Rng, name: &str, reads: &[&str]) -> Rule {
    let labels: &[(&str, &str)] = if rng.chance(300) { &[("b", "all")] } else { &[] };
    Rule {
        alert: None,
        record: Some(name.to_owned()),
        expr: pick(rng, reads).to_owned(),
        hold: Span::ZERO,
        keep_firing_for: Span::ZERO,
        labels: texts(labels),
        annotations: BTreeMap::new(),
    }
}

fn groups(rng: &mut Rng) -> Vec<RuleGroup> {
    let mut groups = Vec::new();
    for number in 0..=rng.below(3) {
        let mut rules = Vec::new();
        let mut reads = vec!["sum by (b) (m)", "n", "rate(c_total[2m])", "m > 2"];
        if rng.chance(150) {
            // Reads itself, so that the instants have to be evaluated one by one.
            reads = vec!["r:x + 1 or sum(m)"];
        }
        if rng.chance(500) {
            rules.push(recording(rng, "r:x", &reads));
            if rng.chance(500) {
                rules.push(recording(rng, "r:y", &["r:x * 2", "max_over_time(r:x[3m])"]));
            }
        }
        for _ in 0..=rng.below(3) {
            let recorded = ["r:x > 4", "r:y > 5", "avg_over_time(r:x[5m]) > 3", "absent(r:y)"];
            rules.push(rule(rng, &recorded));
        }
        groups.push(RuleGroup {
            name: format!("g{number}"),
            interval: pick(rng, &[15, 15, 20, 60].map(Span::from_secs)),
            file: String::new(),
            query_offset: if rng.chance(150) { Span::from_secs(30) } else { Span::ZERO },
            limit: if rng.chance(150) { 3 } else { 0 },
            labels: BTreeMap::new(),
            rules,
        });
    }
    groups
}

fn configuration(rng: &mut Rng) -> Configuration {
    let by: [&[&str]; 3] = [&["alertname", "service"], &[], &["..."]];
    Configuration {
        services: BTreeMap::from([(ServiceId::new("shop"), Service::default())]),
        alerting: Alerting {
            group_by: pick(rng, &by).iter().map(|name| (*name).to_owned()).collect(),
            critical_wait: pick(rng, &[0, 0, 40].map(Span::from_secs)),
            group_interval: pick(rng, &[60, 300].map(Span::from_secs)),
            ..Alerting::default()
        },
        ..Configuration::default()
    }
}

/// A timer over all groups: every rule at every instant of its interval, and the engine is asked at each.
fn by_timer(groups: &[RuleGroup], stored: &InMemory, skip: &[Stretch], engine: &mut Rehearsal) {
    let plans = planned(groups, promql::Settings::default()).unwrap();
    let names: BTreeSet<String> = plans.iter().filter_map(|planned| planned.rule.record.clone()).collect();
    let mut recorded = Recorded::default();
    let mut written: Vec<BTreeSet<Labels>> = vec![BTreeSet::new(); plans.len()];
    let mut at = START;
    while at <= START + LASTS {
        let is_skipped = skip.iter().any(|stretch| stretch.from <= at && at < stretch.to);
        for (planned, written) in plans.iter().zip(&mut written) {
            if is_skipped || at.floor(planned.group.interval) != at {
                continue;
            }
            let source = Overlay { stored, recorded: recorded.source(), names: &names, since: START };
            let read_at = at - planned.group.query_offset;
            let Ok(elements) = instant(&planned.plan, &source, read_at, promql::Engine::default()) else {
                continue;
            };
            if planned.group.limit > 0 && elements.len() as u64 > planned.group.limit {
                continue;
            }
            if let Some(name) = &planned.rule.record {
                let labelled = elements.iter().map(|(labels, value)| {
                    let named = labels.with(METRIC_NAME, name);
                    (planned.rule.labels.iter().fold(named, |all, (n, v)| all.with(n, v)), value)
                });
                let all: BTreeMap<Labels, &Value> = labelled.collect();
                if all.len() < elements.len() {
                    continue;
                }
                all.iter().for_each(|(labels, value)| _ = recorded.push(labels, at, value));
                written
                    .iter()
                    .filter(|gone| !all.contains_key(*gone))
                    .for_each(|gone| recorded.end(gone, at));
                *written = all.into_keys().collect();
                continue;
            }
            let floats = elements.into_iter().filter_map(|(labels, value)| match value {
                Value::Float(value) => Some((labels, value)),
                Value::Histogram(_) => None,
            });
            // `topk` and `sort` order their result, which decides the order of an evaluation's facts and nothing else.
            let mut elements: Vec<(Labels, f64)> = floats.collect();
            elements.sort_by(|a, b| a.0.cmp(&b.0));
            engine.pass(at);
            _ = engine.judge(&planned.group.name, planned.place, at, elements);
        }
        at += Span::from_secs(5);
    }
    engine.pass(START + LASTS);
}

#[test]
fn the_few_instants_that_matter_lead_to_the_facts_of_every_instant() {
    let (mut fired, mut paged, mut kept, mut cleared, mut refused) = (0, 0, 0, 0, 0);
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let (stored, groups, configuration) = (series(&mut rng), groups(&mut rng), configuration(&mut rng));
        let skip = if rng.chance(300) {
            let from = START + Span::from_mins(10);
            vec![Stretch { from, to: from + Span::from_secs(400) }]
        } else {
            Vec::new()
        };
        let rehearsal = || Rehearsal::new(&groups, &configuration, &[], START);

        let mut timer = rehearsal();
        by_timer(&groups, &stored, &skip, &mut timer);
        let expected = timer.heard();

        let mut found: Vec<Entry> = Vec::new();
        let over = Over {
            start: START,
            end: START + LASTS,
            skip: &skip,
            source: &stored,
            is_cancelled: &never_cancelled,
        };
        let mut course = Course::new(planned(&groups, promql::Settings::default()).unwrap(), over);
        let mut few = rehearsal();
        course
            .run(&mut few, &mut |entry| {
                found.push(entry.clone());
                Ok(())
            })
            .unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "seed {seed}, {groups:#?}");
        }
        assert_eq!(found.len(), expected.len(), "seed {seed}: one of them heard more");
        refused += course.rules.iter().map(|planned| planned.failures).sum::<u64>();
        for entry in &found {
            use facts::alerting::AlertingFact as A;
            match &entry.fact {
                Fact::Alerting(A::AlertFired(_)) => fired += 1,
                Fact::Alerting(A::AlertKeptFiring { .. }) => kept += 1,
                Fact::Alerting(A::PendingCleared { .. }) => cleared += 1,
                Fact::Oncall(facts::oncall::OncallFact::PageOpened { .. }) => paged += 1,
                _ => {}
            }
        }
    }
    let seen = [fired, paged, kept, cleared, refused];
    assert!(seen.iter().all(|count| *count > 200), "too little happened to show anything: {seen:?}");
}

/// `m{a="0"}` is 1 in these minutes from the start, and 0 in the others.
fn high_in(minutes: &[std::ops::Range<i64>]) -> InMemory {
    let mut stored = InMemory::new();
    let labels = Labels::new([(METRIC_NAME, "m"), ("a", "0"), ("service", "shop")]).unwrap();
    for step in 0..24 * 60 * 4 {
        let high = minutes.iter().any(|range| range.contains(&(step / 4)));
        stored.push(&labels, START + Span::from_secs(15).times(step), f64::from(u8::from(high)));
    }
    stored
}

fn one_rule(expr: &str, hold: Span) -> Vec<RuleGroup> {
    let rule = Rule {
        alert: Some("High".to_owned()),
        record: None,
        expr: expr.to_owned(),
        hold,
        keep_firing_for: Span::ZERO,
        labels: texts(&[("severity", "critical")]),
        annotations: BTreeMap::new(),
    };
    let interval = Span::from_secs(15);
    let (name, labels) = ("g".to_owned(), BTreeMap::new());
    vec![RuleGroup {
        name,
        file: String::new(),
        interval,
        query_offset: Span::ZERO,
        limit: 0,
        labels,
        rules: vec![rule],
    }]
}

fn tested(asked: &BacktestAsked, setting: &BacktestSetting, stored: &InMemory) -> BacktestReport {
    super::run(asked, setting, stored, &never_cancelled).expect("it can be tested")
}

fn asked(groups: Vec<RuleGroup>) -> BacktestAsked {
    let (from, to) = (START, START + Span::from_hours(24));
    BacktestAsked { groups, from, to, window: None, zone: None, skip: Vec::new() }
}

fn incident(id: u64, began: i64) -> incidents::Header {
    incidents::Header {
        id: kernel::IncidentId(id),
        service: ServiceId::new("shop"),
        severity: facts::incidents::Severity::Critical,
        title: "Checkout fails".to_owned(),
        began_at: START + Span::from_mins(began),
        declared_at: START + Span::from_mins(began),
        resolved_at: Some(START + Span::from_mins(began + 30)),
    }
}

#[test]
fn a_report_says_what_fired_who_was_paged_and_what_was_caught() {
    let stored = high_in(&[60..70, 600..601, 900..960]);
    let in_force = one_rule("m > 0", Span::ZERO);
    let configuration = Configuration { rule_groups: in_force, ..Configuration::default() };
    let incidents = vec![incident(1, 62), incident(2, 300), incident(3, 898)];
    let setting = BacktestSetting { configuration, incidents, silences: Vec::new() };
    let report = tested(&asked(one_rule("m > 0", Span::from_mins(5))), &setting, &stored);

    assert_eq!((report.proposed.pages, report.in_force.pages, report.difference.pages), (2, 3, -1));
    assert_eq!(report.proposed.firing_time, Span::from_mins(5 + 55));
    assert_eq!(report.in_force.firing_time, Span::from_mins(10 + 1 + 60));
    assert_eq!(report.proposed.rules[0].cleared_in_time, 1, "the minute was pending and cleared");
    assert_eq!(report.proposed.pages_by_hour.iter().sum::<u64>(), 2);
    let late = |catch: &Option<web::ports::Catch>| catch.as_ref().map(|catch| catch.seconds_late);
    let caught: Vec<_> = report
        .incidents
        .iter()
        .map(|incident| (late(&incident.proposed), late(&incident.in_force)))
        .collect();
    assert_eq!(caught, [(Some(180.0), Some(-120.0)), (None, None), (Some(420.0), Some(120.0))]);
    assert_eq!((report.proposed.caught, report.proposed.missed), (2, 1));
}

/// Silences that people made over `m`, from one minute up to another; where `ended` says so they ended them earlier.
fn silenced(from: i64, to: i64, ended: Option<i64>) -> Vec<alerting::Silence> {
    let minute = |minute: i64| START + Span::from_mins(minute);
    let mut engine = engine::Engine::default();
    let name = "alertname".to_owned();
    let matcher =
        facts::alerting::Matcher { name, value: "High".to_owned(), is_regex: false, is_equal: true };
    let create = alerting::Command::CreateSilence {
        replaces: None,
        matchers: vec![matcher],
        starts_at: minute(from),
        ends_at: minute(to),
        comment: String::new(),
        created_by: String::new(),
    };
    let somebody = kernel::Actor::Token("somebody".to_owned());
    engine.decide(minute(from), &somebody, create.into()).unwrap();
    if let Some(ended) = ended {
        let silence = engine.world().alerting.silences().next().unwrap().id;
        let expire = alerting::Command::ExpireSilence { silence };
        engine.decide(minute(ended), &somebody, expire.into()).unwrap();
    }
    engine.world().alerting.silences().cloned().collect()
}

#[test]
fn silences_mute_what_they_muted_then() {
    let stored = high_in(&[60..90, 600..610]);
    let asked = asked(one_rule("m > 0", Span::ZERO));
    let pages = |silences: Vec<alerting::Silence>| {
        let setting = BacktestSetting { silences, ..BacktestSetting::default() };
        let report = tested(&asked, &setting, &stored);
        (report.proposed.pages, report.proposed.silenced)
    };
    assert_eq!(pages(Vec::new()), (2, 0));
    assert_eq!(pages(silenced(50, 100, None)), (1, 1), "it was over before the silence");
    assert_eq!(pages(silenced(50, 80, None)), (2, 1), "it outlived the silence");
    assert_eq!(pages(silenced(50, 100, Some(70))), (2, 1), "somebody ended the silence");
    assert_eq!(pages(silenced(0, 10, None)), (2, 0));
}

#[test]
fn what_held_before_the_tested_time_is_known_at_its_beginning() {
    let stored = high_in(std::slice::from_ref(&(60..120)));
    let mut asked = asked(one_rule("m > 0", Span::from_mins(30)));
    asked.from = START + Span::from_mins(100);
    let report = tested(&asked, &BacktestSetting::default(), &stored);
    assert_eq!(report.evaluated_from, START + Span::from_mins(70));
    assert_eq!(report.proposed.firing_time, Span::from_mins(20), "it was pending for long enough");
}

#[test]
fn times_at_which_nobody_evaluated_leave_alerts_as_they_are() {
    let stored = high_in(&[60..80, 85..90]);
    let mut asked = asked(one_rule("m > 0", Span::ZERO));
    let firings =
        |asked: &BacktestAsked| tested(asked, &BacktestSetting::default(), &stored).proposed.firings;
    assert_eq!(firings(&asked), 2);
    let skipped = |minute: i64| START + Span::from_mins(minute);
    asked.skip = vec![Stretch { from: skipped(75), to: skipped(86) }];
    assert_eq!(firings(&asked), 1);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint() {
    let refused = |asked: &BacktestAsked| {
        let stored = InMemory::new();
        super::run(asked, &BacktestSetting::default(), &stored, &never_cancelled).unwrap_err().sentence
    };
    let mut asked = asked(one_rule("m > 0", Span::ZERO));
    asked.zone = Some("Mars/Olympus".to_owned());
    assert_eq!(refused(&asked), "there is no time zone `Mars/Olympus`");
    asked.to = asked.from;
    assert!(refused(&asked).contains("before it begins"), "{}", refused(&asked));
    asked.to = asked.from + Span::from_days(400);
    assert_eq!(refused(&asked), "a test covers at most 366d");
    asked.groups.clear();
    asked.to = asked.from + Span::from_days(1);
    assert_eq!(refused(&asked), "there is no rule to test");
    asked.groups = one_rule("m > 0", Span::ZERO);
    asked.groups[0].rules[0].labels.insert("most".to_owned(), "{{ query \"m\" | len }}".to_owned());
    assert_eq!(refused(&asked), "not supported yet: a query in the label `most` of `g`");
    asked.from = Timestamp::from_millis(-1);
    asked.to = Timestamp::from_secs(60);
    assert_eq!(refused(&asked), "nothing before 1970-01-01T00:00:00Z is tested");
}

#[test]
fn time_begins_in_1970() {
    let mut asked = asked(one_rule("absent(m)", Span::from_mins(30)));
    (asked.from, asked.to) = (Timestamp::default(), Timestamp::from_secs(86_400));
    let report = tested(&asked, &BacktestSetting::default(), &InMemory::new());
    assert_eq!(report.evaluated_from, Timestamp::default());
    assert_eq!((report.proposed.firings, report.proposed.firing_time), (1, Span::from_mins(24 * 60 - 30)));
}
