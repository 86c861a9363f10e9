//! One series at every step: the last sample of the lookback, or a function of the samples of a range.
//!
//! Both walk the samples once with two positions that only move forward. A window is `(at - range, at]`, left
//! open and right closed, as in Prometheus 3.

use crate::column::{ABSENT, Scalars, Steps};
use crate::is_stale;
use crate::sum::{Mean, Sum, Variance, quantile};

/// A function of the samples of one series in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeFunction {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Avg,
    Min,
    Max,
    Sum,
    Count,
    Last,
    First,
    Present,
    /// As `Present`; that no series has a sample is seen by whoever has all series.
    Absent,
    Quantile,
    Stddev,
    Stdvar,
    Changes,
    Resets,
    Deriv,
    PredictLinear,
}

impl RangeFunction {
    /// Whether the result is a sample of the series itself.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, RangeFunction::Last | RangeFunction::First)
    }
}

/// The samples of one series without staleness markers.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'s> {
    pub(crate) timestamps: &'s [i64],
    pub(crate) values: &'s [f64],
}

/// Buffers for samples whose staleness markers have to be taken out; reused from series to series.
#[derive(Default)]
pub(crate) struct Unmarked {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl Unmarked {
    /// The samples as they are where none is a marker; otherwise a copy without them.
    pub(crate) fn take<'s>(&'s mut self, timestamps: &'s [i64], values: &'s [f64]) -> Samples<'s> {
        if !values.iter().any(|value| is_stale(*value)) {
            return Samples { timestamps, values };
        }
        self.timestamps.clear();
        self.values.clear();
        for (timestamp, value) in timestamps.iter().zip(values) {
            if !is_stale(*value) {
                self.timestamps.push(*timestamp);
                self.values.push(*value);
            }
        }
        Samples { timestamps: &self.timestamps, values: &self.values }
    }
}

/// The last sample at each step, if it is younger than the lookback. A staleness marker is `ABSENT` already.
pub(crate) fn look_back(
    timestamps: &[i64],
    values: &[f64],
    steps: Steps,
    offset_ms: i64,
    lookback_ms: i64,
    out: &mut Vec<f64>,
) {
    last_within(timestamps, values, steps, offset_ms, lookback_ms, |i| values[i], out);
}

/// As [`look_back`], with the sample's time in seconds in place of its value.
pub(crate) fn look_back_timestamps(
    timestamps: &[i64],
    values: &[f64],
    steps: Steps,
    offset_ms: i64,
    lookback_ms: i64,
    out: &mut Vec<f64>,
) {
    let seconds = |i: usize| if is_stale(values[i]) { ABSENT } else { timestamps[i] as f64 / 1000.0 };
    last_within(timestamps, values, steps, offset_ms, lookback_ms, seconds, out);
}

#[inline]
fn last_within(
    timestamps: &[i64],
    values: &[f64],
    steps: Steps,
    offset_ms: i64,
    lookback_ms: i64,
    read: impl Fn(usize) -> f64,
    out: &mut Vec<f64>,
) {
    debug_assert_eq!(timestamps.len(), values.len());
    out.clear();
    let mut upto = 0;
    for index in 0..steps.count {
        let at = steps.at(index).saturating_sub(offset_ms);
        while upto < timestamps.len() && timestamps[upto] <= at {
            upto += 1;
        }
        let young = upto > 0 && timestamps[upto - 1] > at.saturating_sub(lookback_ms);
        out.push(if young { read(upto - 1) } else { ABSENT });
    }
}

/// The samples of one step's window, which has at least one.
#[derive(Clone, Copy)]
struct View<'s> {
    samples: Samples<'s>,
    /// The first sample's position, and one past the last's.
    from: usize,
    upto: usize,
    /// The window's start, which is not part of it, and its end, which is.
    start: i64,
    end: i64,
    step: usize,
}

impl<'s> View<'s> {
    fn values(&self) -> &'s [f64] {
        &self.samples.values[self.from..self.upto]
    }

    fn timestamps(&self) -> &'s [i64] {
        &self.samples.timestamps[self.from..self.upto]
    }

    fn len(&self) -> usize {
        self.upto - self.from
    }
}

