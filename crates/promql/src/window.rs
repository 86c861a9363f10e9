//! One series at every step: a function of the numbers in a range.
//!
//! The samples are walked once with two positions that only move forward. A window is `(at - range, at]`, left
//! open and right closed, as in Prometheus 3.

use crate::budget::IsCancelled;
use crate::column::{ABSENT, Scalars, Steps};
use crate::grid::{Grid, Window};
use crate::range_function::RangeFunction;
use crate::samples::Samples;
use crate::sliding::Fold;
use crate::sum::{Mean, Sum, Variance, quantile};

/// The samples of one step's window, which has at least one.
#[derive(Clone, Copy)]
struct View<'s> {
    samples: Samples<'s>,
    /// The first sample's position, and one past the last's.
    from: usize,
    upto: usize,
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

/// What the windows are of.
pub(crate) struct Windows<'q> {
    pub(crate) grid: &'q mut Grid,
    /// The steps themselves, which `predict_linear` looks ahead from.
    pub(crate) evaluated: Steps,
    pub(crate) is_cancelled: &'q IsCancelled<'q>,
}

/// The function at every step, or at fewer where the query is cancelled on the way.
pub(crate) fn over_range(
    function: RangeFunction,
    parameters: &[Scalars],
    samples: Samples<'_>,
    windows: Windows<'_>,
    out: &mut Vec<f64>,
) {
    let Windows { grid, evaluated, is_cancelled } = windows;
    grid.look_at(samples.timestamps);
    match function {
        RangeFunction::Rate => return grid.extrapolated(samples, true, true, out),
        RangeFunction::Increase => return grid.extrapolated(samples, true, false, out),
        RangeFunction::Delta => return grid.extrapolated(samples, false, false, out),
        _ => {}
    }
    let mut slide = Slide { samples, grid, is_cancelled, out };
    match function {
        RangeFunction::Avg => slide.folded::<Mean>(),
        RangeFunction::Sum => slide.folded::<Sum>(),
        RangeFunction::Stdvar => slide.folded::<Variance>(),
        RangeFunction::Stddev => {
            slide.folded::<Variance>();
            let present = |value: &&mut f64| crate::column::is_present(**value);
            slide.out.iter_mut().filter(present).for_each(|value| *value = value.sqrt());
        }
        RangeFunction::Min => slide.extreme(|value, least| value < least),
        RangeFunction::Max => slide.extreme(|value, most| value > most),
        RangeFunction::Changes => {
            slide.counted(|before, value| value != before && !(value.is_nan() && before.is_nan()))
        }
        RangeFunction::Resets => slide.counted(|before, value| value < before),
        _ => slide.each(|view| of_view(function, parameters, view, evaluated)),
    }
}

/// The functions that look at each window by itself.
fn of_view(function: RangeFunction, parameters: &[Scalars], view: View<'_>, evaluated: Steps) -> f64 {
    let parameter = |index: usize| parameters.get(index).map_or(f64::NAN, |scalars| scalars.at(view.step));
    let secs = |ms: i64| ms as f64 / 1000.0;
    match function {
        RangeFunction::Irate => last_two(view, true),
        RangeFunction::Idelta => last_two(view, false),
        RangeFunction::Count => view.len() as f64,
        RangeFunction::Last => view.samples.values[view.upto - 1],
        RangeFunction::First => view.samples.values[view.from],
        RangeFunction::TimeOfFirst => secs(view.samples.timestamps[view.from]),
        RangeFunction::TimeOfLast => secs(view.samples.timestamps[view.upto - 1]),
        RangeFunction::TimeOfMin => time_of(view, |value, least| value <= least),
        RangeFunction::TimeOfMax => time_of(view, |value, most| value >= most),
        RangeFunction::Quantile => quantile(parameter(0), &mut view.values().to_vec()),
        RangeFunction::Mad => median_deviation(view),
        RangeFunction::Deriv if view.len() < 2 => ABSENT,
        RangeFunction::Deriv => regression(view, view.timestamps()[0]).0,
        RangeFunction::PredictLinear if view.len() < 2 => ABSENT,
        RangeFunction::PredictLinear => {
            // The prediction is from the evaluated instant, whatever the offset.
            let (slope, intercept) = regression(view, evaluated.at(view.step));
            slope * parameter(0) + intercept
        }
        RangeFunction::DoubleExponentialSmoothing => smoothed(view, parameter(0), parameter(1)),
        _ => 1.0,
    }
}

/// The windows on their way over one series.
struct Slide<'s, 'o> {
    samples: Samples<'s>,
    grid: &'o Grid,
    is_cancelled: &'o IsCancelled<'o>,
    out: &'o mut Vec<f64>,
}

impl<'s> Slide<'s, '_> {
    #[inline]
    fn each(&mut self, mut value: impl FnMut(View<'s>) -> f64) {
        let mut looked_at = 0;
        self.out.clear();
        for (step, window) in self.grid.windows().iter().enumerate() {
            let Window { from, upto } = *window;
            looked_at += upto - from;
            if looked_at > SAMPLES_PER_POLL {
                looked_at = 0;
                if (self.is_cancelled)() {
                    return;
                }
            }
            let samples = self.samples;
            self.out.push(if from < upto { value(View { samples, from, upto, step }) } else { ABSENT });
        }
    }

    /// A sum, mean or variance: of each window by itself where they overlap little, otherwise from parts that
    /// neighbouring windows share.
    fn folded<F: Fold>(&mut self) {
        let step_ms = self.grid.instants().step_ms();
        if step_ms == 0 || self.grid.range_ms() / step_ms < OVERLAP_SHARED_MIN {
            self.each(|view| F::of(view.values()).result());
            return;
        }
        let values = self.samples.values;
        let mut shared = crate::sliding::Shared::<F>::default();
        self.each(|view| {
            let result = shared.slide(values, view.from, view.upto).result();
            // What is not finite may have become so on the way only.
            if result.is_finite() { result } else { F::of(view.values()).result() }
        });
    }

    /// How often one value follows on another in a way that counts.
    fn counted(&mut self, counts: impl Fn(f64, f64) -> bool) {
        let values = self.samples.values;
        let mut total = 0_u32;
        // How many of the pairs up to each position count.
        let mut passed = Vec::with_capacity(values.len());
        passed.push(0);
        for pair in values.windows(2) {
            total += u32::from(counts(pair[0], pair[1]));
            passed.push(total);
        }
        self.each(|view| f64::from(passed[view.upto - 1] - passed[view.from]));
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

/// From how many steps in a range on parts of it are shared.
const OVERLAP_SHARED_MIN: i64 = 8;

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

/// When the best value was measured last.
fn time_of(view: View<'_>, is_as_good: impl Fn(f64, f64) -> bool) -> f64 {
    let (values, timestamps) = (view.values(), view.timestamps());
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if is_as_good(*value, values[best]) || values[best].is_nan() {
            best = index;
        }
    }
    timestamps[best] as f64 / 1000.0
}

/// The median of the distances from the median.
fn median_deviation(view: View<'_>) -> f64 {
    let mut values = view.values().to_vec();
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    quantile(0.5, &mut values)
}

/// Double exponential smoothing (Holt 1957).
fn smoothed(view: View<'_>, smoothing: f64, trend: f64) -> f64 {
    let [first, second, ..] = view.values() else { return ABSENT };
    let (mut before, mut level, mut slope) = (0.0, *first, second - first);
    for (index, value) in view.values().iter().enumerate().skip(1) {
        if index > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        before = level;
        level = next;
    }
    level
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
