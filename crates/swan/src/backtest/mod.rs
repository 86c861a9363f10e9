//! What a rule file would have done over stored history, beside the rules in force.
//!
//! The characters: a *course* takes one set of rules through the tested time. It evaluates each rule with range queries
//! and finds the instants at which its elements change; recording rules come first and feed the rules after them. A
//! *rehearsal* is the engine that serves, in virtual time: it is asked at exactly those instants, and at those at
//! which a `for` or a `keep_firing_for` has passed, and its facts are counted in a *tally*.
//!
//! What is guaranteed: the facts are those that the same engine gives when it is asked at every instant of each rule's
//! interval (a property test shows it); grouping and silences are the engine's own; nothing is changed by a test.
//!
//! What is not shown: pages are acknowledged at once, so nobody is woken twice for one page; a rule that fires between
//! two instants of its interval, on arrival of a sample, fires here at the next instant.

pub(crate) mod course;
pub(crate) mod evaluate;
pub(crate) mod limits;
pub(crate) mod moments;
pub(crate) mod planned;
mod port;
pub(crate) mod recorded;
pub(crate) mod rehearsal;
mod report;
mod stopped;
mod tally;
#[cfg(test)]
mod tests;
mod text;

use alerting::templates::Template;
use facts::configuration::RuleGroup;
use jiff::tz::TimeZone;
use kernel::{Span, Timestamp};
use promql::SeriesSource;
use web::ports::{BacktestAsked, BacktestRefusal, BacktestReport, BacktestSetting};

use course::{Course, Over};
use rehearsal::Rehearsal;
use report::Outcome;
use stopped::Stopped;
use tally::Tally;

pub(crate) use port::BacktestPort;
pub(crate) use text::print;

/// How far from an incident's beginning a rule may begin to fire and still catch it.
const WINDOW: Span = Span::from_mins(15);

