//! `anchored` and `smoothed`: ranges whose edges are samples of their own.
//!
//! An anchored range begins with the last sample before it. A smoothed one begins and ends on lines between the
//! samples around its edges; a selector can be smoothed, too.

use std::sync::Arc;

use kernel::Timestamp;

use super::{General, Given, View};
use crate::QueryError;
use crate::column::{ABSENT, Column, Name};
use crate::evaluation::{Evaluated, Evaluation, Sink, conflict};
use crate::native::{CounterResetHint, Histogram, Incompatible, Sparse};
use crate::notes::Doing;
use crate::plan::Selector;
use crate::range_function::RangeFunction;
use crate::samples::{Reach, Samples};
use crate::select::send;
use crate::syntax::tree::Extension;
use crate::{METRIC_NAME, is_stale};

/// Which samples the edges of a range are taken from.
struct Edges {
    /// The last sample before the range, or the first within it.
    first: usize,
    /// The last sample within the range, or the first behind it.
    last: usize,
}

impl Edges {
    /// `None` where all samples are before the range, or all behind it.
    fn of(timestamps: &[i64], start: i64, end: i64, is_smoothed: bool) -> Option<Self> {
        let newest = timestamps.len().checked_sub(1)?;
        let first = timestamps[..newest].partition_point(|t| *t <= start).saturating_sub(1);
        let last = if is_smoothed { timestamps[..newest].partition_point(|t| *t < end) } else { newest };
        if timestamps[last] <= start || (is_smoothed && timestamps[first] > end) {
            return None;
        }
        Some(Self { first, last })
    }
}

/// The value on the line between two samples. A counter that was reset between them began at zero.
fn between(a: (i64, f64), b: (i64, f64), at: i64, is_counter: bool) -> f64 {
    let from = if is_counter && b.1 < a.1 { 0.0 } else { a.1 };
    from + (b.1 - from) * (at - a.0) as f64 / (b.0 - a.0) as f64
}

/// The numbers at the edges.
fn edge_values(
    samples: Samples<'_>,
    edges: &Edges,
    view: (i64, i64),
    is_smoothed: bool,
    is_counter: bool,
) -> (f64, f64) {
    let point = |index: usize| (samples.timestamps[index], samples.values[index]);
    let (start, end) = view;
    let left = if is_smoothed && samples.timestamps[edges.first] < start {
        between(point(edges.first), point(edges.first + 1), start, is_counter)
    } else {
        samples.values[edges.first]
    };
    let right = if is_smoothed && edges.last > 0 && samples.timestamps[edges.last] > end {
        between(point(edges.last - 1), point(edges.last), end, is_counter)
    } else {
        samples.values[edges.last]
    };
    (left, right)
}

/// Samples strictly within a range.
fn inner(timestamps: &[i64], edges: &Edges, start: i64, end: i64) -> std::ops::Range<usize> {
    let from = edges.first + usize::from(timestamps[edges.first] <= start);
    let upto = edges.last + 1 - usize::from(timestamps[edges.last] >= end);
    from..upto.max(from)
}

/// The samples of an extended range at one instant, its edges among them.
pub(crate) fn extended_samples(
    samples: Samples<'_>,
    reach: Reach,
    extension: Extension,
) -> Result<Vec<(Timestamp, f64)>, QueryError> {
    let is_smoothed = extension == Extension::Smoothed;
    if !samples.histograms.is_empty() {
        let word = if is_smoothed { "smoothed" } else { "anchored" };
        return Err(conflict(format!("{word} modifier is not supported with histograms")));
    }
    let end = reach.instants.last();
    let start = end.saturating_sub(reach.range_ms);
    let Some(edges) = Edges::of(samples.timestamps, start, end, false) else { return Ok(Vec::new()) };
    let edges = if is_smoothed {
        let newest = samples.timestamps.len() - 1;
        Edges { last: samples.timestamps[..newest].partition_point(|t| *t < end), ..edges }
    } else {
        edges
    };
    if samples.timestamps[edges.last] <= start {
        return Ok(Vec::new());
    }
    let (left, right) = edge_values(samples, &edges, (start, end), is_smoothed, false);
    let at = Timestamp::from_millis;
    let mut all = vec![(at(start), left)];
    for index in inner(samples.timestamps, &edges, start, end) {
        all.push((at(samples.timestamps[index]), samples.values[index]));
    }
    all.push((at(end), right));
    Ok(all)
}

impl General<'_, '_> {
    fn is_smoothed(&self) -> bool {
        self.extension == Some(Extension::Smoothed)
    }

