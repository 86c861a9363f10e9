//! A report as people read it.

use kernel::{Labels, Span};
use web::ports::{BacktestReport, Catch, RuleReport, RulesReport};

use crate::cli::print_table;

/// Firings of one rule that are shown; `--json` has more.
const FIRINGS_SHOWN: usize = 10;
/// Widest bar of the histogram, in characters.
const BAR_WIDTH: u64 = 40;

/// Prints a report.
pub(crate) fn print(report: &BacktestReport) {
    println!("{} to {}, {} evaluated first", report.from, report.to, report.from - report.evaluated_from);
    println!();
    figures(report);
    for rule in &report.proposed.rules {
        one_rule(rule);
    }
    histogram(report);
    incidents(report);
}

fn figures(report: &BacktestReport) {
    let (proposed, in_force, less) = (&report.proposed, &report.in_force, &report.difference);
    let signed = |value: i64| format!("{value:+}");
    let row = |name: &str, of: &dyn Fn(&RulesReport) -> String, difference: String| {
        vec![name.to_owned(), of(proposed), of(in_force), difference]
    };
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |s| format!("{:.0}%", s * 100.0));
    let time = Span::from_secs(less.firing_time_seconds);
    let time = if less.firing_time_seconds > 0 { format!("+{time}") } else { time.to_string() };
    let blank = String::new;
    let rows = [
        row("pages", &|it| it.pages.to_string(), signed(less.pages)),
        row("  at night (22-07)", &|it| percent(it.night_share), signed(less.night_pages)),
        row("  at weekends", &|it| percent(it.weekend_share), signed(less.weekend_pages)),
        row("mails", &|it| it.mails.to_string(), signed(less.mails)),
        row("low", &|it| it.low.to_string(), blank()),
        row("silenced", &|it| it.silenced.to_string(), blank()),
        row("firings", &|it| it.firings.to_string(), signed(less.firings)),
        row("firing for", &|it| it.firing_time.to_string(), time),
        row("incidents caught", &|it| it.caught.to_string(), signed(less.caught)),
        row("incidents missed", &|it| it.missed.to_string(), blank()),
    ];
    print_table(&["", "THIS FILE", "IN FORCE", "DIFFERENCE"], &rows);
}

fn one_rule(rule: &RuleReport) {
    println!();
    let (fired, pages) = (rule.fired, rule.pages);
    println!("{} ({}): fired {fired} times for {}, {pages} pages", rule.alert, rule.group, rule.firing_time);
    if rule.cleared_in_time > 0 {
        println!("  {} times pending, and cleared in time", rule.cleared_in_time);
    }
    if rule.failures > 0 {
        let why = rule.first_failure.as_deref().unwrap_or("");
        println!("  not evaluated at {} of {} instants: {why}", rule.failures, rule.evaluations);
    }
    for firing in rule.firings.iter().take(FIRINGS_SHOWN) {
        let going_on = if firing.ended_at.is_none() { ", and still" } else { "" };
        let labels = without_name(&firing.labels);
        println!("  {} for {}{going_on}  {labels}", firing.fired_at, firing.fired_for);
    }
    let more = rule.fired.saturating_sub(FIRINGS_SHOWN as u64);
    if more > 0 {
        println!("  and {more} more");
    }
}

fn without_name(labels: &Labels) -> Labels {
    labels.only(|name| name != "alertname")
}

fn histogram(report: &BacktestReport) {
    let hours = &report.proposed.pages_by_hour;
    let most = hours.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return;
    }
    println!("\nPages by hour ({})", report.zone);
    for (hour, pages) in hours.iter().enumerate() {
        let bar = "#".repeat(usize::try_from((pages * BAR_WIDTH).div_ceil(most)).unwrap_or(0));
        println!("{}", format!("  {hour:02}  {pages:>5}  {bar}").trim_end());
    }
}

fn incidents(report: &BacktestReport) {
    if report.incidents.is_empty() {
        return;
    }
    println!("\nIncidents; caught by what begins to fire within {} of their beginning", report.window);
    let rows: Vec<Vec<String>> = report
        .incidents
        .iter()
        .map(|incident| {
            vec![
                incident.incident.to_string(),
                incident.service.to_string(),
                incident.began_at.to_string(),
                caught(incident.proposed.as_ref()),
                caught(incident.in_force.as_ref()),
            ]
        })
        .collect();
    print_table(&["INCIDENT", "SERVICE", "BEGAN", "THIS FILE", "IN FORCE"], &rows);
}

fn caught(catch: Option<&Catch>) -> String {
    let Some(catch) = catch else { return "missed".to_owned() };
    let late = Span::from_millis((catch.seconds_late * 1000.0).abs().round() as i64);
    let when = match catch.seconds_late {
        0.0 => "at once".to_owned(),
        early if early < 0.0 => format!("{late} early"),
        _ => format!("{late} late"),
    };
    format!("{} ({}), {when}", catch.alert, catch.priority.as_str())
}
