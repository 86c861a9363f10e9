//! Request events on their way to the ledger.
//!
//! Events become counts per source and second, and a count is a sample: `swan_requests{source, outcome}` at the second
//! it counts, replaced as the count grows. A count that was acknowledged is as durable as any sample, and a restart
//! takes the recent ones back before the first new event arrives.

use std::sync::{Arc, Mutex, PoisonError};

use facts::objectives::Tally;
use kernel::{Labels, Span, Timestamp};
use promql::{Matcher, Selection, SeriesSource, TimeRange};
use signals::{Added, Count, SliceCount, Tallies};
use web::ports::{Fault, RequestEvents, Requests, Samples, SeriesSamples, Uncounted};

use crate::clock::Clock;

/// The series of counts.
pub(crate) const REQUESTS: &str = "swan_requests";
/// Counts are kept by second, so that slices of any whole number of seconds can be judged.
const COUNTED_SLICE: Span = Span::from_secs(1);
/// How late an event may arrive and still count.
pub(crate) const LATE_MAX: Span = Span::from_hours(1);
/// How early an event may claim to be: clocks of services differ.
const EARLY_MAX: Span = Span::from_mins(10);

/// Counts events and writes the counts.
pub(crate) struct RequestCounter {
    tallies: Mutex<Tallies>,
    samples: Arc<dyn Samples>,
    clock: Arc<dyn Clock>,
}

/// A sample that is to be written in the same append as the counts that rest on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alongside<'a> {
    pub(crate) labels: &'a [(&'a str, &'a str)],
    pub(crate) sample: (i64, f64),
}

impl RequestCounter {
    /// Takes back what was counted before the process started.
    pub(crate) fn restore(
        samples: Arc<dyn Samples>,
        series: &dyn SeriesSource,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let now = clock.now();
        let mut tallies = Tallies::new(COUNTED_SLICE);
        let horizon = (now - LATE_MAX).floor(COUNTED_SLICE);
        let range = TimeRange::new(horizon, now + EARLY_MAX);
        read_counts(series, None, range, &mut |labels, at, value| {
            let source = labels.get("source").unwrap_or_default();
            let failed = labels.get("outcome") == Some("bad");
            let count = value as u64;
            let count = if failed { Count { good: 0, bad: count } } else { Count { good: count, bad: 0 } };
            _ = tallies.restore(source, at, count);
        })?;
        Ok(Self { tallies: Mutex::new(tallies), samples, clock })
    }