    pub(super) fn extended_change(&self, view: View<'_>) -> Given {
        if view.samples.histograms.is_empty() {
            return self.extended_floats(view);
        }
        match self.extended_histograms(view) {
            Ok(Some(histogram)) => Given::Histogram(histogram),
            Ok(None) => Given::Nothing,
            Err(Incompatible) => {
                self.evaluation.shared.note_incompatible(self.metric, self.at);
                Given::Nothing
            }
        }
    }

    fn extended_floats(&self, view: View<'_>) -> Given {
        let (samples, is_counter) = (view.samples, self.function.is_of_counter());
        let View { start, end, .. } = view;
        let Some(edges) = Edges::of(samples.timestamps, start, end, self.is_smoothed()) else {
            return Given::Nothing;
        };
        let (left, right) = edge_values(samples, &edges, (start, end), self.is_smoothed(), is_counter);
        let mut change = right - left;
        if is_counter {
            let mut before = left;
            let within = inner(samples.timestamps, &edges, start, end);
            for value in samples.values[within].iter().chain([&right]) {
                if *value < before {
                    change += before;
                }
                before = *value;
            }
        }
        if self.function == RangeFunction::Rate {
            change /= self.reach.range_ms as f64 / 1000.0;
        }
        Given::Float(change)
    }

    fn extended_histograms(&self, view: View<'_>) -> Result<Option<Histogram>, Incompatible> {
        let (samples, is_counter) = (view.samples, self.function.is_of_counter());
        let shared = self.evaluation.shared;
        let View { start, end, .. } = view;
        let (at, histograms) = (samples.histogram_timestamps, samples.histograms);
        let is_smoothed = self.is_smoothed();
        let Some(edges) = Edges::of(at, start, end, is_smoothed) else { return Ok(None) };
        let custom = histograms[edges.first].has_custom_buckets();
        let is_gauge = |one: &Histogram| one.counter_reset_hint == CounterResetHint::Gauge;
        for one in &histograms[edges.first..=edges.last] {
            if one.has_custom_buckets() != custom {
                return Err(Incompatible);
            }
            if is_counter && is_gauge(one) {
                shared.note_not_counter(self.metric, self.at);
            }
        }
        let left = if is_smoothed && at[edges.first] < start {
            self.between(samples, edges.first, start, is_counter)?
        } else {
            histograms[edges.first].clone()
        };
        let right = if is_smoothed && edges.last > 0 && at[edges.last] > end {
            self.between(samples, edges.last - 1, end, is_counter)?
        } else {
            histograms[edges.last].clone()
        };
        if !is_counter && (!is_gauge(&left) || !is_gauge(&right)) {
            shared.note_not_gauge(self.metric, self.at);
        }
        let mut change = Sparse::from(&right);
        if change.subtract(&left)?.bounds_reconciled {
            shared.note_bounds(Doing::Subtraction, self.at);
        }
        if is_counter {
            self.add_what_resets_hide_between(view, &edges, &left, &right, &mut change)?;
        }
        if self.function == RangeFunction::Rate {
            change.divide(self.reach.range_ms as f64 / 1000.0);
        }
        change.hint = CounterResetHint::Gauge;
        Ok(Some(change.histogram()))
    }

    /// Adds what a counter had counted before each reset between the edges.
    fn add_what_resets_hide_between(
        &self,
        view: View<'_>,
        edges: &Edges,
        left: &Histogram,
        right: &Histogram,
        change: &mut Sparse,
    ) -> Result<(), Incompatible> {
        let histograms = view.samples.histograms;
        let (mut from, mut before) = (edges.first + 1, left);
        let is_before = view.samples.histogram_timestamps[edges.first] < view.start;
        if self.is_smoothed()
            && is_before
            && histograms
                .get(edges.first + 1)
                .is_some_and(|next| next.is_reset_since(histograms[edges.first]))
        {
            // The line to the left edge knows of this reset already.
            before = histograms[edges.first + 1];
            from += 1;
        }
        if from > edges.last {
            return Ok(());
        }
        for now in histograms[from..edges.last].iter().copied().chain([right]) {
            if now.is_reset_since(before) && change.add(before)?.bounds_reconciled {
                self.evaluation.shared.note_bounds(Doing::Addition, self.at);
            }
            before = now;
        }
        Ok(())
    }

    fn between(
        &self,
        samples: Samples<'_>,
        index: usize,
        at: i64,
        is_counter: bool,
    ) -> Result<Histogram, Incompatible> {
        let [a, b] =
            [index, index + 1].map(|index| (samples.histogram_timestamps[index], samples.histograms[index]));
        histogram_between(self.evaluation, a, b, at, is_counter, self.at)
    }
}

