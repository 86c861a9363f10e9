use std::collections::BTreeSet;

use facts::alerting::FiringAlert;
use kernel::{Labels, ServiceId};

use crate::limits;

/// Alert names that a title spells out.
const NAMES_IN_TITLE_MAX: usize = 3;

/// What a title needs of an alert.
pub(crate) struct Told<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) summary: Option<&'a str>,
    pub(crate) labels: &'a Labels,
}

impl<'a> Told<'a> {
    pub(crate) fn of(alert: &'a FiringAlert) -> Self {
        let summary = alert.annotations.get("summary").map(String::as_str);
        Self { name: alert.labels.get("alertname"), summary, labels: &alert.labels }
    }
}

/// `HighErrorRate: <summary>` for one alert that has a summary; else `shop: HighErrorRate`, and `(3 alerts)` where
/// there are several. One line of at most [`limits::TITLE_CHARS_MAX`] characters.
pub(crate) fn of_group<'a>(
    service: Option<&ServiceId>,
    count: usize,
    alerts: impl Iterator<Item = Told<'a>>,
) -> String {
    let mut names = BTreeSet::new();
    for alert in alerts {
        let summary = alert.summary.map(str::trim).filter(|summary| !summary.is_empty());
        if let (1, Some(summary)) = (count, summary) {
            return one_line(&format!("{}: {summary}", named(&alert)));
        }
        names.insert(named(&alert));
        if names.len() > NAMES_IN_TITLE_MAX {
            break;
        }
    }
    let more = if names.len() > NAMES_IN_TITLE_MAX { ", …" } else { "" };
    let names: Vec<String> = names.into_iter().take(NAMES_IN_TITLE_MAX).collect();
    let prefix = service.map_or_else(String::new, |service| format!("{service}: "));
    let several = if count > 1 { format!(" ({count} alerts)") } else { String::new() };
    one_line(&format!("{prefix}{}{more}{several}", names.join(", ")))
}

fn named(alert: &Told<'_>) -> String {
    alert.name.map_or_else(|| alert.labels.to_string(), str::to_owned)
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limits::TITLE_CHARS_MAX {
        return line;
    }
    let cut: String = line.chars().take(limits::TITLE_CHARS_MAX - 1).collect();
    format!("{cut}…")
}
