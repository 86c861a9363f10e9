//! Tallies become a report.

use std::collections::BTreeMap;

use incidents::Header;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use kernel::{Span, Timestamp};
use web::ports::{
    BacktestAsked, BacktestReport, BacktestSetting, Catch, Difference, Firing, IncidentReport, RuleReport,
    RulesReport,
};

use super::course::Course;
use super::limits::{FIRINGS_LISTED_MAX, INCIDENTS_MAX};
use super::tally::{Fired, RuleKey, Tally};
use super::{WINDOW, local};

/// The local hours of a night: from 22:00 up to 07:00.
const NIGHT: (i8, i8) = (22, 7);

/// What a set of rules led to.
pub(super) struct Outcome {
    tally: Tally,
    rules: Vec<RuleReport>,
    recorded: u64,
}

impl Outcome {
    pub(super) fn new(course: &Course<'_>, tally: Tally) -> Self {
        let rules = course.rules.iter().filter_map(|planned| {
            let key = (planned.group.name.clone(), planned.place);
            let counts = tally.by_rule.get(&key).cloned().unwrap_or_default();
            Some(RuleReport {
                group: planned.group.name.clone(),
                place: planned.place,
                alert: planned.rule.alert.clone()?,
                evaluations: planned.evaluations,
                failures: planned.failures,
                first_failure: planned.first_failure.clone(),
                cleared_in_time: counts.cleared_in_time,
                fired: 0,
                firing_time: Span::ZERO,
                pages: counts.pages,
                firings: Vec::new(),
            })
        });
        let rules = rules.collect();
        let recorded = course.rules.iter().filter(|planned| planned.rule.record.is_some()).count();
        Self { tally, rules, recorded: recorded as u64 }
    }

    fn report(&self, asked: &BacktestAsked, zone: &TimeZone, caught: u64, missed: u64) -> RulesReport {
        let mut by_hour = vec![0; 24];
        let (mut night, mut weekend) = (0, 0);
        for page in &self.tally.pages {
            let at = local(*page, zone);
            by_hour[usize::from(at.hour().unsigned_abs())] += 1;
            night += u64::from(is_night(&at));
            weekend += u64::from(is_weekend(&at));
        }
        let pages = self.tally.pages.len() as u64;
        let share = |part: u64| (pages > 0).then(|| part as f64 / pages as f64);
        let mut report = RulesReport {
            pages,
            mails: self.tally.mails,
            low: self.tally.low,
            silenced: self.tally.silenced,
            pages_by_hour: by_hour,
            night_share: share(night),
            weekend_share: share(weekend),
            firings: self.tally.fired.len() as u64,
            firing_time: Span::ZERO,
            caught,
            missed,
            rules: self.rules.clone(),
            recorded: self.recorded,
        };
        let keys = self.rules.iter().map(|rule| (rule.group.clone(), rule.place));
        let places: BTreeMap<RuleKey, usize> = keys.enumerate().map(|(place, key)| (key, place)).collect();
        for fired in &self.tally.fired {
            let firing = firing(fired, asked);
            report.firing_time = report.firing_time + firing.fired_for;
            if let Some(rule) = places.get(&fired.rule).and_then(|place| report.rules.get_mut(*place)) {
                rule.fired += 1;
                rule.firing_time = rule.firing_time + firing.fired_for;
                if rule.firings.len() < FIRINGS_LISTED_MAX {
                    rule.firings.push(firing);
                }
            }
        }
        report
    }