/// The histogram on the line between two.
fn histogram_between(
    evaluation: Evaluation<'_>,
    a: (i64, &Histogram),
    b: (i64, &Histogram),
    at: i64,
    is_counter: bool,
    place: usize,
) -> Result<Histogram, Incompatible> {
    if at == a.0 {
        return Ok(a.1.clone());
    }
    if at == b.0 {
        return Ok(b.1.clone());
    }
    let fraction = (at - a.0) as f64 / (b.0 - a.0) as f64;
    if is_counter && b.1.is_reset_since(a.1) {
        return Ok(b.1.multiplied(fraction));
    }
    let mut line = Sparse::from(b.1);
    if line.subtract(a.1)?.bounds_reconciled {
        evaluation.shared.note_bounds(Doing::Subtraction, place);
    }
    line.multiply(fraction);
    if line.add(a.1)?.bounds_reconciled {
        evaluation.shared.note_bounds(Doing::Addition, place);
    }
    Ok(line.histogram())
}

impl Evaluation<'_> {
    /// A smoothed selector: the value at each step on a line between the samples around it.
    #[inline(never)]
    pub(crate) fn smoothed(self, selector: &Selector, at: usize, sink: &mut Sink<'_>) -> Evaluated {
        let instants = self.instants(&selector.moment)?;
        let lookback_ms = self.shared.lookback_ms;
        let from = instants.first().saturating_sub(lookback_ms);
        let to = instants.last().saturating_add(lookback_ms);
        let mut column = Column::default();
        self.select(&selector.matchers, selector.without_buckets, from, to, &mut |series| {
            let floats: Vec<(i64, f64)> = series
                .timestamps
                .iter()
                .copied()
                .zip(series.values.iter().copied())
                .filter(|(_, value)| !is_stale(*value))
                .collect();
            let histograms: Vec<(i64, &Histogram)> = series
                .histogram_timestamps
                .iter()
                .copied()
                .zip(series.histograms)
                .filter(|(_, histogram)| !is_stale(histogram.sum))
                .collect();
            let metric = series.labels.get(METRIC_NAME).unwrap_or("");
            column.clear();
            for step in 0..instants.count() {
                let now = instants.at(step);
                let (oldest, newest) = (now.saturating_sub(lookback_ms), now.saturating_add(lookback_ms));
                let near_floats = near(&floats, oldest, newest);
                let near_histograms = near(&histograms, oldest, newest);
                if !near_floats.is_empty() && !near_histograms.is_empty() {
                    self.shared.note_mixed_samples(metric, at);
                    column.floats.push(ABSENT);
                    continue;
                }
                match self.smoothed_histogram(near_histograms, now, metric, at) {
                    Some(histogram) => column.push_histogram(Arc::new(histogram)),
                    None => column.floats.push(smoothed_float(near_floats, now)),
                }
            }
            column.even_out();
            send(series.labels, Name::Kept, column.as_ref(), sink)
        })
    }

    fn smoothed_histogram(
        self,
        near: &[(i64, &Histogram)],
        now: i64,
        metric: &str,
        at: usize,
    ) -> Option<Histogram> {
        let next = near.partition_point(|(t, _)| *t < now);
        if let Some((t, histogram)) = near.get(next)
            && *t == now
        {
            return Some((*histogram).clone());
        }
        let before = near.get(next.checked_sub(1)?)?;
        let Some(behind) = near.get(next) else {
            let mut carried = before.1.clone();
            carried.counter_reset_hint = CounterResetHint::Unknown;
            return Some(carried);
        };
        let is_gauge = |one: &Histogram| one.counter_reset_hint == CounterResetHint::Gauge;
        let is_counter = !is_gauge(before.1) || !is_gauge(behind.1);
        let line = if before.1.has_custom_buckets() == behind.1.has_custom_buckets() {
            histogram_between(self, *before, *behind, now, is_counter, at)
        } else {
            Err(Incompatible)
        };
        if line.is_err() {
            self.shared.note_incompatible(metric, at);
        }
        line.ok()
    }
}

/// The samples after `oldest`, up to `newest`.
fn near<T>(samples: &[(i64, T)], oldest: i64, newest: i64) -> &[(i64, T)] {
    let from = samples.partition_point(|(t, _)| *t <= oldest);
    let upto = samples.partition_point(|(t, _)| *t <= newest);
    &samples[from..upto.max(from)]
}

fn smoothed_float(near: &[(i64, f64)], now: i64) -> f64 {
    let next = near.partition_point(|(t, _)| *t < now);
    match (next.checked_sub(1).and_then(|before| near.get(before)), near.get(next)) {
        (_, Some((t, value))) if *t == now => *value,
        (Some(before), Some(behind)) => between(*before, *behind, now, false),
        (Some((_, value)), None) => *value,
        (None, _) => ABSENT,
    }
}
