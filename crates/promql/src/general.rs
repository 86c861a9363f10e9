//! Functions of ranges that hold native histograms, that know when counters began, or whose edges are `anchored`
//! or `smoothed`: what the fast way of `window` does not know.

mod counter;
mod extended;

use std::sync::Arc;

use crate::column::{ABSENT, Column, Scalars, is_present};
use crate::evaluation::Evaluation;
use crate::grid::Grid;
use crate::native::{CounterResetHint, Histogram, Incompatible, Sparse};
use crate::notes::Doing;
use crate::range_function::RangeFunction;
use crate::samples::{Reach, Samples};
use crate::syntax::tree::Extension;
use crate::window::{self, Windows};

pub(crate) use extended::extended_samples;

/// A function on its way over one series.
pub(crate) struct General<'g, 'q> {
    pub(crate) evaluation: Evaluation<'q>,
    pub(crate) function: RangeFunction,
    pub(crate) parameters: &'g [Scalars],
    pub(crate) reach: Reach,
    pub(crate) extension: Option<Extension>,
    pub(crate) samples: Samples<'g>,
    /// The name of the series' metric; empty where it has none.
    pub(crate) metric: &'g str,
    /// Where the function's first argument stands.
    pub(crate) at: usize,
}

/// The samples of one step's range, of which there is at least one.
#[derive(Clone, Copy)]
struct View<'s> {
    samples: Samples<'s>,
    /// The range's start, which is not part of it, and its end, which is.
    start: i64,
    end: i64,
    /// What the function of the floats alone gives; `ABSENT` where there are none.
    float: f64,
}

/// What a function gives at a step.
enum Given {
    Nothing,
    Float(f64),
    Histogram(Histogram),
}

impl Given {
    fn of_float(value: f64) -> Self {
        if is_present(value) { Given::Float(value) } else { Given::Nothing }
    }
}

impl General<'_, '_> {
    /// The function at every step.
    pub(crate) fn column(&self, column: &mut Column) {
        let floats = self.floats();
        let (reach, samples) = (self.reach, self.samples);
        let (mut of_floats, mut of_histograms) = (Position::default(), Position::default());
        for step in 0..reach.instants.count() {
            let end = reach.instants.at(step);
            let start = end.saturating_sub(reach.range_ms);
            let (from, to) = (start.saturating_sub(reach.before_ms), end.saturating_add(reach.behind_ms));
            let (a, b) = of_floats.advance(samples.timestamps, from, to);
            let (c, d) = of_histograms.advance(samples.histogram_timestamps, from, to);
            if a == b && c == d {
                column.floats.push(ABSENT);
                continue;
            }
            let view = View {
                samples: Samples {
                    timestamps: &samples.timestamps[a..b],
                    values: &samples.values[a..b],
                    starts: samples.starts.get(a..b).unwrap_or(&[]),
                    histogram_timestamps: &samples.histogram_timestamps[c..d],
                    histograms: &samples.histograms[c..d],
                    histogram_starts: samples.histogram_starts.get(c..d).unwrap_or(&[]),
                },
                start,
                end,
                float: floats.get(step).copied().unwrap_or(ABSENT),
            };
            match self.value(view) {
                Given::Nothing => column.floats.push(ABSENT),
                Given::Float(value) => column.floats.push(value),
                Given::Histogram(histogram) => column.push_histogram(Arc::new(histogram)),
            }
        }
        column.even_out();
    }

    /// The function of the floats alone, at every step.
    fn floats(&self) -> Vec<f64> {
        let mut floats = Vec::new();
        if self.extension.is_none() && !self.samples.values.is_empty() {
            let mut grid = Grid::new(self.reach.instants, self.reach.range_ms);
            let is_cancelled = self.evaluation.budget().is_cancelled;
            let windows = Windows { grid: &mut grid, evaluated: self.evaluation.steps, is_cancelled };
            window::over_range(self.function, self.parameters, self.samples, windows, &mut floats);
        }
        floats
    }

    fn value(&self, view: View<'_>) -> Given {
        let View { samples, float, .. } = view;
        let has_floats = !samples.values.is_empty();
        let has_histograms = !samples.histograms.is_empty();
        match self.function {
            RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => self.change(view),
            RangeFunction::Irate | RangeFunction::Idelta => self.instant_change(view),
            RangeFunction::Avg | RangeFunction::Sum => {
                if has_floats && has_histograms {
                    self.evaluation.shared.note_mixed_samples(self.metric, self.at);
                    return Given::Nothing;
                }
                if has_floats {
                    return Given::of_float(float);
                }
                self.combined(samples.histograms, self.function == RangeFunction::Avg)
            }
            RangeFunction::Count => Given::Float((samples.values.len() + samples.histograms.len()) as f64),
            RangeFunction::Present => Given::Float(1.0),
            RangeFunction::First | RangeFunction::Last => self.edge(samples),
            RangeFunction::TimeOfFirst => {
                let first =
                    samples.timestamps.first().into_iter().chain(samples.histogram_timestamps.first());
                first.min().map_or(Given::Nothing, |ms| Given::Float(*ms as f64 / 1000.0))
            }
            RangeFunction::TimeOfLast => {
                let last = samples.timestamps.last().into_iter().chain(samples.histogram_timestamps.last());
                last.max().map_or(Given::Nothing, |ms| Given::Float(*ms as f64 / 1000.0))
            }
            RangeFunction::Changes | RangeFunction::Resets => self.counted(view),
            _ => {
                if has_floats && has_histograms {
                    self.evaluation.shared.note_ignored_in_range(self.metric, self.at);
                }
                Given::of_float(float)
            }
        }
    }

