use facts::learning::Impact;
use facts::objectives::Verdict;
use kernel::{Ratio, ServiceId, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::State;
use crate::era::Judged;
use crate::judge::ratio;
use crate::limits::DAYS_SHOWN_MAX;

const DAY: Span = Span::from_days(1);

/// What a service's ledger says of a period. `up`, `down` and `unknown` add up to the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Start of the period.
    pub from: Timestamp,
    /// End of the period.
    pub until: Timestamp,
    /// Time that was up.
    pub up: Span,
    /// Time that was down.
    pub down: Span,
    /// Time that was judged unknown, or not judged.
    pub unknown: Span,
    /// up ÷ (up + down), rounded down to parts per million; `None` where nothing was measured.
    pub ratio: Option<Ratio>,
    /// Judged slices that touch the period.
    pub slices: SliceCounts,
}

/// Judged slices by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SliceCounts {
    /// Slices that were up.
    pub up: u64,
    /// Slices that were down.
    pub down: u64,
    /// Slices that were judged unknown.
    pub unknown: u64,
}

/// What a service's ledger says of a day in UTC. `up`, `down` and `unknown` add up to that part of the day that is
/// in the period asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Its midnight.
    pub start: Timestamp,
    /// Time that was up.
    pub up: Span,
    /// Time that was down.
    pub down: Span,
    /// Time that was judged unknown, or not judged.
    pub unknown: Span,
}

impl Day {
    /// up ÷ (up + down), rounded down; `None` where nothing was measured.
    pub fn ratio(&self) -> Option<Ratio> {
        ratio_of(self.up, self.down)
    }
}

fn ratio_of(up: Span, down: Span) -> Option<Ratio> {
    ratio(up.as_millis().into(), down.as_millis().into())
}

/// What was judged of a service's ledger in a period, in order, cut at both ends.
fn judged<'s>(
    state: &'s State,
    service: &'s ServiceId,
    from: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = Judged> + 's {
    let parts = state.ledger_parts(service, from, until).into_iter();
    parts.flat_map(move |(objective, begin, end)| {
        let track = state.track(service, objective);
        track.into_iter().flat_map(move |track| track.between(begin, end))
    })
}

/// How available a service was between two instants. An unknown service's time is all unknown.
pub fn availability(state: &State, service: &ServiceId, from: Timestamp, until: Timestamp) -> Availability {
    let until = until.max(from);
    let (mut up, mut down, mut slices) = (Span::ZERO, Span::ZERO, SliceCounts::default());
    for judged in judged(state, service, from, until) {
        let (time, count) = (judged.end - judged.start, u64::from(judged.slices));
        match judged.verdict {
            Verdict::Up => (up, slices.up) = (up + time, slices.up + count),
            Verdict::Down => (down, slices.down) = (down + time, slices.down + count),
            Verdict::Unknown => slices.unknown += count,
        }
    }
    let unknown = until - from - up - down;
    Availability { from, until, up, down, unknown, ratio: ratio_of(up, down), slices }
}

/// The days in UTC that a period touches, in order; of more than [`DAYS_SHOWN_MAX`] the latest.
pub fn days(state: &State, service: &ServiceId, from: Timestamp, until: Timestamp) -> Vec<Day> {
    let longest = i64::try_from(DAYS_SHOWN_MAX).expect("the limit is small");
    let last_midnight = (until - Span::from_millis(1)).floor(DAY);
    let from = from.max(last_midnight - DAY.times(longest - 1));
    let mut days = Vec::new();
    let mut start = from.floor(DAY);
    while start < until {
        let inside = until.min(start + DAY) - from.max(start);
        days.push(Day { start, up: Span::ZERO, down: Span::ZERO, unknown: inside });
        start += DAY;
    }
    let Some(first) = days.first().map(|day| day.start) else { return days };
    for judged in judged(state, service, from, until) {
        let mut begin = judged.start;
        while begin < judged.end {
            let index = (begin - first).as_millis() / DAY.as_millis();
            let day = usize::try_from(index).ok().and_then(|index| days.get_mut(index));
            let Some(day) = day else { break };
            let end = judged.end.min(day.start + DAY);
            match judged.verdict {
                Verdict::Up => day.up = day.up + (end - begin),
                Verdict::Down => day.down = day.down + (end - begin),
                Verdict::Unknown => {}
            }
            if judged.verdict != Verdict::Unknown {
                day.unknown = day.unknown - (end - begin);
            }
            begin = end;
        }
    }
    days
}

/// What a disruption cost, by the service's ledger. Times are cut at the period's ends; requests are those of every
/// down slice that the period touches.
pub fn impact(state: &State, service: &ServiceId, from: Timestamp, until: Timestamp) -> Impact {
    let until = until.max(from);
    let Availability { down, unknown, .. } = availability(state, service, from, until);
    let (mut requests, mut failed) = (0_u64, 0_u64);
    for (i, (objective, begin, end)) in state.ledger_parts(service, from, until).into_iter().enumerate() {
        let Some(track) = state.track(service, objective) else { continue };
        // A slice on the border between two objectives counts once, with the earlier.
        let begin = if i == 0 { track.covering(begin).map_or(begin, |judged| judged.start) } else { begin };
        for slice in track.down.range(begin..end).filter_map(|(_, slice)| slice.tally) {
            requests = requests.saturating_add(slice.good).saturating_add(slice.bad);
            failed = failed.saturating_add(slice.bad);
        }
    }
    Impact { from, until, down, unknown, requests, failed }
}
