//! Which samples the window of each step holds.
//!
//! Series of one target are sampled at the same instants, so what depends on the timestamps only is found once for
//! all series that have the same.

use crate::column::ABSENT;
use crate::samples::Samples;
use crate::select::Instants;

/// The samples of one step's window: from the first position up to, not including, the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: usize,
    pub(crate) upto: usize,
}

/// How the change between the first and the last sample of a window is carried to its edges.
///
/// To each end of the window, the series is taken to go on where the end is at most 1.1 average distances of its
/// samples away, and for half a distance otherwise (Prometheus, `extrapolatedRate`). In seconds.
#[derive(Debug, Clone, Copy)]
struct Extrapolation {
    sampled: f64,
    to_start: f64,
    to_end: f64,
    /// By how much a change grows that is not held back at the start, and what it is divided by.
    factor: f64,
    per: f64,
}

/// The resets of a counter, in the order of time.
#[derive(Debug, Default)]
struct Resets {
    /// The positions of values that are less than those before them.
    at: Vec<usize>,
    /// The values before them.
    lost: Vec<f64>,
}

/// The windows of all steps, over the timestamps of the series that was looked at last.
#[derive(Debug)]
pub(crate) struct Grid {
    instants: Instants,
    range_ms: i64,
    timestamps: Vec<i64>,
    windows: Vec<Window>,
    /// One for each window; empty until a function asks for it.
    extrapolations: Vec<Extrapolation>,
    /// Of the counter that is looked at.
    resets: Resets,
}

impl Grid {
    pub(crate) fn new(instants: Instants, range_ms: i64) -> Self {
        let windows = Vec::with_capacity(instants.count());
        Self {
            instants,
            range_ms,
            timestamps: Vec::new(),
            windows,
            extrapolations: Vec::new(),
            resets: Resets::default(),
        }
    }

    pub(crate) fn instants(&self) -> Instants {
        self.instants
    }

    pub(crate) fn range_ms(&self) -> i64 {
        self.range_ms
    }

    pub(crate) fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Looks at these timestamps from now on.
    pub(crate) fn look_at(&mut self, timestamps: &[i64]) {
        if self.timestamps == timestamps && !self.windows.is_empty() {
            return;
        }
        self.timestamps.clear();
        self.timestamps.extend_from_slice(timestamps);
        self.windows.clear();
        self.extrapolations.clear();
        let (mut from, mut upto) = (0, 0);
        for step in 0..self.instants.count() {
            let end = self.instants.at(step);
            let start = end.saturating_sub(self.range_ms);
            while upto < timestamps.len() && timestamps[upto] <= end {
                upto += 1;
            }
            while from < upto && timestamps[from] <= start {
                from += 1;
            }
            self.windows.push(Window { from, upto });
        }
    }

    /// `rate`, `increase` and `delta` of the values at every step; a grid is asked for one of them.
    pub(crate) fn extrapolated(
        &mut self,
        samples: Samples<'_>,
        is_counter: bool,
        is_rate: bool,
        out: &mut Vec<f64>,
    ) {
        if self.extrapolations.is_empty() {
            self.extrapolate(if is_rate { self.range_ms as f64 / 1000.0 } else { 1.0 });
        }
        let values = samples.values;
        let steps = self.windows.iter().zip(&self.extrapolations);
        let grown = |window: &Window, extrapolation: &Extrapolation, lost: &[f64]| {
            if window.upto - window.from < 2 {
                return ABSENT;
            }
            let first = values[window.from];
            let change = lost.iter().fold(values[window.upto - 1] - first, |change, lost| change + lost);
            change * extrapolation.factor(is_counter, first, change)
        };
        self.resets.find(if is_counter { values } else { &[] });
        out.clear();
        if self.resets.at.is_empty() {
            out.extend(steps.map(|(window, extrapolation)| grown(window, extrapolation, &[])));
        } else {
            let mut within = self.resets.within();
            out.extend(steps.map(|(window, extrapolation)| grown(window, extrapolation, within(*window))));
        }
    }

    fn extrapolate(&mut self, per: f64) {
        let secs = |ms: i64| ms as f64 / 1000.0;
        for (step, window) in self.windows.iter().enumerate() {
            let Window { from, upto } = *window;
            if upto - from < 2 {
                self.extrapolations.push(Extrapolation {
                    sampled: 0.0,
                    to_start: 0.0,
                    to_end: 0.0,
                    factor: 0.0,
                    per,
                });
                continue;
            }
            let (first, last) = (self.timestamps[from], self.timestamps[upto - 1]);
            let end = self.instants.at(step);
            let start = end.saturating_sub(self.range_ms);
            let sampled = secs(last.saturating_sub(first));
            let average = sampled / (upto - from - 1) as f64;
            let threshold = average * 1.1;
            let near = |distance: f64| if distance >= threshold { average / 2.0 } else { distance };
            let to_start = near(secs(first.saturating_sub(start)));
            let to_end = near(secs(end.saturating_sub(last)));
            let factor = (sampled + to_start + to_end) / sampled / per;
            self.extrapolations.push(Extrapolation { sampled, to_start, to_end, factor, per });
        }
    }
}

impl Extrapolation {
    /// A counter goes back no further than to where it was zero.
    #[inline]
    fn factor(&self, is_counter: bool, first: f64, change: f64) -> f64 {
        if is_counter && change > 0.0 && first >= 0.0 && self.sampled * first < self.to_start * change * 1.001
        {
            let to_zero = self.sampled * (first / change);
            if to_zero < self.to_start {
                return (self.sampled + to_zero + self.to_end) / self.sampled / self.per;
            }
        }
        self.factor
    }
}

impl Resets {
    fn find(&mut self, values: &[f64]) {
        self.at.clear();
        self.lost.clear();
        let is_reset = |pair: &[f64]| pair[1] < pair[0];
        // Most series have none, and are seen to have none without leaving the loop early.
        if !values.windows(2).fold(false, |found, pair| found | is_reset(pair)) {
            return;
        }
        // Whether a gauge falls cannot be foretold, so each position is written, and kept where it is one.
        self.at.resize(values.len(), 0);
        let mut count = 0;
        for (at, pair) in values.windows(2).enumerate() {
            self.at[count] = at + 1;
            count += usize::from(is_reset(pair));
        }
        self.at.truncate(count);
        self.lost.extend(self.at.iter().map(|at| values[at - 1]));
    }

    /// Gives what was lost in each of the windows, which come in the order of time.
    fn within<'r>(&'r self) -> impl FnMut(Window) -> &'r [f64] {
        let (mut first, mut end) = (0, 0);
        move |window| {
            while self.at.get(first).is_some_and(|at| *at <= window.from) {
                first += 1;
            }
            while self.at.get(end).is_some_and(|at| *at < window.upto) {
                end += 1;
            }
            &self.lost[first.min(end)..end]
        }
    }
}