    /// The alert of the incident's service, or of none, that began to fire nearest to the incident's beginning.
    fn catch(&self, incident: &Header, window: Span) -> Option<Catch> {
        let fired = &self.tally.fired;
        let first = fired.partition_point(|fired| fired.fired_at < incident.began_at - window);
        let near = fired[first..].iter().take_while(|fired| fired.fired_at <= incident.began_at + window);
        let concerned =
            near.filter(|fired| fired.labels.get("service").is_none_or(|it| it == incident.service.as_str()));
        let distance = |fired: &&Fired| (fired.fired_at - incident.began_at).as_millis().abs();
        let best = concerned.min_by_key(|fired| (distance(fired), fired.fired_at))?;
        Some(Catch {
            group: best.rule.0.clone(),
            alert: best.alert.clone(),
            priority: best.priority,
            fired_at: best.fired_at,
            seconds_late: (best.fired_at - incident.began_at).as_secs_f64(),
        })
    }
}

fn firing(fired: &Fired, asked: &BacktestAsked) -> Firing {
    let began = fired.fired_at.max(asked.from);
    let ended = fired.ended_at.unwrap_or(asked.to).min(asked.to);
    Firing {
        labels: fired.labels.clone(),
        priority: fired.priority,
        since: fired.since,
        fired_at: fired.fired_at,
        ended_at: fired.ended_at,
        fired_for: (ended - began).max(Span::ZERO),
    }
}

fn is_night(at: &jiff::Zoned) -> bool {
    at.hour() >= NIGHT.0 || at.hour() < NIGHT.1
}

fn is_weekend(at: &jiff::Zoned) -> bool {
    matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday)
}

pub(super) fn report(
    asked: &BacktestAsked,
    setting: &BacktestSetting,
    start: Timestamp,
    zone: &TimeZone,
    proposed: &Outcome,
    in_force: &Outcome,
) -> BacktestReport {
    let window = asked.window.unwrap_or(WINDOW);
    let mut began: Vec<&Header> = setting
        .incidents
        .iter()
        .filter(|incident| asked.from <= incident.began_at && incident.began_at <= asked.to)
        .collect();
    began.sort_by_key(|incident| (incident.began_at, incident.id));
    let older = began.len().saturating_sub(INCIDENTS_MAX);
    let incidents: Vec<IncidentReport> = began
        .into_iter()
        .skip(older)
        .map(|incident| IncidentReport {
            incident: incident.id,
            service: incident.service.clone(),
            title: incident.title.clone(),
            began_at: incident.began_at,
            resolved_at: incident.resolved_at,
            proposed: proposed.catch(incident, window),
            in_force: in_force.catch(incident, window),
        })
        .collect();
    let caught = |of: fn(&IncidentReport) -> &Option<Catch>| {
        incidents.iter().filter(|incident| of(incident).is_some()).count() as u64
    };
    let all = incidents.len() as u64;
    let (by_proposed, by_in_force) = (caught(|it| &it.proposed), caught(|it| &it.in_force));
    let proposed_report = proposed.report(asked, zone, by_proposed, all - by_proposed);
    let in_force_report = in_force.report(asked, zone, by_in_force, all - by_in_force);
    let mut difference = difference(&proposed_report, &in_force_report);
    let pages = |outcome: &Outcome, counts: fn(&jiff::Zoned) -> bool| {
        outcome.tally.pages.iter().filter(|page| counts(&local(**page, zone))).count() as i64
    };
    difference.night_pages = pages(proposed, is_night) - pages(in_force, is_night);
    difference.weekend_pages = pages(proposed, is_weekend) - pages(in_force, is_weekend);
    BacktestReport {
        from: asked.from,
        to: asked.to,
        evaluated_from: start,
        window,
        zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        proposed: proposed_report,
        in_force: in_force_report,
        difference,
        incidents,
    }
}

fn difference(proposed: &RulesReport, in_force: &RulesReport) -> Difference {
    let less = |a: u64, b: u64| a.cast_signed().saturating_sub(b.cast_signed());
    Difference {
        pages: less(proposed.pages, in_force.pages),
        mails: less(proposed.mails, in_force.mails),
        firings: less(proposed.firings, in_force.firings),
        firing_time_seconds: (proposed.firing_time - in_force.firing_time).as_millis() / 1000,
        caught: less(proposed.caught, in_force.caught),
        ..Difference::default()
    }
}
