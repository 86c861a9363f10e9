use std::fmt::Write;

use facts::AlertingFact;
use kernel::GroupId;

use crate::World;

/// Alerts that the text of a page or mail describes one by one; the rest are counted.
const ALERTS_DESCRIBED_MAX: usize = 10;

/// The alerts of a group as the text of a page or mail: what, since when, the reading, what the rule's author says.
pub fn group_in_words(world: &World, group: GroupId) -> String {
    let Some(found) = world.alerting.group(group) else { return String::new() };
    let mut text = String::new();
    let firing = found.alerts().filter_map(|fingerprint| world.alerting.firing(fingerprint));
    let mut more = 0_usize;
    for (place, alert) in firing.enumerate() {
        if place >= ALERTS_DESCRIBED_MAX {
            more += 1;
            continue;
        }
        describe(&mut text, alert);
    }
    if more > 0 {
        line(&mut text, format_args!("… and {more} more alerts"));
    }
    text
}

fn describe(text: &mut String, alert: &facts::alerting::FiringAlert) {
    let name = alert.labels.get("alertname").unwrap_or("alert");
    line(text, format_args!("{name} since {}", alert.starts_at));
    for (annotation, value) in &alert.annotations {
        line(text, format_args!("  {annotation}: {value}"));
    }
    if let Some(value) = &alert.value {
        line(text, format_args!("  value: {value}"));
    }
    line(text, format_args!("  {}", alert.labels));
    if let Some(url) = &alert.generator_url {
        line(text, format_args!("  {url}"));
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content).expect("a String takes all text");
    text.push('\n');
}

/// Whether an entry's fact is one that only bookkeeping needs, and no timeline shows.
pub(crate) fn is_bookkeeping(fact: &AlertingFact) -> bool {
    matches!(fact, AlertingFact::AlertRefreshed { .. } | AlertingFact::LowDaySummed { .. })
}