    /// The first or the last sample.
    fn edge(&self, samples: Samples<'_>) -> Given {
        let is_first = self.function == RangeFunction::First;
        let at = |timestamps: &[i64]| if is_first { timestamps.first() } else { timestamps.last() }.copied();
        let is_float = match (at(samples.timestamps), at(samples.histogram_timestamps)) {
            (Some(float), Some(histogram)) => (float < histogram) == is_first,
            (float, _) => float.is_some(),
        };
        let of = |length: usize| if is_first { 0 } else { length - 1 };
        if is_float {
            Given::Float(samples.values[of(samples.values.len())])
        } else {
            Given::Histogram(samples.histograms[of(samples.histograms.len())].clone())
        }
    }

    /// The sum or the mean of histograms.
    fn combined(&self, histograms: &[&Histogram], is_mean: bool) -> Given {
        let mut sum = HistogramSum::new(is_mean);
        for histogram in histograms {
            if sum.add(histogram).is_err() {
                self.evaluation.shared.note_incompatible(self.metric, self.at);
                return Given::Nothing;
            }
        }
        if sum.resets_collide() {
            self.evaluation.shared.note_resets(Doing::Aggregation, self.at);
        }
        if sum.bounds_reconciled {
            self.evaluation.shared.note_bounds(Doing::Aggregation, self.at);
        }
        sum.result().map_or(Given::Nothing, Given::Histogram)
    }
}

/// Which samples a window reaches; both positions only move forward.
#[derive(Default)]
struct Position {
    from: usize,
    upto: usize,
}

impl Position {
    fn advance(&mut self, timestamps: &[i64], from: i64, to: i64) -> (usize, usize) {
        while timestamps.get(self.upto).is_some_and(|t| *t <= to) {
            self.upto += 1;
        }
        while self.from < self.upto && timestamps[self.from] <= from {
            self.from += 1;
        }
        (self.from, self.upto)
    }
}

/// A sum of histograms that is on its way.
#[derive(Debug, Clone)]
pub(crate) struct HistogramSum {
    sum: Option<Sparse>,
    /// Whether it becomes a mean.
    is_mean: bool,
    /// The mean so far, once the sum has become too large.
    mean: Option<Sparse>,
    count: f64,
    has_reset: bool,
    has_not_reset: bool,
    pub(crate) bounds_reconciled: bool,
}

impl HistogramSum {
    pub(crate) fn new(is_mean: bool) -> Self {
        Self {
            sum: None,
            is_mean,
            mean: None,
            count: 0.0,
            has_reset: false,
            has_not_reset: false,
            bounds_reconciled: false,
        }
    }

    pub(crate) fn add(&mut self, histogram: &Histogram) -> Result<(), Incompatible> {
        self.has_reset |= histogram.counter_reset_hint == CounterResetHint::Reset;
        self.has_not_reset |= histogram.counter_reset_hint == CounterResetHint::NotReset;
        self.count += 1.0;
        if let Some(mean) = &mut self.mean {
            return mean_with(mean, histogram, self.count)
                .map(|reconciled| self.bounds_reconciled |= reconciled);
        }
        let Some(sum) = &mut self.sum else {
            self.sum = Some(Sparse::from(histogram));
            return Ok(());
        };
        let before = (self.is_mean && !sum.is_overflown()).then(|| sum.clone());
        self.bounds_reconciled |= sum.add(histogram)?.bounds_reconciled;
        if let Some(mut before) = before.filter(|_| sum.is_overflown()) {
            before.divide(self.count - 1.0);
            mean_with(&mut before, histogram, self.count)?;
            self.mean = Some(before);
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sum.is_none()
    }

    /// Whether some say that they were reset and others that they were not.
    pub(crate) fn resets_collide(&self) -> bool {
        self.has_reset && self.has_not_reset
    }

    pub(crate) fn result(self) -> Option<Histogram> {
        if let Some(mean) = self.mean {
            return Some(mean.histogram());
        }
        let mut sum = self.sum?;
        if self.is_mean {
            sum.divide(self.count);
        }
        Some(sum.histogram())
    }
}

/// Moves a mean by the share of one more histogram; gives whether custom bounds were given up.
fn mean_with(mean: &mut Sparse, histogram: &Histogram, count: f64) -> Result<bool, Incompatible> {
    mean.multiply((count - 1.0) / count);
    let mut share = Sparse::from(histogram);
    share.divide(count);
    Ok(mean.combine(share, 1.0)?.bounds_reconciled)
}
