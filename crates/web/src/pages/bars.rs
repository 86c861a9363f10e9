//! Days of the ledger as bars: grey where nothing was measured, else from green to red by down time. The colour is
//! never alone: the height differs, each bar has its day and figure as a title, and the whole has a sentence.

use kernel::{Span, Timestamp};

use super::words::{length, short_day};

/// Days of a service, as the template draws them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bars {
    /// The whole in words.
    pub(super) label: String,
    pub(super) bars: Vec<Bar>,
    /// Width of the drawing in its own units.
    pub(super) width: usize,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: usize,
    /// Where it covers more than one day.
    pub(super) width: Option<usize>,
    pub(super) class: &'static str,
    pub(super) title: String,
}

/// A day as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayFigure {
    pub(super) day: Timestamp,
    pub(super) up: Span,
    pub(super) down: Span,
}

/// Units from one day to the next, and those that are left free between two.
const PITCH: usize = 8;
const GAP: usize = 2;

impl Bars {
    /// Bars of these days. `each` gives every day a bar of its own; else equal days in a row share one.
    pub(super) fn new(name: &str, days: &[DayFigure], each: bool) -> Self {
        let mut bars = Vec::new();
        let same =
            |one: &DayFigure, two: &DayFigure| !each && class(one) == class(two) && one.down == two.down;
        for (place, run) in days.chunk_by(same).scan(0, |place, run| {
            let start = *place;
            *place += run.len();
            Some((start, run))
        }) {
            let width = (run.len() > 1).then_some(run.len() * PITCH - GAP);
            bars.extend(run.first().zip(run.last()).map(|(first, last)| Bar {
                x: place * PITCH,
                width,
                class: class(first),
                title: title(first, last),
            }));
        }
        Self { label: label(name, days), bars, width: (days.len() * PITCH).saturating_sub(GAP) }
    }
}

/// The class of a day in the stylesheet: `n` not measured, `u` up, `d1` to `d4` by down time.
fn class(day: &DayFigure) -> &'static str {
    if day.up + day.down == Span::ZERO {
        return "n";
    }
    match day.down {
        down if down == Span::ZERO => "u",
        down if down < Span::from_mins(5) => "d1",
        down if down < Span::from_mins(30) => "d2",
        down if down < Span::from_hours(2) => "d3",
        _ => "d4",
    }
}

fn title(first: &DayFigure, last: &DayFigure) -> String {
    let figure = match class(first) {
        "n" => "no data".to_owned(),
        "u" => "up".to_owned(),
        _ => format!("down {}", length(first.down)),
    };
    if first.day == last.day {
        return format!("{}: {figure}", short_day(first.day));
    }
    let a_day = if first.down > Span::ZERO { " a day" } else { "" };
    format!("{} – {}: {figure}{a_day}", short_day(first.day), short_day(last.day))
}

fn label(name: &str, days: &[DayFigure]) -> String {
    let down = days.iter().filter(|day| day.down > Span::ZERO);
    let (count, total) = down.fold((0, Span::ZERO), |(count, total), day| (count + 1, total + day.down));
    let unmeasured = days.iter().filter(|day| class(day) == "n").count();
    let measured = match (count, days.len() - unmeasured) {
        (_, 0) => return format!("{name}, last {} days: no data", days.len()),
        (0, measured) => format!("no down time on {measured} days"),
        (count, measured) => format!("down {} on {count} of {measured} days", length(total)),
    };
    let unmeasured = if unmeasured > 0 { format!(", no data on {unmeasured}") } else { String::new() };
    format!("{name}, last {} days: {measured}{unmeasured}", days.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(place: i64, up_mins: i64, down_mins: i64) -> DayFigure {
        let day = Timestamp::from_secs(1_796_083_200) + Span::from_days(place);
        DayFigure { day, up: Span::from_mins(up_mins), down: Span::from_mins(down_mins) }
    }

    #[test]
    fn a_day_without_a_measurement_is_never_shown_as_up() {
        let days = [day(0, 0, 0), day(1, 1440, 0), day(2, 1430, 10), day(3, 1200, 240)];
        let bars = Bars::new("shop", &days, true);
        let seen: Vec<(&str, &str)> = bars.bars.iter().map(|bar| (bar.class, bar.title.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("n", "1 Dec: no data"),
                ("u", "2 Dec: up"),
                ("d2", "3 Dec: down 10 min"),
                ("d4", "4 Dec: down 4 h")
            ]
        );
        assert_eq!(bars.label, "shop, last 4 days: down 4 h 10 min on 2 of 3 days, no data on 1");
    }

    #[test]
    fn equal_days_share_a_bar_where_there_are_many() {
        let days = [day(0, 1440, 0), day(1, 1440, 0), day(2, 1439, 1), day(3, 1440, 0)];
        let bars = Bars::new("shop", &days, false);
        let seen: Vec<(usize, Option<usize>, &str)> =
            bars.bars.iter().map(|bar| (bar.x, bar.width, bar.title.as_str())).collect();
        assert_eq!(
            seen,
            [(0, Some(14), "1 Dec – 2 Dec: up"), (16, None, "3 Dec: down 1 min"), (24, None, "4 Dec: up")]
        );
        assert_eq!(Bars::new("shop", &days, true).bars.len(), 4);
    }
}