    /// Counts events, and writes the counts together with one more sample.
    pub(crate) fn record_alongside(
        &self,
        events: &[RequestEvents<'_>],
        alongside: Option<Alongside<'_>>,
    ) -> Result<Uncounted, Fault> {
        let now = self.clock.now();
        // A panic while the lock is held leaves whole counts, so the lock is taken over.
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.forget_before((now - LATE_MAX).floor(COUNTED_SLICE));
        let mut uncounted = Uncounted::default();
        for event in events {
            if event.at > now + EARLY_MAX {
                uncounted.early += event.count;
                continue;
            }
            match tallies.add(event.source, event.at, event.failed, event.count) {
                Added::Counted => {}
                Added::TooLate => uncounted.late += event.count,
                Added::Full => uncounted.full += event.count,
            }
        }
        let changed = tallies.drain_changed();
        if let Err(fault) = self.write(&changed, alongside) {
            tallies.put_back(&changed);
            return Err(fault);
        }
        Ok(uncounted)
    }

    fn write(&self, changed: &[SliceCount], alongside: Option<Alongside<'_>>) -> Result<(), Fault> {
        let samples: Vec<[(i64, f64); 2]> = changed
            .iter()
            .map(|slice| {
                let at = slice.start.as_millis();
                [(at, slice.count.good as f64), (at, slice.count.bad as f64)]
            })
            .collect();
        let labels: Vec<[[(&str, &str); 3]; 2]> = changed
            .iter()
            .map(|slice| {
                let of = |outcome| [("__name__", REQUESTS), ("outcome", outcome), ("source", &*slice.source)];
                [of("good"), of("bad")]
            })
            .collect();
        let mut batch: Vec<SeriesSamples<'_>> = Vec::with_capacity(changed.len() * 2 + 1);
        for (labels, samples) in labels.iter().zip(&samples) {
            for (labels, sample) in labels.iter().zip(samples) {
                batch.push(SeriesSamples { labels, samples: std::slice::from_ref(sample) });
            }
        }
        if let Some(more) = &alongside {
            batch.push(SeriesSamples { labels: more.labels, samples: std::slice::from_ref(&more.sample) });
        }
        let appended = self.samples.append(&batch)?;
        match appended.first_refusal {
            Some(detail) => Err(Fault { doing: "write request counts", detail }),
            None => Ok(()),
        }
    }
}

impl Requests for RequestCounter {
    fn record(&self, events: &[RequestEvents<'_>]) -> Result<Uncounted, Fault> {
        self.record_alongside(events, None)
    }
}

/// The counts of one source in each slice from `from`, in order; `None` where nothing was counted.
pub(crate) fn tallies_of(
    series: &dyn SeriesSource,
    source: &str,
    from: Timestamp,
    slice: Span,
    slices: usize,
) -> Result<Vec<Option<Tally>>, Fault> {
    let mut tallies = vec![None; slices];
    let until = from + slice.times(slices as i64);
    let range = TimeRange::new(from, until - Span::from_millis(1));
    read_counts(series, Some(source), range, &mut |labels, at, value| {
        let place = (at - from).as_millis() / slice.as_millis().max(1);
        let tally: &mut Tally = tallies[place as usize].get_or_insert_with(Tally::default);
        if labels.get("outcome") == Some("bad") {
            tally.bad += value as u64;
        } else {
            tally.good += value as u64;
        }
    })?;
    Ok(tallies)
}

fn read_counts(
    series: &dyn SeriesSource,
    source: Option<&str>,
    range: TimeRange,
    each: &mut dyn FnMut(&Labels, Timestamp, f64),
) -> Result<(), Fault> {
    let name = Matcher::equal("__name__", REQUESTS);
    let matchers: Vec<Matcher> =
        std::iter::once(name).chain(source.map(|source| Matcher::equal("source", source))).collect();
    let selected = series.select(&Selection::new(&matchers, range), &mut |found| {
        for (at, value) in found.timestamps.iter().zip(found.values) {
            each(found.labels, Timestamp::from_millis(*at), *value);
        }
        std::ops::ControlFlow::Continue(())
    });
    selected.map_err(|fault| Fault { doing: "read request counts", detail: fault.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::stage::{SetClock, instruments};

    fn noon() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn event(at: Timestamp, failed: bool) -> RequestEvents<'static> {
        RequestEvents { source: "shop", at, failed, count: 1 }
    }

    fn first_minute(series: &dyn SeriesSource) -> Option<Tally> {
        tallies_of(series, "shop", noon(), Span::from_mins(1), 1).unwrap()[0]
    }

    #[test]
    fn what_was_counted_before_a_restart_counts_once_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let clock = SetClock::at(noon());
        let second = noon() + Span::from_secs(7);
        let before = instruments(dir.path(), &clock);
        before.requests.record(&[event(second, false), event(second, true)]).unwrap();
        drop(before);
        let after = instruments(dir.path(), &clock);
        after.requests.record(&[event(second, false)]).unwrap();
        assert_eq!(first_minute(&*after.series), Some(Tally { good: 2, bad: 1 }));
    }

    #[test]
    fn events_of_the_last_hour_count_and_older_or_future_ones_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let clock = SetClock::at(noon());
        let tools = instruments(dir.path(), &clock);
        tools.requests.record(&[event(noon(), true)]).unwrap();
        clock.set(noon() + Span::from_mins(59));
        assert_eq!(tools.requests.record(&[event(noon(), false)]).unwrap(), Uncounted::default());
        clock.set(noon() + Span::from_mins(62));
        let late = tools.requests.record(&[event(noon(), false)]).unwrap();
        assert_eq!(late, Uncounted { late: 1, ..Uncounted::default() });
        let early = tools.requests.record(&[event(noon() + Span::from_hours(3), false)]).unwrap();
        assert_eq!(early, Uncounted { early: 1, ..Uncounted::default() });
        assert_eq!(first_minute(&*tools.series), Some(Tally { good: 1, bad: 1 }));
    }

    #[test]
    fn a_slice_without_events_is_not_measured() {
        let dir = tempfile::tempdir().unwrap();
        let tools = instruments(dir.path(), &SetClock::at(noon()));
        tools.requests.record(&[event(noon() + Span::from_secs(70), false)]).unwrap();
        let tallies = tallies_of(&*tools.series, "shop", noon(), Span::from_mins(1), 3).unwrap();
        assert_eq!(tallies, [None, Some(Tally { good: 1, bad: 0 }), None]);
    }
}
