//! How people read times, lengths of time and states.

use std::fmt;

use askama::filters::HtmlSafe;
use facts::incidents::{Phase, Severity};
use facts::status::ComponentStatus;
use kernel::{Span, Timestamp};

/// An instant as `<time>`, to the minute, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock(pub(super) Timestamp);

/// An instant as `<time>`, to the second, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Precise(pub(super) Timestamp);

/// A day in UTC as `<time>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day(pub(super) Timestamp);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_jiff().strftime("%-d %b %Y, %H:%M UTC");
        write!(f, "<time datetime=\"{}\">{text}</time>", self.0)
    }
}

impl fmt::Display for Precise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_jiff().strftime("%-d %b, %H:%M:%S UTC");
        write!(f, "<time datetime=\"{}\">{text}</time>", self.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = self.0.to_jiff();
        write!(
            f,
            "<time datetime=\"{}\">{}</time>",
            instant.strftime("%Y-%m-%d"),
            instant.strftime("%-d %b %Y")
        )
    }
}

// Digits, month names and punctuation only.
impl HtmlSafe for Clock {}
impl HtmlSafe for Precise {}
impl HtmlSafe for Day {}

/// A day without its year: `20 Nov`.
pub(super) fn short_day(day: Timestamp) -> String {
    day.to_jiff().strftime("%-d %b").to_string()
}

/// A day as a form's date field has it: `2026-11-20`.
pub(super) fn date_field(day: Timestamp) -> String {
    day.to_jiff().strftime("%Y-%m-%d").to_string()
}

/// An instant as a form's date and time field has it, in UTC: `2026-11-20T09:30`.
pub(super) fn minute_field(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M").to_string()
}

/// The two largest units of a length of time: `2 d 4 h`, `12 min`, `45 s`.
pub(super) fn length(span: Span) -> String {
    let seconds = span.as_millis().max(0) / 1000;
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
    let largest = units.iter().skip(first).take(2);
    let shown = largest.enumerate().filter(|(place, (count, _))| *place == 0 || *count > 0);
    shown.map(|(_, (count, unit))| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// The text cut to so many characters, with an ellipsis where something is missing.
pub(super) fn clip(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// How a state is coloured; it is always said in words, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Watch,
    Bad,
    Unknown,
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tone::Good => "good",
            Tone::Watch => "watch",
            Tone::Bad => "bad",
            Tone::Unknown => "unknown",
        })
    }
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    }
}

pub(super) fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Minor | Severity::Major => Tone::Watch,
        Severity::Critical => Tone::Bad,
    }
}

pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Investigating => "investigating",
        Phase::Identified => "identified",
        Phase::Monitoring => "monitoring",
        Phase::Resolved => "resolved",
    }
}

pub(super) fn component(status: ComponentStatus) -> (&'static str, Tone) {
    match status {
        ComponentStatus::Operational => ("operational", Tone::Good),
        ComponentStatus::DegradedPerformance => ("degraded performance", Tone::Watch),
        ComponentStatus::PartialOutage => ("partial outage", Tone::Watch),
        ComponentStatus::MajorOutage => ("major outage", Tone::Bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_at_most_two_units() {
        for (secs, text) in [
            (0, "0 s"),
            (45, "45 s"),
            (60, "1 min"),
            (750, "12 min 30 s"),
            (3600, "1 h"),
            (187_200, "2 d 4 h"),
        ] {
            assert_eq!(length(Span::from_secs(secs)), text);
        }
        assert_eq!(length(Span::from_secs(86_460)), "1 d", "what is left of it is too small to name");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(clip("grün", 4), "grün");
        assert_eq!(clip("grüne Züge", 5), "grüne…");
        assert_eq!(clip("äöü", 2), "äö…");
    }

    #[test]
    fn a_time_names_its_instant_for_programs_and_its_zone_for_people() {
        let at: Timestamp = "2026-11-05T09:30:07Z".parse().unwrap();
        assert_eq!(
            Clock(at).to_string(),
            "<time datetime=\"2026-11-05T09:30:07Z\">5 Nov 2026, 09:30 UTC</time>"
        );
        assert_eq!(Day(at).to_string(), "<time datetime=\"2026-11-05\">5 Nov 2026</time>");
    }
}