/// Samples looked at between two questions whether anybody still waits.
const SAMPLES_PER_POLL: usize = 1 << 20;

/// The windows of all steps.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'q> {
    pub(crate) steps: Steps,
    pub(crate) offset_ms: i64,
    pub(crate) range_ms: i64,
    pub(crate) is_cancelled: &'q dyn Fn() -> bool,
}

/// The function at every step, or at fewer where the query is cancelled on the way. `parameter` is that of
/// `quantile_over_time` and `predict_linear`.
pub(crate) fn over_range(
    function: RangeFunction,
    parameter: &Scalars,
    samples: Samples<'_>,
    windows: Windows<'_>,
    out: &mut Vec<f64>,
) {
    let mut slide = Slide { samples, windows, out };
    match function {
        RangeFunction::Rate => slide.extrapolated(true, true),
        RangeFunction::Increase => slide.extrapolated(true, false),
        RangeFunction::Delta => slide.extrapolated(false, false),
        RangeFunction::Irate => slide.each(|view| last_two(view, true)),
        RangeFunction::Idelta => slide.each(|view| last_two(view, false)),
        RangeFunction::Avg => slide.each(|view| {
            let mut mean = Mean::default();
            view.values().iter().for_each(|value| mean.add(*value));
            mean.mean()
        }),
        RangeFunction::Sum => slide.each(|view| {
            let mut sum = Sum::default();
            view.values().iter().for_each(|value| sum.add(*value));
            sum.total()
        }),
        RangeFunction::Min => slide.extreme(|value, least| value < least),
        RangeFunction::Max => slide.extreme(|value, most| value > most),
        RangeFunction::Count => slide.each(|view| view.len() as f64),
        RangeFunction::Last => slide.each(|view| view.samples.values[view.upto - 1]),
        RangeFunction::First => slide.each(|view| view.samples.values[view.from]),
        RangeFunction::Present | RangeFunction::Absent => slide.each(|_| 1.0),
        RangeFunction::Quantile => {
            let mut sorted = Vec::new();
            slide.each(|view| {
                sorted.clear();
                sorted.extend_from_slice(view.values());
                quantile(parameter.at(view.step), &mut sorted)
            });
        }
        RangeFunction::Stdvar => slide.each(variance),
        RangeFunction::Stddev => slide.each(|view| variance(view).sqrt()),
        RangeFunction::Changes => slide.each(|view| {
            let changed = |pair: &&[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
            view.values().windows(2).filter(changed).count() as f64
        }),
        RangeFunction::Resets => {
            slide.each(|view| view.values().windows(2).filter(|pair| pair[1] < pair[0]).count() as f64);
        }
        RangeFunction::Deriv => {
            slide.each(|view| if view.len() < 2 { ABSENT } else { regression(view, view.timestamps()[0]).0 })
        }
        RangeFunction::PredictLinear => slide.each(|view| {
            if view.len() < 2 {
                return ABSENT;
            }
            // The prediction is from the evaluated instant, whatever the offset.
            let (slope, intercept) = regression(view, windows.steps.at(view.step));
            slope * parameter.at(view.step) + intercept
        }),
    }
}

/// The windows on their way over one series.
struct Slide<'s, 'o> {
    samples: Samples<'s>,
    windows: Windows<'o>,
    out: &'o mut Vec<f64>,
}

impl<'s> Slide<'s, '_> {
    #[inline]
    fn each(&mut self, mut value: impl FnMut(View<'s>) -> f64) {
        let timestamps = self.samples.timestamps;
        let Windows { steps, offset_ms, range_ms, is_cancelled } = self.windows;
        let (mut from, mut upto, mut looked_at) = (0, 0, 0);
        self.out.clear();
        for step in 0..steps.count {
            let end = steps.at(step).saturating_sub(offset_ms);
            let start = end.saturating_sub(range_ms);
            while upto < timestamps.len() && timestamps[upto] <= end {
                upto += 1;
            }
            while from < upto && timestamps[from] <= start {
                from += 1;
            }
            looked_at += upto - from;
            if looked_at > SAMPLES_PER_POLL {
                looked_at = 0;
                if is_cancelled() {
                    return;
                }
            }
            self.out.push(if from < upto {
                value(View { samples: self.samples, from, upto, start, end, step })
            } else {
                ABSENT
            });
        }
    }

    /// `rate`, `increase` and `delta`. Where a counter was reset is found once for the whole series.
    fn extrapolated(&mut self, is_counter: bool, is_rate: bool) {
        let values = self.samples.values;
        let resets: Vec<usize> = if is_counter {
            (1..values.len()).filter(|i| values[*i] < values[i - 1]).collect()
        } else {
            Vec::new()
        };
        let range_secs = self.windows.range_ms as f64 / 1000.0;
        let mut passed = 0;
        self.each(|view| {
            while passed < resets.len() && resets[passed] <= view.from {
                passed += 1;
            }
            if view.len() < 2 {
                return ABSENT;
            }
            let mut change = values[view.upto - 1] - values[view.from];
            for reset in resets[passed..].iter().take_while(|reset| **reset < view.upto) {
                change += values[reset - 1];
            }
            let factor = extrapolation(view, change, is_counter);
            change * if is_rate { factor / range_secs } else { factor }
        });
    }

    /// The best value of each window; NaN only where all are. `best` holds, from `first` on, the positions of the
    /// values that are or may still become the best: each is better than all that come after it.
    fn extreme(&mut self, is_better: impl Fn(f64, f64) -> bool) {
        let values = self.samples.values;
        let (mut best, mut first, mut seen): (Vec<usize>, usize, usize) = (Vec::new(), 0, 0);
        self.each(|view| {
            for position in seen.max(view.from)..view.upto {
                let value = values[position];
                if value.is_nan() {
                    continue;
                }
                while best.len() > first && best.last().is_some_and(|last| is_better(value, values[*last])) {
                    best.pop();
                }
                best.push(position);
            }
            seen = view.upto;
            while best.get(first).is_some_and(|position| *position < view.from) {
                first += 1;
            }
            best.get(first).map_or(f64::NAN, |position| values[*position])
        });
    }
}

/// By how much the change between the first and the last sample grows when it is extrapolated to the window.
///
/// To each end of the window, the series is taken to go on where the end is at most 1.1 average distances of its
/// samples away, and for half a distance otherwise. A counter goes back no further than to where it was zero
/// (Prometheus, `extrapolatedRate`).
fn extrapolation(view: View<'_>, change: f64, is_counter: bool) -> f64 {
    let timestamps = view.timestamps();
    let (first, last) = (timestamps[0], timestamps[timestamps.len() - 1]);
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let sampled = seconds(last.saturating_sub(first));
    let average = sampled / (timestamps.len() - 1) as f64;
    let threshold = average * 1.1;
    let mut to_start = seconds(first.saturating_sub(view.start));
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    let first_value = view.values()[0];
    if is_counter && change > 0.0 && first_value >= 0.0 {
        to_start = to_start.min(sampled * (first_value / change));
    }
    let mut to_end = seconds(view.end.saturating_sub(last));
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    (sampled + to_start + to_end) / sampled
}

/// `irate` and `idelta`.
fn last_two(view: View<'_>, is_rate: bool) -> f64 {
    let [.., before, last] = view.values() else { return ABSENT };
    let [.., earlier, later] = view.timestamps() else { return ABSENT };
    if !is_rate {
        return last - before;
    }
    let change = if last < before { *last } else { last - before };
    change / (later.saturating_sub(*earlier) as f64 / 1000.0)
}

fn variance(view: View<'_>) -> f64 {
    let mut variance = Variance::default();
    view.values().iter().for_each(|value| variance.add(*value));
    variance.variance()
}

/// Slope per second, and the value at `origin`, of the least-squares line through the samples.
fn regression(view: View<'_>, origin: i64) -> (f64, f64) {
    let (timestamps, values) = (view.timestamps(), view.values());
    if values.iter().all(|value| *value == values[0]) {
        return if values[0].is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, values[0]) };
    }
    let count = values.len() as f64;
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [Sum::default(); 4];
    for (timestamp, y) in timestamps.iter().zip(values) {
        let x = timestamp.saturating_sub(origin) as f64 / 1000.0;
        x_sum.add(x);
        y_sum.add(*y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    let (x, y, xy, xx) = (x_sum.total(), y_sum.total(), xy_sum.total(), xx_sum.total());
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}