/// Tests rules.
///
/// # Errors
/// What stands against it.
pub(crate) fn run(
    asked: &BacktestAsked,
    setting: &BacktestSetting,
    source: &dyn SeriesSource,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<BacktestReport, BacktestRefusal> {
    let zone = check(asked, setting)?;
    let settings = web::language::settings(setting.configuration.promql);
    let planned = |groups| planned::planned(groups, settings).map_err(|refusal| invalid(&refusal));
    let (proposed, in_force) = (planned(&asked.groups)?, planned(&setting.configuration.rule_groups)?);
    let warm_up = planned::warm_up(&proposed).max(planned::warm_up(&in_force));
    let start = (asked.from - warm_up).max(limits::EARLIEST);
    let over = Over { start, end: asked.to, skip: &asked.skip, source, is_cancelled };
    let rehearse = |groups: &[RuleGroup], rules| {
        let mut course = Course::new(rules, over);
        let mut rehearsal = Rehearsal::new(groups, &setting.configuration, &setting.silences, start);
        let mut tally = Tally::new(asked.from);
        let told = course.run(&mut rehearsal, &mut |entry| {
            tally.hear(entry);
            if tally.is_full() { Err(Stopped::TooManyFirings) } else { Ok(()) }
        });
        told.map_err(refused)?;
        tally.end();
        Ok(Outcome::new(&course, tally))
    };
    let proposed = rehearse(&asked.groups, proposed)?;
    let in_force = rehearse(&setting.configuration.rule_groups, in_force)?;
    Ok(report::report(asked, setting, start, &zone, &proposed, &in_force))
}

/// What can be refused before anything is evaluated; the time zone.
fn check(asked: &BacktestAsked, setting: &BacktestSetting) -> Result<TimeZone, BacktestRefusal> {
    let BacktestAsked { from, to, .. } = asked;
    if to <= from {
        return Err(bad(format!("the tested time ends at {to}, before it begins at {from}"), None));
    }
    if *from < limits::EARLIEST {
        let hint = "begin the test later";
        return Err(bad(format!("nothing before {} is tested", limits::EARLIEST), Some(hint)));
    }
    if *to - *from > limits::SPAN_MAX {
        let hint = "test a shorter time, or several one after the other";
        return Err(bad(format!("a test covers at most {}", limits::SPAN_MAX), Some(hint)));
    }
    if asked.skip.len() > limits::SKIPS_MAX {
        return Err(bad(format!("at most {} stretches of time are skipped", limits::SKIPS_MAX), None));
    }
    if asked.window.is_some_and(|window| window < Span::ZERO) {
        return Err(bad("the window around an incident's beginning is not negative".to_owned(), None));
    }
    let rules = || asked.groups.iter().flat_map(|group| &group.rules);
    if rules().next().is_none() {
        return Err(bad("there is no rule to test".to_owned(), None));
    }
    if rules().count() > limits::RULES_MAX {
        return Err(bad(format!("a test takes at most {} rules", limits::RULES_MAX), None));
    }
    if let Some(group) = asked.groups.iter().find(|group| group.interval <= Span::ZERO) {
        return Err(bad(format!("the interval of group `{}` is not longer than nothing", group.name), None));
    }
    for rule in rules() {
        if rule.alert.is_some() == rule.record.is_some() {
            return Err(bad("a rule has exactly one of `alert` and `record`".to_owned(), None));
        }
    }
    labels_ask_nothing(&asked.groups)?;
    let mut names: Vec<&str> = asked.groups.iter().map(|group| group.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(bad(format!("two rule groups are named `{}`", twice[0]), Some("rename one of them")));
    }
    let seconds = (*to - *from).as_millis();
    let evaluations = |group: &RuleGroup| {
        group.rules.len() as u64 * (seconds / group.interval.as_millis().max(1)).unsigned_abs()
    };
    let all: u64 = asked.groups.iter().map(evaluations).fold(0, u64::saturating_add);
    if all > limits::EVALUATIONS_MAX {
        let sentence = format!("these rules are evaluated {all} times, at most {}", limits::EVALUATIONS_MAX);
        return Err(bad(sentence, Some("test fewer rules, a shorter time, or a longer interval")));
    }
    zone(asked, setting)
}

/// An alert is told apart by its labels, and what a query would have said of them at each instant is not evaluated.
fn labels_ask_nothing(groups: &[RuleGroup]) -> Result<(), BacktestRefusal> {
    for group in groups {
        let own = group.rules.iter().flat_map(|rule| &rule.labels);
        for (name, text) in group.labels.iter().chain(own) {
            if Template::parse(text).is_ok_and(|template| template.asks()) {
                let sentence =
                    format!("not supported yet: a query in the label `{name}` of `{}`", group.name);
                return Err(bad(sentence, Some("ask it in an annotation, or join it in the expression")));
            }
        }
    }
    Ok(())
}

/// The named zone; else that of the rotations, where they agree; else UTC.
fn zone(asked: &BacktestAsked, setting: &BacktestSetting) -> Result<TimeZone, BacktestRefusal> {
    let mut zones = setting.configuration.rotations.values().map(|rotation| rotation.timezone.as_str());
    let first = zones.next();
    let of_rotations = first.filter(|first| zones.all(|zone| zone == *first));
    let name = asked.zone.as_deref().or(of_rotations).unwrap_or("UTC");
    TimeZone::get(name).map_err(|_| {
        let hint = "an IANA name, like `Europe/Dublin`";
        bad(format!("there is no time zone `{name}`"), Some(hint))
    })
}

/// The wall clock of a zone.
fn local(at: Timestamp, zone: &TimeZone) -> jiff::Zoned {
    at.to_jiff().to_zoned(zone.clone())
}

fn bad(sentence: String, hint: Option<&str>) -> BacktestRefusal {
    BacktestRefusal { code: "bad_backtest", sentence, hint: hint.map(str::to_owned) }
}

fn invalid(refusal: &promql::QueryRefusal) -> BacktestRefusal {
    let hint = kernel::Refuse::hint(refusal);
    BacktestRefusal { code: "bad_backtest", sentence: refusal.to_string(), hint }
}

fn refused(stopped: Stopped) -> BacktestRefusal {
    let (code, sentence, hint) = match stopped {
        Stopped::Cancelled => ("cancelled", "the test was cancelled".to_owned(), None),
        Stopped::Fault(fault) => {
            let detail = crate::failure::in_full(&fault);
            ("fault", format!("the stored series could not be read: {detail}"), None)
        }
        Stopped::TooMuch => (
            "too_much",
            format!("the rules give more than {} points at a few instants", limits::POINTS_HELD_MAX),
            Some("test fewer rules at once"),
        ),
        Stopped::TooManyRecorded => (
            "too_much",
            format!("the recording rules give more than {} samples", limits::RECORDED_SAMPLES_MAX),
            Some("test a shorter time"),
        ),
        Stopped::TooManyFirings => (
            "too_much",
            format!("alerts fire more than {} times", limits::FIRINGS_MAX),
            Some("test a shorter time, or rules that fire less"),
        ),
    };
    BacktestRefusal { code, sentence, hint: hint.map(str::to_owned) }
}
