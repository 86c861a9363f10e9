use facts::configuration::Sli;
use facts::objectives::{Tally, Verdict};
use kernel::{Ratio, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// What a slice with these requests is. A slice without requests is unknown, whatever `min_requests` says.
pub fn judge(tally: Option<Tally>, sli: &Sli) -> Verdict {
    let Some(tally) = tally else { return Verdict::Unknown };
    let requests = tally.good.saturating_add(tally.bad);
    if requests < sli.min_requests.max(1) {
        Verdict::Unknown
    } else if sli.down_when.error_ratio_above.is_exceeded_by(tally.bad, requests) {
        Verdict::Down
    } else {
        Verdict::Up
    }
}

/// The ledger of measurements that no state is kept of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Start of the first slice and end of the last; `None` where there was none.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Slices that could be judged: `up` and `down`.
    pub measured: u64,
    /// Slices that were up.
    pub up: u64,
    /// Slices that were down.
    pub down: u64,
    /// Slices between the first and the last with too few requests to tell, or none.
    pub unknown: u64,
    /// The runs of down slices, in order.
    pub outages: Vec<MeasuredOutage>,
}

/// A run of down slices in a [`Summary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredOutage {
    /// Start of its first slice.
    pub start: Timestamp,
    /// End of its last slice.
    pub end: Timestamp,
    /// How many slices it counts.
    pub slices: u64,
    /// Their requests.
    pub tally: Tally,
}

impl Summary {
    /// up ÷ (up + down), rounded down; `None` where nothing could be judged.
    pub fn ratio(&self) -> Option<Ratio> {
        ratio(self.up.into(), self.down.into())
    }
}

/// Judges slices by their starts and requests, in any order; equal starts are added up.
pub fn summarise(slices: impl IntoIterator<Item = (Timestamp, Tally)>, sli: &Sli) -> Summary {
    let length = sli.slice.max(Span::from_millis(1));
    let mut slices: Vec<_> = slices.into_iter().map(|(start, tally)| (start.floor(length), tally)).collect();
    slices.sort_by_key(|(start, _)| *start);
    slices.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = sum(kept.1, later.1);
        }
        same
    });
    let mut summary = Summary::default();
    let (Some((first, _)), Some((last, _))) = (slices.first(), slices.last()) else { return summary };
    let period = (*first, *last + length);
    for (start, tally) in slices {
        match judge(Some(tally), sli) {
            Verdict::Up => summary.up += 1,
            Verdict::Unknown => {}
            Verdict::Down => {
                summary.down += 1;
                match summary.outages.last_mut().filter(|outage| outage.end == start) {
                    Some(outage) => {
                        outage.end = start + length;
                        outage.slices += 1;
                        outage.tally = sum(outage.tally, tally);
                    }
                    None => {
                        summary.outages.push(MeasuredOutage { start, end: start + length, slices: 1, tally });
                    }
                }
            }
        }
    }
    summary.measured = summary.up + summary.down;
    let all = u64::try_from((period.1 - period.0).as_millis() / length.as_millis()).unwrap_or(0);
    summary.unknown = all.saturating_sub(summary.measured);
    summary.period = Some(period);
    summary
}

fn sum(a: Tally, b: Tally) -> Tally {
    Tally { good: a.good.saturating_add(b.good), bad: a.bad.saturating_add(b.bad) }
}

/// up ÷ (up + down) in whole parts per million, rounded down: nothing that was ever down shows as 100 %.
pub(crate) fn ratio(up: i128, down: i128) -> Option<Ratio> {
    let known = up.saturating_add(down);
    if known <= 0 {
        return None;
    }
    let ppm = up.saturating_mul(1_000_000) / known;
    Some(Ratio { ppm: u32::try_from(ppm).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use facts::configuration::DownWhen;

    use super::*;

    fn sli(down_above: Ratio, min_requests: u64) -> Sli {
        Sli {
            down_when: DownWhen { error_ratio_above: down_above },
            slice: Span::from_mins(1),
            min_requests,
            ..Sli::default()
        }
    }

    #[test]
    fn a_slice_is_down_when_more_than_the_stated_part_of_its_requests_failed() {
        let five = sli(Ratio::percent(5), 1);
        assert_eq!(judge(Some(Tally { good: 95, bad: 5 }), &five), Verdict::Up);
        assert_eq!(judge(Some(Tally { good: 94, bad: 5 }), &five), Verdict::Down);
        assert_eq!(judge(Some(Tally { good: 0, bad: 1 }), &five), Verdict::Down);
        assert_eq!(judge(Some(Tally { good: u64::MAX, bad: u64::MAX }), &five), Verdict::Down);
    }

    #[test]
    fn a_slice_with_too_few_requests_or_none_is_unknown() {
        let ten = sli(Ratio::percent(5), 10);
        assert_eq!(judge(Some(Tally { good: 0, bad: 9 }), &ten), Verdict::Unknown);
        assert_eq!(judge(Some(Tally { good: 0, bad: 10 }), &ten), Verdict::Down);
        assert_eq!(judge(None, &ten), Verdict::Unknown);
        assert_eq!(judge(Some(Tally::default()), &sli(Ratio::percent(5), 0)), Verdict::Unknown);
    }

    #[test]
    fn a_replay_counts_minutes_and_names_outages() {
        let at = |minute: i64| Timestamp::from_secs(minute * 60);
        let (good, bad) = (Tally { good: 100, bad: 0 }, Tally { good: 90, bad: 10 });
        let minutes = [(at(9), bad), (at(0), good), (at(2), bad), (at(3), bad), (at(4), good), (at(0), good)];
        let summary = summarise(minutes, &sli(Ratio::percent(5), 1));
        assert_eq!((summary.measured, summary.up, summary.down, summary.unknown), (5, 2, 3, 5));
        assert_eq!(summary.period, Some((at(0), at(10))));
        assert_eq!(
            summary.outages,
            [
                MeasuredOutage { start: at(2), end: at(4), slices: 2, tally: Tally { good: 180, bad: 20 } },
                MeasuredOutage { start: at(9), end: at(10), slices: 1, tally: bad },
            ]
        );
        assert_eq!(summary.ratio(), Some(Ratio::percent(40)));
        assert_eq!(summarise([], &sli(Ratio::percent(5), 1)), Summary::default());
    }

    #[test]
    fn one_bad_minute_in_years_does_not_show_as_a_hundred_percent() {
        assert_eq!(ratio(10_000_000, 1), Some(Ratio { ppm: 999_999 }));
        assert_eq!(ratio(10_000_000, 0), Some(Ratio::percent(100)));
        assert_eq!(ratio(0, 0), None);
    }
}
