//! Budgets: the down time that a target allows in a window, `(1 - target) × length of the window`.
//!
//! Passing half, nine tenths or all of it is told once in a window, and only the highest threshold that was passed.
//! A rolling window counts as another one once it no longer overlaps with the one in which the threshold was told.

use facts::configuration::{Objective, Window};
use facts::objectives::ObjectivesFact;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kernel::{ObjectiveId, Ratio, ServiceId, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::State;
use crate::track::Track;

/// Percent of a budget that are told of, the highest first.
const THRESHOLDS: [u32; 3] = [100, 90, 50];

/// One window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bounds {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

/// How much down time an objective has left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The window.
    pub window: Bounds,
    /// What the objective promises.
    pub target: Ratio,
    /// Down time that the target allows in the window.
    pub budget: Span,
    /// Down time in the window so far.
    pub spent: Span,
    /// What is left; negative where more was spent than is allowed.
    pub left: Span,
}

/// A slice that turned out to be down, or not to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// 1 where it became down, -1 where it no longer is.
    pub(crate) down: i64,
}

impl Bounds {
    /// The window that contains an instant. A rolling window ends with it.
    pub fn containing(window: Window, instant: Timestamp) -> Self {
        match window {
            Window::Rolling(span) => {
                let end = instant + Span::from_millis(1);
                Self { start: end - span, end }
            }
            Window::CalendarMonth => Self::calendar(instant, 1),
            Window::CalendarQuarter => Self::calendar(instant, 3),
        }
    }

    /// How long it is.
    pub fn length(self) -> Span {
        self.end - self.start
    }

    fn calendar(instant: Timestamp, months: i8) -> Self {
        let date = instant.to_jiff().to_zoned(TimeZone::UTC).date();
        let first_month = (date.month() - 1) / months * months + 1;
        let first = Date::new(date.year(), first_month, 1).expect("every month has a first day");
        let next = first.saturating_add(months.months());
        Self { start: midnight(first), end: midnight(next) }
    }

    fn from_start(window: Window, start: Timestamp) -> Self {
        match window {
            Window::Rolling(span) => Self { start, end: start + span },
            Window::CalendarMonth | Window::CalendarQuarter => Self::containing(window, start),
        }
    }

    fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

fn midnight(date: Date) -> Timestamp {
    let days = date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
    Timestamp::from_millis(0) + Span::from_days(days)
}

/// How much of its budget an objective has left in the window that contains `now`; `None` where the configuration
/// has no such objective.
pub fn budget(state: &State, service: &ServiceId, objective: &ObjectiveId, now: Timestamp) -> Option<Budget> {
    let configured = state.objective(service, objective)?;
    let window = Bounds::containing(configured.window, now);
    let track = state.track(service, objective);
    let spent = track.map_or(Span::ZERO, |track| track.down_between(window.start, window.end));
    let budget = allowed(configured.target, window);
    Some(Budget { window, target: configured.target, budget, spent, left: budget - spent })
}

fn allowed(target: Ratio, window: Bounds) -> Span {
    let parts = 1_000_000 - i128::from(target.ppm.min(1_000_000));
    let ms = i128::from(window.length().as_millis()) * parts / 1_000_000;
    Span::from_millis(i64::try_from(ms).expect("it is a part of the window's length"))
}

/// What is to be told after these slices turned.
pub(crate) fn spent_facts(
    service: &ServiceId,
    objective: &Objective,
    track: Option<&Track>,
    turns: &[Turn],
    judged_through: Timestamp,
) -> Vec<ObjectivesFact> {
    let became_down = turns.iter().filter(|turn| turn.down > 0);
    let mut windows: Vec<Bounds> = match objective.window {
        Window::Rolling(_) => became_down
            .take(1)
            .map(|_| Bounds::containing(objective.window, judged_through - Span::from_millis(1)))
            .collect(),
        calendar => became_down.map(|turn| Bounds::containing(calendar, turn.start)).collect(),
    };
    windows.sort_unstable();
    windows.dedup();
    let facts = windows.into_iter().filter_map(|window| {
        let before = track.map_or(Span::ZERO, |track| track.down_between(window.start, window.end));
        let spent = turns.iter().fold(before, |sum, turn| {
            let inside = turn.end.min(window.end) - turn.start.max(window.start);
            sum + inside.max(Span::ZERO).times(turn.down)
        });
        let budget = allowed(objective.target, window);
        let passed = |percent: &&u32| {
            i128::from(spent.as_millis()) * 100 > i128::from(budget.as_millis()) * i128::from(**percent)
        };
        let percent = *THRESHOLDS.iter().find(passed)?;
        let told = track.map_or(0, |track| told(track, objective.window, window));
        (percent > told).then(|| ObjectivesFact::BudgetSpent {
            service: service.clone(),
            objective: objective.name.clone(),
            window_start: window.start,
            percent,
            spent,
            budget,
        })
    });
    facts.collect()
}

/// The highest threshold that was told of in a window that overlaps with this one.
fn told(track: &Track, window: Window, bounds: Bounds) -> u32 {
    let overlapping =
        track.told.iter().filter(|(start, _)| Bounds::from_start(window, **start).overlaps(bounds));
    overlapping.map(|(_, percent)| *percent).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn calendar_windows_are_whole_months_and_quarters_in_utc() {
        let month = Bounds::containing(Window::CalendarMonth, at("2024-02-29T23:59:59.999Z"));
        assert_eq!((month.start, month.end), (at("2024-02-01T00:00:00Z"), at("2024-03-01T00:00:00Z")));
        let quarter = Bounds::containing(Window::CalendarQuarter, at("2026-12-31T23:59:59Z"));
        assert_eq!((quarter.start, quarter.end), (at("2026-10-01T00:00:00Z"), at("2027-01-01T00:00:00Z")));
        let first = Bounds::containing(Window::CalendarQuarter, at("2026-04-01T00:00:00Z"));
        assert_eq!(first.start, at("2026-04-01T00:00:00Z"));
    }

    #[test]
    fn a_rolling_window_is_the_last_so_much_time() {
        let week = Bounds::containing(Window::Rolling(Span::from_days(7)), at("2026-11-20T09:29:59.999Z"));
        assert_eq!((week.start, week.end), (at("2026-11-13T09:30:00Z"), at("2026-11-20T09:30:00Z")));
    }

    #[test]
    fn a_target_allows_its_complement_of_the_window() {
        let month = Bounds::containing(Window::CalendarMonth, at("2026-11-20T00:00:00Z"));
        assert_eq!(allowed(Ratio { ppm: 999_000 }, month), Span::from_millis(2_592_000));
        assert_eq!(allowed(Ratio::percent(100), month), Span::ZERO);
        assert_eq!(allowed(Ratio::percent(0), month), Span::from_days(30));
    }

    #[test]
    fn no_instant_is_without_a_window() {
        for instant in [i64::MIN, i64::MIN / 2, -1, i64::MAX / 2, i64::MAX].map(Timestamp::from_millis) {
            for window in
                [Window::CalendarMonth, Window::CalendarQuarter, Window::Rolling(Span::from_days(28))]
            {
                let bounds = Bounds::containing(window, instant);
                assert!(bounds.start <= bounds.end, "{window} {instant}");
            }
        }
    }
}
